"""A vault is divided exactly, its manager trades within a band, and no account is locked in.

What is tried against those who share a vault, and what shows that it fails:

* to come late and have what was earned before: `test_what_units_earn_belongs_to_who_was_there`
* to make a share dear by a gift, so that rounding takes what others put in:
  `test_a_gift_to_a_vault_takes_nothing_from_who_comes_later`
* to let a fee grow for years: `test_a_fee_of_a_long_time_is_that_of_a_year_at_most`
* to trade with oneself at the vault's cost:
  `test_a_manager_who_trades_with_itself_gets_little_in_a_day`
* to lock others in: `test_open_orders_lock_no_account_in`,
  `test_money_leaves_a_vault_without_units`
"""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given, settings

from btt_chain.primitives.account import AccountId
from btt_chain.scale import u16, u32, u64, u128
from runtime.accounts import EXCHANGE
from runtime.constants import BTT, DAY_MS, YEAR_MS
from runtime.frame import ROOT, signed
from runtime.pallets.assets import errors as assets_errors
from runtime.pallets.exchange import errors as exchange_errors
from runtime.pallets.exchange.types import Side, TimeInForce
from runtime.pallets.vaults.pallet import Vaults
from support.asset_runtime import ALICE, BOB, CAROL, DAVE, PEOPLE, RICH, UNITS
from support.histories import History, seeds, unreached
from support.market_floor import SCANNER, Market
from support.runtime import refused

SLOT_MS = 6_000
YEAR = YEAR_MS // SLOT_MS
VAULT = u32(0)
FEE = u16(200)


class Floor(Market):
    """The exchange with vaults; units are registered at 20 BTT each."""

    def build(self) -> None:
        super().build()
        self.vaults = self.add(
            53,
            Vaults(
                slot_ms=u64(SLOT_MS),
                pool=EXCHANGE,
                currency=self.balances,
                clock=self.clock,
                assets=self.assets,
                exchange=self.exchange,
                registry=self.registry,
                system=self.system,
            ),
        )

    @property
    def vault(self) -> AccountId:
        return self.vaults.account_of(0)

    def open_vault(self, money: int = 1_000, units: int = 100) -> None:
        self.vaults.create_vault(signed(BOB), SCANNER, FEE, money * BTT, u128(units))


@pytest.fixture
def floor() -> Floor:
    made = Floor()
    made.open_vault()
    return made


def test_a_share_is_a_part_of_money_and_units(floor: Floor) -> None:
    assert floor.vaults.shares[VAULT, BOB] == 1_000 * BTT
    floor.vaults.deposit_vault(signed(CAROL), VAULT, 500 * BTT, 500 * BTT, u128(50))
    assert (floor.money(floor.vault), floor.units(floor.vault)) == (1_500 * BTT, 150)
    assert (floor.money(CAROL), floor.units(CAROL)) == (RICH - 500 * BTT, 150)

    floor.vaults.withdraw_vault(signed(CAROL), VAULT, 500 * BTT)
    assert (floor.money(CAROL), floor.units(CAROL)) == (RICH, 200)
    assert (VAULT, CAROL) not in floor.vaults.shares
    with refused(floor, Vaults.TooFewShares):
        floor.vaults.withdraw_vault(signed(CAROL), VAULT, u128(1))
    with refused(floor, Vaults.TooFewShares):
        floor.vaults.withdraw_vault(signed(BOB), VAULT, u128(0))


def test_a_manager_can_leave_with_all_that_is_his_by_then(floor: Floor) -> None:
    floor.clock.slot += YEAR
    floor.vaults.withdraw_vault(signed(BOB), VAULT, u128(u128.MAX))
    assert VAULT not in floor.vaults.vaults
    assert (floor.money(floor.vault), floor.units(floor.vault)) == (0, 0)


