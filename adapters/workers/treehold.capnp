@0xa8f1c45d3b7e9216;

using Workerd = import "/workerd/workerd.capnp";

# What the configuration of a workerd needs for bindings that wrap `treehold:artifacts`.
const extension :Workerd.Extension = (
  modules = [
    (name = "treehold:artifacts", internal = true, esModule = embed "wrapped.js"),
    (name = "treehold:core", internal = true, esModule = embed "core.js"),
  ],
);
