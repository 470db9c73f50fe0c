"""The search for the voters of now: proofs from set to set, and what a newcomer can check of them.

It begins at a block that is trusted: genesis, our last final block, or the checkpoint of the
specification. Keys whose bonds were withdrawn can sign another past at no cost, and no signature
tells the two apart. So a proof must fit the clock and the slots since the start; it must lead to the
trusted block, if there is one; and other peers must not prove another chain.

    extending  pages of proofs are followed, each from the last proven block
    checking   the headers from the next proven block down to the trusted one are fetched
    comparing  other peers are asked whether this is their chain
    found      `target` is the block whose state is fetched

A proof that is false by itself costs its sender. One that only contradicts what another peer
proved does not: the other one may have lied.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from typing import Final, NamedTuple

from btt_chain.lazyclass import dataclass
from btt_chain.primitives.digest import H256
from btt_chain.primitives.grandpa import (
    BadAnnouncement,
    ChangeForced,
    Target,
    Verdict,
    VoterSet,
    announced,
    verify_strict,
)
from btt_chain.primitives.header import Header
from p2p.network import BLOCKS, REFUSED, WARP
from p2p.protocols.messages import (
    HEADER,
    MAX_BLOCKS,
    BlockAnswer,
    BlockRequest,
    Direction,
    WarpProof,
    WarpRequest,
)
from p2p.sync.fork_sync import read_header
from p2p.sync.requests import INVALID, LIE, QUICK_MS, Peer, PendingRequest, RequestTracker
from p2p.sync.types import BlockId, Link, Proven, RangeVerifier

log = logging.getLogger(__name__)

PEERS: Final = 3
"""Number of peers to wait for at the start, and that must agree that there is no more."""
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
GAIN: Final = 512
"""Number of blocks below which importing block by block is as quick."""
MAX_WAY: Final = 1 << 19
"""Maximum number of headers from a proven block down to the trusted one: 36 days of 6 s."""


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


class SlotClock(NamedTuple):
    """The slots of the chain."""

    slot_of: Callable[[Header], int | None]
    """Return the slot that a header claims; None if it claims none."""
    latest: Callable[[], int]
    """Return the last slot of which blocks are accepted at this time."""


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


class _Question(NamedTuple):
    """The request in flight."""

    id: int
    on_answer: Callable[[Peer, PendingRequest, bytes, int], None]
    on_failure: Callable[[PendingRequest, int], None]


class VoterSearch:
    """One search at a time; `restart` begins the next one."""

    def __init__(self, tracker: RequestTracker, plan: WarpPlan, now: int) -> None:
        self._tracker = tracker
        self._plan = plan
        self._base = plan.start if plan.resume is None else plan.resume.proven
        self.target = None if plan.resume is None else plan.resume.proven
        """The block whose state is fetched; None during the search."""
        self.is_given_up = False
        self._trail: list[Proven] = []
        """The proven blocks above the base."""
        self._provers: list[str] = []
        """The peer that proved each of them."""
        self._first: dict[str, Header] = {}
        """Each peer's block 1, of which the slots are counted from genesis."""
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
        self._heard: dict[str, None] = {}
        """Peers that were compared with the proven chain."""
        self._doubted: dict[str, Proven] = {}
        """Peers without the proven chain, and the last block of theirs that was compared."""
        self._way: BlockId | None = None
        """The lowest block known on the way down to the trusted one; None before the check."""
        self._is_checked = False
        self._wayless: dict[str, None] = {}
        """Peers that did not have the next headers of that way."""

    def restart(self, now: int) -> None:
        """Prove a later block: no peer has the state of this one any more."""
        is_checked = self._is_checked
        self.target = None
        self._begin(now)
        self._is_checked = is_checked
        self._wait(RETRY_MS, now)

    def _discard(self, now: int) -> None:
        """Begin again at the base."""
        self._trail, self._provers = [], []
        self._begin(now)

    def _wait(self, first: int, now: int) -> None:
        self._rounds += 1
        self._not_before = now + self._tracker.backoff(first, self._rounds)

    @property
    def proven(self) -> Proven:
        """The last proven block."""
        return self._trail[-1] if self._trail else self._base

    @property
    def links(self) -> list[Link]:
        """The changes of voters between the base and the last proven block."""
        return links(self._base, self._trail)

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
        if self.proven is self._plan.start and highest < self._worth:
            # No peer even claims enough, and a liar would claim more rather than less.
            if len(peers) >= self._plan.peers or now - self._met >= SETTLE_MS:
                self._give_up(highest)
            return
        if len(peers) < self._plan.peers and now - self._begun < WAIT_MS:
            return
        if not (self._extend(now) or self._check(now) or self._compare(now)):
            self._choose(now)

    def _choose(self, now: int) -> None:
        proven, trusted = self.proven, self._plan.trusted
        is_below = trusted is not None and proven.block.number < trusted.number
        if proven.justification is None or proven.block.number < self._worth or is_below:
            if len(self._without_more) < self._plan.peers and now - self._begun < PATIENCE_MS:
                return  # the first peers to connect may not be representative
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
        """Ask for the next page; return False if there is no more."""
        number = self.proven.block.number
        able = [
            peer
            for peer in self._tracker.peers.values()
            if peer.final.number > number and peer.name not in self._without_more
            and not peer.is_apart
        ]  # fmt: skip
        if not able or len(self._without_more) >= self._plan.peers:
            return False
        peer = self._free(able, now)
        if peer is None:
            return not self._without_more and now - self._begun < 6 * WAIT_MS
        if not self._ask_first(peer, now):
            self._ask_page(peer, self.proven, self._on_page, self._on_no_page, now)
        return True

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
        is_own = all(name == peer.name for name in self._provers)
        trail = self._read(peer, self.proven, proof, now, is_own=is_own)
        if trail is None:
            self._without_more[peer.name] = None
            return
        self._tracker.note_delivery(pending, len(trail), now)
        if trail:
            self._trail += trail
            self._provers += [peer.name] * len(trail)
            self._without_more.clear()
            self._heard.clear()
        self._heard[peer.name] = None
        if proof.is_finished or not trail:
            self._without_more[peer.name] = None

    def _on_no_page(self, pending: PendingRequest, now: int) -> None:
        """Note that a peer gave no page: others are asked, it rests."""
        if pending.why == REFUSED and self._trail:
            self._without_more[pending.peer] = None  # it may not have the proven block

    def _read(
        self, peer: Peer, begin: Proven, proof: WarpProof, now: int, *, is_own: bool
    ) -> list[Proven] | None:
        """Return the blocks that a proof proves; None if it is refused.

        `is_own`: the proof begins at a trusted block, or at one that this peer proved, so it is the
        peer's fault if it does not follow.
        """
        try:
            trail = list(steps(begin, proof))
            early = self._check_slots(peer, trail)
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
        if any(step.block.hash in self._false for step in trail):
            self._tracker.set_apart(peer.name, "it proves a chain without the trusted block")
            return None
        return trail

    def _check_slots(self, peer: Peer, trail: Sequence[Proven]) -> Proven | None:
        """Return the first block whose slot lies ahead of the clock, if there is one.

        Raises BadProof for one that is higher than its slots since the start allow.
        """
        slots = self._plan.slots
        base = self._base.header or self._first.get(peer.name)
        if slots is None or base is None:
            return None
        begun = slots.slot_of(base) or 0
        for step in trail:
            slot = None if step.header is None else slots.slot_of(step.header)
            if slot is None:
                raise BadProof(f"block {step.block.number} claims no slot")
            if slot > slots.latest():
                return step
            if step.block.number - int(base.number) > slot - begun:
                raise BadProof(
                    f"block {step.block.number} has slot {slot}, block {base.number} slot "
                    f"{begun}: there are not so many slots between them"
                )
        return None

    # --- the first block, of which slots are counted

    def _ask_first(self, peer: Peer, now: int) -> bool:
        """Ask a peer for its block 1, unless it is known or slots are counted from another."""
        if self._plan.slots is None or self._base.header is not None or peer.name in self._first:
            return False
        request = BlockRequest(1, Direction.ASCENDING, 1, HEADER)
        pending = self._tracker.ask(self, peer, BLOCKS, request.encode(), now)
        self._question = _Question(pending.id, self._on_first, self._on_no_first)
        return True

    def _on_first(self, peer: Peer, pending: PendingRequest, data: bytes, now: int) -> None:
        blocks = BlockAnswer.decode(data).blocks
        if not blocks:
            self._on_no_first(pending, now)
            return
        header = read_header(blocks[0], None)
        if isinstance(header, str) or int(header.number) != 1:
            self._tracker.blame(peer.name, LIE, "not the header that was asked for", now)
        elif header.parent_hash != self._base.block.hash:
            self._tracker.blame(peer.name, LIE, "a block 1 that does not follow genesis", now)
        else:
            self._first[peer.name] = header
            return
        self._on_no_first(pending, now)

    def _on_no_first(self, pending: PendingRequest, now: int) -> None:
        """Note that nothing that a peer proves can be checked."""
        if not pending.excused:
            self._without_more[pending.peer] = self._heard[pending.peer] = None

    # --- checking

    def _check(self, now: int) -> bool:
        """Continue the way down to the trusted block; return False if there is nothing to check."""
        trusted = self._plan.trusted
        if trusted is None or self._is_checked or trusted.number <= self._base.block.number:
            return False
        if self._way is None and not self._begin_way(trusted, now):
            return False
        way = self._way
        if way is None:
            return True
        if way.number == trusted.number:
            self._end_way(way, trusted, now)
            return True
        peers = [
            peer
            for peer in self._tracker.peers.values()
            if peer.name not in self._wayless and not peer.is_apart
        ]
        if not peers:
            number = self._next_above(trusted)[0].block.number
            log.warning(
                "warp sync: no peer has the headers between block %d, which is proven, and the "
                "trusted block %d; the search begins again", number, trusted.number,
            )  # fmt: skip
            self._tracker.pass_over(self._next_above(trusted)[1], now)
            self._discard(now)
            self._wait(RETRY_MS, now)
            return True
        peer = self._free(peers, now)
        if peer is not None:
            count = min(MAX_BLOCKS, way.number - trusted.number)
            request = BlockRequest(way.hash, Direction.DESCENDING, count, HEADER).encode()
            pending = self._tracker.ask(self, peer, BLOCKS, request, now)
            self._question = _Question(pending.id, self._on_headers, self._on_no_headers)
        return True

    def _next_above(self, trusted: BlockId) -> tuple[Proven, str]:
        """Return the first proven block at or above the trusted one, and the peer that proved it."""
        return next(
            (step, name)
            for step, name in zip(self._trail, self._provers, strict=True)
            if step.block.number >= trusted.number
        )

    def _begin_way(self, trusted: BlockId, now: int) -> bool:
        """Begin at the next proven block; return False if none is so high."""
        if self.proven.block.number < trusted.number:
            return False
        step, _ = self._next_above(trusted)
        count = step.block.number - trusted.number
        if count > MAX_WAY:
            log.error(
                "warp sync: block %d is proven, %d blocks above the trusted block %d: at most %d "
                "headers are fetched to check it. If this is the real chain, give a newer block "
                "with --trusted-block", step.block.number, count, trusted.number, MAX_WAY,
            )  # fmt: skip
            self._refuse(trusted, now)
        else:
            self._way = step.block
        return True

    def _end_way(self, way: BlockId, trusted: BlockId, now: int) -> None:
        if way.hash == trusted.hash:
            self._is_checked = True
            log.info("warp sync: the proven chain has the trusted block %d", trusted.number)
            return
        log.error(
            "warp sync: a chain is proven whose block %d is 0x%s, not the trusted 0x%s: it is "
            "refused. If every peer has it, check --trusted-block",
            trusted.number, way.hash.hex(), trusted.hash.hex(),
        )  # fmt: skip
        self._refuse(trusted, now)

    def _refuse(self, trusted: BlockId, now: int) -> None:
        """Begin again without the proven chain and its peer, which may not know better."""
        step, name = self._next_above(trusted)
        self._false[step.block.hash] = None
        self._tracker.set_apart(name, "it proves a chain without the trusted block")
        self._discard(now)

    def _on_headers(self, peer: Peer, pending: PendingRequest, data: bytes, now: int) -> None:
        blocks, way, trusted = BlockAnswer.decode(data).blocks, self._way, self._plan.trusted
        if way is None or trusted is None:
            return
        if not blocks:
            self._wayless[peer.name] = None
            return
        if len(blocks) > min(MAX_BLOCKS, way.number - trusted.number):
            self._tracker.blame(peer.name, LIE, "more headers than asked for", now)
            return
        for block in blocks:
            header = read_header(block, way.hash)
            if isinstance(header, str):
                self._tracker.blame(peer.name, LIE, header, now)
                return
            if int(header.number) != way.number:
                log.error("warp sync: a chain is proven whose heights do not follow: it is refused")
                self._refuse(trusted, now)
                return
            way = BlockId(way.number - 1, bytes(header.parent_hash))
        self._way = way
        self._wayless.clear()
        self._tracker.note_delivery(pending, len(blocks), now)

    def _on_no_headers(self, pending: PendingRequest, now: int) -> None:
        if not pending.excused:
            self._wayless[pending.peer] = None

    # --- comparing

    def _compare(self, now: int) -> bool:
        """Ask the next peer whether the proven chain is its own; return False after the last one."""
        if not self._trail or len(self._heard) >= WITNESSES:
            return False
        peers = [
            peer
            for peer in self._tracker.peers.values()
            if peer.name not in self._heard and not peer.is_apart
        ]
        peer = self._free(peers, now)
        if peer is None:
            return bool(peers) and now - self._begun < 6 * WAIT_MS
        if self._ask_first(peer, now):
            return True
        below = [step for step in self._trail if step.block.number <= peer.final.number]
        if below and peer.name not in self._doubted:
            self._ask_page(peer, below[-1], self._on_agreed, self._on_doubt, now, QUICK_MS)
        else:
            begin = self._doubted.setdefault(peer.name, self._base)
            self._ask_page(peer, begin, self._on_other, self._on_no_other, now)
        return True

    def _on_agreed(self, peer: Peer, pending: PendingRequest, data: bytes, now: int) -> None:
        """Note that a peer has the proven block: only then it answers."""
        self._heard[peer.name] = None

    def _on_doubt(self, pending: PendingRequest, now: int) -> None:
        """Compare from the base on if a peer refused: it may have another chain."""
        if pending.why == REFUSED:
            self._doubted[pending.peer] = self._base
        elif not pending.excused:
            self._heard[pending.peer] = None

    def _on_other(self, peer: Peer, pending: PendingRequest, data: bytes, now: int) -> None:
        proof = WarpProof.decode(data)
        begin = self._doubted[peer.name]
        trail = self._read(peer, begin, proof, now, is_own=True)
        if trail is None:
            self._heard[peer.name] = None
            return
        ours = {link.set_id: link.block for link in self.links}
        for link in links(begin, trail):
            block = ours.get(link.set_id, link.block)
            if block != link.block:
                self._heard[peer.name] = None
                self._on_conflict(peer, link, block, now)
                return
        if trail and not proof.is_finished:
            self._doubted[peer.name] = trail[-1]
        else:
            self._heard[peer.name] = None

    def _on_no_other(self, pending: PendingRequest, now: int) -> None:
        if not pending.excused:
            self._heard[pending.peer] = None

    def _on_conflict(self, peer: Peer, theirs: Link, ours: BlockId, now: int) -> None:
        """Process two proofs of which one is false: keys of withdrawn validators made it."""
        trusted = self._plan.trusted
        if self._is_checked and trusted is not None:
            # One of the two lies at or below the trusted block, whose chain is ours.
            if min(theirs.block.number, ours.number) <= trusted.number:
                self._tracker.set_apart(peer.name, "it proves a chain without the trusted block")
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
