from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from btt_chain.crypto.hashing import blake2_256
from btt_chain.primitives import ss58
from btt_chain.primitives.account import AccountId, Id
from btt_chain.primitives.multi_account import derivative_account_id
from btt_chain.scale import Err, Ok, decode, u16, u32, u64, u128
from runtime.frame import (
    NONE,
    ROOT,
    BadOrigin,
    Call,
    DispatchClass,
    DispatchError,
    Event,
    Origin,
    Pallet,
    PostInfo,
    RuntimeCall,
    TokenError,
    TokenErrorKind,
    Weight,
    call,
    signed,
)
from runtime.frame.error import WireBadOrigin, WireModule, WireToken
from runtime.pallets.balances import weights as balances_weights
from runtime.pallets.origins import RawNone, RawRoot, RawSigned, SystemOrigin
from runtime.pallets.system.pallet import System
from runtime.pallets.utility import weights
from runtime.pallets.utility.pallet import Utility, carrying_weight
from support.runtime import TestRuntime, refused

ALICE, BOB = AccountId(b"\1" * 32), AccountId(b"\2" * 32)
TREASURY = AccountId(b"modlpy/trsry".ljust(32, b"\0"))
BY_ALICE = signed(ALICE)
TRANSFER_WEIGHT = balances_weights.TRANSFER_KEEP_ALIVE
POOR = WireToken(TokenErrorKind.FundsUnavailable)


class Probe(Pallet):
    """Calls of every class, and one that costs less than it says."""

    class Probed(Event, index=0):
        """A call was made."""

    @call(0, weight=1_000, dispatch_class=DispatchClass.Operational)
    def urgent(self, origin: Origin) -> None:
        """Do nothing, urgently."""

    @call(1, weight=1_000)
    def cheap(self, origin: Origin) -> PostInfo:
        """Use a tenth of what was declared."""
        self.deposit(self.Probed())
        return PostInfo(weight=100)

    @call(3, weight=1_000, dispatch_class=DispatchClass.Mandatory)
    def inherent(self, origin: Origin) -> None:
        """Do nothing, by all means."""

    @call(2, weight=1_000)
    def fail_cheaply(self, origin: Origin) -> None:
        """Fail, after a tenth of what was declared."""
        error = BadOrigin()
        error.post = PostInfo(weight=100)
        raise error


class UtilityRuntime(TestRuntime):
    def build(self) -> None:
        self.balances = self.add_balances(u128(100))
        self.utility = self.add(9, Utility(batched_calls_limit=u32(5)))
        self.probe = self.add(40, Probe())


@pytest.fixture
def runtime() -> UtilityRuntime:
    return opened()


def opened() -> UtilityRuntime:
    runtime = UtilityRuntime()
    runtime.balances.genesis({"balances": [[ss58.encode(ALICE), 10_000]]})
    return runtime


def pay(runtime: UtilityRuntime, amount: int) -> Call:
    return runtime.call("Balances", "transfer_keep_alive", dest=Id(BOB), value=u128(amount))


def probe(runtime: UtilityRuntime, name: str) -> Call:
    return runtime.call("Probe", name)


def utility_events(runtime: UtilityRuntime) -> list[object]:
    return [event for event in runtime.announced() if type(event) in Utility.EVENTS.values()]


# ---- batches


def test_a_batch_makes_its_calls_in_order(runtime: UtilityRuntime) -> None:
    post = runtime.utility.batch(BY_ALICE, [pay(runtime, 500), pay(runtime, 700)])

    assert runtime.balances.free(BOB) == 1_200
    assert post.weight == weights.batch(2) + 2 * TRANSFER_WEIGHT
    item, done = Utility.ItemCompleted(), Utility.BatchCompleted()
    assert utility_events(runtime) == [item, item, done]


def test_a_batch_stops_at_the_first_failure_and_keeps_what_was_done(
    runtime: UtilityRuntime,
) -> None:
    calls = [pay(runtime, 500), pay(runtime, 20_000), pay(runtime, 700)]
    post = runtime.utility.batch(BY_ALICE, calls)

    assert runtime.balances.free(BOB) == 500
    decoded = weights.carrying(1, len(calls[2].raw))
    assert post.weight == weights.batch(2) + 2 * TRANSFER_WEIGHT + decoded
    assert utility_events(runtime) == [
        Utility.ItemCompleted(),
        Utility.BatchInterrupted(u32(1), POOR),
    ]


