"""onnxruntime's kernels: the same bytes as numpy's, where this machine passes the test."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("onnx", reason="onnx is not installed: pip install '.[fast]'")
pytest.importorskip("onnxruntime", reason="onnxruntime is not installed: pip install it")

from btt_chain.work import fast
from btt_chain.work.bench import convolutions, perceptron, resnet, transformer
from btt_chain.work.execute import Executor
from btt_chain.work.model import Model
from unit.work.work_world import items_of

MODELS = {
    "resnet": lambda: resnet(4, 8),
    "conv": lambda: convolutions(24, 6),
    "transformer": lambda: transformer(16, 8, 2),
    "mlp": lambda: perceptron(600),
}


@pytest.fixture(scope="module")
def exact() -> None:
    if not fast.is_exact():
        pytest.skip("this machine's engine saturates: it is not used here")


@pytest.mark.parametrize("name", MODELS)
def test_every_tensor_and_sum_is_the_definitions(exact: None, name: str) -> None:
    model: Model = MODELS[name]()
    items = items_of(np.random.default_rng(8), model.graph.inputs[0], 3)

    ours = Executor(model).run(items, accumulators=True)
    theirs = fast.FastExecutor(model).run(items, accumulators=True)

    for one, other in zip(ours.tensors, theirs.tensors, strict=True):
        assert np.array_equal(one, other)
    assert ours.accumulators.keys() == theirs.accumulators.keys()
    for number, sums in ours.accumulators.items():
        assert np.array_equal(sums, theirs.accumulators[number])


def test_a_provider_streams_through_it(exact: None) -> None:
    model = MODELS["mlp"]()
    items = items_of(np.random.default_rng(9), model.graph.inputs[0], 5)

    streamed = fast.Fast(1).stream(Executor(model), [[items]])

    made = np.concatenate([batch.outputs[0] for batch in streamed])
    assert np.array_equal(made, Executor(model).run(items).outputs[0])


def test_an_engine_that_saturates_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    def cut(self: fast._Product, rows: np.ndarray) -> np.ndarray:
        return honest(self, rows).clip(-(1 << 15), (1 << 15) - 1)

    honest = fast._Product.of
    monkeypatch.setattr(fast._Product, "of", cut)
    fast.is_exact.cache_clear()
    try:
        with pytest.raises(fast.NotExact, match="not exact on this machine"):
            fast.Fast()
    finally:
        fast.is_exact.cache_clear()
