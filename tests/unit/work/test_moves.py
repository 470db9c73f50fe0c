"""Moves and means of elements at the ends of their ranges, and the sizes of their proofs."""

from __future__ import annotations

import numpy as np
import pytest

from btt_chain.scale import encode
from btt_chain.work.build import Builder, Numbers
from btt_chain.work.errors import ModelRefused
from btt_chain.work.execute import Executor
from btt_chain.work.fraud import FraudProof
from btt_chain.work.graph import PROOF_BYTES
from btt_chain.work.model import Bytes2D, Elements, Model, dtype_of
from btt_chain.work.operators.moves import Padding
from btt_chain.work.shapes import largest_proof
from btt_chain.work.tensors import Kind
from unit.work.test_fraud import Receipt, altered, first_item
from unit.work.work_world import items_of, nodes_of, weights


@pytest.mark.parametrize("rank", [1, 2, 3])
@pytest.mark.parametrize("kind", [Kind.I8, Kind.U8, Kind.I16])
def test_an_image_of_one_value_keeps_it_when_its_sides_change(kind: Kind, rank: int) -> None:
    made = Builder(kind, (*[5, 3, 4][:rank], 2))
    made.resize("resize", 0, [7, 4, 1][:rank], linear=True)
    model = made.model()
    items = np.empty((2, *model.graph.inputs[0].dims), dtype_of(kind))
    items[0], items[1] = kind.low, kind.high

    outputs = Executor(model).run(items).outputs[0]

    assert (outputs[0] == kind.low).all()
    assert (outputs[1] == kind.high).all()


def test_doubled_sides_take_quarters_of_their_neighbours() -> None:
    made = Builder(Kind.U8, (3, 1))
    made.resize("resize", 0, [6], linear=True)

    outputs = Executor(made.model()).run(np.array([[[0], [8], [40]]], np.uint8)).outputs[0]

    assert outputs.ravel().tolist() == [0, 2, 6, 16, 32, 40]


def test_numbers_that_are_not_of_a_row_read_row_zero() -> None:
    made = Builder(Kind.I32, (6,))
    table = np.arange(-8, 8, dtype=np.int8).reshape(8, 2)
    made.gather("gather", 0, table)
    ids = np.array([[0, 7, 8, -1, -(2**31), 2**31 - 1]], np.int32)

    outputs = Executor(made.model()).run(ids).outputs[0]

    assert outputs[0, :, 0].tolist() == [-8, 6, -8, -8, -8, -8]


def test_tails_of_a_table_are_zero() -> None:
    made = Builder(Kind.I32, (2,))
    made.gather("gather", 0, np.ones((3, 2), np.int8))
    made._records[0] = marked(made._records[0])

    with pytest.raises(ModelRefused, match="'gather': the tail of a row"):
        made.model()


def marked(records: Bytes2D) -> Bytes2D:
    changed = records.copy()
    changed[1, -1] = 1
    return changed


def test_a_wide_table_has_small_proofs() -> None:
    rng = np.random.default_rng(1)
    made = Builder(Kind.I32, (512,))
    made.gather("gather", 0, rng.integers(-128, 128, (3000, 768)).astype(np.int8))
    model = made.model()
    honest = first_item(model, rng.integers(0, 3000, (1, 512)).astype(np.int32))
    proof = checked(model, honest, 400_000 % honest[1].size)

    assert proof <= 12_000


def checked(model: Model, honest: list[Elements], index: int) -> int:
    """Return the size of the proof of one altered element of the only node with leaves."""
    receipt = Receipt(model, altered(honest, -1, index))
    node = nodes_of(model.graph)[-1]
    proof = receipt.proof(node, index)
    assert receipt.judged(proof).right == honest[-1].ravel()[index]
    size = len(encode(FraudProof, proof))
    assert size <= largest_proof(model.graph, node) <= PROOF_BYTES
    return size


def test_doubled_volumes_and_images_have_proofs_within_the_limit() -> None:
    rng = np.random.default_rng(2)
    for sides, channels in (((64, 64), 64), ((10, 12, 14), 320)):
        made = Builder(Kind.I8, (*sides, channels))
        made.resize("resize", 0, [2 * side for side in sides], linear=True)
        model = made.model()
        honest = first_item(model, items_of(rng, model.graph.inputs[0], 1))
        checked(model, honest, honest[1].size // 2 + 5)


def test_padding_around_a_product_without_leaves_is_proven_by_no_element_of_it() -> None:
    rng = np.random.default_rng(3)
    made = Builder(Kind.I8, (4, 5))
    at = made.linear("product", 0, *weights(rng, 6, 5), Numbers(Kind.I8, 9))
    made.pad("pad", at, (1, 0), (0, 2), Padding.Zero)
    model = made.model()
    assert nodes_of(model.graph) == [1]
    honest = first_item(model, items_of(rng, model.graph.inputs[0], 1))
    assert honest[1].ravel()[0] == 9

    for index in range(honest[1].size):
        checked(model, honest, index)
