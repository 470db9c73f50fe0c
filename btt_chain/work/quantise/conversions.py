"""Nodes of ONNX to steps: one function for each family of operators."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from fractions import Fraction
from math import ceil, floor
from typing import Final, TypeAlias

import numpy as np
import onnx

from btt_chain.work.quantise.endings import SOFTMAX_OF_ONE_AXIS
from btt_chain.work.quantise.functions import function_of
from btt_chain.work.quantise.reading import FloatNode
from btt_chain.work.quantise.steps import (
    Affine,
    AveragePool,
    Concat,
    Frame,
    Function,
    Lookup,
    MaxPool,
    Mean,
    Multiply,
    Pad,
    PairProduct,
    Product,
    Recurrent,
    Reshape,
    Resize,
    Shares,
    Slice,
    Step,
    Total,
    Transpose,
)

_FUSED: Final = frozenset({
    "Attention", "RotaryEmbedding", "MultiHeadAttention", "SkipLayerNormalization",
})  # fmt: skip
"""Parts of transformers in one operator."""
_OF_NUMBERS: Final = frozenset({
    "Cast", "Flatten", "Gather", "Identity", "Reshape", "Squeeze", "Transpose", "Unsqueeze",
})  # fmt: skip
"""Operators that may read whole numbers."""
_NEAREST: Final[Mapping[str, str]] = {
    "InstanceNormalization": "BatchNormalization with fixed statistics",
    "ReduceMax": "GlobalMaxPool",
    "ReduceSum": "ReduceMean and a factor", "LpPool": "AveragePool", "Einsum": "MatMul",
    "Where": "Clip or Mul", "TopK": "ArgMax", "RNN": "GRU", "GridSample": "Resize",
    "NonMaxSuppression": "the raw boxes as outputs", "Div": "Mul with a constant",
}  # fmt: skip
"""The nearest supported form of an operator."""

MAX_PART_OF_PIXEL: Final = 1e-3
"""Maximum difference of a side by its scale, which is of float32, from a whole number."""
_ROUNDINGS: Final[Mapping[str, Callable[[Fraction], int]]] = {
    "round_prefer_floor": lambda place: ceil(place - Fraction(1, 2)),
    "round_prefer_ceil": lambda place: floor(place + Fraction(1, 2)),
    "floor": floor,
    "ceil": ceil,
}
"""ONNX's ways to take the nearest pixel of a place."""

Steps: TypeAlias = Iterable[Step]


def steps_of(node: FloatNode) -> Steps:
    """Return the steps of a node. Raises ModelRefused, with its name and the cure."""
    if node.kind in {"LogSoftmax", "Hardmax", "ArgMax"}:
        raise node.refused(f"{node.kind} within the model: it can be the last node, or use Softmax")
    if node.kind in _FUSED:
        raise node.refused(
            f"{node.kind} as one operator: export an older opset, which writes it as MatMul, "
            "Softmax and Add"
        )
    if node.kind not in _OF_NUMBERS and node.graph.numbers.intersection(node.proto.input):
        raise node.refused("computes with whole numbers: make its result an input")
    function = function_of(node)
    if function is not None:
        return [function]
    convert = _CONVERSIONS.get(node.kind)
    if convert is None:
        instead = _NEAREST.get(node.kind)
        cure = f"the nearest that is: {instead}" if instead else "export the model without it"
        raise node.refused(f"{node.kind} is not supported; {cure}")
    return convert(node)


def _tensors(node: FloatNode, *inputs: int) -> tuple[str, tuple[str, ...], str]:
    """Return a step's name, inputs and output."""
    return node.name, tuple(node.input(at) for at in inputs or (0,)), node.output


# ---- products


def _conv(node: FloatNode) -> Steps:
    weights = node.reals(1)
    rank = weights.ndim - 2
    if not 1 <= rank <= 3:
        raise node.refused(f"a window of {rank} axes: 1 to 3 are supported")
    frame = node.frame(weights.shape[2:])
    bias = node.reals(2) if node.has(2) else np.zeros(len(weights))
    groups = node.integer("group", 1)
    return [Product(*_tensors(node), weights, bias, frame, groups)]


