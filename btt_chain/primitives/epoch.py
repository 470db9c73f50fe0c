"""Epochs: slots with one list of authorities, one randomness and one set of parameters.

Epochs are numbered by their slots, counted from the first block's; a chain without blocks for a
whole epoch skips its number, and the announced data apply to the epoch of its next block.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from functools import cached_property
from itertools import accumulate

from btt_chain.crypto.hashing import blake2_256
from btt_chain.crypto.vrf import VrfInput
from btt_chain.lazyclass import dataclass
from btt_chain.primitives import lottery
from btt_chain.primitives.babe_digests import EpochConfig, NextEpochDescriptor
from btt_chain.primitives.lottery import SecondaryRule

RANDOMNESS_LENGTH = 32


def epoch_index(slot: int, genesis_slot: int, length: int) -> int:
    """Return the number of the epoch of a slot; `genesis_slot` is the first block's."""
    if slot < genesis_slot:
        raise ValueError(f"slot {slot} lies before the first, {genesis_slot}")
    return (slot - genesis_slot) // length


def next_randomness(current: bytes, next_index: int, contributions: Iterable[bytes]) -> bytes:
    """Return r(E + 1), computed at the start of epoch E.

    `current` is r(E), `next_index` is E + 1 and `contributions` are the 32 bytes each of the
    primary claims with a block in the epoch before E, in the order of blocks.
    """
    return blake2_256(current + next_index.to_bytes(8, "little") + b"".join(contributions))


@dataclass(frozen=True)
class Epoch:
    """The data to claim slots of an epoch, and to verify claims. ValueError if invalid."""

    index: int
    start: int
    """Its first slot."""
    length: int
    """Its number of slots."""
    authorities: tuple[tuple[bytes, int], ...]
    """Public keys and weights."""
    randomness: bytes
    config: EpochConfig
    secondary_rule: SecondaryRule

    def __post_init__(self) -> None:
        if self.length <= 0:
            raise ValueError("an epoch has at least one slot")
        if not self.authorities:
            raise ValueError("an epoch needs at least one authority")
        if any(weight <= 0 for _, weight in self.authorities):
            raise ValueError("an authority's weight is above zero")
        if len(self.randomness) != RANDOMNESS_LENGTH:
            raise ValueError(f"randomness has {RANDOMNESS_LENGTH} bytes")

    @property
    def end(self) -> int:
        """The first slot after it."""
        return self.start + self.length

    @cached_property
    def cumulated(self) -> tuple[int, ...]:
        """For each authority, the sum of its weight and of all weights before it."""
        return tuple(accumulate(weight for _, weight in self.authorities))

    def __contains__(self, slot: int) -> bool:
        """Return True if a slot is in this epoch."""
        return self.start <= slot < self.end

    def begins(self, parent_slot: int) -> bool:
        """Return True if a block on a parent of that slot is the first of this epoch."""
        return parent_slot < self.start

    def threshold(self, authority: int) -> int:
        """Return the bound below which an authority's VRF output wins a slot."""
        _, weight = self.authorities[authority]
        c = self.config.c
        return lottery.threshold((int(c[0]), int(c[1])), weight, self.cumulated[-1])

    def secondary_author(self, slot: int) -> int:
        """Return the index of the authority to whom a slot without a winner is assigned."""
        return lottery.secondary_author(self.secondary_rule, self.randomness, slot, self.cumulated)

    def input(self, slot: int) -> VrfInput:
        """Return the VRF input of a slot."""
        return lottery.slot_input(self.randomness, slot, self.index)

    def next(self, announced: NextEpochDescriptor, config: EpochConfig | None = None) -> Epoch:
        """Return the epoch after this one, as announced by its first block."""
        return replace(
            self,
            index=self.index + 1,
            start=self.end,
            authorities=tuple((bytes(key), int(weight)) for key, weight in announced.authorities),
            randomness=announced.randomness,
            config=self.config if config is None else config,
        )

    def at(self, slot: int) -> Epoch:
        """Return this epoch, moved by whole epochs so that it contains `slot`.

        For slots after its end: none of its slots had a block, and its data apply to a later epoch
        with another number. ValueError for slots before it.
        """
        if slot < self.start:
            raise ValueError(f"slot {slot} lies before epoch {self.index}, from slot {self.start}")
        skipped = (slot - self.start) // self.length
        if skipped == 0:
            return self
        return replace(self, index=self.index + skipped, start=self.start + skipped * self.length)
