from __future__ import annotations

from threading import Thread
from typing import Annotated

import pytest

from btt_chain.scale import DecodeError, EncodeError, Path, RecursiveCodec, Variant, codec, u8

CALL: RecursiveCodec[object] = RecursiveCodec("Call")
Call = Annotated[object, CALL]


class Batch(Variant, index=0):
    calls: list[Call]


class Say(Variant, index=1):
    word: u8


CALL.bind(codec(Annotated[Batch | Say, Path("tests::Call")]))


def nested(depth: int) -> bytes:
    """A call inside of `depth` batches."""
    return b"\0\4" * depth + b"\1\7"


def test_a_call_holds_calls() -> None:
    call = Batch([Say(u8(1)), Batch([Say(u8(2))])])
    raw = codec(Call).encode(call)
    assert raw.hex() == "0008010100040102"
    assert codec(Call).decode_all(raw) == call


def test_nesting_has_an_end_in_both_directions() -> None:
    deepest = codec(Call).decode_all(nested(63))
    assert codec(Call).encode(deepest) == nested(63)
    with pytest.raises(DecodeError, match="nested deeper than 64"):
        codec(Call).decode_all(nested(64))
    with pytest.raises(DecodeError, match="nested deeper than 64"):
        codec(Call).decode_all(nested(100_000))
    with pytest.raises(EncodeError, match="nested deeper than 64"):
        codec(Call).encode(Batch([deepest]))


def test_depth_is_forgotten_after_an_error_and_counted_per_thread() -> None:
    for _ in range(3):
        with pytest.raises(DecodeError):
            codec(Call).decode_all(nested(64))
    results: list[object] = []
    threads = [
        Thread(target=lambda: results.append(codec(Call).decode_all(nested(60)))) for _ in range(3)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(results) == 3


def test_a_recursive_codec_without_a_definition_raises_an_error() -> None:
    empty: RecursiveCodec[tuple[()]] = RecursiveCodec("Empty")
    loose: RecursiveCodec[int] = RecursiveCodec("Loose")
    with pytest.raises(TypeError, match="Loose has no definition"):
        loose.decode_all(b"\0")
    with pytest.raises(TypeError, match="at least one byte"):
        empty.bind(codec(tuple[()]))
