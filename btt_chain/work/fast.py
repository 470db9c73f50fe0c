"""Products by onnxruntime's integer kernels, if the machine computes them exactly.

numpy's executor is the reference. Some engines are not exact: without VNNI, sums of two 8-bit
products saturate at 16 bits. So nothing here is used before `is_exact` has tested this machine with
extreme values, and then only products are computed by the engine; all other operations,
requantising included, are those of the reference. Needs the extra `fast`.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from btt_chain.extras import needs_extra
from btt_chain.work.errors import WorkError
from btt_chain.work.execute import DEFAULT_MEMORY, Batch, Executor, stream
from btt_chain.work.model import Constants, Elements, Inputs, Int8s, Int32s, Model
from btt_chain.work.operators import Conv, Linear
from btt_chain.work.operators.numeric import KERNELS
from btt_chain.work.operators.numeric.columns import ConvKernel, LinearKernel
from btt_chain.work.operators.numeric.kernel import NodeOf
from btt_chain.work.operators.numeric.requantise import requantise
from btt_chain.work.operators.numeric.windows import padded, windows_of
from btt_chain.work.tensors import BYTES, Kind, Tensor, Window

try:
    import onnxruntime
    from onnx import TensorProto, helper, numpy_helper
except ImportError as error:
    raise ImportError(
        needs_extra("the fast path needs onnx and onnxruntime from", "fast")
    ) from error

ROWS_BYTES: Final = 4 << 20
"""Bytes of the matrix that is multiplied at a time."""
TRIED_LENGTHS: Final = (1, 64, 519, 4096)
TRIED_ROWS: Final = (1, 5, 64)
TRIED_WIDTHS: Final = (7, 64)
"""Widths for which engines have kernels of their own."""


class FastExecutor(Executor):
    """An executor whose dense layers and ungrouped convolutions of 8 bits use onnxruntime."""

    def __init__(self, model: Model) -> None:
        """Prepare a model. ModelRefused as for `Executor`."""
        super().__init__(model, {**KERNELS, Linear: _FastLinear, Conv: _FastConv})


class _FastLinear(LinearKernel):
    """A dense layer by the engine."""

    def __init__(self, node: NodeOf[Linear], constants: Constants | None) -> None:
        super().__init__(node, constants)
        self._engine = _engine_of(self)

    def multiply(self, inputs: Sequence[Elements], made: Elements, sink: Int32s | None) -> None:
        """Multiply some rows at a time."""
        engine = self._engine
        if engine is None:
            super().multiply(inputs, made, sink)
            return
        pieces = _rows(_unsigned(inputs[0], self.node.inputs[0].kind))
        engine.write(self, pieces, made, sink)


class _FastConv(ConvKernel):
    """A convolution by the engine, unless it has groups."""

    def __init__(self, node: NodeOf[Conv], constants: Constants | None) -> None:
        super().__init__(node, constants)
        self._engine = _engine_of(self) if node.op.groups == 1 else None

    def multiply(self, inputs: Sequence[Elements], made: Elements, sink: Int32s | None) -> None:
        """Multiply some lines of windows at a time."""
        engine = self._engine
        if engine is None:
            super().multiply(inputs, made, sink)
            return
        images = _unsigned(inputs[0], self.node.inputs[0].kind)
        pieces = _images(self.op.window, self.out, images, engine.zero)
        engine.write(self, pieces, made, sink)


def _engine_of(kernel: LinearKernel | ConvKernel) -> _Product | None:
    """Return the engine's product; None for elements of 16 bits, and for products in parts."""
    kind = kernel.node.inputs[0].kind
    if kind not in BYTES or kernel.op.partial_sums > 1:
        return None
    return _Product(kernel.constants.columns, kernel.zero, kind)


