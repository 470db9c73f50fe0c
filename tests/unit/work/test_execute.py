"""The numpy executor is bit for bit what the definitions say, however it is run."""

from __future__ import annotations

from hashlib import sha256

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from btt_chain.work.arithmetic import normalised, shares
from btt_chain.work.build import Builder, Numbers
from btt_chain.work.commit import roots_tree
from btt_chain.work.errors import InputRefused, ModelRefused
from btt_chain.work.execute import Batch, Executor, stream
from btt_chain.work.fraud import element
from btt_chain.work.model import Elements, Model
from btt_chain.work.operators.numeric import blocks
from btt_chain.work.operators.numeric.rows import whole_roots
from btt_chain.work.operators.rows import MAX_EPSILON, MAX_NORMALIZED_ROW, MAX_SHIFT
from btt_chain.work.tensors import Kind
from unit.work.row_world import claims_of
from unit.work.work_world import KINDS, attention, image_net, records_of, single, slowly, weights

GOLDEN = {
    "image_net": "c152de4d02df485e68acec7f91945a3e750814c51a64c550126ab4d7e9d6f473",
    "attention": "a9da7b6ca2c558552305384eb320936bd6183722fc745a8bd95eeda4487f6b48",
}
NETS = {"image_net": image_net, "attention": attention}


class Whole:
    """A reader of everything that is there."""

    def __init__(self, model: Model, node: int, batch: Batch) -> None:
        self.tensors: list[bytes] = [tensor[0].tobytes() for tensor in batch.tensors]
        self.records = records_of(model, node)

    def activation(self, tensor: int, start: int, length: int) -> bytes:
        return self.tensors[tensor][start : start + length]

    def record(self, row: int) -> bytes:
        assert self.records is not None
        return bytes(self.records[0][row])


def job_root(model: Model, items: Elements) -> str:
    batch = Executor(model).run(items)
    roots = [batch.commit(at, at, None).root for at in range(len(items))]
    return roots_tree(roots).root.hex()


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=12, deadline=None)
@given(seed=st.integers(0, 2**32))
def test_every_node_equals_the_slow_integers(kind: str, seed: int) -> None:
    model, items = single(kind, seed)

    batch = Executor(model).run(*items)

    for at in range(len(batch)):
        given = [one[at] for one in items]
        for fast, slow in zip(batch.tensors, slowly(model, *given), strict=True):
            np.testing.assert_array_equal(fast[at], slow)


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=8, deadline=None)
@given(seed=st.integers(0, 2**32))
def test_one_element_from_bytes_equals_the_executor(kind: str, seed: int) -> None:
    model, items = single(kind, seed)
    batch = Executor(model).run(*items)
    node = len(model.graph.nodes) - 1
    reader = Whole(model, node, batch)
    output = batch.tensors[-1]

    out = model.graph.nodes[node].out
    made = [element(model.graph, node, index, reader) for index in range(out.size)]

    assert made == claims_of(out, output[0])


@pytest.mark.parametrize("net", NETS)
def test_a_whole_net_equals_the_slow_integers(net: str) -> None:
    model, items = NETS[net]()

    batch = Executor(model).run(items[:1])

    for fast, slow in zip(batch.tensors, slowly(model, items[0]), strict=True):
        np.testing.assert_array_equal(fast[0], slow)


@pytest.mark.parametrize("net", NETS)
def test_fixed_seeds_give_fixed_roots_on_every_machine(net: str) -> None:
    assert job_root(*NETS[net]()) == GOLDEN[net]


@pytest.mark.parametrize("net", NETS)
def test_how_items_are_grouped_changes_nothing(net: str) -> None:
    model, items = NETS[net]()
    executor = Executor(model)
    together = executor.run(items, accumulators=True)

    pieces = list(stream(executor, [[items[:2]], [items[2:]]], memory=1, accumulators=True))

    assert [len(piece.outputs[0]) for piece in pieces] == [1, 1, 1]
    for at, piece in enumerate(pieces):
        for alone, among in zip(piece.tensors, together.tensors, strict=True):
            np.testing.assert_array_equal(alone[0], among[at])
        for number, sums in piece.accumulators.items():
            np.testing.assert_array_equal(sums[0], together.accumulators[number][at])


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=6, deadline=None)
@given(seed=st.integers(0, 2**32))
def test_where_blocks_end_changes_nothing(kind: str, seed: int) -> None:
    model, items = single(kind, seed)
    whole = Executor(model).run(*items, accumulators=True)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(blocks, "BLOCK_ELEMENTS", 1 + seed % 9)
        patch.setattr(blocks, "MIN_ROW", 1 + seed % 7)
        patch.setattr(blocks, "MIN_MATRIX", 1 + seed % 50)
        patch.setattr(blocks, "MAX_MATRIX", 1 + seed % 99)
        patch.setattr(blocks, "MATRIX_ROWS", 1 + seed % 5)
        cut = Executor(model).run(*items, accumulators=True)

    for one, other in zip(whole.tensors, cut.tensors, strict=True):
        np.testing.assert_array_equal(one, other)
    for number, sums in whole.accumulators.items():
        np.testing.assert_array_equal(sums, cut.accumulators[number])


