"""Texts that others wrote, in CSV: a spreadsheet executes a cell that it reads as a formula."""

from __future__ import annotations

from typing import Final

_BEGINNINGS: Final = tuple("=+-@\t\r\n＝＋－＠")
"""First characters of a formula, in the wide forms of East Asian keyboards, too."""


def text_cell(text: str) -> str:
    """Return a text as a cell: one that a spreadsheet would take for a formula gets a quote mark.

    Spaces before a formula do not keep every program from reading it.
    """
    return "'" + text if text.lstrip(" \u00a0\u3000").startswith(_BEGINNINGS) else text
