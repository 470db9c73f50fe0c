"""Useful work off the chain: blobs and their transport, sealing, providers and verifiers."""
