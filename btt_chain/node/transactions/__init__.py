"""Transactions of a node: its pool, those of its users and those of other nodes."""
