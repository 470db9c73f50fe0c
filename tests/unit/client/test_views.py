"""Plain values of a chain as objects of a reader's classes, and back."""

from __future__ import annotations

from collections.abc import Sequence
from enum import IntEnum
from functools import cache
from random import Random
from types import SimpleNamespace
from typing import TYPE_CHECKING, Annotated, Protocol, cast, get_args
from unittest.mock import AsyncMock

import pytest
from hypothesis import given
from hypothesis import strategies as st

from btt_chain.client.decoding import EventView
from btt_chain.client.errors import InvalidAnswer, InvalidArgument
from btt_chain.client.items import Items
from btt_chain.client.transactions import Included
from btt_chain.client.values import CallView
from btt_chain.client.views import (
    ViewClient,
    event_of,
    events_of,
    name_of,
    plain,
    reader_of,
    shaped,
)
from btt_chain.lazyclass import dataclass
from btt_chain.primitives import ss58
from btt_chain.primitives.account import AccountId, Id
from btt_chain.primitives.digest import H256
from btt_chain.primitives.meaning import ByMember
from btt_chain.scale import COMPACT, Ok, Path, TypeName, Variant, path, u8, u32, u64, u128
from btt_chain.scale.errors import DecodeError
from btt_chain.scale.hints import hints_of
from btt_chain.scale.metadata import (
    ArrayDef,
    CompactDef,
    CompositeDef,
    PortableField,
    PrimitiveDef,
    SequenceDef,
    TupleDef,
    VariantDef,
)
from btt_chain.scale.portable import ACCOUNT_ID, Plain
from runtime import BttRuntime
from runtime.apis.metadata import metadata
from runtime.frame.api import Method
from runtime.params import RuntimeParams

if TYPE_CHECKING:
    from btt_chain.client.chain import Chain

ALICE = AccountId(b"\x0a" * 32)


class Colour(IntEnum):
    Red = 0
    Blue = 1


class Both(Variant, index=0):
    first: u8
    second: u8


class Empty(Variant, index=1, name="Nothing"):
    pass


@dataclass(frozen=True, slots=True)
class Inner:
    id: int
    name: bytes


@dataclass(frozen=True, slots=True)
class View:
    who: AccountId
    hash: H256
    number: u32
    flag: bool
    state: str
    colour: Colour
    inner: Inner | None
    pairs: list[tuple[int, Inner]]
    rest: object


@path("Pair", unnamed=True)
@dataclass(frozen=True, slots=True)
class Pair:
    first: u8
    second: bytes


@dataclass(frozen=True, slots=True)
class Marked:
    """A record with the marks that the runtime's own have."""

    amount: Annotated[u128, COMPACT, TypeName("Balance")]
    type_: u8
    choice: Both | Empty
    perhaps: Annotated[Both | Empty, Path("Choice")] | None
    pair: Pair
    inner: Inner
    octets: list[u8]
    table: dict[u8, bytes]


class SomeApi(Protocol):
    def view(self, id: int) -> View: ...


PLAIN: dict[str, Plain] = {
    "who": ss58.encode(ALICE),
    "hash": "0x" + "0b" * 32,
    "number": 7,
    "flag": True,
    "state": {"Done": 3},
    "colour": "Blue",
    "inner": None,
    "pairs": [["5", {"id": 1, "name": "0x6869", "added later": []}]],
    "rest": {"any": 1},
}
VIEW = View(
    ALICE, H256(b"\x0b" * 32), u32(7), True, "Done", Colour.Blue, None, [(5, Inner(1, b"hi"))],
    {"any": 1},
)  # fmt: skip


def method_parts(method: Method) -> tuple[object, ...]:
    """Return the parts of the annotation of a method's result, if it is a union."""
    return get_args(hints_of(method.run)["return"])


def some_value(random: Random, type_id: int) -> Plain:
    """Return a random value of a type of the runtime's metadata."""
    types = items().types
    described = types.type(type_id)
    if described.path == ACCOUNT_ID:
        return "0x" + random.randbytes(32).hex()
    match described.definition:
        case PrimitiveDef(kind):
            if kind.name in ("bool", "str"):
                return random.random() < 0.5 if kind.name == "bool" else "text"
            return random.getrandbits(int(kind.name[1:]) - 1)
        case CompactDef(inner):
            return some_value(random, inner)
        case SequenceDef(item) | ArrayDef(_, item) as several:
            size = several.size if isinstance(several, ArrayDef) else random.randint(0, 2)
            if types.is_byte(item):
                return "0x" + random.randbytes(size).hex()
            return [some_value(random, item) for _ in range(size)]
        case TupleDef(parts):
            return [some_value(random, part) for part in parts] or None
        case CompositeDef(fields):
            return some_fields(random, fields)
        case VariantDef(variants) if types.is_option(type_id):
            inner = variants[-1].fields[0].type
            return some_value(random, inner) if random.random() < 0.7 else None
        case VariantDef(variants):
            variant = random.choice(variants)
            if not variant.fields:
                return variant.name
            return {variant.name: some_fields(random, variant.fields)}
    raise AssertionError(described)


