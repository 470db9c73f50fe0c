"""Pallets: what a class declares is read once, and mistakes in it are refused at once."""

from __future__ import annotations

from enum import IntEnum
from types import new_class
from typing import Annotated

import pytest

from btt_chain.crypto.hashing import twox_128
from btt_chain.primitives.account import AccountId
from btt_chain.scale import (
    Compact,
    DecodeError,
    EncodeError,
    TypeName,
    codec,
    u8,
    u16,
    u32,
    u64,
    u128,
)
from runtime import BttRuntime
from runtime.frame import (
    NONE,
    ROOT,
    BadOrigin,
    Component,
    Const,
    Constant,
    DispatchInfo,
    Error,
    Event,
    Map,
    Origin,
    OriginCheck,
    Pallet,
    Part,
    Runtime,
    Value,
    call,
    ensure_root,
    signed,
)
from runtime.frame.pallet import snake
from runtime.pallets.referenda import errors, events
from runtime.pallets.system.pallet import System
from runtime.params import RuntimeParams, WorkRules
from support.runtime import VERSION, SmallRuntime


def by_size(counter: Counter, by: u32, note: bytes) -> DispatchInfo:
    return DispatchInfo(int(counter.step) * int(by) + len(note))


class Counter(Pallet):
    """Counts."""

    step: Const[u32]
    """Count of one call."""
    label: Annotated[Const[u16], "LABEL"] = u16(7)
    limit: u64
    most = Constant(u8(5))
    """Maximum count of one call."""

    total_so_far = Value(u32, default=u32(0))
    by_name = Map(u8, u32)

    class HoldReason(IntEnum):
        Stake = 0

    class Counted(Event, index=3):
        """Something was counted."""

        to: u32

    class Reset(Event, index=1):
        """All is zero."""

    class TooFar(Error, index=2):
        """The count would pass the limit."""

    class NotNow(Error, index=0):
        """Wait."""

    @call(5, weight=10)
    def import_(self, origin: Origin, from_: Annotated[Compact[u128], TypeName("Sum")]) -> None:
        """Take it all."""

    @call(1, weight=by_size)
    def add(self, origin: Origin, by: u32, note: bytes) -> None:
        """Count on."""


class Counting(SmallRuntime):
    def build(self) -> None:
        self.counter = self.add(9, Counter(step=u32(3), limit=u64(10)))


def test_the_declaration_is_read_in_order_of_index() -> None:
    assert {index: error.__name__ for index, error in Counter.ERRORS.items()} == {
        0: "NotNow",
        2: "TooFar",
    }
    assert list(Counter.EVENTS) == [1, 3]
    assert Counter.CALLS[5].name == "import"
    assert [name for name, _ in Counter.CALLS[5].args] == ["from"]
    assert Counter.CALLS[1].docs == "Count on."
    assert Counter.HOLD_REASONS is Counter.HoldReason


def test_constants_are_configuration_that_shows() -> None:
    assert {attr: name for attr, (name, _) in Counter.constants().items()} == {
        "step": "Step",
        "label": "LABEL",
        "most": "Most",
    }
    assert codec(u8) is Counter.constants()["most"][1]
    assert {"step", "label", "limit"} == Counter.CONFIG


def test_a_constant_is_in_the_metadata_and_no_table_gives_it() -> None:
    assert Counter(step=u32(1), limit=u64(2)).most == 5
    with pytest.raises(TypeError, match="unknown \\['most'\\]"):
        Counter(step=u32(1), limit=u64(2), most=u8(6))  # type: ignore[call-arg]


def test_a_default_may_be_left_out_of_the_table() -> None:
    assert Counter(step=u32(1), limit=u64(2)).label == 7
    assert Counter(step=u32(1), limit=u64(2), label=u16(9)).label == 9


class Gated(Pallet):
    """A pallet whose gate has a default."""

    gate: OriginCheck = ensure_root


