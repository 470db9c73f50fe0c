"""Benchmark of useful work: costs of computing, committing and checking on this machine.

For nets of several shapes: the cost of executing a batch, relative to the same graph in float32 by
numpy with BLAS (target: <= 1.3); the cost of committing to it (<= 10 %); a verifier's cost for one
item in sixteen, by random vectors and by re-execution (target of the cheaper one: <= 5 %); the size
of a fraud proof (<= 24 KiB), and the time to verify it (<= 1 ms).

All times are processor times, the medians of rounds in turn: other load of a shared machine affects
all of them alike. Set OPENBLAS_NUM_THREADS=1 before numpy is loaded. An engine is measured by the
clock, beside numpy by the clock, because a GPU takes no processor time.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from statistics import median
from typing import Final

import numpy as np
from numpy.random import Generator

from btt_chain.primitives.digest import H256
from btt_chain.work.build import Builder, Numbers, window
from btt_chain.work.commit import roots_tree
from btt_chain.work.engines import Engine, Processor
from btt_chain.work.errors import WorkError
from btt_chain.work.execute import DEFAULT_MEMORY, Executor
from btt_chain.work.freivalds import Challenge
from btt_chain.work.graph import Graph
from btt_chain.work.model import Elements, Float32s, Inputs, Int8s, Int32s, Model, elements_of
from btt_chain.work.operators.numeric import kernel_of
from btt_chain.work.operators.numeric.kernel import FloatFunction, node_of
from btt_chain.work.operators.numeric.rows import exponentials
from btt_chain.work.planted import refutations
from btt_chain.work.recheck import first_fault, first_fault_by_vectors
from btt_chain.work.tensors import Kind, Tensor

U8, I8 = Numbers(Kind.U8), Numbers(Kind.I8)
SEED: Final = 12


def items_of(rng: Generator, tensor: Tensor, count: int) -> Elements:
    """Return items over the whole range of their kind."""
    shape = (count, *tensor.dims)
    values = rng.integers(tensor.kind.low, tensor.kind.high + 1, shape)
    return elements_of(tensor.kind, values)


def random_inputs(graph: Graph, count: int) -> Inputs:
    """Return the inputs of items over the whole range of their kinds."""
    rng = np.random.default_rng(SEED)
    return [items_of(rng, tensor, count) for tensor in graph.inputs]


def weights(
    rng: Generator, outputs: int, *length: int, most: int = 127
) -> tuple[Int8s, Int32s, Float32s]:
    """Return columns, bias, and scales with which the outputs slightly exceed their range."""
    columns = rng.integers(-most, most + 1, (outputs, *length)).astype(np.int8)
    bias = rng.integers(-5000, 5001, outputs).astype(np.int32)
    deviation = math.sqrt(math.prod(length)) * 0.6 * most
    scales = (rng.uniform(0.5, 2.0, outputs) / deviation).astype(np.float32)
    return columns, bias, scales


def resnet(width: int, side: int) -> Model:
    """Return a ResNet: a stem, three stages with a residual each, a head."""
    rng = np.random.default_rng(SEED)
    made = Builder(Kind.U8, (side, side, 1))
    same = window((3, 3), pads=(1, 1, 1, 1))
    half = window((3, 3), (2, 2), (1, 1, 1, 1))

    def conv(name: str, x: int, outputs: int, stride: int = 1) -> int:
        inside = made.tensor(x).dims[-1]
        constants = weights(rng, outputs, 3, 3, inside, most=40)
        return made.conv(name, x, *constants, half if stride == 2 else same, U8)

    at = conv("stem", 0, width)
    for stage, channels in enumerate((width, 2 * width, 4 * width)):
        if stage:
            at = conv(f"down{stage}", at, channels, 2)
        inner = conv(f"b{stage}", conv(f"a{stage}", at, channels), channels)
        at = made.add(f"sum{stage}", at, inner, (0.6, 0.6), U8)
    end = made.tensor(at).dims
    count = end[0] * end[1]
    flat = made.rearrange("flat", at, (count, end[2]), (1, 0), (end[2], count, 1))
    mean = made.average_pool("mean", flat, window((1, count), (1, count)), 1 / count, U8)
    row = made.rearrange("row", mean, (end[2],), (0,), (end[2],))
    made.linear("head", row, *weights(rng, 10, end[2]), Numbers(Kind.I32))
    return made.model()


def convolutions(channels: int, side: int) -> Model:
    """Return three wide convolutions, of the size of those in 3-D U-Nets."""
    rng = np.random.default_rng(SEED)
    made = Builder(Kind.U8, (side, side, channels))
    same = window((3, 3), pads=(1, 1, 1, 1))
    at = 0
    for name in "abc":
        at = made.conv(name, at, *weights(rng, channels, 3, 3, channels, most=40), same, U8)
    return made.model()


def transformer(width: int, length: int, heads: int) -> Model:
    """Return one transformer block."""
    rng = np.random.default_rng(SEED)
    made = Builder(Kind.I8, (length, width))
    gain = np.full(width, 40 << 12, np.int32), np.zeros(width, np.int32)

    def dense(name: str, x: int, outputs: int) -> int:
        inputs = made.tensor(x).dims[-1]
        return made.linear(name, x, *weights(rng, outputs, inputs, most=40), I8)

    def norm(name: str, x: int) -> int:
        return made.layer_norm(name, x, (gain[1], gain[0]), 1, 24, I8)

    part = width // heads
    before = norm("norm1", 0)
    split, apart = (length, heads, part), (heads, length, part)
    query = made.rearrange("qs", dense("q", before, width), split, (1, 0, 2), apart)
    key = made.rearrange("ks", dense("k", before, width), split, (1, 0, 2), apart)
    turned = (heads, part, length)
    value = made.rearrange("vs", dense("v", before, width), split, (1, 2, 0), turned)
    scores = made.matmul("scores", query, key, 1 / (60 * np.sqrt(part) * 16), I8)
    shares = made.softmax("shares", scores, exponentials(0.05))
    mixed = made.matmul("mixed", shares, value, 1 / 256, I8)
    joined = made.rearrange("joined", mixed, apart, (1, 0, 2), (length, width))
    first = made.add("first", 0, dense("o", joined, width), (0.7, 0.7), I8)
    gelu = [max(x, x // 8) for x in range(-128, 128)]
    wide = made.table("gelu", dense("wide", norm("norm2", first), 4 * width), gelu, I8)
    made.add("second", first, dense("narrow", wide, width), (0.7, 0.7), I8)
    return made.model()


def perceptron(width: int) -> Model:
    """Return three dense layers."""
    rng = np.random.default_rng(SEED)
    made = Builder(Kind.I8, (width,))
    at = 0
    for name in "abc":
        at = made.linear(name, at, *weights(rng, width, width, most=40), I8)
    return made.model()


@dataclass
class Row:
    """One line of the report, times in milliseconds."""

    name: str
    items: int
    floats: float
    compute: float
    commit: float
    vectors: float
    again: float
    proof: int
    judged: float
    engine: EngineTimes | None = None

    @property
    def ratios(self) -> dict[str, float]:
        """Ratios with targets: to times of float32, and percents of the provider's work."""
        work = self.compute + self.commit
        return {
            "computeToFloat32": self.compute / self.floats,
            "commitPercent": 100 * self.commit / self.compute,
            "vectorsPercent": 100 * self.vectors / work,
            "againPercent": 100 * self.again / work,
        }

    def as_json(self) -> dict[str, object]:
        """Return the line as JSON."""
        return {
            "net": self.name,
            "items": self.items,
            "float32Ms": self.floats,
            "computeMs": self.compute,
            **self.ratios,
            "proofBytes": self.proof,
            "judgeMs": self.judged,
            **({} if self.engine is None else self.engine.as_json()),
        }

    def __str__(self) -> str:
        ratio, commit, vectors, again = self.ratios.values()
        return (
            f"{self.name:<22}{self.items:>5}{self.floats:>9.1f}{self.compute:>9.1f}{ratio:>7.2f}"
            f"{commit:>8.1f}{vectors:>9.1f}{again:>9.1f}{self.proof:>8}{self.judged:>9.2f}"
            f"{self.engine or ''}"
        )


