"""A custodian's leaves and batches on disk: one SQLite file, beside its vault.

It holds hashes only: no key, salt of a leaf, or text. A leaf is on the disk when `add` returns, and
only then a promise about it is given. A batch is frozen by `freeze`, which stores the salt of its
padding: the same root is sent again after a crash.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final, Self

from btt_chain.primitives.evidence_tree import SALT_SIZE, EvidenceTree
from btt_chain.records.custodian.batches import Batch, Kind
from btt_chain.records.errors import VaultError
from btt_chain.store import Layout, Store

_TABLES: Final = """
CREATE TABLE leaves (
    kind INTEGER NOT NULL, leaf BLOB NOT NULL, epoch INTEGER NOT NULL, PRIMARY KEY (kind, leaf)
) WITHOUT ROWID;
CREATE INDEX by_epoch ON leaves (kind, epoch);
CREATE TABLE batches (
    kind INTEGER NOT NULL, epoch INTEGER NOT NULL, salt BLOB NOT NULL, anchored INTEGER NOT NULL,
    PRIMARY KEY (kind, epoch)
) WITHOUT ROWID
"""
LAYOUT: Final = Layout(1, _TABLES, ("synchronous = FULL",), owner_only=True)


class Ledger:
    """The leaves of one custodian; made by `open`."""

    def __init__(self, store: Store) -> None:
        self._store = store

    @classmethod
    @contextmanager
    def open(cls, path: Path) -> Iterator[Self]:
        """Open or create a ledger. Raises StoreError if it is damaged."""
        with Store(path, LAYOUT) as store:
            yield cls(store)

    def add(self, kind: Kind, leaf: bytes, epoch: int) -> None:
        """Store a leaf for an epoch; a known leaf stays where it is.

        Raises VaultError if the epoch is frozen: its root cannot change any more.
        """
        with self._store.transaction():
            if self._salt(Batch(kind, epoch)) is not None:
                raise VaultError(f"the {kind.label} of epoch {epoch} are closed")
            self._store.execute(
                "INSERT OR IGNORE INTO leaves VALUES (?, ?, ?)", (int(kind), leaf, epoch)
            )

    def epoch_of(self, kind: Kind, leaf: bytes) -> int | None:
        """Return the epoch of a leaf; None if it is unknown."""
        row = self._store.row(
            "SELECT epoch FROM leaves WHERE kind = ? AND leaf = ?", (int(kind), leaf)
        )
        return None if row is None else int(row[0])

    def freeze(self, batch: Batch) -> EvidenceTree:
        """Return the tree of a batch; from now on it does not change."""
        with self._store.transaction():
            if self._salt(batch) is None:
                self._store.execute(
                    "INSERT INTO batches VALUES (?, ?, ?, 0)",
                    (int(batch.kind), batch.epoch, secrets.token_bytes(SALT_SIZE)),
                )
        tree = self.tree(batch)
        if tree is None:
            raise VaultError(f"the {batch.kind.label} of epoch {batch.epoch} have no tree")
        return tree

    def tree(self, batch: Batch) -> EvidenceTree | None:
        """Return the tree of a frozen batch; None if it is open."""
        salt = self._salt(batch)
        if salt is None:
            return None
        rows = self._store.rows(
            "SELECT leaf FROM leaves WHERE kind = ? AND epoch = ?", (int(batch.kind), batch.epoch)
        )
        return EvidenceTree((bytes(leaf) for (leaf,) in rows), salt)

    def mark_anchored(self, batch: Batch) -> None:
        """Record that the root is in a final block."""
        self._store.execute(
            "UPDATE batches SET anchored = 1 WHERE kind = ? AND epoch = ?",
            (int(batch.kind), batch.epoch),
        )

    def is_anchored(self, batch: Batch) -> bool:
        """Return True if the root is in a final block."""
        row = self._store.row(
            "SELECT anchored FROM batches WHERE kind = ? AND epoch = ?",
            (int(batch.kind), batch.epoch),
        )
        return row is not None and bool(row[0])

    def move(self, batch: Batch, to: int) -> None:
        """Put the leaves of a batch that the chain never took into a later epoch."""
        with self._store.transaction():
            if self._salt(Batch(batch.kind, to)) is not None:
                raise VaultError(f"the {batch.kind.label} of epoch {to} are closed")
            self._store.execute(
                "DELETE FROM batches WHERE kind = ? AND epoch = ? AND anchored = 0",
                (int(batch.kind), batch.epoch),
            )
            self._store.execute(
                "UPDATE leaves SET epoch = ? WHERE kind = ? AND epoch = ?",
                (to, int(batch.kind), batch.epoch),
            )

    def unanchored(self) -> list[Batch]:
        """Return the batches with leaves, or frozen ones, that are not on the chain."""
        rows = self._store.rows(
            "SELECT kind, epoch FROM batches WHERE anchored = 0 UNION "
            "SELECT DISTINCT l.kind, l.epoch FROM leaves l LEFT JOIN batches b "
            "ON b.kind = l.kind AND b.epoch = l.epoch WHERE b.salt IS NULL"
        )
        return [Batch(Kind(kind), epoch) for kind, epoch in rows]

    def _salt(self, batch: Batch) -> bytes | None:
        row = self._store.row(
            "SELECT salt FROM batches WHERE kind = ? AND epoch = ?", (int(batch.kind), batch.epoch)
        )
        return None if row is None else bytes(row[0])
