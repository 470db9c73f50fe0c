"""The last slots by author, and those in which no block was made."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final, TypedDict

WINDOW: Final = 600
"""Number of slots that are shown."""
AUTHORS: Final = 8
"""Number of authors with a row of their own: those with the most blocks."""


class SlotRow(TypedDict):
    """The blocks of an author, in runs of slots; no name for those of all other authors."""

    name: str | None
    blocks: int
    runs: list[tuple[int, int]]


class Strip(TypedDict):
    """The slots up to the last block, by author. Runs are a slot and a number of slots."""

    first: int
    count: int
    rows: list[SlotRow]
    missed: int
    missedRuns: list[tuple[int, int]]


def strip_of(made: Sequence[tuple[int, bytes]], name: Callable[[bytes], str]) -> Strip | None:
    """Return the slots up to the last block, by author; None if no block has a slot.

    `made` are slots with their authors, in the order of the chain.
    """
    if not made:
        return None
    last = made[-1][0]
    first = max(last - WINDOW + 1, made[0][0])
    by_author: dict[bytes, list[int]] = {}
    for slot, author in made:
        if slot >= first:
            by_author.setdefault(author, []).append(slot)
    ordered = sorted(by_author.items(), key=lambda each: (-len(each[1]), each[0]))
    rows = [_row(name(author), found) for author, found in ordered[:AUTHORS]]
    if rest := sorted(slot for _, found in ordered[AUTHORS:] for slot in found):
        rows.append(_row(None, rest))
    taken = {slot for found in by_author.values() for slot in found}
    missed = [slot for slot in range(first, last + 1) if slot not in taken]
    return {
        "first": first, "count": last - first + 1, "rows": rows, "missed": len(missed),
        "missedRuns": _runs(missed),
    }  # fmt: skip


def _row(name: str | None, found: list[int]) -> SlotRow:
    return {"name": name, "blocks": len(found), "runs": _runs(found)}


def _runs(found: Sequence[int]) -> list[tuple[int, int]]:
    """Return ascending slots as pairs of a first slot and a length."""
    runs: list[list[int]] = []
    for slot in found:
        if runs and runs[-1][0] + runs[-1][1] == slot:
            runs[-1][1] += 1
        else:
            runs.append([slot, 1])
    return [(start, length) for start, length in runs]
