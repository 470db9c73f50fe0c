"""The file of known peers: one address per line with the time it was last seen.

Written as a whole and renamed into place, so that after a crash it holds the old list or the new
one. A line that cannot be read is skipped and logged: the list only speeds up a restart, and boot
nodes are configured elsewhere.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final

from btt_chain.own_files import replace_own
from p2p.address import parse
from p2p.peer_records import MAX_PROVEN, KnownPeer

log = logging.getLogger(__name__)

PEER_FILE: Final = "peers"
MAX_BYTES: Final = MAX_PROVEN * 256


def load(folder: Path) -> Sequence[KnownPeer]:
    """Read the stored peers; none if there is no file. Raises OSError if it cannot be read."""
    try:
        with (folder / PEER_FILE).open("rb") as file:
            text = file.read(MAX_BYTES).decode("utf-8", "replace")
    except FileNotFoundError:
        return []
    known, bad = [], 0
    for line in text.splitlines()[:MAX_PROVEN]:
        seen, _, address = line.partition(" ")
        try:
            known.append(KnownPeer(parse(address), int(seen)))
        except ValueError:
            bad += 1
    if bad:
        log.warning("%s: %d lines are not peers, and are skipped", folder / PEER_FILE, bad)
    return known


def save(folder: Path, known: Iterable[KnownPeer]) -> None:
    """Replace the stored peers by `known`. Raises OSError."""
    folder.mkdir(parents=True, exist_ok=True)
    lines = "".join(f"{peer.last_seen_ms} {peer.address}\n" for peer in known)
    replace_own(folder / PEER_FILE, lines, 0o644)
