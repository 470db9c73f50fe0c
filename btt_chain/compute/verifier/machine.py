"""The decisions of a verifier: which receipts to check, when to commit and to reveal. Pure.

Events in (duties of a block, results of checks, records on the disk), actions out. One machine
serves all verifiers whose session keys a node has; a case is one verifier's seat on one receipt.

A verifier's commitment is a `Record`, and on the disk before the commitment is sent. From then on
the case is never checked again, whatever happens to the node: it reveals what the record says or
nothing. A verifier that cannot check a receipt for local reasons (no model, no time, no numpy)
stays silent: only data that the provider withholds are voted on as missing.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import field
from enum import Enum
from typing import Annotated, Final, NamedTuple, TypeAlias

from btt_chain.lazyclass import dataclass
from btt_chain.primitives.account import AccountId
from btt_chain.primitives.digest import H256
from btt_chain.scale import Fixed, codec, path, u32
from btt_chain.work import ids
from btt_chain.work.fraud import EdgeProof, FraudProof
from runtime.pallets.jobs.views import Duty, ReceiptView, Task
from runtime.pallets.receipts.types import Verdict

RESEND_SLOTS: Final = 3
"""Slots after which an action that is in no block yet is sent again."""
KEEP_SLOTS: Final = 100_800
"""Slots for which a record is kept after its receipt's votes, for disputes: a week of 6 s slots."""
MAX_LOOKS: Final = 16
"""Receipts that are checked at a time; the others wait, the most urgent comes first."""

_VERDICT: Final = codec(Verdict)


class Case(NamedTuple):
    """A verifier's seat on a receipt, in one of its rounds."""

    verifier: AccountId
    receipt: H256
    beacon: H256


@path("btt_work::Record")
@dataclass(frozen=True, slots=True)
class Record:
    """A verifier's commitment, and all data to reveal and prove it."""

    verifier: AccountId
    receipt: H256
    beacon: H256
    key: Annotated[bytes, Fixed(32)]
    """The BABE session key that selects items and signs here."""
    verdict: Verdict
    digest: H256
    salt: H256
    fraud: FraudProof | None
    edge: EdgeProof | None
    until: u32
    """The slot until which it must be revealed."""

    @property
    def case(self) -> Case:
        """The case of the record."""
        return Case(self.verifier, self.receipt, self.beacon)

    def commitment(self, genesis: bytes) -> H256:
        """Return the hash that is committed to."""
        return ids.attestation(
            genesis,
            self.receipt,
            self.verifier,
            _VERDICT.encode(self.verdict),
            self.digest,
            self.salt,
        )

    def encode(self) -> bytes:
        """Return the record as it is stored."""
        return _RECORD.encode(self)

    @classmethod
    def decode(cls, raw: bytes) -> Record:
        """Read a stored record. Raises DecodeError."""
        return _RECORD.decode_all(raw)


_RECORD: Final = codec(Record)


class Found(NamedTuple):
    """The result of a check (`checking.Finding`, without numpy)."""

    verdict: Verdict
    digest: H256
    fraud: FraudProof | None
    edge: EdgeProof | None


# ---- actions


class Look(NamedTuple):
    """Fetch, execute and compare; answer with `found` or `failed`."""

    case: Case
    duty: Duty


class Enough(NamedTuple):
    """Stop waiting: the provider's time is over."""

    case: Case


class Leave(NamedTuple):
    """Stop the check: the case is over, or too late."""

    case: Case


class Keep(NamedTuple):
    """Force a record to the disk; answer with `kept` or `not_kept`."""

    record: Record


class Forget(NamedTuple):
    """Delete a record that is not needed any more."""

    record: Record


class Commit(NamedTuple):
    """Send the commitment of a record that is on the disk."""

    record: Record


class Reveal(NamedTuple):
    """Reveal a commitment, with the proof of the selection."""

    record: Record


class Prove(NamedTuple):
    """Send the proof that the receipt is wrong."""

    record: Record


class Lost(NamedTuple):
    """Report a missing record of a commitment to reveal or prove: another disk, or another node."""

    case: Case


Action: TypeAlias = Look | Enough | Leave | Keep | Forget | Commit | Reveal | Prove | Lost


