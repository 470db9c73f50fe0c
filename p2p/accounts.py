"""Processor time that peers cause here, per peer and per network. Pure; time is an argument.

    accounts = Accounts()
    accounts.closed(ip, now)                  why a new connection is refused; None: admitted
    accounts.opened(peer, ip, now)            a peer is connected
    accounts.admits(peer, kind, now)          whether a message is decoded or dropped
    accounts.charge(peer, kind, ..., now)     what it cost; returns the reason to cut the peer off
    accounts.gone(peer, now)

Two kinds of cost, both measured in microseconds of processor time:

    work      everything. Generous; a peer above it has its transactions and announces dropped, as
              work, until it is below, and is cut off if it goes on like that for OVERUSE_MS. All
              peers of a network share as much of what is not useless: above it, those that cost
              more than SHARE have theirs dropped, too.
    useless   the part that was spent on malformed, stale, forged or refused input. Small: at half
              of it a peer gets SLOW messages a second, at zero it is cut off.

A peer that was cut off is kept out until half of its budget is back; the second time within
MEMORY_MS it is banned. A network (/24 of IPv4, /64 of IPv6 and the /48 around it) has a useless
budget of its own (`networks.py`), which all its peers share, so that a new identity is not free:

    a new peer starts with its network's remaining budget, at least NEWCOMER_US;
    each inbound connection costs HANDSHAKE_US, each ban of a peer BAN_US;
    at zero the network is closed: new connections are refused before the handshake, CLOSED_MS at
    first and twice as long each time.

While a network is closed, each of its connected peers is cut off at CLOSED_SHARE of its own useless
budget. No honest peer uses that much, so an attacker cannot get a connected peer of its network
disconnected, and many identities that each cost a little are cut off together.

Peers that the operator named (boot nodes, reserved) neither use their network's budget nor start
with what remains of it. A reserved peer is never cut off, and starts anew with each connection. The
loopback is a network like any other: the processes on this machine share its budget.
"""

from __future__ import annotations

from collections import Counter, OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from p2p.limits import LARGE_TX, Bucket, Rate
from p2p.network import ANNOUNCE, GRANDPA, GRANDPA_PEER, KIB, TX
from p2p.networks import MEMORY_MS, MINUTE_MS, SECOND_US, WORK, Allowance, Level, Networks

USELESS: Final = Allowance(10_000, 600_000)
"""Useless work for one peer."""
NEWCOMER_US: Final = 50_000
"""Minimum useless budget of a new peer."""
HANDSHAKE_US: Final = 4_000
"""Charge of a network for an inbound connection: Noise and Yamux, measured."""
BAN_US: Final = 100_000
"""Charge of a network for the ban of one of its peers: the next identity is not free."""
DROP_US: Final = 500
"""Minimum charge for a message that is dropped: its bytes were decrypted and read."""
DROP_US_PER_KIB: Final = 100
"""Additional charge for its size. Ten times the cost of reading: 590 kB/s of dropped messages use
up a budget within ten seconds, 56 kB/s (400 transfers) do not."""
OVERUSE_MS: Final = 10_000
"""Milliseconds for which a peer may use all of its allowed work before it is cut off."""
OVERUSE_SHARE: Final = 0.9
"""Part of the allowed work that counts as all of it."""
CLOSED_SHARE: Final = 0.25
"""Part of its useless budget above which a peer is cut off while its network is closed."""
SHARE: Final = Allowance(50_000, 500_000)
"""Work of a peer that is admitted whatever the other peers of its network cost."""
SLOW: Final = Rate(5, 10)
"""Messages of a peer that has used up half of its useless budget, a second and at once."""
SLOWED: Final = frozenset({TX, LARGE_TX, ANNOUNCE})
"""Kinds of messages that are slowed and dropped. Votes are not: their sender is cut off instead."""
GOSSIP: Final = "gossip"
"""Kind of the work of the network's thread on gossip: reading, hashing, counting."""
PUSHED: Final = frozenset({TX, LARGE_TX, ANNOUNCE, GRANDPA, GRANDPA_PEER, GOSSIP})
"""Kinds of work that a peer is cut off for. Answers are not among them: they have a budget that all
peers share, and a node that synchronizes may use all of it."""

REPORT_MS: Final = MINUTE_MS
"""Pause between two reports of a reserved peer that costs too much."""
MAX_PEERS: Final = 4_096


class CutOff(NamedTuple):
    """A peer is to be disconnected."""

    why: str
    is_ban: bool
    """It was cut off before: ban it."""
    kind: str
    """Kind of message that cost the most."""


