"""Scheduler of discovery: when to look up which key, and which nodes to ask. Pure; time is an
argument.

The first lookup, as soon as a peer is connected, is for our own key: the nodes near it learn our
address by being asked. The next ones are for a random key in each bucket, from the farthest to the
nearest, and so on in turn: at the minimum pause while they bring new nodes or fewer than three
peers are connected, at growing pauses otherwise.

Besides, one node at a time is checked, and the listen addresses that inbound peers claim are
probed: until a probe succeeds, they are not reported to others.
"""

from __future__ import annotations

import logging
import random
from bisect import insort
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import Final, NamedTuple

from p2p.address import Address
from p2p.kademlia.table import PER_TABLE, K, RoutingTable, key_of, network_of

log = logging.getLogger(__name__)

FEW: Final = 3
"""Number of connected peers below which lookups run at the minimum pause."""
SLOWEST: Final = 40
"""Maximum pause, as a multiple of the minimum one."""
MAX_PROBES: Final = 2
"""Maximum number of concurrent probes."""
MAX_UNCONNECTED: Final = 32
"""Maximum number of unconnected nodes whose claimed addresses wait to be probed."""


class Find(NamedTuple):
    """Ask `peer` for the nodes nearest to `target`; ends in one answered, failed or skipped."""

    peer: str
    target: int
    check: bool
    """True if the only purpose is to check that it is reachable."""


class Probe(NamedTuple):
    """Probe `address`; ends in one `reached` or `unreachable`."""

    address: Address


@dataclass(slots=True)
class _Claim:
    """Listen address that an inbound node claims."""

    address: Address
    network: str
    tries: int = 0
    not_before_ms: int = 0
    probing: bool = False


ALPHA: Final = 3
"""Number of paths, and so of concurrent requests."""
QUESTIONS: Final = 16
"""Maximum number of requests of each path."""
PATIENCE: Final = 3
"""Unreachable less reachable nodes among those that a peer named at which it is distrusted."""


class _State(Enum):
    NAMED = auto()
    ASKED = auto()
    DONE = auto()


@dataclass(slots=True)
class _Candidate:
    peer: str
    distance: int
    network: str
    path: int
    state: _State = _State.NAMED
    namers: list[str] = field(default_factory=list)


class Lookup:
    """A lookup of the nodes nearest to `target`, from `starts`: the next to ask, and its end. Pure.

    Three disjoint paths advance concurrently, with one open request each. A path asks the nearest
    of the nodes that its own answers named, and uses those of the others only when it has none
    left. So a lying peer with the best looking answers misleads one path, not the lookup.

    Nodes that were only named do not count. The lookup ends when the nearest remaining node is
    farther than K nodes that answered, and at the latest after 48 requests. A peer is distrusted
    once three more of the nodes it named are unreachable than reachable, and no network has more
    than ten of the nodes that are asked.
    """

    def __init__(self, target: int, starts: Iterable[str], local: str) -> None:
        self.target = target
        self._local = local
        self._candidates: dict[str, _Candidate] = {}
        self._networks: Counter[str] = Counter()
        self._left = [QUESTIONS] * ALPHA
        self._open: dict[str, _Candidate] = {}
        self._reached: list[tuple[int, str]] = []
        self._trust: Counter[str] = Counter()
        for number, peer in enumerate(sorted(starts, key=lambda one: key_of(one) ^ target)):
            self._candidates[peer] = _Candidate(peer, key_of(peer) ^ target, "", number % ALPHA)

    @property
    def over(self) -> bool:
        """True if no request is open; if `next` returns none either, the lookup has ended."""
        return not self._open

    def closest(self) -> Sequence[str]:
        """Return the nodes that answered, the nearest first, at most K."""
        return [peer for _, peer in self._reached[:K]]

    def next(self) -> Sequence[str]:
        """Return the nodes to ask now. Each is open until `answered`, `failed` or `skipped`."""
        chosen = []
        busy = {candidate.path for candidate in self._open.values()}
        for path in range(ALPHA):
            candidate = None if path in busy or not self._left[path] else self._best(path)
            if candidate is None:
                continue
            candidate.state, candidate.path = _State.ASKED, path
            self._left[path] -= 1
            self._open[candidate.peer] = candidate
            chosen.append(candidate.peer)
        return chosen

    def answered(self, peer: str, named: Iterable[Address]) -> None:
        """Note that `peer` answered with addresses, of which the first K are used."""
        candidate = self._close(peer)
        insort(self._reached, (candidate.distance, peer))
        for namer in candidate.namers:
            self._trust[namer] += 1
        for address, _ in zip(named, range(K), strict=False):
            self._add_named(address, peer, candidate.path)

    def failed(self, peer: str) -> None:
        """Note that `peer` is not reachable, or gave no valid answer."""
        candidate = self._close(peer)
        self._networks[candidate.network] -= 1
        for namer in candidate.namers:
            self._trust[namer] -= 1

    def skipped(self, peer: str) -> None:
        """Note that `peer` was not asked: it is not penalized, and the request is not counted."""
        candidate = self._close(peer)
        self._networks[candidate.network] -= 1
        self._left[candidate.path] += 1

    # --- internals --------------------------------------------------------------------

    def _close(self, peer: str) -> _Candidate:
        candidate = self._open.pop(peer)
        candidate.state = _State.DONE
        return candidate

    def _add_named(self, address: Address, namer: str, path: int) -> None:
        known = self._candidates.get(address.peer)
        if known is not None:
            if known.namers and namer not in known.namers:
                known.namers.append(namer)
            return
        network = network_of(address.host)
        if address.peer == self._local or (network and self._networks[network] >= PER_TABLE):
            return
        self._networks[network] += 1
        distance = key_of(address.peer) ^ self.target
        self._candidates[address.peer] = _Candidate(
            address.peer, distance, network, path, namers=[namer]
        )

    def _best(self, path: int) -> _Candidate | None:
        """Return the nearest node that may be asked: of this path's own, or otherwise of all."""
        horizon = self._reached[K - 1][0] if len(self._reached) >= K else 1 << 256
        named = [
            one
            for one in self._candidates.values()
            if one.state is _State.NAMED and one.distance < horizon and self._believed(one)
        ]
        own = [one for one in named if one.path == path]
        return min(own or named, key=lambda one: one.distance, default=None)

    def _believed(self, candidate: _Candidate) -> bool:
        namers = candidate.namers
        return not namers or any(self._trust[one] > -PATIENCE for one in namers)


