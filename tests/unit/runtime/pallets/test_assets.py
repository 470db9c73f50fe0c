"""Assets: units add up, move only as their holders say, and never strand an account."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given

from btt_chain.primitives.account import AccountId, Id
from btt_chain.scale import u8, u32, u128
from runtime.constants import BTT
from runtime.frame import TokenError, TokenErrorKind, signed
from runtime.frame.error import ConsumerRemaining
from runtime.pallets.assets import errors, events
from runtime.pallets.assets.pallet import Assets
from runtime.pallets.assets.types import AssetStatus, DepositHeld
from support.histories import History, seeds, unreached
from support.runtime import TestRuntime, refused

ALICE, BOB, CAROL = PEOPLE = tuple(AccountId(bytes((n,)) * 32) for n in (1, 2, 3))
ABSENT = AccountId(bytes((9,)) * 32)
KEEPER = AccountId(b"modlbtt/asst" + bytes(20))
DEPOSIT = BTT
SCANNER, CLINIC = u32(1), u32(2)


class Watching:
    """Refuses some holders, and records its calls."""

    def __init__(self) -> None:
        self.barred: list[AccountId] = []
        self.calls: list[tuple[int, AccountId, int]] = []

    def may_hold(self, asset: u32, who: AccountId) -> bool:
        return who not in self.barred

    def about_to_change(self, asset: u32, who: AccountId, balance: u128) -> None:
        self.calls.append((int(asset), who, int(balance)))


class Register(TestRuntime):
    """Balances and Assets; three people have 1,000 BTT each, and there are two assets."""

    def build(self) -> None:
        self.balances = self.add_balances()
        self.assets = self.add(
            50, Assets(asset_account_deposit=DEPOSIT, currency=self.balances, system=self.system)
        )
        self.watching = Watching()
        self.assets.connect(self.watching)

    def __init__(self) -> None:
        super().__init__()
        for who in PEOPLE:
            self.balances.credit(who, 1_000 * BTT)
        self.assets.create(SCANNER, KEEPER, b"CT scanner", b"CT1", u8(0))
        self.assets.create(CLINIC, KEEPER, b"Clinic", b"CLN", u8(6))
        self.host.events.clear()

    def held(self, asset: u32) -> dict[AccountId, int]:
        return {who: int(held.balance) for who, held in self.assets.account.under(asset)}


@pytest.fixture
def register() -> Register:
    made = Register()
    made.assets.issue(SCANNER, ALICE, u128(100))
    made.host.events.clear()
    return made


def test_units_move_and_the_metadata_names_the_asset(register: Register) -> None:
    register.assets.transfer(signed(ALICE), SCANNER, Id(BOB), u128(40))

    assert register.held(SCANNER) == {ALICE: 60, BOB: 40}
    assert register.announced() == [events.Transferred(SCANNER, ALICE, BOB, u128(40))]
    assert register.assets.metadata[CLINIC].symbol == b"CLN"
    assert register.assets.asset[SCANNER].accounts == 2


def test_more_than_you_have_does_not_move(register: Register) -> None:
    with refused(register, errors.BalanceLow):
        register.assets.transfer(signed(ALICE), SCANNER, Id(BOB), u128(101))
    with refused(register, errors.BalanceLow):
        register.assets.transfer(signed(BOB), SCANNER, Id(ALICE), u128(1))
    with refused(register, errors.Unknown):
        register.assets.transfer(signed(ALICE), u32(7), Id(BOB), u128(1))


def test_sending_to_yourself_changes_nothing_and_needs_the_units(register: Register) -> None:
    register.assets.transfer(signed(ALICE), SCANNER, Id(ALICE), u128(100))
    assert register.held(SCANNER) == {ALICE: 100}
    with refused(register, errors.BalanceLow):
        register.assets.transfer(signed(ALICE), SCANNER, Id(ALICE), u128(101))


def test_nothing_leaves_no_trace(register: Register) -> None:
    register.assets.transfer(signed(ALICE), SCANNER, Id(ABSENT), u128(0))
    assert register.held(SCANNER) == {ALICE: 100}
    assert register.announced() == []


def test_who_keeps_some_cannot_send_all(register: Register) -> None:
    with refused(register, errors.WouldDie):
        register.assets.transfer_keep_alive(signed(ALICE), SCANNER, Id(BOB), u128(100))
    register.assets.transfer_keep_alive(signed(ALICE), SCANNER, Id(BOB), u128(99))
    register.assets.transfer_all(signed(BOB), SCANNER, Id(CAROL), keep_alive=True)
    assert register.held(SCANNER) == {ALICE: 1, BOB: 1, CAROL: 98}
    register.assets.transfer_all(signed(CAROL), SCANNER, Id(BOB), keep_alive=False)
    assert register.held(SCANNER) == {ALICE: 1, BOB: 99}


def test_an_account_with_units_cannot_be_closed_and_one_without_can(register: Register) -> None:
    assert register.system.account[ALICE].consumers == 1
    with pytest.raises((TokenError, ConsumerRemaining)):
        register.balances.transfer(ALICE, BOB, 1_000 * BTT)
    register.assets.transfer_all(signed(ALICE), SCANNER, Id(BOB), keep_alive=False)
    assert register.system.account[ALICE].consumers == 0
    register.balances.transfer(ALICE, BOB, 1_000 * BTT)


def test_an_account_that_does_not_exist_receives_nothing(register: Register) -> None:
    with refused(register, TokenError(TokenErrorKind.CannotCreate)):
        register.assets.transfer(signed(ALICE), SCANNER, Id(ABSENT), u128(1))


def test_a_full_account_makes_room_with_a_deposit(register: Register) -> None:
    info = register.system.account[BOB]
    info.consumers = u32(15)
    register.system.account[BOB] = info
    with refused(register, errors.UnavailableConsumer):
        register.assets.transfer(signed(ALICE), SCANNER, Id(BOB), u128(1))

    register.assets.touch(signed(BOB), SCANNER)
    register.assets.transfer(signed(ALICE), SCANNER, Id(BOB), u128(1))
    assert register.system.account[BOB].consumers == 16, "one is that of the reserved deposit"
    assert register.assets.account[SCANNER, BOB].reason == DepositHeld(DEPOSIT)
    assert register.balances.reserved(BOB) == DEPOSIT
    with refused(register, errors.AlreadyExists):
        register.assets.touch(signed(BOB), SCANNER)
    with refused(register, errors.InUse):
        register.assets.refund(signed(BOB), SCANNER, allow_burn=True)

    register.assets.transfer_all(signed(BOB), SCANNER, Id(ALICE), keep_alive=False)
    register.assets.refund(signed(BOB), SCANNER, allow_burn=False)
    assert register.balances.reserved(BOB) == 0
    assert register.held(SCANNER) == {ALICE: 100}


def test_who_made_no_deposit_gets_none_back(register: Register) -> None:
    with refused(register, errors.NoDeposit):
        register.assets.refund(signed(ALICE), SCANNER, allow_burn=False)
    with refused(register, errors.NoAccount):
        register.assets.refund(signed(BOB), SCANNER, allow_burn=False)


def test_a_frozen_asset_stands_still_until_it_is_thawed(register: Register) -> None:
    register.assets.freeze(SCANNER)
    assert register.assets.asset[SCANNER].status is AssetStatus.Frozen
    with refused(register, errors.AssetNotLive):
        register.assets.transfer(signed(ALICE), SCANNER, Id(BOB), u128(1))
    register.assets.transfer(signed(ALICE), SCANNER, Id(BOB), u128(0))
    register.assets.retire(SCANNER, ALICE, u128(1))
    register.assets.thaw(SCANNER)
    register.assets.transfer(signed(ALICE), SCANNER, Id(BOB), u128(1))
    assert register.held(SCANNER) == {ALICE: 98, BOB: 1}


def test_the_watcher_decides_on_holders_and_is_called_before_changes(register: Register) -> None:
    register.watching.calls.clear()
    register.watching.barred.append(CAROL)
    with refused(register, errors.NoPermission):
        register.assets.transfer(signed(ALICE), SCANNER, Id(CAROL), u128(1))
    register.assets.transfer(signed(ALICE), SCANNER, Id(BOB), u128(30))
    register.assets.transfer(signed(BOB), SCANNER, Id(ALICE), u128(10))
    assert register.watching.calls == [(1, BOB, 0), (1, ALICE, 100), (1, ALICE, 70), (1, BOB, 30)]


def test_a_pool_holds_units_without_a_reference(register: Register) -> None:
    register.assets.move(SCANNER, ALICE, KEEPER, u128(5))
    assert KEEPER not in register.system.account
    assert register.held(SCANNER) == {ALICE: 95, KEEPER: 5}


def test_an_asset_goes_with_its_last_unit_and_the_last_place_for_one(register: Register) -> None:
    register.assets.touch(signed(BOB), SCANNER)
    with refused(register, errors.BalanceLow):
        register.assets.retire(SCANNER, ALICE, u128(101))
    register.assets.retire(SCANNER, ALICE, u128(99))
    register.assets.retire(SCANNER, ALICE, u128(1))
    assert SCANNER in register.assets.asset
    register.assets.refund(signed(BOB), SCANNER, allow_burn=False)
    assert register.balances.reserved(BOB) == 0
    assert register.announced()[-1] == events.Destroyed(SCANNER)
    assert SCANNER not in register.assets.asset
    assert SCANNER not in register.assets.metadata
    with refused(register, errors.InUse):
        register.assets.create(CLINIC, KEEPER, b"again", b"A", u8(0))


def test_units_on_hold_stay_and_stay_yours(register: Register) -> None:
    register.assets.hold(SCANNER, ALICE, u128(70))
    with refused(register, errors.BalanceLow):
        register.assets.transfer(signed(ALICE), SCANNER, Id(BOB), u128(31))
    with refused(register, errors.BalanceLow):
        register.assets.retire(SCANNER, ALICE, u128(31))
    with refused(register, errors.BalanceLow):
        register.assets.hold(SCANNER, ALICE, u128(31))
    register.assets.transfer_all(signed(ALICE), SCANNER, Id(BOB), keep_alive=True)
    assert register.held(SCANNER) == {ALICE: 70, BOB: 30}

    with pytest.raises(ValueError, match="71 units to release of 70"):
        register.assets.release(SCANNER, ALICE, u128(71))
    register.assets.release(SCANNER, ALICE, u128(20))
    assert register.assets.free(SCANNER, ALICE) == 20
    register.assets.release(SCANNER, ALICE, u128(50))
    assert (SCANNER, ALICE) not in register.assets.held


class Trading(History):
    """Whatever is called in whatever order, units and references add up."""

    def __init__(self) -> None:
        self.register = Register()
        super().__init__(self.register)
        for asset in (SCANNER, CLINIC):  # that it does not go with the last unit
            self.register.assets.issue(asset, KEEPER, u128(1))
        self.right: Counter[tuple[int, AccountId]] = Counter()
        self.bound: Counter[tuple[int, AccountId]] = Counter()
        """Units on hold."""

    def step(self) -> None:
        asset, who = self.one_of((SCANNER, CLINIC)), self.one_of(PEOPLE)
        steps = (
            self.issue, self.issue, self.retire, self.transfer, self.transfer, self.transfer_all,
            self.touch, self.refund, self.hold, self.release, self.freeze,
        )  # fmt: skip
        self.one_of(steps)(asset, who)

    def some(self, of: int) -> u128:
        """Return a number of units up to `of`; rarely more."""
        return u128(self.one_of((of + 1, u128.MAX)) if self.one_in(10) else self.up_to(of))

    def is_free(self, asset: u32, who: AccountId, amount: u128) -> bool:
        return amount <= self.right[int(asset), who] - self.bound[int(asset), who]

    def issue(self, asset: u32, who: AccountId) -> None:
        amount = u128(self.rng.randrange(30))
        if self.attempt(self.register.assets.issue, asset, who, amount):
            self.right[int(asset), who] += int(amount)

    def retire(self, asset: u32, who: AccountId) -> None:
        had = self.right[int(asset), who]
        amount = self.some(had)
        if self.attempt(self.register.assets.retire, asset, who, amount):
            self.right[int(asset), who] -= int(amount)
        else:
            assert not self.is_free(asset, who, amount) or had == 0

    def transfer(self, asset: u32, who: AccountId) -> None:
        assets, other, had = self.register.assets, self.one_of(PEOPLE), self.right[int(asset), who]
        amount, keeping = self.some(had), self.one_in(3)
        call = assets.transfer_keep_alive if keeping else assets.transfer
        done = self.attempt(call, signed(who), asset, Id(other), amount)
        possible = self.is_free(asset, who, amount) and not (keeping and amount == had)
        assert done == (possible and (not amount or assets.is_live(asset)))
        if done:
            self.moved(asset, who, other, int(amount))

    def transfer_all(self, asset: u32, who: AccountId) -> None:
        other, place, keep = self.one_of(PEOPLE), (int(asset), who), self.one_in(2)
        free = self.right[place] - self.bound[place]
        call = self.register.assets.transfer_all
        if self.attempt(call, signed(who), asset, Id(other), keep):
            kept = int(keep and free > 0 and not self.bound[place])
            self.moved(asset, who, other, free - kept)

    def moved(self, asset: u32, who: AccountId, other: AccountId, amount: int) -> None:
        self.right[int(asset), who] -= amount
        self.right[int(asset), other] += amount

    def touch(self, asset: u32, who: AccountId) -> None:
        self.attempt(self.register.assets.touch, signed(who), asset)

    def refund(self, asset: u32, who: AccountId) -> None:
        self.attempt(self.register.assets.refund, signed(who), asset, True)

    def hold(self, asset: u32, who: AccountId) -> None:
        amount = self.some(self.right[int(asset), who] // 2)
        if self.attempt(self.register.assets.hold, asset, who, amount):
            self.bound[int(asset), who] += int(amount)

    def release(self, asset: u32, who: AccountId) -> None:
        amount = u128(self.up_to(self.bound[int(asset), who]))
        self.register.assets.release(asset, who, amount)
        self.bound[int(asset), who] -= int(amount)

    def freeze(self, asset: u32, who: AccountId) -> None:
        assets = self.register.assets
        if not assets.is_live(asset):
            assets.thaw(asset)
        elif self.one_in(3):
            assets.freeze(asset)

    def check(self) -> None:
        register = self.register
        for asset in (SCANNER, CLINIC):
            held, details = register.held(asset), register.assets.asset[asset]
            assert sum(held.values()) == details.supply
            assert len(held) == details.accounts
            for who in PEOPLE:
                assert held.get(who, 0) == self.right[int(asset), who]
                assert register.assets.held[asset, who] == self.bound[int(asset), who]
        for who in PEOPLE:
            places = [register.assets.account.get((asset, who)) for asset in (SCANNER, CLINIC)]
            deposits = [p for p in places if p is not None and isinstance(p.reason, DepositHeld)]
            references = sum(p is not None for p in places) - len(deposits)
            info = register.system.account[who]
            assert info.consumers == references + bool(deposits)
            assert register.balances.reserved(who) == len(deposits) * DEPOSIT


@given(seeds(20, 60))
def test_units_and_references_add_up_whatever_is_called(steps: list[int]) -> None:
    Trading().run(steps)


def test_random_trades_reach_all_calls_and_events() -> None:
    # The assets exist before, and their keeper keeps a unit of each.
    absent = {"Assets.Destroyed", "Assets.Created", "Assets.MetadataSet"}
    assert unreached(Trading, Assets, runs=4, steps=60) == absent
