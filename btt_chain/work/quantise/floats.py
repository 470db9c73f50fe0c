"""A float ONNX graph with fixed shapes and folded constants, and its execution in floats."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Final, Protocol, TypeAlias

import numpy as np
import onnx
from google.protobuf.message import DecodeError
from numpy.typing import NDArray
from onnx import helper, numpy_helper
from onnx.reference import ReferenceEvaluator

from btt_chain.work.errors import ModelRefused
from btt_chain.work.onnx_import.forms import ONNX, operator_set
from btt_chain.work.quantise.rewriting import endings_last, remove_states

try:
    import onnxruntime
except ImportError:  # the extra `fast`; ONNX's reference is slower and has the same meaning
    onnxruntime = None

Array: TypeAlias = NDArray[np.generic]
Feeds: TypeAlias = Mapping[str, NDArray[np.float32]]
"""The inputs of one item by their names, in the shapes of the file."""

MAX_FILE_BYTES: Final = 1 << 31
MAX_ROUNDS: Final = 8
"""Maximum passes of shape inference and folding."""
MAX_FILE_NODES: Final = 1 << 14
"""Maximum nodes of a file, and after folding `MAX_NODES`."""
MAX_NODES: Final = 1 << 12
MAX_ELEMENTS: Final = 1 << 28
"""Maximum elements of a tensor of a file; a model of integers has at most 2^24."""
MAX_CONSTANT_BYTES: Final = 1 << 31
"""Maximum bytes of all constants, with those that nodes make of them."""
_SMALL: Final = 64
"""Maximum elements of a constant that may be a shape."""
_ALIASES: Final = frozenset({"Identity", "Dropout"})
_QUANTISED: Final = frozenset({
    "QuantizeLinear", "DequantizeLinear", "QLinearConv", "QLinearMatMul", "ConvInteger",
    "MatMulInteger", "DynamicQuantizeLinear", "QGemm",
})  # fmt: skip
_INPUTS: Final[Mapping[int, str]] = {
    onnx.TensorProto.FLOAT: "f4", onnx.TensorProto.INT64: "i8", onnx.TensorProto.INT32: "i4",
}  # fmt: skip
"""Types of inputs, and those of numpy: whole numbers are those of rows of a table."""
_SUBGRAPHS: Final = frozenset({"If", "Loop", "Scan"})


@dataclass(frozen=True, slots=True)
class FloatGraph:
    """Nodes that depend on the inputs, in order of execution; everything else is constant."""

    proto: onnx.ModelProto
    """The same graph as a model, for execution."""
    constants: Mapping[str, Array]
    shapes: dict[str, tuple[int, ...]]
    """Shapes of all inputs and of the outputs of nodes; those of further steps are added."""
    opset: int
    left_out: Sequence[str] = ()
    """Inputs and outputs of the file that hold states of recurrent layers; the first are 0."""
    numbers: frozenset[str] = frozenset()
    """Tensors of whole numbers."""

    @property
    def nodes(self) -> Sequence[onnx.NodeProto]:
        """The nodes that depend on the inputs."""
        return list(self.proto.graph.node)

    @property
    def inputs(self) -> list[str]:
        """Names of the inputs."""
        return [value.name for value in self.proto.graph.input]

    @property
    def outputs(self) -> list[str]:
        """Names of the outputs."""
        return [value.name for value in self.proto.graph.output]


def is_quantised(path: Path) -> bool:
    """Return True if a file has nodes of quantised operators. Raises ModelRefused."""
    return any(node.op_type in _QUANTISED for node in loaded(path).graph.node)


def loaded(path: Path) -> onnx.ModelProto:
    """Return the model of a file; ModelRefused if it is damaged or lacks its external data."""
    if path.stat().st_size > MAX_FILE_BYTES:
        raise ModelRefused(f"the file is larger than {MAX_FILE_BYTES} bytes")
    try:
        model = onnx.load(str(path), load_external_data=False)
        missing = [each for each in _external(model) if not (path.parent / each).is_file()]
        if missing:
            raise ModelRefused(
                f"its weights lie in {missing[0]!r}, which is missing: put it next to the file"
            )
        onnx.load_external_data_for_model(model, str(path.parent))
        for output in model.graph.output:
            output.type.tensor_type.shape.SetInParent()  # the checker wants one; it is derived
        onnx.checker.check_model(model)
    except (DecodeError, UnicodeDecodeError, ValueError) as broken:
        raise ModelRefused(f"no valid ONNX model: {broken}") from None
    except onnx.checker.ValidationError as broken:
        raise ModelRefused(f"no valid ONNX model: {str(broken).splitlines()[0]}") from None
    return model


def _external(model: onnx.ModelProto) -> list[str]:
    """Return the names of the files that hold constants."""
    return [
        entry.value
        for tensor in model.graph.initializer
        if tensor.data_location == onnx.TensorProto.EXTERNAL
        for entry in tensor.external_data
        if entry.key == "location"
    ]


def float_graph(
    path: Path, shapes: Mapping[str, Sequence[int]], fixed: Mapping[str, float]
) -> FloatGraph:
    """Read a float model; `shapes` fixes those of inputs, `fixed` the values of some.

    Raises ModelRefused.
    """
    model = loaded(path)
    if model.functions or model.graph.sparse_initializer:
        raise ModelRefused("has local functions or sparse constants: export it without")
    _check_count(len(model.graph.node), MAX_FILE_NODES)
    opset = operator_set(model)
    constants = {each.name: numpy_helper.to_array(each) for each in model.graph.initializer}
    for name, array in constants.items():
        if array.dtype.kind == "f" and not np.isfinite(array).all():
            raise ModelRefused(f"constant {name!r} has NaN or infinite numbers: train it anew")
    left_out = remove_states(model, constants)
    _fix_shapes(model, constants, shapes, fixed)
    nodes = endings_last(_without_aliases(model), model)
    for _ in range(MAX_ROUNDS):
        static = _inferred(model, nodes, constants)
        remaining = _unfolded(nodes, constants, static, opset)
        if len(remaining) == len(nodes):
            break
        nodes = remaining
    _check_count(len(nodes), MAX_NODES)
    for node in nodes:
        _check_node(node)
    proto = _model_of(model, _needed(nodes, model), constants)
    results = _of_zeros(proto)
    made = {name: array.shape for name, array in results.items()}
    numbers = frozenset(name for name, array in results.items() if array.dtype.kind in "iu")
    return FloatGraph(proto, constants, made, opset, left_out, numbers)


def _check_count(count: int, most: int) -> None:
    """Raise ModelRefused if there are too many nodes."""
    if count > most:
        raise ModelRefused(f"has {count} nodes, allowed are {most}: export a smaller model")


def _check_node(node: onnx.NodeProto) -> None:
    name = node.name or node.op_type
    if node.op_type in _SUBGRAPHS:
        raise ModelRefused.at(
            name, f"{node.op_type} has graphs within: export the model with a fixed path"
        )
    if node.domain not in ONNX:
        raise ModelRefused.at(
            name, f"{node.op_type} of {node.domain} is not an operator of ONNX: export without it"
        )


def _fix_shapes(
    model: onnx.ModelProto,
    constants: dict[str, Array],
    shapes: Mapping[str, Sequence[int]],
    values: Mapping[str, float],
) -> None:
    """Write fixed shapes into the inputs; a first axis of any size becomes 1.

    Inputs with fixed values become constants.
    """
    inputs = [value for value in model.graph.input if value.name not in constants]
    unknown = sorted({*shapes, *values} - {value.name for value in inputs})
    if unknown:
        names = ", ".join(value.name for value in inputs)
        raise ModelRefused(f"has no input {unknown[0]!r}; its inputs are {names}")
    for value in list(inputs):
        kind = value.type.tensor_type
        if kind.elem_type not in _INPUTS and value.name not in values:
            raise ModelRefused(
                f"input {value.name!r} is not of float32, nor of whole numbers of 32 or 64 bits: "
                "convert the model"
            )
        fixed = _sides(value, shapes)
        value.CopyFrom(helper.make_tensor_value_info(value.name, kind.elem_type, fixed))
        if value.name in values:
            inputs.remove(value)
            dtype = helper.tensor_dtype_to_np_dtype(kind.elem_type)
            constants[value.name] = np.full(fixed, values[value.name], dtype)
    del model.graph.input[:]
    model.graph.input.extend(inputs)
    for output in model.graph.output:
        output.type.tensor_type.ClearField("shape")
    del model.graph.value_info[:]


def _sides(value: onnx.ValueInfoProto, shapes: Mapping[str, Sequence[int]]) -> list[int]:
    """Return the shape of an input. Raises ModelRefused if an axis is dynamic."""
    dims = [int(dim.dim_value) for dim in value.type.tensor_type.shape.dim]
    fixed = list(shapes.get(value.name, ()))
    if fixed and dims and len(fixed) != len(dims):
        raise ModelRefused(f"input {value.name!r} has {len(dims)} axes, not {len(fixed)}")
    if not fixed:
        fixed = [1, *dims[1:]] if dims and not dims[0] else dims
    if not fixed or min(fixed) < 1:
        form = "x".join(str(size or "?") for size in fixed) or "1x..."
        raise ModelRefused(
            f"input {value.name!r} has dynamic axes ({form}): fix them with "
            f"--shape {value.name}={form.replace('?', 'SIZE')}"
        )
    return fixed


def _without_aliases(model: onnx.ModelProto) -> list[onnx.NodeProto]:
    """Return the nodes without those that copy their input."""
    alias: dict[str, str] = {}
    outputs = {value.name for value in model.graph.output}
    nodes: list[onnx.NodeProto] = []
    for node in model.graph.node:
        node.input[:] = [alias.get(name, name) for name in node.input]
        if _is_alias(node) and node.output[0] not in outputs:
            alias[node.output[0]] = node.input[0]
        else:
            nodes.append(node)
    return nodes


def _is_alias(node: onnx.NodeProto) -> bool:
    """Return True if a node copies its input: input 2 of a Dropout may let it train."""
    return node.op_type in _ALIASES and len(node.output) == 1 and not any(node.input[2:])


def _inferred(
    model: onnx.ModelProto, nodes: Sequence[onnx.NodeProto], constants: Mapping[str, Array]
) -> dict[str, tuple[int, ...]]:
    """Return the shapes that inference knows."""
    whole = _model_of(model, nodes, constants)
    try:
        inferred = onnx.shape_inference.infer_shapes(whole, data_prop=True)
    except (onnx.shape_inference.InferenceError, RuntimeError) as broken:
        raise ModelRefused(f"its shapes do not fit: {str(broken).splitlines()[0]}") from None
    known = inferred.graph
    static = _known_shapes((*known.input, *known.value_info, *known.output))
    _check_sizes(static)
    return static


def _check_sizes(shapes: Mapping[str, Sequence[int]]) -> None:
    """Raise ModelRefused if a tensor is too large to be made."""
    for name, dims in shapes.items():
        if prod(dims) > MAX_ELEMENTS:
            raise ModelRefused(
                f"tensor {name!r} has {prod(dims)} elements, allowed are {MAX_ELEMENTS}"
            )


def _unfolded(
    nodes: Sequence[onnx.NodeProto],
    constants: dict[str, Array],
    static: Mapping[str, tuple[int, ...]],
    opset: int,
) -> list[onnx.NodeProto]:
    """Fold each node that depends on no input; return the others."""
    remaining: list[onnx.NodeProto] = []
    total = sum(array.nbytes for array in constants.values())
    for node in nodes:
        if not _fold(node, constants, static, opset):
            remaining.append(node)
            continue
        total += sum(constants[name].nbytes for name in node.output if name in constants)
        if total > MAX_CONSTANT_BYTES:
            raise ModelRefused.at(
                node.name or node.op_type,
                f"constants have {total} bytes with it, allowed are {MAX_CONSTANT_BYTES}",
            )
    return remaining


def _fold(
    node: onnx.NodeProto,
    constants: dict[str, Array],
    static: Mapping[str, tuple[int, ...]],
    opset: int,
) -> bool:
    """Return True if a node depends on no input; its outputs are then added to the constants."""
    names = [name for name in node.input if name]
    shaped = node.op_type in {"Shape", "Size"} and node.input[0] in static
    if node.op_type.startswith("Random") or node.op_type in _SUBGRAPHS:
        return False
    if not shaped and not all(name in constants for name in names):
        return False
    feeds = {name: constants[name] for name in names if name in constants}
    if shaped:
        feeds[node.input[0]] = np.broadcast_to(np.float32(0), static[node.input[0]])
    constants.update(zip(node.output, evaluated(node, feeds, opset), strict=False))
    return True


def evaluated(node: onnx.NodeProto, feeds: Mapping[str, Array], opset: int) -> list[Array]:
    """Return the outputs of one node by ONNX's reference. Raises ModelRefused."""
    inputs = [
        helper.make_tensor_value_info(
            name, helper.np_dtype_to_tensor_dtype(array.dtype), array.shape
        )
        for name, array in feeds.items()
    ]
    outputs = [helper.make_empty_tensor_value_info(name) for name in node.output]
    graph = helper.make_graph([node], "node", inputs, outputs)
    _check_sizes(_shapes_of_results(graph, feeds, opset))
    try:
        with np.errstate(all="ignore"):
            results = ReferenceEvaluator(graph, opsets={"": opset}).run(None, dict(feeds))
    except Exception as broken:  # noqa: BLE001 - any: it runs what an untrusted file says
        raise ModelRefused.at(
            node.name or node.op_type,
            f"ONNX's reference does not execute it ({type(broken).__name__}: {broken})",
        ) from None
    return [np.asarray(result) for result in results]


