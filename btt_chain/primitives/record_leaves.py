"""Leaves of the trees that custodians of health records anchor.

    record    leaf of  salt || sha256(record) || version u32     record: canonical JSON, RFC 8785
    consent   leaf of  salt || sha256(consent) || handle         handle = blake2_256(secret)
    access    leaf of  salt || sha256(entry) || request          request: hash of the signed request

A salt is 32 random bytes, of one leaf, and secret: without it no guess of a content can be tested.
If the salt and the record are deleted, the leaf that remains says nothing. Integers are little
endian. The kinds are anchored under roots of their own (pallet HealthRecords).
"""

from __future__ import annotations

from hashlib import sha256
from typing import Final

from btt_chain.crypto.hashing import blake2_256
from btt_chain.primitives.digest import H256
from btt_chain.primitives.evidence_tree import SALT_SIZE, leaf_hash

SECRET_SIZE: Final = 32
"""Bytes of the secret that revokes a consent."""


def record_leaf(salt: bytes, record: bytes, version: int) -> H256:
    """Return the leaf of a version of a record, given as canonical JSON."""
    return _leaf(salt, sha256(record).digest(), version.to_bytes(4, "little"))


def consent_leaf(salt: bytes, consent: bytes, handle: H256) -> H256:
    """Return the leaf of a consent, given as canonical JSON, that `handle` revokes."""
    return _leaf(salt, sha256(consent).digest(), handle)


def access_leaf(salt: bytes, entry: bytes, request: H256) -> H256:
    """Return the leaf of an entry of the access log, given as canonical JSON."""
    return _leaf(salt, sha256(entry).digest(), request)


def consent_handle(secret: bytes) -> H256:
    """Return the handle of a consent: once its secret is published, the consent is revoked.

    ValueError if the secret is not of 32 bytes.
    """
    if len(secret) != SECRET_SIZE:
        raise ValueError(f"a secret has {SECRET_SIZE} bytes, not {len(secret)}")
    return H256(blake2_256(secret))


def _leaf(salt: bytes, digest: bytes, rest: bytes) -> H256:
    if len(salt) != SALT_SIZE:
        raise ValueError(f"a salt has {SALT_SIZE} bytes, not {len(salt)}")
    return leaf_hash(salt + digest + rest)
