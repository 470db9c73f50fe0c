"""Consensus: who makes a block, when, and out of what."""
