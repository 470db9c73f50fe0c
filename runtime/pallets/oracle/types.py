"""Types of Oracle, and the interfaces it needs."""

from __future__ import annotations

from dataclasses import field
from enum import IntEnum
from typing import Annotated, Final, Protocol

from btt_chain.lazyclass import dataclass
from btt_chain.primitives.account import AccountId
from btt_chain.primitives.meaning import BASIS_POINTS, CODE, SPAN_MS, UNIX_MS
from btt_chain.scale import Bounded, TypeName, path, u8, u16, u32, u64, u128
from runtime.constants import BTT
from runtime.frame.aliases import Account, Balance, MomentOf
from runtime.frame.traits import MutateHold
from runtime.splits import PPM

MAX_KEYS: Final = 32
"""Maximum number of keys with a rule."""
MAX_FEEDERS: Final = 31
"""Maximum number of admitted feeders. Source: Chainlink OCR, `maxNumOracles`."""
MAX_KEY: Final = 16
"""Maximum length of a key, in bytes."""
MAX_BUCKETS: Final = 17
"""Maximum number of parts of the history of one key."""
HISTORY_PARTS: Final = 15
"""Number of parts into which the history divides a settling time."""

MIN_BOND: Final = u128(1_000 * BTT)
MAX_VALUE: Final = u128(10**36)
"""Maximum value: 10^18 units of the currency for 1 BTT."""
MIN_COUNT: Final = 3
"""Minimum of `Rule.min_count`: with one liar of three the median is an honest value or between."""

MINUTE_MS: Final = 60_000
EXPIRES_MS: Final = (10 * MINUTE_MS, 60 * MINUTE_MS)
JUMP_BPS: Final = (100, 1_000)
SETTLE_MS: Final = (15 * MINUTE_MS, 60 * MINUTE_MS)
HEARTBEAT_MS: Final = (MINUTE_MS, 30 * MINUTE_MS)
"""Bounds of the fields of a rule."""

Key = Annotated[Bounded[bytes, MAX_KEY], TypeName("T::OracleKey"), CODE]
Moment = Annotated[u64, TypeName("MomentOf<T>"), UNIX_MS]
"""Milliseconds since 1970."""


@path("orml_oracle::module::TimestampedValue", params={"Value": u128, "Moment": u64})
@dataclass(slots=True)
class TimestampedValue:
    """A value with the time at which it was fed.

    Source: orml_oracle::module::TimestampedValue
    """

    value: Annotated[u128, TypeName("Value")]
    """Units of the currency for 1 BTT, with 18 decimals."""
    timestamp: MomentOf


@path("pallet_oracle::Rule")
@dataclass(slots=True)
class Rule:
    """Rule of a key: when its values are a price."""

    min_count: u8 = u8(MIN_COUNT)
    """Minimum number of feeders whose values are not expired."""
    expires_ms: Annotated[u64, SPAN_MS] = u64(60 * MINUTE_MS)
    """Time after which a value no longer counts."""
    jump_bps: Annotated[u16, BASIS_POINTS] = u16(1_000)
    """Maximum movement of the price within `settle_ms`, in basis points; a further one waits."""
    settle_ms: Annotated[u64, SPAN_MS] = u64(15 * MINUTE_MS)
    """Time for which the median must stay near a further price until that becomes the value."""
    heartbeat_ms: Annotated[u64, SPAN_MS] = u64(20 * MINUTE_MS)
    """Maximum time between two values of a feeder."""
    deviation_bps: Annotated[u16, BASIS_POINTS] = u16(50)
    """Movement after which a feeder feeds at once, in basis points."""

    def problem(self) -> str | None:
        """Return the problem of this rule, if there is one."""
        if not MIN_COUNT <= self.min_count <= MAX_FEEDERS:
            return f"min_count outside of {MIN_COUNT} to {MAX_FEEDERS}"
        for name, (low, high) in (
            ("expires_ms", EXPIRES_MS),
            ("jump_bps", JUMP_BPS),
            ("settle_ms", SETTLE_MS),
            ("heartbeat_ms", HEARTBEAT_MS),
        ):
            if not low <= int(getattr(self, name)) <= high:
                return f"{name} outside of {low} to {high}"
        if 2 * int(self.heartbeat_ms) > self.expires_ms:
            return "values expire before two heartbeats"
        if not 1 <= self.deviation_bps <= int(self.jump_bps) // 2:
            return "deviation_bps outside of 1 to half of jump_bps"
        return None


@path("pallet_oracle::Bucket")
@dataclass(slots=True)
class Bucket:
    """The lowest and highest value in force within a part of a settling time."""

    start: Annotated[u64, UNIX_MS]
    low: u128
    high: u128


