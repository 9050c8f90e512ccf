# The same Worker in a workerd of your own, without wrangler: `env.ARTIFACTS` is a wrapped binding.

using Workerd = import "/workerd/workerd.capnp";
using Treehold = import "../../adapters/workers/treehold.capnp";

const config :Workerd.Config = (
  services = [
    (name = "panel", worker = .panel),
    (name = "treehold", external = (address = "127.0.0.1:8787", http = ())),
  ],
  sockets = [(name = "http", address = "127.0.0.1:8788", http = (), service = "panel")],
  extensions = [Treehold.extension],
);

const panel :Workerd.Worker = (
  modules = [(name = "index.js", esModule = embed "src/index.js")],
  compatibilityDate = "2026-04-21",
  bindings = [
    (name = "ARTIFACTS", wrapped = (
      moduleName = "treehold:artifacts",
      innerBindings = [
        (name = "server", service = "treehold"),
        (name = "base", text = "http://127.0.0.1:8787"),
        (name = "account", text = "local"),
        (name = "namespace", text = "default"),
        (name = "token", fromEnvironment = "TREEHOLD_TOKEN"),
      ],
    )),
  ],
);