def test_a_batch_of_all_is_undone_by_one_failure(runtime: UtilityRuntime) -> None:
    whole = runtime.call("Utility", "batch_all", calls=[pay(runtime, 500), pay(runtime, 20_000)])
    with refused(runtime, TokenError(TokenErrorKind.FundsUnavailable)):
        runtime.dispatch(BY_ALICE, whole)
    with pytest.raises(DispatchError) as failure:
        runtime.dispatch(BY_ALICE, whole)
    assert failure.value.post == PostInfo(weight=weights.batch_all(2) + 2 * TRANSFER_WEIGHT)


def test_decoding_calls_that_are_not_made_is_not_refunded(runtime: UtilityRuntime) -> None:
    nested = runtime.call("Utility", "batch", calls=[pay(runtime, 500)] * 5)
    calls = [pay(runtime, 50_000), nested, nested]
    used = TRANSFER_WEIGHT + weights.carrying(12, 2 * len(nested.raw))

    post = runtime.dispatch(BY_ALICE, runtime.call("Utility", "batch", calls=calls))
    with pytest.raises(DispatchError) as failure:
        runtime.dispatch(BY_ALICE, runtime.call("Utility", "batch_all", calls=calls))
    assert post.weight == weights.batch(1) + used
    assert failure.value.post == PostInfo(weight=weights.batch_all(1) + used)


def test_calls_that_are_not_made_weigh_no_more_than_declared(runtime: UtilityRuntime) -> None:
    failing, cheap = pay(runtime, 50_000), probe(runtime, "cheap")
    post = runtime.dispatch(
        BY_ALICE, runtime.call("Utility", "batch", calls=[failing, *[cheap] * 3])
    )
    assert post.weight == weights.batch(1) + TRANSFER_WEIGHT + 3 * 1_000


def test_decoding_a_fallback_is_not_refunded(runtime: UtilityRuntime) -> None:
    fallback = runtime.call("Utility", "batch", calls=[pay(runtime, 500)] * 5)
    post = runtime.dispatch(
        BY_ALICE, runtime.call("Utility", "if_else", main=pay(runtime, 500), fallback=fallback)
    )
    decoded = weights.carrying(6, len(fallback.raw))
    assert post.weight == weights.IF_ELSE + TRANSFER_WEIGHT + decoded


def test_a_batch_of_all_that_succeeds_makes_them_all(runtime: UtilityRuntime) -> None:
    post = runtime.utility.batch_all(BY_ALICE, [pay(runtime, 500), probe(runtime, "cheap")])

    assert runtime.balances.free(BOB) == 500
    assert post.weight == weights.batch_all(2) + TRANSFER_WEIGHT + 100
    assert utility_events(runtime)[-1] == Utility.BatchCompleted()


def test_a_batch_of_all_cannot_be_nested_except_by_root(runtime: UtilityRuntime) -> None:
    inner = runtime.call("Utility", "batch_all", calls=[probe(runtime, "cheap")])
    nested = runtime.call("Utility", "batch", calls=[inner])

    with refused(runtime, System.CallFiltered):
        runtime.dispatch(BY_ALICE, runtime.call("Utility", "batch_all", calls=[inner]))
    runtime.utility.batch_all(BY_ALICE, [nested])
    filtered = runtime.wire_error(System.CallFiltered())
    assert Utility.BatchInterrupted(u32(0), filtered) in utility_events(runtime)
    runtime.utility.batch_all(ROOT, [inner])
    assert Probe.Probed() in runtime.announced()


def test_a_forced_batch_makes_every_call(runtime: UtilityRuntime) -> None:
    calls = [pay(runtime, 500), pay(runtime, 20_000), pay(runtime, 700)]
    post = runtime.utility.force_batch(BY_ALICE, calls)

    assert runtime.balances.free(BOB) == 1_200
    assert post.weight == weights.force_batch(3) + 3 * TRANSFER_WEIGHT
    assert utility_events(runtime) == [
        Utility.ItemCompleted(),
        Utility.ItemFailed(POOR),
        Utility.ItemCompleted(),
        Utility.BatchCompletedWithErrors(),
    ]


