"""Warp sync: the state of a recent final block, without the blocks before it.

First the voters are followed from set to set: each block that changed them is proven final by the
previous voters (`follow`), so from genesis on nothing is trusted. Then the state of the last proven
block is fetched in ranges; each is verified against the state root on its own, so the next one may
come from another peer, also after a crash. Memory holds at most two ranges.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Final

from btt_chain.lazyclass import dataclass
from btt_chain.primitives.digest import H256
from btt_chain.primitives.grandpa import (
    AuthorityId,
    AuthorityList,
    BadAnnouncement,
    ChangeForced,
    Justification,
    Target,
    Verdict,
    VoterSet,
    announced,
    verify_strict,
)
from btt_chain.primitives.header import Header
from btt_chain.scale import codec, u64
from p2p.network import STATE, WARP
from p2p.protocols.messages import StateAnswer, StateRequest, WarpProof, WarpRequest
from p2p.sync.requests import INVALID, Peer, PendingRequest, RequestTracker
from p2p.sync.types import (
    BadRange,
    BeginState,
    BlockId,
    FinishState,
    Link,
    Phase,
    Proven,
    RangeVerifier,
    StateFinished,
    StateRange,
    StateStored,
    StoreState,
)

log = logging.getLogger(__name__)

PEERS: Final = 3
"""Number of peers to wait for at the start, and that must agree that there is no more."""
WAIT_MS: Final = 10_000
"""Time to wait for them."""
PATIENCE_MS: Final = 30_000
"""Time after which warp sync is given up if no peer proves a block that is high enough."""
SETTLE_MS: Final = 2_000
"""Time to wait for a peer with a long chain, once a peer with a short one is connected."""
GAIN: Final = 512
"""Number of blocks below which importing block by block is as quick."""
RETRY_MS: Final = 2_000
"""Wait before a later block is requested, if no peer has the state; doubled each time."""
STORING: Final = 2
"""Maximum number of ranges that the owner is writing."""
CODE: Final = b":code"
"""Storage key of the code, which determines the runtime of the state's next block."""
BEFORE_CODE: Final = b":cod"


class BadProof(ValueError):
    """A warp proof that is invalid; the message says where it fails."""


def links(set_id: int, proof: WarpProof) -> list[Link]:
    """Return the changes of voters in a valid proof, the first of which ends set `set_id`."""
    found: list[Link] = []
    for fragment in proof.fragments:
        header = fragment.header
        if announced(header.digest.logs) is not None:
            block = BlockId(int(header.number), bytes(header.hash()))
            found.append(Link(set_id + len(found), block, fragment.justification))
    return found


