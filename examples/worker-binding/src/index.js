// The binding's verbs as routes: a small control panel for repos.

const STATUSES = {
  ALREADY_EXISTS: 409,
  NOT_FOUND: 404,
  CREATE_IN_PROGRESS: 409,
  IMPORT_IN_PROGRESS: 409,
  FORK_IN_PROGRESS: 409,
  INVALID_INPUT: 400,
  INVALID_REPO_NAME: 400,
  INVALID_TTL: 400,
  MEMORY_LIMIT: 413,
};

const ROUTES = [
  ["POST", "/repos", ({ artifacts, body }) => artifacts.create(body.name, { description: body.description })],
  ["GET", "/repos", ({ artifacts, query }) => artifacts.list({ limit: 20, cursor: query.get("cursor") ?? undefined })],
  ["GET", "/repos/:name", async ({ repo }) => (await repo()).info()],
  ["DELETE", "/repos/:name", async ({ artifacts, name }) => ({ deleted: await artifacts.delete(name) })],
  ["POST", "/repos/:name/forks", async ({ repo, body }) => (await repo()).fork(body.name)],
  ["POST", "/repos/:name/tokens", async ({ repo }) => (await repo()).createToken("read", 3600)],
  ["GET", "/repos/:name/tokens", async ({ repo }) => (await repo()).listTokens()],
  ["GET", "/repos/:name/log", async ({ repo }) => (await repo()).log({ limit: 10 })],
  ["GET", "/repos/:name/files/:path", readFile],
];

export default {
  async fetch(request, env) {
    // Whoever reaches these routes gets tokens: check who is asking before you put them anywhere but on your machine.
    const url = new URL(request.url);
    for (const [method, pattern, answer] of ROUTES) {
      const found = new URLPattern({ pathname: pattern.replace(":path", ":path+") }).exec({ pathname: url.pathname });
      if (method !== request.method || !found) continue;
      const { name, path } = found.pathname.groups;
      const body = method === "POST" ? await request.json().catch(() => ({})) : {};
      const repo = () => env.ARTIFACTS.get(name);
      return respond(() => answer({ artifacts: env.ARTIFACTS, repo, name, path, body, query: url.searchParams }));
    }
    return new Response("No such route.\n", { status: 404 });
  },
};

async function readFile({ repo, path, query }) {
  const file = await (await repo()).readFile({ ref: query.get("ref") ?? "main", path: decodeURIComponent(path) });
  return file ? new Response(file) : new Response("No such file.\n", { status: 404 });
}

async function respond(answer) {
  try {
    const answered = await answer();
    return answered instanceof Response ? answered : Response.json(answered);
  } catch (error) {
    if (error.name !== "ArtifactsError") throw error;
    return Response.json({ code: error.code, message: error.message }, { status: STATUSES[error.code] ?? 502 });
  }
}
