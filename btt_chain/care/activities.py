"""The points of an activity: the rule's exact integers, caps and cooldown. Pure functions."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Final

from btt_chain.care.errors import Refusal
from btt_chain.care.evidence import MONTH_DAYS
from btt_chain.primitives.activity_rule import ActivityRule, Evidence

KINDS: Final = {
    "oracle": Evidence.ORACLE,
    "provider": Evidence.PROVIDER,
    "device": Evidence.DEVICE,
}
MAX_POINTS: Final = 100_000
"""Maximum points of one activity that the program issues."""


def month_of(day: int) -> int:
    """Return the month of a day of the chain."""
    return day // MONTH_DAYS


def points_of(rule: ActivityRule, kind: str, quality_ppm: int) -> int:
    """Return the points of an activity. Raises Refusal if the rule does not accept it."""
    bit = KINDS.get(kind)
    if bit is None:
        raise Refusal(f"{kind!r} is not a kind of evidence: use {', '.join(KINDS)}")
    if not int(rule.evidence) & bit:
        raise Refusal(f"the rule does not accept evidence of the kind {kind}")
    points = rule.points(quality_ppm)
    if not points:
        raise Refusal("the rule gives no points for this quality")
    if points > MAX_POINTS:
        raise Refusal(f"the rule gives {points} points; the program issues at most {MAX_POINTS}")
    return points


def breach(rule: ActivityRule, days: Sequence[int]) -> str | None:
    """Return the breach of a rule by the days on which it counted for one patient, if any."""
    in_order = sorted(days)
    for earlier, later in pairwise(in_order):
        if later - earlier < rule.cooldown_days:
            return (
                f"{later - earlier} days between two times; "
                f"the cooldown is {rule.cooldown_days} days"
            )
    months = [month_of(day) for day in in_order]
    for month in months:
        if months.count(month) > rule.per_patient_month:
            return f"more than {rule.per_patient_month} times in one month"
    return None


def check(rule: ActivityRule, day: int, earlier: Sequence[int]) -> None:
    """Raise Refusal if another time on `day`, after those on `earlier` days, breaks the rule."""
    found = breach(rule, [*earlier, day])
    if found is not None:
        raise Refusal(f"the activity does not count now: {found}")
