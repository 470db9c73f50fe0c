"""Snapshots: named heads of a development chain, kept in the database."""

from __future__ import annotations

from typing import Final

from btt_chain.chain.client import Client
from btt_chain.scale import codec, u32

SNAPSHOTS_KEY: Final = b"dev_snapshots"
"""Auxiliary key of the snapshots."""

MAX_SNAPSHOTS: Final = 1_024
"""Maximum number of snapshots; the oldest is dropped first."""

_ROWS: Final = codec(list[tuple[u32, bytes]])


class Snapshots:
    """Snapshots by number, from 1."""

    def __init__(self, client: Client) -> None:
        self._client = client

    def all(self) -> list[tuple[int, bytes]]:
        """Return numbers and block hashes, oldest first."""
        raw = self._client.store.aux_get(SNAPSHOTS_KEY)
        return [] if raw is None else [(int(id), hash) for id, hash in _ROWS.decode_all(raw)]

    def take(self, hash: bytes) -> int:
        """Keep a block as a snapshot; return its number."""
        rows = self.all()
        id = rows[-1][0] + 1 if rows else 1
        rows.append((id, hash))
        self._client.store.aux_put(encoded(rows[-MAX_SNAPSHOTS:]), sync=True)
        return id

    def find(self, id: int) -> tuple[bytes, dict[bytes, bytes | None]] | None:
        """Return a snapshot's block, and the auxiliary data once the chain is back there.

        A snapshot can be used once: it and the later ones are removed then. None if there is none.
        """
        rows = self.all()
        for place, (number, hash) in enumerate(rows):
            if number == id:
                return hash, encoded(rows[:place])
        return None


def encoded(rows: list[tuple[int, bytes]]) -> dict[bytes, bytes | None]:
    """Return the auxiliary data of these snapshots."""
    return {SNAPSHOTS_KEY: _ROWS.encode([(u32(id), hash) for id, hash in rows])}
