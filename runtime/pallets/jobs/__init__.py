"""Jobs: paid computation, from posting to payment."""

from runtime.pallets.jobs.pallet import Jobs
from runtime.pallets.jobs.types import (
    ENDED,
    Check,
    Job,
    JobState,
    Market,
    NoPerks,
    Outcome,
    Params,
    ProtocolSet,
    Quote,
    Tier,
    Urgency,
)

__all__ = [
    "ENDED",
    "Check",
    "Job",
    "JobState",
    "Jobs",
    "Market",
    "NoPerks",
    "Outcome",
    "Params",
    "ProtocolSet",
    "Quote",
    "Tier",
    "Urgency",
]
