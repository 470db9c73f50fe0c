"""The forms of each type: JSON, text, cell, argument, and HTML."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import IntEnum
from typing import Annotated, TypeAlias

import pytest

from btt_chain.client.amount import Currency
from btt_chain.present import Context, Items, Record, Unfit, members, record, rule, rule_of
from btt_chain.present.scalars import words_of
from btt_chain.primitives import ss58
from btt_chain.primitives.account import AccountId
from btt_chain.primitives.arithmetic import Perbill
from btt_chain.primitives.digest import H256
from btt_chain.primitives.meaning import (
    BASIS_POINTS,
    CHAIN_MS,
    CODE,
    LINES,
    LOWER_NAMES,
    MILLIONTHS,
    MONEY,
    PERCENT,
    SLOT,
    SLOTS,
    SPAN_MS,
    TEXT,
    UNIX_MS,
    ByMember,
    means,
)
from btt_chain.scale import (
    Bounded,
    Compact,
    Fixed,
    TypeName,
    Variant,
    codec,
    i8,
    i128,
    u8,
    u32,
    u64,
    u128,
)
from btt_chain.scale.variant import path

ALICE = AccountId(b"\x01" * 32)
ADDRESS = ss58.encode(ALICE)
BTT = 10**18
MINUTE = 60_000
GENESIS = 1_764_547_200_000  # 2025-12-01 00:00 UTC
CHAIN = Context(currency=Currency("BTT", 18), slot_ms=6_000, genesis_ms=GENESIS)


@means(LOWER_NAMES)
class Urgency(IntEnum):
    """A small enumeration."""

    Routine = 0
    NotUrgent = 1


class Kind(IntEnum):
    """An enumeration whose names stay as they are."""

    RealEstate = 0
    Data = 1


class Idle(Variant, index=0):
    """A variant without fields."""


class Ended(Variant, index=1):
    """A variant with fields."""

    by: AccountId
    in_slot: Annotated[u64, SLOT]


State: TypeAlias = Idle | Ended


@dataclass(frozen=True)
class Level:
    """A record."""

    price: Annotated[u128, MONEY]
    units_: u32
    owner: AccountId | None


@path("test::Wrapped", unnamed=True)
@dataclass(frozen=True)
class Wrapped:
    """A record of one field without a name."""

    value: Annotated[u32, SLOTS]


FORMS: list[tuple[object, object, object, str]] = [
    (bool, True, True, "yes"),
    (u32, u32(1_234_567), 1_234_567, "1_234_567"),
    (u64, u64(2**63), str(2**63), "9_223_372_036_854_775_808"),
    (Compact[u128], u128(5), "5", "5"),
    (i8, i8(-5), -5, "-5"),
    (Annotated[i128, MONEY], i128(-BTT * 3 // 2), str(-BTT * 3 // 2), "-1.5 BTT"),
    (Annotated[i128, MONEY], i128(-5), "-5", "-5 planck"),
    (Annotated[i8, BASIS_POINTS], i8(-5), -5, "-0.05 %"),
    (Annotated[i8, SLOTS], i8(-20), -20, "-2 minutes"),
    (Annotated[u128, MONEY], u128(BTT * 3 // 2), str(BTT * 3 // 2), "1.5 BTT"),
    (Annotated[u128, TypeName("Balance")], u128(BTT), str(BTT), "1 BTT"),
    (Annotated[u128 | None, TypeName("Option<Balance>")], u128(BTT), str(BTT), "1 BTT"),
    (Annotated[u32, BASIS_POINTS], u32(1_250), 1_250, "12.5 %"),
    (Annotated[u32, MILLIONTHS], u32(1), 1, "0.0001 %"),
    (Annotated[u8, PERCENT], u8(100), 100, "100 %"),
    (Perbill, Perbill(123_456_789), 123_456_789, "12.3456789 %"),
    (Annotated[u64, SLOT], u64(10), "10", "2025-12-01 00:01 UTC"),
    (Annotated[u64, TypeName("Slot")], u64(20), "20", "2025-12-01 00:02 UTC"),
    (Annotated[u32, SLOTS], u32(600), 600, "1 hour"),
    (Annotated[u64, TypeName("Slot"), SLOTS], u64(600), "600", "1 hour"),
    (Annotated[u64, UNIX_MS], u64(GENESIS), str(GENESIS), "2025-12-01 00:00 UTC"),
    (Annotated[u64, CHAIN_MS], u64(MINUTE), str(MINUTE), "2025-12-01 00:01 UTC"),
    (Annotated[u64, SPAN_MS], u64(90 * MINUTE), str(90 * MINUTE), "1 hour 30 minutes"),
    (AccountId, ALICE, ADDRESS, ADDRESS),
    (H256, H256(b"\x02" * 32), "0x" + "02" * 32, "0x" + "02" * 32),
    (Annotated[bytes, Fixed(2)], b"\x00\xff", "0x00ff", "0x00ff"),
    (Annotated[bytes, TEXT], "né".encode(), "né", "né"),
    (Annotated[Bounded[bytes, 9], CODE], b"BTT/CNY", "BTT/CNY", "BTT/CNY"),
    (Annotated[bytes, CODE], b"\xff", "0xff", "0xff"),
    (Annotated[bytes, LINES], b"one\ntwo", ["one", "two"], "one, two"),
    (str, "text", "text", "text"),
    (Urgency, Urgency.NotUrgent, "notUrgent", "not urgent"),
    (Kind, Kind.RealEstate, "RealEstate", "real estate"),
    (u32 | None, None, None, "-"),
    (list[u32], [u32(1), u32(2)], [1, 2], "1, 2"),
    (list[u32], [], [], "-"),
    (
        Annotated[list[u32], ByMember(Kind)],
        [u32(1), u32(2)],
        {"realEstate": 1, "data": 2},
        "realEstate: 1, data: 2",
    ),
    (tuple[u32, bool], (u32(1), False), [1, False], "1: no"),
    (dict[u32, str], {u32(1): "a"}, [[1, "a"]], "1: a"),
    (State, Idle(), {"kind": "idle"}, "idle"),
    (
        State,
        Ended(ALICE, u64(10)),
        {"kind": "ended", "by": ADDRESS, "inSlot": "10"},
        f"ended (by: {ADDRESS}, in slot: 2025-12-01 00:01 UTC)",
    ),
    (
        Level,
        Level(u128(BTT), u32(3), None),
        {"price": str(BTT), "units": 3, "owner": None},
        "(price: 1 BTT, units: 3, owner: -)",
    ),
    (Wrapped, Wrapped(u32(10)), 10, "1 minute"),
]
"""Types with a value, its JSON, and its text."""


@pytest.mark.parametrize(("kind", "value", "json", "text"), FORMS)
def test_each_type_has_one_json_and_one_text(
    kind: object, value: object, json: object, text: str
) -> None:
    form = rule_of(kind)
    assert form.json(value, CHAIN) == json
    assert form.text(value, CHAIN) == text
    read = form.read(json, CHAIN)
    assert (read, type(read)) == (value, type(value))


@pytest.mark.parametrize(
    ("kind", "text", "value"),
    [
        (bool, "No", False),
        (u32, "1_000", 1_000),
        (Annotated[u128, MONEY], "1.5BTT", BTT * 3 // 2),
        (Annotated[u32, BASIS_POINTS], "0.50%", 50),
        (Annotated[u64, SLOT], "10", 10),
        (Annotated[u64, SLOT], "slot 1_000", 1_000),
        (Annotated[u64, SLOT], "2025-12-01 00:01 UTC", 10),
        (Annotated[u64, SLOT], "2025-12-01T00:00:01+00:00", 1),
        (Annotated[u32, SLOTS], "1 hour 30 minutes", 900),
        (Annotated[u32, SLOTS], "90m", 900),
        (Annotated[u64, SPAN_MS], "2 weeks 1d", 15 * 86_400_000),
        (Annotated[u32, SLOTS], "15 slots", 15),
        (Annotated[u32, SLOTS], "2 weeks", 201_600),
        (Annotated[u32, SLOTS], "1w 30min", 101_100),
        (Annotated[u64, SPAN_MS], "2d", 2 * 86_400_000),
        (AccountId, ADDRESS, ALICE),
        (Annotated[bytes, LINES], "one, two", b"one\ntwo"),
        (str, "any text", "any text"),
        (Kind, "real-estate", Kind.RealEstate),
        (Kind, "RealEstate", Kind.RealEstate),
        (u32 | None, "-", None),
        (u32 | None, "7", 7),
        (list[u32], "1, 2", [1, 2]),
        (list[u32], "[1, 2]", [1, 2]),
        (Annotated[list[u32], ByMember(Kind)], '{"data": 2, "realEstate": 1}', [1, 2]),
        (tuple[u32, bool], "[1, true]", (1, True)),
        (State, "idle", Idle()),
        (State, f'{{"kind": "ended", "by": "{ADDRESS}", "inSlot": 3}}', Ended(ALICE, u64(3))),
        (Level, '{"price": "5", "units": 1, "owner": null}', Level(u128(5), u32(1), None)),
        (Wrapped, "10", Wrapped(u32(10))),
        (Wrapped, "1 minute", Wrapped(u32(10))),
    ],
)
def test_an_argument_is_the_text_of_a_value_or_its_json(
    kind: object, text: str, value: object
) -> None:
    assert rule_of(kind).parse(text, CHAIN) == value


@pytest.mark.parametrize(
    ("kind", "text", "why"),
    [
        (bool, "perhaps", "yes or no"),
        (u8, "256", "from 0 to 255"),
        (u8, "-1", "from 0 to 255"),
        (u8, "1.5", "an integer from 0"),
        (u8, "\u0661", "an integer from 0"),
        (Annotated[u128, MONEY], "5", "no unit"),
        (Annotated[u32, BASIS_POINTS], "50", "write 12.5%"),
        (Annotated[u32, BASIS_POINTS], "0.001%", "2 decimals at most"),
        (Annotated[u64, SLOT], "soon", "not a date"),
        (Annotated[u64, SLOT], "2024-01-01", "from 0 to"),
        (Annotated[u32, SLOTS], "2 months", "not a duration"),
        (Annotated[u64, SPAN_MS], "500ms", "not a duration"),
        (Annotated[u64, SPAN_MS], "15 slots", "not a duration"),
        (Annotated[u64, UNIX_MS], "slot 5", "not a date"),
        (AccountId, ADDRESS[:-1], "is the address cut"),
        (AccountId, ss58.encode(ALICE, 0), "network prefix"),
        (AccountId, ss58.encode(b"\x01\x02"), "32 bytes"),
        (H256, "0x00", "32 bytes, not 1"),
        (H256, "00" * 32, "0x and pairs"),
        (bytes, "0x 1", "0x and pairs"),
        (Annotated[bytes, CODE], "\n", "printable ASCII"),
        (Kind, "boat", "one of real-estate, data"),
        (Kind, f"data{' ' * 60}boat", "one of real-estate, data"),
        (list[u32], "[1", "not JSON"),
        (Annotated[list[u32], ByMember(Kind)], '{"data": 2}', "an object with realEstate, data"),
        (list[u32], "1, x", "an integer from 0"),
        (tuple[u32, bool], "[1]", "a list of 2"),
        (State, "gone", "one of idle, ended"),
        (State, "ended", "by, inSlot, kind"),
        (Level, '{"price": "5"}', "owner, price, units"),
        (Level, '{"price": "x", "units": 1, "owner": null}', "price: expected an integer"),
    ],
)
def test_other_arguments_are_refused_with_the_reason(kind: object, text: str, why: str) -> None:
    with pytest.raises(Unfit, match=why):
        rule_of(kind).parse(text, CHAIN)


def test_a_chain_without_dates_shows_numbers_of_slots() -> None:
    plain = Context()
    slot, slots = rule(Annotated[u64, SLOT]), rule(Annotated[u32, SLOTS])
    assert (slot.text(u64(1_000), plain), slots.text(u32(5), plain)) == ("slot 1_000", "5 slots")
    assert rule(Annotated[u64, CHAIN_MS]).text(u64(MINUTE), plain) == (
        "1 minute after the first block"
    )
    assert rule(Annotated[u128, MONEY]).text(u128(5), plain) == "5 planck"
    assert rule(Annotated[u128, MONEY]).parse("1_000 planck", plain) == 1_000
    for kind, text in ((Annotated[u64, SLOT], "2026-01-01"), (Annotated[u128, MONEY], "5BTT")):
        with pytest.raises(Unfit):
            rule_of(kind).parse(text, plain)
    with pytest.raises(Unfit, match="no dates"):
        slots.parse("1 hour", plain)


def test_an_account_is_read_as_the_context_says() -> None:
    named = Context(read_account={"alice": bytes(ALICE)}.__getitem__)
    assert rule(AccountId).parse("alice", named) == ALICE
    assert rule(AccountId).read(ss58.encode(ALICE, 0), named) == ALICE


def test_few_values_are_choices() -> None:
    assert rule(Kind).choices == ("real-estate", "data")
    assert rule(Kind | None).choices == ("real-estate", "data", "-")
    assert rule(bool).choices == ("yes", "no")
    assert rule(Idle).choices == ("idle",)
    for kind in (State, u32, list[Kind]):
        assert rule_of(kind).choices == ()


def test_columns_of_numbers_are_aligned_to_the_right() -> None:
    numbers: list[object] = [u32, Annotated[u128, MONEY] | None, Annotated[u32, SLOTS], Wrapped]
    others: list[object] = [bool, AccountId, list[u32], Level]
    assert [rule_of(kind).is_number for kind in numbers + others] == [True] * 4 + [False] * 4


def test_long_bytes_and_texts_are_cut_in_cells() -> None:
    assert rule(bytes).cell(bytes(33), CHAIN) == "0x" + "00" * 32 + "…"
    assert rule(bytes).cell(bytes(32), CHAIN) == "0x" + "00" * 32
    assert len(rule(Annotated[bytes, TEXT]).cell(b"x" * 200, CHAIN)) == 65
    assert len(rule(str).cell("x" * 200, CHAIN)) == 65


def test_texts_of_users_are_escaped_and_visible() -> None:
    text = rule(Annotated[bytes, TEXT])
    raw = '<b>\u202e\n&"'.encode()
    assert text.html(raw, CHAIN) == "&lt;b&gt;⟨U+202E⟩⟨U+000A⟩&amp;&quot;"
    assert text.text(raw, CHAIN) == '<b>⟨U+202E⟩⟨U+000A⟩&"'
    assert rule(str).html("<i>", CHAIN) == "&lt;i&gt;"


def test_records_are_rows_of_a_table() -> None:
    level = Level(u128(BTT), u32(3), None)
    levels = rule(list[Level])
    assert isinstance(levels, Items)
    assert isinstance(levels.item, Record)
    assert levels.item.cells(level, CHAIN) == ["1 BTT", "3", "-"]
    assert [part.rule.is_number for part in levels.item.parts] == [True, True, False]
    assert levels.item.labelled(level, CHAIN) == {"price": "1 BTT", "units": "3", "owner": "-"}
    assert levels.html([level], CHAIN) == (
        "<table><thead><tr><th>price</th><th>units</th><th>owner</th></tr></thead>"
        "<tbody><tr><td>1 BTT</td><td>3</td><td>-</td></tr></tbody></table>"
    )
    assert rule(Level).html(level, CHAIN) == (
        "<dl><dt>price</dt><dd>1 BTT</dd><dt>units</dt><dd>3</dd><dt>owner</dt><dd>-</dd></dl>"
    )
    assert rule(State).html(Idle(), CHAIN) == "idle"
    assert rule(list[u32]).html([u32(1)], CHAIN) == "<ul><li>1</li></ul>"


def test_a_mark_changes_nothing_on_the_wire() -> None:
    assert codec(Annotated[u32, BASIS_POINTS]) is codec(u32)
    assert codec(Annotated[u64, TypeName("Slot"), SLOTS]) is codec(u64)


def test_a_type_without_structure_has_no_rule() -> None:
    for kind in (complex, Annotated[bytes, codec(u32)]):
        with pytest.raises(TypeError, match="no rule"):
            rule_of(kind)
    with pytest.raises(TypeError, match="not a record"):
        record(u32)
    with pytest.raises(TypeError, match="not a TypedDict"):
        members(u32)


def test_a_name_is_split_into_words() -> None:
    assert words_of("NoProvider") == ["no", "provider"]
    assert words_of("SecondaryVRFSlots") == ["secondary", "vrf", "slots"]
    assert words_of("Hospitals100") == ["hospitals100"]
    assert words_of("I8") == ["i8"]


class Site:
    """Pages in capitals, on which one account has a name."""

    def name(self, account: bytes) -> str | None:
        return "Alice" if account == ALICE else None

    def link(self, account: bytes) -> str:
        return f"<a>{self.name(account)}</a>"

    def words(self, english: str) -> str:
        return english.upper()


def test_pages_have_names_links_words_and_numbers() -> None:
    site = replace(CHAIN, site=Site())
    assert rule(AccountId).json(ALICE, site) == {"address": ADDRESS, "name": "Alice"}
    assert rule(AccountId).html(ALICE, site) == "<a>Alice</a>"
    assert rule(u64).json(u64(5), site) == 5
    assert rule(u128).json(u128(5), site) == "5"
    assert rule(u64).html(u64(5_000), site) == "5\u202f000"
    assert rule(Urgency).json(Urgency.Routine, site) == "Routine"
    assert rule(Urgency).html(Urgency.Routine, site) == "ROUTINE"
    assert rule(bool).html(True, site) == "YES"
    hidden = rule(Annotated[bytes, TEXT])
    assert hidden.json(b"a\xe2\x80\xaeb", site) == "a\u27e8U+202E\u27e9b"
    assert hidden.json(b"a\xe2\x80\xaeb", CHAIN) == "a\u202eb"
    assert "<dt>PRICE</dt>" in rule(Level).html(Level(u128(1), u32(1), None), site)