def _conv_transposed(node: FloatNode) -> Steps:
    weights, groups = node.reals(1), node.integer("group", 1)
    rank = weights.ndim - 2
    if not 1 <= rank <= 3:
        raise node.refused(f"a window of {rank} axes: 1 to 3 are supported")
    if node.text("auto_pad", "NOTSET") != "NOTSET" or node.has(3):
        raise node.refused("auto_pad: write the pads out")
    if node.attribute("output_shape", None) is not None:
        raise node.refused("output_shape: write pads and output_padding")
    # From inputs, outputs of a group, taps to outputs, inputs of a group, taps.
    inside, outside = weights.shape[0] // groups, weights.shape[1]
    grouped = weights.reshape(groups, inside, outside, *weights.shape[2:]).swapaxes(1, 2)
    turned = grouped.reshape(groups * outside, inside, *weights.shape[2:])
    bias = node.reals(2) if node.has(2) else np.zeros(len(turned))
    extra = tuple(node.integers("output_padding", [0] * rank))
    frame = node.frame(weights.shape[2:])
    return [Product(*_tensors(node), turned, bias, frame, groups, transposed=True, extra=extra)]


def _gemm(node: FloatNode) -> Steps:
    if node.integer("transA", 0):
        raise node.refused("transA would mix the items: transpose the weights instead")
    weights = node.reals(1) if node.integer("transB", 0) else node.reals(1).T
    weights = weights * node.number("alpha", 1.0)
    bias = np.zeros(len(weights))
    if node.has(2):
        constant = node.reals(2) * node.number("beta", 1.0)
        if constant.ndim > 1 and constant.shape[0] > 1:
            raise node.refused("its bias differs from row to row: add it with Add")
        bias = np.broadcast_to(constant.reshape(-1), bias.shape)
    return [Product(*_tensors(node), weights, bias)]


def _matmul(node: FloatNode) -> Steps:
    if not (node.is_constant(0) or node.is_constant(1)):
        return [PairProduct(*_tensors(node, 0, 1))]
    weights = node.reals(1)
    if node.is_constant(0) or weights.ndim != 2 or len(node.input_shape(0)) < 2:
        raise node.refused("weights must be a matrix and the second factor: transpose both")
    return [Product(*_tensors(node), weights.T, np.zeros(weights.shape[1]))]


def _batch_norm(node: FloatNode) -> Steps:
    if node.integer("training_mode", 0):
        raise node.refused("training_mode: export the model for inference")
    gain, offset, mean, variance = (node.reals(at) for at in range(1, 5))
    factor = gain / np.sqrt(variance + node.number("epsilon", 1e-5))
    shape = [1] * len(node.input_shape(0))
    shape[1] = len(gain)
    return [Affine(*_tensors(node), factor.reshape(shape), (offset - mean * factor).reshape(shape))]


def _recurrent(node: FloatNode) -> Steps:
    weights, recurrence = node.reals(1), node.reals(2)
    hidden = node.integer("hidden_size", recurrence.shape[-1])
    gates = recurrence.shape[1]
    bias = node.reals(3) if node.has(3) else np.zeros((len(weights), 2 * gates))
    if node.integer("layout", 0) or node.attribute("clip", None) is not None:
        raise node.refused("layout and clip: export without them")
    if node.integer("input_forget", 0):
        raise node.refused("input_forget: export with separate gates")
    if node.attribute("activations", None) is not None or node.has(7):
        raise node.refused("other activations or peepholes: export the default cell")
    for at in (5, 6):
        if node.has(at) and not (node.is_constant(at) and not node.constant(at).any()):
            raise node.refused("its initial state must be zeros")
    if node.has(4) and not node.is_constant(4):
        raise node.refused("sequence_lens: export for one length")
    outputs = [*node.proto.output, "", ""]
    if outputs[2] and not _unread(node, outputs[2:]):
        raise node.refused("its memory (third output) is read: only states are supported")
    rows = outputs[0] or f"{outputs[1]}:rows"
    time, batch, _ = node.input_shape(0)
    node.graph.shapes[rows] = (time, len(weights), batch, hidden)
    step = Recurrent(
        node.name, (node.input(0),), rows, node.kind, weights, recurrence, bias, hidden,
        node.text("direction", "forward"), bool(node.integer("linear_before_reset", 0)),
    )  # fmt: skip
    if not outputs[1] or _unread(node, outputs[1:2]):
        return [step]
    return [step, *_last_states(node, step, outputs[1])]