def test_a_gate_that_is_a_function_stays_one() -> None:
    Gated().gate(ROOT)
    with pytest.raises(BadOrigin):
        Gated().gate(NONE)


def test_missing_configuration_is_refused_by_name() -> None:
    with pytest.raises(TypeError, match=r"Counter: missing \['limit'\]"):
        Counter(step=u32(1))  # type: ignore[call-arg]  # mypy sees it too


def test_unknown_configuration_is_refused_by_name() -> None:
    with pytest.raises(TypeError, match=r"unknown \['stepp'\]"):
        Counter(step=u32(1), limit=u64(1), stepp=u32(2))  # type: ignore[call-arg]  # mypy sees it too


@pytest.mark.parametrize("kind", [Event, Error])
def test_two_events_or_errors_may_not_share_an_index(kind: type[Event | Error]) -> None:
    first, second = (new_class(name, (kind,), {"index": 4}) for name in ("First", "Second"))
    with pytest.raises(TypeError, match="Second and First share index 4"):
        type("Twice", (Pallet,), {"First": first, "Second": second})


def test_two_calls_may_not_share_an_index() -> None:
    with pytest.raises(TypeError, match="two calls have index 0"):

        class Twice(Pallet):
            @call(0, weight=1)
            def first(self, origin: Origin) -> None:
                pass

            @call(0, weight=1)
            def second(self, origin: Origin) -> None:
                pass


def test_an_argument_without_a_wire_form_is_refused_when_it_is_coded() -> None:
    class Floating(Pallet):
        @call(0, weight=1)
        def set(self, origin: Origin, value: float) -> None:
            pass

    runtime = Runtime(VERSION, filtered=System.CallFiltered)
    runtime.add(1, Floating())
    runtime.complete()
    with pytest.raises(TypeError, match="no SCALE form for <class 'float'>"):
        runtime.call_codec.decode_all(b"\1\0")


def test_two_pallets_may_not_share_an_index() -> None:
    runtime = Runtime(VERSION, filtered=System.CallFiltered)
    runtime.add(1, Counter(step=u32(1), limit=u64(1)))

    class Another(Pallet):
        pass

    with pytest.raises(TypeError, match="Another and Counter share index 1"):
        runtime.add(1, Another())


def test_two_pallets_may_not_share_their_storage() -> None:
    runtime = Runtime(VERSION, filtered=System.CallFiltered)
    runtime.add(1, Counter(step=u32(1), limit=u64(1)))
    with pytest.raises(TypeError, match="called Counter"):
        runtime.add(2, Counter(step=u32(1), limit=u64(1)))


def test_each_runtime_has_its_own_live_items() -> None:
    one, other = Counting(), Counting()
    one.counter.total_so_far.value = u32(5)
    assert other.counter.total_so_far.value == 0
    assert one.counter.total_so_far is not Counter.total_so_far


def test_storage_lies_under_the_names_that_wallets_compute() -> None:
    item = Counting().counter.total_so_far
    assert item.prefix == twox_128(b"Counter") + twox_128(b"TotalSoFar")


def test_the_weight_of_a_call_may_hang_on_its_arguments() -> None:
    runtime = Counting()
    made = runtime.call("Counter", "add", by=u32(4), note=b"xy")
    assert runtime.info(made) == DispatchInfo(3 * 4 + 2)


def test_a_call_is_built_by_name_and_checked() -> None:
    runtime = Counting()
    made = runtime.call("Counter", "import", **{"from": u128(1)})
    assert made.raw == bytes((9, 5, 4))
    with pytest.raises(EncodeError, match=r"takes \(by, note\)"):
        runtime.call("Counter", "add", by=u32(1))
    with pytest.raises(EncodeError):
        runtime.call("Counter", "add", by=2**32, note=b"")
    with pytest.raises(KeyError):
        runtime.call("Counter", "subtract")
    with pytest.raises(KeyError):
        runtime.call("Nothing", "add")


