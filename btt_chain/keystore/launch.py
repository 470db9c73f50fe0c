"""The beginning of a chain: may a key whose record was made before it sign at once?

A launch record says that its chain had not started when it was made. That is the operator's word,
and a validator that lost its record after the chain had run has an empty database, too. So the
word counts only while the chain itself bears it out:

| the chain, as this node and its peers have it | then |
|---|---|
| no contact yet | nothing is signed |
| a block or a vote of the key is there | the key signed before: the ordinary watch |
| it began more than a session (and `YOUNG` slots) ago | too old to be sure: the ordinary watch |
| younger, and `SLOTS` slots brought no trace of the key | it signs |

All blocks of a chain that young are executed here, and peers tell a newcomer all votes of the
present round at once, so a few slots show what there is to see.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Final

from btt_chain.keystore.errors import RecordExists
from btt_chain.keystore.ledger import Ledger
from btt_chain.keystore.record import SigningRecord, read, record_path

SLOTS: Final = 3
"""How many slots in touch with others a launch record listens for."""

YOUNG: Final = 300
"""Slots for which a chain is at its beginning, even where its sessions are shorter: half an hour
at six seconds, in which several organisations can start their machines."""


class Verdict(Enum):
    """What a launch record may be used for."""

    WAIT = 1
    """Nothing yet."""
    BEGIN = 2
    """Signing."""
    LATE = 3
    """Nothing before the ordinary watch has ended."""


@dataclass(slots=True)
class LaunchWatch:
    """Judges a launch record. Traces of the key are the signer's to see; they end the launch."""

    session: int
    """Slots of a session."""
    heard: int = 0
    """Slots in touch so far."""

    def look(self, age: int | None) -> Verdict:
        """Judge in a new slot in touch with others.

        `age` is how many slots ago the chain's first block was made, None while there is none.
        """
        self.heard += 1
        if age is not None and age > max(self.session, YOUNG):
            return Verdict.LATE
        return Verdict.BEGIN if self.heard > SLOTS else Verdict.WAIT


def make_records(root: Path, genesis_hash: bytes, keys: Iterable[bytes]) -> list[bytes]:
    """Make the launch records of keys below `root`, `<base>/signing`; those that were not there.

    The operator's word that the chain has not started. RecordExists, before anything is written,
    if a record is there that says anything: that key may have signed. Raises RecordError.
    """
    blank, missing = Ledger(launch=True), []
    for key in keys:
        path = record_path(root, genesis_hash, key)
        if not path.exists():
            missing.append(key)
        elif read(path, genesis_hash, key) != blank:
            raise RecordExists(
                f"{path} is there already: the key 0x{key.hex()} has been in use on this chain. "
                "Nothing was changed; start the node with the record that is there"
            )
    for key in missing:
        SigningRecord.create(root, genesis_hash, key, blank).close()
    return missing
