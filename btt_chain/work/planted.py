"""One wrong element in the output of every node of a model: found, proven and judged.

Each error is what a provider could commit to: one element differs, and every node after it is
computed from that. The check of a verifier finds it, a proof is made of it, and `fraud.judge`, by
which the runtime decides `Receipts.prove_fraud`, judges the proof as it comes from the wire, by the
graph as the chain stores it. The job is confidential: proofs with keys are the largest.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Final, NamedTuple

import numpy as np
from numpy.random import Generator

from btt_chain.primitives.digest import H256
from btt_chain.scale import decode, encode
from btt_chain.work.commit import roots_tree
from btt_chain.work.errors import NotFraud, ProofRefused
from btt_chain.work.execute import Batch, Executor
from btt_chain.work.fraud import Evidence, FraudProof, Job, judge, prove
from btt_chain.work.graph import Manifest
from btt_chain.work.model import Elements, Inputs, Model
from btt_chain.work.recheck import Fault, first_fault
from btt_chain.work.tensors import Kind, Tensor

ATTEMPTS: Final = 64
"""Elements that are tried until one changes something that is committed to."""
ROUNDS: Final = 3
"""Judgements of a proof, of which the median time counts."""
_KEY: Final = bytes(range(32))
_ITEMS: Final = 4
_ITEM: Final = 1


class Judged(NamedTuple):
    """A planted error, and what became of it."""

    node: int
    """The node whose output has the wrong element."""
    fault: Fault | None
    """The first fault by the check; of a node without leaves it is in the node that reads it."""
    size: int
    """Bytes of the proof; 0 without one."""
    ms: float
    """Milliseconds of processor time of a judgement."""
    reason: str
    """Why the error is not refuted; empty if it is."""


@dataclass(frozen=True, slots=True)
class Refutations:
    """The errors that were planted in a model, in sum."""

    nodes: int
    planted: int
    """Nodes with an error; without leaves, an element may change nothing that is committed to."""
    refuted: int
    largest: int
    """Bytes of the largest proof."""
    slowest: float
    """Milliseconds of the slowest judgement."""
    passed: Sequence[str]
    """Names of nodes whose error was not refuted, each with the reason."""


def refutations(model: Model, inputs: Inputs, seed: int) -> Refutations:
    """Plant an error at every node, and return what became of all."""
    nodes = model.graph.nodes
    errors = list(planted_errors(model, inputs, seed))
    passed = [f"{nodes[error.node].name}: {error.reason}" for error in errors if error.reason]
    return Refutations(
        len(nodes),
        len(errors),
        len(errors) - len(passed),
        max((error.size for error in errors), default=0),
        max((error.ms for error in errors), default=0.0),
        passed,
    )


def planted_errors(model: Model, inputs: Inputs, seed: int) -> Iterator[Judged]:
    """Yield an error of each node that has one, for the first item of `inputs`."""
    executor, rng = Executor(model), np.random.default_rng(seed)
    honest = executor.run(*(array[:1] for array in inputs))
    manifest = decode(Manifest, encode(Manifest, model.manifest))
    for number in range(len(model.graph.nodes)):
        batch = _with_error(executor, honest, number, rng)
        if batch is not None:
            yield _judged(executor, manifest, batch, number)


def _with_error(executor: Executor, honest: Batch, number: int, rng: Generator) -> Batch | None:
    """Return an item with an error at a node; None if no attempt changes a committed tensor."""
    graph = honest.graph
    place, right = graph.out_of(number), honest.committed(0)
    for attempt in range(ATTEMPTS):
        tensors = list(honest.tensors[: place + 1])
        tensors[place] = _altered(graph.tensor(place), tensors[place], rng, far=attempt > 0)
        for later in range(number + 1, len(graph.nodes)):
            tensors.append(executor.node(later, tensors))
        batch = Batch(graph, tensors)
        if not all(map(np.array_equal, right, batch.committed(0))):
            return batch
    return None


def _altered(tensor: Tensor, right: Elements, rng: Generator, *, far: bool) -> Elements:
    """Return a tensor of one item with another element: the next number, or one far away."""
    altered, kind = right.copy(), tensor.kind
    start = tensor.offset(int(rng.integers(tensor.size)))
    raw = altered.reshape(-1).view(np.uint8)[start : start + kind.width]
    signed = kind is not Kind.U8
    value = int.from_bytes(raw.tobytes(), "little", signed=signed)
    if far:
        wrong = kind.low if value > (kind.low + kind.high) // 2 else kind.high
    else:
        wrong = value - 1 if value >= kind.high else value + 1
    raw[:] = list(wrong.to_bytes(kind.width, "little", signed=signed))
    return altered


def _judged(executor: Executor, manifest: Manifest, batch: Batch, number: int) -> Judged:
    """Find an error, prove it and judge the proof."""
    fault = first_fault(executor, batch.committed(0))
    if fault is None:
        return Judged(number, None, 0, 0.0, "the check finds nothing")
    commitment = batch.commit(0, _ITEM, _KEY)
    others = [H256(bytes([at]) * 32) for at in range(_ITEMS)]
    tree = roots_tree([*others[:_ITEM], commitment.root, *others[_ITEM + 1 :]])
    evidence = Evidence(_ITEM, batch.item(0), commitment, tree, _KEY)
    held = executor.model.constants_for(fault.node)
    wire = encode(
        FraudProof,
        prove(batch.graph, evidence, fault.node, fault.element, held, fault.witness),
    )
    job = Job(tree.root, _ITEMS, keyed=True)
    times: list[float] = []
    reason = ""
    for _ in range(ROUNDS):
        proof, start = decode(FraudProof, wire), time.process_time()
        try:
            judge(manifest.graph, job, proof)
        except (NotFraud, ProofRefused) as refusal:
            reason = str(refusal)
        times.append(1000 * (time.process_time() - start))
    return Judged(number, fault, len(wire), median(times), reason)
