"""Texts of users, made safe to show: names, remarks and memos are bytes of any account."""

from __future__ import annotations

import codecs
import unicodedata
from typing import Final

LIST_LENGTH: Final = 64
"""Maximum characters of a user's text in a list."""
PAGE_LENGTH: Final = 4_096
"""Maximum characters of one on a page of its own."""
MAX_MARKS: Final = 2
"""Maximum number of combining marks in a row; more would leave their line."""

_HIDDEN: Final = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}
"""Categories without a visible form: controls, formats (bidirectional, zero width), unassigned."""


def shown(text: str, length: int = LIST_LENGTH) -> str:
    """Return a text with characters that have no visible form as code points, cut to a length."""
    out: list[str] = []
    marks = 0
    for char in text[: length + 1]:
        category = unicodedata.category(char)
        marks = marks + 1 if category.startswith("M") else 0
        if category in _HIDDEN or marks > MAX_MARKS:
            out.append(f"⟨U+{ord(char):04X}⟩")
        else:
            out.append(char)
    if len(text) > length:
        out[length:] = ["…"]
    return "".join(out)


def of_bytes(raw: bytes, length: int = LIST_LENGTH) -> str | None:
    """Return bytes as text if they are UTF-8 that is mostly visible, else None."""
    # Of a long text the last character may be cut: that is not an error.
    decoder = codecs.getincrementaldecoder("utf-8")()
    try:
        text = decoder.decode(raw[: 4 * length], final=len(raw) <= 4 * length)
    except UnicodeDecodeError:
        return None
    if not text or any(unicodedata.category(char) == "Cc" and char not in "\n\t" for char in text):
        return None
    return shown(text, length)
