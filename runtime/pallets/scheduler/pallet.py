"""Scheduler: calls dispatched at a later time.

Time is slots since genesis: what wallets call a block number here is a slot. A task is dispatched
in the first block whose slot is not before its own, so slots without a block delay tasks but never
lose them. Within a slot the lower priority number comes first, then the older task. When a block
has no room for the next task, that one and all after it wait for the next block, in order.

Invariants: a task is in the agenda until it is dispatched, cancelled, or reported as impossible
(its call is unavailable, or heavier than any block allows); the lookup of names contains exactly
the named tasks in the agenda; each task in the agenda holds one request of its call's preimage.
"""

from __future__ import annotations

from btt_chain.scale import u8, u32
from runtime.frame import (
    BadOrigin,
    Call,
    Const,
    DispatchInfo,
    Origin,
    OriginCheck,
    Pallet,
    Part,
    Value,
    Weight,
    call,
    ensure_root,
)
from runtime.frame.origin import OriginKind
from runtime.frame.traits import Clock
from runtime.pallets.origins import DecisionOrigin, SystemOrigin, written
from runtime.pallets.preimage.pallet import Inline, Legacy, Lookup, Preimage
from runtime.pallets.scheduler import errors, events, weights
from runtime.pallets.scheduler.execution import Execution
from runtime.pallets.scheduler.tasks import Agenda
from runtime.pallets.scheduler.types import (
    MAX_SCHEDULED,
    Address,
    After,
    At,
    BoxedCall,
    Periodic,
    Place,
    Priority,
    RetryConfig,
    Task,
    TaskAddress,
    TaskName,
    Tries,
    When,
)
from runtime.pallets.utility.pallet import carrying_weight


def schedule_info(scheduler: Scheduler, *args: object) -> DispatchInfo:
    """Weigh a new task by the call that it carries, which is the last argument."""
    inner = args[-1]
    if not isinstance(inner, Call):
        raise TypeError("the last argument of a schedule is a call")
    carrying = carrying_weight(scheduler.host.dispatcher, inner)
    return DispatchInfo(weights.schedule_named(len(inner.raw)) + carrying)


