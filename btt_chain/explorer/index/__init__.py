"""The index: blocks of a node in one SQLite file."""
