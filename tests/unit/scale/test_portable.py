from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Annotated, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from btt_chain.primitives.account import AccountId, MultiAddress
from btt_chain.scale import (
    Array,
    BitSequence,
    Compact,
    DecodeError,
    EncodeError,
    Fixed,
    Path,
    RecursiveCodec,
    Result,
    Variant,
    codec,
    compact_encode,
    i8,
    u8,
    u16,
    u32,
    u128,
)
from btt_chain.scale.metadata import (
    BitSequenceDef,
    CompositeDef,
    PortableField,
    PortableType,
    PrimitiveDef,
    PrimitiveKind,
)
from btt_chain.scale.portable import Plain, Portable
from btt_chain.scale.registry import TypeRegistry

CALL: RecursiveCodec[object] = RecursiveCodec("Call")


class batch(Variant, index=0):
    calls: list[Annotated[object, CALL]]


class transfer(Variant, index=3):
    dest: MultiAddress
    value: Compact[u128]


class idle(Variant, index=9):
    pass


CALL.bind(codec(Annotated[batch | transfer | idle, Path("tests::RuntimeCall")]))


@dataclass
class Everything:
    flag: bool
    small: i8
    text: str
    raw: bytes
    hash: Annotated[bytes, Fixed(4)]
    rows: list[tuple[u8, u16]]
    pair: Annotated[list[u16], Array(2)]
    maybe: u8 | None
    outcome: Result[tuple[()], u8]
    table: dict[u8, str]
    bits: BitSequence
    who: AccountId
    call: Annotated[object, CALL]


PLAIN: dict[str, Plain] = {
    "flag": True,
    "small": -3,
    "text": "grüß",
    "raw": "0x0102",
    "hash": "0x61626364",
    "rows": [[1, 2], [3, 4]],
    "pair": [5, 6],
    "maybe": None,
    "outcome": {"Err": 4},
    "table": [[1, "a"], [2, "b"]],
    "bits": "0110",
    "who": "account:" + "07" * 32,
    "call": {
        "batch": {
            "calls": [
                {"transfer": {"dest": {"Id": "account:" + "08" * 32}, "value": 2**100}},
                "idle",
            ]
        }
    },
}


def read(text: str) -> bytes:
    if not text.startswith("account:"):
        raise ValueError("expected an SS58 address")
    return bytes.fromhex(text[8:])


def book_of(kind: Any) -> tuple[Portable, int]:
    registry = TypeRegistry()
    number = registry.id_of(codec(kind))
    book = Portable(
        registry.types, show_account=lambda raw: "account:" + raw.hex(), read_account=read
    )
    return book, number


def test_values_of_every_kind_come_back_as_plain_python() -> None:
    book, number = book_of(Everything)
    raw = book.encode(number, PLAIN)
    assert book.decode(number, raw) == PLAIN
    value = codec(Everything).decode_all(raw)
    assert codec(Everything).encode(value) == raw


def test_a_person_may_write_less_than_is_shown() -> None:
    book, call = book_of(Annotated[object, CALL])
    short = book.encode(call, {"transfer": ["account:" + "08" * 32, "0x10"]})
    full = book.encode(call, {"transfer": {"dest": {"Id": "account:" + "08" * 32}, "value": 16}})
    assert short == full
    book, raw = book_of(bytes)
    assert book.encode(raw, "hello") == b"\x14hello"
    assert book.encode(raw, [104, "0x69"]) == b"\x08hi"
    book, deep = book_of(u8 | None)
    assert book.encode(deep, "7") == b"\1\7"


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"flag": 1}, "flag: expected true or false"),
        ({"small": 128}, "small: 128 does not fit i8"),
        ({"small": "much"}, "small: expected a whole number, not 'much'"),
        ({"text": 5}, "text: expected text"),
        ({"raw": "0xzz"}, "raw: expected 0x and hexadecimal digits"),
        ({"raw": [256]}, "raw: expected bytes: numbers from 0 to 255"),
        ({"raw": 5}, "raw: expected bytes"),
        ({"hash": "0x00"}, "hash: expected 4 bytes, 1 given"),
        ({"rows": 5}, "rows: expected a list"),
        ({"rows": [[1, 2], [3]]}, r"rows\[1\]: expected 2 items, 1 given"),
        ({"rows": [[1, 70_000]]}, r"rows\[0\]\[1\]: 70000 does not fit u16"),
        ({"outcome": "Maybe"}, r"outcome: Result<.*> has no Maybe"),
        ({"outcome": 5}, "outcome: expected a variant of Result"),
        ({"outcome": {"Ok": 5}}, "outcome.Ok: expected nothing"),
        ({"bits": "012"}, "bits: expected bits"),
        ({"who": "5Grw"}, "who: expected an SS58 address"),
        ({"who": 5}, "who: expected an address"),
        ({"who": b"short"}, "who: an account has 32 bytes, 5 given"),
        ({"call": {"transfer": {"dest": "5Grw", "value": 1}}}, "call.transfer.dest: expected an"),
        ({"call": {"transfer": {"dest": None}}}, "call.transfer: value missing"),
        ({"call": {"transfer": 5}}, "call.transfer: expected the fields dest, value"),
        ({"call": {"idle": 5}}, "call.idle: expected nothing"),
        (
            {"call": {"transfer": ["account:" + "08" * 32, -1]}},
            "call.transfer.value: -1 does not fit u128",
        ),
        ({"more": 5}, "value: there is no field more"),
    ],
)
def test_an_error_names_the_place(change: dict[str, Plain], why: str) -> None:
    book, number = book_of(Everything)
    with pytest.raises(EncodeError, match=f"^{why}"):
        book.encode(number, PLAIN | change)


