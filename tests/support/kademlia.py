"""A network of nodes that are tables and nothing else: no sockets, and a clock that is a number."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from heapq import heappop, heappush

from btt_chain.primitives.ss58 import to_base58
from p2p.address import PEER_ID_PREFIX, Address
from p2p.kademlia.finder import Lookup
from p2p.kademlia.table import RoutingTable, key_of

ROUND_TRIP = 1
TIMEOUT = 10

Answer = Callable[[int], Sequence[Address]]
"""The answer of a node to a search for a target."""


def node_at(host: str, name: str) -> Address:
    """An address of a node whose peer id follows from its name."""
    peer = to_base58(PEER_ID_PREFIX + hashlib.sha256(name.encode()).digest())
    return Address("ip4", host, 30_333, peer)


def somewhere(rng: random.Random) -> str:
    """A public IPv4 address."""
    return f"{rng.randrange(20, 90)}.{rng.randrange(256)}.{rng.randrange(256)}.7"


def fakes(rng: random.Random, count: int) -> Answer:
    """Nodes that are not there, ground until they are nearer to any target than all that are."""
    pool = [node_at(somewhere(rng), f"fake {number}") for number in range(count)]

    def nearest(target: int) -> Sequence[Address]:
        return sorted(pool, key=lambda address: key_of(address.peer) ^ target)[:20]

    return nearest


@dataclass
class Walk:
    """The result of a lookup."""

    lookup: Lookup
    asked: int = 0
    missed: int = 0
    """Those who were not there."""
    rounds: int = 0
    """Virtual time until the nearest of those it found had answered."""


@dataclass
class Swarm:
    """Virtual nodes by peer id; any other is unreachable."""

    rng: random.Random
    nodes: dict[str, Address] = field(default_factory=dict)
    tables: dict[str, RoutingTable] = field(default_factory=dict)
    lies: dict[str, Answer] = field(default_factory=dict)

    def add(self, address: Address) -> str:
        """Add a node that knows no other."""
        self.nodes[address.peer] = address
        self.tables[address.peer] = RoutingTable(address.peer)
        return address.peer

    def join(self, address: Address, boot: str) -> Walk:
        """A newcomer looks for its own key, and fills the buckets farther than that."""
        peer = self.add(address)
        walk = self.walk(peer, key_of(peer), [boot])
        for bucket in (255, 254):
            away = 1 << bucket | self.rng.getrandbits(bucket)
            self.walk(peer, key_of(peer) ^ away, self.starts(peer, key_of(peer) ^ away))
        return walk

    def starts(self, peer: str, target: int) -> Sequence[str]:
        """Those in the table of `peer` that are nearest to `target`."""
        return [address.peer for address in self.tables[peer].closest(target)]

    def truth(self, target: int, count: int = 20) -> Sequence[str]:
        """The nodes that are nearest to `target`, honest or not."""
        return sorted(self.nodes, key=lambda peer: key_of(peer) ^ target)[:count]

    def found(self, target: int, boot: str) -> Walk:
        """Return the lookup of a target by a new node that knows only `boot`."""
        name = node_at("1.1.1.1", f"newcomer {target}")
        walk = self.walk(self.add(name), target, [boot])
        self.leave(name.peer)
        return walk

    def leave(self, peer: str) -> None:
        """Remove a node, also from all tables."""
        del self.nodes[peer], self.tables[peer]
        for table in self.tables.values():
            table.remove(peer)

    def walk(self, asker: str, target: int, starts: Sequence[str]) -> Walk:
        """Walk to the end in virtual time: an answer takes 1, silence 10."""
        walk = Walk(Lookup(target, starts, asker))
        lookup, now = walk.lookup, 0
        ends: list[tuple[int, int, str]] = []
        while True:
            for peer in lookup.next():
                walk.asked += 1
                wait = ROUND_TRIP if peer in self.nodes else TIMEOUT
                heappush(ends, (now + wait, walk.asked, peer))
            if not ends:
                return walk
            now, _, peer = heappop(ends)
            if peer not in self.nodes:
                walk.missed += 1
                self.tables[asker].failed(peer)
                lookup.failed(peer)
                continue
            before = lookup.closest()[:1]
            lookup.answered(peer, self._answer(peer, asker, target))
            if lookup.closest()[:1] != before:
                walk.rounds = now
            self._meet(asker, peer, now)
            self._meet(peer, asker, now)

    def _answer(self, peer: str, asker: str, target: int) -> Sequence[Address]:
        if peer in self.lies:
            return self.lies[peer](target)
        return self.tables[peer].closest(target, spare=asker)

    def _meet(self, one: str, other: str, now: int) -> None:
        address = self.nodes[other]
        self.tables[one].add(address, address.host, now)