def some_fields(random: Random, fields: Sequence[PortableField]) -> Plain:
    values = [some_value(random, field.type) for field in fields]
    if fields and fields[0].name is not None:
        return {field.name or "": value for field, value in zip(fields, values, strict=True)}
    return (values[0] if len(values) == 1 else values) if values else None


def test_a_plain_value_is_read_as_an_object() -> None:
    assert shaped(View, PLAIN) == VIEW
    assert type(shaped(View, PLAIN).number) is u32


@pytest.mark.parametrize(
    ("name", "value", "why"),
    [
        ("who", "5Grw", "View.who is '5Grw', and an account was expected"),
        ("who", "0x0a", "an account was expected"),
        ("who", 5, "an account was expected"),
        ("hash", "0x0b", "bytes was expected"),
        ("hash", "text", "bytes was expected"),
        ("hash", "0xzz", "bytes was expected"),
        ("number", 2**32, "a number was expected"),
        ("number", "one", "a number was expected"),
        ("number", True, "a number was expected"),
        ("number", None, "a number was expected"),
        ("flag", 1, "a yes or no was expected"),
        ("state", 1, "text was expected"),
        ("colour", "Green", "one of Red, Blue was expected"),
        ("inner", {"id": 1}, "the chain's View.inner has no name"),
        ("inner", 5, "a record was expected"),
        ("pairs", 5, "a list was expected"),
        ("pairs", [[1]], "a list of 2 was expected"),
    ],
)
def test_a_value_of_another_form_is_refused_with_its_place(
    name: str, value: Plain, why: str
) -> None:
    with pytest.raises(InvalidAnswer, match=why):
        shaped(View, PLAIN | {name: value})


def test_a_missing_field_is_refused() -> None:
    with pytest.raises(InvalidAnswer, match="View has no rest: use the release of its node"):
        shaped(View, {name: value for name, value in PLAIN.items() if name != "rest"})


def test_a_class_that_no_value_has_is_an_error_of_the_reader() -> None:
    @dataclass(frozen=True, slots=True)
    class Wrong:
        number: float

    with pytest.raises(TypeError):
        shaped(Wrong, {"number": 1})


def test_an_object_becomes_a_plain_value() -> None:
    assert plain(VIEW) == PLAIN | {
        "who": "0x" + "0a" * 32, "state": "Done", "pairs": [[5, {"id": 1, "name": "0x6869"}]],
    }  # fmt: skip
    assert plain(Id(ALICE)) == {"Id": "0x" + "0a" * 32}
    assert plain(Both(u8(1), u8(2))) == {"Both": {"first": 1, "second": 2}}
    assert plain(Empty()) == "Nothing"
    with pytest.raises(InvalidArgument, match="has no form"):
        plain(1.5)


@given(st.integers(0, 255), st.binary(max_size=40), st.none() | st.integers(0, 2**128))
def test_what_becomes_plain_is_read_again(number: int, name: bytes, other: int | None) -> None:
    @dataclass(frozen=True, slots=True)
    class Pair:
        inner: Inner
        other: int | None

    pair = Pair(Inner(number, name), other)
    assert shaped(type(pair), plain(pair)) == pair


def test_marks_of_the_runtime_do_not_change_what_is_read() -> None:
    value: dict[str, Plain] = {
        "amount": "7", "type": 1, "choice": {"Both": {"first": 1, "second": 2}},
        "perhaps": "Nothing", "pair": [1, "0x02"], "inner": {"id": 1, "name": "0x", "more": 5},
        "octets": "0x0102", "table": [[1, "0x03"]],
    }  # fmt: skip
    marked = Marked(
        u128(7), u8(1), Both(u8(1), u8(2)), Empty(), Pair(u8(1), b"\x02"), Inner(1, b""),
        [u8(1), u8(2)], {u8(1): b"\x03"},
    )  # fmt: skip
    assert shaped(Marked, value) == marked
    assert plain(marked.pair) == [1, "0x02"]
    wrongs: list[Plain] = ["Other", {"Both": {"first": 1}}, {"Both": 1, "Nothing": 2}, 5]
    for wrong in wrongs:
        with pytest.raises(InvalidAnswer):
            shaped(Marked, value | {"choice": wrong})