def test_no_account_puts_in_more_than_he_allows(floor: Floor) -> None:
    deposit = floor.vaults.deposit_vault
    with refused(floor, Vaults.TooMuch):
        deposit(signed(CAROL), VAULT, 10 * BTT, 10 * BTT, u128(0))
    with refused(floor, Vaults.TooMuch):
        deposit(signed(CAROL), VAULT, 10 * BTT, 10 * BTT - 1, u128(1))
    with refused(floor, Vaults.TooLittle):
        deposit(signed(CAROL), VAULT, u128(0), BTT, u128(1))
    with refused(floor, assets_errors.BalanceLow):
        deposit(signed(DAVE), VAULT, 10 * BTT, 10 * BTT, u128(1))
    with refused(floor, Vaults.UnknownVault):
        deposit(signed(DAVE), u32(1), 10 * BTT, 10 * BTT, u128(1))


def test_the_manager_gets_two_percent_a_year_in_shares(floor: Floor) -> None:
    floor.vaults.deposit_vault(signed(CAROL), VAULT, 1_000 * BTT, 1_000 * BTT, u128(100))
    floor.clock.slot += YEAR
    floor.vaults.accrue_fee(signed(DAVE), VAULT)
    whole = int(floor.vaults.vaults[VAULT].shares)
    fee = int(floor.vaults.shares[VAULT, BOB]) - int(1_000 * BTT)
    # Two percent of all shares there are then, not of those that were there before.
    assert fee == int(2_000 * BTT) * 200 // 9_800
    assert abs(fee * 50 - whole) <= 50
    floor.vaults.accrue_fee(signed(DAVE), VAULT)
    assert floor.vaults.shares[VAULT, BOB] == int(1_000 * BTT) + fee


def test_a_fee_has_its_bounds(floor: Floor) -> None:
    for bps in (99, 201):
        with refused(floor, Vaults.FeeOutOfBounds):
            floor.vaults.create_vault(signed(CAROL), SCANNER, u16(bps), BTT, u128(1))
    with refused(floor, Vaults.TooLittle):
        floor.vaults.create_vault(signed(CAROL), SCANNER, FEE, BTT - 1, u128(1))
    with refused(floor, Vaults.TooLittle):
        floor.vaults.create_vault(signed(CAROL), SCANNER, FEE, BTT, u128(0))
    with refused(floor, exchange_errors.NotListed):
        floor.vaults.create_vault(signed(CAROL), u32(9), FEE, BTT, u128(1))


def test_the_manager_trades_within_a_band_and_no_other_account_does(floor: Floor) -> None:
    place = floor.vaults.place_vault_order
    with refused(floor, Vaults.NotManager):
        place(signed(CAROL), VAULT, Side.Sell, u128(10), 20 * BTT)
    for price in (16 * BTT - 1, 24 * BTT + 1):
        with refused(floor, Vaults.OutsideBand):
            place(signed(BOB), VAULT, Side.Sell, u128(10), u128(price))
    place(signed(BOB), VAULT, Side.Sell, u128(10), 20 * BTT)
    floor.buy(DAVE, 10, 20)
    floor.next_block()
    assert (floor.units(floor.vault), floor.units(DAVE)) == (90, 10)
    assert floor.money(floor.vault) == 1_000 * BTT + 200 * BTT - 2 * BTT


def test_a_manager_who_trades_with_itself_gets_little_in_a_day(floor: Floor) -> None:
    """The vault has 1,000 BTT and 100 units of 20 BTT: it may give way by 30 BTT a day."""
    place = floor.vaults.place_vault_order
    with refused(floor, Vaults.TooGenerous):
        place(signed(BOB), VAULT, Side.Sell, u128(8), 16 * BTT)
    place(signed(BOB), VAULT, Side.Sell, u128(5), 16 * BTT)
    with refused(floor, Vaults.TooGenerous):
        place(signed(BOB), VAULT, Side.Buy, u128(6), 22 * BTT)
    # What is not worse than the registered value has no limit.
    place(signed(BOB), VAULT, Side.Sell, u128(90), 20 * BTT)
    floor.clock.slot += DAY_MS // SLOT_MS
    place(signed(BOB), VAULT, Side.Sell, u128(5), 16 * BTT)


