// isomorphic-git in workerd: one deed on a working tree that comes with the request and goes back with the answer.

import { Buffer } from "node:buffer";

import git from "isomorphic-git";
import http from "isomorphic-git/http/web";

import { MemoryFS } from "memory-fs";

const dir = "/work";

export default {
  async fetch(request) {
    if (request.method !== "POST") return new Response();
    const { files, ...asked } = await request.json();
    const fs = new MemoryFS();
    for (const [path, content] of Object.entries(files)) {
      await fs.writeFile(`${dir}/${path}`, Buffer.from(content, "base64"));
    }
    try {
      await deeds[asked.deed]({ fs, ...asked });
    } catch (error) {
      return Response.json({ failed: String(error.stack) });
    }
    return Response.json({ files: await allFiles(fs, dir) });
  },
};

const deeds = {
  clone({ fs, secret, url, depth }) {
    return git.clone({ ...shared(fs, secret), url, depth, singleBranch: depth !== undefined });
  },

  async fetch({ fs, secret, refspecs }) {
    await git.fetch({ ...shared(fs, secret), remote: "origin", tags: true });
    for (const refspec of refspecs) {
      await git.setConfig({ fs, dir, path: "remote.origin.fetch", value: refspec, append: true });
      const [ref] = refspec.split(":");
      await git.fetch({ ...shared(fs, secret), remote: "origin", ref, singleBranch: true });
    }
  },

  async push({ fs, secret, refspecs }) {
    for (const refspec of refspecs) {
      const [ref, remoteRef] = refspec.replace(/^\+/, "").split(":");
      const which = ref ? { ref, force: refspec.startsWith("+") } : { ref: "HEAD", delete: true };
      const answer = await git.push({ ...shared(fs, secret), remote: "origin", remoteRef, ...which });
      if (!answer.ok) throw new Error(JSON.stringify(answer));
    }
  },
};

function shared(fs, secret) {
  const onAuth = () => ({ username: "x", password: secret });
  return { fs, http, dir, onAuth, onAuthFailure: () => ({ cancel: true }) };
}

async function allFiles(fs, folder) {
  const found = {};
  for (const name of await fs.readdir(folder)) {
    const path = `${folder}/${name}`;
    if ((await fs.stat(path)).isDirectory()) Object.assign(found, await allFiles(fs, path));
    else found[path.slice(dir.length + 1)] = Buffer.from(await fs.readFile(path)).toString("base64");
  }
  return found;
}
