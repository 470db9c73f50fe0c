"""Execution: tasks that are due are dispatched, retried and repeated, while a block has room."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from btt_chain.scale import Err, Ok, Result, u32
from runtime.frame import Call, Component, DispatchError, Weight, WireError
from runtime.frame.traits import Clock
from runtime.pallets.origins import caller
from runtime.pallets.preimage.pallet import Preimage
from runtime.pallets.scheduler import events, weights
from runtime.pallets.scheduler.tasks import Agenda
from runtime.pallets.scheduler.types import MAX_SCHEDULED, Address, RetryConfig, Task

LOOKS: Final = weights.look(0) + weights.look(MAX_SCHEDULED)
"""Maximum weight of finding a block's first task, in picoseconds."""


class Execution(Component):
    """Dispatch of tasks that are due. Weights in picoseconds."""

    _agenda: Agenda
    _clock: Clock
    _preimages: Preimage
    _maximum_weight: Weight

    def serve(self, when: u32, tasks: list[Task | None], room: int) -> int:
        """Dispatch and remove tasks of a slot until one does not fit; return the weight."""
        used = 0
        waiting = [(place, task) for place, task in enumerate(tasks) if task is not None]
        for place, task in sorted(waiting, key=lambda entry: entry[1].priority):
            spent = self.run((when, u32(place)), task, room - used)
            if spent is None:
                break
            used += spent
            tasks[place] = None
        return used

    def run(self, address: Address, task: Task, room: int) -> int | None:
        """Dispatch a task; return the picoseconds used, or None if it does not fit into `room`."""
        if room < weights.task(0):
            return None
        inner = self._preimages.peek(task.call)
        if inner is None:
            self._agenda.forget(address, task)
            self.deposit(events.CallUnavailable(address, task.maybe_id))
            return weights.task(0)
        own = weights.task(len(inner.raw))
        declared = self.host.dispatcher.info(inner).weight
        if own + declared > int(self._maximum_weight.ref_time) - LOOKS:
            self._agenda.forget(address, task)
            self.deposit(events.PermanentlyOverweight(address, task.maybe_id))
            return min(own, room)
        if own + declared > room:
            return None

        retry = self._agenda.retries.get(address)
        result, used = self._dispatch(task, inner, declared)
        self.deposit(events.Dispatched(address, task.maybe_id, result))
        if isinstance(result, Err) and retry is not None and retry.remaining:
            self._retry(address, task, retry)
        if task.maybe_periodic is None:
            self._agenda.forget(address, task)
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
        again = self._clock.now() + max(1, int(retry.period))
        if again > u32.MAX:
            self.deposit(events.RetryFailed(address, task.maybe_id))
            return
        clone = replace(task, maybe_id=None, maybe_periodic=None)
        self._preimages.request(clone.call)
        address = self._agenda.put(u32(again), clone)
        self._agenda.retries[address] = replace(retry, remaining=retry.remaining - 1)

    def _repeat(
        self, address: Address, task: Task, periodic: tuple[u32, u32], retry: RetryConfig | None
    ) -> None:
        """Add a periodic task again for its next dispatch."""
        period, left = periodic
        again = self._clock.now() + int(period)
        if again > u32.MAX:
            self._agenda.forget(address, task)
            self.deposit(events.PeriodicFailed(address, task.maybe_id))
            return
        if task.maybe_id is not None:
            del self._agenda.lookup[task.maybe_id]
        del self._agenda.retries[address]
        after = replace(task, maybe_periodic=(period, left - 1) if left > 1 else None)
        put = self._agenda.put(u32(again), after)
        if retry is not None:
            self._agenda.retries[put] = retry
