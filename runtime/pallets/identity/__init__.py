"""Identity: accounts' statements about themselves, and registrars' judgements of them."""

from runtime.pallets.identity.pallet import Identity
from runtime.pallets.identity.types import (
    RESERVE_ID,
    Data,
    Erroneous,
    FeePaid,
    IdentityInfo,
    Judgement,
    KnownGood,
    LowQuality,
    OutOfDate,
    Reasonable,
    RegistrarInfo,
    Registration,
    Unknown,
)

__all__ = [
    "RESERVE_ID",
    "Data",
    "Erroneous",
    "FeePaid",
    "Identity",
    "IdentityInfo",
    "Judgement",
    "KnownGood",
    "LowQuality",
    "OutOfDate",
    "Reasonable",
    "RegistrarInfo",
    "Registration",
    "Unknown",
]
