"""Chains with a transfer or two in each block, for tests of the explorer's index."""

from __future__ import annotations

from btt_chain.scale import u128
from support.chain import ALICE, BOB, CHARLIE, DevChain, address


def chain_of(blocks: int, *, final: bool = True) -> DevChain:
    """A chain with a transfer from Alice and one from Bob in each block."""
    chain = DevChain(shared=True)
    grow(chain, blocks, final=final)
    return chain


def grow(chain: DevChain, blocks: int, *, final: bool = True) -> None:
    for amount in range(blocks):
        for sender, receiver in ((ALICE, BOB), (BOB, CHARLIE)):
            value = u128(10**18 + amount)
            chain.send(
                sender,
                chain.call("Balances", "transfer_keep_alive", dest=address(receiver), value=value),
            )
        chain.seal(finalize=final)
