from __future__ import annotations

from collections.abc import Callable, Iterator
from enum import IntEnum

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from btt_chain.primitives import ss58
from btt_chain.primitives.account import AccountId, Id, MultiAddress, Raw
from btt_chain.scale import u32, u128
from runtime.frame import (
    ROOT,
    BadOrigin,
    CannotLookup,
    ConsumerRemaining,
    DispatchError,
    GenesisError,
    NoProviders,
    Origin,
    Pallet,
    Reason,
    TokenError,
    TokenErrorKind,
    signed,
)
from runtime.pallets.balances import Balances, BalanceStatus, Reasons, is_pool
from runtime.pallets.balances.types import MAX_HOLDS, MAX_RESERVES
from runtime.pallets.system import System
from support.runtime import SmallRuntime, refused

ED = u128(100)
ALICE, BOB, CAROL, NOBODY = (AccountId(bytes([n]) * 32) for n in (1, 2, 3, 4))
TREASURY = AccountId(b"modlpy/trsry".ljust(32, b"\0"))
POOL = AccountId(b"modlbtt/mine".ljust(32, b"\0"))
EMPTY_POOL = AccountId(b"modlbtt/grnt".ljust(32, b"\0"))
BY_ALICE, BY_BOB = signed(ALICE), signed(BOB)
VESTING, VOTING = b"vesting ", b"pyconvot"
SUPPLY = u128(10_000 + 5_000 + 20_000 + 50)


class Holder(Pallet):
    """Something that holds and freezes."""

    class HoldReason(IntEnum):
        Bond = 0
        Stake = 1
        Escrow = 2

    class FreezeReason(IntEnum):
        Vote = 0
        Poll = 1


BOND, STAKE, ESCROW = (Reason(9, n) for n in range(3))
VOTE, POLL = (Reason(9, n) for n in range(2))


def address(who: AccountId) -> str:
    return ss58.encode(who)


class Bank(SmallRuntime):
    def build(self) -> None:
        self.balances = self.add(
            3,
            Balances(
                accounts=self.system,
                existential_deposit=ED,
                treasury=TREASURY,
                offsetting=(BOND,),
            ),
        )
        self.holder = self.add(9, Holder())


@pytest.fixture
def bank() -> Bank:
    return opened()


def opened() -> Bank:
    bank = Bank()
    bank.balances.genesis(
        {
            "balances": [
                [address(ALICE), "10000"],
                [address(BOB), 5_000],
                [address(TREASURY), "20000"],
                [address(POOL), 50],
            ],
            "pools": [address(EMPTY_POOL)],
        }
    )
    return bank


@pytest.fixture
def balances(bank: Bank) -> Balances:
    return bank.balances


def to(who: AccountId) -> MultiAddress:
    return Id(who)


def token(kind: TokenErrorKind) -> TokenError:
    return TokenError(kind)


def account(bank: Bank, who: AccountId) -> tuple[int, int, int, int, int]:
    """free, reserved, frozen, providers, consumers"""
    info = bank.system.account[who]
    data = info.data
    return data.free, data.reserved, data.frozen, info.providers, info.consumers


