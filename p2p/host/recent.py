"""Ids of recent gossip messages, with peers: those that delivered one, or those it was sent to."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable
from typing import Final

from libp2p.peer.id import ID

MAX_SENDERS: Final = 16
"""Maximum number of peers that are remembered for a message, unless more are asked for."""


class Recent:
    """Ids of recent messages, each with the peers that delivered it, or that it was sent to.

    Replaces the library's cache, which needs a thread (defect 17) and extends an id's time at each
    lookup: a message that is repeated often enough would never be accepted again.
    """

    def __init__(
        self, seconds: float, clock: Callable[[], float] = time.monotonic, most: int = MAX_SENDERS
    ) -> None:
        self._seconds = seconds
        self._most = most
        self._clock = clock
        self._ends: OrderedDict[bytes, tuple[float, list[ID]]] = OrderedDict()

    def add(self, message_id: bytes, sender: ID | None = None) -> bool:
        """Remember a message. Return True if it is new."""
        now = self._clock()
        while self._ends and next(iter(self._ends.values()))[0] <= now:
            self._ends.popitem(last=False)
        known = self._ends.get(message_id)
        if known is None:
            self._ends[message_id] = (now + self._seconds, [] if sender is None else [sender])
            return True
        if sender is not None and sender not in known[1] and len(known[1]) < self._most:
            known[1].append(sender)
        return False

    def has(self, message_id: bytes) -> bool:
        """Return True if a message is remembered."""
        known = self._ends.get(message_id)
        return known is not None and known[0] > self._clock()

    def senders(self, message_id: bytes) -> list[ID]:
        """Return the peers that were added with a message."""
        known = self._ends.get(message_id)
        return [] if known is None else known[1]

    def forget(self, sender: ID, is_done: Callable[[bytes], bool] = lambda _: True) -> None:
        """Forget what a peer delivered: after a reconnect it may deliver it again.

        Messages that it was the first to deliver are dropped with it where they still wait, so
        they are new again, by any peer, unless `is_done`.
        """
        lost = []
        for message_id, (_, senders) in self._ends.items():
            if sender not in senders:
                continue
            if senders[0] == sender and not is_done(message_id):
                lost.append(message_id)
            senders.remove(sender)
        for message_id in lost:
            del self._ends[message_id]

    def stop(self) -> None:
        """Do nothing: there is no thread. The library calls this."""