def test_a_pallet_is_found_by_class_and_by_name() -> None:
    runtime = Counting()
    assert runtime.pallet(Counter) is runtime.pallet_named("Counter") is runtime.counter
    with pytest.raises(KeyError):
        BttRuntime(RuntimeParams(u64(1_000))).pallet(Counter)


def test_names_are_turned_as_crates_are() -> None:
    assert snake("TransactionPayment") == "transaction_payment"
    assert (Counter.crate, System.crate) == ("pallet_counter", "frame_system")


@pytest.mark.parametrize("slot_ms", [0, 7, 1_001, 2**63])
def test_a_slot_must_divide_day_and_month(slot_ms: int) -> None:
    with pytest.raises(ValueError, match=str(slot_ms)):
        RuntimeParams(u64(slot_ms))


@pytest.mark.parametrize(
    ("wrong", "why"),
    [
        ({"epoch_slots": u32(0)}, "at least one slot"),
        ({"reelection_epochs": u32(0)}, "a list of voters one epoch"),
        ({"min_validators": u32(0)}, "0 to 16 validators"),
        ({"min_validators": u32(17)}, "17 to 16 validators"),
        ({"max_validators": u32(1_001)}, "at most 1000"),
        ({"report_epochs": u32(0)}, "at least one epoch"),
        ({"report_epochs": u32(6)}, "before unbonding"),
        ({"day_ms": u32(5_999)}, "a slot at least"),
        ({"day_ms": u32(86_400_001)}, "86400000 ms at most"),
        ({"hour_ms": u32(71_999)}, "12 slots and 6000 ms at least"),
        ({"hour_ms": u32(86_400_001)}, "a day at most"),
    ],
)
def test_parameters_that_do_not_go_together_are_refused(wrong: dict[str, u32], why: str) -> None:
    with pytest.raises(ValueError, match=why):
        RuntimeParams(u64(6_000), **wrong)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("wrong", "why"),
    [
        ({"quorum": u32(2)}, "2 of 1 verifiers"),
        ({"quorum": u32(0)}, "0 of 1 verifiers"),
        ({"committee": u32(16)}, "at most 15"),
        ({"planted_error_ppm": u32(1_000_001)}, "cannot have planted errors"),
        ({"beacon_delay": u32(0)}, "at least 1"),
        ({"challenge_slots": u32(0)}, "at least 1"),
    ],
)
def test_rules_of_work_that_do_not_go_together_are_refused(wrong: dict[str, u32], why: str) -> None:
    with pytest.raises(ValueError, match=why):
        WorkRules(**wrong)


def test_the_parameters_of_a_chain_survive_the_state() -> None:
    params = RuntimeParams(u64(6_000))
    assert RuntimeParams.decode(params.encoded()) == params
    short = RuntimeParams(u64(6_000), hour_ms=u32(72_000))
    assert RuntimeParams.decode(short.encoded()) == short


@pytest.mark.parametrize(
    ("params", "later"),
    [
        (RuntimeParams(u64(6_000), day_ms=u32(12_000)), 8),  # the hour of payments, the symbol
        (RuntimeParams(u64(6_000), hour_ms=u32(72_000)), 4),  # the symbol
    ],
)
def test_parameters_from_before_a_field_have_its_default(params: RuntimeParams, later: int) -> None:
    assert RuntimeParams.decode(params.encoded()[:-later]) == params
    with pytest.raises(DecodeError):
        RuntimeParams.decode(params.encoded()[: 1 - later])


def test_the_symbol_of_the_token_survives_the_state_and_is_checked() -> None:
    named = RuntimeParams(u64(6_000), symbol="tBTT")
    assert RuntimeParams.decode(named.encoded()) == named
    for wrong in ("", "B T", "BTTBTTBTTBTTB", "B\x1b", "\u0412TT"):
        with pytest.raises(ValueError, match="1 to 12 letters"):
            RuntimeParams(u64(6_000), symbol=wrong)


class Late(Error, index=3):
    """A second call came too late."""


class Begun(Event, index=0):
    """Counting began."""


