"""Doubt of records: evidence that a record is older than its key's signatures.

Such evidence does not prove a second copy: the key may have signed it here, before an older folder
of records was restored. So no key is barred, and the watch decides. Records are restored as a
folder, so if one is old, the others are doubted with it.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable

from btt_chain.keystore.ledger import Ledger
from btt_chain.keystore.record import Record

log = logging.getLogger(__name__)


def doubt_old(old: Record, seen: Ledger, what: str, keys: Iterable[Record]) -> None:
    """Start the watch for all `keys`: `old` is older than `what`, which raises it to `seen`."""
    name = f"0x{old.public_key.hex()}"
    log.warning(
        "the signing record of %s is older than %s: was it restored from a backup? Nothing is "
        "signed before a watch of a session has ended (docs/keys.md: restoring from a backup)",
        name, what,
    )  # fmt: skip
    old.doubt(f"it is older than {what}", seen)
    for record in keys:
        if not record.ledger.unsure:
            record.doubt(f"the record of {name} is older than {what}")


def doubt_launch(traced: Record, seen: Ledger, what: str, keys: Iterable[Record]) -> None:
    """Start the watch for all launch records: the chain has `what`, signed by one of these keys."""
    why = f"its record was made for the start of the chain, which has {what} by this node's key"
    log.warning("%s; nothing is signed before a watch has ended", why)
    for record in keys:
        if record is traced:
            record.doubt(why, seen)
        elif record.ledger.launch:
            record.doubt(why)
