"""Time that a node takes for making a block: less while blocks come late.

A block must be made, sent and imported by the maker of the next slot before that slot begins;
otherwise it is lost. On machines with too much to do each of these takes longer than the shares of
a slot allow for, and a smaller block needs less of all three. A node observes how late blocks are:

    imports   the part of its slot after which a block of another maker was imported here. Other
              makers need about as long for the blocks of this one. Above LATE_PERCENT the next
              block gets less time, below EARLY_PERCENT more; between them it stays as it is.
    losses    a block of this node on whose parent the maker of a later slot has built

A time that falls by an eighth and grows by GROWTH_PERCENT of the maximum stays above four fifths
of it while one of four makers is late on purpose. It is never below MIN_PERCENT of it. The rule
is local: no other node checks what a maker takes (docs/decisions/0053).

Pure: times are unix milliseconds.
"""

from __future__ import annotations

from typing import Final, NamedTuple

LATE_PERCENT: Final = 88
"""Part of a slot after which an imported block is late; the next maker may be slower than this
node."""
EARLY_PERCENT: Final = 80
"""Part of a slot before which it is early."""
GROWTH_PERCENT: Final = 6
"""Percentage points that an early block adds."""
MIN_PERCENT: Final = 15
MIN_SHARE: Final = 20
"""Minimum time for a block: a slot divided by this."""
STALLED_SLOTS: Final = 3
"""Slots after the beginning of its own from which on an import says nothing: this node was stopped,
or is catching up."""


class MadeBlock(NamedTuple):
    """The last block of this node."""

    slot: int
    number: int
    hash: bytes


class BuildTime:
    """The time for the next block."""

    def __init__(self, slot_ms: int, share: tuple[int, int]) -> None:
        """`share` is the maximum share of a slot."""
        self._slot_ms: Final = slot_ms
        self._max_ms: Final = slot_ms * share[0] // share[1]
        self.percent = 100
        """Percentage of the maximum that the next block may take."""
        self.untimed: int | None = None
        """Slot of a block whose import has just ended, at a time that is not known yet."""
        self._last = -1
        """Slot of the last block whose time was observed."""
        self._own: MadeBlock | None = None

    def given_ms(self, late_ms: int) -> int:
        """Return the milliseconds for a block that is begun `late_ms` after its slot."""
        most = self._max_ms * self.percent // 100
        return max(most - late_ms, self._slot_ms // MIN_SHARE)

    def imported(self, slot: int, number: int, parent: bytes, parent_slot: int) -> None:
        """Record a block of another maker; `advance` follows with the time."""
        self.untimed = slot
        own = self._own
        if own is None or slot <= own.slot:
            return
        # A rival of the same slot is not a sign of lateness, and a later loss was recorded before.
        if parent != own.hash and number <= own.number and parent_slot < own.slot:
            self._shrink()
            self.untimed, self._last = None, max(slot, self._last)  # a block counts once
        self._own = None

    def advance(self, now_ms: int) -> None:
        """Record the time at which the last import was over, if it is not recorded yet."""
        slot, self.untimed = self.untimed, None
        if slot is None or slot <= self._last:
            return
        after = now_ms - slot * self._slot_ms
        if after >= STALLED_SLOTS * self._slot_ms:
            return
        self._last = slot
        if 100 * after > LATE_PERCENT * self._slot_ms:
            self._shrink()
        elif 100 * after < EARLY_PERCENT * self._slot_ms:
            self.percent = min(self.percent + GROWTH_PERCENT, 100)

    def made(self, block: MadeBlock) -> None:
        """Record a block of this node."""
        self._own = block

    def _shrink(self) -> None:
        self.percent = max(self.percent * 7 // 8, MIN_PERCENT)
