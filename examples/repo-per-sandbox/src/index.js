// POST /sandboxes/<id> answers the environment that a sandbox of that id is to be started with.
//
// The repo has the sandbox's id: whatever was pushed from the last sandbox of that id is what the next one begins with.

export default {
  async fetch(request, env) {
    const [, room, id] = new URL(request.url).pathname.split("/");
    if (request.method !== "POST" || room !== "sandboxes" || !id) {
      return new Response("POST /sandboxes/<id>\n", { status: 404 });
    }
    // What is answered here writes to the repo: check that the caller may start this very sandbox.
    const { remote, branch, token } = await openRepo(env.ARTIFACTS, id);
    return Response.json({
      ARTIFACTS_GIT_REMOTE: withPassword(remote, token),
      ARTIFACTS_BRANCH: branch,
    });
  },
};

/** The repo of that id, with a token for an hour; made when it is not there yet. */
async function openRepo(artifacts, id) {
  try {
    const repo = await artifacts.get(id);
    const token = await repo.createToken("write", 3600);
    return { remote: repo.remote, branch: repo.defaultBranch, token: token.plaintext };
  } catch (error) {
    if (error.code !== "NOT_FOUND") throw error;
  }
  try {
    const created = await artifacts.create(id, { description: `Work of sandbox ${id}` });
    return { remote: created.remote, branch: created.defaultBranch, token: created.token };
  } catch (error) {
    if (error.code !== "ALREADY_EXISTS") throw error;
    return openRepo(artifacts, id); // a second request for the same sandbox was faster
  }
}

/** A URL that a plain git takes as it is. A password has of a token only what is before its question mark. */
function withPassword(remote, token) {
  const url = new URL(remote);
  url.username = "x";
  url.password = token.split("?")[0];
  return url.href;
}
