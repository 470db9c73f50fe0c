"""States of the session keys of a running node: for RPC, metrics and the doctor."""

from __future__ import annotations

from enum import StrEnum

from btt_chain.keystore import GRANDPA, Record
from btt_chain.lazyclass import dataclass


class State(StrEnum):
    """State of a key; the values appear in metrics and in `signing_status`."""

    SIGNS = "signs"
    """The key signs."""
    BARRED = "barred"
    """No signature: a signature by another node with it was seen."""
    WATCHES = "watches"
    """No signature before the watch for another node with the key has ended."""
    LAUNCHES = "launches"
    """No signature before the node has found the chain at its start."""
    WAITS = "waits"
    """No signature before a later slot, or the next set of voters."""
    CLOCK = "clock"
    """No block: this clock is wrong, or was ahead when the key sealed its last block."""
    NO_RECORD = "no_record"
    """No signature: its signing record cannot be used."""


@dataclass(frozen=True, slots=True)
class KeyState:
    """A key of a running node."""

    public: bytes
    key_type: bytes
    state: State
    why: str = ""
    """Reason for the state, for the operator; empty for a key that signs."""
    until: int | None = None
    """The first slot in which it may sign, where that is known."""


def state_of(
    key_type: bytes,
    record: Record,
    slot: int,
    set_id: int,
    *,
    bar: str | None,
    watched: int | None,
) -> KeyState:
    """Return the state of a key in a slot and a set of voters.

    `bar` is the reason for a bar, None without one; `watched` is the last slot of the watch.
    """
    ledger, public = record.ledger, record.public_key
    if bar is not None:
        return KeyState(public, key_type, State.BARRED, bar)
    if ledger.unsure:
        until = None if watched is None else watched + 1
        return KeyState(public, key_type, State.WATCHES, ledger.reason, until)
    if ledger.launch:
        why = "the node has not found the chain at its beginning yet"
        return KeyState(public, key_type, State.LAUNCHES, why)
    if key_type == GRANDPA and ledger.is_closed(set_id):
        why = f"it votes from the set after {set_id} on, or once finality has stood for a session"
        return KeyState(public, key_type, State.WAITS, why)
    if key_type != GRANDPA and ledger.block is not None and ledger.waits(slot):
        why = "blocks of earlier slots may be missing in its record"
        return KeyState(public, key_type, State.WAITS, why, ledger.block.slot + 1)
    if key_type != GRANDPA and ledger.block is not None and ledger.block.slot > slot + 1:
        why = (
            f"its last block is of slot {ledger.block.slot}, and this clock is in slot {slot}: "
            "the clock was ahead then, or is behind now"
        )
        return KeyState(public, key_type, State.CLOCK, why, ledger.block.slot + 1)
    return KeyState(public, key_type, State.SIGNS)
