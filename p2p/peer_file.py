"""The file of known peers: one address per line with the time it was last seen.

Written as a whole and renamed into place, so that after a crash it holds the old list or the new
one. A line that cannot be read is skipped: the list only speeds up a restart, and boot nodes are
configured elsewhere.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final

from btt_chain.primitives.files import write_file
from p2p.address import parse
from p2p.peer_records import MAX_PROVEN, KnownPeer

PEER_FILE: Final = "peers"
MAX_BYTES: Final = MAX_PROVEN * 256


def load(folder: Path) -> Sequence[KnownPeer]:
    """Read the stored peers; none if there is no file. Raises OSError if it cannot be read."""
    try:
        with (folder / PEER_FILE).open("rb") as file:
            text = file.read(MAX_BYTES).decode("utf-8", "replace")
    except FileNotFoundError:
        return []
    known = []
    for line in text.splitlines()[:MAX_PROVEN]:
        seen, _, address = line.partition(" ")
        try:
            known.append(KnownPeer(parse(address), int(seen)))
        except ValueError:
            continue
    return known


def save(folder: Path, known: Iterable[KnownPeer]) -> None:
    """Replace the stored peers by `known`. Raises OSError."""
    folder.mkdir(parents=True, exist_ok=True)
    text = "".join(f"{peer.last_seen_ms} {peer.address}\n" for peer in known)
    write_file(folder / PEER_FILE, text.encode())
