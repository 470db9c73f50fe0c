"""Tokenomics: the pools, their releases, and burns."""
