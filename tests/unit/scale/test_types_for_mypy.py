"""The public API as a type checker sees it: this file is checked by mypy --strict."""

from __future__ import annotations

from typing import Annotated, assert_type

from btt_chain.scale import (
    Bounded,
    Codec,
    Compact,
    Err,
    Fixed,
    Ok,
    Opaque,
    Path,
    Result,
    Variant,
    codec,
    u8,
    u32,
    u128,
)


class Id(Variant, index=0):
    account: bytes


class Raw(Variant, index=1):
    data: bytes


Address = Annotated[Id | Raw, Path("tests::Address")]


def transfer(
    dest: Address,
    value: Compact[u128],
    few: Bounded[list[u8], 28],
    table: Bounded[dict[u8, u32], 4],
    four: Annotated[bytes, Fixed(4)],
    sealed: Annotated[Id, Opaque],
) -> u128:
    assert_type(value, u128)
    assert_type(few, list[u8])
    assert_type(table, dict[u8, u32])
    assert_type(four, bytes)
    assert_type(sealed, Id)
    match dest:
        case Id(account):
            assert_type(account, bytes)
        case Raw():
            assert_type(dest.data, bytes)
    return 1 + value * 2 // u8(2) - u32(1)


def test_annotations_mean_the_same_to_the_checker_and_to_the_codec() -> None:
    assert transfer(Id(b""), u128(7), [], {}, b"four", Id(b"")) == 7
    assert_type(codec(Compact[u128]), Codec[u128])
    assert_type(codec(Address), Codec[Id | Raw])
    assert_type(codec(Bounded[list[u8], 4]), Codec[list[u8]])
    assert_type(codec(u8 | None), Codec[u8 | None])
    assert_type(codec(Result[u8, str]), Codec[Ok[u8] | Err[str]])
    assert_type(codec(dict[u8, str]).decode_all(b"\0"), dict[u8, str])
