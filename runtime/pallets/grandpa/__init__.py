"""Grandpa: the voters on finality."""
