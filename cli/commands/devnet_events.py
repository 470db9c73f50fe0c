"""Events of a block for the screen of a devnet: fees folded, accounts by name."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Final

from btt_chain.primitives import ss58

if TYPE_CHECKING:
    from btt_chain.client.amount import Currency
    from btt_chain.client.decoding import EventView

FEE_PAID: Final = "TransactionPayment.TransactionFeePaid"
_DULL: Final = {"System.ExtrinsicSuccess"}
"""Events of every block, which are not shown."""
_OF_FEES: Final = {
    "Balances.Deposit", "Balances.Endowed", "Balances.Issued", "Balances.Burned",
    "Balances.Rescinded", "System.NewAccount", "Treasury.Deposit",
}  # fmt: skip
"""Events of the distribution of a fee, which follow those of the call."""
_WITHDRAWN: Final = "Balances.Withdraw"
_ADDRESS: Final = re.compile(r"\b[1-9A-HJ-NP-Za-km-z]{46,49}\b")
_POOL_ID: Final = re.compile(r"\b0x((?:[2-7][0-9a-f]){8})\b")
_POOL: Final = b"modl"
"""Beginning of the accounts of pallets; eight characters follow."""
_ENDS: Final = 6
"""Characters shown at each end of an address."""


def rows_of(
    events: Sequence[EventView], currency: Currency, names: Mapping[str, str]
) -> list[tuple[str, str]]:
    """Return name and fields of the events to show; all fees of the block are one row, the last."""
    groups: dict[int | None, list[EventView]] = {}
    for event in events:
        groups.setdefault(event.extrinsic, []).append(event)
    rows: list[tuple[str, str]] = []
    fees: list[int] = []
    for group in groups.values():
        kept, fee = without_fee(group)
        fees += [] if fee is None else [fee]
        rows += [(event.name, by_name(event.shown, names)) for event in kept]
    if fees:
        rows.append(("fees", f"{len(fees)} paid, {currency.format(sum(fees))}"))
    return rows


def without_fee(group: Sequence[EventView]) -> tuple[list[EventView], int | None]:
    """Return the events of an extrinsic without those of its fee, and the fee; None if none."""
    kept = [event for event in group if event.name not in _DULL]
    at = next((i for i, event in enumerate(kept) if event.name == FEE_PAID), None)
    if at is None:
        return kept, None
    fee = int(str(kept[at].fields["actual_fee"]))
    first = at
    while first and kept[first - 1].name in _OF_FEES:
        first -= 1
    begin = 1 if kept[0].name == _WITHDRAWN else 0
    return [*kept[begin:first], *kept[at + 1 :]], fee


def by_name(shown: str, names: Mapping[str, str]) -> str:
    """Return an event's text with names instead of addresses; others are shortened."""
    text = _ADDRESS.sub(lambda found: names.get(found[0]) or _short(found[0]), shown)
    return _POOL_ID.sub(lambda found: bytes.fromhex(found[1]).decode().strip(), text)


def _short(address: str) -> str:
    """Return `pool btt/mine` for an account of a pallet, else both ends of the address."""
    try:
        account, _ = ss58.decode(address)
    except ss58.Ss58Error:
        return address
    named = account[len(_POOL) : len(_POOL) + 8].rstrip(b"\0")
    if account.startswith(_POOL) and named.isascii() and named.decode().isprintable():
        return f"pool {named.decode()}"
    return f"{address[:_ENDS]}…{address[-_ENDS:]}"
