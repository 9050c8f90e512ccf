"""The benchmark: Treehold beside its peers in one run. It measures and never judges; see README.md."""
