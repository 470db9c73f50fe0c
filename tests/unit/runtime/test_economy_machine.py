"""Whatever is called by whomever, with days or years between blocks, the books are in order.

Calls of every pallet that money moves through, dispatched as extrinsics are, into blocks that the
executive opens and closes; after each the audit looks at the whole state.
"""

from __future__ import annotations

import os

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule

from support.economy.chain import PRESETS, EconomyChain
from support.economy.deck import ARGUMENTS, PALLETS, STORIES, Deck
from support.economy.oracle import DAY, MONTH, YEAR
from support.economy.watch import Watch

SEEDS = st.integers(0, 2**40)
HOUR = 3_600_000
PACES = (
    (0, 0, 60_000, HOUR, HOUR, 2 * HOUR, DAY),
    (0, HOUR, DAY, DAY, 7 * DAY, MONTH),
    (0, DAY, MONTH, 3 * MONTH, YEAR, 3 * YEAR),
)
"""Milliseconds that pass between blocks, in hasty times and in slow ones."""
PROFILE = os.environ.get("HYPOTHESIS_PROFILE", "ci")
EXAMPLES, STEPS = {"fuzz": (400, 60), "full": (25, 25)}.get(PROFILE, (8, 15))


class World(RuleBasedStateMachine):
    """A chain of one of the documents, and who looks at it after every block."""

    @initialize(preset=st.sampled_from((*PRESETS, "dev")), pace=st.sampled_from(PACES))
    def begin(self, preset: str, pace: tuple[int, ...]) -> None:
        self.chain, self.pace = EconomyChain(preset), pace
        self.watch = Watch(self.chain)
        self.chain.block()

    @rule(seed=SEEDS)
    def blocks_are_made(self, seed: int) -> None:
        deck = Deck(self.chain, seed)
        self.chain.runtime.enter(self.chain.state)
        slot = self.chain.slot + 1 + self.chain.slots(deck.one_of(self.pace))
        for step in deck.steps(5):
            self.chain.block(step, slot=slot)
            self.watch.look()
            slot += 1
        self.chain.block(slot=slot)
        self.watch.look()

    @rule(seed=SEEDS)
    def a_story_is_told(self, seed: int) -> None:
        deck = Deck(self.chain, seed)
        self.chain.runtime.enter(self.chain.state)
        for gap, step in deck.one_of(STORIES)(deck):
            self.chain.block(step, slot=self.chain.slot + 1 + self.chain.slots(gap))
            self.watch.look()


World.TestCase.settings = settings(
    max_examples=EXAMPLES,
    stateful_step_count=STEPS,
)
TestEconomy = pytest.mark.fuzz(World.TestCase)


def test_every_call_of_these_pallets_can_be_drawn() -> None:
    deck = Deck(EconomyChain("seed-000"), 0)
    present = {pallet.name for pallet in deck.runtime.pallets.values()}
    assert set(PALLETS) <= present
    for name, entry in deck.calls().items():
        for argument, _ in entry.args:
            assert f"{name}.{argument}" in ARGUMENTS or argument in ARGUMENTS, (name, argument)


@pytest.mark.parametrize("seed", range(40))
def test_drawn_calls_are_well_formed(seed: int) -> None:
    deck = Deck(EconomyChain("seed-000"), seed)
    for name in deck.calls():
        deck.call(name)
