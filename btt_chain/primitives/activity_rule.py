"""Rules of activities: the points of a confirmed activity.

Rules are public and stored on the chain; a facility's program applies them, and auditors check it.
Factors are in parts per million.
"""

from __future__ import annotations

from enum import IntFlag
from typing import Annotated, Final

from btt_chain.lazyclass import dataclass
from btt_chain.primitives.meaning import MILLIONTHS
from btt_chain.scale import path, u8, u16, u32

PPM: Final = 1_000_000
MAX_FACTOR: Final = 3 * PPM
"""Maximum of every factor."""
MAX_BASE: Final = 10_000
"""Maximum points of an activity before its factors."""


class Evidence(IntFlag):
    """Kinds of evidence that an activity may be confirmed by."""

    ORACLE = 1
    """A statement of a trusted source."""
    PROVIDER = 2
    """A confirmation of the facility itself."""
    DEVICE = 4
    """A signed observation of a registered device."""


@path("btt_primitives::ActivityRule")
@dataclass(frozen=True, slots=True)
class ActivityRule:
    """The rule of one kind of activity."""

    base: u32
    """Points before the factors."""
    health_ppm: Annotated[u32, MILLIONTHS]
    """Factor of the value for health."""
    impact_ppm: Annotated[u32, MILLIONTHS]
    """Factor of the potential impact on outcomes."""
    floor_ppm: Annotated[u32, MILLIONTHS]
    """Lowest factor of the quality of completion."""
    cap_ppm: Annotated[u32, MILLIONTHS]
    """Highest factor of the quality of completion."""
    per_patient_month: u8
    """Maximum number of times that it counts for one patient in a month."""
    cooldown_days: u16
    """Minimum number of days between two times for one patient."""
    evidence: u8
    """Accepted kinds of evidence, as bits of `Evidence`."""

    def problem(self) -> str | None:
        """Return the problem of this rule, if there is one."""
        if not 1 <= self.base <= MAX_BASE:
            return f"base outside of 1 to {MAX_BASE}"
        for name in ("health_ppm", "impact_ppm", "cap_ppm"):
            if int(getattr(self, name)) > MAX_FACTOR:
                return f"{name} above {MAX_FACTOR}"
        if self.floor_ppm > self.cap_ppm:
            return "floor_ppm above cap_ppm"
        if not self.per_patient_month:
            return "per_patient_month is 0"
        if not 1 <= self.evidence <= sum(Evidence):
            return "evidence names no kind, or an unknown one"
        return None

    def points(self, quality_ppm: int) -> int:
        """Return the points of an activity completed with this quality."""
        quality = min(max(quality_ppm, int(self.floor_ppm)), int(self.cap_ppm))
        points = int(self.base)
        for factor in (int(self.health_ppm), int(self.impact_ppm), quality):
            points = points * min(factor, MAX_FACTOR) // PPM
        return points
