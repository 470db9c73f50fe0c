"""The amount of work of a random test: CI runs a part of what `make test-full` runs.

A test that asks is marked `hypothesis`: that tier runs tests with this mark once more, with the
profile of tests/conftest.py that is in HYPOTHESIS_PROFILE.
"""

from __future__ import annotations

import os
from typing import Final, TypeVar

Amount = TypeVar("Amount")

PROFILE: Final = os.environ.get("HYPOTHESIS_PROFILE", "ci")
FULL: Final = PROFILE != "ci"
"""True in the full tier, and while fuzzing."""


def amount(ci: Amount, full: Amount) -> Amount:
    """Return how much a test does in CI, or in the full tier."""
    return full if FULL else ci
