"""The benches run: a little of each, no peers. What they measure is not looked at."""

from __future__ import annotations

import gc
from collections.abc import Iterator

import pytest

from bench.report import TARGETS
from bench.run import main


@pytest.fixture(autouse=True)
def collector() -> Iterator[None]:
    """Put the garbage collector back: a bench settles the memory of its process."""
    thresholds = gc.get_threshold()
    yield
    gc.set_threshold(*thresholds)
    gc.unfreeze()


def test_a_quick_run_has_a_line_for_every_target() -> None:
    rows = main(["--quick"])
    assert {row.number for row in rows} >= set(TARGETS)
    assert all(row.ours for row in rows)
