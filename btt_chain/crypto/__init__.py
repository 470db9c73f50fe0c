"""Hashes, signatures and keys, compatible with Substrate.

Verification is part of consensus: a signature that one node accepts and another refuses splits the
chain, so each scheme has exactly one verifier here. Secrets never appear in `repr`, `str` or
errors.
"""
