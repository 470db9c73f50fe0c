"""Benchmarks of Evaluation: the largest sets, parts, graphs and outputs."""

from __future__ import annotations

from functools import cache
from hashlib import sha256
from typing import Final

from bench.weights.declare import Case, benchmark
from bench.weights.pallets.facilities import laboratory
from bench.weights.pallets.jobs import LONG, ROOT
from bench.weights.pallets.models import known
from bench.weights.state import BLOCK, Bench
from btt_chain.primitives.account import AccountId
from btt_chain.primitives.digest import H256
from btt_chain.scale import i16, i32, u8, u16, u32, u64, u128
from btt_chain.work.commit import roots_tree, tree_of
from btt_chain.work.layout import tensor_layout
from btt_chain.work.merkle import Leaf, Opening, Tree
from btt_chain.work.tensors import LEAF_BYTES, Kind, Tensor
from runtime.pallets.evaluation import formulas
from runtime.pallets.evaluation.types import (
    BINS,
    MAX_COUNTS,
    MAX_PARTS,
    PART_ITEMS,
    Binary,
    LabelledSet,
    Report,
    Run,
    SetPart,
)
from runtime.pallets.jobs.types import Check, Job, JobState, Tier, Urgency
from runtime.pallets.receipts.types import Receipt

SCORE: Final = Binary(u16(0), i32(-128), i32(127))
OUTPUT: Final = Tensor(Kind.I8, [u32(1), u32(LEAF_BYTES)], i16(0), u16(LEAF_BYTES))
SET: Final = H256(bytes(range(1, 33)))
JOB: Final = H256(bytes(range(2, 34)))
RUN: Final = u32(0)
LATER: Final = BLOCK + 10_000_000


def parts(number: int, items: int = PART_ITEMS) -> list[SetPart]:
    """Return parts whose labels are zeros."""
    return [SetPart(ROOT, H256(sha256(bytes(items)).digest()))] * number


def added(b: Bench, number: int = MAX_PARTS, items: int = PART_ITEMS) -> LabelledSet:
    """Add a set of a laboratory; return it."""
    pallet, owner = b.runtime.evaluation, laboratory(b)
    pallet.currency.hold(pallet.set_reason, owner, u128(pallet.set_bond))
    size = u32((number - 1) * PART_ITEMS + items)
    found = LabelledSet(owner, SCORE, size, ROOT, LONG, u128(pallet.set_bond), u32(0))
    pallet.sets[SET], pallet.set_parts[SET] = found, parts(number, items)
    return found


def running(b: Bench, number: int = MAX_PARTS, items: int = PART_ITEMS) -> Run:
    """Open a run on a set; return it."""
    pallet, found = b.runtime.evaluation, added(b, number, items)
    counts = [u32(found.items)] * MAX_COUNTS
    run = Run(
        ROOT, SET, b.account(3), found.owner, SCORE, OUTPUT, found.items, u32(0), u32(LATER),
        u32(0), counts,
    )  # fmt: skip
    found.runs = u32(1)
    pallet.sets[SET], pallet.runs[RUN], pallet.running[ROOT, SET] = found, run, RUN
    return run


def reported(b: Bench, part: int, digest: H256, root: H256) -> None:
    """Report a part, by an account of its own that has nothing else on hold."""
    pallet, who = b.runtime.evaluation, b.account(100 + part)
    pallet.currency.hold(pallet.report_reason, who, u128(pallet.report_bond))
    pallet.reports[RUN, u16(part)] = Report(who, root, digest, u32(LATER))


@cache
def outputs(items: int) -> tuple[Tree, H256]:
    """Return the tree over equal outputs of zeros, and the root of one."""
    root = tree_of(tensor_layout(OUTPUT), bytes(LEAF_BYTES)).root
    return roots_tree([root] * items), root


