"""Products by onnxruntime's integer kernels on the local processor. Needs the extra `fast`.

Some processors do not compute them exactly: without VNNI, sums of two 8-bit products saturate at 16
bits. `checked.CheckedEngine` finds that.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from btt_chain.extras import needs_extra
from btt_chain.work.engines.products import (
    ColumnsOf,
    Part,
    ProductEngine,
    engine_parts,
    operands_of,
)
from btt_chain.work.execute import DEFAULT_MEMORY
from btt_chain.work.model import Elements, Int8s, Int32s
from btt_chain.work.operators import Conv
from btt_chain.work.operators.numeric.requantise import requantise
from btt_chain.work.operators.numeric.windows import padded, windows_of
from btt_chain.work.tensors import Kind, Window

try:
    import onnxruntime
    from onnx import TensorProto, helper, numpy_helper
except ImportError as error:
    raise ImportError(
        needs_extra("the engine of onnxruntime needs onnx and onnxruntime from", "fast")
    ) from error

PIECE_BYTES: Final = 4 << 20
"""Maximum bytes of a matrix that is multiplied at a time, and of its sums."""


class OnnxRuntime(ProductEngine):
    """The engine of `--fast`."""

    def __init__(self, memory: int = DEFAULT_MEMORY) -> None:
        """`memory`: bytes of tensors at a time."""
        super().__init__(_Product, memory)


class _Product:
    """A dense layer or a convolution."""

    def __init__(self, kernel: ColumnsOf) -> None:
        node = kernel.node
        self._kernel = kernel
        self._operands = operands_of(node.inputs[0])
        # The kernels are fastest with unsigned elements.
        self._parts = [(part, _Matrix(part.columns)) for part in engine_parts(kernel, Kind.U8)]
        self._window = node.op.window if isinstance(node.op, Conv) else None

    def multiply(self, x: Elements, made: Elements, sink: Int32s | None) -> None:
        """Multiply some rows, or some lines of windows, at a time."""
        wide = made.shape[-1]
        flat = made.reshape(-1, wide)
        sums = None if sink is None else sink.reshape(-1, wide)
        done = 0
        for operands in self._pieces(_operands(x), made.shape[1:-1]):
            rows = slice(done, done + len(operands[0]))
            for part, matrix in self._parts:
                total = self._sums(operands, part, matrix)
                if sums is not None:
                    sums[rows, part.channels] = total
                into = flat[rows, part.channels]
                requantise(total, part.scales, self._kernel.out, self._kernel.bounds, into)
            done = rows.stop

    def _sums(self, operands: Sequence[NDArray[np.uint8]], part: Part, matrix: _Matrix) -> Int32s:
        total = part.first
        for rows, operand in zip(operands, self._operands, strict=True):
            sums = matrix.sums(rows[:, part.taps])
            if operand.factor != 1:
                sums *= np.int32(operand.factor)
            sums += total  # of the channels first, then of the operand before
            total = sums
        return total

    def _pieces(
        self, operands: Sequence[NDArray[np.uint8]], sides: tuple[int, ...]
    ) -> Iterator[Sequence[NDArray[np.uint8]]]:
        """Yield rows of all operands, in the order of the output."""
        length = max(part.taps.stop for part, _ in self._parts)
        channels = max(len(part.columns) for part, _ in self._parts)
        most = max(1, PIECE_BYTES // max(length, 4 * channels))
        if self._window is not None:
            yield from self._windows(self._window, operands, sides, most)
            return
        rows = [operand.reshape(-1, length) for operand in operands]
        for at in range(0, len(rows[0]), most):
            yield [operand[at : at + most] for operand in rows]

    def _windows(
        self,
        window: Window,
        operands: Sequence[NDArray[np.uint8]],
        sides: tuple[int, ...],
        most: int,
    ) -> Iterator[Sequence[NDArray[np.uint8]]]:
        """Yield windows as rows: of some lines of an image, or of several images."""
        first_side, *others = sides
        length = operands[0].shape[-1] * math.prod(window.sizes)
        wanted = max(1, most // math.prod(others))
        lines, together = min(first_side, wanted), max(1, wanted // first_side)
        fillers = [operand.filler(Kind.U8) for operand in self._operands]
        for at in range(0, len(operands[0]), together):
            images = zip((x[at : at + together] for x in operands), fillers, strict=True)
            seen = [windows_of(padded(x, window, zero), window, sides) for x, zero in images]
            for top in range(0, first_side, lines):
                yield [one[:, top : top + lines].reshape(-1, length) for one in seen]


class _Matrix:
    """The weights of one matrix product."""

    def __init__(self, columns: Int8s) -> None:
        matrix = numpy_helper.from_array(np.ascontiguousarray(columns.T), "w")
        graph = helper.make_graph(
            [helper.make_node("MatMulInteger", ["x", "w"], ["y"])],
            "product",
            [helper.make_tensor_value_info("x", TensorProto.UINT8, [None, columns.shape[1]])],
            [helper.make_tensor_value_info("y", TensorProto.INT32, [None, len(columns)])],
            [matrix],
        )
        proto = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)])
        proto.ir_version = 9
        options = onnxruntime.SessionOptions()
        options.log_severity_level = 3
        # Each session has threads of its own. Where they spin, those of one layer keep the
        # processor from the next layer: a ResNet took four times as long on two cores.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        self._session: Any = onnxruntime.InferenceSession(
            proto.SerializeToString(), options, providers=["CPUExecutionProvider"]
        )

    def sums(self, rows: NDArray[np.uint8]) -> Int32s:
        """Return a row of sums for each row of bytes."""
        sums: Int32s = self._session.run(None, {"x": np.ascontiguousarray(rows)})[0]
        return sums


def _operands(x: Elements) -> list[NDArray[np.uint8]]:
    """Return the operands of a batch as unsigned bytes: the sign of signed ones is inverted."""
    raw = np.ascontiguousarray(x).view(np.uint8)
    if x.dtype == np.uint8:
        return [raw]
    if x.dtype == np.int8:
        return [raw ^ np.uint8(128)]
    both = raw.reshape(*x.shape, 2)
    return [both[..., 1] ^ np.uint8(128), both[..., 0]]
