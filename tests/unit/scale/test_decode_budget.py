"""Decode budgets: what a message may cost is known before its items are decoded."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import Annotated

import pytest

from btt_chain.scale import (
    Array,
    BitSequence,
    Bounded,
    Codec,
    DecodeBudget,
    DecodeError,
    EncodeError,
    MaxBytes,
    MaxLen,
    RecursiveCodec,
    codec,
    compact_encode,
    u8,
    u32,
)
from btt_chain.scale.budget import METER
from btt_chain.scale.enums import option

SMALL = DecodeBudget(max_bytes=10_000, max_items=100)


@dataclass(slots=True)
class Two:
    """Two lists in one message."""

    first: list[bytes]
    second: list[u8]


@pytest.mark.parametrize(
    "kind",
    [
        codec(list[u8]),
        codec(list[bytes]),
        codec(list[bool]),
        codec(list[list[u8]]),
        codec(Bounded[list[bool], 5_000]),
        codec(Annotated[list[bool], MaxLen(5_000)]),
    ],
    ids=lambda kind: kind.name,
)
def test_one_item_above_the_budget_is_refused_before_any_item_is_decoded(
    kind: Codec[list[object]],
) -> None:
    assert len(SMALL.decode(kind, compact_encode(100) + bytes(100))) == 100
    # The items are malformed where that can be: the count alone refuses the message.
    with pytest.raises(DecodeError, match="101 items claimed, the message may have 100 more"):
        SMALL.decode(kind, compact_encode(101) + b"\xff" * 101)


def test_items_are_counted_over_all_collections_of_a_message() -> None:
    raw = codec(Two).encode(Two([b""] * 60, [u8(1)] * 40))
    assert len(SMALL.decode(codec(Two), raw).second) == 40
    raw = codec(Two).encode(Two([b""] * 60, [u8(1)] * 41))
    with pytest.raises(DecodeError, match="41 items claimed, the message may have 40 more"):
        SMALL.decode(codec(Two), raw)


def test_lists_in_lists_are_counted_with_their_items() -> None:
    kind = codec(list[list[u8]])
    assert SMALL.decode(kind, kind.encode([[u8(1)]] * 50)) == [[1]] * 50
    with pytest.raises(DecodeError, match="items claimed"):
        SMALL.decode(kind, kind.encode([[u8(1)]] * 51))


def test_maps_arrays_and_bits_are_counted() -> None:
    table = codec(dict[u32, u8])
    with pytest.raises(DecodeError, match="101 items"):
        SMALL.decode(table, table.encode({u32(n): u8(1) for n in range(101)}))
    rows = codec(list[Annotated[list[bytes], Array(10)]])
    with pytest.raises(DecodeError, match="10 items"):
        SMALL.decode(rows, rows.encode([[b""] * 10] * 10))
    bits = codec(BitSequence)
    with pytest.raises(DecodeError, match="808 items"):
        SMALL.decode(bits, bits.encode(BitSequence([True] * 808)))


def test_a_byte_string_of_any_length_within_the_budget_is_one_item() -> None:
    kind = codec(list[bytes])
    assert SMALL.decode(kind, kind.encode([bytes(9_000)])) == [bytes(9_000)]


def test_a_message_that_is_too_long_is_not_decoded() -> None:
    with pytest.raises(DecodeError, match="10001 bytes, at most 10000 are allowed"):
        SMALL.decode(codec(bytes), b"\xff" * 10_001)


def test_depth_is_bounded_by_the_budget() -> None:
    recursive: RecursiveCodec[object] = RecursiveCodec("Nested")
    recursive.bind(option(recursive))
    assert DecodeBudget(100, 100, max_depth=5).decode(recursive, b"\1" * 4 + b"\0") is None
    with pytest.raises(DecodeError, match="nested deeper than 5"):
        DecodeBudget(100, 100, max_depth=5).decode(recursive, b"\1" * 5 + b"\0")
    assert recursive.decode_all(b"\1" * 60 + b"\0") is None


def test_without_a_budget_nothing_is_counted() -> None:
    assert len(codec(list[bool]).decode_all(compact_encode(5_000) + bytes(5_000))) == 5_000


def test_a_refused_message_leaves_no_budget_behind() -> None:
    with pytest.raises(DecodeError):
        SMALL.decode(codec(list[bool]), compact_encode(100) + b"\7" * 100)
    assert (METER.items, METER.depth) == (None, 0)
    test_without_a_budget_nothing_is_counted()


def test_a_budget_in_a_budget_takes_from_the_outer_one() -> None:
    inner, item = DecodeBudget(1_000, 50), codec(list[bool])
    outer: Codec[tuple[object, object]] = Codec(
        "Outer",
        item.encode,  # type: ignore[arg-type]
        lambda raw, at: ((inner.decode(item, raw[:31]), item.decode(raw, 31)[0]), len(raw)),
        item.shape,
        1,
    )
    raw = compact_encode(30) + bytes(30)
    first, second = DecodeBudget(1_000, 60).decode(outer, raw + raw)
    assert (first, second) == ([False] * 30, [False] * 30)
    with pytest.raises(DecodeError, match="30 items claimed, the message may have 29 more"):
        DecodeBudget(1_000, 59).decode(outer, raw + raw)


def test_budgets_of_two_threads_do_not_meet() -> None:
    found: list[int] = []

    def other() -> None:
        found.append(len(codec(list[bool]).decode_all(compact_encode(500) + bytes(500))))

    def decode(raw: bytes, at: int) -> tuple[int, int]:
        thread = threading.Thread(target=other)
        thread.start()
        thread.join()
        return 0, len(raw)

    SMALL.decode(Codec("Waits", bytes, decode, codec(u8).shape, 0), b"")
    assert found == [500]


# --- limits of types --------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "plain", "fits", "refused"),
    [
        (codec(Annotated[list[u8], MaxLen(2)]), codec(list[u8]), [1, 2], [1, 2, 3]),
        (codec(Annotated[bytes, MaxLen(2)]), codec(bytes), b"ab", b"abc"),
        (codec(Annotated[dict[u8, u8], MaxLen(1)]), codec(dict[u8, u8]), {1: 1}, {1: 1, 2: 2}),
        (
            codec(Annotated[list[bytes], MaxLen(9), MaxBytes(4)]),
            codec(list[bytes]),
            [b"ab"],
            [b"abc"],
        ),
    ],
    ids=["list", "bytes", "dict", "encoding"],
)
def test_a_limit_of_a_type_holds_in_both_directions(
    kind: Codec[object], plain: Codec[object], fits: object, refused: object
) -> None:
    assert kind.decode_all(kind.encode(fits)) == fits
    with pytest.raises(EncodeError):
        kind.encode(refused)
    with pytest.raises(DecodeError):
        kind.decode_all(plain.encode(refused))


def test_a_limit_without_a_metadata_form_keeps_the_description_of_the_plain_type() -> None:
    limited, plain = codec(Annotated[list[u32], MaxLen(3)]), codec(list[u32])
    assert limited.name == plain.name
    assert limited.shape.node == plain.shape.node
    assert (limited.shape.path, limited.limit) == ("", 3)


def test_a_limit_of_something_without_items_is_a_mistake() -> None:
    with pytest.raises(TypeError, match="only list, bytes and dict"):
        codec(Annotated[u32, MaxLen(3)])
