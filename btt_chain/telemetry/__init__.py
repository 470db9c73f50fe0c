"""Metrics of a node. Independent of the chain: the values are passed in."""
