"""The tier of a job: on the chain, and in the records of a requester."""

from __future__ import annotations

from enum import IntEnum

from btt_chain.primitives.meaning import LOWER_NAMES, means
from btt_chain.scale import path


@means(LOWER_NAMES)
@path("pallet_jobs::Tier")
class Tier(IntEnum):
    """The visibility of a job's data."""

    Open = 0
    """A committee checks the work and sees it."""
    Confidential = 1
    """Only provider and requester see it; the requester checks. It scores nothing."""
