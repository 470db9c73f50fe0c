"""Hashes, signatures and keys, as Substrate has them.

Verdicts decide consensus: a signature that one node accepts and another refuses splits the chain,
so each scheme has exactly one verifier here. Secrets never show up in `repr`, `str` or errors.
"""
