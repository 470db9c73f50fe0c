"""The examples train, and what they write is taken by everything that comes after."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("onnx", reason="onnx is not installed: pip install '.[work]'")
pytest.importorskip("PIL", reason="pillow is not installed: pip install '.[work]'")
pytest.importorskip("pydicom", reason="pydicom is not installed: pip install '.[work]'")
pytest.importorskip("sklearn", reason="scikit-learn is not installed: pip install scikit-learn")

from btt_chain.work.execute import Executor
from btt_chain.work.inputs.files import read
from btt_chain.work.onnx_import import load
from btt_chain.work.package import Package, loads, read_preparation

EXAMPLES = Path(__file__).parents[3] / "examples"


@pytest.fixture(autouse=True)
def programs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(EXAMPLES))


def packed(out: Path, name: str) -> Package:
    preparation = read_preparation((out / f"{name}.json").read_text())
    written = Package(load(out / f"{name}.onnx").model, preparation)
    return loads(b"".join(written.chunks()))


def test_eight_bits_cost_the_perceptron_next_to_nothing(tmp_path: Path) -> None:
    by_floats, by_integers = import_module("breast_cancer").main(tmp_path)

    assert by_floats > 0.93
    assert abs(by_floats - by_integers) < 0.03
    package = packed(tmp_path, "breast-cancer")
    inputs = read([tmp_path / "breast-cancer-test.csv"], package.manifest, package.preparation)
    assert inputs.elements[0].shape == (171, 30)
    assert "2 columns that the model does not take stay here" in inputs.notes


def test_scans_go_from_a_file_to_an_answer(tmp_path: Path) -> None:
    answers = import_module("ct_or_mr").main(tmp_path)

    package = packed(tmp_path, "ct-or-mr")
    files = [tmp_path / name for name, _ in answers]
    inputs = read(files, package.manifest, package.preparation)
    outputs = Executor(package.model).run(inputs.elements[0]).outputs[0]
    found = [package.preparation.labels[int(at)] for at in np.argmax(outputs, axis=1)]
    assert found == [answer for _, answer in answers]
