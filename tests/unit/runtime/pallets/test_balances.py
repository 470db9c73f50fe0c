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
from runtime.pallets.balances import Balances, Reasons
from runtime.pallets.system import System
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
    Bank,
    account,
    address,
    check_the_ledger,
    opened,
    to,
    token,
)
from support.runtime import refused


@pytest.fixture
def bank() -> Bank:
    return opened()


@pytest.fixture
def balances(bank: Bank) -> Balances:
    return bank.balances


# ---- genesis


def test_genesis_endows_accounts_and_opens_pools(bank: Bank) -> None:
    assert account(bank, ALICE) == (10_000, 0, 0, 1, 0)
    assert account(bank, TREASURY) == (20_000, 0, 0, 2, 0)
    assert account(bank, POOL) == (50, 0, 0, 1, 0)
    assert account(bank, EMPTY_POOL) == (0, 0, 0, 1, 0)
    assert bank.balances.total_issuance.value == SUPPLY
    assert bank.announced() == []


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
        Bank().balances.genesis({"balances": rows})
    assert str(reported.value).startswith(place)


# ---- transfers


def test_a_transfer_moves_money_and_says_so(bank: Bank) -> None:
    bank.balances.transfer_allow_death(BY_ALICE, to(BOB), u128(4_000))

    assert bank.balances.free(ALICE) == 6_000
    assert bank.balances.free(BOB) == 9_000
    assert bank.announced() == [Balances.Transfer(ALICE, BOB, u128(4_000))]
    check_the_ledger(bank)


def test_a_transfer_reads_and_writes_each_account_once(
    bank: Bank, monkeypatch: pytest.MonkeyPatch
) -> None:
    reads: list[bytes] = []
    writes: list[bytes] = []
    get, put = bank.state.get, bank.state.put

    def counted_get(key: bytes) -> bytes | None:
        reads.append(key)
        return get(key)

    def counted_put(key: bytes, value: bytes | None) -> None:
        writes.append(key)
        put(key, value)

    monkeypatch.setattr(bank.state, "get", counted_get)
    monkeypatch.setattr(bank.state, "put", counted_put)

    bank.balances.transfer(ALICE, BOB, u128(4_000))

    both = [bank.system.account.key(ALICE), bank.system.account.key(BOB)]
    assert (reads, writes) == (both, both)


def test_a_first_transfer_opens_the_account(bank: Bank) -> None:
    bank.balances.transfer_keep_alive(BY_ALICE, to(UNUSED), ED)

    assert account(bank, UNUSED) == (100, 0, 0, 1, 0)
    assert bank.announced() == [
        System.NewAccount(UNUSED),
        Balances.Endowed(UNUSED, ED),
        Balances.Transfer(ALICE, UNUSED, ED),
    ]


def test_dust_goes_to_the_treasury_and_is_announced(bank: Bank) -> None:
    bank.balances.transfer_allow_death(BY_ALICE, to(BOB), u128(9_950))

    assert ALICE not in bank.system.account
    assert bank.balances.free(TREASURY) == 20_050
    assert bank.announced() == [
        System.KilledAccount(ALICE),
        Balances.DustLost(ALICE, u128(50)),
        Balances.Deposit(TREASURY, u128(50)),
        Balances.Transfer(ALICE, BOB, u128(9_950)),
    ]
    check_the_ledger(bank)


def test_dust_of_a_transfer_to_the_treasury_is_not_lost(bank: Bank) -> None:
    bank.balances.transfer_allow_death(BY_ALICE, to(TREASURY), u128(9_950))

    assert bank.balances.free(TREASURY) == 30_000
    check_the_ledger(bank)


def test_a_transfer_to_oneself_creates_no_money(bank: Bank) -> None:
    before = dict(bank.state.data)

    bank.balances.transfer_allow_death(BY_ALICE, to(ALICE), u128(10_000))

    assert bank.state.data == before
    assert bank.announced() == []


def test_a_transfer_of_nothing_opens_no_account(bank: Bank) -> None:
    before = dict(bank.state.data)

    bank.balances.transfer_allow_death(BY_ALICE, to(UNUSED), u128(0))

    assert bank.state.data == before
    assert bank.announced() == [Balances.Transfer(ALICE, UNUSED, u128(0))]


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
    bank: Bank, keep_alive: bool, dest: AccountId, value: int, kind: TokenErrorKind
) -> None:
    pay = bank.balances.transfer_keep_alive if keep_alive else bank.balances.transfer_allow_death
    with refused(bank, token(kind)):
        pay(BY_ALICE, to(dest), u128(value))


def test_frozen_money_stays(bank: Bank) -> None:
    bank.balances.set_lock(VESTING, ALICE, u128(8_000), Reasons.Misc)

    with refused(bank, token(TokenErrorKind.Frozen)):
        bank.balances.transfer_allow_death(BY_ALICE, to(BOB), u128(2_001))
    bank.balances.transfer_allow_death(BY_ALICE, to(BOB), u128(2_000))

    assert bank.balances.reducible_balance(ALICE) == 0
    check_the_ledger(bank)