class Finder:
    """Discovery for one node. Not thread-safe."""

    def __init__(
        self, local: str, rng: random.Random, every_ms: int, guides: Callable[[], Iterable[str]]
    ) -> None:
        """`every_ms` is the minimum pause; `guides` returns the peers to ask besides those in the
        table, in lookups of our own key and when fewer than ALPHA others are available.
        """
        self.table = RoutingTable(local)
        self.lookups = 0
        """Number of lookups started."""
        self._local = local
        self._rng = rng
        self._every_ms = self._pause_ms = every_ms
        self._guides = guides
        self._connected: dict[str, None] = {}
        self._claims: dict[str, _Claim] = {}
        self._lookup: Lookup | None = None
        self._bucket = -1
        self._entered = self._entered_before = 0
        self._next_ms: int | None = None
        self._check_ms = 0
        self._checking = False

    # --- events -------------------------------------------------------------------------

    def connected(self, peer: str, now_ms: int) -> None:
        """Note that the handshake with `peer` succeeded; the first peer starts a lookup."""
        if not self._connected:
            self._next_ms = now_ms
        self._connected[peer] = None

    def left(self, peer: str, now_ms: int) -> None:
        """Note that `peer` is no longer connected."""
        self._connected.pop(peer, None)
        self._claims.pop(peer, None)
        self.table.seen(peer, now_ms)
        if len(self._connected) < FEW and self._next_ms is not None:
            self._pause_ms = self._every_ms
            self._next_ms = min(self._next_ms, now_ms + self._every_ms)

    def reached(self, address: Address, ip: str, now_ms: int) -> None:
        """Note that we dialled a node of our chain there; `ip` is where the address led."""
        self._claims.pop(address.peer, None)
        self._entered += self.table.add(address, ip, now_ms)

    def add_claim(self, address: Address, ip: str) -> None:
        """Note that a node of our chain came from `ip` and claims this address: to be probed."""
        peer = address.peer
        if self.table.address(peer) == address or peer in self._claims:
            return
        network = network_of(ip)
        if peer not in self._connected:
            passing = [claim for name, claim in self._claims.items() if name not in self._connected]
            if len(passing) >= MAX_UNCONNECTED or (
                network and network in {c.network for c in passing}
            ):
                return
        self._claims[peer] = _Claim(address, network)

    def forget(self, peer: str) -> None:
        """Remove `peer`: it is banned, or of another chain."""
        self.table.remove(peer)
        self._claims.pop(peer, None)

    def unreachable(self, probe: Probe, now_ms: int) -> None:
        """Note that a probe failed; a connected peer's is repeated, at growing pauses."""
        claim = self._claims.get(probe.address.peer)
        if claim is None:
            return
        if probe.address.peer not in self._connected:
            del self._claims[probe.address.peer]
            return
        claim.probing = False
        claim.tries += 1
        claim.not_before_ms = now_ms + self._every_ms * min(1 << claim.tries, SLOWEST)

    def answered(self, find: Find, named: Sequence[Address], now_ms: int) -> None:
        """Note the answer of a node; the addresses in it are unverified."""
        self.table.seen(find.peer, now_ms)
        if find.check:
            self._checking = False
        elif self._lookup is not None:
            self._lookup.answered(find.peer, named)

    def failed(self, find: Find) -> None:
        """Note that a node is not reachable, or did not answer."""
        self.table.failed(find.peer)
        if find.check:
            self._checking = False
        elif self._lookup is not None:
            self._lookup.failed(find.peer)

    def skipped(self, find: Find) -> None:
        """Note that a node was not asked, because it must not be dialled now."""
        if find.check:
            self._checking = False
        elif self._lookup is not None:
            self._lookup.skipped(find.peer)

    # --- actions ------------------------------------------------------------------------

    def todo(self, now_ms: int) -> Sequence[Find | Probe]:
        """Return the actions that are due. Call it after each answer, and about every second."""
        return [*self._walk(now_ms), *self._check(now_ms), *self._probe(now_ms)]

    def _walk(self, now_ms: int) -> Sequence[Find]:
        if self._next_ms is None:
            self._next_ms = now_ms + self._every_ms
        if self._lookup is None:
            if now_ms < self._next_ms:
                return []
            self._lookup = self._begin()
        finds = [Find(peer, self._lookup.target, check=False) for peer in self._lookup.next()]
        if not finds and self._lookup.over:
            self._end(self._lookup, now_ms)
        return finds

    def _begin(self) -> Lookup:
        target = self._aim()
        starts = dict.fromkeys(address.peer for address in self.table.closest(target))
        if len(starts) < K:
            starts |= self._connected
        # For our own key also the peers that the operator named, in case all others lie.
        if len(starts) < ALPHA or target == self.table.local:
            starts |= dict.fromkeys(self._guides())
        self.lookups += 1
        self._entered_before = self._entered
        return Lookup(target, starts, self._local)

    def _aim(self) -> int:
        """Return our own key, then one in each bucket down to the lowest, the farthest first."""
        local, bucket = self.table.local, self._bucket
        if bucket < self.table.lowest:
            self._bucket = 255
            return local
        self._bucket -= 1
        return local ^ (1 << bucket | self._rng.getrandbits(bucket))

    def _end(self, lookup: Lookup, now_ms: int) -> None:
        news = self._entered - self._entered_before
        if news or len(self._connected) < FEW:
            self._pause_ms = self._every_ms
        else:
            self._pause_ms = min(2 * self._pause_ms, SLOWEST * self._every_ms)
        self._next_ms = now_ms + self._pause_ms
        self._lookup = None
        log.debug(
            "looked for nodes: %d answered, %d are new, %d known; again in %d ms",
            len(lookup.closest()), news, len(self.table), self._pause_ms,
        )  # fmt: skip

    def _check(self, now_ms: int) -> Sequence[Find]:
        if self._checking or now_ms < self._check_ms:
            return []
        self._check_ms = now_ms + self._every_ms
        peer = self.table.doubtful(now_ms, self._connected)
        if peer is None:
            return []
        self._checking = True
        return [Find(peer, self._rng.getrandbits(256), check=True)]

    def _probe(self, now_ms: int) -> Sequence[Probe]:
        """Return the probes that are due: connected peers first, then the least probed."""
        free = MAX_PROBES - sum(claim.probing for claim in self._claims.values())
        due = [
            (peer not in self._connected, claim.tries, number, claim)
            for number, (peer, claim) in enumerate(self._claims.items())
            if not claim.probing and claim.not_before_ms <= now_ms
        ]
        chosen = [claim for *_, claim in sorted(due)[: max(0, free)]]
        for claim in chosen:
            claim.probing = True
        return [Probe(claim.address) for claim in chosen]