def reveals_from(receipt: ReceiptView) -> int:
    """Return the first slot in which a verdict is revealed.

    One later than the chain accepts it, if there is time: a node that is a block behind would
    refuse it as too early, and receive it only when it is gossiped again.
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
    seen: int = 0
    """Slot in which the node saw the duty first."""
    revealed: int | None = None
    """Slot in which its verdict was first seen on the chain."""
    sent: dict[Task, int] = field(default_factory=dict)
    """Slot in which each action was sent last."""


class Verifiers:
    """The verifiers of one node. Times are in slots since genesis."""

    def __init__(self, commit_slots: int, records: Iterable[Record] = ()) -> None:
        """`commit_slots` is the chain's window; `records` are those on the disk."""
        self._spare: Final = max(3, commit_slots // 2)
        """Slots before the end of the commit window in which unserved data count as withheld."""
        self._cases: dict[Case, _State] = {
            record.case: _State(_Stage.KEPT, record=record) for record in records
        }

    def duties(self, verifier: AccountId, now: int, duties: Sequence[Duty]) -> list[Action]:
        """Handle a verifier's duties as of the best block."""
        actions: list[Action] = []
        present = {self._case(duty): duty for duty in duties}
        for case, duty in present.items():
            actions += self._update(case, duty, now)
        for case, state in list(self._cases.items()):
            if case.verifier == verifier and case not in present:
                actions += self._miss(case, state, now)
        return actions + self._begin()

    def forget(self, settled: int) -> list[Action]:
        """Delete records that no dispute can need any more.

        `settled` is the first slot that is not over by final blocks and by the clock.
        """
        actions: list[Action] = []
        for case, state in list(self._cases.items()):
            record = state.record
            if state.stage is _Stage.KEPT and record and int(record.until) + KEEP_SLOTS < settled:
                del self._cases[case]
                actions.append(Forget(record))
        return actions

    def found(self, case: Case, found: Found, salt: bytes, now: int) -> list[Action]:
        """Handle the result of a check; `salt` are 32 secret bytes."""
        state = self._cases.get(case)
        if state is None or state.stage is not _Stage.LOOKING or state.duty is None:
            return self._begin()
        receipt = state.duty.job.receipt
        if receipt is None or now >= receipt.commit_until:
            state.stage = _Stage.SILENT  # too late: no record to keep
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
        """Handle a receipt that cannot be checked for local reasons."""
        state = self._cases.get(case)
        if state is not None and state.stage is _Stage.LOOKING:
            state.stage = _Stage.SILENT
        return self._begin()

    def kept(self, case: Case, now: int) -> list[Action]:
        """Handle a record that is on the disk."""
        state = self._cases.get(case)
        if state is None or state.stage is not _Stage.STORING:
            return []
        if state.record is None or state.duty is None:
            return []
        state.stage = _Stage.KEPT
        return self._send(state, state.record, state.duty, now)

    def not_kept(self, case: Case) -> None:
        """Handle a record that could not be written: no commitment was sent, and none will be."""
        state = self._cases.get(case)
        if state is not None and state.stage is _Stage.STORING:
            state.stage, state.record = _Stage.SILENT, None

    # ---- internals

    def _case(self, duty: Duty) -> Case:
        receipt = duty.job.receipt
        return Case(
            duty.seat.verifier, H256(bytes(32)) if receipt is None else receipt.id, duty.seat.beacon
        )

    def _update(self, case: Case, duty: Duty, now: int) -> list[Action]:
        receipt = duty.job.receipt
        if receipt is None:
            return []
        state = self._cases.get(case)
        if state is None:
            if duty.task is not Task.Commit:
                self._cases[case] = _State(_Stage.SILENT, duty)
                return [Lost(case)]
            state = self._cases[case] = _State(_Stage.WAITING, seen=now)
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
        if receipt is None:
            return []
        if duty.task is Task.Reveal and now < reveals_from(receipt):
            return []
        if duty.task is Task.Commit and now <= state.seen < int(receipt.commit_until) - 2:
            return []  # nodes that are a block behind have not seen the committee's selection
        if duty.task is Task.Prove:
            # Not at once: nodes that are a block behind have not seen the verdict, and drop the
            # proof. Gossip takes the same bytes only once a minute.
            state.revealed = now if state.revealed is None else state.revealed
            if now <= state.revealed:
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
        """Handle a case without a duty in this block; a fork may bring it back."""
        receipt = None if state.duty is None else state.duty.job.receipt
        match state.stage:
            case _Stage.LOOKING if receipt is None or now >= receipt.commit_until:
                del self._cases[case]
                return [Leave(case)]
            case _Stage.WAITING | _Stage.SILENT:
                del self._cases[case]
            case _:
                pass
        return []

    def _begin(self) -> list[Action]:
        """Start the most urgent of the waiting checks, as long as there is room."""
        looking = sum(state.stage is _Stage.LOOKING for state in self._cases.values())
        waiting = sorted(
            (self._give_up_at(state.duty), case)
            for case, state in self._cases.items()
            if state.stage is _Stage.WAITING and state.duty is not None
        )
        actions: list[Action] = []
        for _, case in waiting[: max(0, MAX_LOOKS - looking)]:
            state = self._cases[case]
            if state.duty is None:
                continue
            state.stage = _Stage.LOOKING
            actions.append(Look(case, state.duty))
        return actions

    def _give_up_at(self, duty: Duty) -> int:
        """Return the first slot in which unserved data count as withheld."""
        receipt = duty.job.receipt
        return 0 if receipt is None else int(receipt.commit_until) - self._spare
