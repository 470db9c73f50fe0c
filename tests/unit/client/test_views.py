"""Plain values of a chain as objects of a reader's classes, and back."""

from __future__ import annotations

from enum import IntEnum
from typing import Protocol

import pytest
from hypothesis import given
from hypothesis import strategies as st

from btt_chain.client.decoding import EventView
from btt_chain.client.errors import InvalidAnswer, InvalidArgument
from btt_chain.client.transactions import Included
from btt_chain.client.views import event_of, events_of, name_of, plain, shaped
from btt_chain.lazyclass import dataclass
from btt_chain.primitives import ss58
from btt_chain.primitives.account import AccountId, Id
from btt_chain.primitives.digest import H256
from btt_chain.scale import Variant, u8, u32
from btt_chain.scale.portable import Plain

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
