"""The decisions of a provider: which jobs to accept, when to send, keep and serve. Pure.

Events in (a job's state on the chain, results of fetching and computing, records on the disk),
actions out. The content of a receipt is a `Record`, and on the disk with all its data before the
receipt is sent. From then on the job is never computed again: after any restart, the program
submits what the record says, serves it, and answers for it. Everything before that is repeated from
the chain's state, so a crash only costs time.

A requester is blamed (`Refuse`) only for a payload that did not arrive or does not open, and only
once its provider has been final for long enough; a local failure is never its fault.

The best block decides what is done, which a fork may revert; the last final block decides what is
over. Nothing is deleted that a fork could bring back, or that another party may still ask for.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import Enum, auto
from typing import Final, NamedTuple, TypeAlias

from btt_chain.compute.provider.actions import (
    Abandon,
    Accept,
    Action,
    Answer,
    Claim,
    Compute,
    Decline,
    Ended,
    Expose,
    Fetch,
    Forget,
    Heartbeat,
    Keep,
    Lost,
    Publish,
    Refuse,
    RevealPlantedError,
    Right,
    Submit,
    Weigh,
    job_of,
    kind_of,
)
from btt_chain.compute.provider.records import Record
from btt_chain.primitives.account import AccountId
from btt_chain.primitives.digest import H256
from btt_chain.scale import u32
from runtime.pallets.jobs.types import ENDED, JobState
from runtime.pallets.jobs.views import JobView, ProviderView, ReceiptView
from runtime.pallets.receipts.types import Phase

Views: TypeAlias = Mapping[H256, JobView | None]
"""Jobs in a block; None: the block does not have it."""

RESEND_SLOTS: Final = 3
"""Slots after which an included call that is not in the state is sent again: a fork reverted it."""
SPARE_SLOTS: Final = 2
"""Slots in which a call comes into a block: so long before a deadline, a missing payload is
refused, and a job that is still being assessed is accepted.
"""
FORGET_SLOTS: Final = 64
"""Slots for which a job is remembered that is not ours in a final block (any more): a transaction
of it may still enter a later block."""
KEEP_DAYS: Final = 7
"""Days for which the data of a receipt are served once its job is over."""
DAY_MS: Final = 86_400_000


class Time(NamedTuple):
    """The time in slots since genesis."""

    slot: int
    """Slot of the best block."""
    final: int
    """Slot of the last final block."""
    clock: int
    """Slot by this machine's clock: many slots pass in a second while a node catches up."""

    @property
    def settled(self) -> int:
        """The first slot that is not over by final blocks and by the clock."""
        return min(self.final, self.clock)

    def is_past(self, since: Time, slots: int) -> bool:
        """Return True if so many slots passed, by the best block and by the clock."""
        return self.slot >= since.slot + slots and self.clock >= since.clock + slots


class _Stage(Enum):
    WEIGHING = auto()
    TAKING = auto()
    DECLINING = auto()
    FETCHING = auto()
    WAITING = auto()
    """The payload did not arrive, or a local step failed: it is tried again."""
    READY = auto()
    """The payload is here; other jobs are computed first."""
    COMPUTING = auto()
    STORING = auto()
    KEPT = auto()
    NOTHING = auto()
    """No action here."""


@dataclass(slots=True)
class _State:
    stage: _Stage
    view: JobView | None = None
    final: JobView | None = None
    """The job in the last final block."""
    record: Record | None = None
    why: str = ""
    """Reason of declining, or the fault of its payload."""
    blames: bool = False
    """True if it waits for something that the requester must deliver."""
    again: int = 0
    final_since: Time | None = None
    """Time since which the assignment to us has been final: then the requester can seal."""
    ours_at: int = 0
    """Last slot in which a block had it as ours."""
    stopped: bool = False
    """True if work on it was stopped, because it is not ours."""
    reported: bool = False
    """True if its end, or the loss of its record, was reported."""
    exposed: bool = False
    """True if the planted errors were exposed; the chain does not show that."""
    writing: bool = False
    flying: set[object] = field(default_factory=set)
    done: dict[object, int] = field(default_factory=dict)

    def may_send(self, kind: object, now: int) -> bool:
        """Note that an action is sent. Return True if it is neither under way nor just included."""
        last = self.done.get(kind)
        if kind in self.flying or (last is not None and last <= now < last + RESEND_SLOTS):
            return False
        self.flying.add(kind)
        return True

    def sent(self, kind: object, now: int, *, ok: bool) -> None:
        """Note that an action came into a block, or failed."""
        self.flying.discard(kind)
        # A failed action is repeated with the next block.
        self.done[kind] = now if ok else now - RESEND_SLOTS + 1


