"""A limit on the log lines that callers can cause, so that no caller can fill the disk."""

from __future__ import annotations

import logging
from collections import OrderedDict
from time import monotonic
from typing import Final

MAX_LINES: Final = 10
"""Lines of one kind in `WINDOW` seconds; further ones are dropped."""
WINDOW: Final = 60.0
KINDS: Final = 256


class LimitRepeats(logging.Filter):
    """Passes a limited number of records of one text (without its arguments) in a window."""

    def __init__(self, lines: int = MAX_LINES, window: float = WINDOW) -> None:
        super().__init__()
        self._lines = lines
        self._window = window
        self._seen: OrderedDict[str, tuple[float, int]] = OrderedDict()

    def filter(self, record: logging.LogRecord) -> bool:
        """Return True if the record is to be written."""
        kind = f"{record.name} {str(record.msg)[:80]}"
        now = monotonic()
        begun, count = self._seen.get(kind, (now, 0))
        if now - begun > self._window:
            begun, count = now, 0
        self._seen[kind] = begun, count + 1
        self._seen.move_to_end(kind)
        if len(self._seen) > KINDS:
            self._seen.popitem(last=False)
        if count == self._lines:
            record.msg = f"{record.msg} (more lines like this are left out for a while)"
        return count <= self._lines


LIMIT: Final = LimitRepeats()
"""One for all loggers of servers."""
