"""Types of Mining, and the interfaces it needs."""

from __future__ import annotations

from dataclasses import field
from typing import Annotated, Final, NamedTuple, Protocol

from btt_chain.lazyclass import dataclass
from btt_chain.primitives.account import AccountId
from btt_chain.primitives.meaning import BASIS_POINTS, MILLIONTHS, SLOT
from btt_chain.scale import Bounded, TypeName, path, u16, u32, u64, u128
from runtime.frame.aliases import Balance, SlotNumber
from runtime.pallets.mining.factors import NEUTRAL
from runtime.pallets.mining.shares import MAX_STEPS, Step
from runtime.splits import BPS, PPM

MAX_REGIONS: Final = 64

PARTS: Final = 1_000_000
"""Parts of a unit of work, a thousand multiplications each. Counted work and scores are in these,
so that a job of one unit has a score with any factors, and if its fees pay for less than it."""

KAPPA: Final = u32(180_000)
MAX_KAPPA: Final = 190_000
"""From about 193,800 on, an owner of the development fund and the Foundation that does all the
work could profit by paying itself: it loses 0.307 of a price and gets back 0.2475 of it."""
MAX_KAPPA_VERIFIED: Final = 900_000
"""Below one, so that self-paid fees are a loss, verified or not."""

MIN_PRICE: Final = u128(1_000)
"""Planck per unit; an eighth of it is above zero, so that every price can move."""
MAX_PRICE: Final = u128(10**24)
FEE_PRICE: Final = u128(2 * 10**13)
PROTOCOL_PRICE: Final = u128(7 * 10**13)
"""Planck per unit: about where a hundred ordinary machines earn all there is in the first years.
The chain moves the first by itself."""
MEDIAN_ENERGY: Final = u64(3_600_000)
"""Units per kilowatt-hour: a hundred a second at a hundred watts."""
TARGET_P95: Final = u32(1_000)

EraIndex = Annotated[u32, TypeName("EraIndex")]
Ppm = u32


@path("pallet_mining::Params", params={"Balance": u128})
@dataclass(slots=True)
class Params:
    """Parameters of mining, set by governance. Parts are in ppm, prices in planck per unit."""

    kappa: Ppm = KAPPA
    """Maximum reward of a receipt, as a part of its fees."""
    kappa_verified: Ppm = KAPPA
    """The same where the requester is verified, within `verified_budget`."""
    verified_budget: Balance = u128(0)
    """Maximum additional reward, in planck, for the fees of one verified requester in an era."""
    operator_cap: Annotated[u32, BASIS_POINTS] = u32(2_000)
    """Maximum part of an era's budget for one operator, in basis points."""
    operator_cap_from: u32 = u32(10)
    """Number of operators in an era from which the cap applies."""
    target_p95: u32 = TARGET_P95
    """Target time for 95 of 100 jobs, in thousandths of the time that they are given."""
    median_energy: u64 = MEDIAN_ENERGY
    """Units of work per kilowatt-hour with the neutral factor."""
    protocol_price: Balance = PROTOCOL_PRICE
    """Target of the price of the chain's own jobs."""
    regions: Annotated[Bounded[list[u32], MAX_REGIONS], TypeName("BoundedVec<u32, MaxRegions>")] = (
        field(default_factory=list)
    )
    """Wanted share of work in each region, in ppm, by the region's number."""

    def problem(self) -> str | None:
        """Return the problem of these parameters, if there is one."""
        if self.kappa > MAX_KAPPA:
            return f"kappa above {MAX_KAPPA}"
        if not self.kappa <= self.kappa_verified <= MAX_KAPPA_VERIFIED:
            return f"kappa of the verified below kappa or above {MAX_KAPPA_VERIFIED}"
        if not self.operator_cap_from or not 0 < self.operator_cap <= BPS:
            return "a cap for no operators, of nothing, or of more than the whole"
        if int(self.operator_cap) * int(self.operator_cap_from) < BPS:
            return "capped operators could not earn the budget together"
        if not self.target_p95 or not self.median_energy:
            return "nothing to measure by"
        if not MIN_PRICE <= self.protocol_price <= MAX_PRICE:
            return "a price out of range"
        if sum(int(target) for target in self.regions) > PPM:
            return "regions want more than all work"
        return None

    def is_region(self, region: int) -> bool:
        """Return True if there is a region of this number."""
        return region < len(self.regions)


class Recorded(NamedTuple):
    """The value of a recorded receipt."""

    counted: int
    """The part of its work that the fees paid for, in millionths of a unit."""
    cap: int
    """Maximum of the emission that it can earn, in planck."""


@path("pallet_mining::Standing")
@dataclass(slots=True)
class Standing:
    """An operator's values: attested by the oracle, or measured by the chain."""

    region: Annotated[u16 | None, TypeName("Option<u16>")] = None
    units_per_kwh: u64 = u64(0)
    """0: not attested."""
    uptime: Ppm = u32(NEUTRAL)
    quality: Ppm = u32(NEUTRAL)


