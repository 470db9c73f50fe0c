"""When an event is sent, sent again, or given up: decisions without a clock, a disk or a network.

    waiting --Send--> in flight --accepted--> Delivered
                          |-------failed----> Postponed (waiting again), or GivenUp after the last
                          |-------gone------> Closed: the receiver wants nothing any more

The caller stores each decision before it acts on the next one, so that a crash repeats at most the
deliveries that were in flight.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from enum import Enum
from typing import Final

from btt_chain.lazyclass import dataclass
from btt_chain.payments.webhook import RETRIES_S

MAX_IN_FLIGHT: Final = 8
"""Deliveries at a time: a slow receiver delays others by its timeout at most."""


class Answer(Enum):
    """Result of one attempt."""

    ACCEPTED = "accepted"
    """A status of 2xx."""
    FAILED = "failed"
    """Another status, no connection, no answer in time, or a refused address."""
    GONE = "gone"
    """Status 410: the receiver asks for no more deliveries."""


@dataclass(frozen=True, slots=True)
class Due:
    """An event that waits for an attempt."""

    seq: int
    """Its number in the journal."""
    attempt: int
    """Number of attempts made."""


@dataclass(frozen=True, slots=True)
class Delivered:
    """The receiver has the event."""

    seq: int


@dataclass(frozen=True, slots=True)
class Postponed:
    """The next attempt is at `due_ms`."""

    seq: int
    attempt: int
    due_ms: int


@dataclass(frozen=True, slots=True)
class GivenUp:
    """All attempts failed; the events behind it go on."""

    seq: int


@dataclass(frozen=True, slots=True)
class Closed:
    """The receiver is gone: deliveries stop, and all events stay in the journal."""

    seq: int


Decision = Delivered | Postponed | GivenUp | Closed


class Courier:
    """The deliveries in flight. The journal orders events; this bounds and judges attempts."""

    def __init__(self, limit: int = MAX_IN_FLIGHT, retries_s: Sequence[int] = RETRIES_S) -> None:
        self._limit = limit
        self._retries_s = retries_s
        self._flying: dict[int, Due] = {}

    @property
    def flying(self) -> frozenset[int]:
        """Numbers of the events in flight."""
        return frozenset(self._flying)

    @property
    def room(self) -> int:
        """Number of further events that may be sent now."""
        return self._limit - len(self._flying)

    def send(self, due: Iterable[Due]) -> list[Due]:
        """Return the events to be sent now; they are in flight from now on."""
        chosen = [each for each in due if each.seq not in self._flying][: self.room]
        self._flying |= {each.seq: each for each in chosen}
        return chosen

    def forget(self) -> None:
        """Forget the deliveries in flight, which were stopped: they are due as before."""
        self._flying.clear()

    def answered(self, seq: int, answer: Answer, now_ms: int) -> Decision:
        """Return the actions after an attempt. Raises KeyError if the event is not in flight."""
        return decide(self._flying.pop(seq), answer, now_ms, self._retries_s)


def decide(due: Due, answer: Answer, now_ms: int, retries_s: Sequence[int] = RETRIES_S) -> Decision:
    """Return the actions after the answer, at `now_ms`, to the next attempt of an event.

    `retries_s` has the seconds before each attempt, the first one included.
    """
    if answer is Answer.ACCEPTED:
        return Delivered(due.seq)
    if answer is Answer.GONE:
        return Closed(due.seq)
    attempts = due.attempt + 1
    if attempts >= len(retries_s):
        return GivenUp(due.seq)
    return Postponed(due.seq, attempts, now_ms + retries_s[attempts] * 1_000)