def finalized(b: Bench, items: int) -> None:
    """Store a finalized job of a part, with its receipt."""
    provider, zero = b.account(4), H256(bytes(32))
    b.runtime.jobs.store.jobs[JOB] = Job(
        AccountId(b.account(3)), ROOT, u16(0), u32(items), ROOT, Tier.Open, Check.Full,
        Urgency.Routine, u128(1), u128(0), u128(0), u64(1), u64(0), u32(20), bytes(32), LONG,
        u32(BLOCK), state=JobState.Finalized, provider=provider, receipt=JOB, scores=True,
    )  # fmt: skip
    b.runtime.receipts.receipts[JOB] = Receipt(
        JOB, provider, u8(0), zero, zero, zero, u32(0), u32(0), u32(0)
    )


@benchmark("Evaluation.add_set", parts=(1, MAX_PARTS))
def add_set(b: Bench, parts: int) -> Case:
    """Add a set as the last kind of facility that may."""
    rows = [SetPart(ROOT, ROOT)] * parts
    return b.signed(
        laboratory(b), "Evaluation", "add_set", question=SCORE, items=u32(parts * PART_ITEMS),
        parts=rows, licence=ROOT, endpoints=LONG,
    )  # fmt: skip


@benchmark("Evaluation.request")
def request(b: Bench) -> Case:
    """Request a run of the model with the largest graph."""
    owner = b.account(3)
    added(b)
    return b.signed(owner, "Evaluation", "request", model=known(b, owner), set=SET)


@benchmark("Evaluation.report", items=(1, PART_ITEMS))
def report(b: Bench, items: int) -> Case:
    """Report the last part of a set."""
    running(b, items=items)
    finalized(b, items)
    return b.signed(
        b.account(0), "Evaluation", "report", run=RUN, part=u16(MAX_PARTS - 1), job=JOB,
        answers=bytes(items), labels=bytes(items),
    )  # fmt: skip


@benchmark("Evaluation.dispute", items=(1, PART_ITEMS))
def dispute(b: Bench, items: int) -> Case:
    """Dispute an answer whose output is the longest."""
    run = running(b, items=items)
    run.reported = u16(1)
    b.runtime.evaluation.runs[RUN] = run
    answers, labels = bytes([BINS - 1]) * items, bytes(items)
    tree, root = outputs(items)
    last = MAX_PARTS - 1
    reported(b, last, formulas.marks_digest(answers, labels), tree.root)
    opening = Opening([Leaf(u32(0), None, bytes(root))], tree.siblings([0]))
    return b.signed(
        b.account(0), "Evaluation", "dispute", run=RUN, part=u16(last), item=u32(0),
        answers=answers, labels=labels, output=bytes(LEAF_BYTES), opening=opening,
    )  # fmt: skip


@benchmark("Evaluation.retire_set")
def retire_set(b: Bench) -> Case:
    """Retire a set."""
    return b.signed(added(b).owner, "Evaluation", "retire_set", set=SET)


@benchmark("Evaluation.finish", parts=(1, MAX_PARTS))
def finish(b: Bench, parts: int) -> Case:
    """Finish a run whose parts were reported by as many accounts."""
    run = running(b, parts)
    run.reported = u16(parts)
    b.runtime.evaluation.runs[RUN] = run
    for part in range(parts):
        reported(b, part, ROOT, ROOT)
    return b.signed(b.account(0), "Evaluation", "finish", run=RUN)


@benchmark("Evaluation.revoke_set")
def revoke_set(b: Bench) -> Case:
    """Revoke the largest set."""
    added(b)
    return b.root("Evaluation", "revoke_set", set=SET)


@benchmark("Evaluation.remove_set")
def remove_set(b: Bench) -> Case:
    """Remove the largest set."""
    pallet, found = b.runtime.evaluation, added(b)
    found.retired = u32(0)
    pallet.sets[SET] = found
    return b.signed(found.owner, "Evaluation", "remove_set", set=SET)