class Names(Component):
    """Names in use."""

    max_names = Constant(u8(4))
    """Maximum number of names."""

    names = Map(u8, u32)
    """Numbers by name."""

    limit: u32

    def begin(self) -> None:
        self.names[u8(1)] = self.limit
        self.deposit(Begun())


class Composed(Pallet):
    """Has a component, and lists an event and an error that are declared elsewhere."""

    limit: Const[u32]
    used = Value(u32, default=u32(0))

    names = Part(Names)

    Begun = Begun
    Late = Late

    class Nested(Event, index=1):
        """Nested."""

    @call(0, weight=10)
    def begin(self, origin: Origin) -> None:
        """Begin."""
        origin.signed()
        self.names.begin()


class ComposedLater(Composed, crate="pallet_composed"):
    """The next version of it."""

    class Ended(Event, index=2):
        """Counting ended."""


class Composing(SmallRuntime):
    def build(self) -> None:
        self.composed = self.add(9, Composed(limit=u32(8)))


def test_listed_events_and_errors_belong_to_the_pallet_and_its_later_versions() -> None:
    assert list(Composed.EVENTS.values()) == [Begun, Composed.Nested]
    assert list(Composed.ERRORS.values()) == [Late]
    assert list(ComposedLater.EVENTS.values()) == [Begun, Composed.Nested, ComposedLater.Ended]
    assert list(ComposedLater.ERRORS.values()) == [Late]


def test_events_and_errors_of_modules_belong_to_the_pallet_and_its_later_versions() -> None:
    class Elsewhere(Pallet, events=events, errors=errors):
        """Names the modules of its events and errors."""

    class ElsewhereLater(Elsewhere):
        """The next version of it."""

        class Ended(Event, index=200):
            """Counting ended."""

    assert Elsewhere.EVENTS[0] is events.Submitted
    assert Elsewhere.ERRORS[0] is errors.NotOngoing
    assert list(Elsewhere.EVENTS) == sorted(Elsewhere.EVENTS)
    assert all(event.__module__ == events.__name__ for event in Elsewhere.EVENTS.values())
    assert Elsewhere.EVENTS | {200: ElsewhereLater.Ended} == ElsewhereLater.EVENTS
    assert ElsewhereLater.ERRORS == Elsewhere.ERRORS


def test_a_component_keeps_its_storage_under_the_name_of_the_pallet() -> None:
    runtime = Composing()
    runtime.composed.begin(signed(AccountId(bytes(32))))
    key = twox_128(b"Composed") + twox_128(b"Names")
    assert [full[:32] for full in runtime.host.state.keys(key)] == [key]
    assert [name for name, _ in runtime.composed.live_storage()] == ["used", "names"]
    assert runtime.announced() == [Begun()]
    assert runtime.composed.attribute_docs()["names"] == ("Numbers by name.",)


def test_constants_of_a_component_follow_those_of_the_pallet() -> None:
    composed = Composing().composed
    assert composed.live_constants() == [
        ("limit", "Limit", codec(u32), u32(8)),
        ("max_names", "MaxNames", codec(u8), u8(4)),
    ]
    assert composed.attribute_docs()["max_names"] == ("Maximum number of names.",)


def test_items_of_two_components_with_one_name_are_refused() -> None:
    class Twice(Composed):
        others = Part(Names)

    with pytest.raises(TypeError, match="two storage items are called Names"):
        SmallRuntime().add(10, Twice(limit=u32(1)))


def test_items_of_components_can_be_listed_first() -> None:
    class Ordered(Composed):
        STORAGE_ORDER = ("Names",)

    ordered = SmallRuntime().add(10, Ordered(limit=u32(1)))
    assert [name for name, _ in ordered.live_storage()] == ["names", "used"]


def test_configuration_that_hides_a_method_is_refused() -> None:
    with pytest.raises(TypeError, match="Hiding: deposit would hide a method of Pallet"):

        class Hiding(Pallet):
            deposit: Const[u128]  # type: ignore[assignment]
