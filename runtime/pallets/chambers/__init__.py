"""Chambers: governance by four chambers, each with its own weight."""
