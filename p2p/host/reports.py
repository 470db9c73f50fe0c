"""Reports of large messages that are here: the neighbours need not send them (IDONTWANT).

A report waits for other messages to the same neighbours and is sent with them, as a frame of its
own costs as much as a message. It waits no longer than WAIT_SECONDS, because neighbours forward
what they have after a tenth of a second. Two reports are REPORT_SECONDS apart at least: peers limit
control messages (`p2p.limits`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Final

import trio
from libp2p.peer.id import ID

from p2p.host.containment import contain

MAX_IDS: Final = 512
"""Maximum number of ids that a peer does not want within a second."""
MIN_BYTES: Final = 1_024
"""Minimum size of a message that is reported; a small one costs no more than its report."""
REPORT_SECONDS: Final = 0.075
"""Minimum time between two reports."""
WAIT_SECONDS: Final = 0.05
"""Time after which a message is reported even if nothing else is sent, unless the last report is
too recent."""

MessageIds = Mapping[str, Sequence[bytes]]
"""Ids of messages, by topic on the wire."""


class ReceptionReports:
    """Messages that were received and not reported yet."""

    def __init__(self, send: Callable[[MessageIds], None]) -> None:
        """`send` queues a report for the neighbours."""
        self._send: Final = send
        self._waiting: dict[str, list[bytes]] = {}
        self._count = 0
        self._due = 0.0
        """Time at which the waiting ones are to be reported."""
        self._next = 0.0
        """Time from which on the next report may be sent."""
        self._changed = trio.Event()

    def add(self, topic: str, message_id: bytes) -> None:
        """Add a message; report it now if there are many."""
        self._waiting.setdefault(topic, []).append(message_id)
        self._count += 1
        if self._count >= MAX_IDS:
            self._report()
        elif self._count == 1:
            self._due = max(trio.current_time() + WAIT_SECONDS, self._next)
            self._changed.set()

    def take_along(self) -> None:
        """Report the waiting ids with a message that is being sent, unless a report is recent."""
        if self._count and trio.current_time() >= self._next:
            self._report()

    async def run(self) -> None:
        """Report ids that have waited for too long, until cancelled."""
        while True:
            await self._changed.wait()
            self._changed = trio.Event()
            await trio.sleep(max(self._due - trio.current_time(), 0))
            if self._count and trio.current_time() >= self._due:
                self._report()
            elif self._count:
                self._changed.set()  # those were taken along, and others came

    def _report(self) -> None:
        waiting, self._waiting, self._count = self._waiting, {}, 0
        self._next = trio.current_time() + REPORT_SECONDS
        with contain("reports of messages"):
            self._send(waiting)


def reports_to(
    message_ids: MessageIds,
    mesh: Mapping[str, Iterable[ID]],
    is_needed: Callable[[ID, bytes], bool],
) -> dict[ID, list[bytes]]:
    """Return the ids reported to each peer, by topic, that the mesh of their topic may send.

    `is_needed` returns False for a peer that has the message.
    """
    reports: dict[ID, list[bytes]] = {}
    for topic, ids in message_ids.items():
        for peer_id in mesh.get(topic, ()):
            needed = [one for one in ids if is_needed(peer_id, one)]
            if needed:
                reports.setdefault(peer_id, []).extend(needed)
    return reports