def test_who_makes_a_vault_large_for_a_moment_gives_no_more_away(floor: Floor) -> None:
    floor.vaults.deposit_vault(signed(CAROL), VAULT, 2_000 * BTT, 2_000 * BTT, u128(200))
    place = floor.vaults.place_vault_order
    place(signed(BOB), VAULT, Side.Buy, u128(10), 24 * BTT)  # 40 of 90 BTT
    floor.vaults.withdraw_vault(signed(CAROL), VAULT, 1_000 * BTT)  # of 60 BTT
    assert len(list(floor.exchange.order_book.orders.items())) == 1
    floor.vaults.withdraw_vault(signed(CAROL), VAULT, u128(u128.MAX))
    assert list(floor.exchange.order_book.orders.items()) == []  # of 30 BTT


def test_the_manager_cancels_the_vaults_orders_only(floor: Floor) -> None:
    floor.vaults.place_vault_order(signed(BOB), VAULT, Side.Buy, u128(10), 18 * BTT)
    other = floor.buy(CAROL, 1, 18)
    with refused(floor, Vaults.NoSuchOrder):
        floor.vaults.cancel_vault_order(signed(BOB), VAULT, other)
    order = floor.exchange.order_book.own[SCANNER, floor.vault][0]
    with refused(floor, Vaults.NotManager):
        floor.vaults.cancel_vault_order(signed(CAROL), VAULT, order)
    floor.vaults.cancel_vault_order(signed(BOB), VAULT, order)
    assert floor.escrow(floor.vault) == 0


def test_open_orders_lock_no_account_in(floor: Floor) -> None:
    floor.vaults.deposit_vault(signed(CAROL), VAULT, 500 * BTT, 500 * BTT, u128(50))
    floor.vaults.place_vault_order(signed(BOB), VAULT, Side.Buy, u128(70), 20 * BTT)
    floor.vaults.place_vault_order(signed(BOB), VAULT, Side.Sell, u128(140), 24 * BTT)
    floor.vaults.withdraw_vault(signed(CAROL), VAULT, 500 * BTT)
    assert (floor.money(CAROL), floor.units(CAROL)) == (RICH, 200)
    assert list(floor.exchange.order_book.orders.items()) == []


def test_the_last_share_closes_the_vault(floor: Floor) -> None:
    floor.vaults.place_vault_order(signed(BOB), VAULT, Side.Buy, u128(1), 20 * BTT)
    floor.vaults.withdraw_vault(signed(BOB), VAULT, floor.vaults.shares[VAULT, BOB])
    assert VAULT not in floor.vaults.vaults
    assert floor.vault not in floor.system.account
    assert floor.units(floor.vault) == 0
    assert (floor.money(BOB), floor.units(BOB)) == (RICH, 200)


def test_the_least_rest_stays_in_the_vault(floor: Floor) -> None:
    floor.vaults.withdraw_vault(signed(BOB), VAULT, 1_000 * BTT - 1)
    assert floor.money(floor.vault) == 1
    floor.vaults.withdraw_vault(signed(BOB), VAULT, u128(1))
    assert floor.money(BOB) == RICH


def test_a_vault_that_has_only_units_is_still_divided(floor: Floor) -> None:
    floor.sell(CAROL, 49, 20)
    floor.vaults.place_vault_order(signed(BOB), VAULT, Side.Buy, u128(49), 20 * BTT)
    floor.next_block()
    assert floor.units(floor.vault) == 149
    left = floor.money(floor.vault)
    floor.vaults.deposit_vault(signed(CAROL), VAULT, 1_000 * BTT, u128(left), u128(149))
    assert floor.units(floor.vault) == 298


def test_what_units_earn_belongs_to_who_was_there(floor: Floor) -> None:
    floor.registry.distribute_revenue(signed(ALICE), SCANNER, 1_000 * BTT)
    assert floor.vaults.holdings(VAULT, floor.vaults.vaults[VAULT]) == (1_100 * BTT, 100)
    # A tenth of all units lies in the vault, and so does a tenth of the revenue.
    floor.vaults.deposit_vault(signed(CAROL), VAULT, 1_000 * BTT, 1_100 * BTT, u128(100))
    assert floor.money(floor.vault) == 2_200 * BTT
    due = floor.registry.revenue_due(SCANNER, BOB)
    floor.vaults.withdraw_vault(signed(BOB), VAULT, floor.vaults.shares[VAULT, BOB])
    floor.vaults.withdraw_vault(signed(CAROL), VAULT, 1_000 * BTT)
    assert floor.money(BOB) == RICH + 100 * BTT
    assert (floor.money(CAROL), floor.units(CAROL)) == (RICH, 200)
    assert floor.registry.revenue_due(SCANNER, BOB) == due == 100 * BTT
    assert floor.registry.revenue_due(SCANNER, floor.vault) == 0


