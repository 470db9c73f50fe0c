"""Step curves: one value a year, as bars without gaps, with an axis of round amounts."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from markupsafe import Markup

from btt_chain.explorer.pictures.svg import WIDTH, box, label, line, picture, tick

HEIGHT: Final = 170
LEFT: Final = 4
TOP: Final = 24
BOTTOM: Final = 146
"""Edges of the area of the curve."""
MIN_WIDTH: Final = 34
"""Minimum width of a column's name."""


@dataclass(frozen=True, slots=True)
class Step:
    """One step of a curve, or one column of a histogram."""

    name: str
    value: int


def steps(name: str, title: str, rows: Sequence[Step], shown: Callable[[int], str]) -> Markup:
    """Return a step curve from zero; `shown` formats its values. Every step is hatched."""
    largest = max((row.value for row in rows), default=0)
    if not largest:
        return Markup("")
    step = tick(largest)
    top = -(-largest // step) * step
    wide = (WIDTH - LEFT) / len(rows)
    parts: list[Markup] = []
    texts: list[Markup] = []  # above the bars
    for level in range(0, top + 1, step):
        at = _height(level, top)
        parts.append(line([(LEFT, at), (WIDTH, at)], "axis"))
        if level:
            texts.append(label(LEFT, at - 3, shown(level)))
    edge: list[tuple[float, float]] = []
    every = max(1, round(MIN_WIDTH / wide + 0.49))
    for place, row in enumerate(rows):
        left, at = LEFT + place * wide, _height(row.value, top)
        parts.append(box(left, at, wide, BOTTOM - at, f"url(#{name}-a)", "fill"))
        edge += [(left, at), (left + wide, at)]
        if place % every == 0:
            parts.append(label(left + wide / 2, BOTTOM + 16, row.name, "middle"))
    parts.append(line(edge, "curve"))
    desc = ", ".join(f"{row.name}: {shown(row.value)}" for row in rows)
    return picture(name, HEIGHT, title, desc, [*parts, *texts])


def _height(value: int, top: int) -> float:
    return BOTTOM - (BOTTOM - TOP) * value / top
