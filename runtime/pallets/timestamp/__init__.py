"""Timestamp: the time of the block, as set by its author."""
