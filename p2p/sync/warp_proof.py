"""Warp proofs: what they prove from a trusted block on, and if it fits the slots since then."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Final, NamedTuple

from btt_chain.lazyclass import dataclass
from btt_chain.primitives.digest import H256
from btt_chain.primitives.grandpa import (
    BadAnnouncement,
    ChangeForced,
    Target,
    Verdict,
    announced,
    verify_full,
)
from btt_chain.primitives.header import Header
from btt_chain.primitives.voters import VoterSet
from p2p.protocols.messages import WarpProof
from p2p.sync.types import BlockId, Link, Proven, RangeVerifier

PEERS: Final = 3
"""Number of peers to wait for at the start, and that must agree that there is no more."""
GAIN: Final = 512
"""Number of blocks below which importing block by block is as quick."""


class BadProof(ValueError):
    """A warp proof that is invalid; the message says where it fails."""


def steps(start: Proven, proof: WarpProof) -> Iterator[Proven]:
    """Yield each block that a warp proof proves, starting from a proven one. Raises BadProof.

    Each fragment but the last must change the voters; changes take effect at once.
    """
    at = start
    for place, fragment in enumerate(proof.fragments):
        header, justification = fragment.header, fragment.justification
        block = BlockId(int(header.number), bytes(header.hash()))
        if block.number <= at.block.number:
            raise BadProof(f"block {block.number} does not follow block {at.block.number}")
        try:
            voters = VoterSet(at.authorities)
            change = announced(header.digest.logs)
        except (BadAnnouncement, ValueError) as error:
            raise BadProof(f"block {block.number}: {error}") from error
        target = Target(H256(block.hash), block.number)
        verdict = verify_full(justification, at.set_id, voters, target)
        if verdict is not Verdict.ACCEPTED:
            raise BadProof(f"the proof of block {block.number} is refused: {verdict}")
        set_id, authorities = at.set_id, at.authorities
        if change is None:
            if place != len(proof.fragments) - 1 or not proof.is_finished:
                raise BadProof(f"block {block.number} in the middle changes no voters")
        elif isinstance(change, ChangeForced) or change.change.delay:
            raise BadProof(f"block {block.number} changes the voters at another height")
        else:
            set_id += 1
            authorities = tuple(
                (who, int(weight)) for who, weight in change.change.next_authorities
            )
        at = Proven(block, header, justification, set_id, authorities)
        yield at


def follow(start: Proven, proof: WarpProof) -> Proven:
    """Return the last block that a warp proof proves, starting from a proven one. Raises BadProof.

    The start itself if the proof is empty.
    """
    return [start, *steps(start, proof)][-1]


def links(start: Proven, trail: Sequence[Proven]) -> list[Link]:
    """Return the changes of voters in a chain of proven blocks."""
    found: list[Link] = []
    at = start
    for step in trail:
        if step.set_id != at.set_id and step.justification is not None:
            found.append(Link(at.set_id, step.block, step.justification))
        at = step
    return found


class Trail:
    """A chain of proven blocks above a trusted one, each with the peer that proved it."""

    def __init__(self, base: Proven) -> None:
        self.base: Final = base
        self.steps: list[Proven] = []
        self.provers: list[str] = []

    @property
    def last(self) -> Proven:
        """The highest proven block; the base if there is none."""
        return self.steps[-1] if self.steps else self.base

    @property
    def links(self) -> list[Link]:
        """The changes of voters above the base."""
        return links(self.base, self.steps)

    def add(self, steps: Sequence[Proven], prover: str) -> None:
        """Continue the chain."""
        self.steps += steps
        self.provers += [prover] * len(steps)

    def clear(self) -> None:
        """Go back to the base."""
        self.steps, self.provers = [], []

    def first_from(self, number: int) -> tuple[Proven, str] | None:
        """Return the lowest proven block from a height on, and its prover; None if none is."""
        pairs = zip(self.steps, self.provers, strict=True)
        return next((pair for pair in pairs if pair[0].block.number >= number), None)


class SlotClock(NamedTuple):
    """The slots of the chain."""

    slot_of: Callable[[Header], int | None]
    """Return the slot that a header claims; None if it claims none."""
    latest: Callable[[], int]
    """Return the last slot of which blocks are accepted at this time."""


def check_slots(slots: SlotClock, base: Header, trail: Sequence[Proven]) -> Proven | None:
    """Return the first block whose slot lies ahead of the clock, None if there is none.

    Raises BadProof for one that is higher than its slots since `base` allow.
    """
    begun = slots.slot_of(base) or 0
    for step in trail:
        slot = None if step.header is None else slots.slot_of(step.header)
        if slot is None:
            raise BadProof(f"block {step.block.number} claims no slot")
        if slot > slots.latest():
            return step
        if step.block.number - int(base.number) > slot - begun:
            raise BadProof(
                f"block {step.block.number} has slot {slot}, block {base.number} slot {begun}: "
                "there are not so many slots between them"
            )
    return None


@dataclass(frozen=True, slots=True)
class Resume:
    """A state that was being fetched when the node stopped."""

    proven: Proven
    after: bytes | None
    """Last key written."""
    entries: int
    complete: bool = False
    """True if there is no more to fetch."""


@dataclass(frozen=True, slots=True)
class WarpPlan:
    """Parameters of warp sync."""

    start: Proven
    """The block to begin at, and its voters: genesis, the last block that this node has finalized,
    or a checkpoint."""
    verify_range: RangeVerifier
    resume: Resume | None = None
    peers: int = PEERS
    gain: int = GAIN
    admit: Callable[[bytes | None], None] = lambda _: None
    """Called with the state's value of CODE before the state is fetched; raises an error that ends
    the node if blocks under that runtime cannot be executed here."""
    trusted: BlockId | None = None
    """A block that every proven chain must have."""
    slots: SlotClock | None = None
    """None: heights and slots are not checked."""
