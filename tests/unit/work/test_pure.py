"""What the runtime judges with is whole numbers only, and loads nothing that is not."""

from __future__ import annotations

import os
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

import btt_chain.work

PURE = (
    "arithmetic",
    "commit",
    "elements",
    "errors",
    "fraud",
    "graph",
    "ids",
    "layout",
    "merkle",
    "shapes",
)
FOLDER = Path(btt_chain.work.__path__[0])
LINT = FOLDER.parents[1] / "scripts" / "lint_runtime.py"


def test_judging_needs_no_numpy() -> None:
    imports = "\n".join(f"import btt_chain.work.{name}" for name in PURE)
    program = f"{imports}\nimport sys\nprint('numpy' in sys.modules, 'onnx' in sys.modules)"
    paths = os.pathsep.join(path for path in sys.path if path)

    done = subprocess.run(
        [sys.executable, "-c", program],
        env={**os.environ, "PYTHONPATH": paths},
        capture_output=True,
        check=True,
    )

    assert done.stdout.split() == [b"False", b"False"]


@pytest.mark.skipif(not LINT.exists(), reason="installed without the scripts of the repository")
def test_judging_keeps_to_the_lint_of_the_law(tmp_path: Path) -> None:
    for name in PURE:
        (tmp_path / f"{name}.py").write_bytes((FOLDER / f"{name}.py").read_bytes())

    done = subprocess.run(
        [sys.executable, str(LINT), str(tmp_path)], capture_output=True, check=False
    )

    assert (done.returncode, done.stdout) == (0, b"")


def test_without_onnx_the_importer_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "onnx", None)
    for name in [name for name in sys.modules if name.startswith("btt_chain.work.onnx_import")]:
        monkeypatch.delitem(sys.modules, name)

    with pytest.raises(ImportError, match="pip install onnx"):
        import_module("btt_chain.work.onnx_import")
