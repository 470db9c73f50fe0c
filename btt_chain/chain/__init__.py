"""The chain: block import, queries and chain events."""
