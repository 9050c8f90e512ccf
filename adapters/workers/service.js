// For `wrangler dev`: a Worker beside yours, whose entrypoint is bound there as a service.

import { WorkerEntrypoint } from "cloudflare:workers";

import { artifacts } from "./core.js";

/** `env.ARTIFACTS` of another Worker; its props name the namespace. */
export class ArtifactsBinding extends WorkerEntrypoint {
  create(...given) {
    return this.#artifacts.create(...given);
  }

  get(...given) {
    return this.#artifacts.get(...given);
  }

  import(...given) {
    return this.#artifacts.import(...given);
  }

  list(...given) {
    return this.#artifacts.list(...given);
  }

  delete(...given) {
    return this.#artifacts.delete(...given);
  }

  get #artifacts() {
    return artifacts({
      fetch: (...request) => fetch(...request),
      base: this.env.TREEHOLD_URL,
      account: this.env.TREEHOLD_ACCOUNT_ID,
      namespace: this.ctx.props?.namespace ?? "default",
      token: this.env.TREEHOLD_TOKEN,
    });
  }
}

/** wrangler wants one; nobody has business here over HTTP. */
export default {
  fetch() {
    return new Response("This Worker is a service binding.\n", { status: 404 });
  },
};
