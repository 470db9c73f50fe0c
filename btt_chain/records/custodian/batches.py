"""The decisions about anchoring: one root of each kind for each hour. No I/O.

An hour of the chain's clock is an epoch. A leaf goes into the epoch that is open when it is made;
the epoch is anchored once it is over, empty or not, so that a quiet night shows nothing. The chain
takes the roots of a kind in the order of their epochs, so one of each kind is under way at a time.
If the chain does not take a root in time, its leaves move to the open epoch.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import IntEnum
from typing import Final

RETRY_MS: Final = 30_000
MAX_RETRY_MS: Final = 600_000


class Kind(IntEnum):
    """The kind of a batch, with its number on the chain."""

    RECORDS = 0
    CONSENTS = 1
    ACCESSES = 2

    @property
    def label(self) -> str:
        """The name in files and tables."""
        return self.name.lower()


@dataclass(frozen=True, slots=True)
class Batch:
    """A kind and an epoch."""

    kind: Kind
    epoch: int


# ---- events


@dataclass(frozen=True, slots=True)
class Clock:
    """The chain's present epoch, and the time of the machine."""

    epoch: int
    now_ms: int


@dataclass(frozen=True, slots=True)
class Anchored:
    """The root of a batch is in a final block."""

    batch: Batch


@dataclass(frozen=True, slots=True)
class AnchorFailed:
    """The chain did not take a root, or it is unknown whether it did."""

    batch: Batch
    is_too_old: bool
    now_ms: int


Event = Clock | Anchored | AnchorFailed


# ---- actions


@dataclass(frozen=True, slots=True)
class Anchor:
    """Send the root of a batch."""

    batch: Batch


@dataclass(frozen=True, slots=True)
class Move:
    """Move the leaves of a batch to the open epoch."""

    batch: Batch
    to: int


Action = Anchor | Move


@dataclass(slots=True)
class Schedule:
    """The batches that are not anchored."""

    first: int
    """Epoch from which on all batches are anchored by this program."""
    max_late: int
    """Epochs after an epoch in which the chain takes its root."""
    next: int = 0
    """First epoch that was never closed."""
    open: set[Batch] = field(default_factory=set)
    """Closed epochs whose root is not on the chain."""
    flying: set[Batch] = field(default_factory=set)
    not_before: dict[Batch, int] = field(default_factory=dict)
    failures: dict[Batch, int] = field(default_factory=dict)
    current: int = 0

    def __post_init__(self) -> None:
        self.next = max(self.next, self.first)

    def on(self, event: Event) -> list[Action]:
        """Return the actions that follow from an event."""
        match event:
            case Clock():
                return self._on_clock(event)
            case Anchored(batch):
                self._forget(batch)
                return []
            case AnchorFailed(batch):
                self.flying.discard(batch)
                if event.is_too_old:
                    self._forget(batch)
                    return [Move(batch, self.current)]
                failures = self.failures[batch] = self.failures.get(batch, 0) + 1
                pause = min(RETRY_MS << min(failures - 1, 10), MAX_RETRY_MS)
                self.not_before[batch] = event.now_ms + pause
                return []

    def _on_clock(self, event: Clock) -> list[Action]:
        self.current = max(self.current, event.epoch)
        # After a long pause only the epochs that the chain still takes: `open` has older leaves.
        self.next = max(self.next, self.current - self.max_late)
        while self.next < self.current:
            self.open.update(Batch(kind, self.next) for kind in Kind)
            self.next += 1
        actions: list[Action] = []
        busy = {batch.kind for batch in self.flying}
        for batch in sorted(self.open - self.flying, key=_order):
            if batch.epoch + self.max_late < self.current:
                self._forget(batch)
                actions.append(Move(batch, self.current))
                continue
            if batch.kind in busy:
                continue
            busy.add(batch.kind)
            if self.not_before.get(batch, 0) <= event.now_ms:
                self.flying.add(batch)
                actions.append(Anchor(batch))
        return actions

    def _forget(self, batch: Batch) -> None:
        self.open.discard(batch)
        self.flying.discard(batch)
        self.not_before.pop(batch, None)
        self.failures.pop(batch, None)


def _order(batch: Batch) -> tuple[int, int]:
    return batch.epoch, batch.kind
