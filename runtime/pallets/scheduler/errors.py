"""Errors of Scheduler. Source: pallet_scheduler"""

from __future__ import annotations

from runtime.frame import Error


class FailedToSchedule(Error, index=0):
    """The slot has no room, or the name is taken. Choose another slot or another name."""


class NotFound(Error, index=1):
    """The task does not exist: it was dispatched or cancelled. Look it up in the agenda."""


class TargetBlockNumberInPast(Error, index=2):
    """The slot is not in the future. Choose a later one; times here are slots since genesis."""


class RescheduleNoChange(Error, index=3):
    """Never raised: no call moves a task to another slot."""


class Named(Error, index=4):
    """Never raised: `cancel` takes named tasks, too."""
