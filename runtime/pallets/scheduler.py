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

from dataclasses import dataclass, replace
from typing import Annotated, Any, Final, Protocol

from btt_chain.primitives.account import AccountId
from btt_chain.scale import (
    Bounded,
    Err,
    Fixed,
    FixedBytes,
    Ok,
    Path,
    Result,
    TypeName,
    Variant,
    path,
    u8,
    u32,
)
from runtime.frame import (
    BadOrigin,
    Call,
    Const,
    DispatchError,
    DispatchInfo,
    Error,
    Event,
    Hasher,
    Map,
    Origin,
    OriginCheck,
    Pallet,
    RuntimeCall,
    Value,
    Weight,
    WireError,
    call,
    ensure_root,
)
from runtime.frame.origin import OriginKind
from runtime.pallets.origins import (
    DecisionOrigin,
    OriginCaller,
    SystemOrigin,
    caller,
    written,
)
from runtime.pallets.preimage import BoundedCall, Inline, Legacy, Lookup, Preimage
from runtime.pallets.utility import carrying_weight
from runtime.weights import scheduler as weights

MAX_SCHEDULED: Final = 100
"""Maximum number of tasks of one slot."""
LOOKS: Final = weights.look(0) + weights.look(MAX_SCHEDULED)
"""Maximum weight of finding a block's first task, in picoseconds."""
LONGEST_STEP: Final = 64
"""Maximum number of slots between two slots that are checked for room."""

Name = Annotated[bytes, Fixed(32)]
Address = tuple[u32, u32]
"""The slot of a task and its place there."""


class SlotKey(FixedBytes, size=4, path="btt_runtime::SlotKey"):
    """A slot in big-endian order, so that keys sort by time."""


class At(Variant, index=0, unnamed=True):
    """At this slot."""

    slot: Annotated[u32, TypeName("BlockNumber")]


class After(Variant, index=1, unnamed=True):
    """A number of slots later."""

    slots: Annotated[u32, TypeName("BlockNumber")]


DispatchTime = Annotated[
    At | After,
    Path("frame_support::traits::schedule::DispatchTime", params={"BlockNumber": u32}),
]


@path(
    "pallet_scheduler::Scheduled",
    params={
        "Name": Name,
        "Call": BoundedCall,
        "BlockNumber": u32,
        "PalletsOrigin": OriginCaller,
        "AccountId": AccountId,
    },
)
@dataclass(slots=True)
class Task:
    """A task: a call, its origin, and its repetition."""

    maybe_id: Annotated[Name | None, TypeName("Option<Name>")]
    priority: Annotated[u8, TypeName("schedule::Priority")]
    call: Annotated[BoundedCall, TypeName("Call")]
    maybe_periodic: Annotated[
        tuple[u32, u32] | None, TypeName("Option<schedule::Period<BlockNumber>>")
    ]
    """Number of slots between two dispatches, and number of dispatches after this one."""
    origin: Annotated[OriginCaller, TypeName("PalletsOrigin")]


@path("pallet_scheduler::RetryConfig", params={"Period": u32})
@dataclass(slots=True)
class RetryConfig:
    """Number of retries of a task that fails, and the slots between them."""

    total_retries: Annotated[u8, TypeName("u8")]
    remaining: Annotated[u8, TypeName("u8")]
    period: Annotated[u32, TypeName("Period")]


When = Annotated[u32, TypeName("BlockNumberFor<T>")]
Place = Annotated[u32, TypeName("u32")]
Periodic = Annotated[
    tuple[u32, u32] | None, TypeName("Option<schedule::Period<BlockNumberFor<T>>>")
]
Priority = Annotated[u8, TypeName("schedule::Priority")]
TaskName = Annotated[Name, TypeName("TaskName")]
MaybeName = Annotated[Name | None, TypeName("Option<TaskName>")]
TaskAddress = Annotated[Address, TypeName("TaskAddress<BlockNumberFor<T>>")]
BoxedCall = Annotated[RuntimeCall, TypeName("Box<<T as Config>::RuntimeCall>")]
Tries = Annotated[u8, TypeName("u8")]
Agenda = Bounded[list[Task | None], MAX_SCHEDULED]


class Clock(Protocol):
    """The clock; Babe satisfies it."""

    def now(self) -> int:
        """Return the slots since genesis."""


def schedule_info(_: object, *args: Any) -> DispatchInfo:
    """Weigh a new task by the call that it carries, which is the last argument."""
    inner: Call = args[-1]
    return DispatchInfo(weights.schedule_named(len(inner.raw)) + carrying_weight(inner))


