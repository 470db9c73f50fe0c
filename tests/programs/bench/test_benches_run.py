"""The benches run: a little of each, no peers. What they measure is not looked at."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from typing import Self

import pytest

from bench import machine, run
from bench.report import TARGETS, Row


@pytest.fixture(autouse=True)
def collector() -> Iterator[None]:
    """Put the garbage collector back: a bench settles the memory of its process."""
    thresholds = gc.get_threshold()
    yield
    gc.set_threshold(*thresholds)
    gc.unfreeze()


def breaks_off(_folder: Path, _quick: bool) -> Iterator[Row]:
    yield Row("-", "a figure", "7/s")
    raise RuntimeError("the node did not answer\nand more")


def test_a_part_that_breaks_off_keeps_its_figures_and_says_why(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(run.PARTS, "broken", breaks_off)
    figure, why = run.measure("broken", quick=True)
    assert figure.ours == "7/s"
    assert (why.number, why.what, why.ours) == (run.BROKEN, "part broken", "BROKE OFF")
    assert why.note == "RuntimeError: the node did not answer"


def test_a_part_whose_process_dies_is_a_row(monkeypatch: pytest.MonkeyPatch) -> None:
    class Dead:
        def __init__(self, *_: object) -> None: ...

        def __enter__(self) -> Self:
            return self

        def __exit__(self, *_: object) -> None: ...

        def submit(self, *_: object, **__: object) -> object:
            raise BrokenProcessPool("it was killed")

    monkeypatch.setattr(run, "ProcessPoolExecutor", Dead)
    rows = run.main(["--only", "parts,submit"])
    assert [row.what for row in rows] == ["part parts", "part submit"]
    assert {row.number for row in rows} == {run.BROKEN}


def test_the_report_names_the_interpreter_and_how_it_was_built() -> None:
    line = machine.interpreter()
    assert line.startswith("CPython 3.")
    assert ("PGO" in line, "LTO" in line) == (True, True)
    assert line in machine.describe()


@pytest.mark.full
def test_a_quick_run_has_a_line_for_every_target() -> None:
    rows = run.main(["--quick"])
    assert {row.number for row in rows} >= set(TARGETS)
    assert all(row.ours for row in rows)
