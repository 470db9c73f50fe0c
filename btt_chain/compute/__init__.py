"""Useful work off the chain: blobs and their transport, sealing, and who computes and checks."""
