// A Worker that does what it is told with env.ARTIFACTS, and tells what came of it.

export default {
  async fetch(request, env) {
    const { repo, verb, args } = await request.json();
    try {
      const target = repo === null ? env.ARTIFACTS : await env.ARTIFACTS.get(repo);
      try {
        return Response.json({ value: await shown(verb === "properties" ? target : await target[verb](...args)) });
      } finally {
        if (repo !== null) target[Symbol.dispose](); // as `using` does
      }
    } catch (error) {
      const { name, code, numericCode, message } = error;
      return Response.json({ error: { name, code, numericCode, message, isError: error instanceof Error } });
    }
  },
};

async function shown(value) {
  return value instanceof Blob ? { type: value.type, size: value.size, text: await value.text() } : value;
}