class Provider:
    """The state of all jobs of one provider. Times are in slots since genesis."""

    def __init__(
        self,
        account: AccountId,
        *,
        payload_slots: int,
        slot_ms: int,
        at_a_time: int = 1,
        keep_slots: int | None = None,
        records: Iterable[Record] = (),
    ) -> None:
        """`payload_slots`: time of a requester to deliver; `records`: those on the disk."""
        self._account: Final = account
        self._payload_slots: Final = payload_slots
        self._at_a_time: Final = at_a_time
        self._keep_slots: Final = (
            KEEP_DAYS * DAY_MS // slot_ms if keep_slots is None else keep_slots
        )
        self._cases: dict[H256, _State] = {
            record.job: _State(_Stage.KEPT, record=record) for record in records
        }
        self._upkeep = _State(_Stage.NOTHING)
        self._time = Time(0, 0, 0)

    # ---- queries

    def open_jobs(self) -> list[H256]:
        """Return the jobs that the next update must include, even if reassigned by now."""
        return [
            job for job, case in self._cases.items() if case.record is None or not case.record.until
        ]

    @property
    def is_idle(self) -> bool:
        """True if no job waits for an action here."""
        return all(case.stage in (_Stage.KEPT, _Stage.NOTHING) for case in self._cases.values())

    # ---- events

    def seen(self, time: Time, views: Views, final: Views) -> list[Action]:
        """Handle the views of jobs in the best block, and those of the same in the final one."""
        actions: list[Action] = []
        self._time, now = time, time.slot
        for job, view in views.items():
            case = self._cases.get(job)
            if case is None:
                if view is None or view.provider != self._account or view.state in ENDED:
                    continue
                case = self._cases[job] = _State(_Stage.NOTHING)
            case.view, case.final = view, final.get(job)
            self._note_final(case)
            actions += self._update(job, case, now)
        for job, case in list(self._cases.items()):
            record = case.record
            if record is not None and 0 < record.until <= time.settled:
                del self._cases[job]
                actions.append(Forget(record))
        return actions + self._begin()

    def upkeep(self, now: int, me: ProviderView, era: int, earned: Sequence[int]) -> list[Action]:
        """Handle our state in the present era, and the list of eras with unclaimed rewards."""
        actions: list[Action] = []
        if me.last_heartbeat < era and self._upkeep.may_send(Heartbeat, now):
            actions.append(Heartbeat())
        actions += [Claim(one) for one in earned if self._upkeep.may_send(one, now)]
        return actions

    def upkept(self, action: Heartbeat | Claim, now: int, *, ok: bool) -> None:
        """Handle the success or failure of a heartbeat or claim."""
        kind = Heartbeat if isinstance(action, Heartbeat) else action.era
        self._upkeep.sent(kind, now, ok=ok)

    def weighed(self, job: H256, now: int, why: str | None) -> list[Action]:
        """Handle an assessment: the job can be done here, or with `why` it cannot."""
        case = self._cases.get(job)
        if case is None or case.stage is not _Stage.WEIGHING:
            return []
        case.stage = _Stage.TAKING if why is None else _Stage.DECLINING
        case.why = why or ""
        return self._update(job, case, now)

    def fetched(self, job: H256) -> list[Action]:
        """Handle a payload that arrived, opens, and is what was agreed on."""
        case = self._cases.get(job)
        if case is not None and case.stage is _Stage.FETCHING:
            case.stage = _Stage.READY
        return self._begin()

    def missing(self, job: H256, now: int, why: str) -> list[Action]:
        """Handle a payload that did not arrive, or is bad."""
        return self._again(job, now, why, blames=True)

    def failed(self, job: H256, now: int, why: str) -> list[Action]:
        """Handle a local failure."""
        return self._again(job, now, why, blames=False)

    def computed(self, record: Record) -> list[Action]:
        """Handle a computed job whose served data are on the disk."""
        case = self._cases.get(record.job)
        if case is None or case.stage is not _Stage.COMPUTING:
            return [Forget(record), *self._begin()]
        case.stage, case.record, case.writing = _Stage.STORING, record, True
        return [Keep(record), *self._begin()]

    def kept(self, record: Record, now: int) -> list[Action]:
        """Handle a record that is on the disk."""
        case = self._cases.get(record.job)
        if case is None or case.record is None or case.record.receipt != record.receipt:
            return []
        case.record, case.writing = record, False
        if case.stage is _Stage.STORING:
            case.stage = _Stage.KEPT
        return self._update(record.job, case, now)

    def not_kept(self, record: Record, now: int) -> list[Action]:
        """Handle a record that could not be written."""
        case = self._cases.get(record.job)
        if case is None:
            return []
        case.writing = False
        if case.stage is not _Stage.STORING:
            return []
        # Nothing was sent yet, so it can be done again.
        case.stage, case.record = _Stage.WAITING, None
        case.blames, case.again = False, now + RESEND_SLOTS
        return [Forget(record), *self._begin()]

    def sent(self, action: Action, now: int, *, ok: bool) -> None:
        """Handle an action that came into a block, or failed."""
        case = self._cases.get(job_of(action))
        if case is not None:
            case.sent(kind_of(action), now, ok=ok)
            case.exposed |= ok and isinstance(action, Expose)

    # ---- internals

    def _note_final(self, case: _State) -> None:
        view, final = case.view, case.final
        if _is_of(view, self._account) or _is_of(final, self._account):
            case.ours_at, case.stopped = max(case.ours_at, self._time.slot), False
        if (
            view is None
            or final is None
            or not _is_of(final, self._account)
            or final.seed != view.seed
        ):
            case.final_since = None
        elif case.final_since is None:
            case.final_since = self._time

    def _update(self, job: H256, case: _State, now: int) -> list[Action]:
        view, record = case.view, case.record
        if view is None or not _is_of(view, self._account):
            return self._gone(job, case)
        if view.state is JobState.Assigned:
            return self._offered(job, case, view, now)
        if view.state is JobState.Computing:
            return self._working(job, case, view, now)
        if record is None or view.receipt is None or view.receipt.id != record.receipt:
            return self._not_ours(job, case, view)
        if view.state in ENDED:
            return self._over(case, record)
        return self._answerable(case, view, view.receipt, record, now)

    def _offered(self, job: H256, case: _State, view: JobView, now: int) -> list[Action]:
        if case.record is not None and not case.record.is_of(view):
            # An earlier selection of ours was computed, so this one can be.
            may_accept = now < view.due and case.may_send(Accept, now)
            return [Accept(job)] if may_accept else []
        if case.stage in (_Stage.NOTHING, _Stage.WEIGHING) and now >= view.due:
            return []
        if case.stage is _Stage.NOTHING:
            case.stage = _Stage.WEIGHING
            return [Weigh(view)]
        if case.stage is _Stage.WEIGHING and now >= int(view.due) - SPARE_SLOTS:
            # After this long the model is on its way; a refusal would have come at once.
            case.stage = _Stage.TAKING
        if case.stage is _Stage.DECLINING:
            return [Decline(job, case.why)] if case.may_send(Decline, now) else []
        if case.stage is _Stage.WEIGHING:
            return []
        return [Accept(job)] if case.may_send(Accept, now) else []

    def _working(self, job: H256, case: _State, view: JobView, now: int) -> list[Action]:
        record = case.record
        if record is not None and not record.is_of(view):
            return self._renewed(job, case)
        if now >= view.due:
            return []
        if record is not None:
            if case.stage is _Stage.KEPT and case.may_send(Submit, now):
                return [Submit(record, int(view.accepted))]
            return []
        match case.stage:
            case _Stage.NOTHING | _Stage.WEIGHING | _Stage.TAKING | _Stage.DECLINING:
                case.stage = _Stage.FETCHING
                return [Fetch(view)]
            case _Stage.FETCHING if now >= int(view.due) - SPARE_SLOTS:
                case.stage, case.blames = _Stage.WAITING, True
                case.why = "it did not come in time"
                return [Abandon(job), *self._wait(job, case, view, now)]
            case _Stage.WAITING:
                return self._wait(job, case, view, now)
            case _:
                return []

    def _wait(self, job: H256, case: _State, view: JobView, now: int) -> list[Action]:
        if case.blames and self._may_refuse(case, view, now):
            return [Refuse(job, case.why)] if case.may_send(Refuse, now) else []
        if now < case.again or Refuse in case.flying:
            return []
        case.stage = _Stage.FETCHING
        return [Fetch(view)]

    def _may_refuse(self, case: _State, view: JobView, now: int) -> bool:
        if now < int(view.due) - int(view.deadline):
            return False
        since = case.final_since
        long_enough = since is not None and self._time.is_past(since, self._payload_slots)
        return long_enough or now >= int(view.due) - SPARE_SLOTS

    def _answerable(
        self, case: _State, view: JobView, receipt: ReceiptView, record: Record, now: int
    ) -> list[Action]:
        """Answer for a receipt that is being checked, or can be disputed."""
        actions: list[Action] = []
        if receipt.had_planted_error and not record.righted and not case.writing:
            case.writing = True
            actions.append(Right(record))
        must_reveal = record.planted_error is not None and not receipt.had_planted_error
        if must_reveal and receipt.phase is Phase.Disclosing:
            actions += (
                [RevealPlantedError(record)] if case.may_send(RevealPlantedError, now) else []
            )
        if receipt.had_planted_error and record.righted and not case.exposed:
            actions += [Expose(record)] if case.may_send(Expose, now) else []
        for one in receipt.challenges:
            place = (int(one.item), int(one.tensor), int(one.leaf))
            if not one.answered and now < one.until and case.may_send(place, now):
                actions.append(Answer(record, view, *place))
        return actions

    def _over(self, case: _State, record: Record) -> list[Action]:
        """Handle a job that is over, once that is final."""
        view, actions = case.final, list[Action]()
        if view is None or view.state not in ENDED:
            return actions
        if not case.reported:
            case.reported = True
            actions.append(Ended(view))
        if case.writing:
            return actions
        if view.state is JobState.Finalized and not record.published:
            actions.append(Publish(record))
        elif view.receipt is not None and view.receipt.had_planted_error and not record.righted:
            actions.append(Right(record))
        elif not record.until:
            until = u32(min(self._time.settled + self._keep_slots, int(u32.MAX)))
            actions.append(Keep(replace(record, until=until)))
        case.writing = bool(actions) and not isinstance(actions[-1], Ended)
        return actions

    def _gone(self, job: H256, case: _State) -> list[Action]:
        """Handle a job that is not ours (any more) in the best block, or has no receipt to come."""
        actions: list[Action] = []
        is_final = not _is_of(case.final, self._account)
        if not case.stopped and (case.view is not None or is_final):
            # Another provider has it, or it is over: what was done for it is done again after a
            # fork. Its absence says less, because a fork may be without it for a block.
            case.stopped = True
            if case.stage not in (_Stage.KEPT, _Stage.STORING):
                case.stage = _Stage.NOTHING
                actions.append(Abandon(job))
        final, record = case.final, case.record
        if final and final.provider == self._account and is_final and not case.reported:
            case.reported = True
            actions.append(Ended(final))
        # A job that the chain does not have may have been over for a while: as long as after an end
        # that was seen here, its requester may fetch the result.
        wait = FORGET_SLOTS if record is None or final is not None else self._keep_slots
        last = max(case.ours_at, 0 if record is None else int(record.finished)) + wait
        if not is_final or self._time.settled <= last or case.writing:
            return actions
        del self._cases[job]
        return actions if record is None else [*actions, Forget(record)]

    def _renewed(self, job: H256, case: _State) -> list[Action]:
        """Handle a new selection of ours for a job with a record of an earlier one.

        The earlier one may come back until the new one is final: there is one record for a job.
        """
        final, record = case.final, case.record
        if final is None or record is None or record.is_of(final):
            return []
        if final.attempt < record.attempt:
            return []
        return [*self._drop(case), *self._update(job, case, self._time.slot)]

    def _not_ours(self, job: H256, case: _State, view: JobView) -> list[Action]:
        """Handle a job with a receipt of ours that was made elsewhere, or lost here."""
        final = None if case.final is None else case.final.receipt
        if case.record is not None and case.stage is _Stage.KEPT and not case.writing:
            if final is None or final.id == case.record.receipt:
                return []  # a fork may bring it back
            return [*self._drop(case), *self._not_ours(job, case, view)]
        if view.state in ENDED:
            if final is not None:
                del self._cases[job]
            return []
        if case.reported:
            return []
        case.stage, case.reported = _Stage.NOTHING, True
        return [Abandon(job), Lost(view)]

    def _drop(self, case: _State) -> list[Action]:
        record, case.record = case.record, None
        case.stage, case.reported, case.writing = _Stage.NOTHING, False, False
        case.done.clear()
        return [] if record is None else [Forget(record)]

    def _again(self, job: H256, now: int, why: str, *, blames: bool) -> list[Action]:
        case = self._cases.get(job)
        if case is None or case.stage not in (_Stage.FETCHING, _Stage.COMPUTING):
            return self._begin()
        case.stage, case.why, case.blames = _Stage.WAITING, why, blames
        case.again = now + (1 if blames else RESEND_SLOTS)
        return self._begin()

    def _begin(self) -> list[Action]:
        """Compute the jobs that are due first, as long as there is room."""
        room = self._at_a_time - sum(
            case.stage in (_Stage.COMPUTING, _Stage.STORING) for case in self._cases.values()
        )
        ready = sorted(
            (int(case.view.due), job)
            for job, case in self._cases.items()
            if case.stage is _Stage.READY and case.view is not None
        )
        actions: list[Action] = []
        for _, job in ready[: max(0, room)]:
            case = self._cases[job]
            case.stage = _Stage.COMPUTING
            if case.view is not None:
                actions.append(Compute(case.view))
        return actions


def _is_of(view: JobView | None, account: AccountId) -> bool:
    """Return True if a job is an account's in a block, and has or may get a receipt."""
    if view is None or view.provider != account:
        return False
    return view.receipt is not None or view.state in (JobState.Assigned, JobState.Computing)
