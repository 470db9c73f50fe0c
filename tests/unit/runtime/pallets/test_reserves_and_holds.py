"""Balances: reserves, holds, locks and freezes, and what holds after any sequence of calls."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from btt_chain.primitives.account import AccountId
from btt_chain.scale import u32, u128
from runtime.frame import (
    ROOT,
    ConsumerRemaining,
    DispatchError,
    NoProviders,
    Reason,
    TokenError,
    TokenErrorKind,
    signed,
)
from runtime.frame.traits import Reasons
from runtime.pallets.balances import errors
from runtime.pallets.balances import events as balances_events
from runtime.pallets.balances.pallet import Balances
from runtime.pallets.balances.types import MAX_HOLDS, MAX_RESERVES
from support.balances import (
    ALICE,
    BOB,
    BOND,
    BY_BOB,
    CAROL,
    ED,
    ESCROW,
    POLL,
    POOL,
    STAKE,
    TREASURY,
    UNUSED,
    VESTING,
    VOTE,
    VOTING,
    BalancesRuntime,
    account,
    address,
    check_the_ledger,
    money,
    opened,
    to,
    token,
)
from support.runtime import refused


@pytest.fixture
def runtime() -> BalancesRuntime:
    return opened()


@pytest.fixture
def balances(runtime: BalancesRuntime) -> Balances:
    return runtime.balances


# ---- reserves


def test_a_deposit_may_be_made_of_vesting_money(runtime: BalancesRuntime) -> None:
    runtime.balances.set_lock(VESTING, ALICE, u128(10_000), Reasons.Misc)

    runtime.balances.reservable_currency.reserve(ALICE, u128(4_000))

    assert account(runtime, ALICE) == (6_000, 4_000, 10_000, 1, 1)
    assert runtime.balances.reducible_balance(ALICE) == 0
    check_the_ledger(runtime)


def test_only_what_is_there_can_be_reserved(runtime: BalancesRuntime) -> None:
    with refused(runtime, errors.InsufficientBalance):
        runtime.balances.reservable_currency.reserve(ALICE, u128(10_001))
    with refused(runtime, ConsumerRemaining):
        runtime.balances.reservable_currency.reserve(ALICE, u128(9_901))
    runtime.balances.reservable_currency.reserve(ALICE, u128(9_900))


def test_what_is_unreserved_is_free_again(runtime: BalancesRuntime) -> None:
    runtime.balances.reservable_currency.reserve(ALICE, u128(1_000))

    assert runtime.balances.reservable_currency.unreserve(ALICE, u128(400)) == 0
    assert runtime.balances.reservable_currency.unreserve(ALICE, u128(900)) == 300

    assert account(runtime, ALICE) == (10_000, 0, 0, 1, 0)
    assert runtime.announced() == [
        balances_events.Reserved(ALICE, u128(1_000)),
        balances_events.Unreserved(ALICE, u128(400)),
        balances_events.Unreserved(ALICE, u128(600)),
    ]


def test_freeing_by_force_leaves_holds_and_named_reserves_alone(runtime: BalancesRuntime) -> None:
    runtime.balances.reservable_currency.reserve(ALICE, u128(100))
    runtime.balances.hold(STAKE, ALICE, u128(200))
    runtime.balances.reserve_named(b"reserve1", ALICE, u128(300))

    runtime.balances.force_unreserve(ROOT, to(ALICE), u128(10_000))

    assert runtime.balances.reserved(ALICE) == 500
    check_the_ledger(runtime)


def test_a_slashed_reserve_goes_to_the_treasury(runtime: BalancesRuntime) -> None:
    runtime.balances.reserve_named(b"reserve1", ALICE, u128(1_000))

    assert runtime.balances.slash_reserved_named(b"reserve1", ALICE, u128(1_500)) == 500

    assert account(runtime, ALICE) == (9_000, 0, 0, 1, 0)
    assert runtime.balances.free(TREASURY) == 21_000
    assert runtime.announced()[-2:] == [
        balances_events.Slashed(ALICE, u128(1_000)),
        balances_events.Deposit(TREASURY, u128(1_000)),
    ]
    check_the_ledger(runtime)


def test_named_reserves_are_kept_apart(runtime: BalancesRuntime) -> None:
    balances = runtime.balances
    balances.reserve_named(b"zzzzzzzz", ALICE, u128(300))
    balances.reserve_named(b"aaaaaaaa", ALICE, u128(200))
    balances.reserve_named(b"zzzzzzzz", ALICE, u128(100))

    assert [entry.id for entry in balances.reserves[ALICE]] == [b"aaaaaaaa", b"zzzzzzzz"]
    assert balances.unreserve_named(b"aaaaaaaa", ALICE, u128(500)) == 300
    assert balances.slash_reserved_named(b"zzzzzzzz", ALICE, u128(150)) == 0
    assert balances.reservable_currency.reserved_named(b"zzzzzzzz", ALICE) == 250
    assert balances.reservable_currency.unreserve(ALICE, u128(250)) == 250
    check_the_ledger(runtime)
    assert balances.slash_reserved_named(b"zzzzzzzz", ALICE, u128(900)) == 650
    assert ALICE not in balances.reserves
    check_the_ledger(runtime)


def test_named_reserves_are_limited_in_number(runtime: BalancesRuntime) -> None:
    for n in range(MAX_RESERVES):
        runtime.balances.reserve_named(n.to_bytes(8, "big"), ALICE, u128(1))

    with refused(runtime, errors.TooManyReserves):
        runtime.balances.reserve_named(b"one more", ALICE, u128(1))
    runtime.balances.reserve_named(bytes(8), ALICE, u128(1))


# ---- holds and locks


def test_a_bond_may_be_of_vesting_money_a_stake_may_not(runtime: BalancesRuntime) -> None:
    runtime.balances.set_lock(VESTING, ALICE, u128(9_000), Reasons.Misc)

    with refused(runtime, token(TokenErrorKind.Frozen)):
        runtime.balances.hold(STAKE, ALICE, u128(1_001))
    runtime.balances.hold(BOND, ALICE, u128(5_000))
    assert account(runtime, ALICE) == (5_000, 5_000, 9_000, 1, 1)
    assert runtime.balances.reducible_balance(ALICE) == 1_000
    check_the_ledger(runtime)


def test_without_a_lock_nothing_is_frozen_whatever_is_held(runtime: BalancesRuntime) -> None:
    runtime.balances.hold(STAKE, ALICE, u128(1_000))
    assert account(runtime, ALICE) == (9_000, 1_000, 0, 1, 1)
    runtime.balances.set_lock(VESTING, ALICE, u128(500), Reasons.Misc)
    assert account(runtime, ALICE) == (9_000, 1_000, 1_500, 1, 1)
    runtime.balances.remove_lock(VESTING, ALICE)
    assert account(runtime, ALICE) == (9_000, 1_000, 0, 1, 1)


def test_a_hold_is_released_in_parts(runtime: BalancesRuntime) -> None:
    runtime.balances.hold(STAKE, ALICE, u128(1_000))
    runtime.balances.hold(STAKE, ALICE, u128(500))
    runtime.balances.release(STAKE, ALICE, u128(600))

    assert runtime.balances.held(STAKE, ALICE) == 900
    with refused(runtime, token(TokenErrorKind.FundsUnavailable)):
        runtime.balances.release(STAKE, ALICE, u128(901))
    runtime.balances.release(STAKE, ALICE, u128(900))
    assert ALICE not in runtime.balances.holds
    assert account(runtime, ALICE) == (10_000, 0, 0, 1, 0)
    assert runtime.announced() == [
        balances_events.Held(STAKE, ALICE, u128(1_000)),
        balances_events.Held(STAKE, ALICE, u128(500)),
        balances_events.Released(STAKE, ALICE, u128(600)),
        balances_events.Released(STAKE, ALICE, u128(900)),
    ]


def test_a_hold_leaves_the_existential_deposit_free(runtime: BalancesRuntime) -> None:
    with refused(runtime, token(TokenErrorKind.FundsUnavailable)):
        runtime.balances.hold(BOND, ALICE, u128(9_901))
    runtime.balances.hold(BOND, ALICE, u128(9_900))
    check_the_ledger(runtime)


def test_holds_are_limited_in_number(runtime: BalancesRuntime) -> None:
    room = [Reason(9, n % 3) for n in range(3)]
    for reason in room:
        runtime.balances.hold(reason, ALICE, u128(1))
    full = runtime.balances.holds[ALICE] * (MAX_HOLDS // 3) + runtime.balances.holds[ALICE][:2]
    runtime.balances.holds[ALICE] = [entry for entry in full if entry.id != STAKE] + [
        entry for entry in full if entry.id == BOND
    ]
    assert len(runtime.balances.holds[ALICE]) == MAX_HOLDS

    with refused(runtime, token(TokenErrorKind.CannotCreateHold)):
        runtime.balances.hold(STAKE, ALICE, u128(1))


def test_held_money_changes_hands(runtime: BalancesRuntime) -> None:
    balances = runtime.balances
    balances.hold(ESCROW, ALICE, u128(1_000))

    balances.transfer_on_hold(ESCROW, ALICE, BOB, u128(300), on_hold=True)
    balances.transfer_on_hold(ESCROW, ALICE, UNUSED, u128(400), on_hold=False)

    assert balances.held(ESCROW, BOB) == 300
    assert balances.free(UNUSED) == 400
    assert balances.held(ESCROW, ALICE) == 300
    assert runtime.announced()[-1] == balances_events.TransferOnHold(
        ESCROW, ALICE, UNUSED, u128(400)
    )
    check_the_ledger(runtime)


def test_held_money_that_changes_hands_to_its_owner_stays_or_is_released(
    runtime: BalancesRuntime,
) -> None:
    runtime.balances.hold(ESCROW, ALICE, u128(1_000))

    runtime.balances.transfer_on_hold(ESCROW, ALICE, ALICE, u128(300), on_hold=True)
    assert runtime.balances.held(ESCROW, ALICE) == 1_000
    runtime.balances.transfer_on_hold(ESCROW, ALICE, ALICE, u128(300), on_hold=False)
    assert runtime.balances.held(ESCROW, ALICE) == 700
    check_the_ledger(runtime)


@pytest.mark.parametrize(
    ("dest", "amount", "on_hold", "kind"),
    [
        (BOB, 1_001, False, TokenErrorKind.FundsUnavailable),
        (BOB, 501, False, TokenErrorKind.Frozen),
        (UNUSED, 99, False, TokenErrorKind.CannotCreate),
        (UNUSED, 100, True, TokenErrorKind.CannotCreateHold),
    ],
)
def test_held_money_that_cannot_change_hands_says_why(
    runtime: BalancesRuntime, dest: AccountId, amount: int, on_hold: bool, kind: TokenErrorKind
) -> None:
    runtime.balances.hold(BOND, ALICE, u128(1_000))
    runtime.balances.set_lock(VESTING, ALICE, u128(9_500), Reasons.Misc)

    with refused(runtime, token(kind)):
        runtime.balances.transfer_on_hold(BOND, ALICE, dest, u128(amount), on_hold=on_hold)


def test_a_slash_takes_even_what_a_lock_leans_on(runtime: BalancesRuntime) -> None:
    runtime.balances.hold(BOND, ALICE, u128(1_000))
    runtime.balances.set_lock(VESTING, ALICE, u128(10_000), Reasons.Misc)

    with refused(runtime, token(TokenErrorKind.Frozen)):
        runtime.balances.fungible_hold.burn_held(BOND, ALICE, u128(1))
    runtime.balances.transfer_on_hold(BOND, ALICE, BOB, u128(400), on_hold=False, force=True)
    runtime.balances.fungible_hold.burn_held(BOND, ALICE, u128(600), force=True)

    assert runtime.balances.total_burned.value == 600
    assert account(runtime, ALICE) == (9_000, 0, 10_000, 1, 1)
    assert runtime.announced()[-1] == balances_events.BurnedHeld(BOND, ALICE, u128(600))
    check_the_ledger(runtime)


def test_locks_overlap_and_the_greatest_counts(runtime: BalancesRuntime) -> None:
    balances = runtime.balances
    balances.set_lock(VESTING, ALICE, u128(3_000), Reasons.Misc)
    balances.set_lock(VOTING, ALICE, u128(5_000), Reasons.All)
    balances.lockable_currency.set_freeze(VOTE, ALICE, u128(4_000))
    assert balances.reducible_balance(ALICE) == 5_000
    balances.remove_lock(VOTING, ALICE)
    assert balances.reducible_balance(ALICE) == 6_000
    balances.lockable_currency.thaw(VOTE, ALICE)
    balances.remove_lock(VESTING, ALICE)

    assert account(runtime, ALICE) == (10_000, 0, 0, 1, 0)
    assert ALICE not in balances.locks
    assert ALICE not in balances.freezes
    assert runtime.announced() == [
        balances_events.Locked(ALICE, u128(3_000)),
        balances_events.Locked(ALICE, u128(2_000)),
        balances_events.Unlocked(ALICE, u128(1_000)),
        balances_events.Thawed(ALICE, u128(1_000)),
        balances_events.Unlocked(ALICE, u128(3_000)),
    ]


def test_nothing_is_locked_where_there_is_no_account(runtime: BalancesRuntime) -> None:
    with refused(runtime, NoProviders):
        runtime.balances.set_lock(VESTING, UNUSED, u128(1), Reasons.Misc)
    runtime.balances.remove_lock(VESTING, UNUSED)
    assert UNUSED not in runtime.system.account


def test_freezes_are_limited_in_number() -> None:
    runtime = BalancesRuntime()
    runtime.balances.lockable_currency.max_freezes = u32(1)
    runtime.balances.genesis({"balances": [[address(ALICE), 1_000]]})
    runtime.balances.lockable_currency.set_freeze(VOTE, ALICE, u128(1))

    with refused(runtime, errors.TooManyFreezes):
        runtime.balances.lockable_currency.set_freeze(POLL, ALICE, u128(1))


# ---- whatever happens

PEOPLE = st.sampled_from([ALICE, BOB, CAROL, UNUSED, TREASURY, POOL])
OWNERS = st.sampled_from([ALICE, BOB, CAROL])
AMOUNT = st.one_of(st.integers(0, 300), st.integers(0, 12_000), st.just(u128.MAX)).map(u128)
REASON = st.sampled_from([BOND, STAKE, ESCROW])
LOCK = st.sampled_from([VESTING, VOTING])
NAME = st.sampled_from([b"reserve1", b"reserve2"])
YES_NO = st.booleans()
Step = tuple[str, tuple[object, ...]]


def steps() -> st.SearchStrategy[Step]:
    kinds: dict[str, tuple[st.SearchStrategy[object], ...]] = {
        "transfer": (PEOPLE, PEOPLE, AMOUNT, YES_NO),
        "transfer_all": (OWNERS, PEOPLE, YES_NO),
        "force_transfer": (PEOPLE, PEOPLE, AMOUNT),
        "force_set_balance": (PEOPLE, AMOUNT),
        "burn_from": (PEOPLE, AMOUNT, YES_NO),
        "fee": (OWNERS, PEOPLE, AMOUNT),
        "reserve": (OWNERS, AMOUNT),
        "unreserve": (OWNERS, AMOUNT),
        "reserve_named": (NAME, OWNERS, AMOUNT),
        "unreserve_named": (NAME, OWNERS, AMOUNT),
        "slash_reserved_named": (NAME, OWNERS, AMOUNT),
        "hold": (REASON, OWNERS, AMOUNT),
        "release": (REASON, OWNERS, AMOUNT),
        "transfer_on_hold": (REASON, OWNERS, PEOPLE, AMOUNT, YES_NO, YES_NO),
        "burn_held": (REASON, OWNERS, AMOUNT, YES_NO),
        "set_lock": (LOCK, OWNERS, AMOUNT, st.sampled_from(Reasons)),
        "remove_lock": (LOCK, OWNERS),
        "thaw": (st.sampled_from([VOTE, POLL]), OWNERS),
        "set_freeze": (st.sampled_from([VOTE, POLL]), OWNERS, AMOUNT),
    }
    return st.one_of(*(st.tuples(st.just(name), st.tuples(*of)) for name, of in kinds.items()))


def take(runtime: BalancesRuntime, name: str, args: tuple[object, ...]) -> None:
    balances = runtime.balances
    match name, args:
        case "transfer_all", (AccountId() as who, AccountId() as dest, bool(keep)):
            balances.transfer_all(signed(who), to(dest), keep)
        case "force_transfer", (AccountId() as who, AccountId() as dest, u128() as amount):
            balances.force_transfer(ROOT, to(who), to(dest), amount)
        case "force_set_balance", (AccountId() as who, u128() as amount):
            balances.force_set_balance(ROOT, to(who), amount)
        case "fee", (AccountId() as who, AccountId() as dest, u128() as amount):
            possible = balances.can_withdraw_fee(who, amount)
            try:
                balances.withdraw_fee(who, amount)
            except TokenError:
                assert not possible
                raise
            assert possible
            balances.credit(dest, amount)
        case "transfer_on_hold", (Reason() as reason, AccountId() as who, AccountId() as dest,
                                  u128() as amount, bool(on_hold), bool(force)):  # fmt: skip
            balances.transfer_on_hold(reason, who, dest, amount, on_hold=on_hold, force=force)
        case "burn_held", (Reason() as reason, AccountId() as who, u128() as amount, bool(force)):
            balances.fungible_hold.burn_held(reason, who, amount, force=force)
        case _:
            parts = (balances, *balances.components)
            getattr(next(part for part in parts if hasattr(part, name)), name)(*args)


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(steps(), min_size=15, max_size=40))
def test_whatever_happens_the_ledger_balance_and_failures_change_nothing(taken: list[Step]) -> None:
    runtime = opened()
    runtime.balances.transfer(ALICE, CAROL, u128(3_000))
    for name, args in taken:
        before, events = dict(runtime.state.data), list(runtime.host.events)
        try:
            take(runtime, name, args)
        except (DispatchError, ArithmeticError):
            assert runtime.state.data == before, f"{name} failed half-way"
            assert runtime.host.events == events
        check_the_ledger(runtime)


@settings(max_examples=80, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(steps(), min_size=6, max_size=20), st.booleans())
def test_what_is_reported_to_be_spendable_can_be_spent_and_no_more(
    taken: list[Step], keep_alive: bool
) -> None:
    runtime = opened()
    for name, args in taken:
        try:
            take(runtime, name, args)
        except (DispatchError, ArithmeticError):
            continue
    for who in (ALICE, BOB, CAROL, POOL):
        spendable = runtime.balances.reducible_balance(who, keep_alive=keep_alive)
        with pytest.raises(TokenError):
            runtime.balances.transfer(who, TREASURY, spendable + 1, keep_alive)
        runtime.balances.transfer(who, TREASURY, spendable, keep_alive)
        check_the_ledger(runtime)


@pytest.mark.parametrize("left", list(money()))
def test_no_account_is_left_with_less_than_the_existential_deposit(
    runtime: BalancesRuntime, left: u128
) -> None:
    runtime.balances.transfer_allow_death(BY_BOB, to(ALICE), u128(5_000) - left)

    assert (BOB in runtime.system.account) is (left >= ED)
    check_the_ledger(runtime)
