"""What is true: repos, refs, packs, tokens. The only room with SQL; everything in it changes in transactions."""
