"""Rows of the history of an account: what it did, and what happened to it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from btt_chain.client.decoding import EventView
from btt_chain.lazyclass import dataclass
from btt_chain.scale.portable import Plain
from cli.common.block_scan import ReadBlock

GAINS: Final = frozenset(("Deposit", "Minted", "Restored"))
LOSSES: Final = frozenset(("Withdraw", "Burned", "Slashed", "Suspended", "BurnedHeld"))
"""Events of Balances with a field `who`, by which an account's total balance changes."""
MOVES: Final = {
    "Transfer": ("from", "to"),
    "ReserveRepatriated": ("from", "to"),
    "TransferOnHold": ("source", "dest"),
}
"""Events that move a balance, with the fields of its former and its new owner."""
FEE: Final = "TransactionPayment.TransactionFeePaid"


@dataclass(frozen=True, slots=True)
class Entry:
    """One row: an extrinsic, or what a block itself did (no index)."""

    number: int
    index: int | None
    ms: int
    call: str
    """Name of the call, or of the events if the block itself did it."""
    arguments: str
    signer: str | None
    hash: str | None
    success: bool | None
    """None if the node does not have the events any more."""
    fee: int | None
    """The fee in planck, if the account paid it."""
    change: int | None
    """Change of the account's total balance in planck, fees counted; None if unknown."""
    events: tuple[str, ...]
    """Names of the events that name the account."""


def entries(block: ReadBlock, address: str) -> Iterator[Entry]:
    """Yield the rows of a block for an account, the last one first."""
    events = block.events
    for index in range(len(block.extrinsics) - 1, -1, -1):
        view = block.extrinsics[index]
        own = [each for each in events or () if each.extrinsic == index]
        mine = [each for each in own if _names(each.fields, address)]
        if view.signer != address and not mine:
            continue
        known = events is not None
        yield Entry(
            block.number, index, block.ms, view.call.name, view.call.inner, view.signer,
            view.hash, _succeeded(own) if known else None,
            _fee(own, address) if known else None,
            sum(change_by(each, address) for each in own) if known else None,
            tuple(each.name for each in mine),
        )  # fmt: skip
    rest = [
        each for each in events or () if each.extrinsic is None and _names(each.fields, address)
    ]
    if rest:
        names = tuple(each.name for each in rest)
        yield Entry(
            block.number, None, block.ms, ", ".join(dict.fromkeys(names)), "", None, None, True,
            None, sum(change_by(each, address) for each in rest), names,
        )  # fmt: skip


def change_by(event: EventView, address: str) -> int:
    """Return by how much an event changes the total balance of an account, in planck."""
    pallet, _, name = event.name.partition(".")
    if pallet != "Balances":
        return 0
    fields = event.fields
    amount = fields.get("amount")
    planck = int(str(amount)) if amount is not None else 0
    if name in MOVES:
        source, dest = MOVES[name]
        return planck * ((fields.get(dest) == address) - (fields.get(source) == address))
    if name == "DustLost" and fields.get("account") == address:
        return -planck
    if fields.get("who") != address:
        return 0
    return planck if name in GAINS else -planck if name in LOSSES else 0


def _succeeded(events: list[EventView]) -> bool:
    return any(each.name == "System.ExtrinsicSuccess" for each in events)


def _fee(events: list[EventView], address: str) -> int | None:
    for each in events:
        if each.name == FEE and each.fields.get("who") == address:
            return int(str(each.fields["actual_fee"]))
    return None


def _names(value: Plain | Mapping[str, Plain], address: str) -> bool:
    """Return True if a value contains an account."""
    if isinstance(value, str):
        return value == address
    if isinstance(value, Mapping):
        return any(_names(each, address) for each in value.values())
    return isinstance(value, list | tuple) and any(_names(each, address) for each in value)


def document(entry: Entry) -> dict[str, object]:
    """Return a row as JSON; amounts in planck, the time in Unix milliseconds."""
    return {
        "block": entry.number,
        "index": entry.index,
        "time": entry.ms or None,
        "call": entry.call,
        "arguments": entry.arguments,
        "signer": entry.signer,
        "hash": entry.hash,
        "success": entry.success,
        "fee": None if entry.fee is None else str(entry.fee),
        "change": None if entry.change is None else str(entry.change),
        "events": list(entry.events),
    }