@dataclass
class EngineTimes:
    """The elapsed milliseconds of an engine and of numpy for the same items."""

    macs: int
    """Multiplications of all items."""
    numpy: float
    compute: float
    commit: float

    @property
    def speeds(self) -> tuple[float, float]:
        """GMAC/s of the engine, without and with the commitment."""
        giga = self.macs / 1e6
        return giga / self.compute, giga / (self.compute + self.commit)

    def as_json(self) -> dict[str, object]:
        """Return the times and speeds as JSON."""
        bare, committed = self.speeds
        return {
            "numpyElapsedMs": self.numpy,
            "engineElapsedMs": self.compute,
            "engineGmacs": bare,
            "engineGmacsCommitted": committed,
        }

    def __str__(self) -> str:
        bare, committed = self.speeds
        return f"{self.numpy:>10.1f}{self.compute:>11.1f}{bare:>9.1f}{committed:>9.1f}"


def heading(*, with_engine: bool = False) -> str:
    """Return the heading of the lines."""
    engine = f"{'numpy ms':>10}{'engine ms':>11}{'GMAC/s':>9}{'+commit':>9}"
    return (
        f"{'net':<22}{'items':>5}{'f32 ms':>9}{'exec ms':>9}{'x f32':>7}{'commit%':>8}"
        f"{'vectors%':>9}{'again%':>9}{'proof B':>8}{'judge ms':>9}{engine if with_engine else ''}"
    )


