"""BTT Chain: a Substrate-compatible node in Python."""

from btt_chain.packages import find_aliases

__version__ = "0.1.0"

find_aliases()
