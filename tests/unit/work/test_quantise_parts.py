"""Parts of the quantiser: folding, patterns, ranges, orders of axes, comparison."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("onnx", reason="onnx is not installed: pip install '.[work]'")

from btt_chain.work.errors import ModelRefused
from btt_chain.work.quantise.compare import Agreement, Comparison, compared, ranked_area
from btt_chain.work.quantise.emitter import Port
from btt_chain.work.quantise.endings import applied, decisions
from btt_chain.work.quantise.floats import runner
from btt_chain.work.quantise.importing import Importer, Settings
from btt_chain.work.quantise.ranges import BINS, Histogram, RealNumbers, clipped
from btt_chain.work.quantise.steps import (
    Affine,
    AveragePool,
    Ending,
    Function,
    Hypot,
    Pad,
    Product,
    Step,
)
from btt_chain.work.quantise.weights import weight_scales
from btt_chain.work.tensors import Kind
from unit.work.float_nets import Net, items


def _plan(net: Net, folder: Path, *outputs: str) -> Importer:
    return Importer(net.save(folder, *outputs), Settings(method="minmax", accept_loss=True))


def _kinds(importer: Importer) -> list[type[Step]]:
    return [type(step) for step in importer.plan.steps]


# ---- folding


def _normed(variances: Sequence[float] | None, pads: int) -> tuple[Net, str]:
    """Return a batch norm behind a rectified convolution, and before another one."""
    net = Net({"x": ["n", 3, 8, 8]})
    h = net.batch_norm(net.relu(net.conv("x", 3, 8, 3, 3)), 8, variances)
    h = net.conv(h, 8, 4, 3, 3, pads=[pads] * 4)
    return net, net.node("Flatten", h)


def test_a_batch_norm_is_folded_into_the_product_behind(tmp_path: Path) -> None:
    net, y = _normed(None, 0)
    importer = _plan(net, tmp_path, y)
    assert dict(importer.folds) == {"forward": 1, "kept": 0}
    result = importer.quantised(items(1, 24, x=(1, 3, 8, 8)), items(2, 24, x=(1, 3, 8, 8)))
    reach = max(abs(np.concatenate([step.weights.ravel() for step in _products(importer)])))
    assert result.comparison.outputs[0].mean_error < 0.1 * reach


def _products(importer: Importer) -> list[Product]:
    return [step for step in importer.plan.steps if isinstance(step, Product)]


@pytest.mark.parametrize(
    ("variances", "pads"), [([1.0] * 7 + [1e-4], 0), (None, 1)], ids=["dead channel", "padding"]
)
def test_a_batch_norm_that_would_cost_bits_or_reach_the_padding_stays(
    variances: list[float] | None, pads: int, tmp_path: Path
) -> None:
    net, y = _normed(variances, pads)
    importer = _plan(net, tmp_path, y)
    assert dict(importer.folds) == {"kept": 1}
    assert Affine in _kinds(importer)


def test_a_dead_channel_does_not_overflow_its_sums(tmp_path: Path) -> None:
    net = Net({"x": ["n", 16]})
    y = net.dense("x", 16, 8)
    net.constants["c1"][3] = 0
    net.constants["c0"][3] = 5
    importer = _plan(net, tmp_path, y)
    result = importer.quantised(items(1, 24, x=(1, 16)), items(2, 48, x=(1, 16)))
    assert result.comparison.agreement > 0.95


def test_no_sum_can_leave_32_bits() -> None:
    rng = np.random.default_rng(1)
    for kind in (Kind.I8, Kind.I16):
        weights, bias = rng.normal(0, 1, (6, 6000)), rng.normal(0, 1e3, 6)
        read = RealNumbers(kind, 0, 1e-3)
        scales = weight_scales(weights, bias, read)
        whole = np.abs(np.rint(weights / scales[:, None])).sum(axis=1)
        reach = whole * -kind.low + np.abs(np.rint(bias / (read.scale * scales)))
        assert (reach < 1 << 31).all()


# ---- patterns


def _gelu(net: Net, x: str) -> str:
    erf = net.node("Erf", net.node("Div", x, net.constant(2**0.5)))
    product = net.node("Mul", x, net.node("Add", erf, net.constant(1.0)))
    return net.node("Mul", product, net.constant(0.5))


def _silu(net: Net, x: str) -> str:
    return net.node("Mul", x, net.node("Sigmoid", x))


def _hard_swish(net: Net, x: str) -> str:
    clip = net.node("Clip", net.node("Add", x, net.constant(3.0)), net.constant(0), net.constant(6))
    return net.node("Div", net.node("Mul", x, clip), net.constant(6.0))


def _mish(net: Net, x: str) -> str:
    return net.node("Mul", x, net.node("Tanh", net.node("Softplus", x)))


def _chain(net: Net, x: str) -> str:
    return net.node("Abs", net.node("Neg", net.node("Elu", x, alpha=0.5)))


@pytest.mark.parametrize("form", [_gelu, _silu, _hard_swish, _mish, _chain])
def test_functions_of_one_tensor_become_one_table(
    form: Callable[[Net, str], str], tmp_path: Path
) -> None:
    net = Net({"x": ["n", 8]})
    h = form(net, net.dense("x", 8, 16))
    importer = _plan(net, tmp_path, net.dense(h, 16, 3), h)
    (function,) = [step for step in importer.plan.steps if isinstance(step, Function)]
    assert _kinds(importer) == [Product, Function, Product]
    run = runner(importer.graph.proto, [*function.inputs, function.output])
    for feeds in items(3, 4, x=(1, 8)):
        real = run(feeds)
        made = function.apply(real[function.inputs[0]].astype(np.float64))
        assert np.allclose(made, real[function.output], atol=1e-5)


def test_a_root_of_two_squares_is_a_magnitude(tmp_path: Path) -> None:
    net = Net({"x": ["n", 4, 16]})
    parts = [net.conv("x", 4, 3, 3) for _ in range(2)]
    squares = [net.node("Mul", part, part) for part in parts]
    importer = _plan(net, tmp_path, net.node("Sqrt", net.node("Add", *squares)))
    assert _kinds(importer) == [Product, Product, Hypot]


def test_constant_shapes_vanish(tmp_path: Path) -> None:
    net = Net({"x": ["n", 4, 6, 6]})
    h = net.conv("x", 4, 4, 3, 3)
    count = net.node("Gather", net.node("Shape", h), net.constant(0, "i8"), axis=0)
    count = net.node("Unsqueeze", count, net.constant([0], "i8"))
    shape = net.node("Concat", count, net.constant([-1], "i8"), axis=0)
    importer = _plan(net, tmp_path, net.dense(net.node("Reshape", h, shape), 64, 3))
    assert [node.op_type for node in importer.graph.nodes] == ["Conv", "Reshape", "Gemm"]


def test_a_constant_without_axes_keeps_none(tmp_path: Path) -> None:
    net = Net({"x": [1, 4, 6, 8]})
    row = net.node("Gather", net.conv("x", 4, 4, 1, 1), net.constant(2, "i8"), axis=2)
    y = net.node("Pad", row, net.constant([0, 0, 1, 0, 0, 1], "i8"), mode="edge")
    graph = _plan(net, tmp_path, y).graph

    assert graph.shapes[row] == (1, 4, 8)
    assert graph.shapes[y] == (1, 4, 10)


def test_a_mean_over_no_axes_may_be_the_tensor_itself(tmp_path: Path) -> None:
    net = Net({"x": [1, 4]}, opset=18)
    mean = net.node("ReduceMean", net.dense("x", 4, 6), noop_with_empty_axes=1)
    importer = _plan(net, tmp_path, net.dense(mean, 6, 3))
    calibration = items(1, 24, x=(1, 4))

    assert importer.graph.shapes[mean] == (1, 6)
    assert importer.quantised(calibration).comparison.error < 0.1


def test_a_factor_behind_a_mean_within_the_image_is_folded_into_it(tmp_path: Path) -> None:
    net = Net({"x": [1, 4, 9]})
    mean = net.node("AveragePool", net.conv("x", 4, 4, 1), kernel_shape=[3], pads=[0, 1])
    scaled = net.node("Mul", mean, net.constant(net.rng.uniform(0.3, 1.4, (4, 1))))
    importer = _plan(net, tmp_path, net.node("Tanh", scaled))

    assert importer.quantised(items(1, 24, x=(1, 4, 9))).comparison.error < 0.1


def test_a_tensor_between_its_own_ends_is_a_circular_padding(tmp_path: Path) -> None:
    net = Net({"x": ["n", 2, 12]})
    h = net.conv("x", 2, 3, 3)
    axis = net.constant([2], "i8")
    head = net.node("Slice", h, net.constant([-2], "i8"), net.constant([1 << 40], "i8"), axis)
    tail = net.node("Slice", h, net.constant([0], "i8"), net.constant([3], "i8"), axis)
    importer = _plan(net, tmp_path, net.conv(net.node("Concat", head, h, tail, axis=2), 3, 2, 5))
    assert _kinds(importer) == [Product, Pad, Product]
    result = importer.quantised(items(1, 24, x=(1, 2, 12)), items(2, 24, x=(1, 2, 12)))
    assert result.comparison.outputs[0].mean_error < 0.05


@pytest.mark.parametrize("apart", [1, 2])
def test_means_leave_padding_out(apart: int, tmp_path: Path) -> None:
    net = Net({"x": ["n", 2, 7, 8]}, opset=19)
    h = net.conv("x", 2, 4, 1, 1)
    pooled = net.node(
        "AveragePool", h, kernel_shape=[3, 3], pads=[1] * 4, strides=[2, 1], dilations=[apart] * 2
    )
    importer = _plan(net, tmp_path, net.conv(pooled, 4, 3, 1, 1))
    assert _kinds(importer) == [Product, AveragePool, Affine, Product]
    result = importer.quantised(items(1, 24, x=(1, 2, 7, 8)), items(2, 24, x=(1, 2, 7, 8)))
    assert result.comparison.outputs[0].mean_error < 0.05


@pytest.mark.parametrize("side", [12, 80])
@pytest.mark.parametrize("kind", ["GlobalMaxPool", "GlobalAveragePool"])
def test_a_whole_image_is_reduced_by_lines(kind: str, side: int, tmp_path: Path) -> None:
    net = Net({"x": ["n", 2, side, side]})
    h = net.node("Flatten", net.node(kind, net.conv("x", 2, 4, 3, 3)))
    importer = _plan(net, tmp_path, net.dense(h, 4, 3))
    if kind == "GlobalMaxPool" and side == 80:
        with pytest.raises(ModelRefused, match=r"node 'globalmaxpool1': .* fraud proof may"):
            importer.quantised(items(1, 9, x=(1, 2, side, side)))
        return
    result = importer.quantised(items(1, 18, x=(1, 2, side, side)))
    assert result.comparison.agreement == 1
    assert result.comparison.outputs[0].mean_error < 0.15


def test_states_before_the_first_row_are_zero(tmp_path: Path) -> None:
    net = Net({"x": [6, 1, 4], "h": [1, 1, 5], "c": [1, 1, 5]})
    constants = [net.constant(net.rng.normal(0, 0.5, shape)) for shape in ((1, 20, 4), (1, 20, 5))]
    y = net.node("LSTM", "x", *constants, "", "", "h", "c", hidden_size=5, outputs=3)
    h = net.node("Squeeze", y, net.constant([1], "i8"))
    out = net.node("MatMul", h, net.weights(5, 2))
    importer = _plan(net, tmp_path, out, f"{y}_1", f"{y}_2")
    assert importer.graph.left_out == ["h", "c", f"{y}_1", f"{y}_2"]
    assert importer.plan.inputs == ["x"]
    result = importer.quantised(items(1, 24, x=(6, 1, 4)), items(2, 24, x=(6, 1, 4)))
    assert result.comparison.agreement > 0.95
    assert any("left out" in remark for remark in result.remarks)


def test_a_sigmoid_before_moves_is_an_ending(tmp_path: Path) -> None:
    net = Net({"x": [4, 8]})
    h = net.node("Sigmoid", net.dense("x", 8, 1))
    y = net.node("Reshape", h, net.constant([1, 4], "i8"))
    importer = _plan(net, tmp_path, y)
    assert [node.op_type for node in importer.graph.nodes] == ["Gemm", "Reshape", "Sigmoid"]
    (ending,) = importer.plan.endings
    assert ending is not None
    assert ending.kind == "Sigmoid"
    result = importer.quantised(items(1, 24, x=(4, 8)), items(2, 24, x=(4, 8)))
    assert result.quantised.model.graph.made[0].kind is Kind.I16
    assert result.comparison.agreement > 0.95


def test_an_output_and_its_softmax_are_one_result(tmp_path: Path) -> None:
    net = Net({"x": ["n", 8]})
    h = net.dense("x", 8, 3)
    y = net.node("Softmax", h, axis=1)
    importer = _plan(net, tmp_path, h, y)
    assert (importer.plan.outputs, importer.plan.results) == ([h], [y])


def test_parts_of_a_growing_concatenation_are_rounded_once(tmp_path: Path) -> None:
    net = Net({"x": ["n", 3, 6, 6]})
    h = net.conv("x", 3, 4, 3, 3, pads=[1] * 4)
    for channels in (4, 6, 8):
        part = net.conv(net.relu(h), channels, 2, 3, 3, pads=[1] * 4)
        h = net.node("Concat", h, part, axis=1)
    importer = _plan(net, tmp_path, net.conv(h, 10, 2, 1, 1))
    result = importer.quantised(items(1, 24, x=(1, 3, 6, 6)), items(2, 24, x=(1, 3, 6, 6)))
    names = [node.name for node in result.quantised.model.graph.nodes]
    assert [name for name in names if name.endswith(":numbers")] == ["concat3:numbers"]


@pytest.mark.parametrize("mode", ["constant", "edge", "reflect", "wrap"])
def test_pads_have_their_modes(mode: str, tmp_path: Path) -> None:
    net = Net({"x": ["n", 2, 9]}, opset=19)
    h = net.node("Pad", "x", net.constant([0, 0, 2, 0, 0, 3], "i8"), mode=mode)
    importer = _plan(net, tmp_path, net.conv(h, 2, 3, 3))
    assert _kinds(importer) == [Pad, Product]
    result = importer.quantised(items(1, 24, x=(1, 2, 9)), items(2, 24, x=(1, 2, 9)))
    assert result.comparison.outputs[0].mean_error < 0.05


NEAREST: dict[str, tuple[int, list[float], dict[str, object]]] = {
    "half pixels": (17, [2, 2], {}),
    "half pixels, fewer": (17, [0.5, 0.5], {"nearest_mode": "round_prefer_ceil"}),
    "rounded down": (
        17, [3, 5], {"coordinate_transformation_mode": "asymmetric", "nearest_mode": "floor"},
    ),
    "before opset 11": (10, [3, 2], {}),
}  # fmt: skip
"""Opset, factors of the sides, attributes."""


@pytest.mark.parametrize("kind", NEAREST)
def test_the_nearest_pixels_are_those_of_onnx(kind: str, tmp_path: Path) -> None:
    opset, factors, more = NEAREST[kind]
    net = Net({"x": [1, 2, 4, 6]}, opset=opset)
    scales = net.constant([1, 1, *factors])
    h = net.node("Resize", "x", *([scales] if opset < 11 else ["", scales]), **more)
    importer = _plan(net, tmp_path, net.conv(h, 2, 3, 1, 1))
    result = importer.quantised(items(1, 12, x=(1, 2, 4, 6)), items(2, 8, x=(1, 2, 4, 6)))
    assert result.comparison.outputs[0].relative_error < 0.03


def test_a_window_over_a_whole_axis_merges_it_into_the_channels(tmp_path: Path) -> None:
    net = Net({"x": ["n", 2, 12, 20]})
    h = net.relu(net.conv("x", 2, 6, 12, 3, pads=[0, 1, 0, 1]))
    importer = _plan(net, tmp_path, net.node("Flatten", h))
    result = importer.quantised(items(1, 24, x=(1, 2, 12, 20)), items(2, 8, x=(1, 2, 12, 20)))
    assert [len(node.out.dims) for node in result.quantised.model.graph.nodes][:2] == [2, 2]
    assert result.comparison.outputs[0].mean_error < 0.05


def test_distant_taps_are_opened_one_by_one(tmp_path: Path) -> None:
    net = Net({"x": ["n", 64, 600]})
    h = net.conv("x", 64, 32, 3, dilations=[256], pads=[256, 256])
    importer = _plan(net, tmp_path, net.conv(net.relu(h), 32, 2, 1))
    result = importer.quantised(items(1, 9, x=(1, 64, 600)), items(2, 4, x=(1, 64, 600)))
    graph = result.quantised.model.graph
    assert [node.out.dims for node in graph.nodes][:2] == [(600, 1, 64), (600, 1, 32)]
    assert not any(node.out.kind is Kind.I32 for node in graph.nodes)
    assert result.comparison.outputs[0].mean_error < 0.05


def test_an_output_of_one_channel_is_a_mask(tmp_path: Path) -> None:
    net = Net({"x": ["n", 2, 40]})
    h = net.node("Transpose", net.conv("x", 2, 1, 3, pads=[1, 1]), perm=[0, 2, 1])
    importer = _plan(net, tmp_path, h)
    result = importer.quantised(items(1, 24, x=(1, 2, 40)), items(2, 10, x=(1, 2, 40)))
    (output,) = result.comparison.outputs
    assert output.decided == 400
    assert set(output.by_class) == {0, 1}
    assert output.dice is not None


def test_layouts_are_kept_until_they_matter(tmp_path: Path) -> None:
    net = Net({"x": ["n", 8, 8, 3]})
    h = net.conv(net.node("Transpose", "x", perm=[0, 3, 1, 2]), 3, 4, 3, 3)
    h = net.node("Transpose", net.relu(h), perm=[0, 2, 3, 1])
    h = net.node("Transpose", h, perm=[0, 3, 1, 2])
    importer = _plan(net, tmp_path, net.conv(h, 4, 2, 1, 1))
    result = importer.quantised(items(1, 24, x=(1, 8, 8, 3)))
    assert len(result.quantised.model.graph.nodes) == 2
    assert result.quantised.model.graph.inputs[0].dims == (8, 8, 3)


@pytest.mark.parametrize("order", [(1, 2, 3), (2, 3, 1), (3, 1)])
def test_ports_are_inverse(order: tuple[int, ...]) -> None:
    shape = (1, 3, 1, 5) if len(order) == 2 else (1, 3, 4, 5)
    port = Port("x", shape, order)
    values = np.random.default_rng(1).normal(size=shape)
    assert np.array_equal(port.unpacked(port.packed(values)), values)


# ---- ranges


def test_ranges_are_whole_or_clipped() -> None:
    counts = np.zeros(BINS)
    counts[: BINS // 4] = 1000
    counts[-1] = 1
    seen = Histogram(0.0, 8.0, counts)
    assert clipped(seen, "minmax") == (0.0, 8.0)
    low, high = clipped(seen, "percentile")
    assert low < 0.01
    assert 1.9 < high < 2.1
    assert 1.9 < clipped(seen, "squares")[1] < 8.0


def test_bounds_of_an_activation_are_elements() -> None:
    numbers = RealNumbers(Kind.I8, -128, 6 / 255).numbers((0.0, 6.0))
    assert (numbers.low, numbers.high) == (-128, 127)
    half = RealNumbers(Kind.I8, 0, 0.1).numbers((0.0, float("inf")))
    assert (half.low, half.high) == (0, 127)


# ---- comparison


@pytest.mark.parametrize("kind", ["Softmax", "LogSoftmax", "Sigmoid", "ArgMax"])
def test_endings_are_those_of_onnx(kind: str, tmp_path: Path) -> None:
    net = Net({"x": [3, 5]})
    axis = {} if kind == "Sigmoid" else {"axis": 1}
    more = {"keepdims": 0} if kind == "ArgMax" else {}
    h = net.dense("x", 5, 4)
    y = net.node(kind, h, **axis, **more)
    importer = _plan(net, tmp_path, y)
    assert importer.plan.outputs == [h]
    (ending,) = importer.plan.endings
    (feeds,) = items(1, 1, x=(3, 5))
    real = runner(importer.graph.proto, [h, y])(feeds)
    before = real[h].astype(np.float64)
    assert np.allclose(applied(ending, before), real[y], atol=1e-6)
    if kind == "ArgMax":
        assert np.array_equal(decisions(ending, before, 1), real[y])


def test_decisions_are_classes_or_signs() -> None:
    values = np.array([[-1.0, 2.0, 1.0]])
    assert decisions(None, values, 1).tolist() == [1]
    assert decisions(Ending("Sigmoid"), values, 1).tolist() == [[0, 1, 1]]
    assert decisions(None, values[:, :1], 1).tolist() == [[0]]


def test_the_area_under_the_curve_counts_pairs() -> None:
    rng = np.random.default_rng(1)
    scores, positive = np.round(rng.normal(size=60), 1), rng.random(60) < 0.4
    pairs = [(a > b) + 0.5 * (a == b) for a in scores[positive] for b in scores[~positive]]
    assert ranked_area(scores, positive) == pytest.approx(sum(pairs) / len(pairs))
    assert ranked_area(scores, np.ones(60, bool)) is None


def test_labels_give_accuracy_and_area_of_both_models(tmp_path: Path) -> None:
    net = Net({"x": ["n", 8]})
    y = net.node("Softmax", net.dense("x", 8, 3), axis=1)
    importer = _plan(net, tmp_path, y)
    test = items(2, 60, x=(1, 8))
    run = runner(importer.graph.proto, [y])
    labels = np.array([int(run(feeds)[y].argmax()) for feeds in test], np.int64)
    labels[:6] = (labels[:6] + 1) % 3
    result = importer.quantised(items(1, 24, x=(1, 8)), test, labels)
    (output,) = result.comparison.outputs

    assert output.accuracy is not None
    assert output.auc is not None
    assert output.accuracy[0] == pytest.approx(0.9)
    assert abs(output.accuracy[1] - 0.9) < 0.05
    assert all(0.8 < area < 1 for area in output.auc)
    assert "accuracy float 0.9000" in " ".join(result.comparison.lines())


AGREEMENT = Agreement(
    name="a<b", decided=10, equal=9, dice=None, largest_error=0.5, mean_error=0.1,
    relative_error=0.02,    by_class={0: (6, 6), 1: (4, 3)}, margins=[0.2],
)  # fmt: skip


def test_both_limits_decide() -> None:
    good = replace(AGREEMENT, equal=10)
    assert Comparison(10, True, [good]).passes(0.98)
    assert not Comparison(10, True, [good, AGREEMENT]).passes(0.98)
    assert Comparison(10, True, [AGREEMENT]).passes(0.9)
    assert not Comparison(10, True, [replace(good, dice=0.96)]).passes(0.98)


def test_a_report_is_text_json_and_a_picture() -> None:
    comparison = Comparison(10, False, [replace(AGREEMENT, dice=0.98)])
    text = "\n".join(comparison.lines())
    assert "not independent" in text
    assert "9 of 10 decisions equal (90.00%)" in text
    assert "Dice of the masks 0.9800" in text
    assert comparison.as_json()["agreement"] == 0.9
    assert comparison.picture().startswith("<svg")
    assert "a&lt;b 1" in comparison.picture()


def test_of_many_classes_the_worst_are_shown() -> None:
    classes = {key: (100, 100 - key % 50) for key in range(100)}
    many = replace(AGREEMENT, by_class=classes)
    assert [key for key, _ in many.shown_classes()] == [*range(40, 50), *range(90, 100)]
    assert "and 80 others" in many.lines()[-1]


def test_biases_are_corrected_by_the_mean_difference(tmp_path: Path) -> None:
    net = Net({"x": ["n", 3, 8, 8]})
    h = net.relu(net.conv("x", 3, 8, 3, 3))
    importer = _plan(net, tmp_path, net.node("Flatten", net.conv(h, 8, 4, 3, 3)))
    importer.settings = Settings(accept_loss=True)
    calibration = items(1, 24, x=(1, 3, 8, 8))
    result = importer.quantised(calibration)
    again = compared(
        result.quantised, result.plan, runner(result.graph.proto, result.plan.outputs),
        calibration, independent=False,
    )  # fmt: skip
    assert again.as_json() == result.comparison.as_json()
    assert any("with bias correction" in remark for remark in result.remarks)