@pytest.mark.parametrize("name", ["batch", "batch_all", "force_batch"])
def test_a_batch_is_limited_and_needs_an_origin(runtime: UtilityRuntime, name: str) -> None:
    own = {
        "batch": weights.batch, "batch_all": weights.batch_all, "force_batch": weights.force_batch
    }[name]  # fmt: skip

    def batch(origin: Origin, count: int) -> PostInfo:
        calls = [probe(runtime, "cheap")] * count
        return runtime.dispatch(origin, runtime.call("Utility", name, calls=calls))

    with refused(runtime, Utility.TooManyCalls):
        batch(BY_ALICE, 6)
    with refused(runtime, BadOrigin):
        batch(NONE, 1)
    assert batch(BY_ALICE, 5).weight == own(5) + 500
    assert batch(ROOT, 0).weight == own(0)


def test_what_failed_cheaply_is_charged_cheaply(runtime: UtilityRuntime) -> None:
    post = runtime.utility.force_batch(BY_ALICE, [probe(runtime, "fail_cheaply")])
    assert post.weight == weights.force_batch(1) + 100


def test_the_filters_of_the_caller_hold_within_a_batch(runtime: UtilityRuntime) -> None:
    frugal = BY_ALICE.filtered(lambda inner: inner.pallet != 3)

    runtime.utility.batch(frugal, [pay(runtime, 500)])

    assert runtime.balances.free(BOB) == 0
    filtered = runtime.wire_error(System.CallFiltered())
    assert isinstance(filtered, WireModule)
    assert utility_events(runtime) == [Utility.BatchInterrupted(u32(0), filtered)]


def test_a_batch_is_operational_only_if_all_of_it_is(runtime: UtilityRuntime) -> None:
    urgent, normal = probe(runtime, "urgent"), probe(runtime, "cheap")

    def info(calls: Sequence[Call]) -> tuple[DispatchClass, int]:
        found = runtime.info(runtime.call("Utility", "batch", calls=list(calls)))
        return found.dispatch_class, found.weight

    assert info([urgent, urgent]) == (DispatchClass.Operational, weights.batch(2) + 2_000)
    assert info([urgent, normal]) == (DispatchClass.Normal, weights.batch(2) + 2_000)
    assert info([]) == (DispatchClass.Normal, weights.batch(0))
    assert info([probe(runtime, "inherent")]) == (DispatchClass.Normal, weights.batch(1) + 1_000)


def test_a_batch_travels(runtime: UtilityRuntime) -> None:
    whole = runtime.call("Utility", "batch", calls=[pay(runtime, 500), probe(runtime, "cheap")])

    assert whole.raw[:3] == bytes([9, 0, 2 << 2])
    assert decode(RuntimeCall, whole.raw) == whole


@settings(max_examples=30, deadline=None)
@given(st.lists(st.integers(0, 6_000), max_size=5))
def test_a_batch_does_what_its_calls_do_alone(amounts: list[int]) -> None:
    alone, together = opened(), opened()
    for amount in amounts:
        try:
            alone.dispatch(BY_ALICE, pay(alone, amount))
        except DispatchError:
            continue
    together.utility.force_batch(BY_ALICE, [pay(together, amount) for amount in amounts])

    assert alone.state.data == together.state.data


# ---- in another's name


def test_a_derivative_account_is_the_one_that_substrate_derives() -> None:
    entropy = b"modlpy/utilisuba" + bytes(ALICE) + b"\x2a\x01"
    assert derivative_account_id(ALICE, u16(298)) == blake2_256(entropy)


def test_only_its_owner_acts_for_a_derivative_account(runtime: UtilityRuntime) -> None:
    pseudonym = derivative_account_id(ALICE, u16(7))
    runtime.balances.transfer(ALICE, pseudonym, u128(1_000))

    post = runtime.utility.as_derivative(BY_ALICE, u16(7), pay(runtime, 300))

    assert runtime.balances.free(pseudonym) == 700
    assert post.weight is not None
    assert post.weight > TRANSFER_WEIGHT
    with refused(runtime, TokenError(TokenErrorKind.FundsUnavailable)):
        runtime.utility.as_derivative(signed(BOB), u16(7), pay(runtime, 300))
    with refused(runtime, BadOrigin):
        runtime.utility.as_derivative(ROOT, u16(7), pay(runtime, 300))


