"""Places of the tracks: referenda being decided, and the queues for the next places."""

from __future__ import annotations

from btt_chain.scale import Bounded, u16, u32, u128
from runtime.frame import Component, Hasher, Map
from runtime.pallets.referenda.types import MAX_QUEUED

Entry = tuple[u32, u128]
"""A queued referendum, and its ayes."""


class Queues(Component):
    """The queue of each track by ayes, and the number of its referenda being decided."""

    track_queue = Map(u16, Bounded[list[Entry], MAX_QUEUED], default=[], hasher=Hasher.Twox64Concat)
    """Queued referenda with their ayes, by track; the last is the next to be decided."""
    deciding_count = Map(u16, u32, default=u32(0), hasher=Hasher.Twox64Concat)
    """Number of referenda being decided, by track."""

    def add(self, track: u16, index: u32, ayes: u128, limit: int) -> tuple[bool, u32 | None]:
        """Add a referendum; return True if it was added, and the one removed for it, if any.

        If the queue has `limit` entries, the one with the fewest ayes is removed, unless the new
        one has no more.
        """
        queue, removed = self.track_queue[track], None
        if len(queue) >= limit:
            last, fewest = queue[0]
            if ayes <= fewest:
                return False, None
            queue.pop(0)
            removed = last
        self._insert(track, index, ayes, queue)
        return True, removed

    def update(self, track: u16, index: u32, ayes: u128) -> None:
        """Move a queued referendum to the place of its present ayes."""
        queue = self.track_queue[track]
        self._insert(track, index, ayes, [entry for entry in queue if entry[0] != index])

    def remove(self, track: u16, index: u32) -> None:
        """Remove a queued referendum."""
        queue = self.track_queue[track]
        self.track_queue[track] = [entry for entry in queue if entry[0] != index]

    def next(self, track: u16) -> u32 | None:
        """Remove and return the referendum that takes a free place.

        If there is none, the place is no longer counted as taken; return None.
        """
        queue = self.track_queue[track]
        if not queue:
            count = self.deciding_count[track]
            self.deciding_count[track] = u32(max(0, int(count) - 1))
            return None
        index, _ = queue.pop()
        self.track_queue[track] = queue
        return index

    def _insert(self, track: u16, index: u32, ayes: u128, queue: list[Entry]) -> None:
        """Insert after all with fewer ayes and before all others: of equals, the oldest is next."""
        place = sum(other < ayes for _, other in queue)
        queue.insert(place, (index, ayes))
        self.track_queue[track] = queue
