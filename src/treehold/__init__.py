"""Treehold: versioned file trees that speak Git, self-hosted. ARCHITECTURE.md is the map."""

__version__ = "0.1.0"
