"""States of the session keys of a running node, as text for operators."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from btt_chain.client.errors import RpcError
from btt_chain.client.jsonrpc import Connection

TODO: Final = {
    "barred": "stop the other node first, for good; then restart this one, which watches for a "
    "session before it signs (docs/runbooks.md: a key is barred)",
    "watches": "wait; the log says if another node is seen to sign with it",
    "launches": "it needs peers: see `peers`",
    "waits": "wait; nothing is to be done",
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
        told = await client.call("signing_status")
    except RpcError:
        return None
    return [report_of(each) for each in told] if isinstance(told, list) else None


def report_of(told: Any) -> KeyReport:
    """Read an entry of `signing_status`."""
    state, until = str(told["state"]), told["until"]
    text = state.replace("_", " ")
    if told["why"]:
        text += f": {told['why']}"
    if until is not None:
        text += f"; until slot {until}"
    return KeyReport(str(told["type"]), str(told["publicKey"]), state, text)
