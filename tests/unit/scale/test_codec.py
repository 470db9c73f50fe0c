"""The wire form of each Python type, in both directions."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import IntEnum
from typing import Annotated, Any, Generic, TypeVar

import pytest
from hypothesis import given
from hypothesis import strategies as st

from btt_chain.scale import (
    Array,
    BitSequence,
    Bounded,
    Codec,
    Compact,
    DecodeError,
    EncodeError,
    Err,
    Fixed,
    FixedBytes,
    Ok,
    Opaque,
    Path,
    Result,
    TypeName,
    Variant,
    codec,
    decode,
    encode,
    i8,
    i64,
    path,
    u8,
    u16,
    u32,
    u64,
    u128,
)
from btt_chain.scale.shape import Composite, VariantOf

T = TypeVar("T")


class Hash(FixedBytes, size=4, path="tests::Hash"):
    """Four bytes."""

    __slots__ = ()


class Id(Variant, index=0, unnamed=True):
    """By id."""

    account: Hash


class Raw(Variant, index=2, unnamed=True):
    data: bytes


class Nothing(Variant, index=7, name="None_"):
    """No address at all."""


Address = Annotated[Id | Raw | Nothing, Path("tests::Address", params={"A": Hash, "I": None})]


class Mood(IntEnum):
    """The mood."""

    Good = 0
    Bad = 3
    """It could be better."""


@path("tests::Money", params={"Balance": u128})
@dataclass(slots=True)
class Money:
    """A balance.

    And more about it.
    """

    free: u128 = u128(0)
    """To spend."""
    held: u64 = u64(0)


@dataclass
class Pair(Generic[T]):
    left: T
    right: list[T]


@path("tests::Wrapped", unnamed=True)
@dataclass
class Wrapped:
    inner: u16


@dataclass
class Everything:
    number: u32
    money: Money
    from_: Address
    value: Compact[u128]
    numbers: list[u32]
    names: Bounded[dict[u32, str], 3]
    maybe: u8 | None
    few: Bounded[list[Money], 3]
    result: Result[u8, str]
    mood: Mood
    row: tuple[u8, Hash, bool]
    four: Annotated[bytes, Fixed(4)]
    two: Annotated[list[u16], Array(2)]
    bits: BitSequence
    sealed: Annotated[Money, Opaque]
    signed: i64
    pair: Pair[u16]
    text: str
    unit: tuple[()]
    wrapped: Wrapped
    cached: int = field(default=0, init=False)


def ints(bits: int) -> st.SearchStrategy[int]:
    return st.integers(0, 2**bits - 1)


moneys = st.builds(Money, ints(128).map(u128), ints(64).map(u64))
hashes = st.binary(min_size=4, max_size=4).map(Hash)
addresses = st.one_of(st.builds(Id, hashes), st.builds(Raw, st.binary()), st.builds(Nothing))
everything = st.builds(
    Everything,
    ints(32).map(u32),
    moneys,
    addresses,
    ints(128).map(u128),
    st.lists(ints(32).map(u32)),
    st.dictionaries(ints(32).map(u32), st.text(), max_size=3),
    st.none() | ints(8).map(u8),
    st.lists(moneys, max_size=3),
    st.one_of(st.builds(Ok, ints(8).map(u8)), st.builds(Err, st.text())),
    st.sampled_from(Mood),
    st.tuples(ints(8).map(u8), hashes, st.booleans()),
    st.binary(min_size=4, max_size=4),
    st.lists(ints(16).map(u16), min_size=2, max_size=2),
    st.lists(st.booleans()).map(BitSequence),
    moneys,
    st.integers(-(2**63), 2**63 - 1).map(i64),
    st.builds(Pair[u16], ints(16).map(u16), st.lists(ints(16).map(u16))),
    st.text(),
    st.just(()),
    st.builds(Wrapped, ints(16).map(u16)),
)


@given(everything)
def test_what_is_encoded_comes_back(value: Everything) -> None:
    raw = encode(Everything, value)
    assert decode(Everything, raw) == value
    assert len(raw) >= codec(Everything).min_size


@given(everything, st.data())
def test_what_is_cut_short_is_refused(value: Everything, data: st.DataObject) -> None:
    raw = encode(Everything, value)
    size = data.draw(st.integers(0, len(raw) - 1))
    with pytest.raises(DecodeError):
        decode(Everything, raw[:size])
    with pytest.raises(DecodeError, match="1 bytes too many"):
        decode(Everything, raw + b"\0")


@given(everything, st.data())
def test_what_is_damaged_is_refused_or_is_another_value(
    value: Everything, data: st.DataObject
) -> None:
    raw = bytearray(encode(Everything, value))
    raw[data.draw(st.integers(0, len(raw) - 1))] ^= data.draw(st.integers(1, 255))
    try:
        other = decode(Everything, bytes(raw))
    except DecodeError:
        return
    assert encode(Everything, other) == raw


@given(st.binary(max_size=200))
def test_random_bytes_are_refused_or_encode_to_themselves(raw: bytes) -> None:
    parts: list[Codec[Any]] = [codec(Everything), codec(list[Address]), codec(dict[u8, Mood])]
    for part in parts:
        try:
            value = part.decode_all(raw)
        except DecodeError:
            continue
        assert part.encode(value) == raw


@pytest.mark.parametrize(
    ("part", "value", "wire"),
    [
        (codec(bool), True, "01"),
        (codec(u16), u16(513), "0102"),
        (codec(i8), i8(-1), "ff"),
        (codec(str), "é", "08c3a9"),
        (codec(bytes), b"ab", "086162"),
        (codec(u8 | None), None, "00"),
        (codec(u8 | None), u8(5), "0105"),
        (codec(list[bool]), [True, False], "080100"),
        (codec(dict[u8, u8]), {2: 1, 1: 2}, "0801020201"),
        (codec(dict[tuple[u8, bytes], u8]), {(1, b""): 2}, "04010002"),
        (codec(tuple[()]), (), ""),
        (codec(Address), Id(Hash(b"abcd")), "0061626364"),
        (codec(Address), Nothing(), "07"),
        (codec(Address | None), Raw(b""), "010200"),
        (codec(Mood), Mood.Bad, "03"),
        (codec(Result[tuple[()], Mood]), Ok(()), "00"),
        (codec(Result[tuple[()], Mood]), Err(Mood.Bad), "0103"),
        (codec(Annotated[u32, Opaque]), u32(1), "1001000000"),
        (codec(Annotated[list[u16], Array(2)]), [1, 2], "01000200"),
        (codec(BitSequence), BitSequence((True, False, True)), "0c05"),
        (codec(Pair[u8]), Pair(u8(1), [u8(2)]), "010402"),
        (codec(Annotated[u32, TypeName("Height")]), u32(1), "01000000"),
    ],
)
def test_the_wire_form(part: Codec[object], value: object, wire: str) -> None:
    assert part.encode(value).hex() == wire
    assert part.decode_all(bytes.fromhex(wire)) == value


@pytest.mark.parametrize(
    ("part", "wire", "why"),
    [
        (codec(bool), "02", "neither 0 nor 1"),
        (codec(u8 | None), "02", "neither 0 nor 1"),
        (codec(str), "08c328", "utf-8"),
        (codec(str), "0ced a080", "utf-8"),
        (codec(Address), "01", "no variant 1"),
        (codec(Mood), "01", "no variant 1"),
        (codec(Result[u8, u8]), "0200", "no variant 2"),
        (codec(dict[u8, u8]), "0802010102", "ascending"),
        (codec(dict[u8, u8]), "0801020103", "ascending"),
        (codec(Bounded[list[u8], 2]), "0c010203", "3 items claimed"),
        (codec(Bounded[bytes, 2]), "0c010203", "3 items claimed"),
        (codec(Bounded[dict[u8, u8], 1]), "0801020202", "2 items claimed"),
        (codec(Annotated[u16, Opaque]), "0c010000", "3 bytes claimed, 2 used"),
        (codec(Annotated[u16, Opaque]), "0401 00", "1 bytes claimed, 2 used"),
        (codec(Annotated[u16, Opaque]), "10010203", "4 bytes claimed, 3 there"),
        (codec(BitSequence), "0c0d", "behind the last one"),
        (codec(BitSequence), "20", "8 bits claimed"),
    ],
)
def test_what_is_no_value_is_refused_with_the_reason(
    part: Codec[object], wire: str, why: str
) -> None:
    with pytest.raises(DecodeError, match=why):
        part.decode_all(bytes.fromhex(wire))


def test_an_error_says_what_and_where() -> None:
    with pytest.raises(DecodeError) as caught:
        decode(tuple[u32, list[Mood]], bytes.fromhex("00000000080009"))
    assert (caught.value.what, caught.value.at) == ("Mood", 6)
    assert str(caught.value) == "Mood at byte 6: there is no variant 9"


@pytest.mark.parametrize(
    ("part", "value"),
    [
        (codec(u8), 256),
        (codec(u8), -1),
        (codec(i8), 128),
        (codec(tuple[u8, u8]), (1, 256)),
        (codec(tuple[u128, u8]), (2**128, 0)),
        (codec(tuple[u128, u8]), (-1, 0)),
        (codec(tuple[u8, u8]), (1,)),
        (codec(list[u8]), [256]),
        (codec(Hash), b"abc"),
        (codec(tuple[Hash, u8]), (b"abcde", 1)),
        (codec(tuple[Hash, bytes]), (b"abcde", b"")),
        (codec(list[Hash]), [b"abcde"]),
        (codec(Annotated[bytes, Fixed(3)]), b"ab"),
        (codec(Annotated[list[u8], Array(3)]), [1]),
        (codec(Bounded[list[u8], 2]), [1, 2, 3]),
        (codec(Bounded[bytes, 2]), b"abc"),
        (codec(Address), Ok(1)),
        (codec(Mood), 2),
        (codec(str), "\ud800"),
    ],
)
def test_a_value_that_does_not_fit_is_refused(part: Codec[object], value: object) -> None:
    with pytest.raises(EncodeError):
        part.encode(value)


@pytest.mark.parametrize(
    ("kind", "why"),
    [
        (int, "no SCALE form"),
        (float, "no SCALE form"),
        (tuple[u8, ...], "no length"),
        (dict[Id, u8], "no order"),
        (Id, "one variant"),
        (list[tuple[()]], "no bytes"),
        (Annotated[u8, "a note"], "means nothing"),
        (Annotated[u8, Array(2)], "a list of something"),
        (Bounded[str, 3], "can be bounded"),
        (Compact[i8], "no compact form"),
        (Compact[str], "no compact form"),
        (Id | u8, "not a variant"),
    ],
)
def test_a_type_without_a_wire_form_is_named(kind: Any, why: str) -> None:
    with pytest.raises(TypeError, match=why):
        codec(kind)


@dataclass
class Broken:
    fine: u8
    wrong: list[float]


@dataclass
class Endless:
    again: list[Endless]


def test_a_field_without_a_wire_form_is_named() -> None:
    with pytest.raises(TypeError, match=r"Broken\.wrong: no SCALE form for <class 'float'>"):
        codec(Broken)


def test_a_type_inside_of_itself_needs_a_recursive_codec() -> None:
    with pytest.raises(TypeError, match="put a RecursiveCodec in between"):
        codec(Endless)


def test_two_variants_with_one_index_are_refused() -> None:
    class Same(Variant, index=0):
        pass

    with pytest.raises(TypeError, match="share an index"):
        codec(Id | Same)


def test_a_variant_is_a_value() -> None:
    assert Id(Hash(b"abcd")) == Id(Hash(b"abcd"))
    assert len({Raw(b"a"), Raw(b"a"), Raw(b"b")}) == 2


def test_a_byte_string_of_its_own_type_checks_its_length() -> None:
    assert Hash.from_hex("0x61626364") == b"abcd"
    assert Hash(b"abcd").to_hex() == str(Hash(b"abcd")) == "0x61626364"
    assert type(decode(tuple[Hash, u8], b"abcd\1")[0]) is Hash
    with pytest.raises(ValueError, match="4 bytes, 3 given"):
        Hash(b"abc")
    with pytest.raises(TypeError):
        Hash(4)  # type: ignore[arg-type]


def test_a_class_that_checks_itself_refuses_bytes_by_decode_error() -> None:
    @dataclass
    class Even:
        number: u8

        def __post_init__(self) -> None:
            if self.number % 2:
                raise ValueError("odd")

    Even.__annotations__["number"] = u8
    with pytest.raises(DecodeError, match="odd"):
        codec(Even).decode_all(b"\1")


def test_a_struct_describes_itself() -> None:
    shape = codec(Money).shape
    assert shape.path == "tests::Money"
    assert [(name, part and part.name) for name, part in shape.params] == [("Balance", "u128")]
    assert shape.docs == ("A balance.",)
    assert isinstance(shape.node, Composite)
    assert [(f.name, f.type_name, f.docs) for f in shape.node.fields] == [
        ("free", "u128", ("To spend.",)),
        ("held", "u64", ()),
    ]


def test_names_lose_a_trailing_underscore_and_unnamed_fields_have_none() -> None:
    everything = codec(Everything).shape.node
    wrapped = codec(Wrapped).shape.node
    assert isinstance(everything, Composite)
    assert isinstance(wrapped, Composite)
    assert everything.fields[2].name == "from"
    assert "cached" not in {field.name for field in everything.fields}
    assert [field.name for field in wrapped.fields] == [None]


def test_an_enum_describes_its_variants() -> None:
    shape = codec(Address).shape
    assert isinstance(shape.node, VariantOf)
    assert [(v.name, v.index, v.docs) for v in shape.node.variants] == [
        ("Id", 0, ("By id.",)),
        ("Raw", 2, ()),
        ("None_", 7, ("No address at all.",)),
    ]
    assert [field.name for field in shape.node.variants[0].fields] == [None]
    moods = codec(Mood).shape.node
    assert isinstance(moods, VariantOf)
    assert [(v.name, v.index, v.docs) for v in moods.variants] == [
        ("Good", 0, ()),
        ("Bad", 3, ("It could be better.",)),
    ]


def test_a_codec_is_compiled_once() -> None:
    assert codec(Everything) is codec(Everything)
    assert codec(u8 | None) is codec(u8 | None)
