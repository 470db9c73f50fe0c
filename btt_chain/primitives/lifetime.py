"""The lifetime in blocks that a transaction has unless its sender names one."""

from __future__ import annotations

from typing import Final

DEFAULT_PERIOD: Final = 0
"""Stands for `period_for` the chain's slots, where a lifetime in blocks is expected."""
LIFETIME_MS: Final = 128_000
"""Minimum time to sign and send a transaction, and to have it in a block."""
MIN_PERIOD: Final = 64
MAX_PERIOD: Final = 4_096


def period_for(slot_ms: int) -> int:
    """Return how many blocks last `LIFETIME_MS` if each slot has one.

    It is a power of two, as in an era, from `MIN_PERIOD` to `MAX_PERIOD`.
    """
    blocks = -(-LIFETIME_MS // slot_ms)
    return min(max(1 << (blocks - 1).bit_length(), MIN_PERIOD), MAX_PERIOD)
