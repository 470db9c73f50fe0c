"""Multisig: one account, several owners, and a number of them that must agree."""
