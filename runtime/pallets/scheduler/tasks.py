"""The agenda: tasks by slot, their names and their retries."""

from __future__ import annotations

from typing import Final

from btt_chain.scale import u32
from runtime.frame import Component, Hasher, Map
from runtime.frame.traits import Clock
from runtime.pallets.preimage.pallet import Preimage
from runtime.pallets.scheduler import errors, events
from runtime.pallets.scheduler.types import Address, Name, RetryConfig, SlotKey, Task, Tasks

LONGEST_STEP: Final = 64
"""Maximum number of slots between two slots that are checked for room."""


class Agenda(Component):
    """The tasks that are still to be dispatched."""

    _clock: Clock
    _preimages: Preimage
    _max_scheduled_per_block: int

    agenda = Map(u32, Tasks, default=[], hasher=Hasher.Twox64Concat)
    """The tasks by slot; a gap is a task that was removed."""
    retries = Map(Address, RetryConfig)
    """Retries of tasks that fail."""
    lookup = Map(Name, Address, hasher=Hasher.Twox64Concat)
    """Addresses of named tasks."""
    due = Map(SlotKey, tuple[()], hasher=Hasher.Identity)
    """Slots with tasks, in order of time, so that a gap of any length costs nothing."""

    # ---- queries

    def next_slot(self) -> u32 | None:
        """Return the first slot that has tasks; None if no slot has any."""
        prefix = self.due.prefix
        key = next(iter(self.host.state.keys(prefix)), None)
        return None if key is None else u32(int.from_bytes(key[len(prefix) :], "big"))

    def task(self, address: Address) -> Task | None:
        """Return the task at an address; None if there is none."""
        when, place = address
        tasks = self.agenda[when]
        return tasks[place] if place < len(tasks) else None

    def address_of(self, name: bytes) -> Address:
        """Return the address of a named task. Raises NotFound."""
        address = self.lookup.get(name)
        if address is None:
            raise errors.NotFound
        return address

    def ensure_future(self, when: u32) -> None:
        """Raise TargetBlockNumberInPast if slot `when` is not in the future."""
        if when <= self._clock.now():
            raise errors.TargetBlockNumberInPast

    def ensure_new(self, name: bytes | None) -> None:
        """Raise FailedToSchedule if a task has this name."""
        if name is not None and name in self.lookup:
            raise errors.FailedToSchedule

    # ---- changes

    def put(self, when: u32, task: Task, *, modest: bool = False) -> Address:
        """Insert into slot `when`, or one soon after it without an error: the task is paid for.

        The steps double up to a bound, so that a long run of full slots is skipped quickly.
        """
        room = self._max_scheduled_per_block
        room, step = max(1, room // 2) if modest else room, 1
        while (address := self.insert(when, task, room)) is None:
            when += step
            step = min(2 * step, LONGEST_STEP)
        return address

    def insert(self, when: u32, task: Task, room: int) -> Address | None:
        """Add `task` to the agenda of `when`; return its address, or None if `room` are in it."""
        tasks = self.agenda[when]
        free = tasks.count(None)
        if len(tasks) - free >= room:
            return None
        if free:
            place = tasks.index(None)
            tasks[place] = task
        else:
            place = len(tasks)
            tasks.append(task)
        self.store(when, tasks)
        address = (when, u32(place))
        if task.maybe_id is not None:
            self.lookup[task.maybe_id] = address
        self.deposit(events.Scheduled(*address))
        return address

    def store(self, when: u32, tasks: list[Task | None]) -> None:
        """Store the tasks of a slot, without gaps at the end."""
        while tasks and tasks[-1] is None:
            tasks.pop()
        key = SlotKey(when.to_bytes(4, "big"))
        if tasks:
            self.agenda[when] = tasks
            self.due[key] = ()
        else:
            del self.agenda[when]
            del self.due[key]

    def cancel(self, address: Address, task: Task) -> None:
        """Remove a task and all records of it."""
        when, place = address
        tasks = self.agenda[when]
        tasks[place] = None
        self.store(when, tasks)
        self.forget(address, task)
        self.deposit(events.Canceled(when, place))

    def forget(self, address: Address, task: Task) -> None:
        """Remove all records of a task besides the agenda."""
        if task.maybe_id is not None:
            del self.lookup[task.maybe_id]
        del self.retries[address]
        self._preimages.drop(task.call)
