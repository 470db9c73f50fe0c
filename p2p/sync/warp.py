"""Warp sync: the state of a recent final block, without the blocks before it.

First the voters are followed from set to set: each block that changed them is proven final by the
previous voters (`voter_search.py`). Then the state of the last proven block is fetched in ranges;
each is verified against the state root on its own, so the next one may come from another peer, also
after a crash. Memory holds at most two ranges.
"""

from __future__ import annotations

import logging
from typing import Final

from btt_chain.lazyclass import dataclass
from btt_chain.primitives.grandpa import AuthorityList, Justification
from btt_chain.primitives.header import Header
from btt_chain.primitives.voters import AuthorityId
from btt_chain.scale import codec, u64
from p2p.network import STATE
from p2p.protocols.messages import StateAnswer, StateRequest
from p2p.sync.requests import INVALID, Peer, PendingRequest, RequestTracker
from p2p.sync.types import (
    BadRange,
    BeginState,
    BlockId,
    FinishState,
    Phase,
    Proven,
    StateFinished,
    StateRange,
    StateStored,
    StoreState,
)
from p2p.sync.voter_search import VoterSearch
from p2p.sync.warp_proof import WarpPlan

log = logging.getLogger(__name__)

STORING: Final = 2
"""Maximum number of ranges that the owner is writing."""
CODE: Final = b":code"
"""Storage key of the code, which determines the runtime of the state's next block."""
BEFORE_CODE: Final = b":cod"


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


class Warp:
    """One run of warp sync."""

    def __init__(self, tracker: RequestTracker, plan: WarpPlan, now: int) -> None:
        self._tracker = tracker
        self._plan = plan
        self.search = VoterSearch(tracker, plan, now)
        self.done = False
        self.entries = 0
        self._pending_id: int | None = None
        self._lacking: dict[str, None] = {}
        """Peers that do not have the state."""
        self._after: bytes | None = None
        self._admitted = self._complete = False
        self._storing = 0
        self._finishing = False
        if plan.resume is not None:
            self._admitted, self._after = True, plan.resume.after
            self._complete = plan.resume.complete
            self.entries = plan.resume.entries

    @property
    def phase(self) -> Phase:
        """WARP during the search for the voters, then STATE."""
        return Phase.WARP if self.search.target is None else Phase.STATE

    def step(self, now: int) -> None:
        """Request the next page or range."""
        if self.done:
            return
        if self.search.target is None:
            self.search.step(now)
            self.done = self.search.is_given_up
            if self.search.target is not None:
                self._lacking.clear()
                self._admitted = False
                self._after, self._complete, self.entries = None, False, 0
        else:
            self._step_state(self.search.target, now)

    # --- state

    def _admit(self, target: Proven, found: StateRange) -> None:
        """Begin the state if its runtime is supported; a partial one of another block is void."""
        first = found.entries[0] if found.entries else (b"", b"")
        self._plan.admit(first[1] if first[0] == CODE else None)
        self._admitted = True
        links = tuple(self.search.trail.links)
        self._tracker.out.append(BeginState(target, links, self._plan.start, self._plan.trusted))
        log.info(
            "warp sync: block %d is proven final over %d changes of voters, set %d votes after it; "
            "its state is fetched",
            target.block.number,
            len(links),
            target.set_id,
        )

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
        peers = self._tracker.followed
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
            # No peer has this state any more.
            self.search.restart(now)
        return None

    def _ranged(self, pending: PendingRequest, data: bytes, now: int) -> None:
        target = self.search.target
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
        """Process a range of the state."""
        if pending.id == self._pending_id:
            self._ranged(pending, data, now)

    def failed(self, pending: PendingRequest, now: int) -> None:
        """Note a failure: another peer is asked next time; the one that failed rests."""
        if pending.id == self._pending_id:
            self._pending_id = None

    def report(self, report: StateStored | StateFinished, now: int) -> None:
        """Process a report of the owner."""
        if isinstance(report, StateFinished):
            self.done, target = self._finishing, self.search.target
            log.info(
                "warp sync: the state of block %d is here, %d entries; the blocks below it follow",
                0 if target is None else target.block.number,
                self.entries,
            )
        elif self._storing:
            self._storing -= 1
