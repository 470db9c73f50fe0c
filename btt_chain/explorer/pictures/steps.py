"""Step curves: one value a year, as bars without gaps, with an axis of round amounts."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from markupsafe import Markup

from btt_chain.explorer.pictures.svg import WIDTH, box, label, line, picture, tick

HEIGHT: Final = 170
GAP: Final = 6
"""Distance of the axis from its labels and from the edge."""
LETTER: Final = 6.6
"""Width of a letter, as the style sheet has it on a phone."""
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
    scale = {level: shown(level) for level in range(0, top + 1, step)}
    axis = 2 * GAP + LETTER * max(map(len, scale.values()))
    wide = (WIDTH - axis) / len(rows)
    parts: list[Markup] = []
    for level, text in scale.items():
        at = _height(level, top)
        parts.append(line([(axis, at), (WIDTH, at)], "axis"))
        parts.append(label(axis - GAP, at + 4, text, "end"))
    edge: list[tuple[float, float]] = []
    every = max(1, round(MIN_WIDTH / wide + 0.49))
    for place, row in enumerate(rows):
        left, at = axis + place * wide, _height(row.value, top)
        parts.append(box(left, at, wide, BOTTOM - at, f"url(#{name}-a)", "fill"))
        edge += [(left, at), (left + wide, at)]
        if place % every == 0:
            parts.append(label(left + wide / 2, BOTTOM + 16, row.name, "middle"))
    parts.append(line(edge, "curve"))
    desc = ", ".join(f"{row.name}: {shown(row.value)}" for row in rows)
    return picture(name, HEIGHT, title, desc, parts, "pic large")


def _height(value: int, top: int) -> float:
    return BOTTOM - (BOTTOM - TOP) * value / top
