"""Input that lies about its size costs nothing."""

from __future__ import annotations

import tracemalloc
from typing import Annotated

import pytest

from btt_chain.scale import (
    Array,
    BitSequence,
    Bounded,
    Codec,
    DecodeError,
    codec,
    compact_encode,
    u8,
    u32,
    u128,
)

LISTS: list[Codec[object]] = [
    codec(bytes),
    codec(str),
    codec(list[u8]),
    codec(list[u128]),
    codec(list[str]),
    codec(list[list[u8]]),
    codec(dict[u32, bytes]),
    codec(BitSequence),
    codec(Bounded[list[u32], 1 << 40]),
    codec(tuple[u8, list[tuple[u32, bytes]]]),
]


@pytest.mark.parametrize("part", LISTS, ids=lambda part: part.name)
@pytest.mark.parametrize("claim", [2**20, 2**30, 2**32 - 1, 2**32, 2**64, 2**500])
def test_a_claimed_length_is_checked_before_anything_is_made(
    part: Codec[object], claim: int
) -> None:
    raw = compact_encode(claim) + bytes(64)
    tracemalloc.start()
    for start in (b"", b"\0"):
        with pytest.raises(DecodeError):
            part.decode_all(start + raw)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 100_000


def test_an_array_is_checked_against_what_is_there() -> None:
    with pytest.raises(DecodeError, match="too early"):
        codec(Annotated[list[u32], Array(1 << 30)]).decode_all(bytes(100))


def test_a_list_of_lists_costs_what_it_weighs() -> None:
    raw = compact_encode(1_000) + b"\0" * 1_000
    assert codec(list[list[u8]]).decode_all(raw) == [[]] * 1_000
    with pytest.raises(DecodeError):
        codec(list[list[u8]]).decode_all(compact_encode(1_001) + b"\0" * 1_000)
