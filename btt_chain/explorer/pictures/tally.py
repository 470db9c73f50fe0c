"""The votes of a referendum: a bar for each chamber, one for turnout and one for approval."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from markupsafe import Markup

from btt_chain.explorer.pictures.svg import (
    PERMILLION,
    WIDTH,
    Translate,
    box,
    label,
    mark,
    percent,
    picture,
)

ROW: Final = 42
"""Height of a bar with its line of text."""
BAR: Final = 16
NAME: Final = "tally"


@dataclass(frozen=True, slots=True)
class Side:
    """A chamber in the picture; all numbers are shares in millionths."""

    name: str
    weight: int
    """Share of all weights."""
    ayes: int
    """Share of all weights, as the next one."""
    nays: int
    takes_part: bool


@dataclass(frozen=True, slots=True)
class Counted:
    """The whole vote; shares in millionths."""

    chambers: Sequence[Side]
    participation: int
    participation_needed: int
    approval: int
    approval_needed: int
    votes: bool
    """False if no chamber has counted votes: there is no approval yet."""


def tally(counted: Counted, t: Translate) -> Markup:
    """Return the picture of a vote. Ayes are hatched from the left, nays dotted behind them."""
    parts: list[Markup] = []
    top = 0
    for side in counted.chambers:
        parts += _chamber(side, top, t)
        top += ROW
    needed = percent(counted.participation_needed)
    parts += _share(
        top,
        t("Participation {share}", share=percent(counted.participation)),
        t("needed {share}", share=needed),
        counted.participation,
        counted.participation_needed,
        "none",
    )
    top += ROW
    ayes = percent(counted.approval) if counted.votes else "-"
    parts += _share(
        top,
        t("Approval {share}", share=ayes),
        t("more than {share}", share=percent(counted.approval_needed)),
        counted.approval if counted.votes else 0,
        counted.approval_needed,
        f"url(#{NAME}-a)",
        rest=f"url(#{NAME}-n)" if counted.votes else None,
    )
    desc = " ".join(_words(side, t) for side in counted.chambers)
    return picture(NAME, top + ROW, t("Votes by chamber"), desc, parts)


def _words(side: Side, t: Translate) -> str:
    return t(
        "{name}: weight {weight}, ayes {ayes}, nays {nays}.",
        name=t(side.name),
        weight=percent(side.weight),
        ayes=percent(side.ayes),
        nays=percent(side.nays),
    )


def _chamber(side: Side, top: int, t: Translate) -> list[Markup]:
    """Return a chamber: its bar is as wide as its weight."""
    if side.takes_part:
        votes = t("ayes {ayes}, nays {nays}", ayes=percent(side.ayes), nays=percent(side.nays))
    else:
        votes = t("turnout too small")
    under = top + 20
    left, middle = _wide(side.ayes), _wide(side.nays)
    return [
        label(0, top + 14, f"{t(side.name)} {percent(side.weight)}"),
        label(WIDTH, top + 14, votes, "end"),
        box(left, under, middle, BAR, f"url(#{NAME}-n)", "fill"),
        box(0, under, left, BAR, f"url(#{NAME}-a)", "fill"),
        box(0, under, _wide(side.weight), BAR, "none"),
    ]


def _share(
    top: int, name: str, needed: str, part: int, threshold: int, fill: str, rest: str | None = None
) -> list[Markup]:
    """Return a bar of the whole width, with a mark at its threshold."""
    under, end = top + 20, _wide(part)
    parts = [label(0, top + 14, name), label(WIDTH, top + 14, needed, "end")]
    if rest is not None:
        parts.append(box(end, under, WIDTH - end, BAR, rest, "fill"))
    kind = "level" if fill == "none" else "fill"
    parts += [
        box(0, under, end, BAR, "currentColor" if fill == "none" else fill, kind),
        box(0, under, WIDTH, BAR, "none"),
        mark(_wide(threshold), under - 3, under + BAR + 3),
    ]
    return parts


def _wide(millionths: int) -> float:
    return WIDTH * min(millionths, PERMILLION) / PERMILLION
