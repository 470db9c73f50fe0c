"""A model with its weights, for execution.

Weights are stored as the committed records; the functions `records_of_...` write them.
A `Model` checks them against the roots of its manifest, so the executed model is the registered
one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from btt_chain.work.commit import commit_weights
from btt_chain.work.errors import ModelRefused
from btt_chain.work.graph import Graph, Manifest, weighted_of, weights_layout
from btt_chain.work.merkle import Tree
from btt_chain.work.operators.elementwise import RECORD_ENTRIES, TABLE_ENTRIES
from btt_chain.work.shapes import check_manifest
from btt_chain.work.tensors import RECORD_TAIL, ROWS, Kind, Tensor

Bytes2D: TypeAlias = NDArray[np.uint8]
Int8s: TypeAlias = NDArray[np.int8]
Int32s: TypeAlias = NDArray[np.int32]
Int64s: TypeAlias = NDArray[np.int64]
Float32s: TypeAlias = NDArray[np.float32]
Float64s: TypeAlias = NDArray[np.float64]
Int16s: TypeAlias = NDArray[np.int16]
Elements: TypeAlias = NDArray[np.int8] | NDArray[np.uint8] | Int32s | Int16s
"""A tensor of one item or of several; the batch, if any, is the first axis."""
Inputs: TypeAlias = Sequence[Elements]
"""The inputs of some items, one tensor for each; the items are the first axis."""

_DTYPES: Final[Mapping[Kind, str]] = {
    Kind.I8: "<i1", Kind.U8: "<u1", Kind.I32: "<i4", Kind.I16: "<i2", Kind.D8: "<u1",
    Kind.D16: "<u1",
}  # fmt: skip


def dtype_of(kind: Kind) -> np.dtype[np.signedinteger] | np.dtype[np.unsignedinteger]:
    """Return numpy's type of a kind, lowest byte first on every machine.

    Rows with a scale of their own are held as bytes (`Tensor.stored`), read with `rows_of`.
    """
    return np.dtype(_DTYPES[kind])


def elements_of(kind: Kind, values: NDArray[np.generic]) -> Elements:
    """Return integers within the range of a kind as its elements."""
    return values.astype(dtype_of(kind))


def inputs_of(graph: Graph, raw: Sequence[bytes]) -> Inputs:
    """Return the inputs of items from the bytes of each; ValueError if they have another size."""
    inputs: list[Elements] = []
    start = 0
    for tensor in graph.inputs:
        made = np.empty((len(raw), *tensor.stored), dtype_of(tensor.kind))
        for place, one in enumerate(raw):
            made[place] = tensor_of(tensor, memoryview(one)[start : start + tensor.nbytes])
        inputs.append(made)
        start += tensor.nbytes
    return inputs


def bytes_of(inputs: Inputs) -> bytes:
    """Return the bytes of items, one item after another."""
    flat = [np.ascontiguousarray(one).reshape(len(one), -1).view(np.uint8) for one in inputs]
    return np.concatenate(flat, axis=1).tobytes()


def quantised(manifest: Manifest, items: NDArray[np.floating], number: int = 0) -> Elements:
    """Return real numbers as an input of items, rounded as by ONNX's QuantizeLinear."""
    tensor = manifest.graph.inputs[number]
    steps = np.rint(items.astype(np.float32) / _scale(manifest.input_scales[number]))
    return elements_of(
        tensor.kind, np.clip(steps + np.float32(tensor.zero), tensor.kind.low, tensor.kind.high)
    )


def real_outputs(manifest: Manifest, outputs: Elements, number: int = 0) -> Float32s:
    """Return the real values of an output."""
    return real_values(manifest.graph.made[number], manifest.output_scales[number], outputs)


def real_values(tensor: Tensor, scale: int, stored: Elements) -> Float32s:
    """Return the real values of a tensor of items; rows with scales of their own need no other.

    `scale` is the bits of the scale. Rows beyond binary32 have the largest exponent within it.
    """
    if tensor.kind in ROWS:
        rows = rows_of(tensor, stored)
        exponents = np.minimum(rows.exponent, MAX_REAL_EXPONENT)
        steps = np.ldexp(rows.mantissa.astype(np.float64), exponents)
        return (rows.elements * steps[..., None]).astype(np.float32)
    return (stored.astype(np.float32) - np.float32(tensor.zero)) * _scale(scale)


