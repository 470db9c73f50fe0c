"""Barred keys: no longer used by this process, because another node signs with them.

The evidence is a block or a vote with a valid signature of the key that its record did not make, so
only a node with the key can bar it: earlier signatures of this node are on record, and a replay of
them bars nothing. Keys are copied as a keystore, with both session keys in it, so one key that is
seen elsewhere bars the others:

| key that was seen | keys barred with it |
|---|---|
| it signs, or waits after a watch | every key of this node |
| it is watched after a forced start or an earlier bar | every other key that is watched |

A key that was made after the copy has a good record and is not watched, so it goes on signing,
while an old stolen key is barred again at every start.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable

from btt_chain.keystore.record import Record

log = logging.getLogger(__name__)


class Bars:
    """Barred keys, with the reason for each."""

    def __init__(self) -> None:
        self._reasons: dict[bytes, str] = {}

    def __contains__(self, public: bytes) -> bool:
        return public in self._reasons

    def reason(self, public: bytes) -> str | None:
        """Return the reason why a key is barred; None if it is not."""
        return self._reasons.get(public)

    def add(self, key: Record, act: str, keys: Iterable[Record]) -> None:
        """Bar a key with which another node did `act` ("voted in round 9 of set 3").

        `keys` are the records of this node's keys. So that a restart keeps the bar, each record is
        marked and waits for a watch then. Raises RecordNotWritten.
        """
        if key.public_key in self:
            return
        is_watched = key.ledger.unsure
        others = [
            other
            for other in keys
            if other.public_key not in {key.public_key, *self._reasons}
            and (other.ledger.unsure or not is_watched)
        ]
        name = f"0x{key.public_key.hex()}"
        self._reasons[key.public_key] = f"another node {act} with it"
        copied = f"another node {act} with the key {name}, so it has a copy of this keystore"
        self._reasons |= {other.public_key: copied for other in others}
        log.error(
            "the key %s is not used any more: %s.%s Stop the other node for good, then restart "
            "this one (docs/runbooks.md: a key is barred)",
            name, self._reasons[key.public_key], _also(others),
        )  # fmt: skip
        for record in (key, *others):
            record.doubt(self._reasons[record.public_key])


def _also(others: Iterable[Record]) -> str:
    names = ", ".join(f"0x{other.public_key.hex()}" for other in others)
    return f" Not used either, as a copy of this keystore has them: {names}." if names else ""
