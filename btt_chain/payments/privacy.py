"""Accounts of a wallet that pays clinics: one for each, so that payments show less.

A payment is public, and its receiver's category with it. So a wallet pays health merchants from an
account of its own for each merchant, `//pay//ADDRESS`, and puts money there in round sums, so that
the amount that arrives is not an amount of an invoice. A search for that transfer still links the
two accounts; the merchant, and readers of the list of its payers, see a new account.
"""

from __future__ import annotations

from typing import Final

from btt_chain.crypto.keypair import KeyPair
from btt_chain.crypto.uri import SecretUri
from btt_chain.primitives import ss58

ROUND: Final = (1, 2, 5)
"""First digits of round sums."""


def path_for(merchant: bytes) -> str:
    """Return the derivation path of the account that pays one merchant."""
    return f"//pay//{ss58.encode(merchant)}"


def account_for(pair: KeyPair, merchant: bytes) -> KeyPair:
    """Return the key of the account that pays one merchant: `//pay//ADDRESS` below `pair`."""
    return pair.derive(*SecretUri.parse(path_for(merchant)).junctions)


def round_sum(needed: int, unit: int) -> int:
    """Return the smallest of 1, 2, 5, 10, 20, 50, ... units that is at least `needed`."""
    size = unit
    while True:
        for digit in ROUND:
            if digit * size >= needed:
                return digit * size
        size *= 10
