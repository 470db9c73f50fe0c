"""What the chaos report reads of the scenarios."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from support.sim.plays import RECOVERIES


@pytest.fixture(autouse=True)
def _report(record_property: Callable[[str, object], None]) -> Iterator[None]:
    """Tell how long recoveries took."""
    RECOVERIES.clear()
    yield
    if RECOVERIES:
        record_property("recovery", max(RECOVERIES))
