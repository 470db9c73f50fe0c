"""The engine of GPUs, on the processor: the same bytes as numpy's. No GPU runs these tests."""

from __future__ import annotations

import os
import subprocess
import sys
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
from support.work import leaves_in_interpreter
from unit.work.work_world import KINDS, items_of, single

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


def wrong_for(length: int) -> Callable[..., torch.Tensor]:
    """torch's product, wrong for matrices of one length, as torch 2.13 is on some processors."""
    honest = torch._int_mm

    def product(x: torch.Tensor, weights: torch.Tensor) -> torch.Tensor:
        return honest(x, weights) + (x.shape[1] == length)

    return product


def wrong_for_one_row_in_a_transposed_layout() -> Callable[..., torch.Tensor]:
    honest = torch._int_mm

    def product(x: torch.Tensor, weights: torch.Tensor) -> torch.Tensor:
        return honest(x, weights) + (len(x) == 1 and x.shape[1] > 1 and x.stride() == (1, 1))

    return product


@pytest.mark.parametrize("defect", [wrong_for(1), wrong_for_one_row_in_a_transposed_layout()])
def test_padding_hides_defects_of_single_shapes_and_the_test_finds_them_without_it(
    monkeypatch: pytest.MonkeyPatch, defect: Callable[..., torch.Tensor]
) -> None:
    monkeypatch.setattr(torch, "_int_mm", defect)
    CheckedEngine(cuda.Cuda(device="cpu"), "cuda")

    monkeypatch.setattr(cuda, "_padded", lambda matrix, rows: matrix)
    with pytest.raises(NotExact, match="engine cuda is not exact on this machine"):
        CheckedEngine(cuda.Cuda(device="cpu"), "cuda")


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_without_a_gpu_the_engine_says_so() -> None:
    with pytest.raises(EngineRefused, match="torch sees no CUDA device: check the driver"):
        cuda.Cuda()


def test_the_kernel_hashes_leaves_as_the_standard_library() -> None:
    program = leaves_in_interpreter.__file__
    environment = {**os.environ, "TRITON_INTERPRET": "1", "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run(
        [sys.executable, program], env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout == "equal\n"