class _Product:
    """Bytes times one matrix of weights, as 32-bit sums."""

    def __init__(self, columns: Int8s, zero: int, kind: Kind) -> None:
        # Signed elements are shifted by 128: the engine's kernels are fastest with unsigned ones.
        self.zero = zero + 128 if kind is Kind.I8 else zero
        matrix = numpy_helper.from_array(np.ascontiguousarray(columns.T), "w")
        nought = numpy_helper.from_array(np.array(self.zero, np.uint8), "z")
        graph = helper.make_graph(
            [helper.make_node("MatMulInteger", ["x", "w", "z"], ["y"])],
            "product",
            [helper.make_tensor_value_info("x", TensorProto.UINT8, [None, columns.shape[1]])],
            [helper.make_tensor_value_info("y", TensorProto.INT32, [None, len(columns)])],
            [matrix, nought],
        )
        proto = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)])
        proto.ir_version = 9
        options = onnxruntime.SessionOptions()
        options.log_severity_level = 3
        self._session: Any = onnxruntime.InferenceSession(
            proto.SerializeToString(), options, providers=["CPUExecutionProvider"]
        )

    def of(self, rows: NDArray[np.uint8]) -> Int32s:
        """Return the sums, one row of them for each row."""
        made: Int32s = self._session.run(None, {"x": rows})[0]
        return made

    def write(
        self,
        kernel: LinearKernel | ConvKernel,
        pieces: Iterable[NDArray[np.uint8]],
        made: Elements,
        sink: Int32s | None,
    ) -> None:
        """Multiply all pieces, and write the kernel's output and accumulators in their order."""
        constants = kernel.constants
        wide = made.shape[-1]
        flat = made.reshape(-1, wide)
        sums = None if sink is None else sink.reshape(-1, wide)
        done = 0
        for rows in pieces:
            total = self.of(rows)
            total += constants.first
            part = slice(done, done + len(rows))
            if sums is not None:
                sums[part] = total
            requantise(total, constants.scales, kernel.out, kernel.bounds, flat[part])
            done += len(rows)


class NotExact(WorkError):
    """The engine of this machine computes extreme values wrongly: compute without it."""


class Fast:
    """An engine for a provider: `execute.stream` with the engine's products."""

    def __init__(self, memory: int = DEFAULT_MEMORY) -> None:
        """`memory`: bytes of tensors at a time. Raises NotExact."""
        if not is_exact():
            raise NotExact("onnxruntime is not exact on this machine: compute without it")
        self._memory = memory

    def stream(
        self, executor: Executor, batches: Iterable[Inputs], *, accumulators: bool = False
    ) -> Iterator[Batch]:
        """Execute all items, in order."""
        made = FastExecutor(executor.model)
        return stream(made, batches, self._memory, accumulators=accumulators)


@lru_cache(maxsize=1)
def is_exact() -> bool:
    """Return True if this machine's engine computes extreme values exactly; tested once."""
    rng = np.random.default_rng(1)
    for length in TRIED_LENGTHS:
        for width in TRIED_WIDTHS:
            ends = rng.choice(np.array([-128, 127], np.int8), (width, length))
            full = np.full((width, length), 127, np.int8)
            mixed = rng.integers(-128, 128, (width, length)).astype(np.int8)
            for columns in (ends, full, mixed):
                for kind, zero in ((Kind.U8, 0), (Kind.U8, 255), (Kind.I8, 0)):
                    if not _agrees(_Product(columns, zero, kind), columns, rng):
                        return False
    return True


def _agrees(product: _Product, columns: Int8s, rng: np.random.Generator) -> bool:
    length = columns.shape[1]
    for count in TRIED_ROWS:
        ends = rng.choice(np.array([0, 255], np.uint8), (count, length))
        full = np.full((count, length), 255, np.uint8)
        mixed = rng.integers(0, 256, (count, length)).astype(np.uint8)
        for rows in (ends, full, mixed):
            right = (rows.astype(np.int64) - product.zero) @ columns.T.astype(np.int64)
            if not np.array_equal(product.of(rows), right):
                return False
    return True


def _unsigned(x: Elements, kind: Kind) -> NDArray[np.uint8]:
    """Return elements as unsigned bytes: signed ones are shifted by 128."""
    raw = np.ascontiguousarray(x).view(np.uint8)
    return raw ^ np.uint8(128) if kind is Kind.I8 else raw


def _rows(x: NDArray[np.uint8]) -> list[NDArray[np.uint8]]:
    rows = x.reshape(-1, x.shape[-1])
    step = max(1, ROWS_BYTES // rows.shape[1])
    return [rows[at : at + step] for at in range(0, len(rows), step)]


def _images(
    window: Window, out: Tensor, x: NDArray[np.uint8], zero: int
) -> Iterator[NDArray[np.uint8]]:
    """Yield windows as rows, some lines of each image's output at a time."""
    sides = out.dims[:-1]
    length = x.shape[-1] * math.prod(window.sizes)
    step = max(1, ROWS_BYTES // (math.prod(sides[1:]) * length))
    for image in x:
        seen = windows_of(padded(image[None], window, zero), window, sides)[0]
        for top in range(0, sides[0], step):
            yield seen[top : top + step].reshape(-1, length)
