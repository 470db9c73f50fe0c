"""Persistent storage: key-value stores, the trie, the state, the blocks."""