class Scheduler(Pallet):
    """Calls dispatched at a later time."""

    maximum_weight: Const[Weight]
    """Maximum weight of tasks in a block."""
    max_scheduled_per_block: Const[u32] = u32(MAX_SCHEDULED)
    """Maximum number of tasks of one slot."""
    clock: Clock
    preimages: Preimage
    schedule_origin: OriginCheck = ensure_root
    """Origin that may schedule and cancel, besides other pallets."""

    incomplete_since = Value(u32)
    """The slot whose tasks had no room in the last block; none if all had."""
    agenda = Map(u32, Agenda, default=[], hasher=Hasher.Twox64Concat)
    """The tasks by slot; a gap is a task that was removed."""
    retries = Map(Address, RetryConfig)
    """Retries of tasks that fail."""
    lookup = Map(Name, Address, hasher=Hasher.Twox64Concat)
    """Addresses of named tasks."""
    due = Map(SlotKey, tuple[()], hasher=Hasher.Identity)
    """Slots with tasks, in order of time, so that a gap of any length costs nothing."""

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

    class FailedToSchedule(Error, index=0):
        """The slot has no room, or the name is taken. Choose another slot or another name."""

    class NotFound(Error, index=1):
        """The task does not exist: it was dispatched or cancelled. Look it up in the agenda."""

    class TargetBlockNumberInPast(Error, index=2):
        """The slot is not in the future. Choose a later one; times here are slots since genesis."""

    class RescheduleNoChange(Error, index=3):
        """The task already has this slot. Choose another one."""

    class Named(Error, index=4):
        """The task has a name. Use the call for named tasks."""

    # ---- hooks

    def on_initialize(self, number: int) -> int:
        """Dispatch due tasks while the block has room; return the picoseconds used."""
        del number
        now, limit = self.clock.now(), int(self.maximum_weight.ref_time)
        used, waiting = weights.look(0), False
        while not waiting and (when := self._next()) is not None and when <= now:
            # Out of the state while it is processed: calls cannot change it meanwhile.
            tasks = self.agenda.take(when) or []
            used += weights.look(len(tasks))
            used += self._serve(when, tasks, limit - used)
            self._store(when, tasks)
            waiting = any(tasks)
            if waiting:
                self.incomplete_since.value = when
                self.deposit(self.AgendaIncomplete(when))
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
        self._cancel((when, index), self._ensure_may_change(origin, (when, index)))

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
        self._cancel(address, self._ensure_may_change(origin, address))

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
        self._ensure_future(when)
        self._ensure_new(name)
        self.preimages.request(bounded)
        task = Task(name, u8(priority), bounded, None, origin)
        return self._put(when, task, modest=modest)

    def cancel_at(self, address: Address) -> None:
        """Remove a task of another pallet from the agenda; no effect if it is gone."""
        task = self._task(address)
        if task is not None:
            self._cancel(address, task)

    # ---- internals: the agenda

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
        self._ensure_future(when)
        self._ensure_new(name)
        again = (periodic[0], periodic[1] - 1) if periodic and min(periodic) > 0 else None
        again = again if again and again[1] else None
        owner = written(origin)
        task = Task(name, priority, self.preimages.bound(inner), again, owner)
        if self._insert(when, task, int(self.max_scheduled_per_block)) is None:
            raise self.FailedToSchedule

    def _ensure_future(self, when: u32) -> None:
        if when <= self.clock.now():
            raise self.TargetBlockNumberInPast

    def _ensure_new(self, name: bytes | None) -> None:
        if name is not None and name in self.lookup:
            raise self.FailedToSchedule

    def _put(self, when: u32, task: Task, *, modest: bool = False) -> Address:
        """Insert into slot `when`, or one soon after it without an error: the task is paid for.

        The steps double up to a bound, so that a long run of full slots is skipped quickly.
        """
        room = int(self.max_scheduled_per_block)
        room, step = max(1, room // 2) if modest else room, 1
        while (address := self._insert(when, task, room)) is None:
            when += step
            step = min(2 * step, LONGEST_STEP)
        return address

    def _insert(self, when: u32, task: Task, room: int) -> Address | None:
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
        self._store(when, tasks)
        address = (when, u32(place))
        if task.maybe_id is not None:
            self.lookup[task.maybe_id] = address
        self.deposit(self.Scheduled(*address))
        return address

    def _next(self) -> u32 | None:
        """Return the first slot that has tasks."""
        prefix = self.due.prefix
        key = next(iter(self.host.state.keys(prefix)), None)
        return None if key is None else u32(int.from_bytes(key[len(prefix) :], "big"))

    def _store(self, when: u32, tasks: list[Task | None]) -> None:
        while tasks and tasks[-1] is None:
            tasks.pop()
        key = SlotKey(when.to_bytes(4, "big"))
        if tasks:
            self.agenda[when] = tasks
            self.due[key] = ()
        else:
            del self.agenda[when]
            del self.due[key]

    def _task(self, address: Address) -> Task | None:
        when, place = address
        tasks = self.agenda[when]
        return tasks[place] if place < len(tasks) else None

    def _cancel(self, address: Address, task: Task) -> None:
        when, place = address
        tasks = self.agenda[when]
        tasks[place] = None
        self._store(when, tasks)
        self._forget(address, task)
        self.deposit(self.Canceled(when, place))

    def _forget(self, address: Address, task: Task) -> None:
        """Remove all records of a task besides the agenda."""
        if task.maybe_id is not None:
            del self.lookup[task.maybe_id]
        del self.retries[address]
        self.preimages.drop(task.call)

    def _named(self, origin: Origin, name: bytes) -> Address:
        self.schedule_origin(origin)
        address = self.lookup.get(name)
        if address is None:
            raise self.NotFound
        return address

    def _ensure_may_change(self, origin: Origin, address: Address) -> Task:
        """Return a task that the origin owns; root may change any. Raises NotFound, BadOrigin."""
        self.schedule_origin(origin)
        task = self._task(address)
        if task is None:
            raise self.NotFound
        if origin.kind is not OriginKind.ROOT and written(origin) != task.origin:
            raise BadOrigin
        return task

    def _set_retry(self, origin: Origin, address: Address, retries: u8, period: u32) -> None:
        task = self._ensure_may_change(origin, address)
        self.retries[address] = RetryConfig(retries, retries, period)
        self.deposit(self.RetrySet(address, task.maybe_id, period, retries))

    def _cancel_retry(self, origin: Origin, address: Address) -> None:
        task = self._ensure_may_change(origin, address)
        if self.retries.take(address) is None:
            raise self.NotFound
        self.deposit(self.RetryCancelled(address, task.maybe_id))

    # ---- internals: dispatch

    def _serve(self, when: u32, tasks: list[Task | None], room: int) -> int:
        """Dispatch and remove tasks of a slot until one does not fit; return the weight."""
        used = 0
        waiting = [(place, task) for place, task in enumerate(tasks) if task is not None]
        for place, task in sorted(waiting, key=lambda entry: entry[1].priority):
            spent = self._make((when, u32(place)), task, room - used)
            if spent is None:
                break
            used += spent
            tasks[place] = None
        return used

    def _make(self, address: Address, task: Task, room: int) -> int | None:
        """Dispatch a task; return the picoseconds used, or None if it does not fit into `room`."""
        if room < weights.task(0):
            return None
        inner = self.preimages.peek(task.call)
        if inner is None:
            self._forget(address, task)
            self.deposit(self.CallUnavailable(address, task.maybe_id))
            return weights.task(0)
        own = weights.task(len(inner.raw))
        declared = self.host.dispatcher.info(inner).weight
        if own + declared > int(self.maximum_weight.ref_time) - LOOKS:
            self._forget(address, task)
            self.deposit(self.PermanentlyOverweight(address, task.maybe_id))
            return min(own, room)
        if own + declared > room:
            return None

        retry = self.retries.get(address)
        result, used = self._dispatch(task, inner, declared)
        self.deposit(self.Dispatched(address, task.maybe_id, result))
        if isinstance(result, Err) and retry is not None and retry.remaining:
            self._retry(address, task, retry)
        if task.maybe_periodic is None:
            self._forget(address, task)
        else:
            self._repeat(address, task, task.maybe_periodic, retry)
        return own + used

    def _dispatch(
        self, task: Task, inner: Call, declared: int
    ) -> tuple[Result[tuple[()], WireError], int]:
        dispatcher = self.host.dispatcher
        try:
            post, result = dispatcher.dispatch(caller(task.origin), inner), Ok(())
        except DispatchError as error:
            weight = declared if error.post is None else error.post.weight
            return Err(dispatcher.wire_error(error)), declared if weight is None else weight
        return result, declared if post.weight is None else min(post.weight, declared)

    def _retry(self, address: Address, task: Task, retry: RetryConfig) -> None:
        """Add a failed task again for another try, without name and period."""
        again = self.clock.now() + max(1, int(retry.period))
        if again > u32.MAX:
            self.deposit(self.RetryFailed(address, task.maybe_id))
            return
        clone = replace(task, maybe_id=None, maybe_periodic=None)
        self.preimages.request(clone.call)
        self.retries[self._put(u32(again), clone)] = replace(retry, remaining=retry.remaining - 1)

    def _repeat(
        self, address: Address, task: Task, periodic: tuple[u32, u32], retry: RetryConfig | None
    ) -> None:
        """Add a periodic task again for its next dispatch."""
        period, left = periodic
        again = self.clock.now() + int(period)
        if again > u32.MAX:
            self._forget(address, task)
            self.deposit(self.PeriodicFailed(address, task.maybe_id))
            return
        if task.maybe_id is not None:
            del self.lookup[task.maybe_id]
        del self.retries[address]
        after = replace(task, maybe_periodic=(period, left - 1) if left > 1 else None)
        put = self._put(u32(again), after)
        if retry is not None:
            self.retries[put] = retry
