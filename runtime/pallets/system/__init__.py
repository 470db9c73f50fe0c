"""System: accounts, the current block, and its events."""
