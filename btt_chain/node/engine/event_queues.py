"""Queues of network events by priority: votes before answers, announces, transactions.

    control         connections, statuses, failed requests                        all at once
    votes           GRANDPA's gossip and notes                                    bounded, fair
    answers         answers to requests of ours: block bodies, proofs             in order
    announces       headers of new blocks                                         bounded, fair
    transactions                                                bounded, fair within SLACK_MS

Requests of other nodes wait elsewhere (`p2p/protocols/budget.py`). A queue of gossip is bounded in
bytes for each peer and for all, and served by turns; the messages of a peer that leaves are
dropped. Transactions of peers that took about as much time are served in order of arrival: later
nonces of an account may come from another peer than earlier ones, and would be refused before them.
Pure: the driver decides how much of each queue it handles in a turn.
"""

from __future__ import annotations

from collections import deque
from enum import IntEnum
from types import MappingProxyType
from typing import Final

from p2p.fair_queue import Bounds, FairQueue
from p2p.network import (
    ANNOUNCE,
    GRANDPA,
    KIB,
    MIB,
    TX,
    Answered,
    Disconnected,
    Event,
    GossipReceived,
    NoteReceived,
)


class GossipQueue(IntEnum):
    """Queues of unsolicited messages, by priority."""

    VOTES = 0
    ANNOUNCES = 1
    TRANSACTIONS = 2


BOUNDS: Final = MappingProxyType(
    {
        GossipQueue.VOTES: Bounds(peer=1 * MIB, total=8 * MIB),
        GossipQueue.ANNOUNCES: Bounds(peer=256 * KIB, total=2 * MIB),
        GossipQueue.TRANSACTIONS: Bounds(peer=2 * MIB, total=16 * MIB),
    }
)
SLACK_MS: Final = 100.0
"""Time that a peer's transactions may take more than those of others before they have to wait."""
QUEUE_OF: Final = MappingProxyType(
    {GRANDPA: GossipQueue.VOTES, ANNOUNCE: GossipQueue.ANNOUNCES, TX: GossipQueue.TRANSACTIONS}
)
"""Queues by topic."""


class EventQueues:
    """Events that wait for the engine."""

    def __init__(self) -> None:
        self._control: deque[Event] = deque()
        self._answers: deque[Answered] = deque()
        self._gossip = {
            queue: FairQueue[Event](bounds, SLACK_MS if queue is GossipQueue.TRANSACTIONS else 0.0)
            for queue, bounds in BOUNDS.items()
        }

    def __len__(self) -> int:
        queues = self._gossip.values()
        return len(self._control) + len(self._answers) + sum(map(len, queues))

    @property
    def size(self) -> int:
        """Bytes of gossip and notes that wait."""
        return sum(queue.size for queue in self._gossip.values())

    def size_of(self, queue: GossipQueue) -> int:
        """Return the bytes that wait in a queue."""
        return self._gossip[queue].size

    @property
    def lost(self) -> int:
        """Messages that were dropped for lack of room."""
        return sum(queue.lost for queue in self._gossip.values())

    def put(self, event: Event) -> None:
        """Add an event to its queue."""
        match event:
            case GossipReceived(topic, peer, data):
                self._gossip[QUEUE_OF[topic]].put(peer, event, len(data))
            case NoteReceived(peer, data):
                self._gossip[GossipQueue.VOTES].put(peer, event, len(data))
            case Answered():
                self._answers.append(event)
            case _:
                if isinstance(event, Disconnected):
                    for queue in self._gossip.values():
                        queue.gone(event.peer)
                self._control.append(event)

    def control(self) -> Event | None:
        """Take the next event about peers and requests; None if there is none."""
        return self._control.popleft() if self._control else None

    def answer(self) -> Event | None:
        """Take the next answer; None if there is none."""
        return self._answers.popleft() if self._answers else None

    def gossip(self, queue: GossipQueue) -> tuple[str, Event] | None:
        """Take the next message with its sender, None if there is none; call `spent` afterwards."""
        return self._gossip[queue].take()

    def spent(self, queue: GossipQueue, peer: str, amount: float) -> None:
        """Record the time that a message of a peer took."""
        self._gossip[queue].spent(peer, amount)