class Scheduler(Pallet, events=events, errors=errors):
    """Calls dispatched at a later time."""

    # ---- constants

    maximum_weight: Const[Weight]
    """Maximum weight of tasks in a block."""
    max_scheduled_per_block: Const[u32] = u32(MAX_SCHEDULED)
    """Maximum number of tasks of one slot."""

    # ---- dependencies

    clock: Clock
    preimages: Preimage
    schedule_origin: OriginCheck = ensure_root
    """Origin that may schedule and cancel, besides other pallets."""

    # ---- storage

    incomplete_since = Value(u32)
    """The slot whose tasks had no room in the last block; none if all had."""

    # ---- components

    tasks = Part(Agenda)
    execution = Part(Execution)

    # ---- hooks

    def on_initialize(self, number: int) -> int:
        """Dispatch due tasks while the block has room; return the picoseconds used."""
        del number
        now, limit = self.clock.now(), int(self.maximum_weight.ref_time)
        used, waiting = weights.look(0), False
        while not waiting and (when := self.tasks.next_slot()) is not None and when <= now:
            # Out of the state while it is processed: calls cannot change it meanwhile.
            tasks = self.tasks.agenda.take(when) or []
            used += weights.look(len(tasks))
            used += self.execution.serve(when, tasks, limit - used)
            self.tasks.store(when, tasks)
            waiting = any(tasks)
            if waiting:
                self.incomplete_since.value = when
                self.deposit(events.AgendaIncomplete(when))
        if not waiting and self.incomplete_since.exists():
            self.incomplete_since.kill()
        return min(used, limit)

    # ---- calls

    @call(0, weight=schedule_info)
    def schedule(
        self,
        origin: Origin,
        when: When,
        maybe_periodic: Periodic,
        priority: Priority,
        call: BoxedCall,
    ) -> None:
        """Schedule a call at slot `when`, repeated by `maybe_periodic` (slots between, times)."""
        self._schedule(origin, At(when), maybe_periodic, priority, call, None)

    @call(1, weight=weights.CANCEL)
    def cancel(self, origin: Origin, when: When, index: Place) -> None:
        """Cancel a task by its slot and place. Origin: its owner, or root."""
        self.tasks.cancel((when, index), self._ensure_may_change(origin, (when, index)))

    @call(2, weight=schedule_info)
    def schedule_named(
        self,
        origin: Origin,
        id: TaskName,
        when: When,
        maybe_periodic: Periodic,
        priority: Priority,
        call: BoxedCall,
    ) -> None:
        """Schedule a call at slot `when` with a name, by which it can be cancelled."""
        self._schedule(origin, At(when), maybe_periodic, priority, call, id)

    @call(3, weight=weights.CANCEL_NAMED)
    def cancel_named(self, origin: Origin, id: TaskName) -> None:
        """Cancel a task by its name. Origin: its owner, or root."""
        address = self._named(origin, id)
        self.tasks.cancel(address, self._ensure_may_change(origin, address))

    @call(4, weight=schedule_info)
    def schedule_after(
        self,
        origin: Origin,
        after: When,
        maybe_periodic: Periodic,
        priority: Priority,
        call: BoxedCall,
    ) -> None:
        """Schedule a call `after` slots later."""
        self._schedule(origin, After(after), maybe_periodic, priority, call, None)

    @call(5, weight=schedule_info)
    def schedule_named_after(
        self,
        origin: Origin,
        id: TaskName,
        after: When,
        maybe_periodic: Periodic,
        priority: Priority,
        call: BoxedCall,
    ) -> None:
        """Schedule a call `after` slots later with a name, by which it can be cancelled."""
        self._schedule(origin, After(after), maybe_periodic, priority, call, id)

    @call(6, weight=weights.SET_RETRY)
    def set_retry(self, origin: Origin, task: TaskAddress, retries: Tries, period: When) -> None:
        """Retry a task that fails up to `retries` times, with `period` slots in between."""
        self._set_retry(origin, task, retries, period)

    @call(7, weight=weights.SET_RETRY_NAMED)
    def set_retry_named(self, origin: Origin, id: TaskName, retries: Tries, period: When) -> None:
        """Retry a named task that fails up to `retries` times, with `period` slots in between."""
        self._set_retry(origin, self._named(origin, id), retries, period)

    @call(8, weight=weights.CANCEL_RETRY)
    def cancel_retry(self, origin: Origin, task: TaskAddress) -> None:
        """Remove the retries of a task."""
        self._cancel_retry(origin, task)

    @call(9, weight=weights.CANCEL_RETRY_NAMED)
    def cancel_retry_named(self, origin: Origin, id: TaskName) -> None:
        """Remove the retries of a named task."""
        self._cancel_retry(origin, self._named(origin, id))

    # ---- public interface

    def put(
        self,
        when: u32,
        bounded: Legacy | Inline | Lookup,
        origin: SystemOrigin | DecisionOrigin,
        priority: int,
        name: bytes | None = None,
        *,
        modest: bool = False,
    ) -> Address:
        """Add a task of another pallet at slot `when`, or soon after it if that has no room.

        A `modest` task uses a slot only up to half of its places. Requests the call's preimage.
        Raises FailedToSchedule if the name is taken, and TargetBlockNumberInPast.
        """
        self.tasks.ensure_future(when)
        self.tasks.ensure_new(name)
        self.preimages.request(bounded)
        task = Task(name, u8(priority), bounded, None, origin)
        return self.tasks.put(when, task, modest=modest)

    def cancel_at(self, address: Address) -> None:
        """Remove a task of another pallet from the agenda; no effect if it is gone."""
        task = self.tasks.task(address)
        if task is not None:
            self.tasks.cancel(address, task)

    # ---- internals

    def _schedule(
        self,
        origin: Origin,
        time: At | After,
        periodic: tuple[u32, u32] | None,
        priority: u8,
        inner: Call,
        name: bytes | None,
    ) -> None:
        self.schedule_origin(origin)
        now = u32(self.clock.now())
        # The tasks of the current slot have been dispatched: the next slot is the first free one.
        when = time.slot if isinstance(time, At) else now + 1 + time.slots
        self.tasks.ensure_future(when)
        self.tasks.ensure_new(name)
        again = (periodic[0], periodic[1] - 1) if periodic and min(periodic) > 0 else None
        again = again if again and again[1] else None
        owner = written(origin)
        task = Task(name, priority, self.preimages.bound(inner), again, owner)
        if self.tasks.insert(when, task, int(self.max_scheduled_per_block)) is None:
            raise errors.FailedToSchedule

    def _named(self, origin: Origin, name: bytes) -> Address:
        self.schedule_origin(origin)
        return self.tasks.address_of(name)

    def _ensure_may_change(self, origin: Origin, address: Address) -> Task:
        """Return a task that the origin owns; root may change any. Raises NotFound, BadOrigin."""
        self.schedule_origin(origin)
        task = self.tasks.task(address)
        if task is None:
            raise errors.NotFound
        if origin.kind is not OriginKind.ROOT and written(origin) != task.origin:
            raise BadOrigin
        return task

    def _set_retry(self, origin: Origin, address: Address, retries: u8, period: u32) -> None:
        task = self._ensure_may_change(origin, address)
        self.tasks.retries[address] = RetryConfig(retries, retries, period)
        self.deposit(events.RetrySet(address, task.maybe_id, period, retries))

    def _cancel_retry(self, origin: Origin, address: Address) -> None:
        task = self._ensure_may_change(origin, address)
        if self.tasks.retries.take(address) is None:
            raise errors.NotFound
        self.deposit(events.RetryCancelled(address, task.maybe_id))
