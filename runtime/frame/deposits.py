"""Deposits reserved under a name, whose amount follows what is stored."""

from __future__ import annotations

from btt_chain.primitives.account import AccountId
from btt_chain.scale import u128
from runtime.frame.traits import NamedReservable


def change_deposit(
    currency: NamedReservable, name: bytes, who: AccountId, old: u128, new: u128
) -> None:
    """Change the amount that is reserved under `name` for `who` from `old` to `new` planck."""
    if new > old:
        currency.reserve_named(name, who, new - old)
    elif new < old:
        currency.unreserve_named(name, who, old - new)
