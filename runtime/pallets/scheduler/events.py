"""Events of Scheduler. Source: pallet_scheduler"""

from __future__ import annotations

from typing import Annotated

from btt_chain.scale import Result, TypeName
from runtime.frame import Event, WireError
from runtime.pallets.scheduler.types import MaybeName, Place, TaskAddress, Tries, When


class Scheduled(Event, index=0):
    """A task was added to the agenda."""

    when: When
    index: Place


class Canceled(Event, index=1):
    """A task was removed from the agenda."""

    when: When
    index: Place


class Dispatched(Event, index=2):
    """A task was dispatched, with this result."""

    task: TaskAddress
    id: MaybeName
    result: Annotated[Result[tuple[()], WireError], TypeName("DispatchResult")]


class RetrySet(Event, index=3):
    """Retries were set for a task."""

    task: TaskAddress
    id: MaybeName
    period: When
    retries: Tries


class RetryCancelled(Event, index=4):
    """The retries of a task were removed."""

    task: TaskAddress
    id: MaybeName


class CallUnavailable(Event, index=5):
    """The call of a due task was unavailable; the task was removed."""

    task: TaskAddress
    id: MaybeName


class PeriodicFailed(Event, index=6):
    """A periodic task could not be repeated: the slot would be out of range."""

    task: TaskAddress
    id: MaybeName


class RetryFailed(Event, index=7):
    """A failed task could not be retried: the slot would be out of range."""

    task: TaskAddress
    id: MaybeName


class PermanentlyOverweight(Event, index=8):
    """A due task was heavier than any block allows; it was removed."""

    task: TaskAddress
    id: MaybeName


class AgendaIncomplete(Event, index=9):
    """Tasks from this slot on had no room; they wait for the next block."""

    when: When
