"""The check of an engine: compared with numpy's executor before it computes anything for others.

At the start, `CheckedEngine` lets the engine compute small models of dense layers and convolutions
of many sizes, with extreme, nearly constant and random elements, in arrays of several memory
layouts, and compares every tensor. Then, before the first job of each model, it lets the engine
compute a whole item of it, alone and beside others, and compares the roots of all committed
tensors. The first check finds kernels that saturate, round or read foreign memory for some sizes;
the second finds what happens only at the sizes of the model. Neither proves that other items are
exact.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from itertools import product
from threading import Lock
from typing import Final
from weakref import WeakSet

import numpy as np
from numpy.random import Generator

from btt_chain.work.build import Builder, Numbers, window
from btt_chain.work.engines import Engine
from btt_chain.work.errors import EngineRefused, NotExact, WorkError
from btt_chain.work.execute import Batch, Executor
from btt_chain.work.graph import Graph
from btt_chain.work.model import Elements, Float32s, Inputs, Int8s, Int32s, Model, elements_of
from btt_chain.work.tensors import Kind, Tensor

LENGTHS: Final = (1, 7, 64, 519, 4096)
WIDTHS: Final = (1, 8, 33, 64)
ROWS: Final = (1, 5, 17, 64)
LONG: Final = 9000
"""Length of rows that are multiplied in parts."""
TOGETHER: Final = 3
"""Items of the batch that has the tested item of a model as its last one."""
INPUTS: Final = (
    Numbers(Kind.U8, 0), Numbers(Kind.U8, 255), Numbers(Kind.I8, -7), Numbers(Kind.I16, 0),
)  # fmt: skip
I32: Final = Numbers(Kind.I32)


class CheckedEngine:
    """An engine that is tested at the start, and with each model before its first job."""

    def __init__(self, engine: Engine, name: str) -> None:
        """Test the engine. Raises EngineRefused, NotExact."""
        self._engine: Final = engine
        self._name: Final = name
        self._passed: Final[WeakSet[Model]] = WeakSet()
        self._lock: Final = Lock()
        with self._failing("fails in its test"):
            check_products(engine)

    def stream(
        self, executor: Executor, batches: Iterable[Inputs], *, accumulators: bool = False
    ) -> Iterator[Batch]:
        """Execute all items, in order. Raises NotExact, EngineRefused, WorkError."""
        with self._lock:
            if executor.model not in self._passed:
                with self._failing("fails with an item of this model"):
                    check_item(self._engine, executor)
                self._passed.add(executor.model)
        return self._computed(self._engine.stream(executor, batches, accumulators=accumulators))

    def _computed(self, batches: Iterator[Batch]) -> Iterator[Batch]:
        """Yield batches; an error of the engine's library, as of full memory, is one of ours."""
        try:
            yield from batches
        except RuntimeError as error:
            raise EngineRefused(f"engine {self._name} failed: {_reason(error)}") from error

    @contextmanager
    def _failing(self, what: str) -> Iterator[None]:
        """Raise the engine's errors as one line that names it."""
        try:
            yield
        except NotExact as error:
            raise NotExact(
                f"engine {self._name} is not exact on this machine: {error}. Run without it, or "
                "with another one"
            ) from None
        except WorkError:
            raise
        except Exception as error:
            raise EngineRefused(
                f"engine {self._name} {what}: {_reason(error)}. Run without it, or with another one"
            ) from error


def _reason(error: Exception) -> str:
    """Return the first line of an error."""
    return (str(error) or type(error).__name__).splitlines()[0]


