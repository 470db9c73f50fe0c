"""A measurement of weights as the program that is called."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]


MEASURE = """
import sys
from pathlib import Path
import bench.weights.state, bench.weights.write, bench.weights.__main__ as program
bench.weights.state.ACCOUNTS = 100
bench.weights.write.RUNTIME = Path(sys.argv.pop())
sys.exit(program.main())
"""


@pytest.mark.full
def test_a_measurement_writes_a_module_without_a_commit_and_ends_silently(tmp_path: Path) -> None:
    # The database's handle was freed with the interpreter: "Error in sys.excepthook".
    folder = tmp_path / "pallets" / "timestamp"
    folder.mkdir(parents=True)
    (folder / "__init__.py").touch()  # the formatter wants a package
    done = subprocess.run(
        [sys.executable, "-c", MEASURE, "--only", "Timestamp", str(tmp_path)],
        cwd=ROOT, capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    written = (folder / "weights.py").read_text()
    assert "SET: Final = " in written
    assert "at commit" not in written  # whose name a rebase would lose
