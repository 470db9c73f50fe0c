"""The time of day."""

from __future__ import annotations

import time


def unix_ms() -> int:
    """Return the time in milliseconds since 1970."""
    return time.time_ns() // 1_000_000