def test_a_gift_to_a_vault_takes_nothing_from_who_comes_later(floor: Floor) -> None:
    floor.vaults.withdraw_vault(signed(BOB), VAULT, 1_000 * BTT - 1)
    floor.balances.transfer(ALICE, floor.vault, 500 * BTT)
    # One share is half a thousand now. Who wants one pays just that, and gets it back.
    before = floor.money(CAROL), floor.units(CAROL)
    floor.vaults.deposit_vault(signed(CAROL), VAULT, u128(1), u128(u128.MAX), u128(u128.MAX))
    paid = before[0] - floor.money(CAROL)
    floor.vaults.withdraw_vault(signed(CAROL), VAULT, u128(1))
    assert paid == 500 * BTT + 1
    assert (floor.money(CAROL), floor.units(CAROL)) == before


def test_a_fee_of_a_long_time_is_that_of_a_year_at_most(floor: Floor) -> None:
    floor.clock.slot += 50 * YEAR
    floor.vaults.accrue_fee(signed(DAVE), VAULT)
    whole, begun = int(floor.vaults.vaults[VAULT].shares), int(1_000 * BTT)
    assert (whole - begun) * 50 <= whole


def test_money_leaves_a_vault_without_units(floor: Floor) -> None:
    floor.vaults.place_vault_order(signed(BOB), VAULT, Side.Sell, u128(100), 20 * BTT)
    floor.buy(ALICE, 100, 20)
    floor.next_block()
    for who in (BOB, CAROL):
        floor.assets.move(SCANNER, who, ALICE, u128(floor.units(who)))
    floor.registry.freeze_asset(ROOT, SCANNER)
    floor.vaults.withdraw_vault(signed(BOB), VAULT, 500 * BTT)
    floor.registry.retire(signed(ALICE), SCANNER)
    floor.vaults.withdraw_vault(signed(BOB), VAULT, floor.vaults.shares[VAULT, BOB])
    assert floor.money(BOB) == RICH + 2_000 * BTT - 20 * BTT


