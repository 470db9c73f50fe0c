"""Results for the chaos report; no world outlives its test."""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator

import pytest

from support.sim.invariants import SHARES
from support.sim.plays import RECOVERIES


@pytest.fixture(autouse=True)
def _report(record_property: Callable[[str, object], None]) -> Iterator[None]:
    """Print the durations of recoveries."""
    RECOVERIES.clear()
    SHARES.clear()
    yield
    if SHARES:
        record_property("share", f"{max(SHARES):.3f}")
        print(f"largest part of a budget that an honest peer used: {max(SHARES):.1%}")
    if RECOVERIES:
        record_property("recovery", max(RECOVERIES))


@pytest.fixture(autouse=True)
def _no_worlds_left() -> Iterator[None]:
    """Let go of the worlds of a test: each is one great cycle, and there are a thousand."""
    yield
    gc.collect()
