"""Dispatch: every call has a layer of its own, and a failure leaves nothing of it."""

from __future__ import annotations

from enum import IntEnum

import pytest
from hypothesis import given
from hypothesis import strategies as st

from btt_chain.primitives.account import AccountId
from btt_chain.primitives.limits import MAX_CALLS
from btt_chain.scale import Codec, DecodeError, Overflow, codec, decode, encode, u8, u32, u64, u128
from runtime.frame import (
    NONE,
    ROOT,
    BadOrigin,
    Call,
    CannotLookup,
    ConsumerRemaining,
    DispatchError,
    Error,
    Event,
    InvalidBlock,
    NoProviders,
    Origin,
    Pallet,
    PostInfo,
    RuntimeCall,
    RuntimeEvent,
    RuntimeFreezeReason,
    RuntimeHoldReason,
    TokenError,
    TokenErrorKind,
    TooManyConsumers,
    Unavailable,
    Value,
    WireError,
    call,
    ensure_root,
    signed,
)
from runtime.frame.call import Reason
from runtime.frame.error import Arithmetic, ArithmeticErrorKind, ModuleError, WireModule
from runtime.frame.host import EventRecord, Happened
from runtime.frame.runtime import MAX_NESTING, Runtime
from runtime.frame.weight import DispatchClass, DispatchInfo
from runtime.pallets.system.pallet import System
from runtime.pallets.utility.pallet import Utility
from support.chain import DevChain
from support.runtime import SmallRuntime

WHO = AccountId(b"\1" * 32)


class Book(Pallet):
    """Writes numbers down, and runs calls inside of calls."""

    page = Value(u32, default=u32(0))

    class HoldReason(IntEnum):
        Loan = 3
        Fine = 5

    class FreezeReason(IntEnum):
        Vow = 0

    class Written(Event, index=0):
        """A number was written."""

        number: u32

    class Torn(Error, index=9):
        """The page is torn."""

    @call(0, weight=10)
    def write(self, origin: Origin, number: u32) -> None:
        origin.signed()
        self.page.value = number
        self.deposit(self.Written(number))

    @call(1, weight=10)
    def write_and_fail(self, origin: Origin, number: u32) -> None:
        self.write(origin, number)
        raise self.Torn

    @call(2, weight=10)
    def both(self, origin: Origin, first: RuntimeCall, second: RuntimeCall) -> None:
        """Fails if one of the two does."""
        self.host.dispatcher.dispatch(origin, first)
        self.host.dispatcher.dispatch(origin, second)

    @call(3, weight=10)
    def first_that_works(self, origin: Origin, first: RuntimeCall, second: RuntimeCall) -> None:
        try:
            self.host.dispatcher.dispatch(origin, first)
        except DispatchError:
            self.host.dispatcher.dispatch(origin, second)

    @call(4, weight=10)
    def subtract(self, origin: Origin, number: u32) -> PostInfo:
        self.page.value = u32(99)
        self.page.value = u32(5) - number
        return PostInfo(weight=3)

    @call(5, weight=10)
    def divide(self, origin: Origin, number: u32) -> None:
        self.page.value = u32(5) // number

    @call(6, weight=10, dispatch_class=DispatchClass.Operational, pays=False)
    def break_the_block(self, origin: Origin) -> None:
        raise InvalidBlock("it is broken")


class Library(SmallRuntime):
    def build(self) -> None:
        self.book = self.add(7, Book())

    def write(self, number: int) -> Call:
        return self.call("Book", "write", number=u32(number))

    def fail(self, number: int) -> Call:
        return self.call("Book", "write_and_fail", number=u32(number))

    def both(self, first: Call, second: Call) -> Call:
        return self.call("Book", "both", first=first, second=second)


class SmallUtility(SmallRuntime):
    def build(self) -> None:
        self.add(9, Utility())


@pytest.fixture
def library() -> Library:
    return Library()


# ---- layers


def test_what_succeeds_stays(library: Library) -> None:
    assert library.dispatch(signed(WHO), library.write(3)) == PostInfo()
    assert library.book.page.value == 3
    assert library.announced() == [Book.Written(u32(3))]


