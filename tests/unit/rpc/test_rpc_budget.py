"""Budgets of processor time, turns in the turns, and who a caller is."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial

import pytest

from btt_chain.rpc.protocol import try_later
from btt_chain.web import throttle as throttle_module
from btt_chain.web.addresses import network_of
from btt_chain.web.budget import (
    EXTERNAL,
    LOCAL,
    MIN_WASTE,
    MIN_WORK,
    SHARED_DELAY,
    Accounts,
    Bill,
    Bucket,
    CostAccount,
    Rate,
    Rates,
)
from btt_chain.web.throttle import MAX_REFUSALS, MAX_WASTE, Throttle
from btt_chain.web.turns import SHARE, SLICE, TurnQueue

RATES = Rates(Rate(0.5, 1.0), Rate(0.5, 2.0), Rate(0.1, 0.2))


# ---- accounts


def test_a_bucket_lets_through_until_it_is_empty_and_waits_for_what_is_owed() -> None:
    bucket = Bucket(Rate(0.5, 1.0), 0.0)
    bucket.spend(0.0, 1.0)
    assert bucket.wait(0.0) == 0
    bucket.spend(0.0, 1.0)
    assert bucket.wait(0.0) == 2
    assert bucket.wait(1.5) == 0.5
    assert bucket.wait(100.0) == 0
    bucket.spend(100.0, 1.0)  # no more is saved up than the rate says
    assert bucket.wait(100.0) == 0
    assert bucket.spent(100.0) == 1.0


def test_waste_is_paid_twice() -> None:
    account = RATES.account(0.0)
    account.charge(0.3, 0.0)
    assert account.wait(0.0) == 0
    assert not account.is_wasteful(0.0)
    account.charge(0.3, 0.0, is_waste=True)
    assert account.wait(0.0) == pytest.approx(1.0)
    assert account.is_wasteful(0.0)


def test_connections_of_one_address_share_its_account() -> None:
    accounts = Accounts(RATES)
    first = Bill(RATES.account(0), accounts.of("10.0.0.1", 0), is_shared=False)
    second = Bill(RATES.account(0), accounts.of("10.0.0.1", 0), is_shared=False)
    other = Bill(RATES.account(0), accounts.of("10.0.0.2", 0), is_shared=False)
    for bill in (first, first, second):
        bill.charge(1.0, 0.0)
    assert second.wait(0.0) == 2
    assert other.wait(0.0) == 0


def test_a_caller_on_this_machine_does_not_pay_for_the_debts_of_another() -> None:
    shared = Accounts(RATES).of("this machine", 0)
    attacker = Bill(RATES.account(0), shared, is_shared=True)
    operator = Bill(RATES.account(0), shared, is_shared=True)
    attacker.charge(100.0, 0.0, is_waste=True)
    assert attacker.wait(0.0) > 100
    assert operator.wait(0.0) == 0
    assert operator.delay(0.0) == SHARED_DELAY
    assert not operator.is_wasteful(0.0)
    assert operator.spent(0.0) < attacker.spent(0.0)


def test_a_new_connection_from_this_machine_begins_with_what_the_others_left() -> None:
    address = CostAccount(LOCAL.address, LOCAL.waste, 0.0)
    fresh = LOCAL.account(0.0)
    fresh.part_of(address, 0.0)
    assert fresh.spent(0.0) == 0
    address.charge(LOCAL.address.saved - 2.0, 0.0)
    later = LOCAL.account(0.0)
    later.part_of(address, 0.0)
    assert later.spent(0.0) == pytest.approx(LOCAL.connection.saved - 2.0)
    address.charge(100.0, 0.0, is_waste=True)
    last = LOCAL.account(0.0)
    last.part_of(address, 0.0)
    assert last.spent(0.0) == pytest.approx(LOCAL.connection.saved - MIN_WORK)
    assert last.wait(0.0) == 0
    last.charge(2 * MIN_WASTE, 0.0, is_waste=True)
    assert last.is_wasteful(0.0)


def test_only_so_many_addresses_have_an_account() -> None:
    accounts = Accounts(RATES, limit=10)
    for number in range(100):
        accounts.of(f"10.0.0.{number}", 0).charge(9.0, 0.0)
    assert accounts.of("10.0.0.99", 0).wait(0.0) > 0
    assert accounts.of("10.0.0.1", 0).wait(0.0) == 0


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("10.0.0.1", "10.0.0.1"),
        ("::ffff:10.0.0.1", "10.0.0.1"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2::", "2001:db8:1:2::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("?", "?"),
    ],
)
def test_addresses_are_charged_by_what_one_customer_has(address: str, network: str) -> None:
    assert network_of(address) == network


def test_callers_here_have_more_than_those_from_elsewhere_and_none_has_all() -> None:
    for local, external in zip(
        (LOCAL.connection, LOCAL.address, LOCAL.waste),
        (EXTERNAL.connection, EXTERNAL.address, EXTERNAL.waste),
        strict=True,
    ):
        assert external.share < local.share < 1
        assert external.saved < local.saved


# ---- the throttle


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Let time pass as fast as it is slept; returns the naps."""
    naps: list[float] = []
    now = [0.0]

    async def sleep(seconds: float) -> None:
        naps.append(seconds)
        now[0] += seconds

    monkeypatch.setattr(asyncio, "sleep", sleep)
    monkeypatch.setattr(throttle_module, "monotonic", lambda: now[0])
    return naps