def _last_states(node: FloatNode, step: Recurrent, output: str) -> Steps:
    """Return the steps that make the second output: each direction's last state."""
    shapes = node.graph.shapes
    time, directions, batch, hidden = shapes[step.output]
    size, ones = (1, 1, batch, hidden), (1, 1, 1, 1)
    parts: list[str] = []
    for direction in range(directions):
        backward = step.direction == "reverse" or direction == 1
        begin = (0 if backward else time - 1, direction, 0, 0)
        parts.append(f"{output}:{direction}")
        shapes[parts[-1]] = size
        yield Slice(f"{node.name}:{direction}", (step.output,), parts[-1], begin, ones, size)
    if directions == 1:
        yield Reshape(f"{node.name}:state", (parts[0],), output)
        return
    both = f"{output}:both"
    shapes[both] = (1, directions, batch, hidden)
    yield Concat(f"{node.name}:both", tuple(parts), both, 1)
    yield Reshape(f"{node.name}:state", (both,), output)


def _unread(node: FloatNode, names: Sequence[str]) -> bool:
    """Return True if no node and no output reads these tensors."""
    read = {name for proto in node.graph.nodes for name in proto.input} | {*node.graph.outputs}
    return not read.intersection(name for name in names if name)


# ---- elementwise


def _two(node: FloatNode) -> Steps:
    """Convert Add, Sub, Mul and Div."""
    if node.attribute("broadcast", None) is not None or node.attribute("axis", None) is not None:
        raise node.refused("broadcasts by an attribute: convert the model to opset 7 or later")
    constants = [at for at in (0, 1) if node.is_constant(at)]
    if constants:
        return [_with_constant(node, constants[0])]
    a, b = node.input_shape(0), node.input_shape(1)
    if node.kind == "Div":
        raise node.refused("divides two activations; the nearest that is supported: Mul")
    if node.kind == "Mul":
        if a == node.shape:
            return [Multiply(*_tensors(node, 0, 1))]
        if b == node.shape:
            return [Multiply(*_tensors(node, 1, 0))]
        raise node.refused(f"multiplies {a} and {b}: one must have the shape of the result")
    if a != b:
        raise node.refused(
            f"adds {a} and {b}: expand the smaller one, or fix a mask that is an input with "
            "--fix NAME=1"
        )
    sign = -1.0 if node.kind == "Sub" else 1.0
    return [Total(*_tensors(node, 0, 1), by=(1.0, sign))]


def _sum(node: FloatNode) -> Steps:
    """Convert Sum of two tensors."""
    if len(node.proto.input) != 2:
        raise node.refused("adds more or fewer than two tensors: write it with Add")
    return _two(node)


def _with_constant(node: FloatNode, at: int) -> Step:
    """Return a sum or product with a constant as an affine step, a quotient by x as a function."""
    constant = node.reals(at)
    shape = node.input_shape(1 - at)
    if node.shape != shape:
        raise node.refused(f"a constant of {constant.shape} widens {shape}: expand it before")
    values = constant.reshape((1,) * (len(shape) - constant.ndim) + constant.shape)
    ones, nothing = np.ones((1,) * len(shape)), np.zeros((1,) * len(shape))
    if node.kind == "Div" and at == 0:
        if constant.size != 1:
            raise node.refused("divides a constant by an activation: only one number can be")
        number = float(constant.reshape(-1)[0])
        return Function(*_tensors(node, 1), lambda x: number / x, "Div")
    factor, offset = {
        "Add": (ones, values),
        "Sum": (ones, values),
        "Mul": (values, nothing),
        "Sub": (-ones, values) if at == 0 else (ones, -values),
        "Div": (1 / values if node.kind == "Div" else values, nothing),
    }[node.kind]
    return Affine(*_tensors(node, 1 - at), factor, offset)


