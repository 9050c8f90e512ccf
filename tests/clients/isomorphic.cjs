// isomorphic-git over Node's HTTP: one deed, asked for as JSON in the first argument.
const fs = require("fs");
const git = require("isomorphic-git");
const http = require("isomorphic-git/http/node");

const { deed, dir, url, secret, depth, refspecs = [] } = JSON.parse(process.argv[2]);
// Asked only after a 401, as the library does it.
const shared = { fs, http, dir, onAuth: () => ({ username: "x", password: secret }), onAuthFailure: () => ({ cancel: true }) };

function parts(refspec) {
  const [source, target] = refspec.replace(/^\+/, "").split(":");
  return { force: refspec.startsWith("+"), source, target };
}

const deeds = {
  clone: () => git.clone({ ...shared, url, depth, singleBranch: depth !== undefined }),

  async fetch() {
    await git.fetch({ ...shared, remote: "origin", tags: true });
    for (const refspec of refspecs) {
      // Of refs that are neither branches nor tags it fetches the one that it is told.
      await git.setConfig({ fs, dir, path: "remote.origin.fetch", value: refspec, append: true });
      await git.fetch({ ...shared, remote: "origin", ref: parts(refspec).source, singleBranch: true });
    }
  },

  async push() {
    for (const refspec of refspecs) {
      const { force, source, target } = parts(refspec);
      // It wants a local ref named even if there is nothing to send.
      const which = source ? { ref: source, remoteRef: target, force } : { ref: "HEAD", remoteRef: target, delete: true };
      const answer = await git.push({ ...shared, remote: "origin", ...which });
      if (!answer.ok) throw new Error(JSON.stringify(answer));
    }
  },
};

deeds[deed]().catch((error) => {
  console.error(error);
  process.exitCode = 1;
});
