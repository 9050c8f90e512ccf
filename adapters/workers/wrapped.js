// For workerd of your own: an internal module that wraps inner bindings into `env.ARTIFACTS`.

import { artifacts } from "treehold:core";

/** Made once, before the Worker runs, from the inner bindings `server`, `base`, `account`, `namespace` and `token`. */
export default function wrap({ server, base, account, namespace, token }) {
  return artifacts({ fetch: (...request) => server.fetch(...request), base, account, namespace, token });
}
