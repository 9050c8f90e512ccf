"""Pack files over bytes: entries, deltas, indexes, dropping duplicates, concatenation. No input or output; imports
objects, errors and ids."""
