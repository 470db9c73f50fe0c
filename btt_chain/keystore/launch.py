"""Launch records: signing at the start of a chain with keys whose records were made before it.

A launch record states that its chain had not started when it was made. Only the operator vouches
for that, and a validator that lost its record on a running chain has an empty database, too. So the
record is used only while the chain agrees with it:

| state of the chain at this node and its peers | consequence |
|---|---|
| no peer in contact yet | nothing is signed |
| it has a block or a vote of the key | the key signed before: the ordinary watch |
| it began more than a session (and `YOUNG` slots) ago | too old to be sure: the ordinary watch |
| younger, and no trace of the key in `SLOTS` slots | it signs |

A node executes all blocks of a chain that young, and peers send all votes of the current round to a
new neighbour at once, so a few slots show all traces.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import Enum
from pathlib import Path
from typing import Final

from btt_chain.keystore.errors import RecordExists
from btt_chain.keystore.ledger import Ledger
from btt_chain.keystore.record import SigningRecord, read, record_path
from btt_chain.lazyclass import dataclass

SLOTS: Final = 3
"""Slots in contact with peers before a launch record is used."""

YOUNG: Final = 300
"""Slots for which a chain counts as young, even where its sessions are shorter: half an hour
at six seconds, in which several organisations can start their machines."""


class Verdict(Enum):
    """The decision about the keys of a launch record."""

    WAIT = 1
    """Sign nothing yet."""
    BEGIN = 2
    """Begin to sign."""
    LATE = 3
    """Sign nothing before the ordinary watch has ended."""


@dataclass(slots=True)
class LaunchWatch:
    """Decides about launch records by the age of the chain; the signer handles traces of keys."""

    session: int
    """Slots of a session."""
    slots: int = 0
    """Slots in contact with peers so far."""

    def look(self, age: int | None) -> Verdict:
        """Return the decision in a new slot in contact with peers.

        `age` is the number of slots since the chain's first block, None while there is none.
        """
        self.slots += 1
        if age is not None and age > max(self.session, YOUNG):
            return Verdict.LATE
        return Verdict.BEGIN if self.slots > SLOTS else Verdict.WAIT


def make_records(root: Path, genesis_hash: bytes, keys: Iterable[bytes]) -> list[bytes]:
    """Make launch records below `root`, `<base>/signing`; return the keys that had none.

    The caller ensures that the chain has not started. Raises RecordExists, before anything is
    written, if a record with content exists: that key may have signed. Raises RecordError.
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
