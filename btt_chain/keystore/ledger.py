"""The rules of signing: given what a key has said, may it say this too?

A key never says two things for one slot, nor for one step of one round of GRANDPA, and it never
goes back: what lies before the newest thing it said is refused. The same thing again is answered
with the same signature. All of it is pure; `record` keeps a `Ledger` on the disk.

Of something that came from outside (an import, a block seen on the chain) only the place may be
known, not the content: everything is refused there.

Sources: CometBFT's privval (regressions are refused), EIP-3076 (maxima are enough).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Final, NamedTuple

from btt_chain.primitives.grandpa import Stage

ORDER: Final = (Stage.PROPOSE, Stage.PREVOTE, Stage.PRECOMMIT)
"""The steps of a round as they follow each other; their wire numbers are in another order."""

LAST_ROUND: Final = (1 << 64) - 1


@dataclass(frozen=True, slots=True)
class Refusal:
    """Nothing was signed; `why` says what was signed before."""

    why: str


@dataclass(frozen=True, slots=True)
class Sealed:
    """The block of the newest slot."""

    slot: int
    pre_seal_hash: bytes | None
    """None where only the slot is known."""
    seal: bytes | None


class Place(NamedTuple):
    """A step of a round, in the order in which they come."""

    set_id: int
    round: int
    step: int
    """Index in `ORDER`."""

    @classmethod
    def at(cls, set_id: int, round: int, stage: Stage) -> Place:
        """The place of a stage."""
        return cls(set_id, round, ORDER.index(stage))

    def __str__(self) -> str:
        return f"{ORDER[self.step].name.lower()} of round {self.round} of set {self.set_id}"


@dataclass(frozen=True, slots=True)
class Cast:
    """A vote; without a target where only its place is known."""

    target_hash: bytes | None
    target_number: int | None
    signature: bytes | None

    @property
    def target(self) -> tuple[bytes, int] | None:
        """What it was for."""
        if self.target_hash is None or self.target_number is None:
            return None
        return self.target_hash, self.target_number


UNKNOWN: Final = Cast(None, None, None)


@dataclass(frozen=True, slots=True)
class Round:
    """The votes of the newest round."""

    set_id: int
    round: int
    votes: Mapping[Stage, Cast]
    """At least one."""

    @property
    def place(self) -> Place:
        """The newest step."""
        newest = max(ORDER.index(stage) for stage in self.votes)
        return Place(self.set_id, self.round, newest)


@dataclass(frozen=True, slots=True)
class Ledger:
    """What a key has said last."""

    block: Sealed | None = None
    round: Round | None = None
    unsure: bool = False
    """Something else may have been said that is not written here: nothing is signed until the
    doppelgaenger watch has ended (`settled`)."""

    # ---- blocks

    def answer_block(self, slot: int, pre_seal_hash: bytes) -> bytes | Refusal | None:
        """The seal that was made before, why there is none, or None: it may be made."""
        last = self.block
        if last is not None and last.slot == slot and last.pre_seal_hash == pre_seal_hash:
            return last.seal
        if self.unsure:
            return _unsure()
        if last is None or slot > last.slot:
            return None
        what = _short(last.pre_seal_hash)
        if slot == last.slot:
            return Refusal(
                f"this key has sealed block {what} for slot {slot}; a second block for one slot "
                "would be slashed"
            )
        return Refusal(
            f"slot {slot} lies before slot {last.slot}, for which this key has sealed block "
            f"{what}: the clock is behind, or another node signs with this key"
        )

    def waits(self, slot: int) -> bool:
        """Whether no block of this slot can be sealed, because only a later place is known."""
        last = self.block
        return last is not None and last.pre_seal_hash is None and slot <= last.slot

    def with_block(self, slot: int, pre_seal_hash: bytes, seal: bytes) -> Ledger:
        """The ledger after a block that `answer_block` allowed."""
        return replace(self, block=Sealed(slot, pre_seal_hash, seal))

    def is_strange_block(self, slot: int, pre_seal_hash: bytes) -> bool:
        """Whether a block with our seal, seen on the network, cannot have been made by this record.

        A slot before the newest one cannot be told: only the newest is kept.
        """
        last = self.block
        if last is None or slot > last.slot:
            return True
        return slot == last.slot and last.pre_seal_hash not in {None, pre_seal_hash}

    # ---- votes

    def answer_vote(self, place: Place, target: tuple[bytes, int]) -> bytes | Refusal | None:
        """The signature that was made before, why there is none, or None: it may be made."""
        last = self.round
        said = self._said(place)
        if said is not None and said.target == target:
            return said.signature
        if self.unsure:
            return _unsure()
        if last is None or place > last.place:
            return None
        if said is not None:
            number = "" if said.target_number is None else f" #{said.target_number}"
            return Refusal(
                f"this key has voted for{number} {_short(said.target_hash)} in the {place}; a "
                "second vote in one step would be slashed"
            )
        return Refusal(f"the {place} lies before the {last.place}, in which this key has voted")

    def with_vote(self, place: Place, target: tuple[bytes, int], signature: bytes) -> Ledger:
        """The ledger after a vote that `answer_vote` allowed."""
        last = self.round
        same = last is not None and (last.set_id, last.round) == (place.set_id, place.round)
        votes = {**(last.votes if last is not None and same else {})}
        votes[ORDER[place.step]] = Cast(*target, signature)
        return replace(self, round=Round(place.set_id, place.round, votes))

    def is_strange_vote(self, place: Place, target: tuple[bytes, int]) -> bool:
        """Whether a vote of ours, seen on the network, cannot have been made by this record."""
        last = self.round
        if last is None or place > last.place:
            return True
        said = self._said(place)
        if said is not None:
            return said.target not in {None, target}
        # A step that this record passed over in the newest round.
        return (last.set_id, last.round) == (place.set_id, place.round)

    def _said(self, place: Place) -> Cast | None:
        last = self.round
        if last is None or (last.set_id, last.round) != (place.set_id, place.round):
            return None
        return last.votes.get(ORDER[place.step])

    # ---- as a whole

    def settled(self, slot: int, set_id: int) -> Ledger:
        """Sure again: nothing is signed up to `slot`, nor in `set_id` and the sets before it."""
        floor = Ledger(
            Sealed(slot, None, None), Round(set_id, LAST_ROUND, {Stage.PRECOMMIT: UNKNOWN})
        )
        return replace(maximum(self, floor), unsure=False)


@dataclass(frozen=True, slots=True)
class Clock:
    """The highest slot this process has lived in: a clock that is set back must not author.

    Each `tick` gives the next clock and, while the time is more than one slot behind, a refusal. A
    restart forgets it; what was signed is in the ledger.
    """

    highest: int = field(default=0)

    def tick(self, slot: int) -> tuple[Clock, Refusal | None]:
        """It is `slot` now, says the machine."""
        if slot + 1 < self.highest:
            return self, Refusal(
                f"the clock went back from slot {self.highest} to slot {slot}: no block is made "
                "before it has caught up (check the time service)"
            )
        return Clock(max(slot, self.highest)), None


def maximum(one: Ledger, other: Ledger) -> Ledger:
    """A ledger that refuses whatever one of the two refuses as said before; unsure if one is."""
    return Ledger(
        _later_block(one.block, other.block),
        _later_round(one.round, other.round),
        one.unsure or other.unsure,
    )


def _later_block(one: Sealed | None, other: Sealed | None) -> Sealed | None:
    if one is None or other is None:
        return one or other
    if one.slot != other.slot:
        return max(one, other, key=lambda sealed: sealed.slot)
    # Two blocks for one slot: the damage is done, neither is sent once more.
    same = one.pre_seal_hash == other.pre_seal_hash
    return one if same else Sealed(one.slot, None, None)


def _later_round(one: Round | None, other: Round | None) -> Round | None:
    if one is None or other is None:
        return one or other
    if (one.set_id, one.round) != (other.set_id, other.round):
        return max(one, other, key=lambda votes: (votes.set_id, votes.round))
    votes = {}
    for stage in ORDER:
        said = [round.votes[stage] for round in (one, other) if stage in round.votes]
        if said:
            votes[stage] = said[0] if said[0].target == said[-1].target else UNKNOWN
    return Round(one.set_id, one.round, votes)


def _unsure() -> Refusal:
    return Refusal(
        "the record of this key may be older than what the key has signed: nothing is signed "
        "before the watch for another node with this key has ended"
    )


def _short(hash: bytes | None) -> str:
    return "unknown" if hash is None else f"0x{hash.hex()[:16]}…"
