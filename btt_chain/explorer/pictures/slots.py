"""The last slots by author: a row each, a mark for each block; missed slots are the last row."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from markupsafe import Markup

from btt_chain.explorer.pages.slots import Strip
from btt_chain.explorer.pictures.svg import WIDTH, Translate, label, line, picture, place

ROW: Final = 18
BAR: Final = 12
LEFT: Final = 92
NAME_LENGTH: Final = 13
NAME: Final = "slots"


def slots(strip: Strip, t: Translate) -> Markup:
    """Return the picture of a strip of slots, as `validators.strip_of` returns it."""
    first, count, rows = strip["first"], max(strip["count"], 1), strip["rows"]
    scale = (WIDTH - LEFT) / count
    parts: list[Markup] = []
    words: list[str] = []
    for at, row in enumerate(rows):
        top = at * ROW
        shown = t("others") if row["name"] is None else row["name"]
        parts.append(label(0, top + BAR - 1, shown[:NAME_LENGTH]))
        parts.append(_marks([(start - first, length) for start, length in row["runs"]], top, scale))
        words.append(f"{shown} {row['blocks']}.")
    top = len(rows) * ROW
    parts.append(line([(0, top - 3), (WIDTH, top - 3)], "axis"))
    parts.append(label(0, top + BAR - 1, t("missed")))
    missed = [(start - first, length) for start, length in strip["missedRuns"]]
    parts.append(_marks(missed, top, scale, "missed"))
    words.append(f"{t('missed')} {strip['missed']}.")
    title = t("The last {n} slots, the newest on the right", n=count)
    return picture(NAME, top + ROW, title, " ".join(words), parts)


def _marks(runs: Sequence[tuple[int, int]], top: float, scale: float, kind: str = "made") -> Markup:
    """Return runs of slots as bars, in one path."""
    path = "".join(
        f"M{place(LEFT + start * scale)} {place(top)}h{place(length * scale)}v{BAR}"
        f"h-{place(length * scale)}z"
        for start, length in runs
    )
    return Markup('<path d="{0}" class="{1}"/>').format(path, kind)
