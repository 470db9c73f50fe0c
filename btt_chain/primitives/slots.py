"""Numbers of slots on chains with slots shorter than a second."""

from __future__ import annotations

from typing import Final

SECOND_MS: Final = 1_000


def slots_in_time(count: int, slot_ms: int, before_ms: int = SECOND_MS) -> int:
    """Return how many slots of `slot_ms` last as long as `count` of `before_ms`, rounded up.

    Slots longer than a second count as one of a second: only shorter ones are more.
    """
    return -(-count * min(before_ms, SECOND_MS) // min(slot_ms, SECOND_MS))
