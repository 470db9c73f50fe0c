"""Benchmarks of Vesting: accounts with schedules by the component."""

from __future__ import annotations

from bench.weights.declare import Case, benchmark
from bench.weights.state import BLOCK, Bench, address
from btt_chain.primitives.account import AccountId
from btt_chain.scale import u32
from runtime.constants import BTT
from runtime.pallets.vesting.pallet import MAX_SCHEDULES
from runtime.schedules import VestingInfo

SCHEDULES = (0, MAX_SCHEDULES)


def info(b: Bench, start: int = BLOCK - 10) -> VestingInfo:
    """Return a schedule that is running."""
    least = max(100 * BTT, b.runtime.vesting.min_vested_transfer)
    return VestingInfo(least, least // 1_000, u32(start))


def holder(b: Bench, schedules: int, number: int = 1) -> AccountId:
    """Return an account with that many running schedules."""
    who, source = b.account(number), b.account(0)
    for place in range(schedules):
        b.runtime.vesting.transfer_vested(source, who, info(b, BLOCK - 10 - place))
    return who


@benchmark("Vesting.vest", schedules=(1, MAX_SCHEDULES))
def vest(b: Bench, schedules: int) -> Case:
    """Update the caller's lock."""
    who = holder(b, schedules)
    b.at(BLOCK + 5)
    return b.signed(who, "Vesting", "vest")


@benchmark("Vesting.vest_other", schedules=(1, MAX_SCHEDULES))
def vest_other(b: Bench, schedules: int) -> Case:
    """Update the lock of another account."""
    who = holder(b, schedules)
    b.at(BLOCK + 5)
    return b.signed(b.account(2), "Vesting", "vest_other", target=address(who))


@benchmark("Vesting.vested_transfer", schedules=(0, MAX_SCHEDULES - 1))
def vested_transfer(b: Bench, schedules: int) -> Case:
    """Add a schedule to the existing ones."""
    who = holder(b, schedules)
    return b.signed(
        b.account(0), "Vesting", "vested_transfer", target=address(who), schedule=info(b)
    )


@benchmark("Vesting.force_vested_transfer", schedules=(0, MAX_SCHEDULES - 1))
def force_vested_transfer(b: Bench, schedules: int) -> Case:
    """As `vested_transfer`, with the money of another account."""
    who = holder(b, schedules)
    return b.root(
        "Vesting", "force_vested_transfer",
        source=address(b.account(0)), target=address(who), schedule=info(b),
    )  # fmt: skip


@benchmark("Vesting.merge_schedules", schedules=(2, MAX_SCHEDULES))
def merge_schedules(b: Bench, schedules: int) -> Case:
    """Merge the last two schedules."""
    who = holder(b, schedules)
    return b.signed(
        who, "Vesting", "merge_schedules",
        schedule1_index=u32(schedules - 2), schedule2_index=u32(schedules - 1),
    )  # fmt: skip


@benchmark("Vesting.force_remove_vesting_schedule")
def force_remove_vesting_schedule(b: Bench) -> Case:
    """Remove the last schedule of a full list, part of which is not transferable."""
    who = holder(b, MAX_SCHEDULES)
    balances = b.runtime.balances
    held = balances.free(who) - info(b).locked * (MAX_SCHEDULES - 1) - 10 * BTT
    balances.reservable_currency.reserve(who, held)
    return b.root(
        "Vesting", "force_remove_vesting_schedule",
        target=address(who), schedule_index=u32(MAX_SCHEDULES - 1),
    )  # fmt: skip
