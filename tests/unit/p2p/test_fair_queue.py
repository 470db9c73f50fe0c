"""Queues of what peers send: bounded for each, fair between them, empty when they leave."""

from __future__ import annotations

from p2p.fair_queue import OVERHEAD, Bounds, FairQueue
from p2p.mailbox import FairEvents, Mailbox
from p2p.network import TX, Connected, Disconnected, Event, GossipReceived, NoteReceived, Status

ONE = 100 + OVERHEAD
STATUS = Status(1, 0, bytes(32), 0, bytes(32))


def queue(peer: int = 4, total: int = 8) -> FairQueue[str]:
    return FairQueue(Bounds(peer * ONE, total * ONE))


def gossip(peer: str, mark: int = 0, size: int = 100) -> GossipReceived:
    return GossipReceived(TX, peer, bytes([mark]) * size)


def test_a_peer_over_its_bound_loses_its_newest_message() -> None:
    waiting = queue()
    kept = [waiting.put("a", f"a{n}", 100) for n in range(6)]
    assert kept == [True] * 4 + [False] * 2
    assert (len(waiting), waiting.size, waiting.lost) == (4, 4 * ONE, 2)
    assert waiting.take() == ("a", "a0")


def test_a_full_queue_drops_the_newest_of_the_greediest_peer() -> None:
    waiting = queue(peer=5, total=6)
    for number in range(5):
        waiting.put("greedy", f"g{number}", 100)
    assert waiting.put("b", "b0", 100)
    assert waiting.put("c", "c0", 100)
    assert waiting.lost == 1
    left = [value for _, value in waiting.drain()]
    assert left == ["g0", "g1", "g2", "g3", "b0", "c0"]


def test_the_peer_that_had_the_least_time_is_next() -> None:
    waiting = queue()
    for number in range(3):
        waiting.put("slow", f"s{number}", 100)
        waiting.put("quick", f"q{number}", 100)
    order = []
    while (found := waiting.take()) is not None:
        peer, value = found
        order.append(value)
        waiting.spent(peer, 30 if peer == "slow" else 10)
    assert order == ["q0", "s0", "q1", "q2", "s1", "s2"]


def test_within_the_slack_the_oldest_is_next() -> None:
    waiting: FairQueue[str] = FairQueue(Bounds(9 * ONE, 18 * ONE), slack=30)
    for number in range(5):
        waiting.put("a", f"a{number}", 100)
    for number in range(3):
        waiting.put("b", f"b{number}", 100)
    order = []
    while (found := waiting.take()) is not None:
        peer, value = found
        order.append(value)
        waiting.spent(peer, 20)
    # After 40 the first has had more than the slack, and each time it takes another turn.
    assert order == ["a0", "a1", "b0", "a2", "b1", "a3", "b2", "a4"]


def test_time_in_which_a_peer_sends_nothing_is_not_saved_up() -> None:
    waiting = queue()
    waiting.put("early", "e0", 100)
    waiting.take()
    for number in range(3):
        waiting.put("busy", f"b{number}", 100)
        waiting.take()
        waiting.spent("busy", 100)
    for number in range(2):
        waiting.put("early", f"e{number}", 100)
        waiting.put("busy", f"b{number}", 100)
    peers = []
    while (found := waiting.take()) is not None:
        peers.append(found[0])
        waiting.spent(found[0], 100)
    assert peers == ["early", "busy", "early", "busy"]


def test_what_a_peer_sent_goes_with_it() -> None:
    waiting = queue()
    for peer in "aab":
        waiting.put(peer, peer, 100)
    waiting.gone("a")
    assert (len(waiting), waiting.size) == (1, ONE)
    assert waiting.take() == ("b", "b")
    assert waiting.take() is None


def test_events_come_out_in_order_and_gossip_of_a_peer_that_left_does_not() -> None:
    woken: list[int] = []
    box = Mailbox(lambda: woken.append(1), FairEvents())
    events: list[Event] = [
        Connected("a", STATUS),
        gossip("a", 1),
        Connected("b", STATUS),
        NoteReceived("b", b"note"),
        gossip("a", 2),
        Disconnected("a"),
        Connected("a", STATUS),
        gossip("a", 3),
    ]
    for event in events:
        box.put(event)
    assert len(box) == 6
    assert box.take() == [events[0], *events[2:4], *events[5:]]
    assert (len(woken), box.take(), len(box)) == (1, [], 0)


def test_one_peer_cannot_fill_the_box_for_others() -> None:
    box = Mailbox(lambda: None, FairEvents(Bounds(4 * ONE, 6 * ONE)))
    for mark in range(100):
        box.put(gossip("greedy", mark))
    box.put(gossip("honest"))
    events = box.take()
    assert gossip("honest") in events
    assert len(events) == 5
    assert box.lost == 96
