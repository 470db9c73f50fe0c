"""Engines by name, and what is found before they compute for others."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from btt_chain.work.bench import perceptron
from btt_chain.work.engines import Engine, Processor
from btt_chain.work.engines.checked import CheckedEngine
from btt_chain.work.engines.loading import load
from btt_chain.work.engines.products import ProductEngine, engine_parts, operands_of
from btt_chain.work.errors import EngineRefused, NotExact, WorkError
from btt_chain.work.execute import Batch, Executor
from btt_chain.work.layout import tensor_layout
from btt_chain.work.merkle import leaf_hash
from btt_chain.work.model import Elements, Inputs, Int32s, Model
from btt_chain.work.operators.numeric.columns import ConvKernel, LinearKernel
from btt_chain.work.operators.numeric.requantise import requantise
from btt_chain.work.operators.numeric.windows import padded, windows_of
from btt_chain.work.tensors import Kind
from unit.work.work_world import KINDS, items_of, single

Sums = Callable[[np.ndarray, np.ndarray], np.ndarray]


class _Plain:
    """A product in numpy's integers, whose sums a test may spoil."""

    def __init__(self, kernel: LinearKernel | ConvKernel, sums: Sums, taken: Kind) -> None:
        self.kernel, self.sums, self.taken = kernel, sums, taken
        self.parts = engine_parts(kernel, taken)

    def rows(self, x: Elements, sides: tuple[int, ...]) -> Iterator[np.ndarray]:
        op = self.kernel.node.op
        for operand in operands_of(self.kernel.node.inputs[0]):
            values = x.astype(np.int64)
            if x.dtype == np.int16:
                values = values >> 8 if operand.factor == 256 else values & 255
            values = values - operand.shift(self.taken)
            if hasattr(op, "window"):
                values = padded(values, op.window, operand.filler(self.taken))
                seen = windows_of(values, op.window, sides)
                yield seen.reshape(-1, np.prod(op.window.sizes) * x.shape[-1])
            elif x.strides[0] == 1 and len(x) == 1 and x.ndim == 2:  # as a transposed column has it
                yield np.asarray(values.reshape(-1, 1)).T
            else:
                yield values.reshape(-1, x.shape[-1])

    def multiply(self, x: Elements, made: Elements, sink: Int32s | None) -> None:
        wide = made.shape[-1]
        factors = [operand.factor for operand in operands_of(self.kernel.node.inputs[0])]
        for part in self.parts:
            total = part.first.astype(np.int64)
            for rows, factor in zip(self.rows(x, made.shape[1:-1]), factors, strict=True):
                total = total + factor * self.sums(rows[:, part.taps], part.columns)
            exact = total.astype(np.int32)
            if sink is not None:
                sink.reshape(-1, wide)[:, part.channels] = exact
            into = made.reshape(-1, wide)[:, part.channels]
            requantise(exact, part.scales, self.kernel.out, self.kernel.bounds, into)


def engine_with(sums: Sums, taken: Kind = Kind.I8) -> Engine:
    return ProductEngine(lambda kernel: _Plain(kernel, sums, taken), 1 << 16)


