"""The seeds that a run of the tests plays, in parts that run side by side.

BTT_SEEDS=10000 plays that many in place of the default, BTT_FIRST=5000 begins elsewhere,
BTT_SEED=4711 plays that one alone.
"""

from __future__ import annotations

import os
from typing import Final

COUNT: Final = 1_000
PARTS: Final = 4
BATCH: Final = 10
"""Seeds of one test."""
IN_CI: Final = 1
"""Batches that CI plays; the others are marked `full`."""


def batches(part: int, *, parts: int = PARTS, count: int = COUNT, size: int = BATCH) -> list[range]:
    """Return the seeds of a part (0 to `parts` - 1), in batches."""
    alone = os.environ.get("BTT_SEED")
    if alone is not None:
        return [range(int(alone), int(alone) + 1)] if part == 0 else []
    first = int(os.environ.get("BTT_FIRST", "0"))
    count = int(os.environ.get("BTT_SEEDS", str(count)))
    begin, end = first + count * part // parts, first + count * (part + 1) // parts
    return [range(at, min(at + size, end)) for at in range(begin, end, size)]


def name(batch: range) -> str:
    """Return the name of a batch."""
    return f"{batch[0]}-{batch[-1]}" if len(batch) > 1 else str(batch[0])
