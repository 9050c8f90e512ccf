// POST / makes a repo and answers what a Git client needs to push to it.

export default {
  async fetch(request, env) {
    if (request.method !== "POST") {
      return new Response("POST here, with a name in JSON or without.\n", { status: 405, headers: { allow: "POST" } });
    }
    // Whoever reaches this gets a token that writes: check who is asking before it is anywhere but on your machine.
    const { name = `demo-${crypto.randomUUID().slice(0, 8)}` } = await request.json().catch(() => ({}));
    try {
      const { remote, token, defaultBranch } = await env.ARTIFACTS.create(name);
      return Response.json({ name, remote, token, defaultBranch }, { status: 201 });
    } catch (error) {
      const status = { ALREADY_EXISTS: 409, INVALID_REPO_NAME: 400 }[error.code] ?? 502;
      return Response.json({ code: error.code, message: error.message }, { status });
    }
  },
};