def _softmax(node: FloatNode) -> Steps:
    rank = len(node.shape)
    axis = node.integer("axis", -1 if node.graph.opset >= SOFTMAX_OF_ONE_AXIS else 1)
    if axis % rank != rank - 1:
        raise node.refused(f"Softmax over axis {axis}: only the last one can be within a model")
    return [Shares(*_tensors(node))]


# ---- windows


def _max_pool(node: FloatNode) -> Steps:
    frame = node.frame(node.integers("kernel_shape", []), made=node.shape[2:])
    return [MaxPool(*_tensors(node), frame)]


def _global_max(node: FloatNode) -> Steps:
    sides = node.input_shape(0)[2:]
    ones, none = (1,) * len(sides), (0,) * len(sides)
    return [MaxPool(*_tensors(node), Frame(sides, ones, ones, none, none))]


def _average_pool(node: FloatNode) -> Steps:
    frame = node.frame(node.integers("kernel_shape", []))
    if node.integer("ceil_mode", 0):
        raise node.refused("ceil_mode: pad the image with Pad, and set it to 0")
    if not frame.is_padded and frame.size == node.input_shape(0)[2:]:
        return _global_average(node)
    if not frame.is_padded or node.integer("count_include_pad", 0):
        return [AveragePool(*_tensors(node), frame)]
    # The mean of the places within the image: that of all places times their share.
    name, inputs, output = _tensors(node)
    whole = f"{output}:padded"
    node.graph.shapes[whole] = node.shape
    factor = np.ones([1] * len(node.shape))
    sides = node.input_shape(0)[2:]
    axes = zip(frame.size, frame.step, frame.apart, frame.before, strict=True)
    for axis, (size, step, apart, before) in enumerate(axes):
        first = np.arange(node.shape[axis + 2]) * step - before
        places = first[:, None] + np.arange(size) * apart
        inside = ((places >= 0) & (places < sides[axis])).sum(axis=1)
        row = [1] * len(node.shape)
        row[axis + 2] = len(first)
        factor = factor * (size / np.maximum(inside, 1)).reshape(row)
    return [
        AveragePool(f"{name}:padded", inputs, whole, frame),
        Affine(name, (whole,), output, factor, np.zeros([1] * len(node.shape))),
    ]


def _global_average(node: FloatNode) -> Steps:
    return [Mean(*_tensors(node), tuple(range(2, len(node.input_shape(0)))))]


def _reduce_mean(node: FloatNode) -> Steps:
    rank = len(node.input_shape(0))
    listed = node.listed("axes", 1)
    if not listed and node.integer("noop_with_empty_axes", 0):
        return _reshape(node)
    axes = tuple(sorted(axis % rank for axis in (listed or range(rank))))
    if 0 in axes and node.input_shape(0)[0] > 1:
        raise node.refused("a mean over the items: leave out axis 0")
    return [Mean(*_tensors(node), axes)]


