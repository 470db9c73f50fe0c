"""Finality in a node, and reports of offences."""
