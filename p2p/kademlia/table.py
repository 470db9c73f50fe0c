"""The routing table: nodes that we reached, by the distance of their keys to ours. Pure.

A key is the SHA-256 of a peer id's bytes, the distance of two keys is their exclusive or, and the
bucket of a node is the number of the highest bit in which its key differs from ours. So half of all
nodes belong to bucket 255, a quarter to 254, and all near ones are in the table.

Only nodes that we dialled ourselves and that support our chain's protocol are added: what a peer
reports about itself or others has no effect. The longest known node keeps its place as long as it
answers, because nodes that were online for long tend to stay online, and because otherwise a flood
of new nodes would displace the old ones. The places of one network are limited, or one rented /24
could have them all.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from ipaddress import IPv4Address
from typing import Final

from btt_chain.primitives.ss58 import from_base58
from btt_chain.web.addresses import is_public, parse_ip
from p2p.address import PEER_ID_CHARS, Address

KEY_BYTES: Final = 32
K: Final = 20
"""Maximum number of nodes in a bucket, and in an answer."""
PER_BUCKET: Final = 2
"""Maximum number of nodes of one network in a bucket."""
PER_TABLE: Final = 10
"""Maximum number of nodes of one network in all buckets."""
FAILURES: Final = 3
"""Failures in a row after which a node is dropped that has no replacement waiting."""
STALE_MS: Final = 10 * 60_000
"""Time after which a node is checked again."""


@lru_cache(maxsize=8_192)
def key_of(peer: str) -> int:
    """Return the key of a peer id."""
    return int.from_bytes(hashlib.sha256(from_base58(peer, PEER_ID_CHARS)).digest(), "big")


def network_of(host: str) -> str:
    """Return the network of an address: a /24 of IPv4, a /48 of IPv6; a DNS name is its own.

    Empty for addresses that are not public: the nodes of a local network are not limited.
    """
    address = parse_ip(host)
    if address is None:
        return host.lower()
    if not is_public(host):
        return ""
    if isinstance(address, IPv4Address):
        return str(address).rpartition(".")[0]
    return address.exploded[:14]


@dataclass(slots=True)
class Entry:
    """A node that we reached."""

    address: Address
    """Address at which we reached it."""
    key: int
    network: str
    seen_ms: int
    failures: int = 0
    """Number of failures since it answered last."""


class RoutingTable:
    """256 buckets of K nodes, each with the least recently seen node first."""

    def __init__(self, local: str) -> None:
        self.local = key_of(local)
        self._entries: dict[str, Entry] = {}
        self._buckets: dict[int, list[Entry]] = {}
        self._waiting: dict[int, Entry] = {}
        self._networks: Counter[str] = Counter()

    def __len__(self) -> int:
        return len(self._entries)

    def __contains__(self, peer: str) -> bool:
        return peer in self._entries

    @property
    def lowest(self) -> int:
        """Number of the nearest bucket that has a node; 255 if none has."""
        return min((index for index, bucket in self._buckets.items() if bucket), default=255)

    def address(self, peer: str) -> Address | None:
        """Return the address at which `peer` was reached, None if it is not in the table."""
        entry = self._entries.get(peer)
        return None if entry is None else entry.address

    def closest(self, target: int, count: int = K, *, spare: str = "") -> Sequence[Address]:
        """Return the nodes nearest to a key, of those that answered last time."""
        entries = sorted(self._entries.values(), key=lambda entry: entry.key ^ target)
        sound = [e.address for e in entries if not e.failures and e.address.peer != spare]
        return sound[:count]

    def add(self, address: Address, ip: str, now_ms: int) -> bool:
        """Add a node that we reached; `ip` may be empty. Return True if it is a new entry.

        In a full bucket it replaces a node that did not answer, or waits for one.
        """
        known = self._entries.get(address.peer)
        if known is not None:
            if known.address == address:
                self.seen(address.peer, now_ms)
                return False
            self._drop(known)
        entry = Entry(address, key_of(address.peer), network_of(ip or address.host), now_ms)
        if entry.key == self.local:
            return False
        index = self._index(entry.key)
        bucket = self._buckets.setdefault(index, [])
        if not self._may_enter(entry, bucket):
            self._let_in(index)  # the place of an entry that moved to a network that is full
            return False
        if len(bucket) >= K:
            silent = next((one for one in bucket if one.failures), None)
            if silent is None:
                self._waiting[index] = entry
                return False
            self._drop(silent)
        self._enter(entry, bucket)
        return known is None

    def seen(self, peer: str, now_ms: int) -> None:
        """Note that `peer` answered. If it was its bucket's oldest, the waiting node is dropped."""
        entry = self._entries.get(peer)
        if entry is None:
            return
        bucket = self._buckets[self._index(entry.key)]
        if bucket[0] is entry:
            self._waiting.pop(self._index(entry.key), None)
        entry.seen_ms, entry.failures = now_ms, 0
        bucket.remove(entry)
        bucket.append(entry)

    def failed(self, peer: str) -> None:
        """Note that `peer` did not answer, or is not reachable."""
        entry = self._entries.get(peer)
        if entry is None:
            return
        entry.failures += 1
        if entry.failures >= FAILURES or self._index(entry.key) in self._waiting:
            self.remove(peer)

    def remove(self, peer: str) -> None:
        """Remove `peer`; the node that waits for a place in its bucket gets it."""
        index = self._index(key_of(peer))
        waiting = self._waiting.get(index)
        if waiting is not None and waiting.address.peer == peer:
            del self._waiting[index]
        entry = self._entries.get(peer)
        if entry is not None:
            self._drop(entry)
            self._let_in(index)

    def doubtful(self, now_ms: int, here: Iterable[str]) -> str | None:
        """Return the node to check next, None if none is due. Those in `here` count as seen.

        First the oldest of a bucket with a waiting node, then one not seen for STALE_MS.
        """
        for peer in here:
            self.seen(peer, now_ms)
        for index in self._waiting:
            return self._buckets[index][0].address.peer
        oldest = min(self._entries.values(), key=lambda entry: entry.seen_ms, default=None)
        if oldest is None or now_ms - oldest.seen_ms < STALE_MS:
            return None
        return oldest.address.peer

    # --- internals --------------------------------------------------------------------

    def _index(self, key: int) -> int:
        return (key ^ self.local).bit_length() - 1

    def _may_enter(self, entry: Entry, bucket: list[Entry]) -> bool:
        if not entry.network:
            return True
        if self._networks[entry.network] >= PER_TABLE:
            return False
        return sum(one.network == entry.network for one in bucket) < PER_BUCKET

    def _enter(self, entry: Entry, bucket: list[Entry]) -> None:
        bucket.append(entry)
        self._entries[entry.address.peer] = entry
        self._networks[entry.network] += 1

    def _drop(self, entry: Entry) -> None:
        del self._entries[entry.address.peer]
        self._buckets[self._index(entry.key)].remove(entry)
        self._networks[entry.network] -= 1

    def _let_in(self, index: int) -> None:
        entry = self._waiting.pop(index, None)
        bucket = self._buckets[index]
        if entry is not None and len(bucket) < K and self._may_enter(entry, bucket):
            self._enter(entry, bucket)
