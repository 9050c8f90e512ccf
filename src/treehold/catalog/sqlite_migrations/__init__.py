"""The migrations of the SQLite catalog, one module each, in the order of their numbers. Once released never edited."""
