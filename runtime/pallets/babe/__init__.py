"""Babe: the chain's clock, block authors, epochs and randomness."""
