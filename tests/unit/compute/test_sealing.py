from __future__ import annotations

import os
import tracemalloc
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from btt_chain.compute.blobs.sealing import (
    CHUNK,
    TAG,
    BadSealKey,
    DoesNotOpen,
    job_keys,
    new_secret,
    open_pieces,
    open_sealed,
    public_of,
    seal,
    seal_pieces,
    sealed_size,
)

SECRET = bytes(range(32))
PUBLIC = public_of(SECRET)
HERE = b"payload" + b"\1" * 32


@pytest.mark.parametrize("size", [0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 3 * CHUNK, 200_001])
def test_what_is_sealed_opens_with_its_key_and_has_the_size_that_was_reported(size: int) -> None:
    plain = os.urandom(size)
    sealed = seal(plain, PUBLIC, HERE)
    assert open_sealed(sealed, SECRET, HERE) == plain
    assert len(sealed) == sealed_size(size)
    assert plain[:32] not in sealed or size < 32


@settings(deadline=None, max_examples=30)
@given(st.lists(st.binary(max_size=90_000), max_size=6), st.integers(1, 70_000))
def test_how_it_is_cut_into_pieces_changes_nothing(parts: list[bytes], cut: int) -> None:
    sealed = b"".join(seal_pieces(parts, PUBLIC, HERE))
    pieces = [sealed[at : at + cut] for at in range(0, len(sealed), cut)]
    assert b"".join(open_pieces(pieces, SECRET, HERE)) == b"".join(parts)


def test_a_change_of_any_byte_is_found() -> None:
    sealed = seal(b"a diagnosis", PUBLIC, HERE)
    for at in range(len(sealed)):
        changed = bytearray(sealed)
        changed[at] ^= 1
        with pytest.raises(DoesNotOpen):
            open_sealed(bytes(changed), SECRET, HERE)


def test_a_cut_anywhere_is_found() -> None:
    sealed = seal(b"x" * 100, PUBLIC, HERE)
    for length in range(len(sealed)):
        with pytest.raises(DoesNotOpen):
            open_sealed(sealed[:length], SECRET, HERE)
    with pytest.raises(DoesNotOpen):
        open_sealed(sealed + b"\0", SECRET, HERE)


def pieces_of(sealed: bytes) -> tuple[bytes, list[bytes]]:
    step = CHUNK + TAG
    return sealed[:33], [sealed[at : at + step] for at in range(33, len(sealed), step)]


def test_pieces_cannot_be_dropped_repeated_or_swapped() -> None:
    head, (first, second, last) = pieces_of(seal(os.urandom(3 * CHUNK), PUBLIC, HERE))
    for order in (
        [first, second],
        [second, first, last],
        [first, last],
        [first, first, second, last],
        [first, second, last, last],
        [],
        [last],
    ):
        with pytest.raises(DoesNotOpen):
            open_sealed(head + b"".join(order), SECRET, HERE)


def test_another_key_or_another_place_does_not_open_it() -> None:
    sealed = seal(b"secret", PUBLIC, HERE)
    with pytest.raises(DoesNotOpen):
        open_sealed(sealed, new_secret(), HERE)
    with pytest.raises(DoesNotOpen):
        open_sealed(sealed, SECRET, b"payload" + b"\2" * 32)


def test_the_same_bytes_are_never_sealed_alike() -> None:
    assert seal(b"malignant", PUBLIC, HERE) != seal(b"malignant", PUBLIC, HERE)


@pytest.mark.parametrize("key", [b"", b"\1" * 31, bytes(32), b"\1" + bytes(31)])
def test_keys_that_keep_no_secret_are_refused(key: bytes) -> None:
    with pytest.raises(BadSealKey):
        seal(b"x", key, HERE)
    if len(key) == 32:
        with pytest.raises(DoesNotOpen):
            open_sealed(b"\1" + key + bytes(17), SECRET, HERE)


def test_large_data_needs_little_memory() -> None:
    def source() -> Iterator[bytes]:
        for _ in range(320):
            yield bytes(100_000)

    tracemalloc.start()
    total = sum(map(len, open_pieces(seal_pieces(source(), PUBLIC, HERE), SECRET, HERE)))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert total == 32_000_000
    assert peak < 2_000_000


def test_the_keys_of_a_job_follow_from_its_secret_and_say_nothing_of_each_other() -> None:
    keys = job_keys(SECRET)
    assert keys == job_keys(SECRET)
    assert keys != job_keys(new_secret())
    assert len({keys.leaves, keys.reply_secret, keys.reply_public, SECRET}) == 4
    assert open_sealed(seal(b"x", keys.reply_public, b""), keys.reply_secret, b"") == b"x"
    assert keys.reply_secret.hex() not in repr(keys)
    with pytest.raises(ValueError, match="32 bytes"):
        job_keys(b"short")
