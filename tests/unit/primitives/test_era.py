from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from btt_chain.primitives.era import FOR_EVER, Era, Immortal, Mortal
from btt_chain.scale import DecodeError, codec
from btt_chain.scale.shape import VariantOf

ERA = codec(Era)


@given(st.integers(0, 2**32), st.integers(0, 70_000))
def test_an_era_holds_the_block_it_was_made_at(current: int, period: int) -> None:
    era = Mortal.at(current, period)
    assert ERA.decode_all(ERA.encode(era)) == era
    assert 4 <= era.period <= 65_536
    assert era.birth(current) <= current < era.death(current)
    assert current - era.birth(current) < max(era.period >> 12, 1)
    assert era.period >= min(period, 65_536)


@given(st.integers(0, 2**16 - 1))
def test_two_bytes_are_an_era_or_none(word: int) -> None:
    raw = word.to_bytes(2, "little")
    try:
        era = ERA.decode_all(raw)
    except DecodeError:
        return
    assert ERA.encode(era) == raw


def test_immortal_is_one_zero_byte() -> None:
    assert ERA.encode(Immortal()) == b"\0"
    assert ERA.decode_all(b"\0") == Immortal()
    assert (Immortal().birth(5), Immortal().death(5)) == (0, FOR_EVER)


@pytest.mark.parametrize("raw", ["", "01", "4100", "10ff", "20 00"])
def test_what_is_no_era_is_refused(raw: str) -> None:
    with pytest.raises(DecodeError):
        ERA.decode_all(bytes.fromhex(raw))


@pytest.mark.parametrize(("period", "phase"), [(3, 0), (2, 0), (2**17, 0), (64, 64), (2**13, 1)])
def test_an_era_that_cannot_be_written_cannot_be_made(period: int, phase: int) -> None:
    with pytest.raises(ValueError, match=r"period|phase"):
        Mortal(period, phase)


def test_metadata_shows_a_variant_for_every_first_byte() -> None:
    node = ERA.shape.node
    assert isinstance(node, VariantOf)
    assert [variant.index for variant in node.variants] == list(range(256))
    assert [variant.name for variant in node.variants[:3]] == ["Immortal", "Mortal1", "Mortal2"]
    assert all(len(variant.fields) == 1 for variant in node.variants[1:])