@path("pallet_oracle::Waiting", params={"Value": u128, "Moment": u64})
@dataclass(slots=True)
class Waiting:
    """A median too far from the value, which waits to be settled."""

    center: TimestampedValue
    """The first such median, and the time of the last one near it."""
    since: MomentOf


@path("pallet_oracle::Round")
@dataclass(slots=True)
class Round:
    """The state of a key's price besides its value."""

    enough_until: Annotated[u64, UNIX_MS] = u64(0)
    """Time until which enough values are not expired; 0: there are too few."""
    history: Annotated[
        Bounded[list[Bucket], MAX_BUCKETS], TypeName("BoundedVec<Bucket, MaxBuckets>")
    ] = field(default_factory=list)
    """The values in force during the last settling time."""


@path("pallet_oracle::Due")
@dataclass(slots=True)
class Due:
    """The time from which a key's median must be computed again, because a value expires."""

    key: Key
    at: Annotated[u64, UNIX_MS]
    """0: in this block."""


@path("pallet_oracle::FeederState")
class FeederState(IntEnum):
    """State of a feeder."""

    Candidate = 0
    """Bonded, but not admitted: its values are refused."""
    Active = 1
    """Admitted: its values count."""
    Paused = 2
    """Admitted, but it missed too many heartbeats: it counts again once it feeds."""
    Leaving = 3
    """It left, and its bond is not released yet."""


@path("pallet_oracle::Feeder", params={"Balance": u128})
@dataclass(slots=True)
class Feeder:
    """A bonded feeder. Times are in milliseconds since 1970."""

    bond: Balance
    since: Annotated[u64, UNIX_MS]
    """Time at which it joined."""
    state: FeederState = FeederState.Candidate
    fed_at: Annotated[u64, UNIX_MS] = u64(0)
    """Time of its last feed, or of its admission."""
    fed: u32 = u32(0)
    """Heartbeats of this day."""
    missed: u32 = u32(0)
    """Missed heartbeats of this day."""
    free_at: Annotated[u64, UNIX_MS] = u64(0)
    """Time from which the bond of a feeder that left can be withdrawn."""


@path("pallet_oracle::Watch")
@dataclass(slots=True)
class Watch:
    """The current day and period of heartbeats. Times are in milliseconds since 1970."""

    day: Annotated[u64, UNIX_MS] = u64(0)
    """Start of the day."""
    began: Annotated[u64, UNIX_MS] = u64(0)
    """Start of the period."""
    length: Annotated[u64, SPAN_MS] = u64(0)
    """Length of the period: the longest `Rule.heartbeat_ms`."""


@path("pallet_oracle::EnergyClass")
class EnergyClass(IntEnum):
    """Class of the work that a provider does per kilowatt-hour, against the median."""

    A = 0
    """At least 1.2 times the median."""
    B = 1
    """At least 1.1 times the median."""
    C = 2
    """At least the median."""
    D = 3
    """At least 0.9 times the median."""
    E = 4
    """Less than that."""


ENERGY_PPM: Final = {
    EnergyClass.A: 12 * PPM // 10,
    EnergyClass.B: 11 * PPM // 10,
    EnergyClass.C: PPM,
    EnergyClass.D: 9 * PPM // 10,
    EnergyClass.E: 8 * PPM // 10,
}
"""Work per kilowatt-hour of each class, in parts per million of the median."""


@path("pallet_oracle::Statement")
@dataclass(slots=True)
class Statement:
    """A feeder's statement about a provider."""

    feeder: Account
    region: u16
    energy: EnergyClass


Keys = Annotated[Bounded[list[Due], MAX_KEYS], TypeName("BoundedVec<Due, MaxKeys>")]
Roster = Annotated[
    Bounded[list[AccountId], MAX_FEEDERS], TypeName("BoundedVec<AccountId, MaxFeeders>")
]
Statements = Annotated[
    Bounded[list[Statement], MAX_FEEDERS], TypeName("BoundedVec<Statement, MaxFeeders>")
]
FeedValues = Annotated[
    Bounded[list[tuple[Key, u128]], MAX_KEYS],
    TypeName("BoundedVec<(T::OracleKey, T::OracleValue), T::MaxFeedValues>"),
]


# ---- interfaces that Oracle needs


class Time(Protocol):
    """The time of the block; Timestamp implements it."""

    def moment(self) -> int:
        """Return the block's time in milliseconds since 1970; before it is set, the parent's."""


class Providers(Protocol):
    """Values of providers; Mining implements it."""

    def ensure_attestable(self, operator: AccountId, region: u16) -> None:
        """Raise Mining.NotOperator or Mining.UnknownRegion for values that cannot be attested."""

    def attest(self, operator: AccountId, region: u16, efficiency: int) -> None:
        """Store a provider's region, and its work per kilowatt-hour in ppm of the median."""


Currency = MutateHold
