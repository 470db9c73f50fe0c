"""What a node tells those who watch it. Knows nothing of the chain: numbers are given to it."""
