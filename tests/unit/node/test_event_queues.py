"""Votes come before answers, answers before announces, and transactions last."""

from __future__ import annotations

from types import SimpleNamespace
from typing import cast

from btt_chain.node.engine.driver import TRANSACTIONS_MS, Driver
from btt_chain.node.engine.engine import Engine
from btt_chain.node.engine.event_queues import BOUNDS, SLACK_MS, EventQueues, GossipQueue
from btt_chain.node.transactions.backpressure import Backpressure
from p2p.fair_queue import OVERHEAD
from p2p.network import (
    ANNOUNCE,
    GRANDPA,
    TX,
    Answered,
    Connected,
    Disconnected,
    Event,
    GossipReceived,
    Network,
    NoteReceived,
    Status,
)

STATUS = Status(1, 0, bytes(32), 0, bytes(32))


def tx(peer: str, mark: int = 0, size: int = 100) -> GossipReceived:
    return GossipReceived(TX, peer, bytes([mark]) * size)


class Busy:
    """An engine for which each transaction message takes a time, and which notes the order."""

    def __init__(self, cost_ms: float = 1.0, slices: int = 0) -> None:
        self.handled: list[Event] = []
        self.worked = 0
        self.now = 0.0
        self.due = 1 << 60
        self.busy = False
        self.has_blocks = False
        self.settings = SimpleNamespace(slot_ms=6_000)
        self.parts = SimpleNamespace(
            pool=SimpleNamespace(on_arrival=lambda _: None, backpressure=Backpressure(100))
        )
        self._cost = cost_ms / 1_000
        self._slices = slices
        self._left = 0

    @property
    def takes_transactions(self) -> bool:
        return not self._left

    def handle(self, event: Event, now: int) -> list[object]:
        self.handled.append(event)
        if isinstance(event, GossipReceived) and event.topic == TX:
            self.now += self._cost
            self._left = self._slices
        return []

    def work(self, now: int) -> list[object]:
        self.worked += 1
        self.now += self._cost
        self._left -= 1
        return []

    def tick(self, now: int) -> list[object]:
        return []


def driver_of(engine: Busy) -> Driver:
    net = SimpleNamespace(do=lambda _: None)
    return Driver(
        cast("Engine", engine), cast("Network", net), lambda: 0, steady=lambda: engine.now
    )


async def test_a_turn_begins_with_votes_and_ends_with_transactions() -> None:
    engine = Busy()
    driver = driver_of(engine)
    vote, note = GossipReceived(GRANDPA, "a", b"vote"), NoteReceived("a", b"note")
    announce, answer = GossipReceived(ANNOUNCE, "a", b"header"), Answered(1, b"block")
    events: list[Event] = [tx("a"), announce, answer, vote, note, Connected("a", STATUS)]
    for event in events:
        driver._put(event)
    driver._queues.put(tx("b"))
    engine._cost = TRANSACTIONS_MS / 1_000
    await driver._turn()
    assert engine.handled == [events[-1], vote, note, answer, announce, events[0]]
    assert len(driver._queues) == 1


async def test_transactions_have_a_share_of_each_turn_and_votes_come_first_in_the_next() -> None:
    engine = Busy(cost_ms=TRANSACTIONS_MS / 4)
    driver = driver_of(engine)
    for mark in range(20):
        driver._put(tx("a", mark))
    await driver._turn()
    assert len(engine.handled) == 4
    vote = GossipReceived(GRANDPA, "b", b"vote")
    driver._put(vote)
    await driver._turn()
    assert engine.handled[4] == vote
    assert len(engine.handled) == 9


async def test_one_batch_is_finished_before_the_next_and_its_time_is_its_senders() -> None:
    engine = Busy(cost_ms=1, slices=3)
    driver = driver_of(engine)
    for mark in range(3):
        driver._put(tx("large", mark))
        driver._put(tx("small", mark))
    while len(driver._queues):
        driver._gossip(GossipQueue.TRANSACTIONS, TRANSACTIONS_MS)
    assert engine.worked >= 15
    peers = [event.peer for event in engine.handled if isinstance(event, GossipReceived)]
    assert peers == ["large", "small"] * 3


async def test_while_blocks_wait_a_turn_imports_one_and_leaves_a_batch_for_later() -> None:
    engine = Busy(cost_ms=1, slices=3)
    driver = driver_of(engine)
    driver._put(tx("a"))
    driver._gossip(GossipQueue.TRANSACTIONS, 0.5)
    assert not engine.takes_transactions
    engine.busy = engine.has_blocks = True
    before = engine.worked
    await driver._turn()
    assert engine.worked == before + 1


def test_what_a_peer_sent_is_not_worked_off_after_it_left() -> None:
    queues = EventQueues()
    for event in (Connected("a", STATUS), tx("a"), GossipReceived(GRANDPA, "a", b"vote"), tx("b")):
        queues.put(event)
    queues.put(Disconnected("a"))
    queues.put(Connected("a", STATUS))
    queues.put(GossipReceived(GRANDPA, "a", b"fresh"))
    assert [type(queues.control()) for _ in range(3)] == [Connected, Disconnected, Connected]
    assert queues.gossip(GossipQueue.VOTES) == ("a", GossipReceived(GRANDPA, "a", b"fresh"))
    assert queues.gossip(GossipQueue.TRANSACTIONS) == ("b", tx("b"))
    assert len(queues) == 0


def test_no_peer_holds_more_than_its_bytes_in_a_queue() -> None:
    queues = EventQueues()
    for mark in range(200):
        queues.put(tx("greedy", mark, size=60_000))
    queues.put(tx("honest"))
    assert queues.size <= BOUNDS[GossipQueue.TRANSACTIONS].peer + 100 + OVERHEAD
    assert queues.lost > 100
    first = queues.gossip(GossipQueue.TRANSACTIONS)
    assert first == ("greedy", tx("greedy", size=60_000))
    queues.spent(GossipQueue.TRANSACTIONS, "greedy", SLACK_MS + 1)
    assert queues.gossip(GossipQueue.TRANSACTIONS) == ("honest", tx("honest"))


def test_transactions_of_equal_peers_come_in_order_of_arrival() -> None:
    queues = EventQueues()
    sent = [tx("ab"[number % 3 == 0], number) for number in range(6)]
    for event in sent:
        queues.put(event)
    handled = []
    while (found := queues.gossip(GossipQueue.TRANSACTIONS)) is not None:
        handled.append(found[1])
        queues.spent(GossipQueue.TRANSACTIONS, found[0], 1.0)
    assert handled == sent
