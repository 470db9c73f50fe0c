"""The public interface of sync: one state machine, events and time in, actions out.

    sync = Sync(chain, body_root=..., new_id=..., seed=..., now=...)
    actions = sync.handle(event, now)       # network events and the owner's reports
    actions = sync.tick(now)                # a few times a second
    actions = sync.need_justification(target, now)
    sync.progress(now)

Several actions may be returned at once, in the order in which they are to be carried out. After
each `ImportBlocks` the owner reports `BlocksImported`, and so on (types.py), without a time
limit.
"""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING, Final, NamedTuple

from btt_chain.lazyclass import dataclass
from btt_chain.scale import DecodeError
from p2p.network import (
    ANNOUNCE,
    Answered,
    Connected,
    Disconnected,
    Event,
    Failed,
    GossipReceived,
    Status,
    StatusReceived,
)
from p2p.protocols.messages import Announce, read_announce
from p2p.sync.compact import Pool
from p2p.sync.delayed import ANNOUNCE_MS, DelayedBlocks
from p2p.sync.fork_sync import MAX_DISTANCE, ForkSync
from p2p.sync.history import History
from p2p.sync.import_queue import ImportQueue
from p2p.sync.justifications import Justifications
from p2p.sync.range_sync import RangeSync
from p2p.sync.requests import FLOOD, LIE, Peer, RequestTracker
from p2p.sync.types import (
    Action,
    Block,
    BlockId,
    BlocksImported,
    ChainView,
    HistoryStored,
    JustificationJudged,
    Phase,
    Progress,
    Report,
    StateFinished,
    StateStored,
)

if TYPE_CHECKING:
    from p2p.sync.warp import Warp

ANNOUNCES: Final = 256
"""Maximum number of announces of one peer within ANNOUNCES_MS."""
ANNOUNCES_MS: Final = 10_000
BEHIND: Final = 5
"""Number of blocks behind others above which a node counts as syncing (Substrate's figure)."""


@dataclass(slots=True)
class _Rate:
    since: int
    count: int = 0


class SyncOptions(NamedTuple):
    """Options of sync; the defaults are for a node without pool, checkpoint and warp sync."""

    warp: Callable[[RequestTracker, int], Warp] | None = None
    """Begins a run of warp sync at a time: the state of a recent final block is fetched first.
    Without it, or after that, blocks are imported one by one."""
    pool: Pool = dict
    """Returns the transactions of the pool, by hash."""
    announce_ms: int = ANNOUNCE_MS
    """Time that a block which only votes name waits for its announce before it is requested."""
    least: int = 0
    """Height of the trusted block: below it the node is far behind."""


DEFAULTS: Final = SyncOptions()


WINDOW_MS: Final = 30_000
STEP_MS: Final = 500


class Speed:
    """Heights over the last half minute."""

    def __init__(self) -> None:
        self._marks: deque[tuple[int, int]] = deque()
        self.due = 0
        """Time from which on the height is to be noted again."""

    def note(self, height: int, now: int) -> None:
        """Note the height at a time."""
        marks, self.due = self._marks, now + STEP_MS
        marks.append((now, height))
        while marks[0][0] < now - WINDOW_MS:
            marks.popleft()

    def rate(self, height: int, now: int) -> float:
        """Return the blocks per second; 0 if unknown or decreasing."""
        if not self._marks:
            return 0.0
        then, was = self._marks[0]
        return max(0.0, 1000 * (height - was) / (now - then)) if now > then else 0.0


def describe(found: Progress) -> str:
    """Return the progress of sync as text for the log."""
    if found.phase is Phase.WARP:
        return f"warp: looking for the voters of now, {found.peers} peers"
    if found.phase is Phase.STATE:
        return f"state: {found.state_entries:,} entries, {found.peers} peers"
    if found.syncing:
        left = "" if found.seconds_left is None else f", {duration(found.seconds_left)} left"
        speed = f"{found.rate:.1f} blocks/s{left}"
        return f"syncing: {found.current:,} of {found.target:,}, {speed}, {found.peers} peers"
    history = f", history: {found.history_left:,} blocks to go" if found.history_left else ""
    return f"idle: {found.current:,}{history}, {found.peers} peers"


