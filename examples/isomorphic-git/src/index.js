// Git within a Worker: POST /<repo> adds an entry to the repo's journal and pushes it; the first one makes the repo.

import git from "isomorphic-git";
import http from "isomorphic-git/http/web";

import { MemoryFS } from "./memory-fs.js";

const dir = "/journal";
const author = { name: "Journal Worker", email: "journal@example.com" };

export default {
  async fetch(request, env) {
    const name = new URL(request.url).pathname.slice(1);
    if (request.method !== "POST") return new Response("POST an entry to /<repo>.\n", { status: 405 });
    // Whoever reaches this writes to your repos: check who is asking before you put it anywhere but on your machine.
    const { repo, token } = await openRepo(env.ARTIFACTS, name);
    const fs = new MemoryFS();
    const remote = { fs, http, dir, url: repo.remote, onAuth: () => basicAuth(token) };
    const entries = await checkOut(remote, repo.defaultBranch);

    const filepath = `entries/${String(entries + 1).padStart(4, "0")}.md`;
    await fs.promises.writeFile(`${dir}/${filepath}`, await request.text());
    await git.add({ fs, dir, filepath });
    const commit = await git.commit({ fs, dir, author, message: `Entry ${entries + 1}` });
    const { ok, refs } = await git.push({ ...remote, ref: repo.defaultBranch });
    return Response.json({ ok, commit, filepath, remote: repo.remote, refs });
  },
};

/** The repo and a token that lives no longer than this request needs. */
async function openRepo(artifacts, name) {
  try {
    const repo = await artifacts.get(name);
    return { repo, token: (await repo.createToken("write", 60)).plaintext };
  } catch (error) {
    if (error.code !== "NOT_FOUND") throw error;
    const created = await artifacts.create(name);
    return { repo: created, token: created.token };
  }
}

/** Clones what is there, or begins; answers how many entries there are. */
async function checkOut(remote, branch) {
  const { fs } = remote;
  const { length } = await git.listServerRefs({ ...remote, protocolVersion: 1, prefix: `refs/heads/${branch}` });
  if (length === 0) {
    await git.init({ fs, dir, defaultBranch: branch });
    return 0;
  }
  await git.clone({ ...remote, ref: branch, singleBranch: true, depth: 1 });
  return (await fs.promises.readdir(`${dir}/entries`)).length;
}

/** Of a token `art_v1_<secret>?expires=<seconds>` a password has the part before the question mark. */
function basicAuth(token) {
  return { username: "x", password: token.split("?")[0] };
}
