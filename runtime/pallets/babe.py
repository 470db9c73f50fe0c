"""Babe: the chain's clock.

Every header names the slot it was made in. The slots since the first block are the time that
vesting, emission, eras and votes run by, so that an empty slot delays nothing. A slot is never
used twice on one chain: each block's slot lies behind its parent's.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import IntEnum
from typing import Final

from btt_chain.primitives.account import AccountId
from btt_chain.primitives.babe import Claim, NoPreDigest, SecondaryPlain, Slot, pre_digest
from btt_chain.scale import path, u64
from runtime.frame import Const, InvalidBlock, Pallet, Section, Value
from runtime.frame.weight import PICOS_PER_MICRO
from runtime.pallets.system import System

READ_DIGEST_WEIGHT: Final = 20 * PICOS_PER_MICRO


@path("pallet_babe::Engine")
class Engine(IntEnum):
    """Who may make blocks."""

    Manual = 0
    Babe = 1


class Babe(Pallet):
    """The chain's clock: which slot each block was made in, and by whom."""

    expected_block_time: Const[u64]
    """The length of a slot, in milliseconds."""
    system: System

    genesis_slot = Value(Slot, default=Slot(0))
    current_slot = Value(Slot, default=Slot(0))
    engine = Value(Engine, default=Engine.Babe)
    sealer = Value(AccountId)

    # ---- hooks

    def genesis(self, config: Mapping[str, object]) -> None:
        """Note who may make blocks.

        `engine` is "babe" (the default) or "manual"; `sealer` is the account that earns from
        blocks sealed by hand.
        """
        fields = Section(config, "babe").fields(optional=("engine", "sealer"))
        if "engine" in fields:
            self.engine.value = engine_named(fields["engine"])
        if "sealer" in fields and fields["sealer"].present():
            self.sealer.value = fields["sealer"].account()

    def on_initialize(self, number: int) -> int:
        """Move the clock to the slot that the header names.

        Raises InvalidBlock if it names none, or one that is not behind the parent's, or if the
        claim is not one that the engine allows.
        """
        claim = self._claim()
        slot, parent = claim.claim.slot, self.current_slot.value
        if slot <= parent:
            raise InvalidBlock(f"slot {slot} of block {number} is not after its parent's, {parent}")
        self.current_slot.value = slot
        if number == 1:
            self.genesis_slot.value = slot
        return READ_DIGEST_WEIGHT

    # ---- doors

    def now(self) -> int:
        """Return the slots since the first block's; 0 at genesis and in block 1."""
        return int(self.current_slot.value) - int(self.genesis_slot.value)

    def author(self) -> AccountId | None:
        """Return the account that earns from the block at hand, if there is one."""
        return self.sealer.get() if self.engine.value is Engine.Manual else None

    def check_timestamp(self, moment: int) -> None:
        """Pass a block time, in unix milliseconds, that agrees with the slot.

        It lies within the slot; under manual seal it may lie behind it, because slots then run
        ahead of the clock. Raises InvalidBlock.
        """
        slot, length = int(self.current_slot.value), int(self.expected_block_time)
        if self.engine.value is Engine.Manual:
            if moment < slot * length:
                raise InvalidBlock(f"timestamp {moment} lies before slot {slot} of {length} ms")
        elif moment // length != slot:
            raise InvalidBlock(f"timestamp {moment} lies outside of slot {slot} of {length} ms")

    # ---- steps

    def _claim(self) -> Claim:
        """Return the header's claim to its slot."""
        try:
            claim = pre_digest(self.system.digest.value.logs)
        except NoPreDigest as error:
            raise InvalidBlock(str(error)) from error
        if self.engine.value is Engine.Manual and not sealed_by_hand(claim):
            raise InvalidBlock("under manual seal the claim must be the plain one of authority 0")
        return claim


def sealed_by_hand(claim: Claim) -> bool:
    """Tell whether `claim` is the only one that manual seal makes (ruling A2)."""
    return isinstance(claim, SecondaryPlain) and claim.claim.authority_index == 0


def engine_named(section: Section) -> Engine:
    """Return the engine that the genesis configuration names."""
    for engine in Engine:
        if section.text() == engine.name.lower():
            return engine
    raise section.wrong(" or ".join(f'"{engine.name.lower()}"' for engine in Engine))
