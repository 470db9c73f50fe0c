"""The languages of the pages: English is the key of each text, one table has its translation.

`{name}` in a text is filled in by the caller. A text without a translation is shown in English; a
test holds the table complete.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Final

LANGUAGES: Final = {"en": "English", "zh": "中文"}
DEFAULT: Final = "en"
TABLES: Final = Path(__file__).parent / "languages"


class Language:
    """One language: texts, numbers and times in it."""

    def __init__(self, code: str, table: Mapping[str, str]) -> None:
        self.code = code
        self._table = table

    def text(self, english: str, **parts: object) -> str:
        """Return a text in this language, with its parts filled in."""
        found = self._table.get(english, english)
        # A name of the chain has no parts, and may have any characters.
        return found.format(**parts) if parts else found

    def ago(self, seconds: int) -> str:
        """Return an age in its largest unit."""
        for size, text in ((86_400, "{n} d ago"), (3_600, "{n} h ago"), (60, "{n} min ago")):
            if seconds >= 2 * size:
                return self.text(text, n=seconds // size)
        return self.text("{n} s ago", n=max(seconds, 0))


@lru_cache(maxsize=len(LANGUAGES))
def language(code: str) -> Language:
    """Return a language by its code, English if there is no such."""
    if code not in LANGUAGES or code == DEFAULT:
        return Language(DEFAULT, {})
    return Language(code, json.loads((TABLES / f"{code}.json").read_text(encoding="utf-8")))


def chosen(cookie: str | None, accepted: str) -> str:
    """Return the code of the language of a request: its cookie's, else its browser's."""
    if cookie in LANGUAGES:
        return str(cookie)
    for part in accepted.split(",")[:16]:
        code = part.partition(";")[0].strip()[:2].lower()
        if code in LANGUAGES:
            return code
    return DEFAULT