def right(rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
    sums: np.ndarray = rows.astype(np.int64) @ columns.T.astype(np.int64)
    return sums


def saturating(rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
    """Sums of two neighbouring products cut at 16 bits, as without VNNI."""
    if rows.shape[1] % 2:
        rows, columns = np.pad(rows, ((0, 0), (0, 1))), np.pad(columns, ((0, 0), (0, 1)))
    total = np.zeros((len(rows), len(columns)), np.int64)
    for at in range(0, rows.shape[1], 2):
        total += right(rows[:, at : at + 2], columns[:, at : at + 2]).clip(
            -(1 << 15), (1 << 15) - 1
        )
    return total


def wrong_for_one_tap(rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
    sums: np.ndarray = right(rows, columns) + int(rows.shape[1] == 1)
    return sums


def wrong_for_a_transposed_column(rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
    width = rows.itemsize
    is_turned = len(rows) == 1 and rows.shape[1] > 1 and rows.strides == (width, width)
    return right(rows, columns) + is_turned


def in_float32(rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
    product = rows.astype(np.float32) @ columns.T.astype(np.float32)
    return product.astype(np.int64)


def wrong_for_wide_products(rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
    return right(rows, columns) + (len(columns) == 600)


@pytest.mark.parametrize("taken", [Kind.I8, Kind.U8])
def test_exact_products_pass_whichever_bytes_the_engine_takes(taken: Kind) -> None:
    CheckedEngine(engine_with(right, taken), "m:C")


@pytest.mark.parametrize(
    "sums", [saturating, wrong_for_one_tap, wrong_for_a_transposed_column, in_float32]
)
def test_a_product_with_a_defect_is_found_at_the_start(sums: Sums) -> None:
    with pytest.raises(NotExact, match=r"engine m:C is not exact .*: it computes .*Run without it"):
        CheckedEngine(engine_with(sums), "m:C")


def test_a_defect_at_the_sizes_of_one_model_is_found_before_its_first_job() -> None:
    engine = CheckedEngine(engine_with(wrong_for_wide_products), "m:C")
    others, model = perceptron(70), perceptron(600)
    items = items_of(np.random.default_rng(1), others.graph.inputs[0], 2)
    assert sum(map(len, engine.stream(Executor(others), [[items]]))) == 2

    items = items_of(np.random.default_rng(1), model.graph.inputs[0], 2)
    with pytest.raises(NotExact, match="node 'a' of an item of this model otherwise than numpy"):
        engine.stream(Executor(model), [[items]])


@pytest.mark.parametrize("kind", KINDS)
def test_an_engines_products_are_those_of_every_kind_of_node(kind: str) -> None:
    model, items = single(kind, 3)
    expected = Executor(model).run(*items, accumulators=True)
    stream = engine_with(right).stream(Executor(model), [items], accumulators=True)

    batches = list(stream)
    for number, tensor in enumerate(expected.tensors):
        made = np.concatenate([batch.tensors[number] for batch in batches])
        np.testing.assert_array_equal(made, tensor)
    for number, sums in expected.accumulators.items():
        made = np.concatenate([batch.accumulators[number] for batch in batches])
        np.testing.assert_array_equal(made, sums)


class Counting:
    """Counts how often it is used, and fails or leaves out items if a test wants it."""

    def __init__(self) -> None:
        self.streams = 0
        self.fails: Exception | None = None
        self.drops = False

    def stream(
        self, executor: Executor, batches: Iterable[Inputs], *, accumulators: bool = False
    ) -> Iterator[Batch]:
        self.streams += 1
        if self.fails is not None:
            raise self.fails
        made = list(Processor(1).stream(executor, batches, accumulators=accumulators))
        return iter(made[:-1] if self.drops and len(made) > 1 else made)


def job(engine: Engine, model: Model) -> None:
    items = items_of(np.random.default_rng(2), model.graph.inputs[0], 2)
    for _ in engine.stream(Executor(model), [[items]]):
        pass


def test_each_model_is_checked_once() -> None:
    counting = Counting()
    engine = CheckedEngine(counting, "m:C")
    one, other = perceptron(10), perceptron(20)
    uses: list[int] = []
    for model in (one, one, other, one):
        before = counting.streams
        job(engine, model)
        uses.append(counting.streams - before)
    assert uses == [3, 1, 3, 1]


def test_an_engine_that_leaves_out_items_is_refused() -> None:
    counting = Counting()
    counting.drops = True
    with pytest.raises(EngineRefused, match="of 5 items") as refused:
        CheckedEngine(counting, "m:C")
    assert type(refused.value) is NotExact


def test_an_engine_that_fails_is_refused_in_one_line() -> None:
    counting = Counting()
    counting.fails = RuntimeError("out of memory\nand a long story")
    with pytest.raises(EngineRefused) as refused:
        CheckedEngine(counting, "m:C")
    assert str(refused.value) == (
        "engine m:C fails in its test: out of memory. Run without it, or with another one"
    )

    counting.fails = None
    engine = CheckedEngine(counting, "m:C")
    counting.fails = RuntimeError("lost")
    with pytest.raises(EngineRefused, match="fails with an item of this model: lost"):
        job(engine, perceptron(10))


def test_an_error_in_a_job_is_one_of_the_engine() -> None:
    class Late(Counting):
        def stream(
            self, executor: Executor, batches: Iterable[Inputs], *, accumulators: bool = False
        ) -> Iterator[Batch]:
            yield from super().stream(executor, batches, accumulators=accumulators)
            if self.fails is not None:
                raise self.fails

    late = Late()
    engine = CheckedEngine(late, "m:C")
    model = perceptron(10)
    job(engine, model)
    late.fails = RuntimeError("CUDA out of memory")
    with pytest.raises(EngineRefused, match="engine m:C failed: CUDA out of memory"):
        job(engine, model)


# ---- by name

MODULE = """
from btt_chain.work.engines import Processor
from btt_chain.work.errors import WorkError
class Right(Processor):
    pass
class Odd:
    def stream(self, executor):
        return iter(())
class Failing(Processor):
    def __init__(self, memory):
        raise OSError("no such device" + chr(10) + "at all")
class Refusing(Processor):
    def __init__(self, memory):
        raise WorkError("it needs a larger card")
def right(memory):
    return Processor(memory)
"""


@pytest.fixture
def modules(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(tmp_path))
    (tmp_path / "own_engine.py").write_text(MODULE)
    (tmp_path / "broken_engine.py").write_text("1 / 0\n")
    (tmp_path / "needing_engine.py").write_text("import a_package_that_is_not_there\n")


def test_an_engine_is_loaded_by_its_name(modules: None) -> None:
    engine = load("own_engine:Right", 1 << 20)
    assert isinstance(engine, CheckedEngine)
    job(engine, perceptron(10))
    assert isinstance(load(None), Processor)


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("no_such.package:Engine", "there is no module 'no_such.package': check its name, install"),
        ("no_such_module:Engine", "there is no module 'no_such_module'"),
        (":Engine", "there is no module ''"),
        ("own_engine:Wrong", "the module has no class 'Wrong': check the name after the colon"),
        ("own_engine", "the module has no class ''"),
        ("own_engine:Odd", r"is not an engine: .*stream\(executor, batches, \*, accumulators\)"),
        ("own_engine:right", "is not an engine: it must be a class"),
        ("json:JSONDecoder", "is not an engine"),
        ("own_engine:Failing", "did not start: OSError: no such device. Run without it"),
        ("own_engine:Refusing", "did not start: it needs a larger card"),
        ("broken_engine:Engine", "cannot be imported: ZeroDivisionError: division by zero"),
        ("needing_engine:Engine", "needs what is not installed: .*a_package_that_is_not_there"),
    ],
)
def test_what_is_no_engine_is_refused_in_one_line(modules: None, name: str, why: str) -> None:
    with pytest.raises(WorkError, match=why) as refused:  # what the command line catches
        load(name)
    assert type(refused.value) is EngineRefused
    assert "\n" not in str(refused.value)
    assert str(refused.value).startswith(f"engine {name}")


@pytest.mark.parametrize(
    ("engine", "extra"), [("cuda:Cuda", "gpu"), ("onnxruntime:OnnxRuntime", "fast")]
)
def test_without_its_extra_an_engine_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, engine: str, extra: str
) -> None:
    name = f"btt_chain.work.engines.{engine}"
    for module in ("torch", "triton", "onnxruntime"):
        monkeypatch.setitem(sys.modules, module, None)
    for module in ("cuda", "leaves", "onnxruntime"):
        monkeypatch.delitem(sys.modules, f"btt_chain.work.engines.{module}", raising=False)
    with pytest.raises(ImportError, match=rf"the extra `{extra}`: pip install .*\[{extra}\]"):
        load(name)


# ---- hashes of leaves


def test_leaves_that_an_engine_has_hashed_are_committed_to_as_they_are() -> None:
    model, items = single("conv", 3)
    batch = Executor(model).run(*items)
    hashes: dict[int, np.ndarray] = {}
    for number, shape in enumerate(model.graph.committed):
        layout = tensor_layout(shape)
        raw = [bytes(batch.item(at)[number]) for at in range(len(batch))]
        hashes[number] = np.array([
            [
                list(leaf_hash(one[slice(*layout.span(leaf))])) for leaf in range(layout.count)
            ]
            for one in raw
        ], np.uint8)  # fmt: skip
    hashed = replace(batch, leaves=hashes)

    assert hashed.commit(1, 5, None).root == batch.commit(1, 5, None).root
    assert hashed.commit(1, 5, b"k" * 32).root == batch.commit(1, 5, b"k" * 32).root
    hashes[0][1, 0, 0] ^= 1
    assert hashed.commit(1, 5, None).root != batch.commit(1, 5, None).root
    assert hashed.commit(1, 5, b"k" * 32).root == batch.commit(1, 5, b"k" * 32).root