def check_item(engine: Engine, executor: Executor) -> None:
    """Compare a whole item of a model, alone and as the last of some. Raises NotExact.

    Alone with the accumulators that the engine returns: an error in one may vanish by rounding.
    """
    graph = executor.model.graph
    items = [_elements(np.random.default_rng(), tensor, TOGETHER) for tensor in graph.inputs]
    last = [item[-1:] for item in items]
    expected = executor.run(*last, accumulators=True)
    root = expected.commit(0, 0, None).root
    for inputs, with_sums in ((last, True), (items, False)):
        batches = list(engine.stream(executor, [inputs], accumulators=with_sums))
        if sum(map(len, batches)) != len(inputs[0]):
            raise NotExact("it returns another number of items of this model")
        batch = batches[-1]
        differing = _differing(graph, batch, len(batch) - 1, expected)
        if differing is None and batch.commit(len(batch) - 1, 0, None).root != root:
            differing = "the hashes"
        if differing is not None:
            raise NotExact(f"it computes {differing} of an item of this model otherwise than numpy")


def _differing(graph: Graph, batch: Batch, at: int, expected: Batch) -> str | None:
    """Return the name of the first node with other elements or accumulators, if any."""
    inputs = len(graph.inputs)
    for number, node in enumerate(graph.nodes):
        pairs = [(batch.tensors[inputs + number], expected.tensors[inputs + number])]
        if number in batch.accumulators:
            pairs.append((batch.accumulators[number], expected.accumulators[number]))
        if not all(np.array_equal(one[at], other[0]) for one, other in pairs):
            return f"node {node.name!r}"
    return None


# ---- products


def check_products(engine: Engine) -> None:
    """Compare dense layers and convolutions of many sizes. Raises NotExact."""
    rng = np.random.default_rng(1)
    for numbers, length in product(INPUTS, LENGTHS):
        model = _dense(rng, numbers, length, WIDTHS)
        tensor, executor = model.graph.inputs[0], Executor(model)
        for rows in ROWS:
            for items in _layouts(_elements(rng, tensor, rows)):
                _compare(engine, executor, [items], f"{rows} rows of {length}")
    for name, model in _others(rng):
        executor = Executor(model)
        for count in (1, 3):
            inputs = [_elements(rng, tensor, count) for tensor in model.graph.inputs]
            _compare(engine, executor, inputs, name)


def _compare(engine: Engine, executor: Executor, inputs: Inputs, name: str) -> None:
    """Compare all tensors, and the accumulators that the engine returns. Raises NotExact."""
    expected = executor.run(*inputs, accumulators=True)
    done = 0
    for batch in engine.stream(executor, [inputs], accumulators=True):
        part = slice(done, done + len(batch))
        done = part.stop
        pairs = list(zip(batch.tensors, expected.tensors, strict=True))
        pairs += [(sums, expected.accumulators[at]) for at, sums in batch.accumulators.items()]
        if not all(np.array_equal(one, other[part]) for one, other in pairs):
            kind = executor.model.graph.inputs[0].kind.name
            raise NotExact(f"it computes {name} elements of kind {kind} otherwise than numpy")
    if done != len(inputs[0]):
        raise NotExact(f"it returns {done} of {len(inputs[0])} items")


def _dense(rng: Generator, numbers: Numbers, length: int, widths: Sequence[int]) -> Model:
    """Return a model of dense layers, each as raw sums and requantised."""
    made = Builder(numbers.kind, (length,), numbers.zero)
    outputs: list[int] = []
    for width in widths:
        constants = _weights(rng, made.tensor(0), width, length)
        outputs.append(made.linear(f"raw{width}", 0, *constants, I32))
        outputs.append(made.linear(f"small{width}", 0, *constants, Numbers(Kind.I8, 3)))
    return made.model([1.0] * len(outputs), outputs)


def _others(rng: Generator) -> Iterator[tuple[str, Model]]:
    """Yield models with parts, with large sums, and with windows of one to three axes."""
    for numbers in INPUTS:
        yield f"rows of {LONG} in parts:", _dense(rng, numbers, LONG, (8,))
        yield "sums up to 2^31 of", _large(rng, numbers)
        for rank in (1, 2, 3):
            yield f"convolutions along {rank} axes of", _convolution(rng, numbers, rank)