def _shapes_of_results(
    graph: onnx.GraphProto, feeds: Mapping[str, Array], opset: int
) -> dict[str, tuple[int, ...]]:
    """Return the shapes of a node's outputs that are known before it is executed."""
    small = {name: np.array(array) for name, array in feeds.items() if array.size <= _SMALL}
    held = helper.make_graph(
        graph.node,
        "shapes",
        [value for value in graph.input if value.name not in small],
        graph.output,
        [numpy_helper.from_array(array, name) for name, array in small.items()],
    )
    model = helper.make_model(held, opset_imports=[helper.make_opsetid("", opset)])
    try:
        inferred = onnx.shape_inference.infer_shapes(model, data_prop=True)
    except (onnx.shape_inference.InferenceError, RuntimeError, ValueError):
        return {}  # the execution says what is wrong
    return _known_shapes(inferred.graph.output)


def _known_shapes(values: Iterable[onnx.ValueInfoProto]) -> dict[str, tuple[int, ...]]:
    """Return the shapes without a dynamic axis."""
    shapes: dict[str, tuple[int, ...]] = {}
    for value in values:
        dims = value.type.tensor_type.shape.dim
        if value.type.tensor_type.HasField("shape") and all(d.HasField("dim_value") for d in dims):
            shapes[value.name] = tuple(int(dim.dim_value) for dim in dims)
    return shapes


