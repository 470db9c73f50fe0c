"""None"""

from __future__ import annotations

from collections.abc import Callable

import pytest

from btt_chain.primitives.account import AccountId, Raw
from btt_chain.scale import u128
from runtime.frame import (
    ROOT,
    BadOrigin,
    CannotLookup,
    ConsumerRemaining,
    GenesisError,
    Origin,
    TokenErrorKind,
)
from runtime.frame.traits import Reasons
from runtime.pallets.balances import events
from runtime.pallets.balances.pallet import Balances
from runtime.pallets.system.pallet import System
from support.balances import (
    ALICE,
    BOB,
    BOND,
    BY_ALICE,
    ED,
    EMPTY_POOL,
    POOL,
    STAKE,
    SUPPLY,
    TREASURY,
    UNUSED,
    VESTING,
    VOTING,
    BalancesRuntime,
    account,
    address,
    check_the_ledger,
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


# ---- genesis


def test_genesis_endows_accounts_and_opens_pools(runtime: BalancesRuntime) -> None:
    assert account(runtime, ALICE) == (10_000, 0, 0, 1, 0)
    assert account(runtime, TREASURY) == (20_000, 0, 0, 2, 0)
    assert account(runtime, POOL) == (50, 0, 0, 1, 0)
    assert account(runtime, EMPTY_POOL) == (0, 0, 0, 1, 0)
    assert runtime.balances.total_issuance.value == SUPPLY
    assert runtime.announced() == []


@pytest.mark.parametrize(
    ("rows", "place"),
    [
        ([[address(ALICE), 99]], "balances.balances[0][1]: expected at least 100 planck"),
        ([[address(ALICE), 500], [address(BOB), -1]], "balances.balances[1][1]"),
        ([[address(ALICE), 500], [address(ALICE), 500]], "balances.balances[1][0]"),
        ([["Alice", 500]], "balances.balances[0][0]"),
        ([[address(ALICE), u128.MAX], [address(BOB), 100]], "balances.balances[1][1]"),
        ([[address(ALICE)]], "balances.balances[0]"),
    ],
)
def test_a_wrong_genesis_row_is_named(rows: list[object], place: str) -> None:
    with pytest.raises(GenesisError) as reported:
        BalancesRuntime().balances.genesis({"balances": rows})
    assert str(reported.value).startswith(place)


# ---- transfers


def test_a_transfer_moves_money_and_says_so(runtime: BalancesRuntime) -> None:
    runtime.balances.transfer_allow_death(BY_ALICE, to(BOB), u128(4_000))

    assert runtime.balances.free(ALICE) == 6_000
    assert runtime.balances.free(BOB) == 9_000
    assert runtime.announced() == [events.Transfer(ALICE, BOB, u128(4_000))]
    check_the_ledger(runtime)


def test_a_transfer_reads_and_writes_each_account_once(
    runtime: BalancesRuntime, monkeypatch: pytest.MonkeyPatch
) -> None:
    reads: list[bytes] = []
    writes: list[bytes] = []
    get, put = runtime.state.get, runtime.state.put

    def counted_get(key: bytes) -> bytes | None:
        reads.append(key)
        return get(key)

    def counted_put(key: bytes, value: bytes | None) -> None:
        writes.append(key)
        put(key, value)

    monkeypatch.setattr(runtime.state, "get", counted_get)
    monkeypatch.setattr(runtime.state, "put", counted_put)

    runtime.balances.transfer(ALICE, BOB, u128(4_000))

    both = [runtime.system.account.key(ALICE), runtime.system.account.key(BOB)]
    assert (reads, writes) == (both, both)


def test_a_first_transfer_opens_the_account(runtime: BalancesRuntime) -> None:
    runtime.balances.transfer_keep_alive(BY_ALICE, to(UNUSED), ED)

    assert account(runtime, UNUSED) == (100, 0, 0, 1, 0)
    assert runtime.announced() == [
        System.NewAccount(UNUSED),
        events.Endowed(UNUSED, ED),
        events.Transfer(ALICE, UNUSED, ED),
    ]


def test_dust_goes_to_the_treasury_and_is_announced(runtime: BalancesRuntime) -> None:
    runtime.balances.transfer_allow_death(BY_ALICE, to(BOB), u128(9_950))

    assert ALICE not in runtime.system.account
    assert runtime.balances.free(TREASURY) == 20_050
    assert runtime.announced() == [
        System.KilledAccount(ALICE),
        events.DustLost(ALICE, u128(50)),
        events.Deposit(TREASURY, u128(50)),
        events.Transfer(ALICE, BOB, u128(9_950)),
    ]
    check_the_ledger(runtime)


def test_dust_of_a_transfer_to_the_treasury_is_not_lost(runtime: BalancesRuntime) -> None:
    runtime.balances.transfer_allow_death(BY_ALICE, to(TREASURY), u128(9_950))

    assert runtime.balances.free(TREASURY) == 30_000
    check_the_ledger(runtime)


def test_a_transfer_to_oneself_creates_no_money(runtime: BalancesRuntime) -> None:
    before = dict(runtime.state.data)

    runtime.balances.transfer_allow_death(BY_ALICE, to(ALICE), u128(10_000))

    assert runtime.state.data == before
    assert runtime.announced() == []


def test_a_transfer_of_nothing_opens_no_account(runtime: BalancesRuntime) -> None:
    before = dict(runtime.state.data)

    runtime.balances.transfer_allow_death(BY_ALICE, to(UNUSED), u128(0))

    assert runtime.state.data == before
    assert runtime.announced() == [events.Transfer(ALICE, UNUSED, u128(0))]


@pytest.mark.parametrize(
    ("keep_alive", "dest", "value", "kind"),
    [
        (False, BOB, 10_001, TokenErrorKind.FundsUnavailable),
        (True, BOB, 10_001, TokenErrorKind.FundsUnavailable),
        (True, BOB, 9_901, TokenErrorKind.NotExpendable),
        (True, ALICE, 9_901, TokenErrorKind.NotExpendable),
        (False, UNUSED, 99, TokenErrorKind.BelowMinimum),
        (True, UNUSED, 99, TokenErrorKind.BelowMinimum),
    ],
)
def test_a_refused_transfer_says_why(
    runtime: BalancesRuntime, keep_alive: bool, dest: AccountId, value: int, kind: TokenErrorKind
) -> None:
    pay = (
        runtime.balances.transfer_keep_alive
        if keep_alive
        else runtime.balances.transfer_allow_death
    )
    with refused(runtime, token(kind)):
        pay(BY_ALICE, to(dest), u128(value))


def test_frozen_money_stays(runtime: BalancesRuntime) -> None:
    runtime.balances.set_lock(VESTING, ALICE, u128(8_000), Reasons.Misc)

    with refused(runtime, token(TokenErrorKind.Frozen)):
        runtime.balances.transfer_allow_death(BY_ALICE, to(BOB), u128(2_001))
    runtime.balances.transfer_allow_death(BY_ALICE, to(BOB), u128(2_000))

    assert runtime.balances.reducible_balance(ALICE) == 0
    check_the_ledger(runtime)


def test_an_account_that_something_refers_to_cannot_be_emptied(runtime: BalancesRuntime) -> None:
    runtime.balances.reservable_currency.reserve(ALICE, u128(1_000))

    with refused(runtime, token(TokenErrorKind.Frozen)):
        runtime.balances.transfer_allow_death(BY_ALICE, to(BOB), u128(8_901))
    with refused(runtime, token(TokenErrorKind.FundsUnavailable)):
        runtime.balances.burn(BY_ALICE, u128(8_901), keep_alive=False)
    with refused(runtime, ConsumerRemaining):
        runtime.balances.reservable_currency.reserve(ALICE, u128(8_901))
    runtime.balances.transfer_allow_death(BY_ALICE, to(BOB), u128(8_900))
    check_the_ledger(runtime)


@pytest.mark.parametrize(("keep_alive", "left"), [(True, 100), (False, 0)])
def test_transfer_all_leaves_what_it_must(
    runtime: BalancesRuntime, keep_alive: bool, left: int
) -> None:
    runtime.balances.transfer_all(BY_ALICE, to(BOB), keep_alive=keep_alive)

    assert runtime.balances.free(ALICE) == left
    assert (ALICE in runtime.system.account) is keep_alive
    check_the_ledger(runtime)


def test_only_ids_are_addresses(runtime: BalancesRuntime) -> None:
    with refused(runtime, CannotLookup):
        runtime.balances.transfer_allow_death(BY_ALICE, Raw(bytes(BOB)), u128(500))


def test_only_the_chain_itself_uses_force(runtime: BalancesRuntime) -> None:
    balances = runtime.balances
    forced: list[Callable[[Origin], None]] = [
        lambda origin: balances.force_transfer(origin, to(ALICE), to(BOB), u128(500)),
        lambda origin: balances.force_unreserve(origin, to(ALICE), u128(500)),
        lambda origin: balances.force_set_balance(origin, to(ALICE), u128(500)),
    ]
    for force in forced:
        with refused(runtime, BadOrigin):
            force(BY_ALICE)
        force(ROOT)
    check_the_ledger(runtime)


@pytest.mark.parametrize("pool", [POOL, EMPTY_POOL, TREASURY])
def test_not_even_force_reaches_a_pool(runtime: BalancesRuntime, pool: AccountId) -> None:
    with refused(runtime, token(TokenErrorKind.Unsupported)):
        runtime.balances.force_transfer(ROOT, to(pool), to(ALICE), u128(10))
    with refused(runtime, token(TokenErrorKind.Unsupported)):
        runtime.balances.force_set_balance(ROOT, to(pool), u128(500))


def test_a_pool_may_hold_less_than_the_existential_deposit(runtime: BalancesRuntime) -> None:
    runtime.balances.transfer(POOL, ALICE, u128(10), keep_alive=True)
    runtime.balances.transfer(ALICE, EMPTY_POOL, u128(1))
    runtime.balances.transfer(ALICE, POOL, u128(200))
    assert account(runtime, POOL) == (240, 0, 0, 2, 0)
    runtime.balances.transfer(POOL, ALICE, u128(240))

    assert account(runtime, POOL) == (0, 0, 0, 1, 0)
    assert account(runtime, EMPTY_POOL) == (1, 0, 0, 1, 0)
    check_the_ledger(runtime)


def test_an_id_like_a_pools_makes_no_pool(runtime: BalancesRuntime) -> None:
    pretended = AccountId(b"modlbtt/mine".ljust(32, b"\1"))
    unknown = AccountId(b"modlbtt/none".ljust(32, b"\0"))
    for who in (pretended, unknown):
        with refused(runtime, token(TokenErrorKind.BelowMinimum)):
            runtime.balances.transfer(ALICE, who, u128(99))
        runtime.balances.transfer(ALICE, who, u128(150))
        runtime.balances.transfer(who, ALICE, u128(100))
        assert who not in runtime.system.account
    assert runtime.balances.free(TREASURY) == 20_100


def test_an_account_that_something_else_keeps_alive_can_be_emptied(
    runtime: BalancesRuntime,
) -> None:
    info = runtime.system.account[ALICE]
    runtime.system.add_provider(ALICE, info)
    runtime.system.account[ALICE] = info
    runtime.balances.reserve_named(b"reserve1", ALICE, u128(1_000))

    runtime.balances.transfer_allow_death(BY_ALICE, to(BOB), u128(8_950))
    assert account(runtime, ALICE) == (50, 1_000, 0, 1, 1)
    runtime.balances.slash_reserved_named(b"reserve1", ALICE, u128(1_000))

    assert account(runtime, ALICE) == (0, 0, 0, 1, 0)
    assert runtime.balances.free(TREASURY) == 21_050


# ---- setting, burning


def test_a_balance_is_set_at_the_cost_of_the_treasury(runtime: BalancesRuntime) -> None:
    runtime.balances.force_set_balance(ROOT, to(ALICE), u128(12_000))
    runtime.balances.force_set_balance(ROOT, to(BOB), u128(1_000))
    runtime.balances.force_set_balance(ROOT, to(UNUSED), u128(300))

    assert runtime.balances.free(TREASURY) == 20_000 - 2_000 + 4_000 - 300
    assert runtime.announced()[:2] == [
        events.Withdraw(TREASURY, u128(2_000)),
        events.BalanceSet(ALICE, u128(12_000)),
    ]
    check_the_ledger(runtime)


def test_a_balance_set_below_the_existential_deposit_closes_the_account(
    runtime: BalancesRuntime,
) -> None:
    runtime.balances.force_set_balance(ROOT, to(BOB), u128(99))

    assert BOB not in runtime.system.account
    assert runtime.balances.free(TREASURY) == 25_000
    check_the_ledger(runtime)


def test_a_balance_the_treasury_cannot_pay_for_is_not_set(runtime: BalancesRuntime) -> None:
    with refused(runtime, token(TokenErrorKind.FundsUnavailable)):
        runtime.balances.force_set_balance(ROOT, to(ALICE), u128(30_001))


def test_burning_lowers_the_issuance_and_is_counted(runtime: BalancesRuntime) -> None:
    runtime.balances.burn(BY_ALICE, u128(1_000), keep_alive=True)
    runtime.balances.fungible.burn_from(POOL, u128(50))

    assert runtime.balances.total_issuance.value == SUPPLY - 1_050
    assert runtime.balances.total_burned.value == 1_050
    assert runtime.announced() == [events.Burned(ALICE, u128(1_000)), events.Burned(POOL, u128(50))]
    check_the_ledger(runtime)


def test_a_burn_that_must_keep_the_account_keeps_it(runtime: BalancesRuntime) -> None:
    with refused(runtime, token(TokenErrorKind.FundsUnavailable)):
        runtime.balances.burn(BY_ALICE, u128(9_901), keep_alive=True)
    runtime.balances.burn(BY_ALICE, u128(9_901), keep_alive=False)

    assert ALICE not in runtime.system.account
    assert runtime.balances.free(TREASURY) == 20_099
    check_the_ledger(runtime)


# ---- fees


def test_fees_are_taken_from_vesting_money_but_nothing_else_is(runtime: BalancesRuntime) -> None:
    runtime.balances.set_lock(VESTING, ALICE, u128(10_000), Reasons.Misc)

    assert runtime.balances.reducible_balance(ALICE) == 0
    assert runtime.balances.can_withdraw_fee(ALICE, u128(9_900))
    assert not runtime.balances.can_withdraw_fee(ALICE, u128(9_901))
    runtime.balances.withdraw_fee(ALICE, u128(300))
    runtime.balances.credit(BOB, u128(200))
    runtime.balances.credit(ALICE, u128(100))

    assert runtime.balances.free(ALICE) == 9_800
    assert runtime.announced()[-3:] == [
        events.Withdraw(ALICE, u128(300)),
        events.Deposit(BOB, u128(200)),
        events.Deposit(ALICE, u128(100)),
    ]
    check_the_ledger(runtime)


@pytest.mark.parametrize("reasons", [Reasons.Fee, Reasons.All])
def test_a_lock_against_fees_stops_fees(runtime: BalancesRuntime, reasons: Reasons) -> None:
    runtime.balances.set_lock(VESTING, ALICE, u128(9_000), Reasons.Misc)
    runtime.balances.set_lock(VOTING, ALICE, u128(8_000), reasons)
    runtime.balances.hold(BOND, ALICE, u128(1_000))
    runtime.balances.hold(STAKE, ALICE, u128(100))

    assert runtime.balances.can_withdraw_fee(ALICE, u128(8_900 - 7_000))
    assert not runtime.balances.can_withdraw_fee(ALICE, u128(8_900 - 7_000 + 1))


def test_a_tip_is_of_money_that_is_free_to_go(runtime: BalancesRuntime) -> None:
    runtime.balances.set_lock(VESTING, ALICE, u128(9_000), Reasons.Misc)

    assert runtime.balances.can_withdraw_fee(ALICE, u128(5_000), u128(1_000))
    assert not runtime.balances.can_withdraw_fee(ALICE, u128(5_000), u128(1_001))
    with refused(runtime, token(TokenErrorKind.Frozen)):
        runtime.balances.withdraw_fee(ALICE, u128(5_000), u128(1_001))
    runtime.balances.withdraw_fee(ALICE, u128(5_000), u128(1_000))

    assert runtime.balances.free(ALICE) == 5_000


def test_not_even_a_tip_closes_the_account(runtime: BalancesRuntime) -> None:
    assert runtime.balances.can_withdraw_fee(ALICE, u128(9_900), u128(9_900))
    assert not runtime.balances.can_withdraw_fee(ALICE, u128(9_901), u128(9_901))


def test_a_fee_never_closes_the_account(runtime: BalancesRuntime) -> None:
    with refused(runtime, token(TokenErrorKind.FundsUnavailable)):
        runtime.balances.withdraw_fee(ALICE, u128(9_901))
    runtime.balances.withdraw_fee(ALICE, u128(9_900))

    assert runtime.balances.free(ALICE) == ED


def test_what_is_too_little_to_open_an_account_goes_to_the_treasury(
    runtime: BalancesRuntime,
) -> None:
    runtime.balances.withdraw_fee(ALICE, u128(99))
    runtime.balances.credit(UNUSED, u128(99))

    assert UNUSED not in runtime.system.account
    assert runtime.balances.free(TREASURY) == 20_099
    check_the_ledger(runtime)