def test_filters_hold_for_a_derivative_account_too(runtime: UtilityRuntime) -> None:
    frugal = BY_ALICE.filtered(lambda inner: inner.pallet != 3)
    with refused(runtime, System.CallFiltered):
        runtime.utility.as_derivative(frugal, u16(7), pay(runtime, 300))


def test_root_dispatches_in_the_name_of_any_account(runtime: UtilityRuntime) -> None:
    as_alice = SystemOrigin(RawSigned(ALICE))

    runtime.utility.dispatch_as(ROOT, as_alice, pay(runtime, 500))
    runtime.utility.dispatch_as(ROOT, as_alice, pay(runtime, 50_000))
    runtime.utility.dispatch_as_fallible(ROOT, SystemOrigin(RawRoot()), probe(runtime, "cheap"))

    assert runtime.balances.free(BOB) == 500
    assert utility_events(runtime) == [
        Utility.DispatchedAs(Ok(())),
        Utility.DispatchedAs(Err(POOR)),
        Utility.DispatchedAs(Ok(())),
    ]
    with refused(runtime, TokenError(TokenErrorKind.FundsUnavailable)):
        runtime.utility.dispatch_as_fallible(ROOT, as_alice, pay(runtime, 50_000))


@pytest.mark.parametrize("raw", [RawNone(), RawSigned(TREASURY)])
def test_not_even_root_acts_as_none_or_as_a_pool(
    runtime: UtilityRuntime, raw: RawNone | RawSigned
) -> None:
    with refused(runtime, BadOrigin):
        runtime.utility.dispatch_as(ROOT, SystemOrigin(raw), probe(runtime, "cheap"))


def test_only_root_acts_for_others_or_chooses_weights(runtime: UtilityRuntime) -> None:
    inner, weight = probe(runtime, "cheap"), Weight(u64(77), u64(0))
    with refused(runtime, BadOrigin):
        runtime.utility.dispatch_as(BY_ALICE, SystemOrigin(RawRoot()), inner)
    with refused(runtime, BadOrigin):
        runtime.utility.dispatch_as_fallible(BY_ALICE, SystemOrigin(RawRoot()), inner)
    with refused(runtime, BadOrigin):
        runtime.utility.with_weight(BY_ALICE, inner, weight)

    runtime.utility.with_weight(ROOT, inner, weight)
    whole = runtime.call("Utility", "with_weight", call=inner, weight=weight)
    assert runtime.info(whole).weight == weights.WITH_WEIGHT + carrying_weight(runtime, inner) + 77


def test_a_chosen_weight_does_not_hide_what_is_inside(runtime: UtilityRuntime) -> None:
    inner = runtime.call("Utility", "batch", calls=[pay(runtime, 1)] * 50)
    nothing = Weight(u64(0), u64(0))
    whole = runtime.call("Utility", "with_weight", call=inner, weight=nothing)
    assert runtime.info(whole).weight == weights.WITH_WEIGHT + carrying_weight(runtime, inner)
    assert carrying_weight(runtime, inner) == weights.carrying(51, len(inner.raw))


# ---- if, else


def test_the_second_call_is_made_only_if_the_first_fails(runtime: UtilityRuntime) -> None:
    runtime.utility.if_else(BY_ALICE, pay(runtime, 500), pay(runtime, 700))
    runtime.utility.if_else(BY_ALICE, pay(runtime, 50_000), pay(runtime, 700))

    assert runtime.balances.free(BOB) == 1_200
    assert utility_events(runtime) == [
        Utility.IfElseMainSuccess(),
        Utility.IfElseFallbackCalled(POOR),
    ]


def test_if_both_calls_fail_the_whole_fails(runtime: UtilityRuntime) -> None:
    main, fallback = pay(runtime, 50_000), probe(runtime, "fail_cheaply")
    whole = runtime.call("Utility", "if_else", main=main, fallback=fallback)

    with refused(runtime, BadOrigin):
        runtime.dispatch(BY_ALICE, whole)
    with pytest.raises(BadOrigin) as failure:
        runtime.dispatch(BY_ALICE, whole)
    assert failure.value.post == PostInfo(weight=weights.IF_ELSE + TRANSFER_WEIGHT + 100)
    assert failure.value.wire() == WireBadOrigin()
    with refused(runtime, BadOrigin):
        runtime.utility.if_else(NONE, main, fallback)