def _needed(nodes: Sequence[onnx.NodeProto], model: onnx.ModelProto) -> list[onnx.NodeProto]:
    """Return the nodes on which the outputs depend."""
    wanted = {value.name for value in model.graph.output}
    needed: list[onnx.NodeProto] = []
    for node in reversed(nodes):
        if wanted.intersection(node.output):
            needed.append(node)
            wanted.update(node.input)
    return needed[::-1]


def _model_of(
    model: onnx.ModelProto, nodes: Sequence[onnx.NodeProto], constants: Mapping[str, Array]
) -> onnx.ModelProto:
    """Return a model of some nodes, with the constants that they read."""
    read = {name for node in nodes for name in node.input}
    read |= {value.name for value in model.graph.output}
    held = [
        numpy_helper.from_array(np.asarray(array, order="C"), name)
        for name, array in constants.items()
        if name in read
    ]
    graph = helper.make_graph(
        nodes, "model", model.graph.input, model.graph.output, initializer=held
    )
    made = helper.make_model(graph, opset_imports=model.opset_import)
    made.ir_version = max(4, model.ir_version)
    return made


def _of_zeros(proto: onnx.ModelProto) -> dict[str, Array]:
    """Return all tensors of one execution with zeros."""
    feeds = {
        value.name: np.zeros([int(d.dim_value) for d in value.type.tensor_type.shape.dim], "f4")
        for value in proto.graph.input
    }
    names = [name for node in proto.graph.node for name in node.output if name]
    results = runner(proto, names)(feeds)
    return results | _typed(proto, feeds)


