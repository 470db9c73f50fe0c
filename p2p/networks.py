"""Budgets of the networks that peers come from. Pure; time is an argument.

An address belongs to a /24 of IPv4, or to a /64 of IPv6 and to the /48 around it: a /48 that is
rented as a whole has 65,536 networks of the smaller kind. Each network has a budget for useless
work; connections from a network that has used it up are refused before the handshake, for CLOSED_MS
at first and twice as long each time. Work that is not useless has a budget, too, as large as that
of one peer: several identities of a network may cause no more than one.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from functools import lru_cache
from ipaddress import IPv6Address
from typing import Final, NamedTuple

from btt_chain.primitives.token_bucket import TokenBucket
from btt_chain.web.addresses import parse_ip

SECOND_US: Final = 1_000_000
MINUTE_MS: Final = 60_000


class Allowance(NamedTuple):
    """Processor time per second, and burst, in microseconds."""

    per_second: int
    burst: int


class Level(TokenBucket):
    """Remaining part of an allowance, in microseconds; below zero is debt, at most one burst."""

    __slots__ = ("lowest",)

    def __init__(self, allowance: Allowance, now_ms: int, left: int | None = None) -> None:
        super().__init__(allowance.per_second / 1_000, allowance.burst, now_ms, left)
        self.lowest = self.level
        """Lowest remaining amount so far."""

    def spend(self, now: float, amount: float) -> float:
        """Use up an amount; return the remaining one. Debt is at most one burst."""
        passed, level = now - self.updated, self.level
        self.updated = now
        if passed > 0 and level != self.burst:  # `refill`, without a call
            level = min(self.burst, level + passed * self.rate)
        left = level - amount
        if left < self.lowest:  # the deepest debt is not lower
            self.lowest = left = max(left, -self.burst)
        self.level = left
        return left


NETWORK: Final = Allowance(30_000, 2 * SECOND_US)
"""Useless work for all peers of a network."""
WIDE_NETWORK: Final = Allowance(120_000, 8 * SECOND_US)
"""The same for a /48 of IPv6."""
WORK: Final = Allowance(500_000, 5 * SECOND_US)
"""Work for one peer, and for all peers of a network that the operator did not name. A peer that
sends 400 new transactions a second needs 0.12 s; transactions received before from others cost
little."""
WIDE_WORK: Final = Allowance(4 * WORK.per_second, 4 * WORK.burst)
"""The same for a /48 of IPv6."""
CLOSED_MS: Final = 10_000
MAX_CLOSED_MS: Final = 10 * MINUTE_MS
MEMORY_MS: Final = 60 * MINUTE_MS
"""Time in which another closing lasts twice as long, after a network opened again."""
MAX_NETWORKS: Final = 4_096
"""Maximum number of remembered networks, and of wide ones."""


@dataclass(slots=True)
class _Network:
    """Account of one network."""

    useless: Level
    work: Level
    closed_until_ms: int = 0
    closings: int = 0


class Networks:
    """Accounts of all networks."""

    def __init__(self) -> None:
        self._narrow: OrderedDict[str, _Network] = OrderedDict()
        self._wide: OrderedDict[str, _Network] = OrderedDict()

    def __len__(self) -> int:
        return len(self._narrow) + len(self._wide)

    def closed(self, ip: str, now_ms: int) -> str | None:
        """Return the network of an address that is closed now, None if none is."""
        for accounts, name in ((self._narrow, network_of(ip)), (self._wide, wide_network_of(ip))):
            known = None if name is None else accounts.get(name)
            if known is not None and known.closed_until_ms > now_ms:
                return name
        return None

    def rest(self, ip: str, now_ms: int) -> int:
        """Return the remaining microseconds of the networks of an address: the lower of the two."""
        return int(min(one.useless.refill(now_ms) for one in self._of(ip, now_ms)))

    def charge(self, ip: str, amount: int, now_ms: int) -> None:
        """Charge the networks of an address; close those whose budget is used up."""
        for network in self._of(ip, now_ms):
            if network.useless.spend(now_ms, amount) > 0 or network.closed_until_ms > now_ms:
                continue
            if now_ms > network.closed_until_ms + MEMORY_MS:
                network.closings = 0
            lasting = min(CLOSED_MS << min(network.closings, 16), MAX_CLOSED_MS)
            network.closings += 1
            network.closed_until_ms = now_ms + lasting

    def work(self, ip: str, amount: int, now_ms: int) -> None:
        """Take work from the budgets of the networks of an address."""
        name = network_of(ip)
        known = self._narrow.get(name)
        if known is not None and wide_network_of(ip) is None:  # most often, and many times a second
            self._narrow.move_to_end(name)
            known.work.spend(now_ms, amount)
            return
        for network in self._of(ip, now_ms):
            network.work.spend(now_ms, amount)

    def is_overworked(self, ip: str, now_ms: int) -> bool:
        """Return True if a network of an address has used up its budget for work."""
        return any(network.work.refill(now_ms) <= 0 for network in self._of(ip, now_ms))

    def _of(self, ip: str, now_ms: int) -> list[_Network]:
        found = [_account(self._narrow, network_of(ip), (NETWORK, WORK), now_ms)]
        wide = wide_network_of(ip)
        if wide is not None:
            found.append(_account(self._wide, wide, (WIDE_NETWORK, WIDE_WORK), now_ms))
        return found


def _account(
    accounts: OrderedDict[str, _Network],
    name: str,
    allowances: tuple[Allowance, Allowance],
    now_ms: int,
) -> _Network:
    """Return the account of a network, the most recently used; `allowances`: useless, work."""
    network = accounts.get(name)
    if network is not None:
        accounts.move_to_end(name)  # the most recent last
        return network
    useless, work = allowances
    network = accounts[name] = _Network(Level(useless, now_ms), Level(work, now_ms))
    if len(accounts) > MAX_NETWORKS:
        del accounts[next(iter(accounts))]
    return network


@lru_cache(maxsize=MAX_NETWORKS)
def network_of(ip: str) -> str:
    """Return the network of an address: /24 of IPv4, /64 of IPv6."""
    address = parse_ip(ip)
    if isinstance(address, IPv6Address):
        return f"{address.exploded[:19]}::/64"
    return ip if address is None else f"{str(address).rpartition('.')[0]}.0/24"


@lru_cache(maxsize=MAX_NETWORKS)
def wide_network_of(ip: str) -> str | None:
    """Return the /48 of an IPv6 address, None for others."""
    address = parse_ip(ip)
    return f"{address.exploded[:14]}::/48" if isinstance(address, IPv6Address) else None
