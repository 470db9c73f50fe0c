"""The modules that the runtime imports load no library beside the standard one."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

import btt_chain.work

FOLDER = Path(btt_chain.work.__path__[0])


LINT = FOLDER.parents[1] / "scripts" / "lint_runtime.py"


PURE = (
    "arithmetic",
    "commit",
    "errors",
    "fraud",
    "graph",
    "ids",
    "layout",
    "merkle",
    "race",
    "shapes",
    "tensors",
    "operators",
    *sorted(f"operators.{file.stem}" for file in FOLDER.glob("operators/[a-z]*.py")),
)


def source_of(module: str) -> Path:
    path = FOLDER.joinpath(*module.split("."))
    return path / "__init__.py" if path.is_dir() else path.with_suffix(".py")


def test_modules_of_the_runtime_load_neither_numpy_nor_onnx() -> None:
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
def test_modules_of_the_runtime_pass_its_lint(tmp_path: Path) -> None:
    for name in PURE:
        (tmp_path / f"{name}.py").write_bytes(source_of(name).read_bytes())

    done = subprocess.run(
        [sys.executable, str(LINT), str(tmp_path)], capture_output=True, check=False
    )

    assert (done.returncode, done.stdout) == (0, b"")