def test_what_fails_leaves_neither_state_nor_events(library: Library) -> None:
    with pytest.raises(Book.Torn):
        library.dispatch(signed(WHO), library.fail(3))
    assert not library.state.data
    assert not library.announced()


def test_the_failure_of_an_inner_call_undoes_its_elder_sister(library: Library) -> None:
    with pytest.raises(Book.Torn):
        library.dispatch(signed(WHO), library.both(library.write(1), library.fail(2)))
    assert not library.state.data
    assert not library.announced()


def test_a_caught_failure_is_undone_alone(library: Library) -> None:
    one = library.call("Book", "first_that_works", first=library.fail(1), second=library.write(2))
    library.dispatch(signed(WHO), library.both(library.write(9), one))
    assert library.book.page.value == 2
    assert library.announced() == [Book.Written(u32(9)), Book.Written(u32(2))]


def test_a_call_returns_the_weight_used(library: Library) -> None:
    post = library.dispatch(signed(WHO), library.call("Book", "subtract", number=u32(1)))
    assert post.weight == 3
    assert library.info(library.call("Book", "break_the_block")) == DispatchInfo(
        10, DispatchClass.Operational, pays=False
    )


def test_a_broken_block_is_no_failure_of_a_call(library: Library) -> None:
    with pytest.raises(InvalidBlock):
        library.dispatch(ROOT, library.call("Book", "break_the_block"))


# ---- errors


@pytest.mark.parametrize(
    ("name", "number", "kind"),
    [
        ("subtract", 6, ArithmeticErrorKind.Underflow),
        ("divide", 0, ArithmeticErrorKind.DivisionByZero),
    ],
)
def test_arithmetic_out_of_range_is_a_failure_of_the_call(
    library: Library, name: str, number: int, kind: ArithmeticErrorKind
) -> None:
    with pytest.raises(Arithmetic) as failed:
        library.dispatch(ROOT, library.call("Book", name, number=u32(number)))
    assert failed.value.kind is kind
    assert not library.state.data


def test_an_overflow_is_an_arithmetic_error() -> None:
    with pytest.raises(Overflow) as raised:
        _ = u8(255) + 1
    assert Arithmetic.of(raised.value).kind is ArithmeticErrorKind.Overflow
    with pytest.raises(FloatingPointError):
        Arithmetic.of(FloatingPointError())


@pytest.mark.parametrize(
    ("error", "raw"),
    [
        (DispatchError(), "00"),
        (CannotLookup(), "01"),
        (BadOrigin(), "02"),
        (Book.Torn(), "030709000000"),
        (System.CallFiltered(), "030005000000"),
        (ConsumerRemaining(), "04"),
        (NoProviders(), "05"),
        (TooManyConsumers(), "06"),
        (TokenError(TokenErrorKind.FundsUnavailable), "0700"),
        (TokenError(TokenErrorKind.Blocked), "0709"),
        (Arithmetic(ArithmeticErrorKind.Overflow), "0801"),
        (Unavailable(), "0c"),
    ],
)
def test_errors_travel_as_wallets_read_them(
    library: Library, error: DispatchError, raw: str
) -> None:
    wire = library.wire_error(error)
    assert encode(WireError, wire).hex() == raw
    assert decode(WireError, bytes.fromhex(raw)) == wire


def test_a_pallets_error_says_where_it_comes_from(library: Library) -> None:
    error = library.wire_error(Book.Torn())
    assert error == WireModule(ModuleError(u8(7), b"\x09\0\0\0"))


# ---- origins and filters


def test_an_origin_passes_only_its_own_gate() -> None:
    assert signed(WHO).signed() == WHO
    ROOT.root()
    NONE.none()
    ensure_root(ROOT)
    for gate in (NONE.signed, ROOT.signed, signed(WHO).root, NONE.root, ROOT.none):
        with pytest.raises(BadOrigin):
            gate()
    with pytest.raises(BadOrigin):
        ensure_root(signed(WHO))


