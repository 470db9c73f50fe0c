"""Random calls of any account, with days or years between blocks, keep the ledger consistent.

Calls of every pallet that money moves through, dispatched as extrinsics are, into blocks that the
executive opens and closes; after each the audit checks the whole state.
"""

from __future__ import annotations

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule

from support.economy.calls import ARGUMENTS, PALLETS, RandomCalls
from support.economy.chain import PRESETS, EconomyChain
from support.economy.oracle import DAY, MONTH, YEAR
from support.economy.stories import STORIES
from support.economy.watch import Watch
from support.tiers import PROFILE

SEEDS = st.integers(0, 2**40)
HOUR = 3_600_000
PACES = (
    (0, 0, 60_000, HOUR, HOUR, 2 * HOUR, DAY),
    (0, HOUR, DAY, DAY, 7 * DAY, MONTH),
    (0, DAY, MONTH, 3 * MONTH, YEAR, 3 * YEAR),
)
"""Milliseconds between blocks, from hasty to slow."""
EXAMPLES, STEPS = {"fuzz": (400, 60), "full": (25, 25)}.get(PROFILE, (4, 15))


class World(RuleBasedStateMachine):
    """A chain of one of the documents, checked after every block."""

    @initialize(preset=st.sampled_from((*PRESETS, "dev")), pace=st.sampled_from(PACES))
    def begin(self, preset: str, pace: tuple[int, ...]) -> None:
        self.chain, self.pace = EconomyChain(preset), pace
        self.watch = Watch(self.chain)
        self.chain.block()

    @rule(seed=SEEDS)
    def something_happens(self, seed: int) -> None:
        """Make random blocks or run a story: as rules of their own, most runs would lack one."""
        # Hypothesis repeats seeds: each block begins others.
        calls = RandomCalls(self.chain, seed + (self.chain.number << 41))
        self.chain.runtime.enter(self.chain.state)
        if calls.values.chance(25):
            self.run_story(calls)
        else:
            self.make_blocks(calls)

    def make_blocks(self, calls: RandomCalls) -> None:
        """Make a block with several calls, some with one each, and one without."""
        slot = self.chain.slot + 1 + self.chain.slots(calls.values.one_of(self.pace))
        for most in (6, 1, 6, 0):
            self.chain.block(*calls.steps(most), slot=slot)
            self.watch.look()
            slot += 1

    def run_story(self, calls: RandomCalls) -> None:
        """Make the blocks of a story."""
        for gap, step in calls.values.one_of(STORIES)(calls.values):
            self.chain.block(step, slot=self.chain.slot + 1 + self.chain.slots(gap))
            self.watch.look()


World.TestCase.settings = settings(
    max_examples=EXAMPLES,
    stateful_step_count=STEPS,
)
TestEconomy = pytest.mark.fuzz(World.TestCase)


def test_every_call_of_these_pallets_can_be_chosen() -> None:
    calls = RandomCalls(EconomyChain("seed-000"), 0)
    present = {pallet.name for pallet in calls.runtime.pallets.values()}
    assert set(PALLETS) <= present
    for name, entry in calls.calls().items():
        for argument, _ in entry.args:
            rules = {f"{name}.{argument}", argument}
            assert argument == "call" or rules & ARGUMENTS.keys(), (name, argument)


def test_random_calls_are_well_formed() -> None:
    chain = EconomyChain("seed-000")
    for seed in range(40):
        calls = RandomCalls(chain, seed)
        for name in calls.calls():
            calls.call(name)
