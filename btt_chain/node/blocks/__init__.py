"""Blocks of a node: announces, sync and import, and those that it makes."""
