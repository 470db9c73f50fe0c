"""Evaluation on real money, with facilities, models, jobs and receipts that a test states."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from hashlib import sha256

from btt_chain.primitives import ss58
from btt_chain.primitives.account import AccountId
from btt_chain.primitives.digest import H256
from btt_chain.scale import i32, u8, u16, u32, u64, u128
from btt_chain.work.commit import roots_tree, tree_of
from btt_chain.work.graph import Graph
from btt_chain.work.layout import tensor_layout
from btt_chain.work.merkle import Leaf, Opening, Tree
from runtime.accounts import POOLS, TREASURY
from runtime.audits.holds import values_of
from runtime.constants import BTT
from runtime.frame import DispatchError, Origin, ensure_root, signed
from runtime.pallets.evaluation import formulas
from runtime.pallets.evaluation.pallet import Evaluation
from runtime.pallets.evaluation.types import PART_ITEMS, Binary, Classes, Question, SetPart
from runtime.pallets.facilities.types import Kind
from runtime.pallets.jobs.types import Check, Job, JobState, Tier, Urgency
from runtime.pallets.models.types import CheckMode, ModelRecord
from runtime.pallets.receipts.types import Receipt
from support.market import ENDPOINT, net, person
from support.models import RECORDED
from support.runtime import TestRuntime

OWNER, CURATOR, REPORTER, FINDER = map(person, ("owner", "curator", "reporter", "finder"))
PROVIDER = person("provider")
RICH = 100_000 * int(BTT)
REPORT, DISPUTE, AGAIN, LEAVE = 300, 10, 900, 280
NOTHING: Mapping[str, object] = {}
MODEL, LICENCE = H256(b"\x0a" * 32), H256(b"\x0b" * 32)
FOUR = Classes(u8(4))
SCORE = Binary(u16(1), i32(-128), i32(127))
"""The second of the four numbers of the model's output."""


class States:
    """Facilities, operators, models, jobs and receipts, as a test states them."""

    def __init__(self) -> None:
        self.facilities = {CURATOR: Kind.Hospital}
        self.operators: dict[AccountId, AccountId] = {}
        self.graphs: dict[H256, Graph] = {MODEL: net().graph}
        self.models = {MODEL: model_of(OWNER)}
        self.jobs: dict[H256, Job] = {}
        self.receipts: dict[H256, Receipt] = {}
        self.stalled = 0

    def is_active(self, who: AccountId, kind: Kind) -> bool:
        return self.facilities.get(who) is kind

    def operator_of(self, account: AccountId) -> AccountId:
        return self.operators.get(account, account)

    def get(self, model: H256) -> ModelRecord | None:
        return self.models.get(model)

    def graph(self, model: H256) -> Graph | None:
        return self.graphs.get(model)

    def job(self, id: H256) -> Job | None:
        return self.jobs.get(id)

    def receipt(self, id: H256) -> Receipt | None:
        return self.receipts.get(id)

    def stalled_slots(self) -> int:
        return self.stalled


def model_of(owner: AccountId) -> ModelRecord:
    return ModelRecord(
        owner, u16(0), u64(160), CheckMode.Reexecute, b"A net", ENDPOINT, u128(0), u32(0), False,
        False, *RECORDED,
    )  # fmt: skip


class Outputs:
    """The outputs of a part: four signed bytes for each item, and the tree over their roots."""

    def __init__(self, outputs: Sequence[bytes], question: Question = FOUR) -> None:
        layout = tensor_layout(net().graph.made[0])
        self.data, self.question = list(outputs), question
        self.roots = [tree_of(layout, data).root for data in self.data]
        self.tree: Tree = roots_tree(self.roots)

    @property
    def answers(self) -> bytes:
        """The right answers."""
        output = net().graph.made[0]
        return bytes(formulas.answer_of(self.question, output, data) for data in self.data)

    def shown(self, item: int) -> Opening:
        """Open the root of an item's output."""
        leaf = Leaf(u32(item), None, bytes(self.roots[item]))
        return Opening([leaf], self.tree.siblings([item]))


def outputs_of(items: int, seed: int = 1, question: Question = FOUR) -> Outputs:
    """Return outputs that look random."""
    return Outputs(
        [sha256(b"%d %d" % (seed, item)).digest()[:4] for item in range(items)], question
    )


def changed(marks: bytes, item: int, by: int = 1, width: int = 4) -> bytes:
    """Return marks with another one for an item."""
    return marks[:item] + bytes([(marks[item] + by) % width]) + marks[item + 1 :]


