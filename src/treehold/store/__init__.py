"""Where large pack bytes lie: whole immutable blobs, written once under keys that are never reused."""
