"""A system clock that is set by an hour changes nothing in what peers may do."""

from __future__ import annotations

import time
from dataclasses import dataclass

import pytest

from p2p.accounts import USELESS
from p2p.dial_plan import BookConfig
from p2p.host.guard import CostGuard
from p2p.host.node import Node
from p2p.limits import Bucket, Rate
from p2p.mailbox import FairEvents, Mailbox, Newest
from p2p.network import TX
from p2p.networks import CLOSED_MS, NETWORK
from p2p.peers import PeerBook
from p2p.reputation import BAN_MS
from p2p.steady import SteadyClock
from support.p2p_attack import settings

HOUR_NS = 3_600 * 10**9
MS_NS = 10**6
HOME = "127.0.0.1"
PEER = "12D3KooWEyoppNCUx8Yx66oV9fJnriXwCcXwDDUA2kj6vnc6iDEp"


@dataclass
class Clocks:
    """The two clocks of a machine."""

    wall: int = 1_800_000_000 * 10**9
    monotonic: int = 77 * 10**9

    def steady(self) -> SteadyClock:
        return SteadyClock(lambda: self.wall, lambda: self.monotonic)

    def sleep(self, milliseconds: int) -> None:
        self.wall += milliseconds * MS_NS
        self.monotonic += milliseconds * MS_NS


@pytest.fixture
def clocks() -> Clocks:
    return Clocks()


def test_it_begins_at_the_time_of_day_and_follows_the_monotonic_clock(clocks: Clocks) -> None:
    clock = clocks.steady()
    assert clock() == clocks.wall // MS_NS
    clocks.sleep(1_234)
    assert clock() == clocks.wall // MS_NS


@pytest.mark.parametrize("jump", [HOUR_NS, -HOUR_NS])
def test_a_jump_neither_refills_nor_freezes_nor_opens_nor_bans(clocks: Clocks, jump: int) -> None:
    clock, cut = clocks.steady(), []
    guard = CostGuard(lambda peer, order: cut.append(peer), clock)
    accounts, book = guard.accounts, PeerBook("us", BookConfig(), 1)
    bucket = Bucket(Rate(1, 5), clock())
    accounts.opened("a", HOME, clock())
    guard.charge("a", TX, 0, USELESS.burst // 3 * 2)
    guard.charge("b", TX, 0, 0)
    book.penalise("b", 10_000, "a test", clock())
    accounts.opened("c", HOME, clock())
    guard.charge("c", TX, 0, NETWORK.burst)
    assert accounts.closed(HOME, clock()) is not None
    assert all(bucket.take(clock()) for _ in range(5))

    clocks.wall += jump
    assert cut == ["c"]
    assert accounts._peers["a"].useless.refill(clock()) == USELESS.burst // 3
    assert accounts.closed(HOME, clock()) is not None
    assert book.is_banned("b", clock())
    assert not bucket.take(clock())

    clocks.sleep(10_000)  # time goes on as before
    refilled = USELESS.burst // 3 + 10 * USELESS.per_second
    assert accounts._peers["a"].useless.refill(clock()) == refilled
    assert bucket.take(clock())
    clocks.sleep(CLOSED_MS)
    assert accounts.closed(HOME, clock()) is None
    clocks.sleep(BAN_MS)
    assert not book.is_banned("b", clock())


@pytest.mark.parametrize("jump", [HOUR_NS, -HOUR_NS])
def test_the_network_counts_by_such_a_clock(monkeypatch: pytest.MonkeyPatch, jump: int) -> None:
    node = Node(settings(), Mailbox(lambda: None, Newest(())), Mailbox(lambda: None, FairEvents()))
    guard = node.guard
    guard.accounts.opened(PEER, HOME, guard._clock())
    guard.charge(PEER, TX, 0, USELESS.burst // 3 * 2)
    wall = time.time_ns
    monkeypatch.setattr(time, "time_ns", lambda: wall() + jump)
    for _ in range(2):
        left = guard.accounts._peers[PEER].useless.refill(guard._clock())
        assert USELESS.burst // 3 <= left < USELESS.burst // 2
        monkeypatch.undo()  # and back