class EvaluationRuntime(TestRuntime):
    """Balances, Tokenomics and Evaluation; a day has 10 slots."""

    def build(self) -> None:
        self.states = States()
        self.balances = self.add_balances()
        self.tokenomics = self.add_tokenomics(self.balances, window=u64(100), slot_ms=u64(6_000))
        self.balances.connect(self.tokenomics)
        self.evaluation = self.add(
            67,
            Evaluation(
                report_slots=u32(REPORT),
                dispute_slots=u32(DISPUTE),
                again_slots=u32(AGAIN),
                leave_slots=u32(LEAVE),
                currency=self.balances,
                payer=self.tokenomics,
                clock=self.clock,
                operators=self.states,
                registry=self.states,
                models=self.states,
                jobs=self.states,
                receipts=self.states,
                technical=ensure_root,
            ),
        )

    def open(self) -> None:
        """Give each account its balance."""
        people = (OWNER, CURATOR, REPORTER, FINDER)
        rows: list[list[object]] = [[ss58.encode(who), RICH] for who in people]
        pools = [ss58.encode(pool) for pool in (*POOLS, TREASURY)]
        self.balances.genesis({"balances": rows, "pools": pools})
        self.tokenomics.genesis({"preset": "test"})

    # ---- calls

    def do(self, who: AccountId | Origin, name: str, **args: object) -> None:
        """Make a call as a block would."""
        origin = who if isinstance(who, Origin) else signed(who)
        self.dispatch(origin, self.call("Evaluation", name, **args))

    def tried(self, who: AccountId | Origin, name: str, **args: object) -> DispatchError | None:
        """Make a call that may fail, and return what it failed with."""
        try:
            self.do(who, name, **args)
        except DispatchError as error:
            return error
        return None

    def set_args(self, labels: bytes, question: Question = FOUR) -> dict[str, object]:
        """Return the arguments that add a set with these labels."""
        return {
            "question": question, "items": u32(len(labels)), "parts": parts_of(labels),
            "licence": LICENCE, "endpoints": ENDPOINT,
        }  # fmt: skip

    def add_labels(self, labels: bytes, question: Question = FOUR) -> H256:
        """Add a set with these labels; return its id."""
        args = self.set_args(labels, question)
        self.do(CURATOR, "add_set", **args)
        return formulas.set_id(CURATOR, question, u32(len(labels)), parts_of(labels))

    def request(self, set: H256) -> u32:
        """Request a run of the model on a set; return its number."""
        run = self.evaluation.next_run.value
        self.do(OWNER, "request", model=MODEL, set=set)
        return run

    def finished_job(
        self, outputs: Outputs, part: int = 0, other: Mapping[str, object] = NOTHING
    ) -> H256:
        """State a finalized job of a part with these outputs; return its id."""
        id, receipt = (
            H256(sha256(b"%s %d" % (name, len(self.states.jobs))).digest())
            for name in (b"job", b"receipt")
        )
        job = Job(
            OWNER, MODEL, u16(0), u32(len(outputs.data)), inputs(part), Tier.Open, Check.Full,
            Urgency.Routine, u128(BTT), u128(0), u128(0), u64(1), u64(0), u32(20), bytes(32),
            ENDPOINT, u32(self.clock.now()), state=JobState.Finalized, provider=PROVIDER,
            receipt=receipt, scores=True,
        )  # fmt: skip
        for name, value in other.items():
            setattr(job, name, value)
        self.states.jobs[id] = job
        zero = H256(bytes(32))
        self.states.receipts[receipt] = Receipt(
            id, PROVIDER, u8(0), zero, outputs.tree.root, zero, u32(0), u32(0), u32(0)
        )
        return id

    def report_args(
        self, run: int, outputs: Outputs, answers: bytes, labels: bytes, part: int = 0
    ) -> dict[str, object]:
        """Return the arguments of a report about a new job with these outputs."""
        job = self.finished_job(outputs, part)
        return {
            "run": u32(run), "part": u16(part), "job": job, "answers": answers, "labels": labels,
        }  # fmt: skip

    def dispute_args(
        self, run: int, outputs: Outputs, item: int, answers: bytes, labels: bytes, part: int = 0
    ) -> dict[str, object]:
        """Return the arguments of the dispute of an item's answer."""
        return {
            "run": u32(run), "part": u16(part), "item": u32(item), "answers": answers,
            "labels": labels, "output": outputs.data[item], "opening": outputs.shown(item),
        }  # fmt: skip

    # ---- looking

    def held(self, who: AccountId) -> int:
        """Return the bonds of an account for sets and reports, in planck."""
        reasons = (self.evaluation.set_reason, self.evaluation.report_reason)
        return sum(int(self.balances.held(reason, who)) for reason in reasons)

    def wealth(self, who: AccountId) -> int:
        """Return the balance of an account, free and on hold."""
        return int(self.balances.total(who))

    def audit_money(self) -> None:
        """Check that all holds are bonds in the records, and that no planck is lost or made."""
        pallet, expected = self.evaluation, dict[AccountId, int]()
        for labelled in values_of(pallet.sets):
            expected[labelled.owner] = expected.get(labelled.owner, 0) + int(labelled.bond)
        for report in dict(pallet.reports.items()).values():
            bond = int(pallet.report_bond)
            expected[report.reporter] = expected.get(report.reporter, 0) + bond
        people = (OWNER, CURATOR, REPORTER, FINDER)
        assert {who: self.held(who) for who in people} == {
            who: expected.get(who, 0) for who in people
        }
        total = sum(
            int(info.data.free + info.data.reserved) for _, info in self.system.account.items()
        )
        assert total == int(self.balances.total_issuance.value)


def inputs(part: int) -> H256:
    """Return the root over the inputs of a part."""
    return H256(sha256(b"inputs %d" % part).digest())


def parts_of(labels: bytes) -> list[SetPart]:
    """Return the parts of a set with these labels."""
    return [
        SetPart(inputs(at // PART_ITEMS), H256(sha256(labels[at : at + PART_ITEMS]).digest()))
        for at in range(0, len(labels), PART_ITEMS)
    ]
