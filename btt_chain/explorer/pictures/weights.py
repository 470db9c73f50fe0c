"""The weights of the chambers by year: a bar of the whole for each year, split by chamber."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, TypedDict

from markupsafe import Markup

from btt_chain.explorer.pictures.svg import PERMILLION, WIDTH, Translate, box, label, picture

ROW: Final = 26
BAR: Final = 20
LEFT: Final = 44
NARROWEST: Final = 44
"""Minimum width of a part that has its share written in it."""
NAME: Final = "weights"


class YearRow(TypedDict):
    """The weights of a year, in millionths."""

    year: int
    shares: list[int]


def weights(years: Sequence[YearRow], names: Sequence[str], t: Translate) -> Markup:
    """Return the picture. Parts stand in the order of `names`; every second one is hatched."""
    parts: list[Markup] = []
    words: list[str] = []
    for at, row in enumerate(years):
        shares = row["shares"]
        parts.append(label(0, at * ROW + 15, str(row["year"])))
        parts += _bar(at * ROW, shares)
        said = ", ".join(
            f"{t(name)} {_percent(share)}" for name, share in zip(names, shares, strict=False)
        )
        words.append(f"{row['year']}: {said}.")
    title = t("Weights by year, from the left: {names}", names=", ".join(map(t, names)))
    return picture(NAME, max(len(years), 1) * ROW, title, " ".join(words), parts)


def _bar(top: int, shares: Sequence[int]) -> list[Markup]:
    parts: list[Markup] = []
    texts: list[Markup] = []
    left = float(LEFT)
    for at, share in enumerate(shares):
        wide = (WIDTH - LEFT) * share / PERMILLION
        fill = f"url(#{NAME}-a)" if at % 2 == 0 else f"url(#{NAME}-n)"
        parts += [box(left, top, wide, BAR, fill, "fill"), box(left, top, wide, BAR, "none")]
        if wide >= NARROWEST:
            texts.append(label(left + wide / 2, top + 15, _percent(share), "middle"))
        left += wide
    return [*parts, *texts]


def _percent(millionths: int) -> str:
    return f"{millionths / 10_000:.1f}\u00a0%"