# ---- execution


class Runner(Protocol):
    """A float model that is executed item by item."""

    def __call__(self, feeds: Feeds) -> dict[str, Array]:
        """Return the named tensors of one item."""


def runner(proto: onnx.ModelProto, names: Sequence[str]) -> Runner:
    """Return the execution of a model that yields some of its tensors.

    By onnxruntime without any optimisation if it is installed, else by ONNX's reference.
    """
    whole = onnx.ModelProto()
    whole.CopyFrom(proto)
    fed = {value.name for value in whole.graph.input}
    made = list(dict.fromkeys(name for name in names if name not in fed))
    outputs = {value.name for value in whole.graph.output}
    whole.graph.output.extend(
        helper.make_empty_tensor_value_info(name) for name in made if name not in outputs
    )
    execute = _execute(whole)

    def run(feeds: Feeds) -> dict[str, Array]:
        results = dict(zip(made, execute(made, _typed(proto, feeds)), strict=True)) if made else {}
        return results | {name: feeds[name] for name in names if name in fed}

    return run


def _typed(proto: onnx.ModelProto, feeds: Feeds) -> dict[str, Array]:
    """Return the inputs of an item in the types of the file."""
    types = {value.name: value.type.tensor_type.elem_type for value in proto.graph.input}
    return {name: array.astype(_INPUTS[types[name]]) for name, array in feeds.items()}


