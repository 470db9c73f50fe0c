"""One lookup of a key: the nodes to ask next, and its end. Pure.

Three disjoint paths advance concurrently, with one open request each. A path asks the nearest of
the nodes that its own answers named, and uses those of the others only when it has none left. So a
lying peer with the best looking answers misleads one path, not the lookup.

Nodes that were only named do not count. The lookup ends when the nearest remaining node is farther
than K nodes that answered, and at the latest after 48 requests. A peer is distrusted once three
more of the nodes it named are unreachable than reachable, and no network has more than ten of the
nodes that are asked.
"""

from __future__ import annotations

from bisect import insort
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import Final

from p2p.address import Address
from p2p.kademlia.table import PER_TABLE, K, key_of, network_of

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
    """A lookup of the nodes nearest to `target`, from `starts`."""

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