def bill_of(account: CostAccount) -> Bill:
    rich = Rates(Rate(1, 1_000), Rate(1, 1_000), Rate(1, 1_000))
    return Bill(account, Accounts(rich).of("10.0.0.1", 0), is_shared=False)


async def test_a_caller_within_its_budget_does_not_wait(quick: list[float]) -> None:
    assert await Throttle(bill_of(RATES.account(0))).admit() == 0
    assert quick == []


async def test_a_request_waits_for_a_small_debt_and_is_refused_for_a_large_one(
    quick: list[float],
) -> None:
    account = RATES.account(0)
    throttle = Throttle(bill_of(account))
    account.charge(1.25, 0.0)
    assert await throttle.admit() == 0
    assert sum(quick) == pytest.approx(0.5)
    account.charge(10.0, 0.5)
    for refusals in range(1, MAX_REFUSALS + 1):
        assert await throttle.admit() == pytest.approx(20 - refusals)
        assert throttle.is_exhausted == (refusals == MAX_REFUSALS)


async def test_who_sends_nothing_but_waste_is_cut_off(quick: list[float]) -> None:
    account = RATES.account(0)
    throttle = Throttle(bill_of(account))
    sent = 0
    while not throttle.is_exhausted:
        assert sent < 10 * MAX_WASTE
        account.charge(0.01, sum(quick), is_waste=True)
        await throttle.admit()
        sent += 1
    assert sent > MAX_WASTE


def test_the_refusal_says_when_to_come_again() -> None:
    error = try_later(2.2)
    assert (error.code, error.data) == (-32999, {"retryAfter": 3})
    assert "retry after 3 s" in error.message


# ---- the turns


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


async def test_who_spent_least_is_first_and_one_works_at_a_time() -> None:
    turns, order = TurnQueue(Clock()), []

    async def work(rank: float) -> None:
        await turns.turn(lambda: rank)
        order.append(rank)
        turns.spent()

    await turns.turn()
    tasks = [asyncio.create_task(work(rank)) for rank in (3.0, 1.0, 2.0, 1.5)]
    await asyncio.sleep(0)
    assert order == []
    turns.spent()
    await asyncio.gather(*tasks)
    assert order == [1.0, 1.5, 2.0, 3.0]


async def test_the_loop_turns_after_a_slice_of_work_of_all_together() -> None:
    clock = Clock()
    turns, others = TurnQueue(clock), []

    async def consensus() -> None:
        while True:
            others.append(1)
            await asyncio.sleep(0)

    task = asyncio.create_task(consensus())
    for _ in range(10):
        await turns.turn()
        clock.now += SLICE / 2
        turns.spent()
    task.cancel()
    assert len(others) >= 4  # one turn after each two calls


async def test_while_consensus_is_busy_rpc_gets_its_share_only(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    clock = Clock()
    turns, pauses = TurnQueue(clock), []
    turns.is_busy = lambda: True
    loop = asyncio.get_running_loop()
    later = loop.call_later

    def call_later(delay: float, action: Callable[[], object]) -> asyncio.TimerHandle:
        pauses.append(delay)
        return later(0, action)

    monkeypatch.setattr(loop, "call_later", call_later)
    for _ in range(20):
        await turns.turn()
        clock.now += 0.05
        assert turns.spent() == pytest.approx(0.05)
    assert sum(pauses) == pytest.approx(20 * 0.05 * (1 / SHARE - 1), rel=0.1)


async def test_callers_that_leave_while_they_wait_block_no_other() -> None:
    turns = TurnQueue(Clock())
    await turns.turn()
    tasks = [asyncio.create_task(turns.turn(partial(float, rank))) for rank in (1.0, 2.0, 3.0)]
    await asyncio.sleep(0)
    tasks[0].cancel()
    await asyncio.sleep(0)
    turns.spent()  # gives the turn to the second, which is cancelled before it knows
    tasks[1].cancel()
    await asyncio.gather(*tasks[:2], return_exceptions=True)
    await asyncio.wait_for(tasks[2], 10)


async def test_long_work_rests_where_it_has_used_a_slice() -> None:
    clock = Clock()
    turns = TurnQueue(clock)
    turned: list[int] = []
    since = turns.now()
    for _ in range(3):
        clock.now += 2 * SLICE
        asyncio.get_running_loop().call_soon(turned.append, 1)
        since = await turns.rest(since)
    assert len(turned) == 3
    assert since == clock.now
