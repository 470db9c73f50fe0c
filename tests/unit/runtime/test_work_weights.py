"""Weights of models and proofs: no model costs more operations than the measured ones.

Operations are bytecode instructions, and numbers that are read or multiplied. The margin is that
of all weights: what a call may cost more than its benchmark.
"""

from __future__ import annotations

from contextlib import suppress
from functools import cache
from typing import Final

import pytest

from bench.weights.pallets import models, receipts
from bench.weights.pallets.receipts import JUDGED, LINES, WIDTH
from bench.weights.write import MARGIN_PERCENT
from btt_chain.scale import codec
from btt_chain.work.errors import NotFraud
from btt_chain.work.fraud import FraudProof, judge
from btt_chain.work.graph import MAX_NODES, PROOF_BYTES, Graph
from btt_chain.work.operators import Softmax
from btt_chain.work.shapes import MAX_JUDGED, check_graph, judged_of, largest_proof
from runtime.pallets.jobs.types import MAX_ITEMS
from unit.work.judged_world import instructions, judged_numbers
from unit.work.largest_world import LARGEST, largest, proof_of
from unit.work.work_world import KINDS, single

MARGIN: Final = MARGIN_PERCENT / 100


def judging(graph: Graph) -> int:
    """Return the operations with which a proof about the last node is decoded and judged."""
    proof = proof_of(graph, MAX_ITEMS)
    graph, node = proof.graph, len(graph.nodes) - 1

    def run() -> None:
        with suppress(NotFraud):
            judge(graph, proof.job, codec(FraudProof).decode_all(proof.raw))

    numbers = judged_numbers(graph, node, 0, proof.witness, proof.reader)
    return sum(numbers) + instructions(run)


@cache
def measured(width: int) -> tuple[int, int]:
    """Return the numbers and the operations of the proof that `make weights` measures."""
    graph = receipts.model_of(JUDGED + 1, width).graph
    return judged_of(graph, JUDGED), judging(graph)


@pytest.mark.parametrize("name", LARGEST)
def test_the_largest_node_of_a_kind_is_judged_within_the_weight_of_its_proof(name: str) -> None:
    graph = largest(name)
    (few, least), (many, most) = measured(1), measured(WIDTH)
    judged = judged_of(graph, len(graph.nodes) - 1)

    foreseen = least + (most - least) / (many - few) * (judged - few)

    assert judging(graph) <= MARGIN * foreseen
    assert judged <= MAX_JUDGED


def test_the_proof_that_is_measured_is_as_large_as_a_proof_may_be() -> None:
    graph = receipts.model_of(JUDGED + 1, WIDTH).graph

    assert 0.85 * PROOF_BYTES <= largest_proof(graph, JUDGED) <= PROOF_BYTES
    assert judged_of(graph, JUDGED) == LINES * WIDTH + JUDGED


def registering(graph: Graph) -> int:
    """Return the operations with which a graph is decoded and checked."""
    raw = codec(Graph).encode(graph)
    return instructions(lambda: check_graph(codec(Graph).decode_all(raw)))


@cache
def registered(nodes: int, tables: int) -> int:
    """Return the operations of a registration that `make weights` measures."""
    return registering(models.manifest(nodes, tables).graph)


@pytest.mark.parametrize("kind", KINDS)
def test_no_node_of_a_kind_is_dearer_to_register_than_its_weight(kind: str) -> None:
    graph = single(kind, 7)[0].graph
    tables = sum(isinstance(node.op, Softmax) for node in graph.nodes)
    first, second, third = registered(1, 0), registered(33, 0), registered(33, 16)

    foreseen = first + (second - first) / 32 * (len(graph.nodes) - 1)
    foreseen += (third - second) / 16 * tables

    assert registering(graph) <= MARGIN * foreseen


def test_a_registration_costs_no_more_for_a_node_among_many() -> None:
    one, some, all_ = registered(1, 0), registered(33, 0), registered(MAX_NODES, 0)

    assert (all_ - one) / (MAX_NODES - 1) <= 1.02 * (some - one) / 32