def test_a_filter_holds_for_calls_inside_of_calls(library: Library) -> None:
    caller = signed(WHO).filtered(lambda made: made.index != 0)
    with pytest.raises(System.CallFiltered):
        library.dispatch(caller, library.write(1))
    with pytest.raises(System.CallFiltered):
        library.dispatch(caller, library.both(library.write(1), library.write(2)))
    assert not library.state.data


def test_filters_add_up(library: Library) -> None:
    caller = signed(WHO).filtered(lambda made: made.index == 0)
    assert caller.may_call(library.write(1))
    assert not caller.filtered(lambda _: False).may_call(library.write(1))


def test_root_passes_every_filter_and_a_bypass_is_for_one_call(library: Library) -> None:
    assert ROOT.filtered(lambda _: False).may_call(library.write(1))
    caller = signed(WHO).filtered(lambda _: False)
    library.dispatch(caller, library.write(4), bypass_filter=True)
    assert library.book.page.value == 4
    with pytest.raises(System.CallFiltered):
        library.dispatch(
            caller, library.both(library.write(1), library.write(2)), bypass_filter=True
        )


# ---- the recursive codecs

CALL: Codec[Call] = codec(RuntimeCall)


@given(numbers=st.lists(st.integers(0, 2**32 - 1), min_size=1, max_size=MAX_NESTING))
def test_calls_in_calls_come_back_as_they_went(numbers: list[int]) -> None:
    library = Library()
    made = library.write(numbers[0])
    for number in numbers[1:]:
        made = library.both(made, library.write(number))
    read = CALL.decode_all(made.raw)
    assert (read, read.raw) == (made, made.raw)
    assert CALL.encode(read) == made.raw
    assert read.size == made.size == 2 * len(numbers) - 1


def test_more_calls_than_a_block_has_use_for_are_refused() -> None:
    outer = SmallUtility()
    leaf = outer.call("System", "remark", remark=b"")
    outer.call("Utility", "batch", calls=[leaf] * (MAX_CALLS - 1))
    with pytest.raises(DecodeError, match="more than"):
        outer.call("Utility", "batch", calls=[leaf] * MAX_CALLS)


def test_what_is_known_of_a_call_is_worked_out_once(library: Library) -> None:
    made = library.both(library.write(1), library.write(2))
    assert library.info(made) is library.info(made)


def test_calls_nested_too_deep_are_refused(library: Library) -> None:
    leaf = library.write(1).raw
    deep = leaf
    for _ in range(200):
        deep = bytes((7, 2)) + deep + leaf
    with pytest.raises(DecodeError, match="deep"):
        CALL.decode_all(deep)


@pytest.mark.parametrize("raw", ["", "07", "0763", "6300", "ff", "ffff"])
def test_a_call_of_no_pallet_is_not_decoded(library: Library, raw: str) -> None:
    with pytest.raises(DecodeError):
        library.call_codec.decode_all(bytes.fromhex(raw))


def test_a_call_must_end_where_its_arguments_end(library: Library) -> None:
    with pytest.raises(DecodeError):
        library.call_codec.decode_all(library.write(1).raw + b"\0")


def records(library: Library) -> list[EventRecord]:
    """Return the events so far as the state has them."""
    host = library.host
    return [
        EventRecord(phase, happened, [])
        for (phase, _, _), happened in zip(host.events, host.happened(), strict=True)
    ]


def test_encoded_events_are_read_while_another_runtime_is_active() -> None:
    library = Library()
    library.book.deposit_raw(library.book.event_prefix(Book.Written) + encode(u32, u32(3)))
    SmallUtility()  # it has no pallet of this index, and is the active one now
    assert library.host.happened() == [Happened(7, Book.Written(u32(3)))]


def test_events_have_the_index_of_their_pallet(library: Library) -> None:
    library.dispatch(signed(WHO), library.write(3))
    (record,) = records(library)
    raw = encode(EventRecord, record)
    assert raw.hex() == "02" + "0700" + "03000000" + "00"
    assert decode(EventRecord, raw) == record


