"""A custodian's leaves and batches on disk: one SQLite file, beside its vault.

It holds hashes only: no key, salt of a leaf, or text. A leaf is on the disk when `add` returns, and
only then a promise about it is given. A batch is frozen by `freeze`, which stores the salt of its
padding: the same root is sent again after a crash.
"""

from __future__ import annotations

import secrets
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Final, Self

from btt_chain.primitives.evidence_tree import SALT_SIZE, EvidenceTree
from btt_chain.primitives.files import PRIVATE_FILE
from btt_chain.records.custodian.batches import Batch, Kind
from btt_chain.records.errors import VaultError

VERSION: Final = 1
_SCHEMA: Final = """
CREATE TABLE leaves (
    kind INTEGER NOT NULL, leaf BLOB NOT NULL, epoch INTEGER NOT NULL, PRIMARY KEY (kind, leaf)
) WITHOUT ROWID;
CREATE INDEX by_epoch ON leaves (kind, epoch);
CREATE TABLE batches (
    kind INTEGER NOT NULL, epoch INTEGER NOT NULL, salt BLOB NOT NULL, anchored INTEGER NOT NULL,
    PRIMARY KEY (kind, epoch)
) WITHOUT ROWID
"""


class Ledger:
    """The leaves of one custodian; made by `open`."""

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db

    @classmethod
    @contextmanager
    def open(cls, path: Path) -> Iterator[Self]:
        """Open or create a ledger. Raises VaultError if it is damaged."""
        path.touch(PRIVATE_FILE)
        with closing(sqlite3.connect(path, isolation_level=None, timeout=30)) as db:
            try:
                db.execute("PRAGMA synchronous = FULL")
                (version,) = db.execute("PRAGMA user_version").fetchone()
                if version == 0:
                    with _transaction(db):
                        for statement in _SCHEMA.split(";"):
                            db.execute(statement)
                        db.execute(f"PRAGMA user_version = {VERSION}")
                elif version != VERSION:
                    raise VaultError(f"{path}: version {version}, this program has {VERSION}")
            except sqlite3.DatabaseError as error:
                raise VaultError(f"{path}: {error}") from None
            yield cls(db)

    def add(self, kind: Kind, leaf: bytes, epoch: int) -> None:
        """Store a leaf for an epoch; a known leaf stays where it is.

        Raises VaultError if the epoch is frozen: its root cannot change any more.
        """
        with _transaction(self._db):
            if self._salt(Batch(kind, epoch)) is not None:
                raise VaultError(f"the {kind.label} of epoch {epoch} are closed")
            self._db.execute(
                "INSERT OR IGNORE INTO leaves VALUES (?, ?, ?)", (int(kind), leaf, epoch)
            )

    def epoch_of(self, kind: Kind, leaf: bytes) -> int | None:
        """Return the epoch of a leaf; None if it is unknown."""
        found = self._db.execute(
            "SELECT epoch FROM leaves WHERE kind = ? AND leaf = ?", (int(kind), leaf)
        ).fetchone()
        return None if found is None else int(found[0])

    def freeze(self, batch: Batch) -> EvidenceTree:
        """Return the tree of a batch; from now on it does not change."""
        with _transaction(self._db):
            if self._salt(batch) is None:
                self._db.execute(
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
        found = self._db.execute(
            "SELECT leaf FROM leaves WHERE kind = ? AND epoch = ?", (int(batch.kind), batch.epoch)
        )
        return EvidenceTree((bytes(leaf) for (leaf,) in found), salt)

    def mark_anchored(self, batch: Batch) -> None:
        """Record that the root is in a final block."""
        self._db.execute(
            "UPDATE batches SET anchored = 1 WHERE kind = ? AND epoch = ?",
            (int(batch.kind), batch.epoch),
        )

    def is_anchored(self, batch: Batch) -> bool:
        """Return True if the root is in a final block."""
        found = self._db.execute(
            "SELECT anchored FROM batches WHERE kind = ? AND epoch = ?",
            (int(batch.kind), batch.epoch),
        ).fetchone()
        return found is not None and bool(found[0])

    def move(self, batch: Batch, to: int) -> None:
        """Put the leaves of a batch that the chain never took into a later epoch."""
        with _transaction(self._db):
            if self._salt(Batch(batch.kind, to)) is not None:
                raise VaultError(f"the {batch.kind.label} of epoch {to} are closed")
            self._db.execute(
                "DELETE FROM batches WHERE kind = ? AND epoch = ? AND anchored = 0",
                (int(batch.kind), batch.epoch),
            )
            self._db.execute(
                "UPDATE leaves SET epoch = ? WHERE kind = ? AND epoch = ?",
                (to, int(batch.kind), batch.epoch),
            )

    def unanchored(self) -> list[Batch]:
        """Return the batches with leaves, or frozen ones, that are not on the chain."""
        found = self._db.execute(
            "SELECT kind, epoch FROM batches WHERE anchored = 0 UNION "
            "SELECT DISTINCT l.kind, l.epoch FROM leaves l LEFT JOIN batches b "
            "ON b.kind = l.kind AND b.epoch = l.epoch WHERE b.salt IS NULL"
        )
        return [Batch(Kind(kind), epoch) for kind, epoch in found]

    def _salt(self, batch: Batch) -> bytes | None:
        found = self._db.execute(
            "SELECT salt FROM batches WHERE kind = ? AND epoch = ?", (int(batch.kind), batch.epoch)
        ).fetchone()
        return None if found is None else bytes(found[0])


@contextmanager
def _transaction(db: sqlite3.Connection) -> Iterator[None]:
    db.execute("BEGIN IMMEDIATE")
    try:
        yield
    except BaseException:
        db.execute("ROLLBACK")
        raise
    db.execute("COMMIT")
