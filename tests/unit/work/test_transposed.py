"""A transposed convolution, built of an ordinary one and moves, equals the plain definition."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from btt_chain.work.build import Builder, Numbers
from btt_chain.work.errors import ModelRefused
from btt_chain.work.execute import Executor
from btt_chain.work.graph import PROOF_BYTES, Graph
from btt_chain.work.model import Elements, Int8s, Int32s
from btt_chain.work.operators import Conv, Rearrange, Slice, Sum
from btt_chain.work.shapes import largest_proof
from btt_chain.work.tensors import Kind
from unit.work.work_world import items_of, nodes_of, requantise

I8: Final = Numbers(Kind.I8)


def plainly(
    x: Int32s,
    kernels: Int8s,
    step: Sequence[int],
    pads: Sequence[int],
    extra: Sequence[int],
    groups: int,
) -> Int32s:
    """Add each element, times each tap, to the place that it reaches; `x` is counted from zero."""
    rank, sizes, outputs = len(step), kernels.shape[1:-1], len(kernels)
    whole = [
        (side - 1) * stride + size + more
        for side, stride, size, more in zip(x.shape, step, sizes, extra, strict=False)
    ]
    sums = np.zeros((*whole, outputs), np.int32)
    inputs = kernels.shape[-1]
    for at in itertools.product(*map(range, x.shape[:-1])):
        for tap in itertools.product(*map(range, sizes)):
            place = tuple(a * s + t for a, s, t in zip(at, step, tap, strict=True))
            for output in range(outputs):
                first = output // (outputs // groups) * inputs
                taken = x[at][first : first + inputs]
                sums[(*place, output)] += int(taken @ kernels[(output, *tap)].astype(np.int32))
    inner = (slice(pads[axis], whole[axis] - pads[rank + axis]) for axis in range(rank))
    return sums[tuple(inner)]


@st.composite
def layers(draw: st.DrawFn) -> tuple[Builder, Int32s, Elements]:
    """A model of a transposed convolution, its right results, and an item."""
    rank = draw(st.integers(1, 3))
    axes = st.lists(st.integers(1, 3), min_size=rank, max_size=rank)
    step, sides = draw(axes), draw(axes)
    # Kernels that are shorter than a step leave phases without taps.
    sizes = [draw(st.integers(1 if rank < 3 else stride, 5 - rank // 3)) for stride in step]
    whole = [
        (side - 1) * stride + size for side, stride, size in zip(sides, step, sizes, strict=True)
    ]
    before = [draw(st.integers(0, min(2, most - 1))) for most in whole]
    after = [draw(st.integers(0, most - 1 - cut)) for most, cut in zip(whole, before, strict=True)]
    extra = [draw(st.integers(0, stride - 1)) for stride in step]
    groups, inputs, outputs = (draw(st.integers(1, 2)) for _ in range(3))
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    kernels = rng.integers(1, 128, (groups * outputs, *sizes, inputs)).astype(np.int8)
    kernels *= rng.choice(np.array([-1, 1], np.int8), kernels.shape)
    bias = rng.integers(-3000, 3000, len(kernels)).astype(np.int32)
    scales = rng.uniform(0.002, 0.02, len(kernels)).astype(np.float32)
    zero = draw(st.integers(-128, 127))
    builder = Builder(Kind.I8, (*sides, groups * inputs), zero)
    out = Numbers(Kind.U8, 7, low=draw(st.sampled_from([0, 7])))
    pads = (*before, *after)
    builder.conv_transposed("up", 0, kernels, bias, scales, step, pads, extra, out, groups)
    item = rng.integers(-128, 128, builder.tensor(0).dims).astype(np.int8)
    sums = plainly(item.astype(np.int32) - zero, kernels, step, pads, extra, groups) + bias
    low = out.low or 0
    bits = scales.view(np.uint32)
    right = [
        requantise(int(total), int(bits[at % len(bits)]), 7, low, 255)
        for at, total in enumerate(sums.ravel())
    ]
    return builder, np.array(right, np.int32).reshape(sums.shape), item


@settings(max_examples=150, deadline=None)
@given(layer=layers())
def test_it_equals_the_plain_definition(layer: tuple[Builder, Int32s, Elements]) -> None:
    builder, right, item = layer

    output = Executor(builder.model()).run(item[None]).outputs[0][0]

    assert output.shape == right.shape
    np.testing.assert_array_equal(output, right)


def upsampling(channels: int, outputs: int, side: int, size: int = 4, step: int = 2) -> Graph:
    rng = np.random.default_rng(1)
    made = Builder(Kind.I8, (side, side, channels))
    kernels = rng.integers(-127, 128, (outputs, size, size, channels)).astype(np.int8)
    bias, scales = np.zeros(outputs, np.int32), np.full(outputs, 0.001, np.float32)
    pads = ((size - step) // 2,) * 4
    made.conv_transposed("up", 0, kernels, bias, scales, (step, step), pads, (0, 0), I8)
    return made.model().graph


def test_its_phases_and_moves_have_no_leaves() -> None:
    graph = upsampling(4, 3, 5)

    assert [type(node.op) for node in graph.nodes] == [Conv, Rearrange, Slice]
    assert nodes_of(graph) == [2]
    assert graph.made[0].dims == (10, 10, 3)


def test_steps_that_match_the_kernel_need_no_cut_and_a_step_of_one_no_move() -> None:
    assert [type(node.op) for node in upsampling(4, 3, 5, size=2).nodes] == [Conv, Rearrange]
    assert [type(node.op) for node in upsampling(4, 3, 5, size=3, step=1).nodes] == [Conv]


def test_a_phase_has_only_its_own_taps() -> None:
    op = upsampling(512, 8, 28).nodes[0].op
    assert isinstance(op, Conv)

    assert op.window.sizes == (2, 2)


def test_wide_layers_have_proofs_within_the_limit() -> None:
    wide = upsampling(512, 16, 28)
    assert largest_proof(wide, len(wide.nodes) - 1) <= PROOF_BYTES

    # Too wide for one proof: partial sums, and one proof for each kind.
    wider = upsampling(4096, 2, 4)
    assert [type(node.op) for node in wider.nodes] == [Conv, Sum, Rearrange, Slice]
    for node in nodes_of(wider):
        assert largest_proof(wider, node) <= PROOF_BYTES


def test_the_fewest_windows_are_computed() -> None:
    conv = upsampling(4, 3, 5).nodes[0]

    assert conv.out.dims == (6, 6, 12)


@dataclass(frozen=True)
class Layer:
    """A transposed convolution of a signal with three channels; with these numbers it is valid."""

    kernels: tuple[int, ...] = (2, 3, 3)
    biases: int = 2
    step: tuple[int, ...] = (2,)
    pads: tuple[int, ...] = (0, 0)
    extra: tuple[int, ...] = (0,)
    groups: int = 1
    apart: tuple[int, ...] = (1,)

    def build(self) -> None:
        Builder(Kind.I8, (5, 3)).conv_transposed(
            "up",
            0,
            np.ones(self.kernels, np.int8),
            np.zeros(self.biases, np.int32),
            np.ones(2, np.float32),
            self.step,
            self.pads,
            self.extra,
            I8,
            self.groups,
            self.apart,
        )


@pytest.mark.parametrize(
    ("layer", "why"),
    [
        (Layer(step=(1, 1)), "step, pads and output_padding for 1 axes"),
        (Layer(pads=(0,)), "step, pads and output_padding for 1 axes"),
        (Layer(extra=()), "step, pads and output_padding for 1 axes"),
        (Layer(step=(0,)), "at least 1"),
        (Layer(kernels=(2, 0, 3)), "at least 1"),
        (Layer(pads=(-1, 0)), "not below 0"),
        (Layer(extra=(2,)), "output_padding is less than the step"),
        (Layer(pads=(9, 9)), "its pads cut off all"),
        (Layer(groups=2), "2 groups of 3 inputs for 3 channels"),
        (Layer(groups=0), "0 groups of 3 inputs"),
        (Layer(apart=(2,)), r"dilations \(2,\)"),
        (Layer(kernels=(2, 3)), "one to three axes"),
        (Layer(kernels=(2, 3, 3, 3)), "one to three axes"),
        (Layer(biases=3), "3 biases and 2 scales for 2 channels"),
    ],
)
def test_what_has_no_ordinary_form_is_refused(layer: Layer, why: str) -> None:
    Layer().build()

    with pytest.raises(ModelRefused, match=f"'up': .*{why}"):
        layer.build()


def test_results_of_sixteen_bits_are_moved_too() -> None:
    rng = np.random.default_rng(3)
    made = Builder(Kind.I16, (4, 6))
    kernels = rng.integers(-20, 21, (3, 3, 6)).astype(np.int8)
    ones = np.ones(3, np.float32)
    made.conv_transposed(
        "up", 0, kernels, np.zeros(3, np.int32), ones, (2,), (1, 0), (1,), Numbers(Kind.I16)
    )
    model = made.model()
    items = (items_of(rng, model.graph.inputs[0]) // 128).astype(np.int16)

    output = Executor(model).run(items).outputs[0]

    right = plainly(items[0].astype(np.int32), kernels, (2,), (1, 0), (1,), 1)
    assert np.abs(right).max() < 2**15
    np.testing.assert_array_equal(output[0], right)