def test_arguments_are_counted() -> None:
    book, call = book_of(Annotated[object, CALL])
    fields = book.variant(call, "transfer").fields
    assert book.encode_fields(fields, ["account:" + "08" * 32, 1]).endswith(b"\4")
    with pytest.raises(EncodeError, match=r"expected 2 values \(dest, value\), 1 given"):
        book.encode_fields(fields, ["account:" + "08" * 32])


@given(st.binary(max_size=120))
def test_random_bytes_are_read_as_the_codec_reads_them(raw: bytes) -> None:
    book, number = BOOK
    try:
        shown = book.decode(number, raw)
    except DecodeError:
        shown = None
    try:
        known = codec(Annotated[object, CALL]).decode_all(raw)
    except DecodeError:
        known = None
    assert (shown is None) == (known is None)
    if shown is not None:
        assert book.encode(number, shown) == raw


BOOK = book_of(Annotated[object, CALL])


def test_hostile_input_is_refused_at_once() -> None:
    book, number = book_of(list[list[u32]])
    for claim in (2**30, 2**500):
        with pytest.raises(DecodeError):
            book.decode(number, compact_encode(claim) + bytes(40))
    book, number = BOOK
    with pytest.raises(DecodeError, match="nested deeper"):
        book.decode(number, b"\0\4" * 100_000)


def test_what_a_person_writes_has_an_end_too() -> None:
    book, number = BOOK
    deep: Plain = "idle"
    for _ in range(300):
        deep = {"batch": {"calls": [deep]}}
    with pytest.raises(EncodeError, match="nested deeper"):
        book.encode(number, deep)


def test_names_are_readable() -> None:
    for kind, name in (
        (list[u8], "Vec<u8>"),
        (Compact[u128], "Compact<u128>"),
        (u32 | None, "Option<u32>"),
        (tuple[u8, bool], "(u8, bool)"),
        (Annotated[bytes, Fixed(4)], "[u8; 4]"),
        (AccountId, "AccountId32"),
    ):
        book, number = book_of(kind)
        assert book.name(number) == name
    with pytest.raises(LookupError, match="no type 99"):
        book.name(99)


def test_bits_in_another_order_are_refused_not_misread() -> None:
    types = book_of(BitSequence)[0].types
    number = next(
        place for place, kind in enumerate(types) if isinstance(kind.definition, BitSequenceDef)
    )
    order = types[number].definition.order  # type: ignore[union-attr]  # found as one just now
    turned = [replace(kind) for kind in types]
    turned[order] = replace(turned[order], path=["bitvec", "order", "Msb0"])
    book = Portable(turned, show_account=bytes.hex, read_account=read)
    with pytest.raises(DecodeError, match="Lsb0"):
        book.decode(number, b"\x10\x06")
    with pytest.raises(EncodeError, match="Lsb0"):
        book.encode(number, "0110")


def test_two_fields_of_one_name_are_refused_not_shown_as_one() -> None:
    number = PortableType([], [], PrimitiveDef(PrimitiveKind.u8))
    fields = [PortableField("value", u32(0)), PortableField("value", u32(0))]
    portable = Portable([number, PortableType(["Odd"], [], CompositeDef(fields))])
    with pytest.raises(DecodeError, match="two fields have one name"):
        portable.decode(1, b"\1\2")