def _large(rng: Generator, numbers: Numbers) -> Model:
    """Return a model with accumulators near 2^31, near 2^24, and at ties of rounding."""
    made = Builder(numbers.kind, (4,), numbers.zero)
    columns, _, _ = _weights(rng, made.tensor(0), 60, 4)
    reach = made.tensor(0).reach * 128 * 4
    ends = rng.integers(0, 1 << 10, 20)
    bias = np.concatenate([(1 << 31) - 1 - reach - ends, ends - (1 << 31) + 1 + reach])
    bias = np.concatenate([bias, (1 << 24) + rng.integers(-300, 300, 20)]).astype(np.int32)
    scales = np.resize(np.array([0.5, 2**-20, 0.1, 3.0517578e-05, 1.17e-7], np.float32), 60)
    halves = np.full(60, 0.5, np.float32)
    outputs = [
        made.linear("raw", 0, columns, bias, scales, I32),
        made.linear("wide", 0, columns, bias, scales, Numbers(Kind.I16)),
        made.linear("small", 0, columns, bias, scales, Numbers(Kind.U8, 3)),
        made.linear("ties", 0, columns, bias % np.int32(7), halves, Numbers(Kind.I16)),
    ]
    return made.model([1.0] * len(outputs), outputs)


def _convolution(rng: Generator, numbers: Numbers, rank: int) -> Model:
    """Return a model of a convolution with padding, steps and distances between taps."""
    made = Builder(numbers.kind, (*(9, 8, 7)[:rank], 3), numbers.zero)
    seen = window(
        (3, 2, 3)[:rank], (2, 1, 1)[:rank], (1, 1, 2, 2, 0, 1)[: 2 * rank], (1, 2, 1)[:rank]
    )
    columns, bias, scales = _weights(rng, made.tensor(0), 5, *seen.sizes, 3)
    at = made.conv("first", 0, columns, bias, scales, seen, Numbers(Kind.U8, 9))
    columns, bias, scales = _weights(rng, made.tensor(at), 33, *(1,) * rank, 5)
    made.conv("second", at, columns, bias, scales, window((1,) * rank), Numbers(Kind.I8, -3))
    return made.model()


def _weights(
    rng: Generator, x: Tensor, outputs: int, *length: int
) -> tuple[Int8s, Int32s, Float32s]:
    """Return weights of which many are at the ends of their range, biases, and fitting scales."""
    shape = (outputs, *length)
    count = int(np.prod(length))
    most = min(127, ((1 << 31) - 10_000) // (x.reach * count))
    low = -128 if most == 127 else -most
    ends = rng.choice([low, most], shape)
    mixed = rng.integers(low, most + 1, shape)
    nearly = np.where(rng.random(shape) < 0.9, most, mixed)
    kinds = np.arange(outputs).reshape(-1, *(1,) * len(length)) % 3
    columns = np.choose(kinds, (ends, nearly, mixed))
    columns = np.where(columns == 0, 1, columns).astype(np.int8)
    bias = rng.integers(-5000, 5001, outputs).astype(np.int32)
    deviation = np.sqrt(count) * x.reach * most / 127
    scales = (rng.uniform(0.5, 2.0, outputs) / deviation).astype(np.float32)
    return columns, bias, scales


def _elements(rng: Generator, tensor: Tensor, count: int) -> Elements:
    """Return items: in turns at the ends of the range, nearly constant, and mixed."""
    low, high = tensor.kind.low, tensor.kind.high
    values = rng.integers(low, high + 1, (count, *tensor.dims))
    values[::3] = rng.choice(np.array([low, high]), values[::3].shape)
    values[1::3] = np.where(rng.random(values[1::3].shape) < 0.9, high, values[1::3])
    return elements_of(tensor.kind, values)


def _layouts(items: Elements) -> Iterator[Elements]:
    """Yield the same rows contiguous, as transposed columns, and as every second column."""
    yield items
    columns = np.empty(items.shape[::-1], items.dtype)
    columns[...] = items.T
    yield columns.T
    spaced = np.zeros((len(items), 2 * items.shape[1]), items.dtype)
    spaced[:, ::2] = items
    yield spaced[:, ::2]