class Managing(History):
    """Any account that comes and goes, a share never loses by it, and all of it is in the vault."""

    def __init__(self) -> None:
        self.floor = Floor()
        super().__init__(self.floor)
        self.floor.open_vault()
        self.begun = self.floor.issuance()
        self.burned = self._burned()
        self.vault = VAULT

    def _burned(self) -> int:
        return sum(int(amount) for _, amount in self.floor.tokenomics.burned_by.items())

    def step(self) -> None:
        if self.vault not in self.floor.vaults.vaults:
            self.open_again()
        steps = (
            *[self.deposit] * 3, *[self.withdraw] * 3, *[self.trade] * 3, *[self.order] * 3,
            self.cancel, self.earn, *[self.block] * 4, self.leave,
        )  # fmt: skip
        self.one_of(steps)()

    def open_again(self) -> None:
        """Open the next vault, once the last one is closed."""
        self.vault = u32(self.floor.vaults.count.value)
        money, units = u128(self.rng.randint(1, 3_000) * BTT), u128(self.rng.randint(0, 20))
        call = self.floor.vaults.create_vault
        if not self.attempt(call, signed(BOB), SCANNER, FEE, money, units):
            self.attempt(call, signed(BOB), SCANNER, FEE, money, u128(0))

    def _try(self, call: Callable[..., object], *arguments: object) -> None:
        """Call, and check that no account's share of what is there became smaller."""
        vaults, id = self.floor.vaults, self.vault
        self.attempt(vaults.accrue_fee, signed(ALICE), id)  # the manager's fee is not a loss
        vault = vaults.vaults.get(id)
        before = None if vault is None else (vaults.holdings(id, vault), int(vault.shares))
        self.attempt(call, *arguments)
        vault = vaults.vaults.get(id)
        if before is None or vault is None:
            return
        (money, units), shares = before
        now_money, now_units = vaults.holdings(id, vault)
        assert now_money * shares >= money * int(vault.shares)
        assert now_units * shares >= units * int(vault.shares)

    def any_account(self) -> AccountId:
        return self.one_of((BOB, CAROL, DAVE))

    def deposit(self) -> None:
        vault = self.floor.vaults.vaults.get(self.vault)
        shares, most = u128(self.up_to(int(vault.shares) if vault else 1)), u128(u128.MAX)
        call = self.floor.vaults.deposit_vault
        self._try(call, signed(self.any_account()), self.vault, shares, most, most)

    def withdraw(self) -> None:
        who = self.any_account()
        given = u128(self.up_to(int(self.floor.vaults.shares[self.vault, who])))
        self._try(self.floor.vaults.withdraw_vault, signed(who), self.vault, given)

    def leave(self) -> None:
        """Let all withdraw, so that the vault closes; its manager is the last, or the first."""
        people = self.one_of(((CAROL, DAVE, BOB), (BOB, CAROL, DAVE)))
        for who in people if self.one_in(3) else people[:2]:
            shares = self.floor.vaults.shares[self.vault, who]
            self._try(self.floor.vaults.withdraw_vault, signed(who), self.vault, shares)

    def trade(self) -> None:
        """Order for the vault, mostly what it can pay for, within its band of prices or not."""
        vaults, side = self.floor.vaults, self.one_of(list(Side))
        vault = vaults.vaults.get(self.vault)
        money, units = vaults.holdings(self.vault, vault) if vault else (0, 0)
        price = self.rng.randint(19, 22)
        most = min(40, int(units) if side is Side.Sell else int(money) // int(25 * BTT))
        amount = u128(self.rng.randint(1, most + 1))
        place = vaults.place_vault_order
        self._try(place, signed(BOB), self.vault, side, amount, price * BTT)

    def cancel(self) -> None:
        vaults, book = self.floor.vaults, self.floor.exchange.order_book
        account = vaults.account_of(int(self.vault))
        for order in book.own[SCANNER, account][:1]:
            self._try(vaults.cancel_vault_order, signed(BOB), self.vault, order)

    def order(self) -> None:
        who, side = self.one_of((ALICE, self.any_account())), self.one_of(list(Side))
        most = 40 if side is Side.Buy else int(self.floor.assets.free(SCANNER, who)) // 4
        units, price = u128(self.rng.randint(1, 1 + min(most, 40))), self.rng.randint(18, 22)
        place, force = self.floor.exchange.place_order, TimeInForce.UntilCancelled
        self._try(place, signed(who), SCANNER, side, units, price * BTT, force, None)

    def earn(self) -> None:
        amount = u128(self.rng.randint(1, 10**21))
        self._try(self.floor.registry.distribute_revenue, signed(ALICE), SCANNER, amount)

    def block(self) -> None:
        """Go on by some slots, at times by months."""
        self.floor.next_block(self.one_of((1, 2, 3, 3, YEAR // 6)))

    def check(self) -> None:
        floor = self.floor
        assert floor.issuance() + self._burned() == self.begun + self.burned
        held = [int(one.balance) for _, one in floor.assets.account.under(SCANNER)]
        assert sum(held) == UNITS
        for number in range(int(floor.vaults.count.value)):
            vault = floor.vaults.vaults.get(u32(number))
            shares = sum(int(part) for _, part in floor.vaults.shares.under(u32(number)))
            assert shares == (0 if vault is None else vault.shares)
            if vault is None:
                account = floor.vaults.account_of(number)
                assert (floor.money(account), floor.units(account)) == (0, 0)
        assert all(floor.money(who) >= 0 for who in (*PEOPLE, ALICE))


@settings(max_examples=settings().max_examples // 2)
@given(seeds(20, 60))
def test_a_share_never_loses_whatever_is_called(steps: list[int]) -> None:
    Managing().run(steps)


def test_random_managers_reach_all_calls_and_events() -> None:
    assert unreached(Managing, Vaults, runs=4, steps=100) == set()
