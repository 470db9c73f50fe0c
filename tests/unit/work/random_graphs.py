"""Random ONNX graphs: of floats with any of many operators, and of integers."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
import onnx
from numpy.random import Generator
from onnx import TensorProto, helper, numpy_helper

from unit.work.float_nets import Net

MAX_ELEMENTS = 1_500
OPSETS = (11, 13, 17, 18, 20)
FUNCTIONS = (
    "Abs", "Cos", "Erf", "Exp", "Log", "Neg", "Reciprocal", "Sigmoid", "Sin", "Softplus",
    "Softsign", "Sqrt", "Tanh", "Relu", "HardSwish", "Mish", "Identity", "Floor", "Sign",
)  # fmt: skip
SMOOTH = ("Relu", "Sigmoid", "Tanh", "Softplus", "Softsign", "Erf", "Abs")
WITH_ALPHA = ("Elu", "LeakyRelu", "Selu", "Celu", "ThresholdedRelu", "HardSigmoid")
REDUCTIONS = ("ReduceMean", "ReduceMean", "ReduceMax", "ReduceSum")


@dataclass
class Graph:
    """A net under construction, the shape of each tensor, and the last tensor."""

    rng: Generator
    net: Net
    shapes: dict[str, tuple[int, ...]]
    last: str = "x"
    kinds: list[str] = field(default_factory=list)

    @property
    def shape(self) -> tuple[int, ...]:
        return self.shapes[self.last]

    def coin(self, share: float = 0.5) -> bool:
        return bool(self.rng.random() < share)

    def axis(self, first: int = 0) -> int:
        axis = int(self.rng.integers(first, len(self.shape)))
        return axis - len(self.shape) if self.coin(0.3) else axis

    def whole(self, *values: int) -> str:
        return self.net.constant(list(values), "i8")

    def listed(
        self, kind: str, name: str, values: Sequence[int], since: int, **more: object
    ) -> str:
        """Add a node whose whole numbers are an input since an opset, before it an attribute."""
        if self.net.opset >= since:
            return self.net.node(kind, self.last, self.whole(*values), **more)
        return self.net.node(kind, self.last, **{name: list(values)}, **more)

    def add(self, make: Callable[[Graph], str]) -> None:
        """Add a node, unless ONNX finds no shape for it or the tensor is large."""
        if len(self.shape) < MIN_AXES.get(make, 2) or (make is split and min(self.shape[1:]) < 2):
            return
        nodes, constants = len(self.net.nodes), dict(self.net.constants)
        try:
            name = make(self)
            made = self.net.model(name).graph.output[0].type.tensor_type.shape.dim
            shape = tuple(int(dim.dim_value) for dim in made)
        except (onnx.shape_inference.InferenceError, RuntimeError, KeyError, IndexError):
            shape = ()
        if not shape or min(shape) < 1 or np.prod(shape) > MAX_ELEMENTS:
            del self.net.nodes[nodes:]
            self.net.constants = constants
            return
        self.shapes[name], self.last = shape, name
        self.kinds.append(make.__name__)


def function(g: Graph) -> str:
    return g.net.node(str(g.rng.choice(FUNCTIONS if g.coin(0.4) else SMOOTH)), g.last)


def function_with_alpha(g: Graph) -> str:
    kind = str(g.rng.choice(WITH_ALPHA))
    more = {"alpha": float(g.rng.uniform(0.1, 1.5))} if g.coin() else {}
    return g.net.node(kind, g.last, **more)


def clamp(g: Graph) -> str:
    low, high = (g.net.constant(value) for value in g.rng.uniform((-2, 0.2), (0, 2)).tolist())
    bounds = [(low, high), ("", high), (low,), ()][int(g.rng.integers(4))]
    return g.net.node("Clip", g.last, *bounds)


def with_number(g: Graph) -> str:
    """A function of two tensors, one of which is a constant of any shape that fits."""
    shape = [size if g.coin(0.4) else 1 for size in g.shape]
    shape = shape[int(g.rng.integers(len(shape) + 1)) :] if g.coin() else shape
    if g.coin(0.1):
        shape = [1, *shape]
    values = g.rng.uniform(0.3, 2, shape) * (1 if g.coin(0.7) else -1)
    kind = str(g.rng.choice(("Add", "Sub", "Mul", "Div", "Max", "Min", "PRelu", "Pow", "Sum")))
    if kind == "Pow":
        values = np.full(shape[:1], float(g.rng.choice((2.0, 3.0, 0.5))))
    operands = [g.last, g.net.constant(values)]
    if kind not in {"PRelu", "Pow"} and g.coin(0.3):
        operands.reverse()
    return g.net.node(kind, *operands)


def of_two(g: Graph) -> str:
    same = [name for name, shape in g.shapes.items() if shape == g.shape]
    kind = str(g.rng.choice(("Add", "Add", "Sub", "Mul", "Mul", "Max", "Div", "Sum")))
    return g.net.node(kind, g.last, str(g.rng.choice(same)))


def conv(g: Graph) -> str:
    rank, channels = len(g.shape) - 2, g.shape[1]
    groups = int(g.rng.choice([n for n in (1, 1, 2, 4) if channels % n == 0]))
    outputs = groups * int(g.rng.integers(1, 3))
    size = g.rng.integers(1, 4, rank).tolist()
    more: dict[str, object] = {"strides": g.rng.integers(1, 3, rank).tolist()}
    if g.coin(0.3):
        more["dilations"] = g.rng.integers(1, 3, rank).tolist()
    if g.coin(0.2):
        more["auto_pad"] = str(g.rng.choice(("SAME_UPPER", "SAME_LOWER", "VALID")))
    elif g.coin(0.7):
        more["pads"] = [int(g.rng.integers(0, min(each, 2))) for each in (*size, *size)]
    weights = g.net.weights(outputs, channels // groups, *size)
    bias = [g.net.constant(g.rng.normal(0, 0.2, outputs))] if g.coin() else []
    return g.net.node("Conv", g.last, weights, *bias, group=groups, **more)


def conv_transposed(g: Graph) -> str:
    rank, channels = len(g.shape) - 2, g.shape[1]
    size, step = g.rng.integers(1, 4, rank).tolist(), g.rng.integers(1, 3, rank).tolist()
    more: dict[str, object] = {"strides": step}
    if g.coin(0.3):
        more["output_padding"] = [int(each > 1) for each in step]
    if g.coin(0.4):
        more["pads"] = g.rng.integers(0, 2, 2 * rank).tolist()
    if g.coin(0.2):
        more["dilations"] = g.rng.integers(1, 3, rank).tolist()
    if g.coin(0.1):
        more["auto_pad"] = "SAME_UPPER"
    weights = g.net.weights(channels, int(g.rng.integers(1, 5)), *size)
    return g.net.node("ConvTranspose", g.last, weights, **more)


def batch_norm(g: Graph) -> str:
    return g.net.batch_norm(g.last, g.shape[1])


def pool(g: Graph) -> str:
    rank = len(g.shape) - 2
    kind = str(g.rng.choice(("MaxPool", "AveragePool")))
    size = g.rng.integers(1, 4, rank).tolist()
    more: dict[str, object] = {"kernel_shape": size, "strides": g.rng.integers(1, 3, rank).tolist()}
    if g.coin():
        more["pads"] = [int(g.rng.integers(0, each // 2 + 1)) for each in (*size, *size)]
    if g.coin(0.2):
        more["ceil_mode"] = 1
    if kind == "AveragePool" and g.coin():
        more["count_include_pad"] = 1
    if kind == "MaxPool" and g.coin(0.2):
        more["dilations"] = g.rng.integers(1, 3, rank).tolist()
    return g.net.node(kind, g.last, **more)


def global_pool(g: Graph) -> str:
    return g.net.node(str(g.rng.choice(("GlobalAveragePool", "GlobalMaxPool"))), g.last)


def reduction(g: Graph) -> str:
    kind = str(g.rng.choice(REDUCTIONS))
    keep = {"keepdims": int(g.coin())} if g.coin() else {}
    since = 13 if kind == "ReduceSum" else 18
    if g.coin(0.15):
        if g.net.opset >= since and g.coin():
            keep["noop_with_empty_axes"] = 1
        return g.net.node(kind, g.last, **keep)
    axes = sorted({g.axis(1) % len(g.shape) for _ in range(int(g.rng.integers(1, 3)))})
    return g.listed(kind, "axes", axes, since, **keep)


def concat(g: Graph) -> str:
    axis = g.axis(1)
    near = [
        name for name, shape in g.shapes.items()
        if len(shape) == len(g.shape)
        and all(a == b for at, (a, b) in enumerate(zip(shape, g.shape, strict=True))
                if at != axis % len(shape))
    ]  # fmt: skip
    parts = [g.last, *g.rng.choice(near, int(g.rng.integers(1, 3))).tolist()]
    return g.net.node("Concat", *parts, axis=axis)


def slice_(g: Graph) -> str:
    axis = g.axis(1)
    side = g.shape[axis]
    start, end = int(g.rng.integers(-side, side)), int(g.rng.integers(-side, side + 3))
    ends = [g.whole(start), g.whole(end), g.whole(axis)]
    return g.net.node(
        "Slice", g.last, *ends, *([g.whole(int(g.rng.choice((1, 2, -1))))] * g.coin())
    )


def split(g: Graph) -> str:
    axis = g.axis(1)
    side = g.shape[axis]
    first = int(g.rng.integers(1, side))
    if g.net.opset < 13:
        return g.net.node("Split", g.last, axis=axis, split=[first, side - first], outputs=2)
    return g.net.node("Split", g.last, g.whole(first, side - first), axis=axis, outputs=2)


def gather(g: Graph) -> str:
    axis = g.axis(1)
    side = g.shape[axis]
    places = g.rng.integers(-side, side, int(g.rng.integers(1, 3))).tolist()
    chosen = g.net.constant(places[0] if g.coin() else sorted(set(places)), "i8")
    return g.net.node("Gather", g.last, chosen, axis=axis)


def pad(g: Graph) -> str:
    rank, mode = len(g.shape), str(g.rng.choice(("constant", "reflect", "edge")))
    pads = [0] * (2 * rank)
    axis = g.axis(1) % rank
    pads[axis], pads[rank + axis] = g.rng.integers(0, 2, 2).tolist()
    value = [g.net.constant(float(g.rng.choice((0, 0, 1.5))))] if g.coin(0.3) else []
    return g.net.node("Pad", g.last, g.whole(*pads), *value, mode=mode)


def resize(g: Graph) -> str:
    sides = [int(g.rng.choice((side, 2 * side, max(1, side // 2)))) for side in g.shape[2:]]
    form = str(g.rng.choice(("half_pixel", "asymmetric", "align_corners", "pytorch_half_pixel")))
    more: dict[str, object] = {
        "mode": str(g.rng.choice(("nearest", "linear"))),
        "coordinate_transformation_mode": form,
    }
    if g.coin(0.8):
        more["nearest_mode"] = str(g.rng.choice(("floor", "round_prefer_ceil", "ceil")))
    roi, scales = g.net.constant([]), g.net.constant([])
    return g.net.node("Resize", g.last, roi, scales, g.whole(*g.shape[:2], *sides), **more)


def transpose(g: Graph) -> str:
    order = [0, *(1 + g.rng.permutation(len(g.shape) - 1)).tolist()]
    return g.net.node("Transpose", g.last, **({"perm": order} if g.coin(0.9) else {}))


def reshape(g: Graph) -> str:
    shape, at = list(g.shape), int(g.rng.integers(1, len(g.shape)))
    factors = [n for n in (1, 2, 3) if shape[at] % n == 0]
    part = int(g.rng.choice(factors))
    if len(shape) > 2 and g.coin():
        return g.net.node("Reshape", g.last, g.whole(0, -1, shape[-1]))
    new = [*shape[:at], shape[at] // part, part, *shape[at + 1 :]]
    return g.net.node("Reshape", g.last, g.whole(*new))


def flatten(g: Graph) -> str:
    return g.net.node("Flatten", g.last, **({"axis": g.axis()} if g.coin(0.3) else {}))


def of_ones(g: Graph) -> str:
    """An axis of size 1 added or removed."""
    ones = [at for at, size in enumerate(g.shape) if size == 1 and at]
    if ones and g.coin():
        return g.listed("Squeeze", "axes", [ones[0]], 13)
    return g.listed("Unsqueeze", "axes", [int(g.rng.integers(1, len(g.shape) + 1))], 13)


def repeated(g: Graph) -> str:
    if g.coin():
        return g.net.node("Expand", g.last, g.whole(*(1 for _ in g.shape)))
    return g.net.node("Tile", g.last, g.whole(*(int(g.rng.choice((1, 1, 2))) for _ in g.shape)))


def blocks(g: Graph) -> str:
    if g.coin():
        return g.net.node("SpaceToDepth", g.last, blocksize=2)
    mode = str(g.rng.choice(("DCR", "CRD")))
    return g.net.node("DepthToSpace", g.last, blocksize=2, mode=mode)


def dropout(g: Graph) -> str:
    if g.net.opset < 12 or g.coin():
        return g.net.node("Dropout", g.last)
    training = [g.net.constant(0.5), g.net.constant(g.coin(), "?")]
    return g.net.node("Dropout", g.last, *training)


def dense(g: Graph) -> str:
    length, outputs = g.shape[-1], int(g.rng.integers(1, 7))
    if len(g.shape) != 2 or g.coin(0.3):
        return g.net.node("MatMul", g.last, g.net.weights(length, outputs))
    turned = int(g.coin())
    weights = g.net.weights(*((outputs, length) if turned else (length, outputs)))
    more = {"alpha": 0.7, "beta": 1.3, "transA": int(g.coin(0.1))} if g.coin(0.4) else {}
    bias = [(outputs,), (1, outputs), (1,), (1, 1), ()][int(g.rng.integers(5))]
    constant = [g.net.constant(g.rng.normal(0, 0.2, bias))] if g.coin(0.7) else []
    return g.net.node("Gemm", g.last, weights, *constant, transB=turned, **more)


def recurrent(g: Graph) -> str:
    kind, gates = [("LSTM", 4), ("GRU", 3)][int(g.rng.integers(2))]
    size, both = g.shape[2], int(g.coin())
    widths = [(1 + both, gates * 3, size), (1 + both, gates * 3, 3), (1 + both, 2 * gates * 3)]
    constants = [g.net.constant(g.rng.normal(0, 0.4, shape)) for shape in widths]
    more: dict[str, object] = {"linear_before_reset": 1} if kind == "GRU" and g.coin() else {}
    direction = "bidirectional" if both else str(g.rng.choice(("forward", "reverse")))
    return g.net.node(kind, g.last, *constants, direction=direction, hidden_size=3, **more)


def foreign(g: Graph) -> str:
    """An operator that the importer does not take."""
    size, last = g.shape[-1], g.last
    match int(g.rng.integers(5)):
        case 0:
            return g.net.node("Softmax", last)
        case 1:
            ones = [g.net.constant(np.full(size, value)) for value in (1.0, 0.0)]
            return g.net.node("LayerNormalization", last, *ones)
        case 2:
            return g.net.node("CumSum", last, g.net.constant(1, "i8"))
        case 3:
            return g.net.node("Where", g.net.node("Less", last, g.net.constant(0.0)), last, last)
        case _:
            return g.net.node("MatMul", last, last)


FAMILIES: Sequence[tuple[Callable[[Graph], str], int]] = (
    (function, 4), (function_with_alpha, 2), (clamp, 1), (with_number, 4), (of_two, 3), (conv, 5),
    (conv_transposed, 1), (batch_norm, 2), (pool, 2), (global_pool, 1), (reduction, 1), (concat, 2),
    (slice_, 1), (split, 1), (gather, 1), (pad, 1), (resize, 1), (transpose, 2), (reshape, 2),
    (flatten, 1), (of_ones, 1), (repeated, 1), (blocks, 1), (dropout, 1), (dense, 4),
    (recurrent, 1),
)  # fmt: skip
MIN_AXES: Mapping[Callable[[Graph], str], int] = {
    conv: 3, conv_transposed: 3, pool: 3, global_pool: 3, resize: 3, recurrent: 3, blocks: 4,
}  # fmt: skip
STARTS = ((1, 4, 6, 6), (1, 2, 12), (1, 3, 4, 4, 4), (1, 12), (2, 4, 5, 5), (1, 5, 8))


def ending(g: Graph) -> str:
    """Return an output: the last tensor, or an operation that the reader of results applies."""
    kind = str(g.rng.choice(("", "", "Softmax", "LogSoftmax", "Sigmoid", "ArgMax")))
    if not kind:
        return g.last
    more: dict[str, object] = {} if kind == "Sigmoid" or g.coin(0.3) else {"axis": g.axis()}
    if kind == "ArgMax" and g.coin():
        more["keepdims"] = int(g.coin())
    if kind == "ArgMax" and g.net.opset >= 12 and g.coin(0.3):
        more["select_last_index"] = 1
    return g.net.node(kind, g.last, **more)


def float_graph(seed: int) -> tuple[Net, list[str], Mapping[str, Sequence[int]]]:
    """Return a random graph of floats, its outputs, and the shape of its input."""
    rng = np.random.default_rng(seed)
    shape = STARTS[int(rng.integers(len(STARTS)))]
    net = Net({"x": list(shape)}, seed, opset=int(rng.choice(OPSETS)))
    g = Graph(rng, net, {"x": shape})
    weights = np.array([weight for _, weight in FAMILIES], float)
    g.add(conv if len(shape) > 2 else dense)
    for _ in range(int(rng.integers(1, 8))):
        g.add(FAMILIES[int(rng.choice(len(FAMILIES), p=weights / weights.sum()))][0])
    if g.coin(0.05):
        g.add(foreign)
    if g.coin(0.7):
        g.add(flatten)
        g.add(dense)
    outputs = [ending(g)]
    others = [name for name in g.shapes if name not in {"x", *outputs}]
    if g.coin(0.1) and others:
        outputs.append(str(rng.choice(others)))
    return net, outputs, {"x": shape}


# ---- integers

Kind: TypeAlias = type[np.uint8] | type[np.int8]
NUMBERS = {np.dtype(np.uint8): TensorProto.UINT8, np.dtype(np.int8): TensorProto.INT8}


class _Integers:
    """A chain of products of integers and moves: operands with scale and zero point."""

    def __init__(self, rng: np.random.Generator, kind: Kind, sides: list[int]) -> None:
        self.rng = rng
        self.kind = kind
        self.sides = sides
        self.nodes: list[onnx.NodeProto] = []
        self.constants: dict[str, npt.NDArray[np.generic]] = {}
        self.last = "x"
        self.numbers = self._numbers()

    def constant(self, value: object) -> str:
        name = f"c{len(self.constants)}"
        self.constants[name] = np.asarray(value)
        return name

    def _numbers(self) -> tuple[str, str]:
        zero = self.kind(self.rng.integers(0, 100))
        return self.constant(np.float32(0.02)), self.constant(zero)

    def weights(self, *shape: int) -> tuple[npt.NDArray[np.int8], float]:
        """Return weights, and a scale with which products fill the range."""
        weights = self.rng.integers(-63, 64, shape).astype(np.int8)
        taps = np.prod(shape[1:]) if len(shape) > 2 else shape[0]
        return weights, float(self.rng.uniform(0.5, 2) / (37 * np.sqrt(taps)))

    def node(self, kind: str, inputs: Sequence[str], sides: list[int], **more: list[int]) -> None:
        out = f"t{len(self.nodes)}"
        name = f"{kind.lower()}{len(self.nodes)}"
        node = helper.make_node(kind, [self.last, *inputs], [out], name)
        node.attribute.extend(helper.make_attribute(key, value) for key, value in more.items())
        self.nodes.append(node)
        self.last, self.sides = out, sides

    def flatten(self) -> None:
        self.node("Flatten", [], [self.sides[0], int(np.prod(self.sides[1:]))])

    def product(self) -> None:
        outputs = int(self.rng.integers(1, 9))
        weights, factor = self.weights(self.sides[1], outputs)
        made = self._numbers()
        constants = map(self.constant, (weights, np.float32(factor), np.int8(0)))
        inputs = [*self.numbers, *constants, *made]
        self.node("QLinearMatMul", inputs, [self.sides[0], outputs])
        self.numbers = made

    def conv(self) -> None:
        """Add a convolution, unless its window does not fit."""
        rng, outputs = self.rng, int(self.rng.integers(1, 5))
        size, steps = rng.integers(1, 4, 2).tolist(), rng.integers(1, 3, 2).tolist()
        pads = rng.integers(0, 2, 4).tolist()
        sides = [
            (side + pads[axis] + pads[axis + 2] - size[axis]) // steps[axis] + 1
            for axis, side in enumerate(self.sides[2:])
        ]
        if min(sides) < 1 or any(max(pads[axis::2]) >= size[axis] for axis in (0, 1)):
            return
        weights, factor = self.weights(outputs, self.sides[1], *size)
        scales = rng.uniform(0.8, 1.2, outputs).astype(np.float32) * np.float32(factor)
        made = self._numbers()
        bias = [self.constant(rng.integers(-999, 999, outputs).astype(np.int32))]
        inputs = [
            *self.numbers, *map(self.constant, (weights, scales, np.zeros(outputs, np.int8))),
            *made, *(bias if rng.random() < 0.7 else []),
        ]  # fmt: skip
        self.node("QLinearConv", inputs, [self.sides[0], outputs, *sides], pads=pads, strides=steps)
        self.numbers = made


def integer_graph(seed: int) -> tuple[bytes, npt.NDArray[np.generic]]:
    """Return a random chain of products of integers and moves, and items for it."""
    rng = np.random.default_rng(seed)
    kind: Kind = np.uint8 if rng.random() < 0.5 else np.int8
    shape = [3, int(rng.integers(1, 4)), *rng.integers(4, 8, 2).tolist()]
    if rng.random() < 0.4:
        shape = [4, int(rng.integers(1, 60))]
    info = np.iinfo(kind)
    x = rng.integers(info.min, info.max + 1, shape).astype(kind)
    chain = _Integers(rng, kind, shape)
    for _ in range(int(rng.integers(1, 5))):
        if len(chain.sides) == 2:
            chain.product()
        elif rng.random() < 0.7:
            chain.conv()
        else:
            chain.flatten()
    if not chain.nodes:
        return integer_graph(seed + 1_000_003)
    code = NUMBERS[np.dtype(kind)]
    graph = helper.make_graph(
        chain.nodes, "net",
        [helper.make_tensor_value_info("x", code, [None, *shape[1:]])],
        [helper.make_tensor_value_info(chain.last, code, [None] * len(chain.sides))],
        [numpy_helper.from_array(value, name) for name, value in chain.constants.items()],
    )  # fmt: skip
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)])
    model.ir_version = 9
    return model.SerializeToString(), x
