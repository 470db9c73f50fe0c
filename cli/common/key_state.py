"""States of the session keys of a running node, as text for operators."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from btt_chain.client.errors import RpcError
from btt_chain.client.jsonrpc import Connection
from btt_chain.lazyclass import dataclass

KEY_TYPES: Final = ("babe", "gran")
TODO: Final = {
    "barred": "stop the other node first, for good; then restart this one, which watches for a "
    "session before it signs (docs/runbooks.md: a key is barred)",
    "watches": "wait; the log says if another node is seen to sign with it",
    "launches": "it needs peers: see `peers`",
    "waits": "wait; nothing is to be done",
    "clock": "set the clock by NTP (timedatectl set-ntp true); the key seals again once blocks of "
    "others arrive in time, or from the slot shown on (docs/runbooks.md: a clock is wrong)",
    "no_record": "bring its record with `btt-chain signing import` (docs/keys.md)",
}
"""Advice for each state."""


@dataclass(frozen=True, slots=True)
class KeyReport:
    """A session key, as reported by its node."""

    kind: str
    """`babe` or `gran`."""
    public: str
    state: str
    text: str
    """State, reason and end of the wait."""

    @property
    def signs(self) -> bool:
        """True if the key may sign."""
        return self.state == "signs"

    @property
    def todo(self) -> str:
        """Advice for its state; empty if it signs."""
        return "" if self.signs else TODO.get(self.state, "see the log of the node")


async def key_reports(client: Connection) -> Sequence[KeyReport] | None:
    """Query a node for its keys; None if it does not validate, or does not report them."""
    try:
        answer = await client.call("signing_status")
    except RpcError:
        return None
    return [report_of(each) for each in answer] if isinstance(answer, list) else None


def report_of(entry: Any) -> KeyReport:
    """Read an entry of `signing_status`."""
    state, until = str(entry["state"]), entry["until"]
    text = state.replace("_", " ")
    if entry["why"]:
        text += f": {entry['why']}"
    if until is not None:
        text += f"; until slot {until}"
    return KeyReport(str(entry["type"]), str(entry["publicKey"]), state, text)
