"""Simulated economies: the runtime's own pallets, and books that are right at every month's end."""

from __future__ import annotations

from itertools import pairwise

import pytest

from genesis.allocation import Kind
from genesis.catalogue import chain_named
from genesis.holders import table
from genesis.presets import CHAINS, DOCUMENTS, Chain
from genesis.schedule import emission, release, schedule
from genesis.simulate import MONTH, SLOT_MS, Economy, Memory, Plan, runway, simulated
from runtime.audits import audit
from runtime.constants import BTT


def chain(name: str) -> Chain:
    found = chain_named(name)
    assert found is not None
    return found


@pytest.mark.parametrize("name", DOCUMENTS)
def test_nothing_is_made_and_nothing_is_lost(name: str) -> None:
    months = list(simulated(chain(name), Plan(months=3, daily=False)))
    supply = table(name).supply
    for month in months:
        assert month.supply_planck + month.burned_planck == supply
        assert month.circulating_planck + month.locked_planck <= month.supply_planck
    for before, after in pairwise(months):
        assert after.supply_planck <= before.supply_planck
        assert after.burned_planck > before.burned_planck
    # The burn at the launch is of block 1; no other account burns in it.
    launch = 30_000 if supply == 21_000_000 * int(BTT) else 1_000_000
    assert months[0].burned_planck == launch * int(BTT)


def test_the_ledger_are_right_after_every_block() -> None:
    plan = Plan(months=2)
    economy = Economy(chain("seed-000"), plan)
    economy.open(0)
    economy.month_ends(0)
    economy.close()
    for month in (1, 2):
        for step in range(1, 4):
            economy.open((month - 1) * 438_300 + step * 438_300 // 3)
            economy.trade(50_000 * int(BTT))
            if step == 3:
                economy.month_ends(month)
            economy.close()
            economy.runtime.enter(economy.memory.overlay())
            assert audit(economy.runtime) == []
    assert economy.stakes


def test_what_is_emitted_and_locked_is_what_the_schedule_says() -> None:
    """Vesting and emission follow formulas, independently of transactions."""
    emitted = {row.month: row.cumulative_planck for row in emission("seed-000")}
    rows = list(table("seed-000").linear())
    promised = sum(row.amount for row in rows)
    keys = {row.key for row in rows}
    vested = dict.fromkeys(range(97), 0)
    for row in schedule("seed-000"):
        if row.key in keys:
            vested[row.month] += row.vested_planck
    for month in simulated(chain("seed-000"), Plan(months=24, daily=False, staked_ppm=100_000)):
        assert month.emitted_planck == emitted[month.month]
        assert month.locked_planck == promised - vested[month.month]
        assert month.mining_paid_planck + month.mining_unallocated_planck <= month.emitted_planck
        assert month.stake_free_planck >= 0


def test_days_and_months_lead_to_the_same_place() -> None:
    days, months = (
        list(simulated(chain("seed-000"), Plan(months=4, daily=daily)))[-1]
        for daily in (True, False)
    )
    assert days.emitted_planck == months.emitted_planck
    assert days.locked_planck == months.locked_planck
    assert days.compute_sold_planck == months.compute_sold_planck == 400_000 * int(BTT)
    assert days.burned_planck == months.burned_planck


def test_the_market_cannot_buy_more_than_it_has() -> None:
    last = list(simulated(chain("seed-000"), Plan(months=2, demand=10**30, daily=False)))[-1]
    assert 0 < last.compute_sold_planck < table("seed-000").supply


def test_no_account_stakes_where_nothing_is_to_be_staked() -> None:
    last = list(simulated(chain("seed-004"), Plan(months=3, staked_ppm=0, demand=0)))[-1]
    assert last.staked_planck == last.mining_paid_planck == last.compute_sold_planck == 0
    assert last.mining_unallocated_planck == last.emitted_planck
    assert last.runway_months is None


def test_a_full_pool_refuses_further_stakes() -> None:
    """Ten times as much staked as the pool can promise: it ends at nothing, and never below."""
    plan = Plan(months=60, staked_ppm=900_000, demand=0, daily=False)
    months = list(simulated(chain("seed-000"), plan))
    assert months[-1].stake_free_planck < months[0].stake_free_planck // 20
    assert all(month.stake_free_planck >= 0 for month in months)
    assert months[-1].staked_planck < months[-1].circulating_planck * 9 // 10


@pytest.mark.parametrize("name", DOCUMENTS)
def test_the_chain_reports_the_years_as_the_table_does(name: str) -> None:
    """`tokenomics release` prints without a node the answer of a node of that chain."""
    economy = Economy(chain(name), Plan(months=1))
    # Allowances of 100 BTT for those who sign come out of the treasury where nothing is liquid.
    has_liquidity = table(name).row_of(Kind.IMMEDIATE) is not None
    allowances = (
        0
        if has_liquidity
        else sum(
            int(economy.runtime.balances.total(who)) - int(economy.runtime.vesting.unvested(who))
            for who in economy.owners
        )
    )
    for year in release(name):
        number = int(year.year.removesuffix("+"))
        reported = economy.tokenomics.releases.release(number)
        assert reported.table == year.table_planck
        assert reported.ceiling == year.cumulative_table_planck
        assert reported.mining == year.mining_planck
        free = year.immediate_planck + (allowances if number == 2025 else 0)
        assert reported.contractual == year.vesting_planck + free
        # In the year that is, the chain reports what is left now.
        assert reported.headroom == year.headroom_planck - allowances or number == 2025


@pytest.mark.parametrize("name", [name for name in CHAINS if name not in DOCUMENTS])
def test_every_other_preset_can_be_simulated(name: str) -> None:
    months = list(simulated(chain(name), Plan(months=1, daily=False)))
    assert [month.month for month in months] == [0, 1]
    assert {month.preset for month in months} == {name}


def test_a_state_in_memory_is_walked_in_order_as_it_changes() -> None:
    memory = Memory({b"b": b"1", b"d": b"2"})
    overlay = memory.overlay()
    overlay.put(b"c", b"3")
    overlay.put(b"b", None)
    overlay.put(b"d", b"4")
    overlay.put(b"x", None)
    memory.keep(overlay.changes())
    fresh = memory.overlay()
    assert list(fresh.keys(b"")) == [b"c", b"d"]
    assert fresh.next_key(b"c") == b"d"
    assert (fresh.get(b"b"), fresh.get(b"d")) == (None, b"4")


def test_a_runway_is_measured_over_the_last_twelve_months() -> None:
    assert runway([100]) is None
    assert runway([100, 100]) is None
    assert runway([100, 90]) == 9
    assert runway([1000, *range(120, -1, -10)]) == 0
    assert runway([50, *range(112, 99, -1)]) == 100


@pytest.mark.parametrize("speed", [100, 400])
def test_the_chains_own_jobs_pay_out_what_no_requester_earns(speed: int) -> None:
    plan = Plan(months=1, demand=0, staked_ppm=0, protocol_speed=speed)
    *_, last = simulated(chain("seed-000"), plan)
    # 7 * 10^13 planck for 10^9 multiplications, and five verifiers that check an eighth each.
    seconds = 30 * (MONTH // 30) * SLOT_MS // 1_000
    due = speed * seconds * 7 * 10**13 * (8 * 4 + 5 * 3) // (8 * 4)
    assert last.mining_paid_planck == min(due, last.emitted_planck)
    assert last.mining_unallocated_planck == last.emitted_planck - last.mining_paid_planck
