from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from btt_chain.scale import (
    Codec,
    Compact,
    DecodeError,
    EncodeError,
    Integer,
    codec,
    compact_decode,
    compact_encode,
    u8,
    u16,
    u32,
    u64,
    u128,
)

LARGEST = 2**536 - 1
EDGES = [0, 1, 63, 64, 2**14 - 1, 2**14, 2**30 - 1, 2**30, 2**32 - 1, 2**32, 2**64, LARGEST]


@pytest.mark.parametrize("n", EDGES)
def test_the_edges_of_the_forms_come_back(n: int) -> None:
    raw = compact_encode(n)
    assert compact_decode(b"x" + raw, 1) == (n, 1 + len(raw))


@given(st.integers(0, LARGEST))
def test_every_number_comes_back(n: int) -> None:
    raw = compact_encode(n)
    assert compact_decode(raw, 0) == (n, len(raw))


@pytest.mark.parametrize("n", [-1, LARGEST + 1])
def test_a_number_out_of_range_has_no_compact_form(n: int) -> None:
    with pytest.raises(EncodeError):
        compact_encode(n)


@pytest.mark.parametrize(
    "longer", ["0100", "fd00", "02000000", "feff0000", "03ffffff3f", "0300000000", "070000000000"]
)
def test_a_longer_form_than_needed_is_refused(longer: str) -> None:
    with pytest.raises(DecodeError, match="shortest"):
        compact_decode(bytes.fromhex(longer), 0)
    with pytest.raises(DecodeError, match="shortest"):
        codec(Compact[u128]).decode_all(bytes.fromhex(longer))


@pytest.mark.parametrize("n", EDGES)
def test_a_compact_that_is_cut_short_is_refused(n: int) -> None:
    raw = compact_encode(n)
    for size in range(len(raw)):
        with pytest.raises(DecodeError, match="too early"):
            compact_decode(raw[:size], 0)
        with pytest.raises(DecodeError, match="too early"):
            codec(Compact[u128]).decode_all(raw[:size])


@pytest.mark.parametrize(
    ("kind", "compact"),
    [
        (u8, codec(Compact[u8])),
        (u16, codec(Compact[u16])),
        (u32, codec(Compact[u32])),
        (u64, codec(Compact[u64])),
        (u128, codec(Compact[u128])),
    ],
)
def test_a_compact_of_a_type_keeps_to_its_range(
    kind: type[Integer], compact: Codec[Integer]
) -> None:
    for n in [edge for edge in EDGES if edge <= kind.MAX] + [kind.MAX]:
        value = compact.decode_all(compact.encode(kind(n)))
        assert value == n
        assert type(value) is kind
    with pytest.raises(DecodeError, match="out of range"):
        compact.decode_all(compact_encode(kind.MAX + 1))
    with pytest.raises(EncodeError, match="out of range"):
        compact.encode(kind.MAX + 1)  # type: ignore[arg-type]
    with pytest.raises(EncodeError, match="out of range"):
        compact.encode(-1)  # type: ignore[arg-type]


@given(st.binary(max_size=20))
def test_the_quick_way_to_read_a_compact_agrees_with_the_plain_one(raw: bytes) -> None:
    quick: tuple[int, int] | None
    plain: tuple[int, int] | None
    try:
        quick = codec(Compact[u128]).decode(raw, 0)
    except DecodeError:
        quick = None
    try:
        plain = compact_decode(raw, 0)
    except DecodeError:
        plain = None
    if plain is not None and plain[0] > u128.MAX:
        plain = None
    assert quick == plain
