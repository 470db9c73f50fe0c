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
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from btt_chain.primitives.account import AccountId
from btt_chain.scale import u16, u32, u64, u128
from runtime.accounts import EXCHANGE
from runtime.constants import BTT, DAY_MS, YEAR_MS
from runtime.frame import ROOT, DispatchError, signed
from runtime.pallets.assets import Assets
from runtime.pallets.exchange import Exchange, Side
from runtime.pallets.vaults import Vaults
from support.asset_runtime import ALICE, BOB, CAROL, DAVE, PEOPLE, RICH, UNITS
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
    with refused(floor, Assets.BalanceLow):
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
    with refused(floor, Exchange.NotListed):
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
    # What is no worse than the registered value has no limit.
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


class Managing(RuleBasedStateMachine):
    """Any account that comes and goes, a share never loses by it, and all of it is in the vault."""

    @initialize()
    def begin(self) -> None:
        self.floor = Floor()
        self.floor.open_vault()
        self.begun = self.floor.issuance()
        self.burned = self._burned()

    who = st.sampled_from((BOB, CAROL, DAVE))

    def _burned(self) -> int:
        return sum(int(amount) for _, amount in self.floor.tokenomics.burned_by.items())

    def _try(self, call: Callable[..., object], *arguments: object) -> None:
        """Call, and check that no account's share of what is there became smaller."""
        vaults, state = self.floor.vaults, self.floor.state
        if VAULT in vaults.vaults:
            vaults.accrue_fee(signed(ALICE), VAULT)  # the manager's fee is no loss of this call
        vault = vaults.vaults.get(VAULT)
        before = None if vault is None else (vaults.holdings(VAULT, vault), int(vault.shares))
        state.begin()
        try:
            call(*arguments)
        except (DispatchError, ArithmeticError):
            state.rollback()
            return
        state.commit()
        vault = vaults.vaults.get(VAULT)
        if before is None or vault is None:
            return
        (money, units), shares = before
        now_money, now_units = vaults.holdings(VAULT, vault)
        assert now_money * shares >= money * int(vault.shares)
        assert now_units * shares >= units * int(vault.shares)

    @rule(who=who, shares=st.integers(0, 10**21))
    def deposit(self, who: AccountId, shares: int) -> None:
        most = u128(u128.MAX)
        self._try(self.floor.vaults.deposit_vault, signed(who), VAULT, u128(shares), most, most)

    @rule(who=who, shares=st.one_of(st.integers(0, 10**21), st.just(None)))
    def withdraw(self, who: AccountId, shares: int | None) -> None:
        given = self.floor.vaults.shares[VAULT, who] if shares is None else u128(shares)
        self._try(self.floor.vaults.withdraw_vault, signed(who), VAULT, given)

    @rule(side=st.sampled_from(Side), units=st.integers(1, 40), price=st.integers(16, 24))
    def trade(self, side: Side, units: int, price: int) -> None:
        place = self.floor.vaults.place_vault_order
        self._try(place, signed(BOB), VAULT, side, u128(units), price * BTT)

    @rule(who=who, side=st.sampled_from(Side), units=st.integers(1, 40), price=st.integers(16, 24))
    def order(self, who: AccountId, side: Side, units: int, price: int) -> None:
        self._try(self.floor.order, who, side, units, price)

    @rule(amount=st.integers(1, 10**21))
    def earn(self, amount: int) -> None:
        self._try(self.floor.registry.distribute_revenue, signed(ALICE), SCANNER, u128(amount))

    @rule(slots=st.integers(1, 3))
    def block(self, slots: int) -> None:
        self.floor.next_block(slots)

    @invariant()
    def everything_is_somewhere(self) -> None:
        floor = self.floor
        assert floor.issuance() + self._burned() == self.begun + self.burned
        held = [int(one.balance) for _, one in floor.assets.account.under(SCANNER)]
        assert sum(held) == UNITS
        vault = floor.vaults.vaults.get(VAULT)
        shares = sum(int(part) for _, part in floor.vaults.shares.under(VAULT))
        assert shares == (0 if vault is None else vault.shares)
        if vault is None:
            assert (floor.money(floor.vault), floor.units(floor.vault)) == (0, 0)
        assert all(floor.money(who) >= 0 for who in (*PEOPLE, ALICE))


TestManaging = Managing.TestCase
TestManaging.settings = settings(max_examples=30, stateful_step_count=30, deadline=None)