def _resize(node: FloatNode) -> Steps:
    """Convert Resize and Upsample, if ONNX takes the same pixels as our operator."""
    # Before opset 11 there are no such attributes, and the scales are input 1.
    is_old = node.kind == "Upsample" or node.graph.opset < 11
    mode = node.text("mode", "nearest")
    form = node.text("coordinate_transformation_mode", "asymmetric" if is_old else "half_pixel")
    rounding = node.text("nearest_mode", "floor" if is_old else "round_prefer_floor")
    if mode not in {"nearest", "linear"}:
        raise node.refused(f"mode {mode}: nearest and linear are supported")
    if form not in {"half_pixel", "pytorch_half_pixel", "asymmetric"}:
        raise node.refused(f"{form}: half_pixel and asymmetric are supported")
    if mode == "linear" and form == "asymmetric":
        raise node.refused("linear and asymmetric: use half_pixel (align_corners=False)")
    if node.integer("antialias", 0):
        raise node.refused("antialias: set it to 0, or use AveragePool")
    if node.text("keep_aspect_ratio_policy", "stretch") != "stretch":
        raise node.refused("keep_aspect_ratio_policy: give the sizes that it makes")
    if node.shape[:2] != node.input_shape(0)[:2]:
        raise node.refused("resizes channels or items")
    if not 3 <= len(node.shape) <= 5:
        raise node.refused(f"resizes {len(node.shape) - 2} axes: 1 to 3 are supported")
    _check_scales(node, 1 if is_old else 2)
    for old, new in zip(node.input_shape(0)[2:], node.shape[2:], strict=True):
        _check_pixels(node, (old, new), mode, form, rounding)
    return [Resize(*_tensors(node), mode == "linear", form == "asymmetric")]


def _check_scales(node: FloatNode, at: int) -> None:
    """Raise ModelRefused if places follow from scales that are not the ratios of the sides."""
    scales = node.reals(at) if node.has(at) else np.array(node.attribute("scales", []), np.float64)
    axes = node.integers("axes", range(len(node.shape)))
    for axis, scale in zip(axes, scales, strict=False):
        if abs(scale * node.input_shape(0)[axis] - node.shape[axis]) > MAX_PART_OF_PIXEL:
            raise node.refused(f"a scale of {scale:g} gives no whole number of pixels: give sizes")


def _check_pixels(
    node: FloatNode, sides: tuple[int, int], mode: str, form: str, rounding: str
) -> None:
    """Raise ModelRefused unless ONNX takes the pixels along an axis that `Resize` takes."""
    old, new = sides
    if form == "pytorch_half_pixel" and new == 1 < old:
        raise node.refused("pytorch_half_pixel to one pixel: use half_pixel")
    if mode == "linear":
        return
    if rounding not in _ROUNDINGS:
        raise node.refused(f"nearest_mode {rounding} is not known")
    for at in range(new):
        if form == "asymmetric":
            place, taken = Fraction(at * old, new), at * old // new
        else:
            place = Fraction((2 * at + 1) * old, 2 * new) - Fraction(1, 2)
            taken = (2 * at + 1) * old // (2 * new)
        if min(max(_ROUNDINGS[rounding](place), 0), old - 1) != taken:
            raise node.refused(
                f"nearest_mode {rounding} with {form} from {old} to {new} pixels: export with "
                "floor and asymmetric, or with round_prefer_ceil and half_pixel"
            )


# ---- moves


def _reshape(node: FloatNode) -> Steps:
    return [Reshape(*_tensors(node))]


def _dropout(node: FloatNode) -> Steps:
    if node.has(2) and node.constant(2).any():
        raise node.refused("training_mode drops elements by chance: export for inference")
    return _reshape(node)


def _cast(node: FloatNode) -> Steps:
    if node.input(0) in node.graph.numbers and node.output in node.graph.numbers:
        return [Reshape(*_tensors(node))]
    if node.integer("to", 0) != onnx.TensorProto.FLOAT:
        raise node.refused("casts activations to other numbers than float32: export without it")
    return [Reshape(*_tensors(node))]


def _transpose(node: FloatNode) -> Steps:
    rank = len(node.shape)
    axes = node.integers("perm", list(range(rank))[::-1])
    return [Transpose(*_tensors(node), tuple(axes))]


def _expand(node: FloatNode) -> Steps:
    if node.input_shape(0) != node.shape:
        raise node.refused(f"{node.kind} repeats elements: Resize or Concat do that")
    return [Reshape(*_tensors(node))]


