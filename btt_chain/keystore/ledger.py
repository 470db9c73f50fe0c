"""The rules of signing: may a key sign a message, given its earlier ones?

A key never signs two contents for one slot, nor for one step of one round of GRANDPA, and it never
goes back: places before its newest one are refused. The same content again gives the same
signature. All of it is pure; `record` stores a `Ledger` on the disk.

Of something external (an import, a block seen on the chain) only the place may be known, not the
content: everything is refused there.

Sources: CometBFT's privval (regressions are refused), EIP-3076 (maxima are enough).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field, replace
from types import MappingProxyType
from typing import Final, NamedTuple

from btt_chain.lazyclass import dataclass
from btt_chain.primitives.grandpa import Stage

ORDER: Final = (Stage.PROPOSE, Stage.PREVOTE, Stage.PRECOMMIT)
"""The steps of a round in their order; their wire numbers are in another order."""
_STEPS: Final = MappingProxyType({stage: step for step, stage in enumerate(ORDER)})


@dataclass(frozen=True, slots=True)
class Refusal:
    """Nothing was signed; `why` names the earlier signature or other reason."""

    why: str


@dataclass(frozen=True, slots=True)
class Sealed:
    """The newest sealed block."""

    slot: int
    pre_seal_hash: bytes | None
    """None where only the slot is known."""
    seal: bytes | None


class Place(NamedTuple):
    """A step of a round; a later one is greater."""

    set_id: int
    round: int
    step: int
    """Index in `ORDER`."""

    @classmethod
    def at(cls, set_id: int, round: int, stage: Stage) -> Place:
        """Return the place of a stage."""
        return cls(set_id, round, _STEPS[stage])

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
        """The target, None if unknown."""
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
        return Place(self.set_id, self.round, max(map(_STEPS.__getitem__, self.votes)))


@dataclass(frozen=True, slots=True)
class Ledger:
    """The last signed messages of a key."""

    block: Sealed | None = None
    round: Round | None = None
    unsure: bool = False
    """The key may have signed more than is recorded: nothing is signed until the doppelgaenger
    watch has ended (`settled`)."""
    reason: str = ""
    """Reason for `unsure`, for the operator; empty while it is not set."""
    closed_set: int | None = None
    """No vote is signed in this set of voters and earlier ones: votes may be missing here."""
    launch: bool = False
    """Made before the chain started and not used yet: nothing is signed until the node has found
    the chain at its start, without a trace of this key (`launched`)."""

    # ---- blocks

    def answer_block(self, slot: int, pre_seal_hash: bytes) -> bytes | Refusal | None:
        """Return the earlier seal, a refusal, or None if a seal may be made."""
        last = self.block
        if last is not None and last.slot == slot and last.pre_seal_hash == pre_seal_hash:
            return last.seal
        if refusal := self._rests():
            return refusal
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
        """Return True if no block of this slot can be sealed: only a later place is known."""
        last = self.block
        return last is not None and last.pre_seal_hash is None and slot <= last.slot

    def with_block(self, slot: int, pre_seal_hash: bytes, seal: bytes) -> Ledger:
        """Return the ledger after a block that `answer_block` allowed."""
        return replace(self, block=Sealed(slot, pre_seal_hash, seal), launch=False)

    def is_strange_block(self, slot: int, pre_seal_hash: bytes) -> bool:
        """Return True if a block with our seal, seen on the network, cannot be by this record.

        False for a slot before the newest one: only the newest is kept.
        """
        last = self.block
        if last is None or slot > last.slot:
            return True
        return slot == last.slot and last.pre_seal_hash not in {None, pre_seal_hash}

    # ---- votes

    def answer_vote(self, place: Place, target: tuple[bytes, int]) -> bytes | Refusal | None:
        """Return the earlier signature, a refusal, or None if a signature may be made."""
        last = self.round
        said = self._said(place)
        if said is not None and said.target == target:
            return said.signature
        if refusal := self._rests():
            return refusal
        if self.is_closed(place.set_id):
            return Refusal(
                f"votes of this key in set {place.set_id} may be missing in its record: it votes "
                "from the next set on, or once finality has stood at one round for a session"
            )
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
        """Return the ledger after a vote that `answer_vote` allowed."""
        last = self.round
        same = last is not None and (last.set_id, last.round) == (place.set_id, place.round)
        votes = dict(last.votes) if last is not None and same else {}
        votes[ORDER[place.step]] = Cast(*target, signature)
        cast = Round(place.set_id, place.round, votes)
        return Ledger(self.block, cast, self.unsure, self.reason, self.closed_set, launch=False)

    def is_strange_vote(self, place: Place, target: tuple[bytes, int]) -> bool:
        """Return True if a vote of ours, seen on the network, cannot be by this record."""
        last = self.round
        if self.is_closed(place.set_id):
            return False
        if last is None or place > last.place:
            return True
        if (last.set_id, last.round) != (place.set_id, place.round):
            return False
        said = self._said(place)
        if said is not None:
            return said.target not in {None, target}
        # A step that this record skipped in the newest round. Where a later step came from an
        # import, which names the newest one only, this one may have been taken there as well.
        return not any(
            vote.target is None and _STEPS[stage] > place.step for stage, vote in last.votes.items()
        )

    def is_closed(self, set_id: int) -> bool:
        """Return True if no vote in this set of voters is signed (`closed_set`)."""
        return self.closed_set is not None and set_id <= self.closed_set

    def _said(self, place: Place) -> Cast | None:
        last = self.round
        if last is None or (last.set_id, last.round) != (place.set_id, place.round):
            return None
        return last.votes.get(ORDER[place.step])

    # ---- the whole ledger

    def doubted(self, reason: str, seen: Ledger | None = None) -> Ledger:
        """Return the ledger raised to what was `seen`, and unsure for this `reason`."""
        raised = maximum(self, replace(seen or Ledger(), unsure=True))
        return replace(raised, reason=reason)

    def settled(self, slot: int, set_id: int, standing: int | None = None) -> Ledger:
        """Return the ledger settled: nothing is signed up to `slot`, nor in sets up to `set_id`.

        Where finality stood at the round `standing` of that set for the whole watch, that round is
        open above the record. A set ends by finality only, so if all voters waited for the next
        one, it would never come.
        """
        block = _later_block(self.block, Sealed(slot, None, None))
        sure = replace(self, block=block, unsure=False, reason="")
        if standing is None:
            return replace(sure, closed_set=max(set_id, self.closed_set or 0))
        return _open_from(sure, set_id, standing)

    def reopened(self, set_id: int, standing: int) -> Ledger:
        """Return the ledger with the round `standing` of a closed set open above the record."""
        return _open_from(self, set_id, standing)

    def launched(self, set_id: int, round: int) -> Ledger:
        """Return a launch ledger that may be used, for votes of this round and later."""
        return _open_from(replace(self, launch=False), set_id, round)

    def _rests(self) -> Refusal | None:
        if self.unsure:
            return _unsure()
        return _launching() if self.launch else None


@dataclass(frozen=True, slots=True)
class Clock:
    """The highest slot this process has seen: a clock that is set back must not author.

    Each `tick` returns the next clock and, while the time is more than one slot behind, a refusal.
    A restart forgets it; signatures are in the ledger.
    """

    highest: int = field(default=0)

    def tick(self, slot: int) -> tuple[Clock, Refusal | None]:
        """Return the clock at the machine's `slot`, and a refusal if that is behind."""
        if slot + 1 < self.highest:
            return self, Refusal(
                f"the clock went back from slot {self.highest} to slot {slot}: no block is made "
                "before it has caught up (check the time service)"
            )
        return Clock(max(slot, self.highest)), None


