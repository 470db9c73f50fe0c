"""onnxruntime's kernels: the same bytes as numpy's, where this machine passes the test."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("onnx", reason="onnx is not installed: pip install '.[fast]'")
pytest.importorskip("onnxruntime", reason="onnxruntime is not installed: pip install it")

from btt_chain.work.bench import convolutions, perceptron, resnet, transformer
from btt_chain.work.engines import onnxruntime as fast
from btt_chain.work.engines.checked import CheckedEngine
from btt_chain.work.errors import NotExact
from btt_chain.work.execute import Executor
from btt_chain.work.model import Inputs, Model
from unit.work.work_world import KINDS, items_of, single

MODELS = {
    "resnet": lambda: resnet(4, 8),
    "conv": lambda: convolutions(24, 6),
    "transformer": lambda: transformer(16, 8, 2),
    "mlp": lambda: perceptron(600),
}


@pytest.fixture(scope="module")
def engine() -> CheckedEngine:
    try:
        return CheckedEngine(fast.OnnxRuntime(1 << 14), "onnxruntime")
    except NotExact as error:
        pytest.skip(f"this machine's engine saturates, it is not used here: {error}")


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
    model: Model = MODELS[name]()
    compare(engine, model, [items_of(np.random.default_rng(8), model.graph.inputs[0], count)])


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_node_is_the_definitions(engine: CheckedEngine, kind: str) -> None:
    compare(engine, *single(kind, 5))


@pytest.mark.parametrize("piece", [1, 1 << 10, 1 << 14])
@pytest.mark.parametrize("kind", ["conv", "volumes", "wide_elements", "parts_of_windows", "linear"])
def test_the_size_of_a_piece_changes_nothing(
    monkeypatch: pytest.MonkeyPatch, engine: CheckedEngine, kind: str, piece: int
) -> None:
    monkeypatch.setattr(fast, "PIECE_BYTES", piece)
    compare(engine, *single(kind, 6))


def test_no_matrix_is_larger_than_a_piece(
    monkeypatch: pytest.MonkeyPatch, engine: CheckedEngine
) -> None:
    sizes: list[int] = []

    def noted(self: fast._Matrix, rows: np.ndarray) -> np.ndarray:
        made = honest(self, rows)
        sizes.extend((rows.nbytes, made.nbytes))
        return made

    honest = fast._Matrix.sums
    monkeypatch.setattr(fast._Matrix, "sums", noted)
    monkeypatch.setattr(fast, "PIECE_BYTES", 1 << 13)
    model = resnet(4, 8)
    items = [items_of(np.random.default_rng(8), model.graph.inputs[0], 5)]
    for _ in fast.OnnxRuntime().stream(Executor(model), [items]):
        pass
    assert 1 << 12 < max(sizes) <= 1 << 13


def test_an_engine_that_saturates_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    def cut(self: fast._Matrix, rows: np.ndarray) -> np.ndarray:
        return honest(self, rows).clip(-(1 << 15), (1 << 15) - 1)

    honest = fast._Matrix.sums
    monkeypatch.setattr(fast._Matrix, "sums", cut)
    with pytest.raises(NotExact, match="engine onnxruntime is not exact on this machine"):
        CheckedEngine(fast.OnnxRuntime(), "onnxruntime")