def check_the_ledger(bank: Bank) -> None:
    """All that must hold after anything at all."""
    balances = bank.balances
    every = dict(bank.system.account.items())
    assert sum(i.data.free + i.data.reserved for i in every.values()) == (
        balances.total_issuance.value
    )
    assert balances.total_issuance.value + balances.total_burned.value == SUPPLY
    for who, info in every.items():
        data = info.data
        holds = {hold.id: int(hold.amount) for hold in balances.holds[who]}
        named = [int(entry.amount) for entry in balances.reserves[who]]
        assert all(holds.values())
        assert all(named)
        assert sum(holds.values()) + sum(named) <= data.reserved
        lock = max(
            [
                0,
                *(int(lock.amount) for lock in balances.locks[who]),
                *(int(freeze.amount) for freeze in balances.freezes[who]),
            ]
        )
        offsetting = int(data.reserved) - holds.get(STAKE, 0) - holds.get(ESCROW, 0)
        assert data.frozen == (lock + int(data.reserved) - offsetting if lock else 0)
        usable = max(0, int(data.free) - max(0, lock - offsetting))
        assert max(0, int(data.free) - max(0, int(data.frozen) - int(data.reserved))) == usable
        assert info.consumers == (1 if data.reserved or data.frozen else 0)
        assert info.providers == (data.free >= ED) + is_pool(who)
        assert info.providers, "an account without a provider is kept"
        assert data.free == 0 or data.free >= ED or is_pool(who)


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
    bank.balances.transfer_keep_alive(BY_ALICE, to(NOBODY), ED)

    assert account(bank, NOBODY) == (100, 0, 0, 1, 0)
    assert bank.announced() == [
        System.NewAccount(NOBODY),
        Balances.Endowed(NOBODY, ED),
        Balances.Transfer(ALICE, NOBODY, ED),
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

    bank.balances.transfer_allow_death(BY_ALICE, to(NOBODY), u128(0))

    assert bank.state.data == before
    assert bank.announced() == [Balances.Transfer(ALICE, NOBODY, u128(0))]


@pytest.mark.parametrize(
    ("keep_alive", "dest", "value", "kind"),
    [
        (False, BOB, 10_001, TokenErrorKind.FundsUnavailable),
        (True, BOB, 10_001, TokenErrorKind.FundsUnavailable),
        (True, BOB, 9_901, TokenErrorKind.NotExpendable),
        (True, ALICE, 9_901, TokenErrorKind.NotExpendable),
        (False, NOBODY, 99, TokenErrorKind.BelowMinimum),
        (True, NOBODY, 99, TokenErrorKind.BelowMinimum),
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
    bank.balances.force_set_balance(ROOT, to(NOBODY), u128(300))

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
    bank.balances.credit(NOBODY, u128(99))

    assert NOBODY not in bank.system.account
    assert bank.balances.free(TREASURY) == 20_099
    check_the_ledger(bank)


# ---- reserves


def test_a_deposit_may_be_made_of_vesting_money(bank: Bank) -> None:
    bank.balances.set_lock(VESTING, ALICE, u128(10_000), Reasons.Misc)

    bank.balances.reservable_currency.reserve(ALICE, u128(4_000))

    assert account(bank, ALICE) == (6_000, 4_000, 10_000, 1, 1)
    assert bank.balances.reducible_balance(ALICE) == 0
    check_the_ledger(bank)


def test_only_what_is_there_can_be_reserved(bank: Bank) -> None:
    with refused(bank, Balances.InsufficientBalance):
        bank.balances.reservable_currency.reserve(ALICE, u128(10_001))
    with refused(bank, ConsumerRemaining):
        bank.balances.reservable_currency.reserve(ALICE, u128(9_901))
    bank.balances.reservable_currency.reserve(ALICE, u128(9_900))


def test_what_is_unreserved_is_free_again(bank: Bank) -> None:
    bank.balances.reservable_currency.reserve(ALICE, u128(1_000))

    assert bank.balances.reservable_currency.unreserve(ALICE, u128(400)) == 0
    assert bank.balances.reservable_currency.unreserve(ALICE, u128(900)) == 300

    assert account(bank, ALICE) == (10_000, 0, 0, 1, 0)
    assert bank.announced() == [
        Balances.Reserved(ALICE, u128(1_000)),
        Balances.Unreserved(ALICE, u128(400)),
        Balances.Unreserved(ALICE, u128(600)),
    ]


def test_freeing_by_force_leaves_holds_and_named_reserves_alone(bank: Bank) -> None:
    bank.balances.reservable_currency.reserve(ALICE, u128(100))
    bank.balances.hold(STAKE, ALICE, u128(200))
    bank.balances.reserve_named(b"somebody", ALICE, u128(300))

    bank.balances.force_unreserve(ROOT, to(ALICE), u128(10_000))

    assert bank.balances.reserved(ALICE) == 500
    check_the_ledger(bank)


def test_a_slashed_reserve_goes_to_the_treasury(bank: Bank) -> None:
    bank.balances.reservable_currency.reserve(ALICE, u128(1_000))

    assert bank.balances.reservable_currency.slash_reserved(ALICE, u128(1_500)) == 500

    assert account(bank, ALICE) == (9_000, 0, 0, 1, 0)
    assert bank.balances.free(TREASURY) == 21_000
    assert bank.announced()[-2:] == [
        Balances.Slashed(ALICE, u128(1_000)),
        Balances.Deposit(TREASURY, u128(1_000)),
    ]
    check_the_ledger(bank)


@pytest.mark.parametrize("status", list(BalanceStatus))
def test_a_reserve_is_repatriated(bank: Bank, status: BalanceStatus) -> None:
    bank.balances.reservable_currency.reserve(ALICE, u128(1_000))

    assert (
        bank.balances.reservable_currency.repatriate_reserved(ALICE, BOB, u128(1_100), status)
        == 100
    )

    assert bank.balances.total(BOB) == 6_000
    assert bank.balances.free(BOB) == (6_000 if status is BalanceStatus.Free else 5_000)
    assert bank.announced()[-1] == Balances.ReserveRepatriated(ALICE, BOB, u128(1_000), status)
    check_the_ledger(bank)


def test_a_reserve_is_repatriated_to_its_owner(bank: Bank) -> None:
    bank.balances.reservable_currency.reserve(ALICE, u128(1_000))

    keep, free = BalanceStatus.Reserved, BalanceStatus.Free
    assert (
        bank.balances.reservable_currency.repatriate_reserved(ALICE, ALICE, u128(1_200), keep)
        == 200
    )
    assert bank.balances.reserved(ALICE) == 1_000
    assert (
        bank.balances.reservable_currency.repatriate_reserved(ALICE, ALICE, u128(1_200), free)
        == 200
    )
    assert bank.balances.reserved(ALICE) == 0


def test_a_reserve_is_repatriated_only_to_an_account(bank: Bank) -> None:
    bank.balances.reservable_currency.reserve(ALICE, u128(1_000))

    with refused(bank, Balances.DeadAccount):
        bank.balances.reservable_currency.repatriate_reserved(
            ALICE, NOBODY, u128(500), BalanceStatus.Free
        )


def test_what_a_lock_leans_on_is_not_repatriated(bank: Bank) -> None:
    bank.balances.reservable_currency.reserve(ALICE, u128(1_000))
    bank.balances.set_lock(VESTING, ALICE, u128(9_400), Reasons.Misc)

    assert (
        bank.balances.reservable_currency.repatriate_reserved(
            ALICE, BOB, u128(1_000), BalanceStatus.Free
        )
        == 400
    )
    check_the_ledger(bank)


def test_named_reserves_are_kept_apart(bank: Bank) -> None:
    balances = bank.balances
    balances.reserve_named(b"zzzzzzzz", ALICE, u128(300))
    balances.reserve_named(b"aaaaaaaa", ALICE, u128(200))
    balances.reserve_named(b"zzzzzzzz", ALICE, u128(100))

    assert [entry.id for entry in balances.reserves[ALICE]] == [b"aaaaaaaa", b"zzzzzzzz"]
    assert balances.unreserve_named(b"aaaaaaaa", ALICE, u128(500)) == 300
    assert balances.slash_reserved_named(b"zzzzzzzz", ALICE, u128(150)) == 0
    assert balances.reservable_currency.reserved_named(b"zzzzzzzz", ALICE) == 250
    assert balances.reservable_currency.unreserve(ALICE, u128(250)) == 250
    check_the_ledger(bank)
    assert balances.slash_reserved_named(b"zzzzzzzz", ALICE, u128(900)) == 650
    assert ALICE not in balances.reserves
    check_the_ledger(bank)


def test_named_reserves_are_limited_in_number(bank: Bank) -> None:
    for n in range(MAX_RESERVES):
        bank.balances.reserve_named(n.to_bytes(8, "big"), ALICE, u128(1))

    with refused(bank, Balances.TooManyReserves):
        bank.balances.reserve_named(b"one more", ALICE, u128(1))
    bank.balances.reserve_named(bytes(8), ALICE, u128(1))


# ---- holds and locks


def test_a_bond_may_be_of_vesting_money_a_stake_may_not(bank: Bank) -> None:
    bank.balances.set_lock(VESTING, ALICE, u128(9_000), Reasons.Misc)

    with refused(bank, token(TokenErrorKind.Frozen)):
        bank.balances.hold(STAKE, ALICE, u128(1_001))
    bank.balances.hold(BOND, ALICE, u128(5_000))
    assert account(bank, ALICE) == (5_000, 5_000, 9_000, 1, 1)
    assert bank.balances.reducible_balance(ALICE) == 1_000
    check_the_ledger(bank)


def test_a_stake_does_not_stand_in_for_locked_money(bank: Bank) -> None:
    bank.balances.transfer(BOB, ALICE, u128(4_900))
    bank.balances.set_lock(VESTING, ALICE, u128(10_000), Reasons.Misc)

    bank.balances.hold(STAKE, ALICE, u128(4_900))

    assert account(bank, ALICE) == (10_000, 4_900, 14_900, 1, 1)
    assert bank.balances.reducible_balance(ALICE) == 0
    with refused(bank, token(TokenErrorKind.Frozen)):
        bank.balances.transfer_allow_death(BY_ALICE, to(BOB), u128(1))
    check_the_ledger(bank)


def test_without_a_lock_nothing_is_frozen_whatever_is_held(bank: Bank) -> None:
    bank.balances.hold(STAKE, ALICE, u128(1_000))
    assert account(bank, ALICE) == (9_000, 1_000, 0, 1, 1)
    bank.balances.set_lock(VESTING, ALICE, u128(500), Reasons.Misc)
    assert account(bank, ALICE) == (9_000, 1_000, 1_500, 1, 1)
    bank.balances.remove_lock(VESTING, ALICE)
    assert account(bank, ALICE) == (9_000, 1_000, 0, 1, 1)


def test_a_hold_is_released_in_parts(bank: Bank) -> None:
    bank.balances.hold(STAKE, ALICE, u128(1_000))
    bank.balances.hold(STAKE, ALICE, u128(500))
    bank.balances.release(STAKE, ALICE, u128(600))

    assert bank.balances.held(STAKE, ALICE) == 900
    with refused(bank, token(TokenErrorKind.FundsUnavailable)):
        bank.balances.release(STAKE, ALICE, u128(901))
    bank.balances.release(STAKE, ALICE, u128(900))
    assert ALICE not in bank.balances.holds
    assert account(bank, ALICE) == (10_000, 0, 0, 1, 0)
    assert bank.announced() == [
        Balances.Held(STAKE, ALICE, u128(1_000)),
        Balances.Held(STAKE, ALICE, u128(500)),
        Balances.Released(STAKE, ALICE, u128(600)),
        Balances.Released(STAKE, ALICE, u128(900)),
    ]


def test_a_hold_leaves_the_existential_deposit_free(bank: Bank) -> None:
    with refused(bank, token(TokenErrorKind.FundsUnavailable)):
        bank.balances.hold(BOND, ALICE, u128(9_901))
    bank.balances.hold(BOND, ALICE, u128(9_900))
    check_the_ledger(bank)


def test_holds_are_limited_in_number(bank: Bank) -> None:
    room = [Reason(9, n % 3) for n in range(3)]
    for reason in room:
        bank.balances.hold(reason, ALICE, u128(1))
    full = bank.balances.holds[ALICE] * (MAX_HOLDS // 3) + bank.balances.holds[ALICE][:2]
    bank.balances.holds[ALICE] = [entry for entry in full if entry.id != STAKE] + [
        entry for entry in full if entry.id == BOND
    ]
    assert len(bank.balances.holds[ALICE]) == MAX_HOLDS

    with refused(bank, token(TokenErrorKind.CannotCreateHold)):
        bank.balances.hold(STAKE, ALICE, u128(1))


def test_held_money_changes_hands(bank: Bank) -> None:
    balances = bank.balances
    balances.hold(ESCROW, ALICE, u128(1_000))

    balances.transfer_on_hold(ESCROW, ALICE, BOB, u128(300), on_hold=True)
    balances.transfer_on_hold(ESCROW, ALICE, NOBODY, u128(400), on_hold=False)

    assert balances.held(ESCROW, BOB) == 300
    assert balances.free(NOBODY) == 400
    assert balances.held(ESCROW, ALICE) == 300
    assert bank.announced()[-1] == Balances.TransferOnHold(ESCROW, ALICE, NOBODY, u128(400))
    check_the_ledger(bank)


def test_held_money_that_changes_hands_to_its_owner_stays_or_is_released(bank: Bank) -> None:
    bank.balances.hold(ESCROW, ALICE, u128(1_000))

    bank.balances.transfer_on_hold(ESCROW, ALICE, ALICE, u128(300), on_hold=True)
    assert bank.balances.held(ESCROW, ALICE) == 1_000
    bank.balances.transfer_on_hold(ESCROW, ALICE, ALICE, u128(300), on_hold=False)
    assert bank.balances.held(ESCROW, ALICE) == 700
    check_the_ledger(bank)


@pytest.mark.parametrize(
    ("dest", "amount", "on_hold", "kind"),
    [
        (BOB, 1_001, False, TokenErrorKind.FundsUnavailable),
        (BOB, 501, False, TokenErrorKind.Frozen),
        (NOBODY, 99, False, TokenErrorKind.CannotCreate),
        (NOBODY, 100, True, TokenErrorKind.CannotCreateHold),
    ],
)
def test_held_money_that_cannot_change_hands_says_why(
    bank: Bank, dest: AccountId, amount: int, on_hold: bool, kind: TokenErrorKind
) -> None:
    bank.balances.hold(BOND, ALICE, u128(1_000))
    bank.balances.set_lock(VESTING, ALICE, u128(9_500), Reasons.Misc)

    with refused(bank, token(kind)):
        bank.balances.transfer_on_hold(BOND, ALICE, dest, u128(amount), on_hold=on_hold)


def test_a_slash_takes_even_what_a_lock_leans_on(bank: Bank) -> None:
    bank.balances.hold(BOND, ALICE, u128(1_000))
    bank.balances.set_lock(VESTING, ALICE, u128(10_000), Reasons.Misc)

    with refused(bank, token(TokenErrorKind.Frozen)):
        bank.balances.fungible_hold.burn_held(BOND, ALICE, u128(1))
    bank.balances.transfer_on_hold(BOND, ALICE, BOB, u128(400), on_hold=False, force=True)
    bank.balances.fungible_hold.burn_held(BOND, ALICE, u128(600), force=True)

    assert bank.balances.total_burned.value == 600
    assert account(bank, ALICE) == (9_000, 0, 10_000, 1, 1)
    assert bank.announced()[-1] == Balances.BurnedHeld(BOND, ALICE, u128(600))
    check_the_ledger(bank)


def test_locks_overlap_and_the_greatest_counts(bank: Bank) -> None:
    balances = bank.balances
    balances.set_lock(VESTING, ALICE, u128(3_000), Reasons.Misc)
    balances.set_lock(VOTING, ALICE, u128(5_000), Reasons.All)
    balances.lockable_currency.set_freeze(VOTE, ALICE, u128(4_000))
    assert balances.reducible_balance(ALICE) == 5_000
    balances.remove_lock(VOTING, ALICE)
    assert balances.reducible_balance(ALICE) == 6_000
    balances.lockable_currency.thaw(VOTE, ALICE)
    balances.remove_lock(VESTING, ALICE)

    assert account(bank, ALICE) == (10_000, 0, 0, 1, 0)
    assert ALICE not in balances.locks
    assert ALICE not in balances.freezes
    assert bank.announced() == [
        Balances.Locked(ALICE, u128(3_000)),
        Balances.Locked(ALICE, u128(2_000)),
        Balances.Unlocked(ALICE, u128(1_000)),
        Balances.Thawed(ALICE, u128(1_000)),
        Balances.Unlocked(ALICE, u128(3_000)),
    ]


def test_a_lock_is_extended_never_shortened(bank: Bank) -> None:
    bank.balances.lockable_currency.extend_lock(VOTING, ALICE, u128(500), Reasons.Misc)
    bank.balances.lockable_currency.extend_lock(VOTING, ALICE, u128(200), Reasons.Fee)
    bank.balances.lockable_currency.extend_freeze(VOTE, ALICE, u128(700))
    bank.balances.lockable_currency.extend_freeze(VOTE, ALICE, u128(600))

    (lock,) = bank.balances.locks[ALICE]
    assert (lock.amount, lock.reasons) == (500, Reasons.All)
    assert bank.balances.lockable_currency.frozen_for(VOTE, ALICE) == 700


def test_nothing_is_locked_where_there_is_no_account(bank: Bank) -> None:
    with refused(bank, NoProviders):
        bank.balances.set_lock(VESTING, NOBODY, u128(1), Reasons.Misc)
    bank.balances.remove_lock(VESTING, NOBODY)
    assert NOBODY not in bank.system.account


def test_freezes_are_limited_in_number() -> None:
    bank = Bank()
    bank.balances.lockable_currency.max_freezes = u32(1)
    bank.balances.genesis({"balances": [[address(ALICE), 1_000]]})
    bank.balances.lockable_currency.set_freeze(VOTE, ALICE, u128(1))

    with refused(bank, Balances.TooManyFreezes):
        bank.balances.lockable_currency.set_freeze(POLL, ALICE, u128(1))


# ---- whatever happens

PEOPLE = st.sampled_from([ALICE, BOB, CAROL, NOBODY, TREASURY, POOL])
OWNERS = st.sampled_from([ALICE, BOB, CAROL])
AMOUNT = st.one_of(st.integers(0, 300), st.integers(0, 12_000), st.just(u128.MAX)).map(u128)
REASON = st.sampled_from([BOND, STAKE, ESCROW])
LOCK = st.sampled_from([VESTING, VOTING])
NAME = st.sampled_from([b"somebody", b"whatever"])
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
        "slash_reserved": (OWNERS, AMOUNT),
        "repatriate_reserved": (OWNERS, PEOPLE, AMOUNT, st.sampled_from(BalanceStatus)),
        "reserve_named": (NAME, OWNERS, AMOUNT),
        "unreserve_named": (NAME, OWNERS, AMOUNT),
        "slash_reserved_named": (NAME, OWNERS, AMOUNT),
        "hold": (REASON, OWNERS, AMOUNT),
        "release": (REASON, OWNERS, AMOUNT),
        "transfer_on_hold": (REASON, OWNERS, PEOPLE, AMOUNT, YES_NO, YES_NO),
        "burn_held": (REASON, OWNERS, AMOUNT, YES_NO),
        "set_lock": (LOCK, OWNERS, AMOUNT, st.sampled_from(Reasons)),
        "remove_lock": (LOCK, OWNERS),
        "extend_lock": (LOCK, OWNERS, AMOUNT, st.sampled_from(Reasons)),
        "thaw": (st.sampled_from([VOTE, POLL]), OWNERS),
        "set_freeze": (st.sampled_from([VOTE, POLL]), OWNERS, AMOUNT),
    }
    return st.one_of(*(st.tuples(st.just(name), st.tuples(*of)) for name, of in kinds.items()))


def take(bank: Bank, name: str, args: tuple[object, ...]) -> None:
    balances = bank.balances
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


@settings(max_examples=80, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(steps(), max_size=25))
def test_whatever_happens_the_ledger_balance_and_failures_change_nothing(
    taken: list[Step],
) -> None:
    bank = opened()
    bank.balances.transfer(ALICE, CAROL, u128(3_000))
    for name, args in taken:
        before, events = dict(bank.state.data), list(bank.host.events)
        try:
            take(bank, name, args)
        except (DispatchError, ArithmeticError):
            assert bank.state.data == before, f"{name} failed half-way"
            assert bank.host.events == events
        check_the_ledger(bank)


@settings(max_examples=80, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(steps(), max_size=12), st.booleans())
def test_what_is_reported_to_be_spendable_can_be_spent_and_no_more(
    taken: list[Step], keep_alive: bool
) -> None:
    bank = opened()
    for name, args in taken:
        try:
            take(bank, name, args)
        except (DispatchError, ArithmeticError):
            continue
    for who in (ALICE, BOB, CAROL, POOL):
        spendable = bank.balances.reducible_balance(who, keep_alive=keep_alive)
        with pytest.raises(TokenError):
            bank.balances.transfer(who, TREASURY, spendable + 1, keep_alive)
        bank.balances.transfer(who, TREASURY, spendable, keep_alive)
        check_the_ledger(bank)


def money() -> Iterator[u128]:
    yield from (u128(0), u128(1), ED - 1, ED, ED + 1)


@pytest.mark.parametrize("left", list(money()))
def test_no_account_is_left_with_less_than_the_existential_deposit(bank: Bank, left: u128) -> None:
    bank.balances.transfer_allow_death(BY_BOB, to(ALICE), u128(5_000) - left)

    assert (BOB in bank.system.account) is (left >= ED)
    check_the_ledger(bank)