def test_all_events_together_are_the_bytes_of_their_list(library: Library) -> None:
    for number in range(3):
        library.system.begin_extrinsic()
        library.dispatch(signed(WHO), library.write(number))
        library.system.end_extrinsic()
    library.system.end_extrinsics()
    library.system.deposit(System.CodeUpdated())
    assert library.host.encoded_events() == encode(list[EventRecord], records(library))


@pytest.mark.parametrize("raw", ["", "07", "0701", "0100", "ff00"])
def test_an_event_of_no_pallet_is_not_decoded(library: Library, raw: str) -> None:
    assert library.book.index == 7
    with pytest.raises(DecodeError):
        decode(RuntimeEvent, bytes.fromhex(raw))


def test_reasons_have_the_index_of_their_pallet(library: Library) -> None:
    assert library.book.index == 7
    assert encode(RuntimeHoldReason, Reason(7, 5)).hex() == "0705"
    assert decode(RuntimeHoldReason, b"\x07\x03") == Reason(7, 3)
    assert decode(RuntimeFreezeReason, b"\x07\x00") == Reason(7, 0)
    for unknown in (b"", b"\x07", b"\x07\x04", b"\x08\x03"):
        with pytest.raises(DecodeError):
            decode(RuntimeHoldReason, unknown)
    with pytest.raises(DecodeError):
        decode(RuntimeFreezeReason, b"\x07\x03")


def test_the_runtime_that_works_says_what_calls_there_are(library: Library) -> None:
    """Types are shared by all runtimes of a process, and a node may carry several."""
    chain = DevChain()
    made = chain.call("Utility", "batch", calls=[chain.call("System", "remark", remark=b"")])
    chain.at()
    assert CALL.decode_all(made.raw) == made
    library.enter(library.state)
    with pytest.raises(DecodeError):
        CALL.decode_all(made.raw)
    assert CALL.decode_all(library.write(1).raw) == library.write(1)
    assert decode(RuntimeEvent, b"\x07\x00\1\0\0\0") == Happened(7, Book.Written(u32(1)))


# ---- hooks


class Early(Pallet):
    def on_initialize(self, number: int) -> int:
        return number * 10


class Late(Pallet):
    seen = Value(u64, default=u64(0))

    def on_initialize(self, number: int) -> int:
        return 5

    def on_finalize(self, number: int) -> None:
        self.seen.value = u64(number)


class Hooked(SmallRuntime):
    def build(self) -> None:
        self.early = self.add(1, Early())
        self.late = self.add(2, Late())


def test_hooks_run_and_their_weight_adds_up() -> None:
    runtime = Hooked()
    assert runtime.on_initialize(3) == 35
    runtime.on_finalize(3)
    assert runtime.late.seen.value == 3


def test_a_pallet_without_hooks_is_not_asked() -> None:
    runtime: Runtime = Hooked()
    assert len(runtime._on_initialize) == 2
    assert len(runtime._on_finalize) == 1


# ---- references of accounts


def test_the_first_provider_announces_an_account(library: Library) -> None:
    system = library.system
    info = system.account[WHO]
    system.add_provider(WHO, info)
    system.add_provider(WHO, info)
    assert info.providers == 2
    assert library.announced() == [System.NewAccount(WHO)]


def test_the_last_provider_may_not_leave_a_consumer_behind(library: Library) -> None:
    system = library.system
    info = system.account[WHO]
    with pytest.raises(NoProviders):
        system.add_consumer(info)
    with pytest.raises(NoProviders):
        system.remove_provider(info)
    system.add_provider(WHO, info)
    system.add_consumer(info)
    with pytest.raises(ConsumerRemaining):
        system.remove_provider(info)
    info.consumers = u32(0)
    assert system.remove_provider(info)


def test_consumers_are_bounded(library: Library) -> None:
    info = library.system.account[WHO]
    library.system.add_provider(WHO, info)
    for _ in range(16):
        library.system.add_consumer(info)
    with pytest.raises(TooManyConsumers):
        library.system.add_consumer(info)


def test_money_is_never_a_float() -> None:
    assert isinstance(u128(1) + 1, u128)
