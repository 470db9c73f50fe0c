"""A folder's encrypted records: one SQLite file that survives `kill -9`.

Each transaction is on the disk when it returns (`synchronous=FULL`). A record is encrypted with
ChaCha20-Poly1305 under a key that follows from the folder's secret; it is bound to its topic, its
name and its file. Names and groups are stored as keyed hashes. In the open are: topics, months,
the number of records, their lengths, and which records have one group.

SQLite keeps removed content until its page is used again; `secure_delete` overwrites it.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import blake2b
from pathlib import Path
from typing import Final, Self

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

from btt_chain.care.errors import CareError, Damaged
from btt_chain.store import DURABLE, FACTS, Layout, Store, Value

SALT_LENGTH: Final = 32
NONCE_LENGTH: Final = 12
SCRYPT_N = 1 << 15
_CHECK: Final = b"btt-chain care"
_TABLES: Final = """
CREATE TABLE records (
    seq INTEGER PRIMARY KEY, topic TEXT NOT NULL, name BLOB NOT NULL, month INTEGER NOT NULL,
    grp BLOB NOT NULL, body BLOB NOT NULL, UNIQUE (topic, name)
);
CREATE INDEX by_month ON records (topic, month, seq);
CREATE INDEX by_group ON records (topic, grp, seq);
"""
LAYOUT: Final = Layout(
    1, FACTS + _TABLES, (*DURABLE, "secure_delete = ON"), owner_only=True, any_thread=True
)


class Vault:
    """The records of one folder; made by `open`."""

    def __init__(self, store: Store, key: bytes) -> None:
        self._store = store
        self.transaction = store.transaction
        self._cipher = ChaCha20Poly1305(_derive(key, b"records"))
        self._index = _derive(key, b"index")
        self._root = key

    @classmethod
    @contextmanager
    def open(cls, path: Path, secret: bytes, owner: bytes) -> Iterator[Self]:
        """Open or create a vault of an owner: a text that names a role, a chain and an account.

        Raises CareError for a wrong secret, or the vault of another owner; StoreError.
        """
        with Store(path, LAYOUT, {"salt": os.urandom(SALT_LENGTH)}) as store:
            salt = store.fact("salt")
            if salt is None:
                raise CareError(f"{path}: it has no salt")
            vault = cls(store, Scrypt(salt=salt, length=32, n=SCRYPT_N, r=8, p=1).derive(secret))
            try:
                vault._check_owner(owner)
            except Damaged:
                raise CareError(f"{path}: it does not open with this secret") from None
            yield vault

    def derived(self, purpose: bytes) -> bytes:
        """Return a key of the folder for another purpose."""
        return _derive(self._root, purpose)

    # ---- records

    def put(
        self, topic: str, name: bytes, record: bytes, *, month: int = 0, group: bytes = b""
    ) -> None:
        """Write a record, in place of one of its name."""
        hashed = self._hash(topic, name)
        self._store.execute(
            "INSERT INTO records (topic, name, month, grp, body) VALUES (?, ?, ?, ?, ?) "
            "ON CONFLICT (topic, name) DO UPDATE SET month = excluded.month, "
            "grp = excluded.grp, body = excluded.body",
            (topic, hashed, month, self._hash(topic, group), self._seal(topic, hashed, record)),
        )

    def get(self, topic: str, name: bytes) -> bytes | None:
        """Return a record; None if there is none."""
        hashed = self._hash(topic, name)
        row = self._store.row(
            "SELECT body FROM records WHERE topic = ? AND name = ?", (topic, hashed)
        )
        return None if row is None else self._open(topic, hashed, row[0])

    def all(self, topic: str) -> list[bytes]:
        """Return the records of a topic, the oldest first."""
        return self._select(topic, "1", ())

    def of_month(self, topic: str, month: int) -> list[bytes]:
        """Return the records of a topic and a month, the oldest first."""
        return self._select(topic, "month = ?", (month,))

    def of_group(self, topic: str, group: bytes) -> list[bytes]:
        """Return the records of a topic and a group, the oldest first."""
        return self._select(topic, "grp = ?", (self._hash(topic, group),))

    # ---- internals

    def _select(self, topic: str, where: str, values: tuple[Value, ...]) -> list[bytes]:
        rows = self._store.rows(
            f"SELECT name, body FROM records WHERE topic = ? AND {where} ORDER BY seq",  # noqa: S608 - constants only
            (topic, *values),
        )
        return [self._open(topic, bytes(name), body) for name, body in rows]

    def _check_owner(self, owner: bytes) -> None:
        with self.transaction():
            sealed = self._store.fact("owner")
            if sealed is None:
                self._store.set_fact("owner", self._seal("owner", _CHECK, owner))
                return
        if self._open("owner", _CHECK, sealed) != owner:
            raise CareError("the folder belongs to another account or another chain")

    def _hash(self, topic: str, name: bytes) -> bytes:
        return blake2b(topic.encode() + b"\0" + name, digest_size=16, key=self._index).digest()

    def _seal(self, topic: str, hashed: bytes, record: bytes) -> bytes:
        nonce = os.urandom(NONCE_LENGTH)
        return nonce + self._cipher.encrypt(nonce, record, topic.encode() + b"\0" + hashed)

    def _open(self, topic: str, hashed: bytes, body: bytes) -> bytes:
        nonce, sealed = body[:NONCE_LENGTH], body[NONCE_LENGTH:]
        try:
            return self._cipher.decrypt(nonce, sealed, topic.encode() + b"\0" + hashed)
        except InvalidTag:
            raise Damaged(f"a record of {topic} does not open: it was changed") from None


def _derive(secret: bytes, purpose: bytes) -> bytes:
    return HKDF(SHA256(), 32, None, _CHECK + b" " + purpose).derive(secret)
