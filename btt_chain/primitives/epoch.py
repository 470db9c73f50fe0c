"""Epochs: a run of slots with one list of authorities, one luck and one set of parameters.

Epochs are numbered by their slots, counted from the first block's; a chain that makes no block for
a whole epoch skips its number, and the announced data serve the epoch in which it goes on.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import accumulate

from btt_chain.crypto.hashing import blake2_256
from btt_chain.crypto.vrf import VrfInput
from btt_chain.primitives import lottery
from btt_chain.primitives.babe_digests import EpochConfig, NextEpochDescriptor
from btt_chain.primitives.lottery import SecondaryRule

RANDOMNESS_LENGTH = 32


def epoch_index(slot: int, genesis_slot: int, length: int) -> int:
    """Return the number of the epoch that a slot lies in; `genesis_slot` is the first block's."""
    if slot < genesis_slot:
        raise ValueError(f"slot {slot} lies before the first, {genesis_slot}")
    return (slot - genesis_slot) // length


def next_randomness(current: bytes, next_index: int, contributions: Iterable[bytes]) -> bytes:
    """Return r(E + 1), computed at the start of epoch E (ruling A5).

    `current` is r(E), `next_index` is E + 1 and `contributions` are the 32 bytes each of the
    primary claims of the epoch before E that had a block, in the order of blocks.
    """
    return blake2_256(current + next_index.to_bytes(8, "little") + b"".join(contributions))


@dataclass(frozen=True)
class Epoch:
    """All that is needed to claim a slot of an epoch, and to check claims. ValueError if unfit."""

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
        """The first slot behind it."""
        return self.start + self.length

    @cached_property
    def cumulated(self) -> tuple[int, ...]:
        """For each authority, the weights of it and of all before it."""
        return tuple(accumulate(weight for _, weight in self.authorities))

    def __contains__(self, slot: int) -> bool:
        """Tell whether a slot lies in this epoch."""
        return self.start <= slot < self.end

    def begins(self, parent_slot: int) -> bool:
        """Tell whether a block on a parent of that slot is the first of this epoch."""
        return parent_slot < self.start

    def threshold(self, authority: int) -> int:
        """Return what an authority's draw must lie below to win a slot."""
        _, weight = self.authorities[authority]
        c = self.config.c
        return lottery.threshold((int(c[0]), int(c[1])), weight, self.cumulated[-1])

    def secondary_author(self, slot: int) -> int:
        """Return the index of the authority to whom a slot falls if nobody wins it."""
        return lottery.secondary_author(self.secondary_rule, self.randomness, slot, self.cumulated)

    def input(self, slot: int) -> VrfInput:
        """Return what is drawn for in a slot."""
        return lottery.slot_input(self.randomness, slot, self.index)

    def next(self, announced: NextEpochDescriptor, config: EpochConfig | None = None) -> Epoch:
        """Return the epoch after this one, as its first block announced it."""
        return replace(
            self,
            index=self.index + 1,
            start=self.end,
            authorities=tuple((bytes(key), int(weight)) for key, weight in announced.authorities),
            randomness=announced.randomness,
            config=self.config if config is None else config,
        )

    def at(self, slot: int) -> Epoch:
        """Return this epoch, moved on by whole epochs so that `slot` lies in it.

        For slots behind its end: no block was made in all of its slots, and its data serve a later
        one, with that one's number. ValueError for slots before it.
        """
        if slot < self.start:
            raise ValueError(f"slot {slot} lies before epoch {self.index}, from slot {self.start}")
        skipped = (slot - self.start) // self.length
        if skipped == 0:
            return self
        return replace(self, index=self.index + skipped, start=self.start + skipped * self.length)
