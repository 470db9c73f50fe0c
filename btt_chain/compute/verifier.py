"""A verifier's decisions: what to look at, what to commit to, when to reveal. Pure.

Events in (duties of a block, what a look brought, what is on the disk), actions out. One machine
serves all verifiers whose session keys a node has; a case is one verifier's seat on one receipt.

What a verifier committed to is a `Record`, and on the disk before the commitment leaves. From then
on the case is never looked at again, whatever happens to the node: it reveals what the record says
or nothing. Who cannot look at a receipt for reasons of its own (no model, no time, no numpy) keeps
silent: only what the provider withholds is voted on as missing.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Annotated, Final, NamedTuple, TypeAlias

from btt_chain.primitives.account import AccountId
from btt_chain.primitives.digest import H256
from btt_chain.scale import Fixed, codec, path, u32
from btt_chain.work import ids
from btt_chain.work.fraud import EdgeProof, FraudProof
from runtime.pallets.receipts.types import Verdict
from runtime.work_views import Duty, ReceiptView, Task

RESEND_SLOTS: Final = 3
"""What was sent and is in no block yet is sent again after so many slots."""
KEEP_SLOTS: Final = 100_800
"""How long a record outlives its receipt's votes: a week of six seconds each, for disputes."""
MOST_LOOKS: Final = 16
"""Receipts that are looked at together; the others wait, the most urgent comes first."""

_VERDICT: Final = codec(Verdict)


class Case(NamedTuple):
    """A verifier's seat on a receipt, in one of its rounds."""

    verifier: AccountId
    receipt: H256
    beacon: H256


@path("btt_work::Record")
@dataclass(frozen=True, slots=True)
class Record:
    """What a verifier commits to, and all that it needs to reveal and prove it."""

    verifier: AccountId
    receipt: H256
    beacon: H256
    key: Annotated[bytes, Fixed(32)]
    """The BABE session key that it draws and signs with here."""
    verdict: Verdict
    digest: H256
    salt: H256
    fraud: FraudProof | None
    edge: EdgeProof | None
    until: u32
    """The slot until which it was to be revealed."""

    @property
    def case(self) -> Case:
        """Whose it is."""
        return Case(self.verifier, self.receipt, self.beacon)

    def commitment(self, genesis: bytes) -> H256:
        """What is committed to."""
        return ids.attestation(
            genesis,
            self.receipt,
            self.verifier,
            _VERDICT.encode(self.verdict),
            self.digest,
            self.salt,
        )

    def encode(self) -> bytes:
        """The record as it is stored."""
        return _RECORD.encode(self)

    @classmethod
    def decode(cls, raw: bytes) -> Record:
        """Read a stored record. Raises DecodeError."""
        return _RECORD.decode_all(raw)


_RECORD: Final = codec(Record)


class Found(NamedTuple):
    """What a look brought (`checking.Finding`, without numpy)."""

    verdict: Verdict
    digest: H256
    fraud: FraudProof | None
    edge: EdgeProof | None


# ---- actions


class Look(NamedTuple):
    """Fetch, execute and compare; then tell `found` or `failed`."""

    case: Case
    duty: Duty


class Enough(NamedTuple):
    """The provider had its time: wait for nothing more of it."""

    case: Case


class Leave(NamedTuple):
    """The case is over, or too late: stop looking."""

    case: Case


class Keep(NamedTuple):
    """Force a record to the disk, then tell `kept`."""

    record: Record


class Forget(NamedTuple):
    """A record is of no use any more."""

    record: Record


class Commit(NamedTuple):
    """Send the commitment of a record that is on the disk."""

    record: Record


class Reveal(NamedTuple):
    """Send what was committed to, with the proof of the draw."""

    record: Record


class Prove(NamedTuple):
    """Send the proof that the receipt is wrong."""

    record: Record


class Lost(NamedTuple):
    """There is something to reveal or prove, and no record of it: another disk, or another node."""

    case: Case


Action: TypeAlias = Look | Enough | Leave | Keep | Forget | Commit | Reveal | Prove | Lost


def reveals_from(receipt: ReceiptView) -> int:
    """Return the slot from which on a verdict is revealed.

    One later than the chain takes it, if there is time: a node that is a block behind would take
    it for one that comes too early, refuse it, and not look at it again for half an hour.
    """
    first = int(receipt.commit_until)
    return max(first, min(first + 1, int(receipt.reveal_until) - 2))


# ---- the machine


class _Stage(Enum):
    WAITING = 0
    LOOKING = 1
    STORING = 2
    KEPT = 3
    SILENT = 4


@dataclass(slots=True)
class _State:
    stage: _Stage
    duty: Duty | None = None
    record: Record | None = None
    given_up: bool = False
    sent: dict[Task, int] = field(default_factory=dict)
    """When each thing was sent last, in slots."""


