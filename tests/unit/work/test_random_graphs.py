"""Random graphs: read exactly, or with the loss that is printed, or refused by name.

Seeds are chosen by BTT_FIRST, BTT_SEEDS and BTT_SEED (tests/support/sim/seeds.py).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
import pytest

pytest.importorskip("onnx", reason="onnx is not installed: pip install '.[work]'")
ort = pytest.importorskip("onnxruntime", reason="onnxruntime is not installed: pip install it")

from onnx import NodeProto  # noqa: E402

from btt_chain.work.errors import WorkError  # noqa: E402
from btt_chain.work.execute import Executor  # noqa: E402
from btt_chain.work.model import elements_of, real_outputs  # noqa: E402
from btt_chain.work.onnx_import import loads  # noqa: E402
from btt_chain.work.quantise.endings import applied, decisions  # noqa: E402
from btt_chain.work.quantise.importing import (  # noqa: E402
    HELD_BACK,
    Imported,
    Importer,
    Settings,
)
from support.sim.seeds import batches, name  # noqa: E402
from unit.work.float_nets import items  # noqa: E402
from unit.work.random_graphs import float_graph, integer_graph  # noqa: E402

COUNT = 10_000
BATCH = 20
IN_CI = 3
"""Batches of the normal run."""
MISREAD = 0.1
"""Relative error of 16 bits from which on a node is not read as the file means it."""
STEEP = {"Exp", "Log", "Reciprocal", "Div", "Pow"}
"""Functions with poles, or with so wide a range that 16 bits lose much of it."""
SEEDS = [
    pytest.param(each, id=name(each), marks=[pytest.mark.full] if place >= IN_CI else [])
    for place, each in enumerate(batches(0, parts=1, count=COUNT, size=BATCH))
]
Outputs: TypeAlias = Mapping[str, np.ndarray]
EXACT = Settings(method="minmax", least=2.0, budget=1e9, accept_loss=True)
"""16 bits in all tensors: what is left of the loss is that of a node that is read wrongly."""
NARROW = Settings(method="minmax", budget=0.0, accept_loss=True)


class Engine:
    """The original file in onnxruntime, not optimised; `why` says why it does not run there."""

    def __init__(self, file: Path, names: Sequence[str]) -> None:
        options = ort.SessionOptions()
        options.log_severity_level, options.intra_op_num_threads = 4, 1
        options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
        self._names = list(names)
        self._session = ort.InferenceSession(str(file), options, providers=["CPUExecutionProvider"])

    def __call__(self, feeds: Mapping[str, np.ndarray]) -> Outputs:
        made = self._session.run(self._names, dict(feeds))
        return dict(zip(self._names, made, strict=True))


def runs(file: Path, names: Sequence[str], feeds: Mapping[str, np.ndarray]) -> bool:
    """Return True if onnxruntime executes a file."""
    try:
        Engine(file, names)(feeds)
    except Exception:  # noqa: BLE001 - onnxruntime has no class of its own for all of them
        return False
    return True


def check_printed(
    imported: Imported, engine: Engine, tests: Sequence[Mapping[str, np.ndarray]]
) -> None:
    """Assert that what was printed is the difference of the integers from the original file."""
    model, plan = imported.quantised.model, imported.plan
    made = Executor(model).run(*imported.quantised.items(tests)).outputs
    exact = [engine(feeds) for feeds in tests]
    for number, (result, ending) in enumerate(zip(plan.results, plan.endings, strict=True)):
        printed = imported.comparison.outputs[number]
        axis = imported.quantised.class_axis(plan, number)
        equal, largest, unsure = 0, 0.0, 0
        for place, outputs in enumerate(exact):
            reals = real_outputs(model.manifest, made[number][place], number)
            found = imported.quantised.outputs[number].unpacked(reals).astype(np.float64)
            real = outputs[result].astype(np.float64)
            mine = decisions(ending, found, axis).reshape(-1)
            theirs: npt.NDArray[np.generic]
            if ending is not None and ending.kind == "ArgMax":
                theirs = real.reshape(-1)
            elif ending is not None and ending.kind == "Sigmoid":
                theirs = (real > 0.5).reshape(-1)
                unsure += int((np.abs(real - 0.5) < 1e-6).sum())
            else:
                theirs = decisions(ending, real, axis).reshape(-1)
                unsure += _unsure(real, axis if ending is None else ending.axis)
            equal += int((mine == theirs).sum())
            if ending is None or ending.kind != "ArgMax":
                assert found.shape == real.shape
                largest = max(largest, float(np.abs(applied(ending, found) - real).max()))
        assert abs(printed.equal - equal) <= unsure
        if ending is None or ending.kind != "ArgMax":
            assert largest == pytest.approx(printed.largest_error, rel=1e-3, abs=1e-5)


def _unsure(real: np.ndarray, axis: int | None) -> int:
    """Return the number of decisions that float32 may have rounded to a tie."""
    if axis is None or real.shape[axis] == 1:
        return int((np.abs(real) < 1e-6).sum())
    ordered = np.sort(real, axis=axis)
    best, second = (np.take(ordered, at, axis) for at in (-1, -2))
    return int((best - second < 1e-5 * np.maximum(1, np.abs(best))).sum())


def refused(refusal: WorkError, *, by_name: bool) -> bool:
    """Assert that a refusal is one line that says what is refused; return False."""
    assert by_name, refusal
    assert len(str(refusal).splitlines()) == 1
    return False


def is_steep(node: NodeProto) -> bool:
    """Return True if a function has so wide a range that 16 bits lose much of it."""
    return node.op_type in STEEP or (node.op_type == "Mul" and len({*node.input}) == 1)


def try_floats(seed: int, folder: Path) -> bool:
    """Assert the property for one graph of floats; return True if it was not refused."""
    net, outputs, shapes = float_graph(seed)
    file = net.save(folder, *outputs)
    calibration, tests = items(seed, 24, **shapes), items(seed + 1, 6, **shapes)
    settings = EXACT if seed % 2 else NARROW
    if seed % 2:
        tests = [item for at, item in enumerate(calibration, 1) if at % HELD_BACK]
    try:
        imported = Importer(file, settings).quantised(calibration, tests)
    except WorkError as refusal:
        named = "'" in str(refusal)
        return refused(refusal, by_name=named or not runs(file, outputs, tests[0]))
    check_printed(imported, Engine(file, outputs), tests)
    steep = any(map(is_steep, net.nodes))
    assert not seed % 2 or steep or imported.comparison.error < MISREAD
    return True


@pytest.mark.parametrize("seeds", SEEDS)
def test_a_random_graph_of_floats_has_the_printed_loss_or_is_refused_by_name(
    seeds: range, tmp_path: Path
) -> None:
    accepted = 0
    for seed in seeds:
        try:
            accepted += try_floats(seed, tmp_path)
        except BaseException as failure:
            failure.add_note(f"BTT_SEED={seed}")
            raise
    assert accepted >= len(seeds) // 10


def try_integers(seed: int) -> bool:
    """Assert the property for one graph of integers; return True if it was not refused."""
    raw, x = integer_graph(seed)
    try:
        imported = loads(raw)
    except WorkError as refusal:
        return refused(refusal, by_name="node '" in str(refusal))
    elements = elements_of(imported.model.graph.inputs[0].kind, imported.items(x))
    made = Executor(imported.model).run(elements).outputs[0]
    options = ort.SessionOptions()
    options.log_severity_level, options.intra_op_num_threads = 4, 1
    session = ort.InferenceSession(raw, options, providers=["CPUExecutionProvider"])
    np.testing.assert_array_equal(imported.outputs(made), session.run(None, {"x": x})[0])
    return True


@pytest.mark.parametrize("seeds", SEEDS)
def test_a_random_graph_of_integers_equals_onnxruntime_or_is_refused_by_name(seeds: range) -> None:
    accepted = 0
    for seed in seeds:
        try:
            accepted += try_integers(seed)
        except BaseException as failure:
            failure.add_note(f"BTT_SEED={seed}")
            raise
    assert accepted >= len(seeds) // 4
