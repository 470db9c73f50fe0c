"""A provider's decisions: what to take on, what to send and when, what to keep and serve. Pure.

Events in (what the chain says of a job, what fetching and computing brought, what is on the disk),
actions out. What a receipt will say is a `Record`, and on the disk with everything behind it before
the receipt leaves. From then on the job is never computed again: whatever happens to the program,
it submits what the record says, serves it, and answers for it. Everything before that is done
anew from what the chain says, so a crash costs time and nothing else.

A requester is blamed (`Refuse`) only for what did not come or does not open, and only once it has
known for long enough to whom to seal it; what goes wrong here is never its fault.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import Enum, auto
from typing import Annotated, Final, NamedTuple, TypeAlias

from btt_chain.primitives.account import AccountId
from btt_chain.primitives.digest import H256
from btt_chain.scale import Bounded, Fixed, codec, path, u8, u32, u64
from runtime.pallets.jobs.types import ENDED, MAX_ITEMS, JobState
from runtime.pallets.receipts.types import Phase
from runtime.work_views import JobView, ProviderView, ReceiptView

RESEND_SLOTS: Final = 3
"""What was included and is not in the state is sent again after so many slots: a fork undid it."""
SPARE_SLOTS: Final = 2
"""What is sent so long before a deadline comes into a block in time. A payload that is not here
then is refused, and a job that is still weighed is taken.
"""
FORGET_SLOTS: Final = 64
"""How long a job that went to somebody else is remembered, in case a fork brings it back."""
KEEP_DAYS: Final = 7
"""How long what is behind a receipt is served once its job is over."""
DAY_MS: Final = 86_400_000


@path("btt_provider::Flip")
@dataclass(frozen=True, slots=True)
class Flip:
    """A byte of a transcript that a trap has wrong, and what is right."""

    item: u32
    offset: u64
    right: u8


@path("btt_provider::Trap")
@dataclass(frozen=True, slots=True)
class Trap:
    """What is right where a receipt is wrong on purpose."""

    item_root: H256
    output_root: H256
    salt: Annotated[bytes, Fixed(32)]
    flips: Bounded[list[Flip], MAX_ITEMS]


@path("btt_provider::Record")
@dataclass(frozen=True, slots=True)
class Record:
    """What was computed for a job: what its receipt says, and how long that is served."""

    job: H256
    attempt: u8
    seed: H256
    """What drew us: another draw of the same job is another receipt."""
    receipt: H256
    items: u32
    item_root: H256
    output_root: H256
    trap_commit: H256
    started: u32
    finished: u32
    trap: Trap | None = None
    righted: bool = False
    """Whether what is served is right, after a trap was revealed."""
    published: bool = False
    """Whether the result is served; that of a trap is not before the job is paid."""
    until: u32 = u32(0)
    """The slot in which everything is forgotten; 0: the job is not over."""

    def encode(self) -> bytes:
        """Return what lies on the disk."""
        return _RECORD.encode(self)

    @classmethod
    def decode(cls, raw: bytes) -> Record:
        """Read it. Raises DecodeError."""
        return _RECORD.decode_all(raw)

    def is_of(self, view: JobView) -> bool:
        """Whether it is of the draw that a job is in now."""
        return self.attempt == view.attempt and self.seed == view.seed


_RECORD: Final = codec(Record)


# ---- actions


class Weigh(NamedTuple):
    """Find out whether the job can be done here, and have its model ready: `weighed`."""

    job: JobView


class Accept(NamedTuple):
    """Send it: `sent`."""

    job: H256


class Decline(NamedTuple):
    """Send it: `sent`."""

    job: H256
    why: str


class Fetch(NamedTuple):
    """Fetch the payload and see whether it opens: `fetched`, `missing` or `failed`."""

    job: JobView


class Refuse(NamedTuple):
    """Send that the payload is missing or bad: `sent`."""

    job: H256
    why: str


class Compute(NamedTuple):
    """Execute, commit, write all that is served: `computed` or `failed`."""

    job: JobView


class Keep(NamedTuple):
    """Force a record to the disk: `kept` or `failed`."""

    record: Record


class Submit(NamedTuple):
    """Send the receipt: `sent`."""

    record: Record
    accepted: int
    """Where the chain says it began, which forks may move."""


class RevealTrap(NamedTuple):
    """Send what is right: `sent`."""

    record: Record


class Expose(NamedTuple):
    """Show what a trap had wrong, so that lazy verifiers pay: `sent`."""

    record: Record


class Answer(NamedTuple):
    """Show a leaf on the chain: `sent`."""

    record: Record
    job: JobView
    item: int
    tensor: int
    leaf: int


class Right(NamedTuple):
    """Serve what is right from now on: `kept` with the record that comes back."""

    record: Record


class Publish(NamedTuple):
    """Serve the result: `kept` with the record that comes back."""

    record: Record


class Abandon(NamedTuple):
    """Stop what is under way for a job; the inputs are not needed any more."""

    job: H256


class Forget(NamedTuple):
    """Drop the record, and all that is served of it."""

    record: Record


class Ended(NamedTuple):
    """Tell that a job of ours is over."""

    job: JobView


class Lost(NamedTuple):
    """Tell that there is a receipt of ours that nothing is known of here."""

    job: JobView


class Heartbeat(NamedTuple):
    """Send one: `sent`."""


class Claim(NamedTuple):
    """Have what was earned in an era paid: `sent`."""

    era: int


Action: TypeAlias = (
    Weigh | Accept | Decline | Fetch | Refuse | Compute | Keep | Submit | RevealTrap | Expose
    | Answer | Right | Publish | Abandon | Forget | Ended | Lost | Heartbeat | Claim
)  # fmt: skip


# ---- the machine


class _Stage(Enum):
    WEIGHING = auto()
    TAKING = auto()
    DECLINING = auto()
    FETCHING = auto()
    WAITING = auto()
    """The payload did not come, or something here failed: it is tried again."""
    READY = auto()
    """The payload is here, and others are computed first."""
    COMPUTING = auto()
    STORING = auto()
    KEPT = auto()
    NOTHING = auto()
    """Nothing is to be done about it here."""


@dataclass(slots=True)
class _State:
    stage: _Stage
    view: JobView | None = None
    record: Record | None = None
    why: str = ""
    """Why it is declined, or what is wrong with its payload."""
    blames: bool = False
    """Whether what it waits for is the requester's to deliver."""
    again: int = 0
    final_since: int | None = None
    """Since when it has been final that we do this job: then the requester can seal."""
    gone_since: int | None = None
    told: bool = False
    """Whether its end, or the loss of its receipt, was told."""
    exposed: bool = False
    """Whether it was shown what a trap had wrong; the chain does not tell that."""
    writing: bool = False
    flying: set[object] = field(default_factory=set)
    done: dict[object, int] = field(default_factory=dict)


