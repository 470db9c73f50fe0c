"""The doppelgaenger watch: does another node sign with our keys?

For one session nothing is signed, and the network is observed. A block or a vote of ours that is
newer than the start of the watch was made by another node. Older ones were made by this key before,
here or elsewhere, and are collected, so that the record can be raised to them.

The watch is for records that were made by force, or are older than evidence on the chain: a node
that restarts with a good record does not wait.
"""

from __future__ import annotations

from dataclasses import field

from btt_chain.keystore.ledger import UNKNOWN, Ledger, Place, Round, Sealed, maximum
from btt_chain.lazyclass import dataclass
from btt_chain.primitives.grandpa import Stage


@dataclass(frozen=True, slots=True)
class Watching:
    """Nothing seen yet; nothing is signed up to the slot `until`."""

    until: int


@dataclass(frozen=True, slots=True)
class Clear:
    """The session is over, and no other node has signed with our keys."""


@dataclass(frozen=True, slots=True)
class Seen:
    """Another node signs with one of our keys: this one must not."""

    public_key: bytes
    what: str


Verdict = Watching | Clear | Seen


@dataclass(slots=True)
class Watch:
    """Observes from slot `started` for `slots` slots, at least a session.

    `newest_round` is the (set id, round) of GRANDPA that the network was in when it started, as far
    as it was known: our own votes of that round may still be gossiped.
    """

    started: int
    slots: int
    newest_round: tuple[int, int] = (0, 0)
    observed: dict[bytes, Ledger] = field(default_factory=dict)
    """Earlier signatures of our keys, as far as seen: places only."""
    seen: Seen | None = None
    """The first signature by another node."""

    def block(self, public_key: bytes, slot: int, hash: bytes) -> None:
        """Record a block with our seal that we did not make."""
        self._observe(public_key, Ledger(block=Sealed(slot, None, None)))
        if slot > self.started and self.seen is None:
            self.seen = Seen(public_key, f"block 0x{hash.hex()} for slot {slot}")

    def vote(
        self, public_key: bytes, set_id: int, round: int, stage: Stage, target_hash: bytes
    ) -> None:
        """Record a vote with our signature that we did not cast."""
        self._observe(public_key, Ledger(round=Round(set_id, round, {stage: UNKNOWN})))
        if (set_id, round) > self.newest_round and self.seen is None:
            place = Place.at(set_id, round, stage)
            self.seen = Seen(public_key, f"the {place}, for block 0x{target_hash.hex()}")

    def miss(self, slots: int) -> None:
        """Extend the watch by slots in which nothing could be received."""
        self.slots += slots

    def at(self, slot: int) -> Verdict:
        """Return the result at `slot`."""
        if self.seen is not None:
            return self.seen
        until = self.started + self.slots
        return Clear() if slot > until else Watching(until)

    def _observe(self, public_key: bytes, ledger: Ledger) -> None:
        self.observed[public_key] = maximum(self.observed.get(public_key, Ledger()), ledger)


@dataclass(slots=True)
class Standing:
    """Counts the slots for which finality has stalled at one round.

    Only slots in contact with peers count. Neighbours send the votes of a round that does not
    complete again and again, so a vote that is unknown after a session was sent to no node that is
    still here.
    """

    place: tuple[int, int, int] | None = None
    """Set, round, and the number of the last final block."""
    slots: int = 0

    def look(self, set_id: int, round: int, final: int, *, listening: bool) -> None:
        """Record the place of finality in a new slot."""
        place = (set_id, round, final)
        if place != self.place:
            self.place, self.slots = place, 0
        elif listening:
            self.slots += 1
