"""Blocks of a validator against those to be expected: a scale, a band, and a mark."""

from __future__ import annotations

from typing import Final

from markupsafe import Markup

from btt_chain.explorer.pictures.svg import WIDTH, Translate, box, label, line, mark, picture

HEIGHT: Final = 74
TOP: Final = 24
BAR: Final = 18
NAME: Final = "band"


def band(made: int, expected: float, low: int, high: int, t: Translate) -> Markup:
    """Return the picture: the band is hatched, the made blocks are the mark."""
    largest = max(made, high, 1) * 1.1
    left, right, at = (WIDTH * value / largest for value in (low, high, made))
    anchor = "start" if at < WIDTH / 4 else "end" if at > WIDTH * 3 / 4 else "middle"
    parts = [
        line([(0, TOP + BAR), (WIDTH, TOP + BAR)], "axis"),
        box(left, TOP, max(right - left, 1), BAR, f"url(#{NAME}-a)", "fill"),
        box(left, TOP, max(right - left, 1), BAR, "none"),
        mark(at, TOP - 6, TOP + BAR + 6),
        label(at, 12, t("made {n}", n=made), anchor),
        label(left, HEIGHT - 6, str(low)),
        label(right, HEIGHT - 6, str(high), "end" if right - left > 60 else "start"),
    ]
    desc = t("{made} blocks made, {expected} expected, {low} to {high} within two deviations.",
             made=made, expected=expected, low=low, high=high)  # fmt: skip
    return picture(NAME, HEIGHT, t("Blocks made against those to be expected"), desc, parts)
