"""The engine of GPUs, on the processor: the same bytes as numpy's. No GPU runs these tests."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

pytest.importorskip("torch", reason="torch is not installed: pip install '.[gpu]'")
pytest.importorskip("triton", reason="triton is not installed: pip install triton")

import torch

from btt_chain.work.bench import convolutions, perceptron, resnet, transformer
from btt_chain.work.engines import cuda
from btt_chain.work.engines.checked import CheckedEngine
from btt_chain.work.errors import EngineRefused, NotExact
from btt_chain.work.execute import Executor
from btt_chain.work.model import Inputs, Model
from unit.work.test_engines import Sums, engine_with, right
from unit.work.work_world import KINDS, items_of, single

Product = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]

MODELS: dict[str, Callable[[], Model]] = {
    "resnet": lambda: resnet(4, 8),
    "conv": lambda: convolutions(24, 6),
    "transformer": lambda: transformer(16, 8, 2),
    "mlp": lambda: perceptron(600),
}


@pytest.fixture(scope="module")
def engine() -> CheckedEngine:
    return CheckedEngine(cuda.Cuda(1 << 14, "cpu"), "cuda")


def compare(engine: CheckedEngine, model: Model, items: Inputs) -> None:
    expected = Executor(model).run(*items, accumulators=True)
    batches = list(engine.stream(Executor(model), [items], accumulators=True))
    for number, tensor in enumerate(expected.tensors):
        made = np.concatenate([batch.tensors[number] for batch in batches])
        np.testing.assert_array_equal(made, tensor)
    for number, sums in expected.accumulators.items():
        made = np.concatenate([batch.accumulators[number] for batch in batches])
        np.testing.assert_array_equal(made, sums)


@pytest.mark.parametrize("count", [1, 3, 32])
@pytest.mark.parametrize("name", MODELS)
def test_every_tensor_and_sum_is_the_definitions(
    engine: CheckedEngine, name: str, count: int
) -> None:
    model = MODELS[name]()
    compare(engine, model, [items_of(np.random.default_rng(8), model.graph.inputs[0], count)])


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_node_is_the_definitions(engine: CheckedEngine, kind: str) -> None:
    compare(engine, *single(kind, 5))


@pytest.mark.parametrize("piece", [1, 1 << 10, 1 << 14])
@pytest.mark.parametrize("kind", ["conv", "volumes", "wide_elements", "parts_of_windows", "linear"])
def test_the_size_of_a_piece_changes_nothing(
    monkeypatch: pytest.MonkeyPatch, engine: CheckedEngine, kind: str, piece: int
) -> None:
    monkeypatch.setattr(cuda, "PIECE_BYTES", piece)
    compare(engine, *single(kind, 6))


def test_items_that_cannot_be_written_to_are_taken(engine: CheckedEngine) -> None:
    model = perceptron(70)
    items = items_of(np.random.default_rng(8), model.graph.inputs[0], 2)
    items.flags.writeable = False
    compare(engine, model, [items])


def exact(x: torch.Tensor, weights: torch.Tensor) -> torch.Tensor:
    return (x.double() @ weights.double()).int()


def wrong_for_one_tap(x: torch.Tensor, weights: torch.Tensor) -> torch.Tensor:
    return exact(x, weights) + (x.shape[1] == 1)


def wrong_for_other_layouts(x: torch.Tensor, weights: torch.Tensor) -> torch.Tensor:
    return exact(x, weights) + (not x.is_contiguous())


@pytest.mark.parametrize("product", [wrong_for_one_tap, wrong_for_other_layouts])
def test_padding_hides_defects_of_single_shapes_and_the_check_finds_them_without_it(
    monkeypatch: pytest.MonkeyPatch, product: Product
) -> None:
    monkeypatch.setattr(torch, "_int_mm", product)
    CheckedEngine(cuda.Cuda(device="cpu"), "cuda")

    monkeypatch.setattr(cuda, "_padded", lambda matrix, rows: matrix)
    with pytest.raises(NotExact, match="engine cuda is not exact on this machine"):
        CheckedEngine(cuda.Cuda(device="cpu"), "cuda")


def bare(rows: np.ndarray) -> np.ndarray:
    """Rows as torch gets them from numpy; one row may be a transposed column."""
    small = rows.astype(np.int8)
    if len(rows) == 1 and rows.strides == (rows.itemsize, rows.itemsize):
        column = np.empty(small.shape[::-1], np.int8)
        column[...] = small.T
        return column.T
    return np.array(small, order="C")


def torch_product(rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
    weights = torch.from_numpy(np.ascontiguousarray(columns)).t()
    sums: np.ndarray = torch._int_mm(torch.from_numpy(rows), weights).numpy()
    return sums


def one_tap_by_torch(rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
    if rows.shape[1] == 1:
        return torch_product(np.array(rows, np.int8, order="C"), columns)
    return right(rows, columns)


def one_row_by_torch(rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
    if len(rows) == 1 and rows.shape[1] > 1:
        return torch_product(bare(rows), columns)
    return right(rows, columns)


def is_right(product: Sums, rows: np.ndarray, columns: np.ndarray) -> bool:
    return np.array_equal(product(rows, columns), right(rows, columns))


@pytest.mark.parametrize("product", [one_tap_by_torch, one_row_by_torch])
def test_the_check_finds_what_this_torch_computes_wrongly_unpadded(product: Sums) -> None:
    """Of torch 2.13 both: it reads other memory for these shapes."""
    rng = np.random.default_rng(1)
    length = 1 if product is one_tap_by_torch else 64
    column = rng.integers(-128, 128, (length, 1))
    rows = column if length == 1 else column.T
    columns = rng.integers(-128, 128, (33, length)).astype(np.int8)
    if all(is_right(product, rows, columns) for _ in range(20)):
        CheckedEngine(engine_with(product), "torch")
    else:
        with pytest.raises(NotExact, match="engine torch is not exact on this machine"):
            CheckedEngine(engine_with(product), "torch")


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_without_a_gpu_the_engine_says_so() -> None:
    with pytest.raises(EngineRefused, match="torch sees no CUDA device: check the driver"):
        cuda.Cuda()