def follow(start: Proven, proof: WarpProof) -> Proven:
    """Return the last block that a warp proof proves, starting from a proven one. Raises BadProof.

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
        verdict = verify_strict(justification, at.set_id, voters, target)
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
    return at


@dataclass(slots=True)
class _Stored:
    header: Header
    justification: Justification
    set_id: u64
    authorities: AuthorityList


_STORED: Final = codec(_Stored)


def encode_proven(proven: Proven) -> bytes:
    """Return a proven block as bytes, to be stored. Raises ValueError for the start."""
    if proven.header is None or proven.justification is None:
        raise ValueError("nothing is proven yet")
    authorities: list[tuple[AuthorityId, u64]] = [(who, u64(w)) for who, w in proven.authorities]
    return _STORED.encode(
        _Stored(proven.header, proven.justification, u64(proven.set_id), authorities)
    )


def decode_proven(raw: bytes) -> Proven:
    """Decode a proven block. Raises DecodeError."""
    found = _STORED.decode_all(raw)
    header = found.header
    return Proven(
        BlockId(int(header.number), bytes(header.hash())),
        header,
        found.justification,
        int(found.set_id),
        tuple((who, int(weight)) for who, weight in found.authorities),
    )


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
    """Genesis and its voters, or the last block that this node has finalized."""
    verify_range: RangeVerifier
    resume: Resume | None = None
    peers: int = PEERS
    gain: int = GAIN
    admit: Callable[[bytes | None], None] = lambda _: None
    """Called with the state's value of CODE before the state is fetched; raises an error that ends
    the node if blocks under that runtime cannot be executed here."""


class Warp:
    """One run of warp sync."""

    def __init__(self, tracker: RequestTracker, plan: WarpPlan, now: int) -> None:
        self._tracker = tracker
        self._plan = plan
        self._begun = now
        self.phase = Phase.WARP
        self.done = False
        self.entries = 0
        self._proven = plan.start
        self._links: list[Link] = []
        """Changes of voters between the start and the last proven block."""
        self._target: Proven | None = None
        self._pending_id: int | None = None
        self._without_more: dict[str, None] = {}
        """Peers that had nothing beyond the last proven block."""
        self._lacking: dict[str, None] = {}
        """Peers that do not have the state."""
        self._after: bytes | None = None
        self._admitted = self._complete = False
        self._storing = 0
        self._finishing = False
        self._rounds = self._not_before = 0
        self._met: int | None = None
        """Time at which the first peer was connected."""
        if plan.resume is not None:
            self.phase = Phase.STATE
            self._proven = self._target = plan.resume.proven
            self._admitted, self._after = True, plan.resume.after
            self._complete = plan.resume.complete
            self.entries = plan.resume.entries

    def step(self, now: int) -> None:
        """Request the next page or range."""
        if self.done:
            return
        if self._target is None:
            self._step_warp(now)
        else:
            self._step_state(self._target, now)

    # --- voters

    def _step_warp(self, now: int) -> None:
        peers = self._tracker.peers
        if self._pending_id is not None or not peers or self._not_before > now:
            return
        if self._met is None:
            self._met = now
        highest = max(peer.final.number for peer in peers.values())
        if self._proven is self._plan.start and highest < self._worth:
            # No peer even claims enough, and a liar would claim more rather than less.
            if len(peers) >= self._plan.peers or now - self._met >= SETTLE_MS:
                self._leave_out(highest)
            return
        if len(peers) < self._plan.peers and now - self._begun < WAIT_MS:
            return
        number = self._proven.block.number
        able = [
            peer
            for peer in peers.values()
            if peer.final.number > number and peer.name not in self._without_more
        ]
        if len(self._without_more) < self._plan.peers and able:
            free = [peer for peer in able if self._tracker.is_free(peer, now)]
            if free:
                rng = self._tracker.rng.random
                peer = min(free, key=lambda p: (p.faults, -p.final.number, rng()))
                request = WarpRequest(self._proven.block.hash)
                self._pending_id = self._tracker.ask(self, peer, WARP, request.encode(), now).id
                return
            if not self._without_more and now - self._begun < 6 * WAIT_MS:
                return
        if number < self._worth:
            if len(self._without_more) < self._plan.peers and now - self._begun < PATIENCE_MS:
                return  # the first peers to connect may not be representative
            self._leave_out(number)
            return
        self._target = self._proven
        self.phase = Phase.STATE
        self._lacking.clear()
        self._admitted = False
        self._after, self._complete, self.entries = None, False, 0

    def _admit(self, target: Proven, found: StateRange) -> None:
        """Begin the state if its runtime is supported; a partial one of another block is void."""
        first = found.entries[0] if found.entries else (b"", b"")
        self._plan.admit(first[1] if first[0] == CODE else None)
        self._admitted = True
        self._tracker.out.append(BeginState(target, tuple(self._links)))
        log.info(
            "warp sync: block %d is proven final over %d changes of voters, set %d votes after it; "
            "its state is fetched",
            target.block.number,
            len(self._links),
            target.set_id,
        )

    @property
    def _worth(self) -> int:
        """Height from which on a state is worth fetching."""
        return self._tracker.chain.best().number + self._plan.gain

    def _leave_out(self, final: int) -> None:
        """End without warp sync: importing block by block is as quick."""
        self.done = True
        log.info(
            "no warp sync: the last final block is %d, and below %d the chain itself is as quick",
            final,
            self._worth,
        )

    def _warped(self, pending: PendingRequest, data: bytes, now: int) -> None:
        proof = WarpProof.decode(data)
        self._pending_id = None
        try:
            proven = follow(self._proven, proof)
        except BadProof as error:
            self._tracker.blame(pending.peer, INVALID, f"a bad warp proof: {error}", now)
            self._without_more[pending.peer] = None
            return
        self._tracker.note_delivery(pending, len(proof.fragments), now)
        if proven.block.number > self._proven.block.number:
            self._links += links(self._proven.set_id, proof)
            self._proven = proven
            self._without_more.clear()
        if proof.is_finished or not proof.fragments:
            self._without_more[pending.peer] = None

    # --- state

    def _step_state(self, target: Proven, now: int) -> None:
        if self._complete:
            if not self._storing and not self._finishing:
                self._finishing = True
                self._tracker.out.append(FinishState(target))
            return
        if self._pending_id is not None or self._storing >= STORING:
            return
        peer = self._holder(target, now)
        if peer is not None:
            after = self._after if self._admitted else BEFORE_CODE
            request = StateRequest(target.block.hash, after)
            self._pending_id = self._tracker.ask(self, peer, STATE, request.encode(), now).id

    def _holder(self, target: Proven, now: int) -> Peer | None:
        peers = self._tracker.peers.values()
        if not peers:
            return None
        able = [
            peer
            for peer in peers
            if peer.final.number >= target.block.number and peer.name not in self._lacking
        ]
        free = [peer for peer in able if self._tracker.is_free(peer, now)]
        if free:
            rng = self._tracker.rng.random
            # One peer as long as it delivers: it has what it has just read in memory.
            return min(free, key=lambda p: (p.faults, p.pace == 0, p.pace, rng()))
        if not able and self._lacking and not self._storing:
            # No peer has this state any more: prove a later block and start again.
            self._target = None
            self.phase = Phase.WARP
            self._without_more.clear()
            self._begun = now
            self._rounds += 1
            self._not_before = now + self._tracker.backoff(RETRY_MS, self._rounds)
        return None

    def _ranged(self, pending: PendingRequest, data: bytes, now: int) -> None:
        target = self._target
        if target is None or target.header is None:
            return
        answer = StateAnswer.decode(data)
        self._pending_id = None
        if not answer.nodes:
            self._lacking[pending.peer] = None
            return
        root = bytes(target.header.state_root)
        after = self._after if self._admitted else BEFORE_CODE
        try:
            found = self._plan.verify_range(root, after, answer.nodes, answer.last)
        except BadRange as error:
            self._tracker.blame(pending.peer, INVALID, f"a bad range of the state: {error}", now)
            self._lacking[pending.peer] = None
            return
        self._tracker.note_delivery(pending, max(1, len(found.entries)), now)
        if not self._admitted:
            self._admit(target, found)
            return
        self.entries += len(found.entries)
        self._after, self._complete = answer.last, found.complete
        self._storing += 1
        self._tracker.out.append(StoreState(target.block, found))

    # --- answers

    def answered(self, pending: PendingRequest, data: bytes, now: int) -> None:
        """Process a page or a range."""
        if pending.id != self._pending_id:
            return
        if self._target is None:
            self._warped(pending, data, now)
        else:
            self._ranged(pending, data, now)

    def failed(self, pending: PendingRequest, now: int) -> None:
        """Note a failure: another peer is asked next time; the one that failed rests."""
        if pending.id == self._pending_id:
            self._pending_id = None

    def report(self, report: StateStored | StateFinished, now: int) -> None:
        """Process a report of the owner."""
        if isinstance(report, StateFinished):
            self.done = self._finishing
            log.info(
                "warp sync: the state of block %d is here, %d entries; the blocks below it follow",
                self._proven.block.number,
                self.entries,
            )
        elif self._storing:
            self._storing -= 1
