"""Unit tests start no process: a test that does fails, with the place where it belongs."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Final

import pytest

from support.process_guard import GUARD

UNIT: Final = Path(__file__).parent


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    """Refuse processes during a unit test and its fixtures."""
    if UNIT not in item.path.parents:
        return (yield)  # pytest calls this for the tests of other folders, too
    GUARD.running, GUARD.refused = item.nodeid, []
    try:
        return (yield)
    finally:
        GUARD.running = None


@pytest.fixture(autouse=True)
def _no_process_was_started() -> Iterator[None]:
    """Fail a test whose code swallowed the refusal."""
    yield
    if GUARD.refused:
        pytest.fail(GUARD.message(), pytrace=False)