def test_an_account_that_something_refers_to_cannot_be_emptied(bank: Bank) -> None:
    bank.balances.reservable_currency.reserve(ALICE, u128(1_000))

    with refused(bank, token(TokenErrorKind.Frozen)):
        bank.balances.transfer_allow_death(BY_ALICE, to(BOB), u128(8_901))
    with refused(bank, token(TokenErrorKind.FundsUnavailable)):
        bank.balances.burn(BY_ALICE, u128(8_901), keep_alive=False)
    with refused(bank, ConsumerRemaining):
        bank.balances.reservable_currency.reserve(ALICE, u128(8_901))
    bank.balances.transfer_allow_death(BY_ALICE, to(BOB), u128(8_900))
    check_the_ledger(bank)


@pytest.mark.parametrize(("keep_alive", "left"), [(True, 100), (False, 0)])
def test_transfer_all_leaves_what_it_must(bank: Bank, keep_alive: bool, left: int) -> None:
    bank.balances.transfer_all(BY_ALICE, to(BOB), keep_alive=keep_alive)

    assert bank.balances.free(ALICE) == left
    assert (ALICE in bank.system.account) is keep_alive
    check_the_ledger(bank)


def test_only_ids_are_addresses(bank: Bank) -> None:
    with refused(bank, CannotLookup):
        bank.balances.transfer_allow_death(BY_ALICE, Raw(bytes(BOB)), u128(500))


def test_only_the_chain_itself_uses_force(bank: Bank) -> None:
    balances = bank.balances
    forced: list[Callable[[Origin], None]] = [
        lambda origin: balances.force_transfer(origin, to(ALICE), to(BOB), u128(500)),
        lambda origin: balances.force_unreserve(origin, to(ALICE), u128(500)),
        lambda origin: balances.force_set_balance(origin, to(ALICE), u128(500)),
    ]
    for force in forced:
        with refused(bank, BadOrigin):
            force(BY_ALICE)
        force(ROOT)
    check_the_ledger(bank)


@pytest.mark.parametrize("pool", [POOL, EMPTY_POOL, TREASURY])
def test_not_even_force_reaches_a_pool(bank: Bank, pool: AccountId) -> None:
    with refused(bank, token(TokenErrorKind.Unsupported)):
        bank.balances.force_transfer(ROOT, to(pool), to(ALICE), u128(10))
    with refused(bank, token(TokenErrorKind.Unsupported)):
        bank.balances.force_set_balance(ROOT, to(pool), u128(500))


def test_a_pool_may_hold_less_than_the_existential_deposit(bank: Bank) -> None:
    bank.balances.transfer(POOL, ALICE, u128(10), keep_alive=True)
    bank.balances.transfer(ALICE, EMPTY_POOL, u128(1))
    bank.balances.transfer(ALICE, POOL, u128(200))
    assert account(bank, POOL) == (240, 0, 0, 2, 0)
    bank.balances.transfer(POOL, ALICE, u128(240))

    assert account(bank, POOL) == (0, 0, 0, 1, 0)
    assert account(bank, EMPTY_POOL) == (1, 0, 0, 1, 0)
    check_the_ledger(bank)


def test_an_id_like_a_pools_makes_no_pool(bank: Bank) -> None:
    pretended = AccountId(b"modlbtt/mine".ljust(32, b"\1"))
    unknown = AccountId(b"modlbtt/none".ljust(32, b"\0"))
    for who in (pretended, unknown):
        with refused(bank, token(TokenErrorKind.BelowMinimum)):
            bank.balances.transfer(ALICE, who, u128(99))
        bank.balances.transfer(ALICE, who, u128(150))
        bank.balances.transfer(who, ALICE, u128(100))
        assert who not in bank.system.account
    assert bank.balances.free(TREASURY) == 20_100


def test_an_account_that_something_else_keeps_alive_can_be_emptied(bank: Bank) -> None:
    info = bank.system.account[ALICE]
    bank.system.add_provider(ALICE, info)
    bank.system.account[ALICE] = info
    bank.balances.reservable_currency.reserve(ALICE, u128(1_000))

    bank.balances.transfer_allow_death(BY_ALICE, to(BOB), u128(8_950))
    assert account(bank, ALICE) == (50, 1_000, 0, 1, 1)
    bank.balances.reservable_currency.slash_reserved(ALICE, u128(1_000))

    assert account(bank, ALICE) == (0, 0, 0, 1, 0)
    assert bank.balances.free(TREASURY) == 21_050


# ---- setting, burning


def test_a_balance_is_set_at_the_cost_of_the_treasury(bank: Bank) -> None:
    bank.balances.force_set_balance(ROOT, to(ALICE), u128(12_000))
    bank.balances.force_set_balance(ROOT, to(BOB), u128(1_000))
    bank.balances.force_set_balance(ROOT, to(UNUSED), u128(300))

    assert bank.balances.free(TREASURY) == 20_000 - 2_000 + 4_000 - 300
    assert bank.announced()[:2] == [
        Balances.Withdraw(TREASURY, u128(2_000)),
        Balances.BalanceSet(ALICE, u128(12_000)),
    ]
    check_the_ledger(bank)


