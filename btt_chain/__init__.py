"""BTT Chain: a Substrate-compatible node in Python."""

__version__ = "0.1.0"
