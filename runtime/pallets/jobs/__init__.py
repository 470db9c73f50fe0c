"""Jobs: paid computation, from posting to payment."""

from runtime.pallets.jobs.pallet import Jobs
from runtime.pallets.jobs.types import (
    ENDED,
    Check,
    Job,
    JobFees,
    JobState,
    Market,
    NoBenefits,
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
    "JobFees",
    "JobState",
    "Jobs",
    "Market",
    "NoBenefits",
    "Outcome",
    "Params",
    "ProtocolSet",
    "Quote",
    "Tier",
    "Urgency",
]
