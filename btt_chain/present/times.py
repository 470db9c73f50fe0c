"""Times as text: dates, and durations such as `3 days 4 hours`."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Final

UNITS: Final = ((86_400, "day"), (3_600, "hour"), (60, "minute"), (1, "second"))
"""Units of durations in seconds, the longest first."""
DAYS_ALONE: Final = 10
"""Durations of so many days have no hours."""

_WORDS: Final = "weeks?|days?|hours?|min(?:ute)?s?|seconds?|[wdhms]"
_DURATION: Final = rf"([0-9]{{1,15}}) ?({_WORDS})"
_DURATIONS: Final = rf"{_DURATION}(?: ?{_DURATION})*"
"""Patterns that are compiled when a duration is read: a node reads none."""
_SECONDS: Final = {word[0]: length for length, word in ((7 * 86_400, "week"), *UNITS)}


def span(ms: int) -> str:
    """Return a duration in its two largest units, rounded down: `3 days 4 hours`, `45 seconds`."""
    seconds = max(ms, 0) // 1_000
    parts: list[str] = []
    for length, name in UNITS:
        number, seconds = divmod(seconds, length)
        if number:
            parts.append(f"{number:_} {name}{'' if number == 1 else 's'}")
        elif parts:
            break
        if len(parts) == 2 or (parts and name == "day" and number >= DAYS_ALONE):
            break
    return " ".join(parts) or "less than a second"


def date(unix_ms: int) -> str:
    """Return a time as `2026-11-23 02:25 UTC`; `never` beyond the calendar."""
    try:
        return datetime.fromtimestamp(unix_ms // 1_000, UTC).strftime("%Y-%m-%d %H:%M UTC")
    except (OverflowError, ValueError, OSError):
        return "never"


def read_span(text: str) -> int | None:
    """Return the milliseconds of a duration such as `3 days 4 hours` or `90m`, None for others."""
    text = text.replace("_", "")
    if not re.fullmatch(_DURATIONS, text):
        return None
    return 1_000 * sum(
        int(number) * _SECONDS[unit[0]] for number, unit in re.findall(_DURATION, text)
    )


def read_date(text: str) -> int | None:
    """Return the milliseconds since 1970 of a date in ISO 8601, in UTC if it names no zone.

    None for another text, and for a date before 1970.
    """
    try:
        moment = datetime.fromisoformat(text.removesuffix(" UTC"))
    except ValueError:
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    ms = int(moment.timestamp()) * 1_000
    return ms if ms >= 0 else None
