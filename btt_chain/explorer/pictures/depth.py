"""The depth of an order book: units bid and asked up to each price."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Final

from markupsafe import Markup

from btt_chain.explorer.pictures.svg import (
    WIDTH,
    Translate,
    box,
    label,
    line,
    mark,
    picture,
    tick,
)

HEIGHT: Final = 180
TOP: Final = 40
BOTTOM: Final = 160
NAME: Final = "depth"


@dataclass(frozen=True, slots=True)
class Level:
    """The orders of one side at one price."""

    price: int
    units: int


@dataclass(frozen=True, slots=True)
class _Frame:
    """The prices and units at the edges of the picture."""

    low: int
    high: int
    units: int

    def across(self, price: int) -> float:
        return WIDTH * (price - self.low) / max(self.high - self.low, 1)

    def up(self, units: int) -> float:
        return BOTTOM - (BOTTOM - TOP) * units / self.units


def depth(
    bids: Sequence[Level],
    asks: Sequence[Level],
    last: int | None,
    shown: Callable[[int], str],
    t: Translate,
) -> Markup:
    """Return the picture of a book, the best level of each side first; nothing for an empty one.

    Bids are hatched on the left, asks dotted on the right; `last` is the price of the last auction.
    """
    bought = list(accumulate(level.units for level in bids))
    sold = list(accumulate(level.units for level in asks))
    if not bought and not sold:
        return Markup("")
    frame = _frame(bids, asks, last, max([*bought, *sold]))
    parts = [
        label(0, 14, t("bids {n}", n=_units(bought))),
        label(WIDTH, 14, t("asks {n}", n=_units(sold)), "end"),
        line([(0, BOTTOM), (WIDTH, BOTTOM)], "axis"),
        label(0, HEIGHT - 4, shown(frame.low)),
        label(WIDTH, HEIGHT - 4, shown(frame.high), "end"),
        *_side(bids, bought, frame, f"url(#{NAME}-a)", to=0),
        *_side(asks, sold, frame, f"url(#{NAME}-n)", to=WIDTH),
    ]
    if last is not None:
        at = frame.across(last)
        anchor = "start" if at < WIDTH / 3 else "end" if at > WIDTH * 2 / 3 else "middle"
        parts += [
            mark(at, TOP - 6, BOTTOM),
            label(at, TOP - 10, t("last {price}", price=shown(last)), anchor),
        ]
    desc = t("{a} units are bid, {b} asked.", a=_units(bought), b=_units(sold))
    return picture(NAME, HEIGHT, t("Depth of the order book"), desc, parts)


def _frame(bids: Sequence[Level], asks: Sequence[Level], last: int | None, units: int) -> _Frame:
    prices = [level.price for level in (*bids, *asks)] + ([] if last is None else [last])
    step = tick(max(max(prices) - min(prices), 1), 8)
    low = max(min(prices) // step - 1, 0) * step
    return _Frame(low, (max(prices) // step + 1) * step, max(units, 1))


def _side(
    rows: Sequence[Level], sums: Sequence[int], frame: _Frame, fill: str, to: float
) -> list[Markup]:
    """Return the steps of one side, from its best price to the edge `to`."""
    parts: list[Markup] = []
    edge: list[tuple[float, float]] = []
    for at, (row, units) in enumerate(zip(rows, sums, strict=True)):
        here = frame.across(row.price)
        there = frame.across(rows[at + 1].price) if at + 1 < len(rows) else to
        top = frame.up(units)
        parts.append(box(min(here, there), top, abs(there - here), BOTTOM - top, fill, "fill"))
        edge += [(here, top), (there, top)]
    if edge:
        parts.append(line([(edge[0][0], BOTTOM), *edge], "curve"))
    return parts


def _units(sums: Sequence[int]) -> str:
    return f"{sums[-1]:_}".replace("_", "\u202f") if sums else "0"
