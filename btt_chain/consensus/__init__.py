"""Consensus: block authoring, block import and finality."""
