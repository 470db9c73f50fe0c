"""ONNX models become graphs of ours: equal to onnxruntime's integers, or refused by name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.random import Generator

pytest.importorskip("onnx", reason="onnx is not installed: pip install onnx onnxruntime")
ort = pytest.importorskip("onnxruntime", reason="onnxruntime is not installed: pip install it")

import onnx  # noqa: E402
from onnx import TensorProto, helper, numpy_helper  # noqa: E402

from btt_chain.work.errors import ModelRefused  # noqa: E402
from btt_chain.work.execute import Executor  # noqa: E402
from btt_chain.work.model import quantised, real_outputs  # noqa: E402
from btt_chain.work.onnx_import import Imported, load, loads  # noqa: E402
from btt_chain.work.tensors import Kind  # noqa: E402

f32 = np.float32
Shape = Sequence[int | str | None]


def made(
    nodes: Sequence[onnx.NodeProto],
    given: tuple[int, Shape],
    result: tuple[int, Shape],
    constants: Mapping[str, object],
) -> bytes:
    graph = helper.make_graph(
        nodes,
        "net",
        [helper.make_tensor_value_info("x", *given)],
        [helper.make_tensor_value_info("y", *result)],
        [numpy_helper.from_array(np.asarray(value), name) for name, value in constants.items()],
    )
    domains = [helper.make_opsetid("", 20), helper.make_opsetid("com.microsoft", 1)]
    model = helper.make_model(graph, opset_imports=domains)
    model.ir_version = 9
    raw: bytes = model.SerializeToString()
    return raw


def by_engine(raw: bytes, x: np.ndarray) -> np.ndarray:
    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 3
    session = ort.InferenceSession(raw, options, providers=["CPUExecutionProvider"])
    return np.asarray(session.run(None, {"x": x})[0])


def by_us(imported: Imported, x: np.ndarray) -> np.ndarray:
    outputs = Executor(imported.model).run(imported.items(x)).outputs[0]
    return np.asarray(imported.outputs(outputs))


def elements(rng: Generator, dtype: type, shape: Sequence[int], most: int = 127) -> np.ndarray:
    if dtype is np.uint8:
        return rng.integers(0, 2 * most + 2, shape).clip(0, 255).astype(np.uint8)
    return rng.integers(-most, most + 1, shape).astype(np.int8)


KINDS = {np.uint8: TensorProto.UINT8, np.int8: TensorProto.INT8}


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 2**32), signed=st.booleans())
def test_qlinear_conv_equals_onnxruntime(seed: int, signed: bool) -> None:
    rng = np.random.default_rng(seed)
    dtype = np.int8 if signed else np.uint8
    groups = int(rng.integers(1, 3))
    inside, outputs = groups * int(rng.integers(1, 4)), groups * int(rng.integers(1, 4))
    size, stride, gap = (rng.integers(1, top, 2).tolist() for top in (4, 3, 3))
    pads = [int(rng.integers(0, (size[at % 2] - 1) * gap[at % 2] + 1)) for at in range(4)]
    # Weights of 7 bits: engines without VNNI saturate with 8 (onnxruntime issue 6004).
    weights = elements(rng, np.int8, (outputs, inside // groups, *size), 63)
    deviation = 40 * np.sqrt(weights[0].size)
    constants = {
        "sx": f32(0.02), "zx": dtype(rng.integers(0, 100)), "w": weights,
        "sw": rng.uniform(0.005, 0.02, outputs).astype(f32), "zw": np.zeros(outputs, np.int8),
        "sy": f32(0.0002 * deviation), "zy": dtype(rng.integers(0, 100)),
        "b": rng.integers(-999, 999, outputs).astype(np.int32),
    }  # fmt: skip
    node = helper.make_node(
        "QLinearConv", ["x", "sx", "zx", "w", "sw", "zw", "sy", "zy", "b"], ["y"],
        group=groups, strides=stride, dilations=gap, pads=pads,
    )  # fmt: skip
    shape = (2, inside, *rng.integers(7, 10, 2).tolist())
    x = elements(rng, dtype, shape)
    kind = KINDS[dtype]
    raw = made([node], (kind, [None, *shape[1:]]), (kind, [None] * 4), constants)

    np.testing.assert_array_equal(by_us(loads(raw), x), by_engine(raw, x))


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 2**32), signed=st.booleans())
def test_qlinear_matmul_equals_onnxruntime(seed: int, signed: bool) -> None:
    rng = np.random.default_rng(seed)
    dtype = np.int8 if signed else np.uint8
    length, outputs = rng.integers(1, [70, 9]).tolist()
    constants = {
        "sx": f32(0.02), "zx": dtype(rng.integers(0, 100)),
        "w": elements(rng, np.int8, (length, outputs), 63), "sw": f32(0.0123), "zw": np.int8(0),
        "sy": f32(rng.uniform(0.005, 0.02) * np.sqrt(length)), "zy": dtype(rng.integers(0, 100)),
    }  # fmt: skip
    names = ["x", "sx", "zx", "w", "sw", "zw", "sy", "zy"]
    node = helper.make_node("QLinearMatMul", names, ["y"])
    x = elements(rng, dtype, (5, length))
    kind = KINDS[dtype]
    raw = made([node], (kind, [None, length]), (kind, [None, outputs]), constants)

    np.testing.assert_array_equal(by_us(loads(raw), x), by_engine(raw, x))


@settings(max_examples=10, deadline=None)
@given(seed=st.integers(0, 2**32), conv=st.booleans())
def test_integer_products_equal_onnxruntime(seed: int, conv: bool) -> None:
    rng = np.random.default_rng(seed)
    zero = np.uint8(rng.integers(0, 256))
    shape: tuple[int, ...] = (2, 3, 6, 7) if conv else (4, int(rng.integers(1, 70)))
    kernel = (4, 3, 3, 2) if conv else (shape[1], 5)
    constants = {"w": elements(rng, np.int8, kernel, 63), "zx": zero}
    node = helper.make_node("ConvInteger" if conv else "MatMulInteger", ["x", "w", "zx"], ["y"])
    x = elements(rng, np.uint8, shape)
    result = (TensorProto.INT32, [None] * len(shape))
    raw = made([node], (TensorProto.UINT8, [None, *shape[1:]]), result, constants)

    np.testing.assert_array_equal(by_us(loads(raw), x), by_engine(raw, x))


def a_pair_around(
    kind: str, operands: Sequence[str], attributes: Mapping[str, Any]
) -> list[onnx.NodeProto]:
    """Return an operator between DequantizeLinear and QuantizeLinear: its definition."""
    reals = [f"{name}r" for name in operands]
    nodes = [
        helper.make_node("DequantizeLinear", [name, f"s{name}", f"z{name}"], [f"{name}r"])
        for name in dict.fromkeys(operands)
    ]
    operation = helper.make_node(kind, reals, ["r"], **attributes)
    return [*nodes, operation, helper.make_node("QuantizeLinear", ["r", "sy", "zy"], ["y"])]


def of_microsoft(
    kind: str, names: Sequence[str], result: str = "y", **attributes: Any
) -> onnx.NodeProto:
    return helper.make_node(kind, names, [result], domain="com.microsoft", **attributes)


POOL: Mapping[str, Any] = {"kernel_shape": [2, 3], "strides": [2, 1]}
ONE: Sequence[str] = ("x", "sx", "zx", "sy", "zy")
PAIRED: Sequence[tuple[str, Sequence[str], Mapping[str, Any]]] = [
    ("Add", ("x", "sx", "zx", "x", "sx", "zx", "sy", "zy"), {}),
    ("AveragePool", ONE, POOL),
    ("AveragePool", ONE, {**POOL, "pads": [0, 1, 1, 1], "count_include_pad": 1}),
    ("Concat", ("sy", "zy", "x", "sx", "zx", "x", "sx", "zx"), {"axis": 1}),
    ("Concat", ("sy", "zy", "x", "sx", "zx", "x", "sx", "zx", "x", "sx", "zx"), {"axis": 3}),
    ("GlobalAveragePool", ONE, {}),
    ("LeakyRelu", ONE, {"alpha": 0.25}),
    ("Sigmoid", ONE, {}),
    ("Softmax", ONE, {"axis": 3, "opset": 13}),
]


@pytest.mark.parametrize("signed", [False, True])
@pytest.mark.parametrize(("kind", "names", "attributes"), PAIRED)
def test_an_operator_of_onnxruntime_is_the_pair_that_defines_it(
    kind: str, names: Sequence[str], attributes: Mapping[str, Any], signed: bool
) -> None:
    rng = np.random.default_rng(len(kind))
    dtype = np.int8 if signed else np.uint8
    shares = kind == "Softmax"
    constants = {
        "sx": f32(0.031), "zx": dtype(rng.integers(0, 100)),
        "sy": f32(1 / 256 if shares else 0.043),
        "zy": dtype(np.iinfo(dtype).min if shares else rng.integers(0, 100)),
    }  # fmt: skip
    x = elements(rng, dtype, (3, 4, 6, 5))
    number = KINDS[dtype]
    between = {name: value for name, value in attributes.items() if name != "opset"}
    given, result = (number, [None, *x.shape[1:]]), (number, [None] * 4)
    whole = made([of_microsoft(f"QLinear{kind}", names, **attributes)], given, result, constants)
    operands = [name for name in names if name == "x"]
    pair = made(a_pair_around(kind, operands, between), given, result, constants)

    imported = loads(whole)
    found = by_us(imported, x)

    np.testing.assert_array_equal(found, by_us(loads(pair), x))
    # The engine's own kernels round in binary32, or divide before they do.
    assert np.abs(found.astype(int) - by_engine(whole, x)).max() <= 1
    assert len(np.unique(found)) > 3


@pytest.mark.parametrize("turned", [0, 1])
@pytest.mark.parametrize("signed", [False, True])
def test_qgemm_equals_onnxruntime(signed: bool, turned: int) -> None:
    rng = np.random.default_rng(turned)
    dtype = np.int8 if signed else np.uint8
    weights = elements(rng, np.int8, (33, 5), 63)
    constants = {
        "sx": f32(0.02), "zx": dtype(rng.integers(0, 100)),
        "w": weights.T.copy() if turned else weights,
        "sw": rng.uniform(0.01, 0.02, 5).astype(f32), "zw": np.zeros(5, np.int8),
        "b": rng.integers(-999, 999, (1, 5)).astype(np.int32),
        "sy": f32(0.1), "zy": dtype(rng.integers(0, 100)),
    }  # fmt: skip
    names = ["x", "sx", "zx", "w", "sw", "zw", "b", "sy", "zy"]
    x = elements(rng, dtype, (6, 33))
    kind = KINDS[dtype]
    raw = made(
        [of_microsoft("QGemm", names, transB=turned)], (kind, [None, 33]), (kind, [None, 5]),
        constants,
    )  # fmt: skip

    np.testing.assert_array_equal(by_us(loads(raw), x), by_engine(raw, x))


def test_other_operators_of_onnxruntime_are_refused_with_what_to_do() -> None:
    number = (TensorProto.UINT8, [None, 2, 4, 4])
    constants = {"sx": f32(0.1), "zx": np.uint8(3), "sy": f32(0.1), "zy": np.uint8(0)}
    twice = ("x", "sx", "zx", "x", "sx", "zx", "sy", "zy")
    cases: list[tuple[str, Sequence[str], dict[str, Any], str]] = [
        ("QLinearMul", twice, {}, "QLinearMul of com.microsoft .* export with QuantFormat.QDQ"),
        ("QLinearGlobalAveragePool", ONE, {"channels_last": 1}, "channels first"),
        ("QLinearSigmoid", ONE[:4], {}, "zero must be written out"),
        ("QLinearAveragePool", ONE, {}, "no size"),
        ("QLinearLeakyRelu", ONE, {"alpha": float("nan")}, "alpha is not a number"),
        ("QLinearConcat", ("sy", "zy"), {"axis": 1}, "no inputs"),
        ("QLinearConcat", ("sy", "zy", "x", "sx", "zx"), {"axis": 0}, "channels of images"),
        ("QGemm", ("x", "sx"), {}, "no input"),
        ("QGemm", ("x", "sx", "zx"), {"alpha": 0.5}, "alpha must be 1"),
        ("QGemm", ("x", "sx", "zx"), {"transA": 1}, "mix the items"),
    ]
    for kind, names, attributes, why in cases:
        node = of_microsoft(kind, names, **attributes)
        node.name = "bad"
        with pytest.raises(ModelRefused, match=f"'bad'.*{why}"):
            loads(made([node], number, number, constants))


def test_an_input_is_of_the_kind_that_the_file_says() -> None:
    nodes = a_pair_around("Sigmoid", ["x"], {})
    constants = {"sx": f32(0.1), "zx": np.uint8(3), "sy": f32(0.1), "zy": np.uint8(0)}
    signed = (TensorProto.INT8, [None, 4])

    with pytest.raises(ModelRefused, match="another kind than its zero"):
        loads(made(nodes, signed, (TensorProto.UINT8, [None, 4]), constants))
    del nodes[0].input[2]
    imported = loads(made(nodes, signed, (TensorProto.UINT8, [None, 4]), constants))

    assert imported.model.graph.inputs[0].kind is Kind.I8


def quantised_node(
    name: str, source: str, scale: str, zero: str, back: bool = True
) -> list[onnx.NodeProto]:
    q = helper.make_node("QuantizeLinear", [source, scale, zero], [f"{name}q"])
    return [q, helper.make_node("DequantizeLinear", [f"{name}q", scale, zero], [name])][: 1 + back]


def folded_net(rng: Generator) -> bytes:
    """Conv, ReLU, residual, pools and a dense head, all between Q and DQ."""
    constants: dict[str, object] = {
        "s0": f32(1 / 128), "z0": np.int8(0), "s1": f32(0.02), "z1": np.int8(-100),
        "w1": elements(rng, np.int8, (4, 1, 3, 3), 63),
        "w2": elements(rng, np.int8, (4, 4, 3, 3), 63),
        "w3": elements(rng, np.int8, (3, 4), 63), "sw": f32(0.004), "zw": np.int8(0),
        "b1": rng.normal(0, 0.1, 4).astype(f32), "b3": rng.normal(0, 0.1, 3).astype(f32),
    }  # fmt: skip
    weights = [
        helper.make_node("DequantizeLinear", [f"w{n}", "sw", "zw"], [f"f{n}"]) for n in (1, 2, 3)
    ]
    nodes = [
        *weights,
        *quantised_node("a", "x", "s0", "z0"),
        helper.make_node("Conv", ["a", "f1", "b1"], ["c1"], pads=[1] * 4),
        helper.make_node("Relu", ["c1"], ["r1"]),
        *quantised_node("b", "r1", "s1", "z1"),
        helper.make_node("Conv", ["b", "f2"], ["c2"], pads=[1] * 4),
        *quantised_node("c", "c2", "s1", "z1"),
        helper.make_node("Add", ["b", "c"], ["sum"]),
        *quantised_node("d", "sum", "s1", "z1"),
        helper.make_node("MaxPool", ["d"], ["m"], kernel_shape=[2, 2], strides=[2, 2]),
        helper.make_node("Sigmoid", ["m"], ["g"]),
        *quantised_node("e", "g", "s0", "z0"),
        helper.make_node("GlobalAveragePool", ["e"], ["mean"]),
        *quantised_node("f", "mean", "s0", "z0"),
        helper.make_node("Flatten", ["f"], ["flat"]),
        helper.make_node("Gemm", ["flat", "f3", "b3"], ["y"], transB=1),
    ]
    given = (TensorProto.FLOAT, [None, 1, 8, 8])
    return made(nodes, given, (TensorProto.FLOAT, [None, 3]), constants)


def test_quantised_pairs_are_folded_and_stay_close_to_the_engine() -> None:
    rng = np.random.default_rng(3)
    raw = folded_net(rng)
    x = rng.uniform(-1, 1, (6, 1, 8, 8)).astype(f32)
    imported = loads(raw)
    manifest = imported.model.manifest

    items = quantised(manifest, imported.items(x))
    outputs = real_outputs(manifest, Executor(imported.model).run(items).outputs[0])

    # The engine computes some of these in floats: one step of a scale apart at most.
    assert np.abs(outputs - by_engine(raw, x)).max() < 0.01


def test_an_import_is_the_same_model_each_time() -> None:
    raw = folded_net(np.random.default_rng(3))

    assert loads(raw).model.manifest == loads(raw).model.manifest


def test_attention_between_pairs_is_folded() -> None:
    rng = np.random.default_rng(4)
    constants: dict[str, object] = {
        "s0": f32(0.03), "z0": np.int8(0), "s1": f32(1 / 256), "z1": np.uint8(0),
        "w": elements(rng, np.int8, (8, 8), 63), "sw": f32(0.005), "zw": np.int8(0),
        "gain": np.ones(8, f32), "split": np.array([0, 5, 2, 4]), "join": np.array([0, 5, 8]),
    }  # fmt: skip
    nodes = [
        helper.make_node("DequantizeLinear", ["w", "sw", "zw"], ["fw"]),
        *quantised_node("a", "x", "s0", "z0"),
        helper.make_node("LayerNormalization", ["a", "gain"], ["n"]),
        *quantised_node("b", "n", "s0", "z0"),
        helper.make_node("MatMul", ["b", "fw"], ["v"]),
        *quantised_node("c", "v", "s0", "z0"),
        helper.make_node("Reshape", ["c", "split"], ["r"]),
        helper.make_node("Transpose", ["r"], ["h"], perm=[0, 2, 1, 3]),
        helper.make_node("Transpose", ["r"], ["t"], perm=[0, 2, 3, 1]),
        helper.make_node("MatMul", ["h", "t"], ["scores"]),
        *quantised_node("d", "scores", "s0", "z0"),
        helper.make_node("Softmax", ["d"], ["shares"], axis=-1),
        *quantised_node("e", "shares", "s1", "z1"),
        helper.make_node("MatMul", ["e", "h"], ["mixed"]),
        *quantised_node("f", "mixed", "s0", "z0"),
        helper.make_node("Transpose", ["f"], ["back"], perm=[0, 2, 1, 3]),
        helper.make_node("Reshape", ["back", "join"], ["g"]),
        helper.make_node("Gelu", ["g"], ["act"]),
        *quantised_node("y", "act", "s0", "z0"),
    ]
    raw = made(
        nodes, (TensorProto.FLOAT, [None, 5, 8]), (TensorProto.FLOAT, [None, 5, 8]), constants
    )
    x = rng.normal(0, 1, (4, 5, 8)).astype(f32)
    imported = loads(raw)
    manifest = imported.model.manifest

    outputs = Executor(imported.model).run(quantised(manifest, x)).outputs[0]

    assert np.abs(real_outputs(manifest, outputs) - by_engine(raw, x)).max() < 0.13


def test_what_stays_a_float_is_refused_by_name(tmp_path: Path) -> None:
    floats = (TensorProto.FLOAT, [None, 4])
    constants = {"s": f32(0.1), "z": np.int8(0), "w": np.ones((4, 4), f32)}
    quantise = quantised_node("a", "x", "s", "z")
    cases = {
        "floats": (
            [helper.make_node("MatMul", ["x", "w"], ["y"], name="bad")],
            "quantise it first",
        ),
        "weights": (
            [*quantise, helper.make_node("MatMul", ["a", "w"], ["y"], name="bad")],
            "weights are floats",
        ),
        "operation": (
            [*quantise, helper.make_node("Exp", ["a"], ["y"], name="bad")],
            "Exp has no exact form",
        ),
        "unquantised": (
            [
                *quantise,
                helper.make_node("Tanh", ["a"], ["t"]),
                helper.make_node("Tanh", ["t"], ["y"], name="bad"),
            ],
            "computed in floats",
        ),
        "output": (
            [*quantise, helper.make_node("Tanh", ["a"], ["y"], name="bad")],
            "not quantised",
        ),
    }
    for nodes, why in cases.values():
        raw = made(nodes, floats, floats, constants)
        with pytest.raises(ModelRefused, match=f"'bad'.*{why}"):
            loads(raw)
    broken = tmp_path / "broken.onnx"
    broken.write_bytes(made([*quantise], floats, floats, constants)[:-30])
    for path in (broken, Path(__file__)):
        with pytest.raises(ModelRefused, match="no valid ONNX"):
            load(path)


@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_a_damaged_file_is_read_or_refused(data: st.DataObject) -> None:
    raw = bytearray(folded_net(np.random.default_rng(3)))
    for _ in range(data.draw(st.integers(1, 4))):
        raw[data.draw(st.integers(0, len(raw) - 1))] = data.draw(st.integers(0, 255))

    # Any other exception fails the test; a byte of a weight may well be another weight.
    with suppress(ModelRefused):
        loads(bytes(raw))


def test_numbers_that_do_not_belong_together_are_refused() -> None:
    constants: dict[str, object] = {
        "s": f32(0.1), "z": np.uint8(0), "w": np.ones((2, 1, 3, 3), np.int8), "zw": np.int8(0),
        "s3": np.ones(3, f32), "z3": np.zeros(3, np.int8), "b3": np.zeros(3, np.int32),
        "w0": np.ones((2, 1, 9, 9), np.int8), "big": np.full((2, 1, 3, 3), 255, np.uint8),
    }  # fmt: skip
    image = (TensorProto.UINT8, [None, 1, 5, 5])
    right = ["x", "s", "z", "w", "s", "zw", "s", "z"]
    cases: list[tuple[list[str], dict[str, object], str]] = [
        ([*right[:4], "s3", *right[5:]], {}, "3 scales for 2"),
        ([*right[:5], "z3", *right[6:]], {}, "3 zeros for 2"),
        ([*right, "b3"], {}, "3 biases for 2"),
        ([*right[:1], "s3", *right[2:]], {}, "one scale"),
        ([*right[:3], "w0", *right[4:]], {}, "makes the sides"),
        ([*right[:3], "big", *right[4:]], {}, "do not fit 8 bits"),
        (right, {"strides": [0, 1]}, "at least 1"),
        (right, {"pads": [-1, 0, 0, 0]}, "negative"),
        (right, {"group": 0}, "groups"),
        (right, {"group": 2}, "groups"),
        (right, {"auto_pad": "SAME_UPPER"}, "auto_pad"),
    ]
    for names, attributes, why in cases:
        node = helper.make_node("QLinearConv", names, ["y"], name="bad")
        node.attribute.extend(helper.make_attribute(*item) for item in attributes.items())
        with pytest.raises(ModelRefused, match=f"'bad'.*{why}"):
            loads(made([node], image, (TensorProto.UINT8, [None] * 4), constants))