def _concat(node: FloatNode) -> Steps:
    shapes = node.graph.shapes
    kept = [at for at, name in enumerate(node.proto.input) if not _is_empty(node, name)]
    axis = node.integer("axis", 0) % len(node.shape)
    if any(node.proto.input[at] not in shapes for at in kept):
        return _beside_constants(node, kept, axis)
    if len(kept) == 1:
        return [Reshape(*_tensors(node, *kept))]
    return [Concat(*_tensors(node, *kept), axis)]


def _beside_constants(node: FloatNode, kept: Sequence[int], axis: int) -> Steps:
    """Return one tensor joined with constants: room for them, which are then added."""
    names = [node.proto.input[at] for at in kept]
    inside = [at for at, name in enumerate(names) if name in node.graph.shapes]
    if len(inside) != 1:
        raise node.refused("joins constants with several tensors: join these first")
    (at,) = inside
    constants = node.graph.constants
    sides = [constants[name].shape[axis] if name in constants else 0 for name in names]
    before, after = [0] * len(node.shape), [0] * len(node.shape)
    before[axis], after[axis] = sum(sides[:at]), sum(sides[at:])
    nothing = np.zeros(node.input_shape(kept[at]))
    offset = np.concatenate([constants.get(name, nothing) for name in names], axis)
    room = f"{node.output}:room"
    node.graph.shapes[room] = node.shape
    name, inputs, output = _tensors(node, kept[at])
    ones = np.ones([1] * len(node.shape))
    return [
        Pad(f"{name}:room", inputs, room, tuple(before), tuple(after), "constant"),
        Affine(name, (room,), output, ones, offset.astype(np.float64)),
    ]


def _is_empty(node: FloatNode, name: str) -> bool:
    """Return True if a tensor or constant has no elements."""
    constant = node.graph.constants.get(name)
    if constant is not None:
        return constant.size == 0
    return 0 in node.graph.shapes[name]


def _slice(node: FloatNode) -> Steps:
    shape = node.input_shape(0)
    starts, ends = node.listed("starts", 1) or [], node.listed("ends", 2) or []
    axes = node.listed("axes", 3) or list(range(len(starts)))
    steps = node.listed("steps", 4) or [1] * len(starts)
    begin, step, size = [0] * len(shape), [1] * len(shape), list(shape)
    for axis, start, end, by in zip(axes, starts, ends, steps, strict=True):
        if by < 1:
            raise node.refused("a step below 1 reverses the order: export without it")
        taken = range(*slice(start, end, by).indices(shape[axis]))
        begin[axis], step[axis], size[axis] = taken.start, by, len(taken)
    return [Slice(*_tensors(node), tuple(begin), tuple(step), tuple(size))]


def _split(node: FloatNode) -> Steps:
    shape = node.input_shape(0)
    axis = node.integer("axis", 0) % len(shape)
    at = 0
    steps: list[Step] = []
    for output in node.proto.output:
        size = node.graph.shapes[output][axis]
        begin, sizes = [0] * len(shape), list(shape)
        begin[axis], sizes[axis] = at, size
        ones = (1,) * len(shape)
        name = f"{node.name}:{len(steps)}"
        steps.append(Slice(name, (node.input(0),), output, tuple(begin), ones, tuple(sizes)))
        at += size
    return steps


def _gather(node: FloatNode) -> Steps:
    """Convert Gather of one place, of places at equal distances, or of rows of a constant table."""
    if not node.is_constant(1):
        return [_lookup(node)]
    shape = node.input_shape(0)
    axis = node.integer("axis", 0) % len(shape)
    places = [place % shape[axis] for place in node.whole(1)]
    by = places[1] - places[0] if len(places) > 1 else 1
    if by < 1 or places != list(range(places[0], places[-1] + 1, by)):
        raise node.refused("gathers places in another order: Slice and Concat do that")
    begin, step, size = [0] * len(shape), [1] * len(shape), list(shape)
    begin[axis], step[axis], size[axis] = places[0], by, len(places)
    cut = f"{node.output}:slice"
    node.graph.shapes[cut] = tuple(size)
    name, inputs, output = _tensors(node)
    return [
        Slice(f"{name}:slice", inputs, cut, tuple(begin), tuple(step), tuple(size)),
        Reshape(name, (cut,), output),
    ]


