"""The search for the voters of now: proofs from set to set, and what a newcomer can check of them.

It begins at a block that is trusted: genesis, our last final block, or the checkpoint of the
specification. Keys whose bonds were withdrawn can sign another past at no cost, and no signature
distinguishes the two. So a proof must fit the clock and the slots since the start; it must lead to
the trusted block, if there is one; and other peers must not prove another chain.

    extending  pages of proofs are followed, each from the last proven block
    checking   the headers from the next proven block down to the trusted one are fetched
    comparing  other peers are asked whether this is their chain
    found      `target` is the block whose state is fetched

A proof that is false by itself costs its sender. One that only contradicts what another peer
proved does not: the other one may have lied.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Container, Sequence
from typing import Final, NamedTuple

from btt_chain.primitives.header import Header
from p2p.network import BLOCKS, REFUSED, WARP
from p2p.protocols.messages import (
    HEADER,
    MAX_BLOCKS,
    BlockAnswer,
    BlockData,
    BlockRequest,
    Direction,
    WarpProof,
    WarpRequest,
)
from p2p.sync.fork_sync import read_header
from p2p.sync.requests import INVALID, LIE, QUICK_MS, Peer, PendingRequest, RequestTracker
from p2p.sync.types import BlockId, Link, Proven
from p2p.sync.warp_proof import BadProof, Trail, WarpPlan, check_slots, links, steps

log = logging.getLogger(__name__)

WITNESSES: Final = 8
"""Maximum number of peers that are asked whether a proven chain is theirs."""
WAIT_MS: Final = 10_000
"""Time to wait for them."""
PATIENCE_MS: Final = 30_000
"""Time after which warp sync is given up if no peer proves a block that is high enough."""
SETTLE_MS: Final = 2_000
"""Time to wait for a peer with a long chain, once a peer with a short one is connected."""
CONFLICT_MS: Final = 30_000
"""Pause after two chains were proven: the false one may be gone then."""
RETRY_MS: Final = 2_000
"""Wait before a new search; doubled each time."""
NOT_TRUSTED: Final = "it proves a chain without the trusted block"


class _Question(NamedTuple):
    """The request in flight."""

    id: int
    on_answer: Callable[[Peer, PendingRequest, bytes, int], None]
    on_failure: Callable[[PendingRequest, int], None]


MAX_WAY: Final = 1 << 19
"""Maximum number of headers of a way: 36 days of slots of 6 s."""


class BadAnswer(ValueError):
    """The headers are not those that were asked for."""


class TrustedWay:
    """The way from a proven block down to a trusted one: header by header, by hash, in pages.

    Any peer may serve a page, because each header is determined by its hash. One page is in memory.
    `is_done` at its end, `why` is set if the trusted block is not on it.
    """

    def __init__(self, top: BlockId, trusted: BlockId) -> None:
        self.trusted: Final = trusted
        self.lacking: dict[str, None] = {}
        """Peers that did not have the next headers."""
        self.why: str | None = None
        """The reason for which the chain is not the trusted one; None so far."""
        self._at = top
        """The lowest block whose hash is known."""
        if top.number - trusted.number > MAX_WAY:
            self.why = (
                f"it lies {top.number - trusted.number} blocks above the trusted block "
                f"{trusted.number}, and at most {MAX_WAY} headers are checked. If this is the real "
                "chain, give a later block with --trusted-block"
            )
        self._compare()

    def _compare(self) -> None:
        if self._at.number == self.trusted.number and self._at.hash != self.trusted.hash:
            self.why = (
                f"its block {self._at.number} is 0x{self._at.hash.hex()}, not the trusted "
                f"0x{self.trusted.hash.hex()}. If every peer has it, check --trusted-block"
            )

    @property
    def is_done(self) -> bool:
        """True if the trusted block was reached."""
        return self._at == self.trusted

    def request(self) -> BlockRequest:
        """Return the request for the next headers down."""
        count = min(MAX_BLOCKS, self._at.number - self.trusted.number)
        return BlockRequest(self._at.hash, Direction.DESCENDING, count, HEADER)

    def take(self, blocks: Sequence[BlockData]) -> None:
        """Take the next headers. Raises BadAnswer; those before the wrong one are taken."""
        if len(blocks) > self.request().limit:
            raise BadAnswer("more headers than asked for")
        for block in blocks:
            header = read_header(block, self._at.hash)
            if isinstance(header, str):
                raise BadAnswer(header)
            if int(header.number) != self._at.number:
                self.why = f"block {self._at.number} stands on it at another height"
                return
            self._at = BlockId(self._at.number - 1, bytes(header.parent_hash))
        self._compare()


class VoterSearch:
    """One search at a time; `restart` begins the next one."""

    def __init__(self, tracker: RequestTracker, plan: WarpPlan, now: int) -> None:
        self._tracker = tracker
        self._plan = plan
        self.trail = Trail(plan.start if plan.resume is None else plan.resume.proven)
        """The blocks proven so far."""
        self.target = None if plan.resume is None else plan.resume.proven
        """The block whose state is fetched; None during the search."""
        self.is_given_up = False
        self._first: dict[str, Header | None] = {}
        """Each peer's block 1, of which the slots are counted from genesis; None: it has none."""
        self._false: dict[bytes, None] = {}
        """Proven blocks whose chain does not have the trusted block."""
        self._question: _Question | None = None
        self._met: int | None = None
        """Time at which the first peer was connected."""
        self._rounds = self._not_before = 0
        self._begin(now)

    def _begin(self, now: int) -> None:
        self._begun = now
        self._without_more: dict[str, None] = {}
        """Peers that had nothing beyond the last proven block."""
        self._compared: dict[str, None] = {}
        """Peers that were compared with the proven chain."""
        self._doubted: dict[str, Proven] = {}
        """Peers without the proven chain, and the last block of theirs that was compared."""
        self._way: TrustedWay | None = None
        """The way down to the trusted block; None before the check."""
        self._is_checked = False

    def restart(self, now: int) -> None:
        """Prove a later block: no peer has the state of this one any more."""
        is_checked, self.target = self._is_checked, None
        self._begin(now)
        self._is_checked = is_checked
        self._wait(now)

    def _discard(self, now: int) -> None:
        """Begin again at the base."""
        self.trail.clear()
        self._begin(now)

    def _wait(self, now: int) -> None:
        self._rounds += 1
        self._not_before = now + self._tracker.backoff(RETRY_MS, self._rounds)

    @property
    def _worth(self) -> int:
        """Height from which on a state is worth fetching."""
        return self._tracker.chain.best().number + self._plan.gain

    def step(self, now: int) -> None:
        """Ask the next question."""
        peers = self._tracker.peers
        if self._question is not None or not peers or self._not_before > now:
            return
        if self._met is None:
            self._met = now
        highest = max(peer.final.number for peer in peers.values())
        if self.trail.last is self._plan.start and highest < self._worth:
            # No peer even claims enough, and a liar would claim more rather than less.
            if len(peers) >= self._plan.peers or now - self._met >= SETTLE_MS:
                self._give_up(highest)
            return
        if len(peers) < self._plan.peers and now - self._begun < WAIT_MS:
            return
        if not (self._extend(now) or self._check(now) or self._compare(now)):
            self._choose(now)

    def _choose(self, now: int) -> None:
        proven, trusted = self.trail.last, self._plan.trusted
        is_below = trusted is not None and proven.block.number < trusted.number
        if proven.justification is None or proven.block.number < self._worth or is_below:
            if len(self._without_more) < self._plan.peers and now - self._begun < PATIENCE_MS:
                return  # the first peers to connect may not be representative
            if len(self._tracker.followed) < len(self._tracker.peers):
                return  # block by block, a false chain would be found out only at the trusted block
            self._give_up(proven.block.number)
            return
        self.target = proven

    def _give_up(self, final: int) -> None:
        """End without warp sync: importing block by block is as quick."""
        self.is_given_up = True
        log.info(
            "no warp sync: the last final block is %d, and below %d the chain itself is as quick",
            final,
            max(self._worth, 0 if self._plan.trusted is None else self._plan.trusted.number),
        )

    # --- extending

    def _extend(self, now: int) -> bool:
        """Return True if there may be more: a page is asked for, or a peer awaited."""
        number = self.trail.last.block.number
        without = self._without_more.keys() | {p for p, first in self._first.items() if not first}
        able = [peer for peer in self._others(without) if peer.final.number > number]
        if not able or len(self._without_more) >= self._plan.peers:
            return False
        peer = self._free(able, now)
        if peer is None:
            return not self._without_more and now - self._begun < 6 * WAIT_MS
        if not self._ask_first(peer, now):
            self._ask_page(peer, self.trail.last, self._on_page, self._on_no_page, now)
        return True

    def _others(self, without: Container[str]) -> list[Peer]:
        """Return the peers that may have our chain, without some."""
        return [peer for peer in self._tracker.followed if peer.name not in without]

    def _free(self, peers: Sequence[Peer], now: int) -> Peer | None:
        """Return a peer that may be asked; the height that it claims does not matter."""
        free = [peer for peer in peers if self._tracker.is_free(peer, now)]
        rng = self._tracker.rng.random
        return min(free, key=lambda peer: (peer.faults, rng())) if free else None

    def _ask_page(
        self,
        peer: Peer,
        begin: Proven,
        on_answer: Callable[[Peer, PendingRequest, bytes, int], None],
        on_failure: Callable[[PendingRequest, int], None],
        now: int,
        patience: int = 0,
    ) -> None:
        request = WarpRequest(begin.block.hash).encode()
        pending = self._tracker.ask(self, peer, WARP, request, now, patience)
        self._question = _Question(pending.id, on_answer, on_failure)

    def _on_page(self, peer: Peer, pending: PendingRequest, data: bytes, now: int) -> None:
        proof = WarpProof.decode(data)
        # What others proved may be false: then an honest proof does not follow from it.
        is_own = set(self.trail.provers) <= {peer.name}
        found = self._read(peer, self.trail.last, proof, now, is_own=is_own)
        if found is None:
            self._without_more[peer.name] = None
            return
        self._tracker.note_delivery(pending, len(found), now)
        if found:
            self.trail.add(found, peer.name)
            self._without_more.clear()
            self._compared.clear()
        self._compared[peer.name] = None
        if proof.is_finished or not found:
            self._without_more[peer.name] = None

    def _on_no_page(self, pending: PendingRequest, now: int) -> None:
        """Note that a peer gave no page: others are asked, it rests."""
        if pending.why == REFUSED and self.trail.steps:
            self._without_more[pending.peer] = None  # it may not have the proven block

    def _read(
        self, peer: Peer, begin: Proven, proof: WarpProof, now: int, *, is_own: bool
    ) -> list[Proven] | None:
        """Return the blocks that a proof proves; None if it is refused.

        `is_own`: the proof begins at a trusted block, or at one that this peer proved, so it is the
        peer's fault if it does not follow.
        """
        try:
            found = list(steps(begin, proof))
            base, slots = self.trail.base.header or self._first.get(peer.name), self._plan.slots
            early = None if slots is None or base is None else check_slots(slots, base, found)
        except BadProof as error:
            if is_own:
                self._tracker.blame(peer.name, INVALID, f"a bad warp proof: {error}", now)
            else:
                log.info("warp sync: %s contradicts another peer: %s", peer.name, error)
                self._tracker.pass_over(peer.name, now)
            return None
        if early is not None:
            log.warning(
                "warp sync: a proof of block %d is refused, because its slot lies ahead of the "
                "clock: check this machine's clock",
                early.block.number,
            )
            self._tracker.pass_over(peer.name, now)
            return None
        if any(step.block.hash in self._false for step in found):
            self._tracker.set_apart(peer.name, NOT_TRUSTED)
            return None
        return found

    # --- the first block, of which slots are counted

    def _ask_first(self, peer: Peer, now: int) -> bool:
        """Return True if the peer's block 1 is needed first: it is asked for."""
        is_counted = self._plan.slots is not None and self.trail.base.header is None
        if not is_counted or peer.name in self._first:
            return False
        request = BlockRequest(1, Direction.ASCENDING, 1, HEADER)
        pending = self._tracker.ask(self, peer, BLOCKS, request.encode(), now)
        self._question = _Question(pending.id, self._on_first, self._on_no_first)
        return True

    def _on_first(self, peer: Peer, pending: PendingRequest, data: bytes, now: int) -> None:
        blocks = BlockAnswer.decode(data).blocks
        header = read_header(blocks[0], None) if blocks else None
        follows = isinstance(header, Header) and header.parent_hash == self.trail.base.block.hash
        if isinstance(header, Header) and header.number == 1 and follows:
            self._first[peer.name] = header
            return
        self._first[peer.name] = None
        if header is not None:
            self._tracker.blame(peer.name, LIE, "not the block 1 of this genesis", now)

    def _on_no_first(self, pending: PendingRequest, now: int) -> None:
        if not pending.excused:
            self._first[pending.peer] = None

    # --- checking

    def _check(self, now: int) -> bool:
        """Return True if the proven chain is still to be checked against the trusted block."""
        trusted, way = self._plan.trusted, self._way
        if trusted is None or self._is_checked or trusted.number <= self.trail.base.block.number:
            return False
        above = self.trail.first_from(trusted.number)
        if above is None:
            return False
        (step, prover), way = above, way or TrustedWay(above[0].block, trusted)
        self._way = way
        if way.why is not None:
            log.error("warp sync: the chain of block %d is refused: %s", step.block.number, way.why)
            self._false[step.block.hash] = None
            self._tracker.set_apart(prover, NOT_TRUSTED)
            self._discard(now)
        elif way.is_done:
            self._is_checked = True
            log.info("warp sync: the proven chain has the trusted block %d", trusted.number)
        else:
            self._ask_headers(way, prover, now)
        return True

    def _ask_headers(self, way: TrustedWay, prover: str, now: int) -> None:
        peers = self._others(way.lacking)
        if not peers:
            log.warning(
                "warp sync: no peer has the headers between a proven block and the trusted block "
                "%d; the search begins again", way.trusted.number,
            )  # fmt: skip
            self._tracker.pass_over(prover, now)
            self._discard(now)
            self._wait(now)
            return
        peer = self._free(peers, now)
        if peer is not None:
            pending = self._tracker.ask(self, peer, BLOCKS, way.request().encode(), now)
            self._question = _Question(pending.id, self._on_headers, self._on_no_headers)

    def _on_headers(self, peer: Peer, pending: PendingRequest, data: bytes, now: int) -> None:
        blocks, way = BlockAnswer.decode(data).blocks, self._way
        if way is None:
            return
        try:
            way.take(blocks)
        except BadAnswer as error:
            self._tracker.blame(peer.name, LIE, str(error), now)
        if blocks:
            way.lacking.clear()
            self._tracker.note_delivery(pending, len(blocks), now)
        else:
            way.lacking[peer.name] = None

    def _on_no_headers(self, pending: PendingRequest, now: int) -> None:
        if self._way is not None and not pending.excused:
            self._way.lacking[pending.peer] = None

    # --- comparing

    def _compare(self, now: int) -> bool:
        """Return True if a peer is still to be asked whether the proven chain is its own."""
        if not self.trail.steps or len(self._compared) >= WITNESSES:
            return False
        peer = self._free(peers := self._others(self._compared), now)
        if peer is None:
            return bool(peers) and now - self._begun < 6 * WAIT_MS
        if self._ask_first(peer, now):
            return True
        below = [step for step in self.trail.steps if step.block.number <= peer.final.number]
        if below and peer.name not in self._doubted:
            self._ask_page(peer, below[-1], self._on_agreed, self._on_doubt, now, QUICK_MS)
        else:
            begin = self._doubted.setdefault(peer.name, self.trail.base)
            self._ask_page(peer, begin, self._on_other, self._on_doubt, now)
        return True

    def _on_agreed(self, peer: Peer, pending: PendingRequest, data: bytes, now: int) -> None:
        """Note that a peer has the proven block: only then it answers."""
        self._compared[peer.name] = None

    def _on_doubt(self, pending: PendingRequest, now: int) -> None:
        """Compare from the base on if a peer refused: it may have another chain."""
        if pending.why == REFUSED and pending.peer not in self._doubted:
            self._doubted[pending.peer] = self.trail.base
        elif not pending.excused:
            self._compared[pending.peer] = None

    def _on_other(self, peer: Peer, pending: PendingRequest, data: bytes, now: int) -> None:
        proof, begin = WarpProof.decode(data), self._doubted[peer.name]
        found = self._read(peer, begin, proof, now, is_own=True)
        ours = {link.set_id: link.block for link in self.trail.links}
        for link in links(begin, found or ()):
            block = ours.get(link.set_id, link.block)
            if block != link.block:
                self._compared[peer.name] = None
                self._on_conflict(peer, link, block, now)
                return
        if found and not proof.is_finished:
            self._doubted[peer.name] = found[-1]
        else:
            self._compared[peer.name] = None

    def _on_conflict(self, peer: Peer, theirs: Link, ours: BlockId, now: int) -> None:
        """Process two proofs of which one is false: keys of withdrawn validators made it."""
        trusted = self._plan.trusted
        lowest = min(theirs.block.number, ours.number)
        if self._is_checked and trusted is not None and lowest <= trusted.number:
            self._tracker.set_apart(peer.name, NOT_TRUSTED)  # ours has the trusted block
            return
        log.error(
            "warp sync stops: peers prove two chains. Set %d of voters ended with block %d (0x%s) "
            "on one and with block %d (0x%s) on the other, so keys of former validators were used "
            "to forge one. Begin at a block that you trust: a specification with a checkpoint, or "
            "--trusted-block HEIGHT:HASH (docs/security.md)",
            theirs.set_id, ours.number, ours.hash.hex(), theirs.block.number,
            theirs.block.hash.hex(),
        )  # fmt: skip
        self._discard(now)
        self._not_before = now + CONFLICT_MS

    # --- answers

    def answered(self, pending: PendingRequest, data: bytes, now: int) -> None:
        """Process an answer. Raises DecodeError; then `failed` is called."""
        question, peer = self._question, self._tracker.peers.get(pending.peer)
        if question is None or question.id != pending.id or peer is None:
            return
        question.on_answer(peer, pending, data, now)
        self._question = None

    def failed(self, pending: PendingRequest, now: int) -> None:
        """Process a failure of a request."""
        question = self._question
        if question is not None and question.id == pending.id:
            self._question = None
            question.on_failure(pending, now)
