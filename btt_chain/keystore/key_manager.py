"""The key manager: a node's keys together with their signing records.

The record of a generated key is made first: a crash in between leaves a record without a key, never
a key without a record.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Final

from btt_chain.keystore.errors import RecordError
from btt_chain.keystore.ledger import Ledger
from btt_chain.keystore.record import Record, SigningRecord
from btt_chain.keystore.store import SCHEMES, Keystore, new_pair
from btt_chain.keystore.unused import UnusedRecord

SESSION_KEYS_LENGTH: Final = 64
OWNER_PREFIX: Final = b"POP_"
"""Prefix of the owner in a proof of possession. Source: `sp_core::proof_of_possession`."""


class KeyManager:
    """Keys and records of one chain; records are opened on first use, and stay locked.

    The record of a key that was generated here is opened when it first changes.
    """

    def __init__(
        self, keystore: Keystore, root: Path, genesis_hash: bytes, *, is_live: bool, forced: bool
    ) -> None:
        """Use `root`, `<base>/signing`; `is_live` and `forced` decide about missing records."""
        self.keystore = keystore
        self.is_live = is_live
        self._enter: Callable[[bytes], SigningRecord] = lambda public: SigningRecord.enter(
            root, genesis_hash, public, is_live=is_live, forced=forced
        )
        self._create: Callable[[bytes], SigningRecord] = lambda public: SigningRecord.create(
            root, genesis_hash, public
        )
        self._reopen: Callable[[bytes], Callable[[], SigningRecord]] = lambda public: (
            lambda: SigningRecord.open(root, genesis_hash, public)
        )
        self._records: dict[bytes, SigningRecord | UnusedRecord] = {}

    def record(self, public: bytes) -> Record:
        """Return the record of a key, locked from now on. Raises RecordError."""
        found = self._records.get(public)
        if found is None:
            found = self._records[public] = self._enter(public)
        return found

    def check(self) -> list[RecordError]:
        """Open the records of all keys; return the errors of those that cannot be used.

        For the start of a validator, which must not begin with a key that it cannot sign with.
        """
        problems = []
        for key_type in SCHEMES:
            for public in self.keystore.public_keys(key_type):
                try:
                    self.record(public)
                except RecordError as problem:
                    problems.append(problem)
        return problems

    def insert(self, key_type: bytes, uri: str, public: bytes | None = None) -> bytes:
        """Store an existing key; return its public key.

        Where it may have signed elsewhere (a live chain), no record is made: one must be imported,
        or forced at the next start. Raises KeystoreError, RecordError.
        """
        public = self.keystore.insert(key_type, uri, public)
        if not self.is_live:
            self.record(public)
        return public

    def rotate(self) -> bytes:
        """Generate a set of session keys, with records; return 64 bytes, babe before gran.

        Raises KeystoreError, RecordError.
        """
        return b"".join(self._generate(key_type) for key_type in SCHEMES)

    def has(self, key_type: bytes, public: bytes) -> bool:
        """Return True if the keystore has the key."""
        return self.keystore.has(key_type, public)

    def has_session_keys(self, keys: bytes) -> bool:
        """Return True if the keystore has all of `keys`; ValueError unless these are 64 bytes."""
        return all(self.keystore.has(key_type, public) for key_type, public in split(keys))

    def unused(self, key_type: bytes) -> list[bytes]:
        """Return the public keys of a type that have signed nothing yet.

        Keys whose record cannot be used are left out: they may have signed elsewhere.
        """
        clean, found = Ledger(), []
        for public in self.keystore.public_keys(key_type):
            with suppress(RecordError):
                if self.record(public).ledger == clean:
                    found.append(public)
        return found

    def prove_possession(self, keys: bytes, owner: bytes) -> bytes:
        """Return the signatures of session `keys` over their `owner`, in the order of the keys.

        KeyError if the keystore lacks one. Source: `OpaqueKeys::ownership_proof_is_valid`.
        """
        return possession_proof(self.keystore, keys, owner)

    def close(self) -> None:
        """Close every record."""
        for record in self._records.values():
            record.close()
        self._records.clear()

    def _generate(self, key_type: bytes) -> bytes:
        pair = new_pair(key_type)
        created = self._create(pair.public)
        created.close()
        self._records[pair.public] = UnusedRecord(
            created.genesis_hash, pair.public, self._reopen(pair.public)
        )
        return self.keystore.take(key_type, pair)


def possession_proof(keystore: Keystore, keys: bytes, owner: bytes) -> bytes:
    """Return the signatures of session `keys` over their `owner`, in the order of the keys.

    Raises KeyError with the public key that is not in the keystore; ValueError if `keys` are not 64
    bytes.
    """
    proof = b""
    for key_type, public in split(keys):
        pair = keystore.pair(key_type, public)
        if pair is None:
            raise KeyError(public)
        proof += pair.sign(OWNER_PREFIX + owner)
    return proof


def split(keys: bytes) -> list[tuple[bytes, bytes]]:
    """Return type and public key of each session key; ValueError unless `keys` are 64 bytes."""
    if len(keys) != SESSION_KEYS_LENGTH:
        raise ValueError(f"session keys have {SESSION_KEYS_LENGTH} bytes, not {len(keys)}")
    return [(kind, keys[32 * at : 32 * at + 32]) for at, kind in enumerate(SCHEMES)]