def _lookup(node: FloatNode) -> Step:
    """Return an embedding."""
    if not node.is_constant(0):
        raise node.refused("looks up places of an activation by an input: give constant places")
    table = node.reals(0)
    if table.ndim != 2 or node.integer("axis", 0) != 0:
        raise node.refused(f"looks up along an axis of {table.shape}: only rows of a table can be")
    return Lookup(*_tensors(node, 1), table)


def _pad(node: FloatNode) -> Steps:
    shape, mode = node.input_shape(0), node.text("mode", "constant")
    pads = node.listed("pads", 1) or [0] * (2 * len(shape))
    if node.has(3):
        given, axes = pads, [axis % len(shape) for axis in node.whole(3)]
        pads = [0] * (2 * len(shape))
        for at, axis in enumerate(axes):
            pads[axis], pads[len(shape) + axis] = given[at], given[len(axes) + at]
    value = float(node.reals(2).reshape(-1)[0]) if node.has(2) else node.number("value", 0.0)
    if mode == "constant" and value != 0:
        raise node.refused(f"pads with {value}: only zero is supported")
    if min(pads) < 0:
        raise node.refused("negative pads: use Slice")
    if not any(pads):
        return [Reshape(*_tensors(node))]
    before, after = tuple(pads[: len(shape)]), tuple(pads[len(shape) :])
    return [Pad(*_tensors(node), before, after, mode)]


def _blocks(node: FloatNode) -> Steps:
    """Convert DepthToSpace and SpaceToDepth to a transposition between two shapes."""
    items, channels, height, width = node.input_shape(0)
    side = node.integer("blocksize", 1)
    if node.kind == "DepthToSpace":
        inner = channels // side**2
        by_row = node.text("mode", "DCR") == "DCR"
        view = (side, side, inner) if by_row else (inner, side, side)
        seen = (*view, height, width)
        axes = (2, 3, 0, 4, 1) if by_row else (0, 3, 1, 4, 2)
    else:
        seen = (channels, height // side, side, width // side, side)
        axes = (2, 4, 0, 1, 3)
    name, inputs, output = _tensors(node)
    first, second = f"{output}:view", f"{output}:turned"
    shapes = node.graph.shapes
    shapes[first] = (items, *seen)
    shapes[second] = (items, *(seen[axis] for axis in axes))
    return [
        Reshape(f"{name}:view", inputs, first),
        Transpose(f"{name}:turned", (first,), second, (0, *(axis + 1 for axis in axes))),
        Reshape(name, (second,), output),
    ]


_CONVERSIONS: Final[Mapping[str, Callable[[FloatNode], Steps]]] = {
    "Add": _two, "AveragePool": _average_pool, "BatchNormalization": _batch_norm,
    "Cast": _cast,
    "Concat": _concat, "Conv": _conv, "ConvTranspose": _conv_transposed,
    "DepthToSpace": _blocks, "Div": _two, "Dropout": _dropout, "Expand": _expand,
    "Flatten": _reshape, "GRU": _recurrent, "Gather": _gather, "Gemm": _gemm,
    "GlobalAveragePool": _global_average, "GlobalMaxPool": _global_max, "Identity": _reshape,
    "LSTM": _recurrent,
    "MatMul": _matmul, "MaxPool": _max_pool, "Mul": _two, "Pad": _pad,
    "ReduceMean": _reduce_mean, "Reshape": _reshape, "Resize": _resize, "Slice": _slice,
    "Softmax": _softmax, "SpaceToDepth": _blocks, "Split": _split, "Squeeze": _reshape,
    "Sub": _two, "Sum": _sum,
    "Tile": _expand, "Transpose": _transpose, "Unsqueeze": _reshape, "Upsample": _resize,
}  # fmt: skip
"""Operators of ONNX besides functions of one element."""