class Verifiers:
    """The verifiers of one node. Times are in slots since genesis."""

    def __init__(self, commit_slots: int, records: Iterable[Record] = ()) -> None:
        """`commit_slots` is the chain's window; `records` are those on the disk."""
        self._spare: Final = max(3, commit_slots // 2)
        """Slots that are left to commit when what is not served yet counts as withheld."""
        self._cases: dict[Case, _State] = {
            record.case: _State(_Stage.KEPT, record=record) for record in records
        }

    def duties(self, verifier: AccountId, now: int, duties: Sequence[Duty]) -> list[Action]:
        """Hear what a verifier has to do as of the best block."""
        actions: list[Action] = []
        present = {self._case(duty): duty for duty in duties}
        for case, duty in present.items():
            actions += self._hear(case, duty, now)
        for case, state in list(self._cases.items()):
            if case.verifier == verifier and case not in present:
                actions += self._miss(case, state, now)
        return actions + self._begin()

    def found(self, case: Case, found: Found, salt: bytes, now: int) -> list[Action]:
        """Hear what a look brought; `salt` are 32 bytes that nobody else knows."""
        state = self._cases.get(case)
        if state is None or state.stage is not _Stage.LOOKING or state.duty is None:
            return self._begin()
        receipt = state.duty.job.receipt
        if receipt is None or now >= receipt.commit_until:
            state.stage = _Stage.SILENT  # too late: there is nothing to keep
            return self._begin()
        state.stage = _Stage.STORING
        state.record = Record(
            verifier=case.verifier,
            receipt=case.receipt,
            beacon=case.beacon,
            key=state.duty.seat.key,
            verdict=found.verdict,
            digest=found.digest,
            salt=H256(salt),
            fraud=found.fraud,
            edge=found.edge,
            until=u32(receipt.reveal_until),
        )
        return [Keep(state.record), *self._begin()]

    def failed(self, case: Case) -> list[Action]:
        """Hear that a receipt cannot be looked at, for reasons of our own."""
        state = self._cases.get(case)
        if state is not None and state.stage is _Stage.LOOKING:
            state.stage = _Stage.SILENT
        return self._begin()

    def kept(self, case: Case, now: int) -> list[Action]:
        """Hear that a record is on the disk."""
        state = self._cases.get(case)
        if state is None or state.stage is not _Stage.STORING or state.record is None:
            return []
        state.stage = _Stage.KEPT
        state.sent[Task.Commit] = now
        return [Commit(state.record)]

    def not_kept(self, case: Case) -> None:
        """Hear that the disk did not take a record: nothing was sent, and nothing is."""
        state = self._cases.get(case)
        if state is not None and state.stage is _Stage.STORING:
            state.stage, state.record = _Stage.SILENT, None

    # ---- inside

    def _case(self, duty: Duty) -> Case:
        receipt = duty.job.receipt
        return Case(
            duty.seat.verifier, H256(bytes(32)) if receipt is None else receipt.id, duty.seat.beacon
        )

    def _hear(self, case: Case, duty: Duty, now: int) -> list[Action]:
        receipt = duty.job.receipt
        if receipt is None:
            return []
        state = self._cases.get(case)
        if state is None:
            if duty.task is not Task.Commit:
                self._cases[case] = _State(_Stage.SILENT, duty)
                return [Lost(case)]
            state = self._cases[case] = _State(_Stage.WAITING)
        state.duty = duty
        if state.stage is _Stage.KEPT and state.record is not None:
            return self._send(state, state.record, duty, now)
        if state.stage in (_Stage.WAITING, _Stage.LOOKING) and duty.task is not Task.Commit:
            state.stage = _Stage.SILENT
            return [Leave(case)]
        if state.stage is _Stage.LOOKING and not state.given_up and now >= self._give_up_at(duty):
            state.given_up = True
            return [Enough(case)]
        return []

    def _send(self, state: _State, record: Record, duty: Duty, now: int) -> list[Action]:
        receipt = duty.job.receipt
        if duty.task is Task.Reveal and (receipt is None or now < reveals_from(receipt)):
            return []
        last = state.sent.get(duty.task)
        if last is not None and last <= now < last + RESEND_SLOTS:
            return []
        state.sent[duty.task] = now
        match duty.task:
            case Task.Commit:
                return [] if duty.seat.committed else [Commit(record)]
            case Task.Reveal:
                return [Reveal(record)]
            case Task.Prove:
                return [] if record.fraud is None and record.edge is None else [Prove(record)]

    def _miss(self, case: Case, state: _State, now: int) -> list[Action]:
        """There is nothing to do about a case as of this block; a fork may bring it back."""
        match state.stage:
            case _Stage.LOOKING:
                del self._cases[case]
                return [Leave(case)]
            case _Stage.WAITING | _Stage.SILENT:
                del self._cases[case]
            case _Stage.KEPT if state.record is not None:
                if now > int(state.record.until) + KEEP_SLOTS:
                    del self._cases[case]
                    return [Forget(state.record)]
            case _:
                pass
        return []

    def _begin(self) -> list[Action]:
        """Look at the most urgent of those that wait, as long as there is room."""
        looking = sum(state.stage is _Stage.LOOKING for state in self._cases.values())
        waiting = sorted(
            (self._give_up_at(state.duty), case)
            for case, state in self._cases.items()
            if state.stage is _Stage.WAITING and state.duty is not None
        )
        actions: list[Action] = []
        for _, case in waiting[: max(0, MOST_LOOKS - looking)]:
            state = self._cases[case]
            if state.duty is None:
                continue
            state.stage = _Stage.LOOKING
            actions.append(Look(case, state.duty))
        return actions

    def _give_up_at(self, duty: Duty) -> int:
        """Return the slot from which on what the provider does not serve counts as withheld."""
        receipt = duty.job.receipt
        return 0 if receipt is None else int(receipt.commit_until) - self._spare
