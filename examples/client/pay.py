"""Pay an account, without asyncio: estimate the fee, try the call, send it, print its events.

python examples/client/pay.py ws://127.0.0.1:9944 //Alice //Bob 1.5BTT
"""

from __future__ import annotations

import sys

from btt_chain.client import BlockingChain, ClientError, KeyPair


def pay(url: str, uri: str, dest: str, amount: str) -> None:
    """Send an amount with its unit, and print what became of it."""
    signer = KeyPair.from_uri(uri)
    with BlockingChain.connect(url) as chain:
        currency = chain.metadata.currency
        call = chain.compose(
            "Balances.transfer_keep_alive", dest=dest, value=currency.parse(amount)
        )
        wire = chain.transactions.sign(call, signer)
        print("fee", currency.format(chain.transactions.fee(wire)))
        failure = chain.transactions.dry_run(wire)
        if failure is not None:
            raise SystemExit(f"it would fail: {failure}")
        done = chain.transactions.watch(wire, wait="final").check()
        print("final in block", done.number)
        for event in done.events:
            print(" ", event.name, event.shown)


if __name__ == "__main__":
    try:
        pay(*sys.argv[1:5])
    except (ClientError, ValueError) as error:
        raise SystemExit(f"error: {error}") from None