@path("pallet_mining::RegionWork")
@dataclass(slots=True)
class RegionWork:
    """The parts counted in a region in the era of its last change, and in the one before."""

    era: u32 = u32(0)
    parts: u128 = u128(0)
    before: u128 = u128(0)

    def at(self, era: int) -> RegionWork:
        """Return the same as of `era`."""
        if self.era == era:
            return self
        last = self.parts if self.era + 1 == era else u128(0)
        return RegionWork(u32(era), u128(0), last)


@path("pallet_mining::Running", params={"Balance": u128})
@dataclass(slots=True)
class Running:
    """The sums over the receipts of the current era."""

    score: u128 = u128(0)
    """In parts of a unit."""
    units: u128 = u128(0)
    """A receipt's units are rounded up."""
    fees: Balance = u128(0)
    counted: u128 = u128(0)
    """Work that fees paid for at the era's price, in parts of a unit."""
    operators: u32 = u32(0)
    """Number of operators with a score."""


@path("pallet_mining::EraRecord", params={"Balance": u128})
@dataclass(slots=True)
class EraRecord:
    """An ended era in which an operator scored."""

    budget: Balance
    score: u128
    """Score of all receipts, in parts of a unit."""
    left: Balance
    """Unclaimed part of the budget."""
    max_reward: Balance
    """Maximum reward of one operator."""
    expires: SlotNumber
    """First slot in which the rewards can no longer be claimed."""


@path("pallet_mining::Granted", params={"Balance": u128})
@dataclass(slots=True)
class Granted:
    """Additional rewards granted for a verified requester's fees in an era."""

    era: u32 = u32(0)
    amount: Balance = u128(0)


Steps = Bounded[list[Step], MAX_STEPS]


# ---- types of the runtime API


@path("pallet_mining::Emission", params={"Balance": u128})
@dataclass(slots=True)
class Emission:
    """The state of the emission. `unemitted + owed + paid + unallocated == pool`."""

    pool: Balance
    unemitted: Balance
    owed: Balance
    paid: Balance
    unallocated: Balance
    era: u32
    """The current era."""
    began: SlotNumber
    """First slot of the era."""
    budget: Balance
    """Emission of the era."""
    fee_price: Balance
    """Fees that a unit of work must have cost to count in full."""
    protocol_price: Balance
    """Price of a unit of the chain's own jobs."""
    protocol_room: Balance
    """Amount that its own jobs may still cost in this era."""


@path("pallet_mining::OperatorView")
@dataclass(slots=True)
class OperatorView:
    """An operator's values, its factors in ppm, and its score in the current era."""

    operator: Annotated[AccountId | None, TypeName("Option<AccountId>")]
    """Operator that earns by its work; None if there is none."""
    region: Annotated[u16 | None, TypeName("Option<u16>")]
    units_per_kwh: u64
    uptime: Annotated[u32, MILLIONTHS]
    quality: Annotated[u32, MILLIONTHS]
    geography: Annotated[u32, MILLIONTHS]
    energy: Annotated[u32, MILLIONTHS]
    score: u128
    """Score of that operator in the current era, in millionths of a unit of work."""
    total_score: u128
    operators: u32


@path("pallet_mining::Estimate", params={"Balance": u128})
@dataclass(slots=True)
class Estimate:
    """An operator's earnings in an era, or in the current era if it ended now."""

    era: u32
    part: Balance
    """Part of the budget by score alone."""
    reward: Balance
    """Amount to be paid, within the caps."""
    claimable_until: Annotated[u32 | None, TypeName("Option<BlockNumber>"), SLOT]
    """Last slot for a claim; None in the current era."""


# ---- interfaces that Mining needs


class PoolBalance(Protocol):
    """The balance of a pool; Balances implements it."""

    def total(self, who: AccountId) -> u128:
        """Return the total balance of `who`, in planck."""


class Providers(Protocol):
    """The registry of providers."""

    def exists(self, who: AccountId) -> bool:
        """Return True if `who` is registered."""

    def operator_of(self, provider: AccountId) -> AccountId | None:
        """Return the operator that earns by a provider's work, by its bond or by identity.

        None for one that may not earn: not registered, not bonded enough, or slashed.
        """


class NoProviders:
    """Providers of a chain without registration: no work is recorded."""

    def exists(self, who: AccountId) -> bool:
        """Return True if `who` is registered: never."""
        return False

    def operator_of(self, provider: AccountId) -> AccountId | None:
        """Return None: there is no operator."""
        return None


class EraListener(Protocol):
    """Accounts by era of another pallet; TransactionPayment implements it."""

    def begin_era(self, era: int) -> None:
        """Begin an era, the one after the last, before any extrinsic of its first block."""


class NoopEraListener:
    """A listener that counts nothing."""

    def begin_era(self, era: int) -> None:
        """Do nothing."""