MAX_REAL_EXPONENT: Final = 96
"""Up to this exponent of a row's scale, 2^31 steps are below 2^127."""


class Rows(NamedTuple):
    """Rows with scales of their own; the tails have one axis less than the elements."""

    elements: Int8s | Int16s
    top: NDArray[np.uint32]
    mantissa: NDArray[np.uint16]
    exponent: Int16s


_TAIL: Final = np.dtype([("top", "<u4"), ("mantissa", "<u2"), ("exponent", "<i2")])


def rows_of(tensor: Tensor, stored: Elements) -> Rows:
    """Return the rows that an array of bytes holds; any axes may precede those of the tensor."""
    body = tensor.row_bytes - tensor.kind.tail
    numbers = np.ascontiguousarray(stored[..., :body]).view(f"<i{tensor.kind.width}")
    tails = np.ascontiguousarray(stored[..., body:]).view(_TAIL)[..., 0]
    return Rows(numbers, tails["top"], tails["mantissa"], tails["exponent"])


def store_rows(tensor: Tensor, rows: Rows, made: Elements) -> None:
    """Write rows as bytes."""
    body = tensor.row_bytes - tensor.kind.tail
    made[..., :body] = np.ascontiguousarray(rows.elements, f"<i{tensor.kind.width}").view(np.uint8)
    tails = np.empty((*rows.top.shape, 1), _TAIL)
    tails["top"][..., 0], tails["mantissa"][..., 0] = rows.top, rows.mantissa
    tails["exponent"][..., 0] = rows.exponent
    made[..., body:] = tails.view(np.uint8)


def outputs_of(outputs: Sequence[Tensor], scales: Sequence[int], raw: bytes) -> list[Float32s]:
    """Return the real values of each output of all items, from the bytes of a result."""
    items = np.frombuffer(raw, np.uint8).reshape(-1, sum(tensor.nbytes for tensor in outputs))
    reals: list[Float32s] = []
    start = 0
    for tensor, bits in zip(outputs, scales, strict=True):
        part = np.ascontiguousarray(items[:, start : start + tensor.nbytes])
        stored = part.view(dtype_of(tensor.kind)).reshape(-1, *tensor.stored)
        reals.append(real_values(tensor, bits, stored))
        start += tensor.nbytes
    return reals


def _scale(bits: int) -> np.float32:
    return np.float32(np.uint32(bits).view(np.float32))


def scale_bits(value: float | np.float32) -> int:
    """Return the bits of the nearest binary32 number."""
    return int(np.float32(value).view(np.uint32))


def records_of_product(columns: Int8s, bias: Int32s, scales: Float32s) -> Bytes2D:
    """Return records of a product: `columns[n]` are channel n's weights in committed order."""
    return _records(columns, bias.astype("<i4"), scales.astype("<f4"))


def records_of_factors(columns: Int8s, bias: Int32s, factors: Int32s) -> Bytes2D:
    """Return records of a product that makes rows with scales of their own."""
    return _records(columns, bias.astype("<i4"), factors.astype("<i4"))


def records_of_norm(offset: Int32s, factor: Int32s) -> Bytes2D:
    """Return records of a normalisation, or of an `Affine`."""
    nothing = np.empty((len(offset), 0), np.int8)
    return _records(nothing, offset.astype("<i4"), factor.astype("<i4"))


