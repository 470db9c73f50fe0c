"""Bytes that stay: key-value stores, the trie, the state, the blocks."""