@cache
def items() -> Items:
    runtime = BttRuntime(RuntimeParams(u64(6_000)))
    runtime.bind()
    return Items(metadata(runtime, 15))


METHODS = [
    method
    for api in BttRuntime.apis()
    for method in api.METHODS.values()
    if Ok not in [getattr(part, "__origin__", None) for part in method_parts(method)]
    and not any(isinstance(mark, ByMember) for mark in get_args(hints_of(method.run)["return"]))
]
"""The methods of the runtime whose results are not a `Result`, nor lists of a fixed length."""


@pytest.mark.parametrize("method", METHODS, ids=lambda method: name_of(method.run))
def test_results_of_the_runtime_are_read_as_its_own_records(method: Method) -> None:
    name = name_of(method.run)
    _, described = items().api(name)
    random, read = Random(name), reader_of(method.run)
    compared = 0
    while compared < 5:
        raw = items().types.encode(described.output, some_value(random, described.output))
        try:
            record = method.output.decode_all(raw)
        except DecodeError:  # more items, or a greater number, than its type has
            continue
        compared += 1
        assert read(items().types.decode(described.output, raw), name) == record


def test_events_are_found_by_name() -> None:
    fields: dict[str, Plain] = {"id": "7", "name": "0x6869"}
    events = (
        EventView(1, "System.ExtrinsicSuccess", {}, ""),
        EventView(1, "Some.Made", fields, ""),
        EventView(1, "Some.Made", fields | {"id": 8}, ""),
    )
    done = Included("0x", b"", 1, 1, False, None, events, None)
    assert event_of(done, "Some.Made", Inner) == Inner(7, b"hi")
    assert [each.id for each in events_of(done, "Some.Made", Inner)] == [7, 8]
    with pytest.raises(InvalidAnswer, match=r"no event Some\.Lost"):
        event_of(done, "Some.Lost", Inner)


def test_a_method_is_called_by_the_names_of_its_class_and_itself() -> None:
    assert name_of(SomeApi.view) == "SomeApi.view"


async def test_a_storage_item_is_read_as_a_class_and_none_without_a_value() -> None:
    storage = AsyncMock(side_effect=[["5", [ss58.encode(ALICE)]], None])
    client = ViewClient(cast("Chain", SimpleNamespace(storage=storage)))
    read = await client.storage(tuple[u128, list[AccountId]], "Identity.SubsOf", ALICE)
    assert read == (u128(5), [ALICE])
    storage.assert_awaited_with("Identity.SubsOf", "0x" + ALICE.hex())
    assert await client.storage(u32, "Identity.SubsOf", ALICE) is None


class Painted(Protocol):
    def colours(self) -> Annotated[list[u32], ByMember(Colour)]:
        """Return a number for each colour."""


def test_a_list_by_members_has_an_item_for_each() -> None:
    read = reader_of(Painted.colours)
    assert read([1, 2], "colours") == [1, 2]
    for wrong in ([1], [1, 2, 3], None, "1"):
        with pytest.raises(InvalidAnswer, match="a list of 2 was expected"):
            read(cast("Plain", wrong), "colours")


@pytest.mark.parametrize("value", [0, -1, "x", None, True, []])
def test_the_length_of_a_slot_is_a_time_above_zero(value: Plain) -> None:
    chain = SimpleNamespace(constant={"Babe.ExpectedBlockTime": value}.__getitem__)
    with pytest.raises(InvalidAnswer, match=r"Babe\.ExpectedBlockTime"):
        _ = ViewClient(cast("Chain", chain)).slot_ms


def test_a_long_argument_of_a_call_is_cut_and_what_is_missing_is_counted() -> None:
    call = CallView("Models.register", {}, {"manifest": "m" * 30, "name": "net"})

    assert call.line == f"Models.register(manifest: {'m' * 30}, name: net)"
    assert call.short_line(30) == call.line
    cut = f"{'m' * 10} ... (20 more characters: --dry-run --json)"
    assert call.short_line(10) == f"Models.register(manifest: {cut}, name: net)"