class _Execute(Protocol):
    def __call__(self, names: Sequence[str], feeds: dict[str, Array]) -> list[Array]:
        """Return the named outputs."""


def _execute(model: onnx.ModelProto) -> _Execute:
    """Return the execution of a model. Raises ModelRefused if the engine does not take it."""
    try:
        if onnxruntime is None:
            reference = ReferenceEvaluator(model)
            return _guarded(lambda names, feeds: [*reference.run(list(names), feeds)])
        options = onnxruntime.SessionOptions()
        options.log_severity_level = 4
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
        session = onnxruntime.InferenceSession(
            model.SerializeToString(), options, providers=["CPUExecutionProvider"]
        )
    except Exception as broken:  # noqa: BLE001 - any: it reads what an untrusted file says
        raise ModelRefused(f"the float model cannot be executed: {_line(broken)}") from None
    return _guarded(session.run)


def _guarded(execute: _Execute) -> _Execute:
    def run(names: Sequence[str], feeds: dict[str, Array]) -> list[Array]:
        try:
            with np.errstate(all="ignore"):
                return [np.asarray(array) for array in execute(names, feeds)]
        except Exception as broken:  # noqa: BLE001 - any: it runs what an untrusted file says
            raise ModelRefused(f"the float model cannot be executed: {_line(broken)}") from None

    return run


def _line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]