def test_a_balance_set_below_the_existential_deposit_closes_the_account(bank: Bank) -> None:
    bank.balances.force_set_balance(ROOT, to(BOB), u128(99))

    assert BOB not in bank.system.account
    assert bank.balances.free(TREASURY) == 25_000
    check_the_ledger(bank)


def test_a_balance_the_treasury_cannot_pay_for_is_not_set(bank: Bank) -> None:
    with refused(bank, token(TokenErrorKind.FundsUnavailable)):
        bank.balances.force_set_balance(ROOT, to(ALICE), u128(30_001))


def test_burning_lowers_the_issuance_and_is_counted(bank: Bank) -> None:
    bank.balances.burn(BY_ALICE, u128(1_000), keep_alive=True)
    bank.balances.fungible.burn_from(POOL, u128(50))

    assert bank.balances.total_issuance.value == SUPPLY - 1_050
    assert bank.balances.total_burned.value == 1_050
    assert bank.announced() == [
        Balances.Burned(ALICE, u128(1_000)),
        Balances.Burned(POOL, u128(50)),
    ]
    check_the_ledger(bank)


def test_a_burn_that_must_keep_the_account_keeps_it(bank: Bank) -> None:
    with refused(bank, token(TokenErrorKind.FundsUnavailable)):
        bank.balances.burn(BY_ALICE, u128(9_901), keep_alive=True)
    bank.balances.burn(BY_ALICE, u128(9_901), keep_alive=False)

    assert ALICE not in bank.system.account
    assert bank.balances.free(TREASURY) == 20_099
    check_the_ledger(bank)


# ---- fees


def test_fees_are_taken_from_vesting_money_but_nothing_else_is(bank: Bank) -> None:
    bank.balances.set_lock(VESTING, ALICE, u128(10_000), Reasons.Misc)

    assert bank.balances.reducible_balance(ALICE) == 0
    assert bank.balances.can_withdraw_fee(ALICE, u128(9_900))
    assert not bank.balances.can_withdraw_fee(ALICE, u128(9_901))
    bank.balances.withdraw_fee(ALICE, u128(300))
    bank.balances.credit(BOB, u128(200))
    bank.balances.credit(ALICE, u128(100))

    assert bank.balances.free(ALICE) == 9_800
    assert bank.announced()[-3:] == [
        Balances.Withdraw(ALICE, u128(300)),
        Balances.Deposit(BOB, u128(200)),
        Balances.Deposit(ALICE, u128(100)),
    ]
    check_the_ledger(bank)


@pytest.mark.parametrize("reasons", [Reasons.Fee, Reasons.All])
def test_a_lock_against_fees_stops_fees(bank: Bank, reasons: Reasons) -> None:
    bank.balances.set_lock(VESTING, ALICE, u128(9_000), Reasons.Misc)
    bank.balances.set_lock(VOTING, ALICE, u128(8_000), reasons)
    bank.balances.hold(BOND, ALICE, u128(1_000))
    bank.balances.hold(STAKE, ALICE, u128(100))

    assert bank.balances.can_withdraw_fee(ALICE, u128(8_900 - 7_000))
    assert not bank.balances.can_withdraw_fee(ALICE, u128(8_900 - 7_000 + 1))


def test_a_tip_is_of_money_that_is_free_to_go(bank: Bank) -> None:
    bank.balances.set_lock(VESTING, ALICE, u128(9_000), Reasons.Misc)

    assert bank.balances.can_withdraw_fee(ALICE, u128(5_000), u128(1_000))
    assert not bank.balances.can_withdraw_fee(ALICE, u128(5_000), u128(1_001))
    with refused(bank, token(TokenErrorKind.Frozen)):
        bank.balances.withdraw_fee(ALICE, u128(5_000), u128(1_001))
    bank.balances.withdraw_fee(ALICE, u128(5_000), u128(1_000))

    assert bank.balances.free(ALICE) == 5_000


def test_not_even_a_tip_closes_the_account(bank: Bank) -> None:
    assert bank.balances.can_withdraw_fee(ALICE, u128(9_900), u128(9_900))
    assert not bank.balances.can_withdraw_fee(ALICE, u128(9_901), u128(9_901))


def test_a_fee_never_closes_the_account(bank: Bank) -> None:
    with refused(bank, token(TokenErrorKind.FundsUnavailable)):
        bank.balances.withdraw_fee(ALICE, u128(9_901))
    bank.balances.withdraw_fee(ALICE, u128(9_900))

    assert bank.balances.free(ALICE) == ED


def test_what_is_too_little_to_open_an_account_goes_to_the_treasury(bank: Bank) -> None:
    bank.balances.withdraw_fee(ALICE, u128(99))
    bank.balances.credit(UNUSED, u128(99))

    assert UNUSED not in bank.system.account
    assert bank.balances.free(TREASURY) == 20_099
    check_the_ledger(bank)
