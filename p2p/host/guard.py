"""The cost accounts of the network's thread, with its clock, meter and charges.

Everything runs in the trio thread, where a peer is cut off at once; `counters` may be read from any
thread.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping
from typing import Final

from p2p.accounts import GOSSIP, Accounts, CutOff, drop_us
from p2p.network import COSTS, CUT_OFF, KIB, REFUSED_BY_NETWORK, USED

log = logging.getLogger(__name__)


SEND_US_PER_KIB: Final = 10
"""Charge for data that a peer wants: framing, encrypting and writing it."""


def thread_us() -> int:
    """Return the processor time of this thread, in microseconds."""
    return time.thread_time_ns() // 1_000


class CostGuard:
    """Charges peers, and cuts off those that cost too much."""

    def __init__(self, cut_off: Callable[[str, CutOff], None], clock: Callable[[], int]) -> None:
        """`cut_off` ends the connections of a peer."""
        self._cut_off = cut_off
        self._clock = clock
        self.accounts = Accounts()

    def admits(self, peer: str, kind: str, size: int = 0) -> bool:
        """Return True if a message of `peer` is admitted; if not, it is dropped and charged."""
        now = self._clock()
        if self.accounts.admits(peer, kind, now):
            return True
        self.charge(peer, kind, *self.accounts.refused_us(peer, size, now))
        return False

    def dropped(self, peer: str, kind: str, size: int = 0) -> None:
        """Charge a message of `size` bytes that was dropped undecoded."""
        price = drop_us(size)
        self.charge(peer, kind, price, price)

    def charge(self, peer: str, kind: str, spent: int, useless: int) -> None:
        """Charge the cost of a peer's messages."""
        order = self.accounts.charge(peer, kind, spent, useless, self._clock())
        if order is not None:
            self._cut_off(peer, order)

    def read(self, peer: str, begun: int, more: int = 0) -> None:
        """Charge the time since `begun` (`thread_us`) for reading gossip, and `more`."""
        spent = max(0, thread_us() - begun)
        self.charge(peer, GOSSIP, spent + more, 0)

    def serves(self, peer: str, size: int) -> bool:
        """Charge gossip of `size` bytes that a peer wants. Return True if the peer is within its
        budget for work; otherwise nothing is charged.
        """
        if self.accounts.is_overworked(peer, self._clock()):
            return False
        self.charge(peer, GOSSIP, size * SEND_US_PER_KIB // KIB, 0)
        return True

    def counters(self) -> Mapping[str, int]:
        """Return microseconds by kind, counts of peers that were cut off and of connections that
        were refused, and the largest part of a budget that was used, in thousandths.
        """
        accounts = self.accounts
        return {
            **{f"{COSTS[0]}{kind}": spent for kind, spent in list(accounts.spent.items())},
            **{f"{COSTS[1]}{kind}": spent for kind, spent in list(accounts.useless.items())},
            **{f"{CUT_OFF}{kind}": count for kind, count in list(accounts.cut_off.items())},
            REFUSED_BY_NETWORK: accounts.refused,
            USED: round(1_000 * accounts.most_used),
        }