def records_of_table(values: Int16s) -> Bytes2D:
    """Return records of a wide table; ValueError unless it has all its numbers."""
    rows = values.astype("<i2").reshape(TABLE_ENTRIES // RECORD_ENTRIES, RECORD_ENTRIES)
    return np.ascontiguousarray(rows).view(np.uint8)


def records_of_rows(table: Int8s) -> Bytes2D:
    """Return records of a table, one for each of its rows; their tails are zero."""
    nothing = np.zeros(len(table), "<i4")
    return _records(table, nothing, nothing)


def _records(columns: Int8s, first: Int32s, second: Int32s | Float32s) -> Bytes2D:
    parts = [
        np.ascontiguousarray(columns).view(np.uint8).reshape(len(columns), -1),
        first.reshape(-1, 1).view(np.uint8),
        second.reshape(-1, 1).view(np.uint8),
    ]
    return np.ascontiguousarray(np.concatenate(parts, axis=1))


@dataclass(frozen=True, slots=True)
class Constants:
    """The contents of a node's records."""

    columns: Int8s
    """One row for each record; of length zero for offsets and factors."""
    first: Int32s
    """Bias, or offset."""
    second: Int32s
    """The bits of the scale, or factor."""
    others: Int32s | None = None
    """The numbers after these two in longer records (`Operator.record_tail`), one row for each."""

    @property
    def scales(self) -> Float32s:
        """The scales of a product."""
        return self.second.view(np.float32)

    @property
    def table(self) -> Int16s:
        """The numbers of a wide table, in order."""
        # Records are decoded as those of products: the last eight bytes are `first` and `second`.
        ends = np.stack([self.first, self.second], axis=1).astype("<i4")
        records = np.concatenate([self.columns.view(np.uint8), ends.view(np.uint8)], axis=1)
        numbers: Int16s = records.view("<i2").reshape(-1).astype(np.int16)
        return numbers

    def reach(self, x: Tensor) -> Int64s:
        """Return each channel's maximum absolute accumulator, for inputs of this kind."""
        return self.sums * x.reach + np.abs(self.first.astype(np.int64))

    @property
    def sums(self) -> Int64s:
        """The sum of each channel's absolute weights."""
        sums: Int64s = np.abs(self.columns.astype(np.int16)).sum(axis=1, dtype=np.int64)
        return sums


def constants_of(records: Bytes2D, tail_bytes: int = RECORD_TAIL) -> Constants:
    """Decode records of which the last `tail_bytes` are not weights."""
    body = records.shape[1] - tail_bytes
    tail = np.ascontiguousarray(records[:, body:]).view("<i4").astype(np.int32)
    columns = np.ascontiguousarray(records[:, :body]).view(np.int8)
    others = tail[:, 2:].copy() if tail.shape[1] > 2 else None
    return Constants(columns, tail[:, 0].copy(), tail[:, 1].copy(), others)


def tensor_of(tensor: Tensor, raw: bytes | memoryview) -> Elements:
    """Return one item's tensor from its bytes; ValueError if there are more or fewer."""
    elements: Elements = np.frombuffer(raw, dtype_of(tensor.kind)).reshape(tensor.stored)
    return elements


class Model:
    """A manifest with the weights that it commits to; ModelRefused if they are others.

    `records` holds them by the number of their node. `admission.check_model` checks whether a model
    may be registered.
    """

    def __init__(self, manifest: Manifest, records: Mapping[int, Bytes2D]) -> None:
        check_manifest(manifest)
        graph = manifest.graph
        self.manifest = manifest
        self.graph = graph
        self.records: dict[int, Bytes2D] = {}
        self.trees: dict[int, Tree] = {}
        self.constants: dict[int, Constants] = {}
        for number, node in enumerate(graph.nodes):
            weights = node.op.constants
            if weights is None:
                continue
            given = records.get(number)
            layout = weights_layout(graph, node)
            if given is None or given.shape != (layout.rows, layout.row):
                shape = None if given is None else given.shape
                raise ModelRefused.at(
                    node.name, f"records of {shape} in place of {(layout.rows, layout.row)}"
                )
            given = np.ascontiguousarray(given, np.uint8)
            tree = commit_weights(graph, node, given.data)
            if tree.root != weights.root:
                raise ModelRefused.at(
                    node.name, f"weights with root {tree.root} ≠ {weights.root} of the manifest"
                )
            self.records[number] = given
            self.trees[number] = tree
            self.constants[number] = constants_of(given, node.op.record_tail)

    def constants_for(self, number: int) -> tuple[memoryview, Tree] | None:
        """Return the constants that a proof about a node opens (`fraud.prove`), if it opens any."""
        weighted = weighted_of(self.graph, number)
        if weighted is None:
            return None
        maker, _ = weighted
        return self.records[maker].data, self.trees[maker]