def whole(work: Callable[[], object]) -> list[float]:
    """Return the milliseconds of processor time of one call, as a list of one."""
    start = time.process_time()
    work()
    return [1000 * (time.process_time() - start)]


def medians(work: Sequence[Callable[[], list[float]]], rounds: int) -> list[float]:
    """Return the medians of all measurements, over rounds in which each has its turn."""
    taken = [[one for measured in work for one in measured()] for _ in range(rounds)]
    return [median(column) for column in zip(*taken, strict=True)]


class FloatGraph:
    """A graph prepared for float32, computed for some items at a time by plain numpy.

    The baseline for the cost of exactness: the steps of a net before quantisation. The weights are
    random: their values do not affect the speed of BLAS, and the results are not used. Convolutions
    have one group.
    """

    def __init__(self, graph: Graph, seed: int) -> None:
        rng = np.random.default_rng(seed)
        self._graph = graph
        self._functions: list[FloatFunction] = []
        for number in range(len(graph.nodes)):
            node = node_of(graph, number)
            self._functions.append(kernel_of(node.op).in_floats(node, rng))
        self._rng = rng

    def items(self, count: int) -> list[Float32s]:
        """Return the inputs of random items."""
        inputs = self._graph.inputs
        return [self._rng.standard_normal((count, *one.dims), np.float32) for one in inputs]

    def run(self, inputs: Sequence[Float32s], memory: int) -> None:
        """Compute all nodes, in pieces whose tensors take about `memory` bytes."""
        each = sum(4 * tensor.size for tensor in self._graph.tensors)
        step = max(1, memory // each)
        for at in range(0, len(inputs[0]), step):
            made = [items[at : at + step] for items in inputs]
            for node, function in zip(self._graph.nodes, self._functions, strict=True):
                made.append(function([made[tensor] for tensor in node.op.inputs]))
                if made[-1].shape != (len(made[0]), *node.out.dims):
                    raise ValueError(f"node {node.name} made {made[-1].shape}: not taken here")


def float_graph(graph: Graph, seed: int, count: int, memory: int) -> Callable[[], None]:
    """Return a function that runs `count` items, for timing."""
    made = FloatGraph(graph, seed)
    items = made.items(count)
    return lambda: made.run(items, memory)


def provided(
    engine: Engine, executor: Executor, inputs: Inputs, clock: Callable[[], float]
) -> list[float]:
    """Compute and commit, piece by piece as a provider does; return both times in milliseconds."""
    roots: list[H256] = []
    computed = committed = 0.0
    start = clock()
    for piece in engine.stream(executor, [inputs]):
        made = clock()
        roots += [piece.commit(at, at, None).root for at in range(len(piece))]
        end = clock()
        computed, committed = computed + made - start, committed + end - made
        start = end
    roots_tree(roots)
    return [1000 * computed, 1000 * (committed + clock() - start)]


def measure_engine(model: Model, count: int, rounds: int, engine: Engine) -> EngineTimes:
    """Return the times of an engine and of numpy, in turns."""
    executor = Executor(model)
    inputs = random_inputs(model.graph, count)
    ways = [
        partial(provided, way, executor, inputs, time.perf_counter) for way in (engine, Processor())
    ]
    for way in ways:
        way()  # what is prepared once is not measured
    computed, committed, plain, _ = medians(ways, rounds)
    return EngineTimes(count * int(model.manifest.macs), plain, computed, committed)


def measure(name: str, model: Model, count: int, rounds: int) -> Row:
    """Return all figures of one net, computed by numpy."""
    graph = model.graph
    inputs = random_inputs(graph, count)
    executor, challenge = Executor(model), Challenge(model, b"secret")
    sample = max(1, count // 16)
    batch = executor.run(*(items[:sample] for items in inputs), accumulators=True)
    checked = [
        (
            batch.committed(at),
            {number: sums[at] for number, sums in batch.accumulators.items()},
        )
        for at in range(sample)
    ]
    provide = partial(provided, Processor(), executor, inputs, time.process_time)

    def vectors() -> None:
        for at, (tensors, sums) in enumerate(checked):
            first_fault_by_vectors(executor, tensors, sums, challenge)
            batch.commit(at, at, None)

    def again() -> None:
        for at, (tensors, _) in enumerate(checked):
            first_fault(executor, tensors)
            batch.commit(at, at, None)

    same = float_graph(graph, SEED, count, DEFAULT_MEMORY)
    others = [partial(whole, work) for work in (same, vectors, again)]
    computed, committed, floats, by_vectors, by_again = medians([provide, *others], rounds)
    errors = refutations(model, inputs, SEED)
    if errors.passed:
        raise WorkError(f"{name}: planted errors are not refuted: {'; '.join(errors.passed)}")
    return Row(
        name, count, floats, computed, committed, by_vectors, by_again, errors.largest,
        errors.slowest,
    )  # fmt: skip


def rows(*, quick: bool, rounds: int, engine: Engine | None = None) -> Iterator[Row]:
    """Measure each net; `quick`: small ones only."""
    nets: list[tuple[str, Callable[[], Model], int]] = [
        ("ResNet w8 16x16", lambda: resnet(8, 16), 4),
        ("Transformer d64 S16", lambda: transformer(64, 16, 4), 4),
    ]
    if not quick:
        nets = [
            ("ResNet w32 64x64", lambda: resnet(32, 64), 32),
            ("ResNet w128 32x32", lambda: resnet(128, 32), 32),
            ("3 conv K=3456 24x24", lambda: convolutions(384, 24), 16),
            ("Transformer d512 S128", lambda: transformer(512, 128, 8), 32),
            ("Transformer d1024 S256", lambda: transformer(1024, 256, 16), 16),
            ("MLP 3x4096", lambda: perceptron(4096), 1024),
        ]
    for name, make, count in nets:
        model = make()
        row = measure(name, model, count, rounds)
        if engine is not None:
            row.engine = measure_engine(model, count, rounds, engine)
        yield row
