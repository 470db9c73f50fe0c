"""Evaluation: accuracy of models, measured on labelled sets.

A facility adds a set of items with labels against a bond. The owner of a model requests a run and
posts ordinary jobs of the set's inputs. Once their receipts are final, any account reports the
model's answers against a bond, a part of the set at a time, together with the labels. The chain
counts them itself. An answer that is not the one in the output that the receipt commits to costs
the reporter its bond. The outcome is a record that no account can write in another way.

| state of a run | call | next state |
|---|---|---|
| none | `request` | open |
| open | `report`, which holds the bond of a part; `dispute`, which takes it | open |
| open, all parts reported, undisputed | `finish`: a record is stored, bonds are released | none |
| open, its time over or its set revoked, undisputed | `finish`: bonds are released | none |

| state of a set | call | next state |
|---|---|---|
| none | `add_set`, which holds the bond | open |
| open | `retire_set`: no more runs | retired |
| retired for `LeaveSlots`, without runs | `remove_set`: the bond is released | none |
| open, retired | `revoke_set` by governance: the bond is burned | revoked |

Invariants: the amounts on hold are the bonds of sets and `ReportBond` for each report; the counts
of a run are those of its reported parts; a set counts its open runs. Described in
`docs/evaluation.md`.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import IntEnum
from hashlib import sha256

from btt_chain.primitives.account import AccountId
from btt_chain.primitives.digest import H256
from btt_chain.scale import u16, u32, u128
from btt_chain.work.commit import tree_of
from btt_chain.work.errors import ProofRefused
from btt_chain.work.layout import tensor_layout
from btt_chain.work.merkle import Opening
from btt_chain.work.tensors import Tensor
from runtime.frame import (
    Const,
    Constant,
    DispatchInfo,
    DoubleMap,
    Hasher,
    Map,
    Origin,
    OriginCheck,
    Pallet,
    PostInfo,
    ReasonOf,
    Value,
    call,
)
from runtime.frame.aliases import HashOf
from runtime.frame.traits import Clock, MutateHold, Operators
from runtime.pallets.evaluation import errors, events, formulas, weights
from runtime.pallets.evaluation.types import (
    BINS,
    CURATORS,
    FULL_BELOW,
    MAX_CLASSES,
    MAX_COUNTS,
    MAX_ITEMS,
    MAX_PARTS,
    PART_ITEMS,
    REPORT_BOND,
    SET_BOND,
    JobLedger,
    LabelledSet,
    Marks,
    Models,
    OutputBytes,
    PartIndex,
    Payer,
    Question,
    ReceiptLedger,
    Record,
    Registry,
    Report,
    Run,
    RunIndex,
    SetId,
    SetParts,
)
from runtime.pallets.jobs.types import Check, Job, JobState, Tier
from runtime.pallets.models.types import ModelRecord
from runtime.pallets.providers.types import Endpoints, are_endpoints
from runtime.pallets.receipts.challenges import only
from runtime.pallets.tokenomics.types import BurnReason


def by_parts(_: Evaluation, __: object, ___: u32, parts: SetParts, *____: object) -> DispatchInfo:
    """Weigh a new set by its parts."""
    return DispatchInfo(weights.add_set(len(parts)))


def by_answers(weigh: Callable[[int], int]) -> Callable[..., DispatchInfo]:
    """Return the weight of a call by the number of answers, its fourth argument."""

    def weight(_: Evaluation, *args: object) -> DispatchInfo:
        return DispatchInfo(weigh(len(args[3]) if isinstance(args[3], bytes) else PART_ITEMS))

    return weight


class Evaluation(Pallet, events=events, errors=errors):
    """Accuracy of models on labelled sets. Amounts in planck, times in slots since genesis."""

    # ---- constants

    report_slots: Const[u32]
    """Time from a request until all parts must be reported, in slots."""
    dispute_slots: Const[u32]
    """Time in which a report can be disputed, in slots."""
    again_slots: Const[u32]
    """Time after a record until the model may be measured on the set again, in slots."""
    leave_slots: Const[u32]
    """Time from retiring a set until it may be removed, in slots."""
    set_bond = Constant(SET_BOND)
    """Bond of a set, in planck."""
    report_bond = Constant(REPORT_BOND)
    """Bond of the report of a part, in planck."""
    max_items = Constant(u32(MAX_ITEMS))
    """Maximum number of items of a set."""
    part_items = Constant(u32(PART_ITEMS))
    """Number of items of a part; the last one has what is left."""
    max_parts = Constant(u32(MAX_PARTS))
    """Maximum number of parts of a set."""
    max_classes = Constant(u32(MAX_CLASSES))
    """Maximum number of classes."""
    max_counts = Constant(u32(MAX_COUNTS))
    """Maximum number of counts: 256 bins for each of two labels."""
    bins = Constant(u32(BINS))
    """Number of bins of a score."""
    full_below = Constant(u32(FULL_BELOW))
    """Number of items below which a job must have been checked in full."""

    # ---- dependencies

    currency: MutateHold
    payer: Payer
    clock: Clock
    operators: Operators
    registry: Registry
    models: Models
    jobs: JobLedger
    receipts: ReceiptLedger
    technical: OriginCheck
    """Origin that revokes sets."""

    # ---- storage

    sets = Map(H256, LabelledSet, hasher=Hasher.Identity)
    """The sets by id."""
    set_parts = Map(H256, SetParts, hasher=Hasher.Identity)
    """Commitments to the items of sets; a revoked set has none."""
    runs = Map(u32, Run, hasher=Hasher.Twox64Concat)
    """Open runs."""
    next_run = Value(u32, default=u32(0))
    """Number of runs until now."""
    running = DoubleMap(H256, H256, u32, hashers=(Hasher.Identity, Hasher.Identity))
    """The open run of a model on a set."""
    reports = DoubleMap(u32, u16, Report, hashers=(Hasher.Twox64Concat, Hasher.Twox64Concat))
    """Reported parts of open runs."""
    records = DoubleMap(H256, H256, Record, hashers=(Hasher.Identity, Hasher.Identity))
    """Measurements by model and set."""

    # ---- hold reasons

    class HoldReason(IntEnum):
        """Reasons for which money is on hold."""

        SetBond = 0
        """Bond of a labelled set."""
        ReportBond = 1
        """Bond of a report, until its run ends."""

    set_reason = ReasonOf(HoldReason.SetBond)
    report_reason = ReasonOf(HoldReason.ReportBond)
    """The reasons of bonds in Balances."""

    # ---- calls

    @call(0, weight=by_parts)
    def add_set(
        self,
        origin: Origin,
        question: Question,
        items: u32,
        parts: SetParts,
        licence: HashOf,
        endpoints: Endpoints,
    ) -> None:
        """Add a labelled set. Its bond stays on hold until it is removed.

        Origin: an active hospital, laboratory or auditor. Keep inputs and labels available at
        `endpoints`. `licence` is the SHA-256 of the terms of use.
        """
        who = origin.signed()
        if not any(self.registry.is_active(who, kind) for kind in CURATORS):
            raise errors.NotCurator
        if not formulas.in_order(question):
            raise errors.InvalidQuestion
        if not formulas.are_parts(int(items), len(parts)):
            raise errors.InvalidParts
        if not are_endpoints(endpoints):
            raise errors.InvalidEndpoints
        id = formulas.set_id(who, question, items, parts)
        if id in self.sets:
            raise errors.AlreadyAdded
        self.currency.hold(self.set_reason, who, self.set_bond)
        now = u32(self.clock.now())
        bond = u128(self.set_bond)
        self.sets[id] = LabelledSet(who, question, items, licence, endpoints, bond, now)
        self.set_parts[id] = parts
        self.deposit(events.SetAdded(id, who, items))

    @call(1, weight=weights.REQUEST)
    def request(self, origin: Origin, model: HashOf, set: SetId) -> None:
        """Request the measurement of the caller's model on a set.

        Then post jobs of the model, one for each part of the set, with its root of inputs: in the
        open tier, below 256 items with a full check. Their receipts are the evidence.
        """
        who, record = origin.signed(), self.models.get(model)
        if record is None or not record.usable:
            raise errors.UnknownModel
        if record.owner != who:
            raise errors.NotModelOwner
        found = self._set(set)
        if found.retired is not None:
            raise errors.AlreadyRetired
        self._ensure_new(model, set)
        self._open(model, set, found, record)

    @call(2, weight=by_answers(weights.report))
    def report(
        self,
        origin: Origin,
        run: RunIndex,
        part: PartIndex,
        job: HashOf,
        answers: Marks,
        labels: Marks,
    ) -> None:
        """Report the answers in the outputs of a finalized job, one byte for each item.

        `labels` are those of the set. The caller's bond is on hold until the run ends, and lost if
        an answer is not the one in the output. Any account may report.
        """
        who, found = origin.signed(), self._run(run)
        items = found.items_of(int(part))
        if not items:
            raise errors.UnknownPart
        if (run, part) in self.reports:
            raise errors.AlreadyReported
        if self._time() >= int(found.until):
            raise errors.RunOver
        self._ensure_marks(found, int(part), answers, labels)
        outputs = self._outputs(found, int(part), job)
        self.currency.hold(self.report_reason, who, self.report_bond)

        until = u32(self._time() + int(self.dispute_slots))
        digest = formulas.marks_digest(answers, labels)
        self.reports[run, part] = Report(who, outputs, digest, until)
        found.settled = until
        self._count(run, found, formulas.counted(found.question, answers, labels), 1)
        self.deposit(events.Reported(run, part, who, job))

    @call(3, weight=by_answers(weights.dispute))
    def dispute(
        self,
        origin: Origin,
        run: RunIndex,
        part: PartIndex,
        item: u32,
        answers: Marks,
        labels: Marks,
        output: OutputBytes,
        opening: Opening,
    ) -> None:
        """Prove that the reported answer of an item is not the one in its output.

        `answers` and `labels` are those of the report, `output` are the bytes of the item's output,
        and `opening` shows its root under the receipt's root over all outputs. The caller gets half
        of the reporter's bond.
        """
        who, found = origin.signed(), self._run(run)
        report = self.reports.get((run, part))
        if report is None:
            raise errors.UnknownPart
        if self._time() >= int(report.until):
            raise errors.DisputeOver
        if formulas.marks_digest(answers, labels) != report.digest or len(answers) != len(labels):
            raise errors.OtherAnswers
        items = found.items_of(int(part))
        ensure_shown(found.output, report.outputs, items, int(item), output, opening)
        if formulas.answer_of(found.question, found.output, output) == answers[item]:
            raise errors.AnswerRight

        del self.reports[run, part]
        # The part is to be reported again, however late the dispute came.
        found.until = max(found.until, u32(self._time() + int(self.dispute_slots)))
        self._count(run, found, formulas.counted(found.question, answers, labels), -1)
        self._punish(report.reporter, who)
        self.deposit(events.ReportRefuted(run, part, item, report.reporter, who))

    @call(4, weight=weights.RETIRE_SET)
    def retire_set(self, origin: Origin, set: SetId) -> None:
        """Retire the caller's set: it takes no more runs. Open ones go on."""
        found = self._own(origin, set)
        if found.retired is not None:
            raise errors.AlreadyRetired
        found.retired = u32(self.clock.now() + int(self.leave_slots))
        self.sets[set] = found
        self.deposit(events.SetRetired(set, found.retired))

    @call(5, weight=weights.finish(MAX_PARTS))
    def finish(self, origin: Origin, run: RunIndex) -> PostInfo:
        """End a run, with a record if all parts are reported. Any account may.

        Not before the time for disputes of each report is over.
        """
        origin.signed()
        found, now = self._run(run), self._time()
        if now < int(found.settled):
            raise errors.TooEarly
        source = self._set(found.set)
        if not (found.complete or source.revoked) and now < int(found.until):
            raise errors.NotComplete

        self._close(run, found, source)
        if found.complete and not source.revoked:
            self._record(run, found)
        else:
            self.deposit(events.RunFailed(run, found.model, found.set))
        return PostInfo(weight=weights.finish(int(found.reported)))

    @call(6, weight=weights.REVOKE_SET)
    def revoke_set(self, origin: Origin, set: SetId) -> None:
        """Revoke a set whose labels are wrong. Its bond is burned, and its open runs fail.

        Records on it stay, and name it. Origin: the Technical track.
        """
        self.technical(origin)
        found = self._set(set)
        if found.revoked:
            raise errors.AlreadyRetired
        burned = found.bond
        self.payer.destroy_held(self.set_reason, found.owner, burned, BurnReason.Slash, force=True)
        found.bond, found.revoked = u128(0), True
        found.retired = u32(self.clock.now()) if found.retired is None else found.retired
        self.sets[set] = found
        del self.set_parts[set]
        self.deposit(events.SetRevoked(set, burned))

    @call(7, weight=weights.REMOVE_SET)
    def remove_set(self, origin: Origin, set: SetId) -> None:
        """Remove the caller's set `LeaveSlots` after it was retired. Its bond is released."""
        found = self._own(origin, set)
        if found.retired is None or found.revoked:
            raise errors.NotRetired
        if self.clock.now() < int(found.retired):
            raise errors.TooEarly
        if found.runs:
            raise errors.SetInUse
        self.currency.release(self.set_reason, found.owner, found.bond)
        del self.sets[set]
        del self.set_parts[set]
        self.deposit(events.SetRemoved(set))

    # ---- internals: sets

    def _set(self, id: H256) -> LabelledSet:
        found = self.sets.get(id)
        if found is None:
            raise errors.UnknownSet
        return found

    def _own(self, origin: Origin, id: H256) -> LabelledSet:
        who, found = origin.signed(), self._set(id)
        if found.owner != who:
            raise errors.NotSetOwner
        return found

    # ---- internals: runs

    def _time(self) -> int:
        """Return the time of runs: nothing can be disputed while the chain stalls."""
        return self.clock.now() - self.jobs.stalled_slots()

    def _run(self, run: int) -> Run:
        found = self.runs.get(u32(run))
        if found is None:
            raise errors.UnknownRun
        return found

    def _ensure_new(self, model: H256, set: H256) -> None:
        """Raise AlreadyRunning, NoSkill or MeasuredRecently if there can be no run now."""
        if (model, set) in self.running:
            raise errors.AlreadyRunning
        last = self.records.get((model, set))
        if last is None:
            return
        if not last.skill:
            raise errors.NoSkill
        if self.clock.now() < int(last.at) + int(self.again_slots):
            raise errors.MeasuredRecently

    def _open(self, model: H256, set: H256, found: LabelledSet, record: ModelRecord) -> None:
        graph = self.models.graph(model)
        if graph is None or len(graph.outputs) != 1:
            raise errors.UnfitModel
        output = graph.made[0]
        if not formulas.fits(found.question, output):
            raise errors.UnfitModel
        run, time = self.next_run.value, self._time()
        labels, answers = formulas.widths(found.question)
        self.runs[run] = Run(
            model, set, record.owner, found.owner, found.question, output, found.items,
            u32(self.clock.now()), u32(time + int(self.report_slots)), u32(time),
            [u32(0)] * (labels * answers),
        )  # fmt: skip
        self.next_run.value = u32(run + 1)
        self.running[model, set] = run
        found.runs += 1
        self.sets[set] = found
        self.deposit(events.Requested(run, model, set))

    def _close(self, run: u32, found: Run, source: LabelledSet) -> None:
        """Remove a run with its reports, and release their bonds."""
        for part, report in list(self.reports.under(run)):
            self.currency.release(self.report_reason, report.reporter, self.report_bond)
            del self.reports[run, part]
        del self.runs[run]
        del self.running[found.model, found.set]
        source.runs -= 1
        self.sets[found.set] = source

    def _record(self, run: u32, found: Run) -> None:
        skill = formulas.has_skill(found.question, [int(count) for count in found.counts])
        now = u32(self.clock.now())
        self.records[found.model, found.set] = Record(
            found.curator, found.question, found.items, found.counts, skill, now
        )
        self.deposit(events.Measured(run, found.model, found.set, skill))

    def _count(self, run: u32, found: Run, counts: list[int], sign: int) -> None:
        """Add or subtract the counts of a part, and store the run."""
        found.counts = [
            u32(int(before) + sign * more)
            for before, more in zip(found.counts, counts, strict=True)
        ]
        found.reported = u16(int(found.reported) + sign)
        self.runs[run] = found

    # ---- internals: reports

    def _ensure_marks(self, run: Run, part: int, answers: bytes, labels: bytes) -> None:
        """Raise InvalidAnswers or OtherLabels unless these are answers and the labels of a part."""
        items, (classes, width) = run.items_of(part), formulas.widths(run.question)
        if not formulas.are_marks(width, answers, items):
            raise errors.InvalidAnswers
        parts = self.set_parts.get(run.set)
        if parts is None:
            raise errors.AlreadyRetired
        right = sha256(labels).digest() == parts[part].labels
        if not right or not formulas.are_marks(classes, labels, items):
            raise errors.OtherLabels

    def _outputs(self, run: Run, part: int, id: H256) -> H256:
        """Return the root over the outputs of a finalized job of the run's model and inputs."""
        job, parts = self.jobs.job(id), self.set_parts[run.set]
        if (
            job is None
            or (job.model, job.input_root) != (run.model, parts[part].inputs)
            or int(job.items) != run.items_of(part)
            or job.posted < run.since
        ):
            raise errors.OtherJob
        receipt = None if job.receipt is None else self.receipts.receipt(job.receipt)
        if job.state is not JobState.Finalized or receipt is None:
            raise errors.NotFinal
        self._ensure_independent(run, job)
        return receipt.output_root

    def _ensure_independent(self, run: Run, job: Job) -> None:
        """Raise WeakCheck or OwnProvider if a job's receipt is not reliable enough."""
        sampled = job.check is not Check.Full and int(job.items) < FULL_BELOW
        if job.tier is not Tier.Open or not job.scores or sampled:
            raise errors.WeakCheck
        owners = [self.operators.operator_of(who) for who in (run.owner, run.curator)]
        if self.operators.operator_of(job.assignee) in owners:
            raise errors.OwnProvider

    def _punish(self, reporter: AccountId, finder: AccountId) -> None:
        """Pay half of a reporter's bond to the finder of a wrong answer, and burn the rest."""
        half = u128(0 if finder == reporter else int(self.report_bond) // 2)
        self.payer.pay_held(self.report_reason, reporter, finder, half)
        self.payer.destroy_held(
            self.report_reason, reporter, self.report_bond - half, BurnReason.Slash, force=True
        )


def ensure_shown(
    output: Tensor, root: H256, items: int, item: int, data: bytes, opening: Opening
) -> None:
    """Raise OutputRefused unless these bytes are an item's output under the root over all."""
    layout = tensor_layout(output)
    try:
        committed = only(opening, root, items, item).data
    except ProofRefused:
        raise errors.OutputRefused from None
    if len(data) != layout.nbytes or tree_of(layout, data).root != committed:
        raise errors.OutputRefused
