"""The kernel for leaves, in triton's interpreter: the same hashes as the standard library's.

No GPU runs it here, and compiled code may differ: the check of engines compares roots.
"""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

pytest.importorskip("torch", reason="torch is not installed: pip install '.[gpu]'")
pytest.importorskip("triton", reason="triton is not installed: pip install triton")

from support.work import leaves_in_interpreter


def test_the_kernel_hashes_leaves_as_the_standard_library() -> None:
    program = leaves_in_interpreter.__file__
    environment = {**os.environ, "TRITON_INTERPRET": "1", "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run(
        [sys.executable, program], env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout == "equal\n"
