"""The schedule of the emission, by epochs."""

from __future__ import annotations

from typing import NamedTuple

from runtime.emission import emitted, issued, pace


class Schedule(NamedTuple):
    """The emission of a pool over epochs, counted from genesis; amounts in planck."""

    pool: int
    """The pool at genesis."""
    epoch_slots: int
    slot_ms: int

    def begin(self, epoch: int) -> int:
        """Return the ms since genesis at which an epoch begins."""
        return epoch * self.epoch_slots * self.slot_ms

    def between(self, epoch: int, until: int) -> int:
        """Return the emission of the epochs from `epoch` to before `until`."""
        return issued(self.pool, self.begin(epoch), self.begin(until))

    def budget(self, epoch: int) -> int:
        """Return the emission of an epoch."""
        return self.between(epoch, epoch + 1)

    def limit(self, epoch: int) -> int:
        """Return the maximum unallocated emission to be paid in an epoch."""
        return pace(self.pool, self.begin(epoch), self.begin(epoch + 1))

    def by(self, slot: int) -> int:
        """Return the emission by a slot, counted from genesis."""
        return emitted(self.pool, slot * self.slot_ms)
