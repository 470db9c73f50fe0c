"""Weights of models and proofs: no model costs more operations than the measured ones.

Operations are bytecode instructions, and numbers that are read or multiplied. The margin is that
of all weights: what a call may cost more than its benchmark.
"""

from __future__ import annotations

from functools import cache
from typing import Final

import pytest

from bench.weights.pallets import models, receipts
from bench.weights.pallets.receipts import HEIGHT, JUDGED, WIDTH
from bench.weights.write import MARGIN_PERCENT
from btt_chain.scale import codec
from btt_chain.work.fraud import judgement
from btt_chain.work.graph import MAX_NODES, PROOF_BYTES, Graph
from btt_chain.work.operators import ArgMax, Softmax
from btt_chain.work.shapes import MAX_JUDGED, check_graph, judged_of, largest_proof
from unit.work.judged_world import instructions, judged_numbers
from unit.work.largest_world import LARGEST, Invented, largest
from unit.work.work_world import KINDS, single

MARGIN: Final = MARGIN_PERCENT / 100


def judging(graph: Graph, node: int) -> int:
    """Return the operations of a judgement about the first element of a node."""
    witness = 1 if isinstance(graph.nodes[node].op, ArgMax) else None
    reader = Invented(graph)
    numbers = judged_numbers(graph, node, 0, witness, reader)
    return sum(numbers) + instructions(lambda: judgement(graph, node, 0, witness, reader))


@cache
def measured(width: int) -> tuple[int, int]:
    """Return the numbers and the operations of the proof that `make weights` measures."""
    graph = receipts.model_of(JUDGED + 1, width).graph
    return judged_of(graph, JUDGED), judging(graph, JUDGED)


@pytest.mark.parametrize("name", LARGEST)
def test_the_largest_node_of_a_kind_is_judged_within_the_weight_of_its_proof(name: str) -> None:
    graph = largest(name)
    node = len(graph.nodes) - 1
    (few, least), (many, most) = measured(1), measured(WIDTH)
    judged = judged_of(graph, node)

    foreseen = least + (most - least) / (many - few) * (judged - few)

    assert judging(graph, node) <= MARGIN * foreseen
    assert judged <= MAX_JUDGED


def test_the_proof_that_is_measured_is_as_large_as_a_proof_may_be() -> None:
    graph = receipts.model_of(JUDGED + 1, WIDTH).graph

    assert 0.85 * PROOF_BYTES <= largest_proof(graph, JUDGED) <= PROOF_BYTES
    assert judged_of(graph, JUDGED) == HEIGHT * WIDTH + JUDGED


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