def duration(seconds: int) -> str:
    """Return a duration in its two largest units."""
    minutes, seconds = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    parts = [(days, "d"), (hours, "h"), (minutes, "m"), (seconds, "s")]
    while len(parts) > 1 and not parts[0][0]:
        parts.pop(0)
    return " ".join(f"{amount}{unit}" for amount, unit in parts[:2])


class Sync:
    """Synchronization with the chain of other nodes."""

    def __init__(
        self,
        chain: ChainView,
        *,
        body_root: Callable[[list[bytes]], bytes],
        new_id: Callable[[], int],
        seed: int,
        now: int,
        options: SyncOptions = DEFAULTS,
    ) -> None:
        """Begin; `body_root` returns the extrinsics root of a body, `new_id` an id for a request or
        batch.
        """
        warp, pool, announce_ms, least = options
        self._least = least
        self._tracker = RequestTracker(chain, new_id, random.Random(seed), body_root)  # noqa: S311 - no secret
        self._import_queue = ImportQueue(self._tracker)
        self._delayed = DelayedBlocks(announce_ms)
        self._fork_sync = ForkSync(self._tracker, self._import_queue, self._delayed, pool)
        self._range_sync = RangeSync(self._tracker, self._import_queue)
        self._justifications = Justifications(self._tracker)
        self._history = History(self._tracker)
        self._may_have_gap = True
        """False once no block was missing below the best one; only a fetched state leaves a gap."""
        self._warp = None if warp is None else warp(self._tracker, now)
        self._rates: dict[str, _Rate] = {}
        self._speed = Speed()
        self._starting = chain.best().number
        self._final = b""
        """The last final block at the last step: known blocks are dropped with a new one only."""
        self.idle = False
        """True if nothing is wanted, in flight or queued: time alone changes nothing now."""
        self.retry_at: int | None = None
        """Time at which a block is requested again that no peer had; None if none is."""

    # --- input

    def handle(self, event: Event | Report, now: int) -> list[Action]:
        """Process an event of the network or a report of the owner; other events are ignored."""
        match event:
            case Connected(peer, status):
                self._tracker.leave(peer, now)
                self._connected(peer, status)
            case Disconnected(peer):
                self._rates.pop(peer, None)
                self._tracker.leave(peer, now)
            case StatusReceived(peer, status):
                self._on_status(peer, status)
            case GossipReceived(topic, peer, data) if topic == ANNOUNCE:
                self._announced(peer, data, now)
            case Answered(id, data):
                self._tracker.answered(id, data, now)
            case Failed(id, why):
                self._tracker.failed(id, why, now)
            case BlocksImported():
                self._import_queue.report(event, now)
            case JustificationJudged():
                self._justifications.judged(event, now)
            case StateStored() | StateFinished():
                if self._warp is not None:
                    self._warp.report(event, now)
            case HistoryStored():
                self._history.stored(now)
            case _:
                return []
        return self.tick(now)

    def announced(self, peer: str, announce: Announce, hash: bytes, now: int) -> list[Action]:
        """Process an announce that the owner has decoded; `hash` is its header's, and its body, if
        there is one, has the header's root.
        """
        if self._may_take(peer, now):
            self._take(peer, announce, hash, now)
        return self.tick(now)

    def malformed(self, peer: str, why: str, now: int) -> list[Action]:
        """Penalize the sender of an announce that the owner could not decode."""
        if self._may_take(peer, now):
            self._tracker.blame(peer, FLOOD, f"a malformed announce: {why}", now)
        return self.tick(now)

    def tick(self, now: int) -> list[Action]:
        """Process the passing of time: overdue requests, due retries."""
        tracker = self._tracker
        best, gap = tracker.chain.best(), None
        tracker.expire(now)
        if self._warp is not None:
            self._warp.step(now)
            if self._warp.done:
                self._warp = None
                self._starting = best.number
                self._speed = Speed()
        if self._warp is None:
            self._claims(best, now)
            self.retry_at = self._fork_sync.step(now)
            if self._range_sync.leader is not None:
                self._range_sync.step(now)
            if self._justifications.wants:
                self._justifications.step(now)
            if self._may_have_gap:
                gap = tracker.chain.gap()
                self._may_have_gap = gap is not None
            if gap is not None:
                self._history.step(now)
        is_importing = self._import_queue.step()
        if now >= self._speed.due:
            self._speed.note(best.number, now)
        self.idle = not (
            tracker.pending
            or self._fork_sync.fetches
            or self._justifications.wants
            or self._warp is not None
            or self._range_sync.leader is not None
            or is_importing
            or gap is not None
        )
        out, tracker.out = tracker.out, []
        return out

    def need_justification(self, target: BlockId, now: int) -> list[Action]:
        """Fetch the proof that a block is final, from any peer, until one is accepted."""
        self._justifications.need(target)
        return self.tick(now)

    def needless_justification(self, hash: bytes) -> None:
        """Note that a proof is no longer needed."""
        self._justifications.needless(hash)

    def want_block(self, block: BlockId, peer: str, now: int) -> list[Action]:
        """Fetch a block that a vote names, unless its announce comes soon; `peer` may have it.

        The peer only forwarded the vote, so it is not penalized. A block far ahead comes with the
        rest of the chain.
        """
        far = (
            self._range_sync.is_real
            or block.number > self._tracker.chain.best().number + MAX_DISTANCE
        )
        fork_sync = self._fork_sync
        if self._warp is not None or far:
            pass
        elif block.hash in fork_sync.fetches or not self._delayed.add_named(block, peer, now):
            fork_sync.want(block, peer, now, is_claim=False)
        return self.tick(now)

    def _connected(self, name: str, status: Status) -> None:
        self._tracker.peers[name] = Peer(
            name,
            BlockId(status.best_number, status.best_hash),
            BlockId(status.final_number, status.final_hash),
            status.lowest,
        )
        self._compare_final(name, status)

    def _compare_final(self, name: str, status: Status) -> None:
        """Set a peer apart if its last final block is not on our chain, though we are as far."""
        chain = self._tracker.chain
        if status.final_number <= chain.finalized().number:
            ours = chain.hash_at(status.final_number)
            if ours is not None and ours != status.final_hash:
                why = f"block {status.final_number}, final there, is another here"
                self._tracker.set_apart(name, why)

    def _on_status(self, name: str, status: Status) -> None:
        peer = self._tracker.peers.get(name)
        if peer is None:
            return
        peer.best = BlockId(status.best_number, status.best_hash)
        peer.final = BlockId(status.final_number, status.final_hash)
        peer.lowest = status.lowest
        self._compare_final(name, status)

    def _announced(self, name: str, data: bytes, now: int) -> None:
        if not self._may_take(name, now):
            return
        try:
            announce = read_announce(data, self._tracker.body_root)
        except DecodeError as error:
            self._tracker.blame(name, FLOOD, f"a malformed announce: {error}", now)
            return
        self._take(name, announce, bytes(announce.header.hash()), now)

    def _may_take(self, name: str, now: int) -> bool:
        """Count an announce. Return True if it may be processed; too many are penalized."""
        if self._may_announce(name, now):
            return True
        if name in self._tracker.peers:
            self._tracker.blame(name, FLOOD, "too many announces", now)
        return False

    def _take(self, name: str, announce: Announce, hash: bytes, now: int) -> None:
        tracker, chain = self._tracker, self._tracker.chain
        peer, header = tracker.peers.get(name), announce.header
        block, parent = BlockId(int(header.number), hash), bytes(header.parent_hash)
        if self._warp is not None or (peer is not None and peer.is_apart):
            return  # the peers' statuses are sufficient
        if peer is not None and announce.is_best and block.number > peer.best.number:
            peer.best = block
        if block.number > chain.best().number + MAX_DISTANCE:
            return  # an unverified claim
        below = chain.number(parent)
        if below is not None and below + 1 != block.number:
            tracker.blame(name, LIE, "an announce whose height does not follow its parent's", now)
            return
        if self._range_sync.is_real and below is None:
            return  # it is being fetched, or will be requested afterwards
        is_wanted = self._fork_sync.want(block, None if peer is None else name, now, parent)
        if is_wanted and announce.body is not None:
            # No peer is responsible for it: announces are forwarded before blocks are executed.
            self._fork_sync.deliver(Block(hash, header, announce.body, None, ()))

    def _may_announce(self, name: str, now: int) -> bool:
        rate = self._rates.get(name)
        if rate is None or now - rate.since >= ANNOUNCES_MS:
            if name not in self._tracker.peers:
                name = ""  # all unknown peers share one account
                rate = self._rates.get(name)
            if rate is None or now - rate.since >= ANNOUNCES_MS:
                rate = self._rates[name] = _Rate(now)
        rate.count += 1
        return rate.count <= ANNOUNCES

    def _claims(self, here: BlockId, now: int) -> None:
        """Fetch the unknown heads that peers claim."""
        chain, range_sync = self._tracker.chain, self._range_sync
        final, best, hash = chain.finalized(), here.number, here.hash
        peers = list(self._tracker.peers.values())
        if final.hash != self._final:
            self._final = final.hash
            for peer in peers:
                peer.known = b""
        if range_sync.leader is None:
            is_far = bool(self._fork_sync.deep)
            for peer in peers:
                is_far |= peer.best.number > best + MAX_DISTANCE and not peer.is_apart
            if is_far:
                range_sync.choose(self._fork_sync.deep, now)
        for peer in peers:
            head = peer.best
            if head.hash in (hash, peer.known) or peer.rests_until > now or peer.is_apart:
                continue
            if not final.number < head.number <= best + MAX_DISTANCE:
                continue
            if range_sync.is_real and head.number > best:
                continue
            if peer.lowest > best + 1:
                continue  # there would be a gap below what it has
            if chain.number(head.hash) is None:
                self._fork_sync.want(head, peer.name, now)
            else:
                peer.known = head.hash

    # --- queries

    def is_apart(self, name: str) -> bool:
        """Return True if a peer follows another final chain than ours."""
        peer = self._tracker.peers.get(name)
        return peer is not None and peer.is_apart

    @property
    def major(self) -> bool:
        """True if the node is far behind, or without a state: it should not author blocks.

        A minority's claim of a chain without an imported block does not count: it could stop all
        validators.
        """
        best = self._tracker.chain.best().number
        if self._warp is not None or best < self._least or self._range_sync.is_real:
            return True
        return self._is_behind(best + BEHIND)

    def _is_behind(self, least: int) -> bool:
        # A claim of blocks that do not join ours is not verified: it costs the peer nothing, and
        # must not stop block production.
        for peer in self._tracker.peers.values():
            if peer.best.number > least:
                break
        else:
            return False  # no claim is high enough, whether it joins ours or not
        height = self._majority_height(lambda p: p.best.number if self._tracker.joins(p) else 0)
        return height > least

    def _majority_height(self, claim: Callable[[Peer], int] = lambda peer: peer.best.number) -> int:
        """Return the height that more than half of the peers claim; 0 without peers."""
        claims = sorted(claim(peer) for peer in self._tracker.peers.values() if not peer.broken)
        return claims[(len(claims) - 1) // 2] if claims else 0

    def _target(self) -> int:
        tail = self._range_sync.tail if self._range_sync.is_real else None
        return max(
            self._tracker.chain.best().number,
            0 if tail is None else tail.number,
            self._majority_height(),
        )

    def progress(self, now: int) -> Progress:
        """Return the progress of sync."""
        chain = self._tracker.chain
        current, target = chain.best().number, self._target()
        rate = self._speed.rate(current, now)
        gap = chain.gap()
        left = round((target - current) / rate) if rate and target > current else None
        return Progress(
            phase=Phase.FULL if self._warp is None else self._warp.phase,
            starting=self._starting,
            current=current,
            target=target,
            rate=rate,
            seconds_left=left,
            state_entries=0 if self._warp is None else self._warp.entries,
            history_left=0 if gap is None else gap[1],
            peers=len(self._tracker.peers),
            syncing=self.major,
        )

    @property
    def held(self) -> tuple[int, int]:
        """Number of blocks held, and of in-flight requests, for monitoring of memory."""
        return self._fork_sync.held + self._range_sync.held + self._import_queue.waiting, len(
            self._tracker.pending
        )