class Provider:
    """What one provider does about all its jobs. Times are in slots since genesis."""

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
        """`payload_slots`: how long a requester may take; `records`: those on the disk."""
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

    # ---- what is asked of the chain

    def open_jobs(self) -> list[H256]:
        """Return the jobs of which the next look has to tell, whoever they are given to now."""
        return [
            job for job, case in self._cases.items() if case.record is None or not case.record.until
        ]

    @property
    def is_idle(self) -> bool:
        """Whether no job waits for anything that is done here."""
        return all(case.stage in (_Stage.KEPT, _Stage.NOTHING) for case in self._cases.values())

    # ---- events

    def seen(
        self, now: int, views: Mapping[H256, JobView | None], final: Mapping[H256, JobView]
    ) -> list[Action]:
        """Hear what the best block says of jobs, and the last final block of those we do."""
        actions: list[Action] = []
        for job, view in views.items():
            case = self._cases.get(job)
            if case is None:
                if view is None or view.provider != self._account or view.state in ENDED:
                    continue
                case = self._cases[job] = _State(_Stage.NOTHING)
            case.view = view
            self._note_final(case, final.get(job), now)
            actions += self._hear(job, case, now)
        for job, case in list(self._cases.items()):
            record = case.record
            if record is not None and 0 < record.until <= now:
                del self._cases[job]
                actions.append(Forget(record))
        return actions + self._begin()

    def upkeep(self, now: int, me: ProviderView, era: int, earned: Sequence[int]) -> list[Action]:
        """Hear how we stand in the era that runs, and in which eras there is something earned."""
        actions: list[Action] = []
        if me.heard < era and self._may_send(self._upkeep, Heartbeat, now):
            actions.append(Heartbeat())
        actions += [Claim(one) for one in earned if self._may_send(self._upkeep, one, now)]
        return actions

    def upkept(self, action: Heartbeat | Claim, now: int, *, ok: bool) -> None:
        """Hear that one of these was carried out, or was not."""
        kind = Heartbeat if isinstance(action, Heartbeat) else action.era
        self._sent(self._upkeep, kind, now, ok=ok)

    def weighed(self, job: H256, now: int, why: str | None) -> list[Action]:
        """Hear that a job can be done here; with `why` that it cannot."""
        case = self._cases.get(job)
        if case is None or case.stage is not _Stage.WEIGHING:
            return []
        case.stage = _Stage.TAKING if why is None else _Stage.DECLINING
        case.why = why or ""
        return self._hear(job, case, now)

    def fetched(self, job: H256) -> list[Action]:
        """Hear that the payload is here, opens, and is what was agreed on."""
        case = self._cases.get(job)
        if case is not None and case.stage is _Stage.FETCHING:
            case.stage = _Stage.READY
        return self._begin()

    def missing(self, job: H256, now: int, why: str) -> list[Action]:
        """Hear that the payload did not come, or is no good."""
        return self._again(job, now, why, blames=True)

    def failed(self, job: H256, now: int, why: str) -> list[Action]:
        """Hear that something went wrong here."""
        return self._again(job, now, why, blames=False)

    def computed(self, record: Record) -> list[Action]:
        """Hear that a job is computed, and that what is served of it is on the disk."""
        case = self._cases.get(record.job)
        if case is None or case.stage is not _Stage.COMPUTING:
            return [Forget(record), *self._begin()]
        case.stage, case.record, case.writing = _Stage.STORING, record, True
        return [Keep(record), *self._begin()]

    def kept(self, record: Record, now: int) -> list[Action]:
        """Hear that a record is on the disk."""
        case = self._cases.get(record.job)
        if case is None or case.record is None or case.record.receipt != record.receipt:
            return []
        case.record, case.writing = record, False
        if case.stage is _Stage.STORING:
            case.stage = _Stage.KEPT
        return self._hear(record.job, case, now)

    def not_kept(self, record: Record, now: int) -> list[Action]:
        """Hear that the disk did not take a record."""
        case = self._cases.get(record.job)
        if case is None:
            return []
        case.writing = False
        if case.stage is not _Stage.STORING:
            return []
        # Nothing left yet, so it can be done once more.
        case.stage, case.record = _Stage.WAITING, None
        case.blames, case.again = False, now + RESEND_SLOTS
        return [Forget(record), *self._begin()]

    def sent(self, action: Action, now: int, *, ok: bool) -> None:
        """Hear that something that was to be sent is in a block, or came to nothing."""
        case = self._cases.get(job_of(action))
        if case is not None:
            self._sent(case, kind_of(action), now, ok=ok)
            case.exposed |= ok and isinstance(action, Expose)

    # ---- inside

    def _note_final(self, case: _State, final: JobView | None, now: int) -> None:
        view = case.view
        ours = final is not None and view is not None and final.provider == self._account
        if not ours or final is None or view is None or final.seed != view.seed:
            case.final_since = None
        elif case.final_since is None:
            case.final_since = now

    def _hear(self, job: H256, case: _State, now: int) -> list[Action]:
        view, record = case.view, case.record
        if view is None or view.provider != self._account:
            return self._gone(job, case, now)
        case.gone_since = None
        if view.state is JobState.Assigned:
            return self._offered(job, case, view, now)
        if view.state is JobState.Computing:
            return self._working(job, case, view, now)
        if record is None or view.receipt is None or view.receipt.id != record.receipt:
            # Ended without a receipt, or with one that was made elsewhere.
            if view.receipt is None:
                return self._gone(job, case, now)
            return self._not_ours(job, case, view)
        if view.state in ENDED:
            return self._over(case, view, record, now)
        return self._answerable(case, view, view.receipt, record, now)

    def _offered(self, job: H256, case: _State, view: JobView, now: int) -> list[Action]:
        if case.record is not None and not case.record.is_of(view):
            return [*self._drop(case), *self._offered(job, case, view, now)]
        if case.stage in (_Stage.NOTHING, _Stage.WEIGHING) and now >= view.due:
            return []
        if case.stage is _Stage.NOTHING:
            case.stage = _Stage.WEIGHING
            return [Weigh(view)]
        if case.stage is _Stage.WEIGHING and now >= int(view.due) - SPARE_SLOTS:
            # What is weighed so long is on its way here; a refusal would have come at once.
            case.stage = _Stage.TAKING
        if case.stage is _Stage.DECLINING:
            return [Decline(job, case.why)] if self._may_send(case, Decline, now) else []
        if case.stage is _Stage.WEIGHING:
            return []
        return [Accept(job)] if self._may_send(case, Accept, now) else []

    def _working(self, job: H256, case: _State, view: JobView, now: int) -> list[Action]:
        record = case.record
        if record is not None and not record.is_of(view):
            return [*self._drop(case), *self._working(job, case, view, now)]
        if now >= view.due:
            return []
        if record is not None:
            if case.stage is _Stage.KEPT and self._may_send(case, Submit, now):
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
            return [Refuse(job, case.why)] if self._may_send(case, Refuse, now) else []
        if now < case.again or Refuse in case.flying:
            return []
        case.stage = _Stage.FETCHING
        return [Fetch(view)]

    def _may_refuse(self, case: _State, view: JobView, now: int) -> bool:
        if now < int(view.due) - int(view.deadline):
            return False
        sealable = case.final_since
        long_enough = sealable is not None and now >= sealable + self._payload_slots
        return long_enough or now >= int(view.due) - SPARE_SLOTS

    def _answerable(
        self, case: _State, view: JobView, receipt: ReceiptView, record: Record, now: int
    ) -> list[Action]:
        """Do what a receipt asks of us that is looked at, or can be disputed."""
        actions: list[Action] = []
        if receipt.trapped and not record.righted and not case.writing:
            case.writing = True
            actions.append(Right(record))
        trap = record.trap is not None and not receipt.trapped
        if trap and receipt.phase is Phase.Trapping and self._may_send(case, RevealTrap, now):
            actions.append(RevealTrap(record))
        if receipt.trapped and record.righted and not case.exposed:
            actions += [Expose(record)] if self._may_send(case, Expose, now) else []
        for one in receipt.challenges:
            place = (int(one.item), int(one.tensor), int(one.leaf))
            if not one.answered and now < one.until and self._may_send(case, place, now):
                actions.append(Answer(record, view, *place))
        return actions

    def _over(self, case: _State, view: JobView, record: Record, now: int) -> list[Action]:
        actions: list[Action] = []
        if not case.told:
            case.told = True
            actions.append(Ended(view))
        if case.writing:
            return actions
        if view.state is JobState.Finalised and not record.published:
            actions.append(Publish(record))
        elif view.receipt is not None and view.receipt.trapped and not record.righted:
            actions.append(Right(record))
        elif not record.until:
            until = u32(min(now + self._keep_slots, int(u32.MAX)))
            actions.append(Keep(replace(record, until=until)))
        case.writing = bool(actions) and not isinstance(actions[-1], Ended)
        return actions

    def _gone(self, job: H256, case: _State, now: int) -> list[Action]:
        """The job is not ours (any more), as far as the best block says."""
        actions: list[Action] = []
        if case.gone_since is None:
            case.gone_since = now
            if case.stage not in (_Stage.KEPT, _Stage.STORING):
                case.stage = _Stage.NOTHING
                actions.append(Abandon(job))
                if case.view is not None and case.view.provider == self._account:
                    actions.append(Ended(case.view))
        if now < case.gone_since + FORGET_SLOTS or case.writing:
            return actions
        del self._cases[job]
        return actions if case.record is None else [*actions, Forget(case.record)]

    def _not_ours(self, job: H256, case: _State, view: JobView) -> list[Action]:
        """The job has a receipt of ours that was made somewhere else, or lost here."""
        if case.record is not None and case.stage is _Stage.KEPT and not case.writing:
            return [*self._drop(case), *self._not_ours(job, case, view)]
        if view.state in ENDED:
            del self._cases[job]
            return []
        if case.told:
            return []
        case.stage, case.told = _Stage.NOTHING, True
        return [Abandon(job), Lost(view)]

    def _drop(self, case: _State) -> list[Action]:
        record, case.record = case.record, None
        case.stage, case.told, case.writing = _Stage.NOTHING, False, False
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
        """Compute what is due first, as long as there is room."""
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

    def _may_send(self, case: _State, kind: object, now: int) -> bool:
        """Note that something is sent, unless it is under way or was included a moment ago."""
        last = case.done.get(kind)
        if kind in case.flying or (last is not None and last <= now < last + RESEND_SLOTS):
            return False
        case.flying.add(kind)
        return True

    def _sent(self, case: _State, kind: object, now: int, *, ok: bool) -> None:
        case.flying.discard(kind)
        # What came to nothing is tried with the next block.
        case.done[kind] = now if ok else now - RESEND_SLOTS + 1


def job_of(action: Action) -> H256:
    """Return the job that something is sent about."""
    match action:
        case Accept(job) | Decline(job) | Refuse(job):
            return job
        case Submit() | RevealTrap() | Expose() | Answer():
            return action.record.job
        case _:
            raise TypeError(f"{type(action).__name__} is nothing that is sent about a job")


def kind_of(action: Action) -> object:
    """Return what is sent at most once at a time."""
    if isinstance(action, Answer):
        return action.item, action.tensor, action.leaf
    return type(action)
