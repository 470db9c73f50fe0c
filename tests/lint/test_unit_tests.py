"""Unit tests start no process and no node: the guard of `tests/unit` refuses what would."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from pathlib import Path

import pytest

from support.process_guard import GUARD

UNIT = Path(__file__).resolve().parents[1] / "unit"
NODES = frozenset({"support.feeders", "support.instant_node", "support.node", "support.shop"})
"""Modules of `support` that start nodes or programs."""


def imports(file: Path) -> set[str]:
    text = file.read_text()
    if not any(module in text for module in NODES):
        return set()  # most files: parsing all takes seconds
    nodes = ast.walk(ast.parse(text))
    return {node.module for node in nodes if isinstance(node, ast.ImportFrom) and node.module}


def test_no_unit_test_imports_a_fixture_that_starts_a_node() -> None:
    found = {
        str(file.relative_to(UNIT)): used
        for file in UNIT.rglob("*.py")
        if (used := imports(file) & NODES)
    }
    assert not found, f"they start nodes: move them to tests/programs: {found}"


@pytest.mark.parametrize(
    "start",
    [
        lambda: subprocess.run([sys.executable, "-c", ""], check=True),
        lambda: os.posix_spawn(sys.executable, [sys.executable, "-c", ""], os.environ),
        os.fork,
        lambda: os.system("true"),
    ],
    ids=["subprocess", "posix_spawn", "fork", "system"],
)
def test_a_process_of_a_unit_test_is_refused_with_the_place_where_it_belongs(
    start: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert callable(start)
    monkeypatch.setattr(GUARD, "running", "tests/unit/x.py::test_y")
    monkeypatch.setattr(GUARD, "refused", [])
    with pytest.raises(PermissionError, match=r"test_y starts a process .*tests/programs"):
        start()
    assert len(GUARD.refused) == 1


@pytest.mark.parametrize("module", ["ctypes.util", "matplotlib.font_manager"])
def test_a_library_may_ask_the_system_when_it_is_imported(
    module: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(GUARD, "running", "tests/unit/x.py::test_y")
    monkeypatch.setattr(GUARD, "refused", [])
    begins = "subprocess.run([sys.executable, '-c', ''], check=True)"
    exec(begins, {"__name__": module, "subprocess": subprocess, "sys": sys})
    assert not GUARD.refused
    with pytest.raises(PermissionError):
        exec(begins, {"__name__": "another", "subprocess": subprocess, "sys": sys})
