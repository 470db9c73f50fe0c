"""Print all accounts and their free money at the last final block, richest first.

python examples/client/balances.py ws://127.0.0.1:9944
"""

from __future__ import annotations

import sys

from btt_chain.client import BlockingChain
from btt_chain.client.values import field


def balances(url: str) -> None:
    """Read the map of accounts, all of it from one block."""
    with BlockingChain.connect(url) as chain:
        head = chain.finalized()
        found = []
        for (address,), account in chain.entries("System.Account", at=head.hash):
            free = field(field(account, "data"), "free")
            found.append((int(str(free)), str(address)))
        print(f"{len(found)} accounts at block {head.number}")
        for free, address in sorted(found, reverse=True):
            print(address, chain.metadata.currency.format(free))


if __name__ == "__main__":
    balances(sys.argv[1])
