"""Commits, trees and tags: parse, hash, and what git fsck calls an error. No input or output; imports errors and ids
only."""