@pytest.mark.parametrize("shift", [0, 13, MAX_SHIFT])
@pytest.mark.parametrize("epsilon", [0, MAX_EPSILON])
def test_the_longest_rows_are_normalised_exactly(shift: int, epsilon: int) -> None:
    rng = np.random.default_rng(shift)
    length = MAX_NORMALIZED_ROW
    ends = np.array([-(2**31), 2**31 - 1])
    factor, offset = rng.choice(ends, (2, length)).astype(np.int32)
    factor[::2] >>= rng.integers(10, 31, length // 2)
    made = Builder(Kind.I8, (length,))
    made.layer_norm("norm", 0, (offset, factor), epsilon, shift, Numbers(Kind.I8, 3))
    items = rng.integers(-128, 128, (4, length)).astype(np.int8)
    items[1:] = -128  # a row with nothing but its mean, one far from it, two of them
    items[2, 5] = 127
    items[3, 1::2] = 127

    outputs = Executor(made.model()).run(items).outputs[0]

    for row, found in zip(items.tolist(), outputs.tolist(), strict=True):
        for at in (0, 1, 4, 5, 6, length - 2, length - 1):
            given = (epsilon, int(factor[at]), int(offset[at]), shift)
            right = normalised(row, at, *given) + 3
            assert found[at] == min(max(right, -128), 127)


@pytest.mark.parametrize("table", [[65535], [65535] * 256, [256, 1, 65535]])
def test_the_longest_rows_are_shared_exactly(table: list[int]) -> None:
    full = table + [0] * (256 - len(table))
    length = 1 << 13  # of longer ones a proof would be too large
    made = Builder(Kind.U8, (length,))
    made.softmax("shares", 0, sorted(full, reverse=True), Kind.I16)
    model = made.model()
    items = np.zeros((3, length), np.uint8)
    items[0, 7], items[1, 7::9], items[2] = 1, 255, np.arange(length) % 256

    outputs = Executor(model).run(items).outputs[0]

    for row, found in zip(items.tolist(), outputs.tolist(), strict=True):
        for at in (0, 7, 255, 16, length - 1):
            assert found[at] == shares(row, sorted(full, reverse=True), 15)[at]


@pytest.mark.parametrize(("length", "kind"), [(511, Kind.U8), (8192, Kind.I16)])
def test_no_row_of_equal_elements_has_shares_of_nothing(length: int, kind: Kind) -> None:
    made = Builder(Kind.I8, (length,))
    made.softmax("shares", 0, [65535] * 256, kind)

    assert Executor(made.model()).run(np.zeros((1, length), np.int8)).outputs[0].min() > 0


def test_rows_too_long_for_shares_of_eight_bits_are_refused() -> None:
    made = Builder(Kind.I8, (512,))
    made.softmax("shares", 0, [65535] * 256)

    with pytest.raises(ModelRefused, match=r"'?shares'?.*rows of 512.*make the shares I16"):
        made.model()


def test_sums_beyond_float32_are_cut_and_stay_exact() -> None:
    rng = np.random.default_rng(5)
    length = 3000
    made = Builder(Kind.U8, (length,), 0)
    columns = np.full((4, length), 127, np.int8)
    columns[1] = -128
    columns[2:] = rng.integers(-128, 128, (2, length))
    bias = np.array([2**30, -(2**30), 7, -7], np.int32)
    made.linear("large", 0, columns, bias, np.ones(4, np.float32), Numbers(Kind.I32))
    model = made.model()
    items = rng.integers(200, 256, (2, length)).astype(np.uint8)
    items[0] = 255

    outputs = Executor(model).run(items).outputs[0]

    right = items.astype(np.int64) @ columns.T.astype(np.int64) + bias
    assert int(np.abs(right).max()) > 2**24
    np.testing.assert_array_equal(outputs, right)


def test_products_of_long_rows_are_cut_and_stay_exact() -> None:
    made = Builder(Kind.U8, (2, 2, 600), 0)
    made.matmul("long", 0, 0, 2.0**-20, Numbers(Kind.U8))
    model = made.model()
    items = np.full((1, 2, 2, 600), 255, np.uint8)
    items[0, :, 1] = 253

    batch = Executor(model).run(items, accumulators=True)

    right = items.astype(np.int64) @ items.astype(np.int64).swapaxes(-1, -2)
    assert int(right.max()) > 2**25
    np.testing.assert_array_equal(batch.accumulators[0], right)


@settings(deadline=None)
@given(st.lists(st.integers(0, 2**30), min_size=1, max_size=40))
def test_roots_are_whole_and_exact(roots: list[int]) -> None:
    near = [value for root in roots for value in (root * root, root * root + 2 * root)]

    found = whole_roots(np.array(near, np.int64)).tolist()

    assert found == [root for root in roots for _ in range(2)]


def test_items_of_another_shape_or_kind_are_refused() -> None:
    model, items = image_net()
    executor = Executor(model)

    for wrong in (items.astype(np.int8), items[:, :11], items[:0], items[0]):
        with pytest.raises(InputRefused):
            executor.run(wrong)


def test_records_are_what_their_builder_was_given() -> None:
    rng = np.random.default_rng(8)
    columns, bias, scales = weights(rng, 3, 5)
    made = Builder(Kind.I8, (5,))
    made.linear("only", 0, columns, bias, scales, Numbers(Kind.I8))
    model = made.model()

    constants = model.constants[0]

    np.testing.assert_array_equal(constants.columns, columns)
    np.testing.assert_array_equal(constants.first, bias)
    np.testing.assert_array_equal(constants.scales, scales)
    raw = columns[1].tobytes() + bias[1].tobytes() + scales[1].tobytes()
    assert sha256(model.records[0][1]).digest() == sha256(raw).digest()
