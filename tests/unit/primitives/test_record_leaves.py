"""Leaves commit to a salt, a content and its version; a handle is the hash of its secret."""

from __future__ import annotations

from hashlib import blake2b, sha256

import pytest

from btt_chain.primitives.digest import H256
from btt_chain.primitives.record_leaves import (
    access_leaf,
    consent_handle,
    consent_leaf,
    record_leaf,
)

SALT = bytes(range(32))
RECORD = b'{"resourceType":"Observation"}'


def blake2(data: bytes) -> bytes:
    return blake2b(data, digest_size=32).digest()


def test_the_leaves_are_the_documented_bytes() -> None:
    digest = sha256(RECORD).digest()
    version = (3).to_bytes(4, "little")
    handle = consent_handle(b"\5" * 32)
    assert handle == blake2(b"\5" * 32)
    assert record_leaf(SALT, RECORD, 3) == blake2(b"\0" + SALT + digest + version)
    assert consent_leaf(SALT, RECORD, handle) == blake2(b"\0" + SALT + digest + handle)
    assert access_leaf(SALT, RECORD, handle) == blake2(b"\0" + SALT + digest + handle)


def test_a_content_is_not_found_by_guessing_without_its_salt() -> None:
    leaf = record_leaf(SALT, RECORD, 1)
    guesses = (b'{"resourceType":"Observation"}', b'{"resourceType":"Condition"}')
    weak = [bytes(32), b"\1" * 32]
    assert all(record_leaf(salt, guess, 1) != leaf for guess in guesses for salt in weak)
    # A salt that can be guessed protects nothing.
    assert any(
        record_leaf(bytes(32), guess, 1) == record_leaf(bytes(32), RECORD, 1) for guess in guesses
    )


def test_salts_and_secrets_have_32_bytes() -> None:
    with pytest.raises(ValueError, match="a salt has 32 bytes, not 16"):
        record_leaf(SALT[:16], RECORD, 1)
    with pytest.raises(ValueError, match="a salt has 32 bytes, not 0"):
        consent_leaf(b"", RECORD, H256(bytes(32)))
    with pytest.raises(ValueError, match="a secret has 32 bytes, not 4"):
        consent_handle(b"1234")
