"""The newcomer of a newcomer, in a folder of its own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from support.newcomer import Newcomer


@pytest.fixture
def newcomer(tmp_path: Path) -> Iterator[Newcomer]:
    """A newcomer; what a failed journey has left running is killed."""
    newcomer = Newcomer(tmp_path)
    try:
        yield newcomer
    finally:
        newcomer.close()