@dataclass(slots=True)
class _Peer:
    """Account of one peer, connected or remembered."""

    work: Level
    share: Level
    useless: Level
    ip: str | None
    """IP address that it is connected from; None: no network is charged for it."""
    connected: bool = True
    causes: Counter[str] = field(default_factory=Counter)
    """Useless microseconds by kind."""
    slow: Bucket | None = None
    cuts: int = 0
    cut_ms: int = 0
    first: float = 0.0
    """Its useless budget when it connected."""
    overuse: _Overuse | None = None
    reserved: bool = False
    """It is never cut off, only reported, and it is slowed like any other peer."""


@dataclass(slots=True)
class _Overuse:
    """A period above the work budget of a peer; it ends when half of the budget is back."""

    since_ms: int
    spent: int = 0


class Accounts:
    """All accounts of a node."""

    def __init__(self) -> None:
        self._peers: OrderedDict[str, _Peer] = OrderedDict()
        self._networks = Networks()
        self.spent: Counter[str] = Counter()
        """Microseconds, by kind."""
        self.useless: Counter[str] = Counter()
        """Useless microseconds, by kind."""
        self.cut_off: Counter[str] = Counter()
        """Peers that were cut off, by the kind that cost the most."""
        self.refused = 0
        """Connections refused because of their network."""
        self.most_used = 0.0
        """Largest part of its budget for useless work that any peer has used."""

    # --- connections ----------------------------------------------------------------

    def closed(self, ip: str, now_ms: int) -> str | None:
        """Return why a connection from an address is refused; None admits it and charges it."""
        name = self._networks.closed(ip, now_ms)
        if name is not None:
            self.refused += 1
            return f"network {name} is closed"
        self._networks.charge(ip, HANDSHAKE_US, now_ms)
        return None

    def is_closed(self, ip: str, now_ms: int) -> bool:
        """Return True if new connections from an address are refused, without charging any."""
        return self._networks.closed(ip, now_ms) is not None

    def opened(
        self, peer: str, ip: str, now_ms: int, *, named: bool = False, reserved: bool = False
    ) -> str | None:
        """Open the account of a connected peer; return why it is kept out, None if it is not.

        `named`: the operator configured it (boot node, reserved).
        """
        known = self._peers.pop(peer, None)
        own = None if named or reserved else ip
        if known is not None and reserved:
            known.useless, known.cuts = Level(USELESS, now_ms), 0
        if known is None:
            left = USELESS.burst
            if own is not None:
                left = min(left, max(self._networks.rest(own, now_ms), NEWCOMER_US))
            share = Level(SHARE, now_ms)
            known = _Peer(Level(WORK, now_ms), share, Level(USELESS, now_ms, left), own)
        self._peers[peer] = known
        known.ip, known.connected, known.reserved = own, True, reserved
        known.first, known.overuse = known.useless.refill(now_ms), None
        self._forget()
        if known.cuts and not named and known.useless.refill(now_ms) < USELESS.burst // 2:
            return "it was cut off a moment ago"
        return None

    def banned(self, peer: str, now_ms: int) -> None:
        """Charge a peer's network for its ban."""
        known = self._peers.get(peer)
        if known is not None and known.ip is not None:
            self._networks.charge(known.ip, BAN_US, now_ms)

    def set_reserved(self, peer: str, now_ms: int, *, reserved: bool) -> None:
        """Set whether the operator reserves a place for a peer; reserving forgives its offences."""
        known = self._peers.get(peer)
        if known is None:
            return
        known.reserved = reserved
        if reserved:
            known.ip, known.cuts = None, 0
            known.useless, known.work = Level(USELESS, now_ms), Level(WORK, now_ms)
            known.first, known.overuse = float(USELESS.burst), None

    def gone(self, peer: str) -> None:
        """Note that a peer has left. Its account is kept: reconnecting must not reset it."""
        known = self._peers.get(peer)
        if known is not None:
            known.connected = False

    # --- messages -------------------------------------------------------------------

    def admits(self, peer: str, kind: str, now_ms: int) -> bool:
        """Return True if a message is to be decoded, False if it is to be dropped before that."""
        known = self._peers.get(peer) if kind in SLOWED else None
        if known is None:
            return True
        if self.is_overworked(peer, now_ms):
            return False
        if known.useless.refill(now_ms) > USELESS.burst // 2:
            return True
        if known.slow is None:
            known.slow = Bucket(SLOW, now_ms)
        return known.slow.take(now_ms)

    def is_overworked(self, peer: str, now_ms: int) -> bool:
        """Return True if a peer has used up its budget for work, or its network has and the peer
        its own share of that.
        """
        known = self._peers.get(peer)
        if known is None:
            return False
        if known.work.refill(now_ms) <= 0:
            return True
        if known.ip is None or known.share.refill(now_ms) > 0:
            return False
        return self._networks.is_overworked(known.ip, now_ms)

    def refused_us(self, peer: str, size: int, now_ms: int) -> tuple[int, int]:
        """Return the charge for a message that `admits` refused: the total, and the useless part.

        A peer that is above its budget for work for a short time may be honest: then the message is
        work, too. Otherwise its useless budget would be used up before it is admitted again.
        """
        price = drop_us(size)
        return price, 0 if self.is_overworked(peer, now_ms) else price

    def charge(self, peer: str, kind: str, spent: int, useless: int, now_ms: int) -> CutOff | None:
        """Charge microseconds that a peer's messages cost; return the order to cut it off, once."""
        self.spent[kind] += spent
        self.useless[kind] += useless
        known = self._peers.get(peer)
        if known is None:
            return None
        if known.ip is not None and kind in PUSHED:
            self._networks.work(known.ip, spent - useless, now_ms)
            known.share.spend(now_ms, spent)
        left = known.work.spend(now_ms, spent)
        if left >= WORK.burst / 2:
            known.overuse = None
        elif _overuses(known, left, spent, now_ms, is_pushed=kind in PUSHED) and known.connected:
            return self._cut(known, now_ms, kind)
        if not useless:
            return None
        known.causes[kind] += useless
        left = known.useless.spend(now_ms, useless)
        self.most_used = max(self.most_used, min(1.0, 1 - left / USELESS.burst))
        least = 0.0
        if known.ip is not None:
            self._networks.charge(known.ip, useless, now_ms)
            if self._networks.closed(known.ip, now_ms) is not None:
                least = max(0.0, known.first - CLOSED_SHARE * USELESS.burst)
        # In a closed network a peer exactly at its limit is not cut off yet.
        if left > least or (least and left == least) or not known.connected:
            return None
        return self._cut(known, now_ms)

    # --- for metrics and tests ------------------------------------------------------

    def used(self, peer: str) -> float:
        """Return the largest part of its useless budget that a peer had used at any time."""
        known = self._peers.get(peer)
        return 0.0 if known is None else 1 - known.useless.lowest / USELESS.burst

    def causes(self, peer: str) -> Mapping[str, int]:
        """Return the useless microseconds of a peer by kind."""
        known = self._peers.get(peer)
        return {} if known is None else dict(known.causes)

    # --- internals ------------------------------------------------------------------

    def _cut(self, known: _Peer, now_ms: int, overused: str | None = None) -> CutOff | None:
        """Return the order to cut a peer off; `overused` is the kind of too much work.

        For a reserved peer it is a report, at most one per REPORT_MS.
        """
        if known.reserved:
            if known.cuts and now_ms < known.cut_ms + REPORT_MS:
                return None
            again = False
        else:
            again = known.cuts > 0 and now_ms < known.cut_ms + MEMORY_MS
            known.connected = False
        known.cuts = known.cuts + 1 if again else 1
        known.cut_ms = now_ms
        if overused is not None:
            self._count_cut(known, overused)
            known.causes.clear()
            why = f"more than {WORK.per_second / SECOND_US:.1f} s of work a second"
            return CutOff(f"{why} for {OVERUSE_MS // 1_000} s", again, overused)
        causes = known.causes.most_common(3)
        kind = causes[0][0]
        self._count_cut(known, kind)
        listed = ", ".join(f"{name} {spent / SECOND_US:.2f} s" for name, spent in causes)
        known.causes.clear()
        return CutOff(f"useless work: {listed} of processor time", again, kind)

    def _count_cut(self, known: _Peer, kind: str) -> None:
        if not known.reserved:
            self.cut_off[kind] += 1

    def _forget(self) -> None:
        """Make room by dropping the least recently opened account that is not connected."""
        if len(self._peers) <= MAX_PEERS:
            return
        for name, known in self._peers.items():
            if not known.connected:
                del self._peers[name]
                return


def _overuses(known: _Peer, left: float, spent: int, now_ms: int, *, is_pushed: bool) -> bool:
    """Return True if a peer with less than half of its budget has overused it for OVERUSE_MS."""
    if known.overuse is not None:
        known.overuse.spent += spent if is_pushed else 0
    elif left <= 0:
        known.overuse = _Overuse(now_ms)
    if known.overuse is None:
        return False
    lasted = now_ms - known.overuse.since_ms
    allowed = lasted * WORK.per_second / 1_000
    return lasted >= OVERUSE_MS and known.overuse.spent >= OVERUSE_SHARE * allowed


def drop_us(size: int) -> int:
    """Return the charge for a message of `size` bytes that is dropped undecoded."""
    return DROP_US + size * DROP_US_PER_KIB // KIB
