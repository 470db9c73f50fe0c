"""The hooks of incentives over a database with ten thousand facilities and a million vouchers."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from bench.weights.declare import Case
from bench.weights.pallets import incentives as cases
from bench.weights.pallets.jobs import lucky
from bench.weights.state import BLOCK, Bench, Sample
from btt_chain.crypto.hashing import blake2_256
from btt_chain.primitives.account import AccountId
from btt_chain.primitives.digest import H256
from btt_chain.scale import u32, u64, u128
from runtime.constants import BTT
from runtime.pallets.incentives.types import LIFE_MONTHS, Epoch, EpochState, MonthPhase
from storage.overlay import Overlay

FACILITIES, VOUCHERS, PART = 10_000, 1_000_000, 50_000
OLD = u32(cases.CLOSED - LIFE_MONTHS)
"""The month that expired."""


def fill(b: Bench) -> None:
    """Write the facilities and vouchers into the database."""
    pallet = b.runtime.incentives
    for start in range(0, FACILITIES, 1_000):
        b.enter()
        for number in range(start, start + 1_000):
            who = AccountId(blake2_256(b"facility %d" % number))
            for month in (OLD, u32(cases.CLOSED), u32(cases.CURRENT), u32(cases.CURRENT + 1)):
                epoch = Epoch(u64(9), H256(bytes(32)), u32(64), u64(9), u64(0), EpochState.Closed)
                pallet.subscriptions.payments[month, who] = u128(BTT)
                pallet.epochs.epochs[who, month] = epoch
                keys = [blake2_256(who + bytes((month, place))) * 8 for place in range(4)]
                pallet.epochs.keys[who, month] = keys
        keep(b)
    prefix = pallet.vouchers.spent.prefix_of(OLD)
    for start in range(0, VOUCHERS, PART):
        numbers = range(start, start + PART)
        b.keep({prefix + blake2_256(b"voucher %d" % number): b"" for number in numbers})
    b.enter()


def keep(b: Bench) -> None:
    """Write what was prepared into the database permanently."""
    state = b.runtime.host.state
    assert isinstance(state, Overlay)
    b.keep({key: value for key, value in state.changes().items() if value is not None})


def select(b: Bench) -> Case:
    """Select the audits of the month that was settled."""
    lucky(b)
    cases.months(b, phase=MonthPhase.Settled)
    pallet = b.runtime.incentives.months
    progress = pallet.progress.value
    progress.settled = u32(cases.CURRENT)
    pallet.progress.value = progress
    record = pallet.months[u32(cases.CLOSED)]
    record.since = u64(BLOCK - 100)
    pallet.months[u32(cases.CLOSED)] = record
    return Case(run=pallet.advance)


def expire(b: Bench) -> Case:
    """Remove the vouchers of the month that expired."""
    cases.months(b)
    pallet = b.runtime.incentives
    progress = pallet.months.progress.value
    progress.oldest = OLD
    pallet.months.progress.value = progress
    return Case(run=lambda: pallet.pruning.remove(32))


HOOKS: dict[str, Callable[[Bench], Case]] = {
    "begin": cases.step,
    "settle": lambda b: cases.settle(b, 3),
    "select": select,
    "expire": expire,
}


def costs(b: Bench) -> dict[str, Sample]:
    """Return the cost of each hook."""
    found: dict[str, Sample] = {}
    for name, prepare in HOOKS.items():
        b.enter()
        found[name] = b.measure(prepare(b))
    return found


@pytest.mark.full
def test_the_hooks_do_not_grow_with_facilities_and_vouchers(tmp_path: Path) -> None:
    b = Bench(tmp_path / "chain", accounts=0)
    try:
        few = costs(b)
        fill(b)
        many = costs(b)
    finally:
        b.close()
    for name in HOOKS:
        print(f"{name}: {few[name].picos / 1e9:.2f} ms, {many[name].picos / 1e9:.2f} ms")
    for name in ("begin", "settle", "select"):
        assert many[name].writes == few[name].writes
        assert many[name].picos < 2 * few[name].picos + 10**9
    assert many["expire"].writes == 32
    assert many["expire"].picos < 25 * 10**9