def maximum(one: Ledger, other: Ledger) -> Ledger:
    """Return a ledger that refuses what either one refuses as signed before; unsure if one is."""
    block, round = _later_block(one.block, other.block), _later_round(one.round, other.round)
    closed = [each.closed_set for each in (one, other) if each.closed_set is not None]
    unsure = one.unsure or other.unsure
    is_used = unsure or bool(block or round or closed)
    return Ledger(
        block,
        round,
        unsure,
        reason=one.reason or other.reason,
        closed_set=max(closed, default=None),
        launch=(one.launch or other.launch) and not is_used,
    )


def _later_block(one: Sealed | None, other: Sealed | None) -> Sealed | None:
    if one is None or other is None:
        return one or other
    if one.slot != other.slot:
        return max(one, other, key=lambda sealed: sealed.slot)
    # Two blocks for one slot: neither seal is sent again.
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


def _open_from(ledger: Ledger, set_id: int, round: int) -> Ledger:
    """Return a ledger whose sets before `set_id` are closed, and its rounds before `round`.

    Unchanged where a later set is closed: the node is behind its record, after its database was
    deleted for example, and its later votes are unknown.
    """
    if ledger.closed_set is not None and ledger.closed_set > set_id:
        return ledger
    floor = Round(set_id, round - 1, {Stage.PRECOMMIT: UNKNOWN}) if round > 1 else None
    return replace(
        ledger,
        round=_later_round(ledger.round, floor),
        closed_set=set_id - 1 if set_id > 0 else None,
    )


def _unsure() -> Refusal:
    return Refusal(
        "the record of this key may be older than what the key has signed: nothing is signed "
        "before the watch for another node with this key has ended"
    )


def _launching() -> Refusal:
    return Refusal(
        "the record of this key was made before the chain started: nothing is signed before the "
        "node has found the chain at its beginning"
    )


def _short(hash: bytes | None) -> str:
    return "unknown" if hash is None else f"0x{hash.hex()[:16]}…"
