"""What Mining stores and tells besides plain amounts."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated, Final, Protocol

from btt_chain.primitives.account import AccountId
from btt_chain.scale import Bounded, TypeName, path, u16, u32, u64, u128
from runtime.pallets.mining.factors import NEUTRAL
from runtime.pallets.mining.shares import MAX_STEPS, Step
from runtime.splits import BPS, PPM

MAX_REGIONS: Final = 64

PARTS: Final = 1_000_000
"""Parts of a unit of work, a thousand multiplications each. What counts and what it scores is told
in these: a job of one unit scores something by any factors, and if its fees pay for less than it.
"""

KAPPA: Final = u32(180_000)
MAX_KAPPA: Final = 190_000
"""From about 193,800 on, whoever owns the development fund and the Foundation and does all the
work could win by paying itself: it loses 0.307 of a price and gets back 0.2475 of it."""
MAX_KAPPA_VERIFIED: Final = 900_000
"""Below one, so that fees are a loss to whoever pays them to itself, verified or not."""

LEAST_PRICE: Final = u128(1_000)
"""Planck per unit; an eighth of it is still something, so that no price gets stuck."""
MOST_PRICE: Final = u128(10**24)
FEE_PRICE: Final = u128(2 * 10**13)
PROTOCOL_PRICE: Final = u128(7 * 10**13)
"""Planck per unit: about where a hundred ordinary machines earn all there is in the first years.
The chain finds the first by itself."""
MEDIAN_ENERGY: Final = u64(3_600_000)
"""Units per kilowatt-hour: a hundred a second by a hundred watts."""
TARGET_P95: Final = u32(1_000)

Balance = Annotated[u128, TypeName("BalanceOf<T>")]
Ppm = Annotated[u32, TypeName("u32")]


@path("pallet_mining::Params", params={"Balance": u128})
@dataclass(slots=True)
class Params:
    """What governance decides about mining. Parts are in ppm, prices in planck per unit."""

    kappa: Ppm = KAPPA
    """The part of a receipt's fees that is the most it earns."""
    kappa_verified: Ppm = KAPPA
    """The same where the requester is verified, as far as `verified_budget` goes."""
    verified_budget: Annotated[u128, TypeName("Balance")] = u128(0)
    """What the fees of one verified requester may earn more than others' in an era."""
    operator_cap: Annotated[u32, TypeName("u32")] = u32(2_000)
    """The part of an era's budget, in basis points, that one operator earns at most."""
    operator_cap_from: Annotated[u32, TypeName("u32")] = u32(10)
    """From so many operators in an era on the cap holds."""
    target_p95: Annotated[u32, TypeName("u32")] = TARGET_P95
    """What 95 of 100 jobs should keep to, in thousandths of the time that they are given."""
    median_energy: Annotated[u64, TypeName("u64")] = MEDIAN_ENERGY
    """Units of work per kilowatt-hour that weigh neither more nor less."""
    protocol_price: Annotated[u128, TypeName("Balance")] = PROTOCOL_PRICE
    """Where the price of the chain's own jobs moves to."""
    regions: Annotated[Bounded[list[u32], MAX_REGIONS], TypeName("BoundedVec<u32, MaxRegions>")] = (
        field(default_factory=list)
    )
    """The share of work, in ppm, that is wanted in each region, by the region's number."""

    def problem(self) -> str | None:
        """Return what is wrong with these parameters, if anything."""
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
        if not LEAST_PRICE <= self.protocol_price <= MOST_PRICE:
            return "a price out of range"
        if sum(int(target) for target in self.regions) > PPM:
            return "regions want more than all work"
        return None

    def is_region(self, region: int) -> bool:
        """Tell whether there is a region of this number."""
        return region < len(self.regions)


@path("pallet_mining::Standing")
@dataclass(slots=True)
class Standing:
    """What is known of an operator: attested by the oracle, or measured by the chain."""

    region: Annotated[u16 | None, TypeName("Option<u16>")] = None
    units_per_kwh: Annotated[u64, TypeName("u64")] = u64(0)
    """0: nobody has attested it."""
    uptime: Ppm = u32(NEUTRAL)
    quality: Ppm = u32(NEUTRAL)


@path("pallet_mining::RegionWork")
@dataclass(slots=True)
class RegionWork:
    """The parts counted in a region in the era that it was touched last, and in the one before."""

    era: u32 = u32(0)
    parts: u128 = u128(0)
    before: u128 = u128(0)

    def at(self, era: int) -> RegionWork:
        """Return the same, told as of `era`."""
        if self.era == era:
            return self
        last = self.parts if self.era + 1 == era else u128(0)
        return RegionWork(u32(era), u128(0), last)


@path("pallet_mining::Running", params={"Balance": u128})
@dataclass(slots=True)
class Running:
    """The sums over the receipts of the era that runs."""

    score: u128 = u128(0)
    """In parts of a unit."""
    units: u128 = u128(0)
    """Begun ones of a receipt count whole."""
    fees: Annotated[u128, TypeName("Balance")] = u128(0)
    counted: u128 = u128(0)
    """What was paid for at the era's price, in parts of a unit."""
    operators: Annotated[u32, TypeName("u32")] = u32(0)
    """Operators with a score."""


@path("pallet_mining::EraBooks", params={"Balance": u128})
@dataclass(slots=True)
class EraBooks:
    """An era that is over and in which somebody scored."""

    budget: Annotated[u128, TypeName("Balance")]
    score: u128
    """Of all receipts, in parts of a unit."""
    left: Annotated[u128, TypeName("Balance")]
    """What of the budget is still owed."""
    most: Annotated[u128, TypeName("Balance")]
    """What one operator earns at most."""
    expires: Annotated[u32, TypeName("BlockNumber")]
    """The first slot in which nothing can be claimed any more."""


@path("pallet_mining::Granted", params={"Balance": u128})
@dataclass(slots=True)
class Granted:
    """What a verified requester's fees may earn more than others', as granted in an era."""

    era: u32 = u32(0)
    amount: Annotated[u128, TypeName("Balance")] = u128(0)


Steps = Bounded[list[Step], MAX_STEPS]


# ---- what the runtime API tells


@path("pallet_mining::Emission", params={"Balance": u128})
@dataclass(slots=True)
class Emission:
    """Where the emission stands. `unemitted + owed + paid + carry == pool`."""

    pool: Annotated[u128, TypeName("Balance")]
    unemitted: Annotated[u128, TypeName("Balance")]
    owed: Annotated[u128, TypeName("Balance")]
    paid: Annotated[u128, TypeName("Balance")]
    carry: Annotated[u128, TypeName("Balance")]
    era: Annotated[u32, TypeName("u32")]
    """The era that runs."""
    began: Annotated[u32, TypeName("BlockNumber")]
    """Its first slot."""
    budget: Annotated[u128, TypeName("Balance")]
    """What it will issue."""
    fee_price: Annotated[u128, TypeName("Balance")]
    """Fees that a unit of work must have cost to count in full."""
    protocol_price: Annotated[u128, TypeName("Balance")]
    """What the chain pays for a unit of its own jobs."""
    protocol_room: Annotated[u128, TypeName("Balance")]
    """What its own jobs may still cost in this era."""


@path("pallet_mining::OperatorView")
@dataclass(slots=True)
class OperatorView:
    """What is known of an operator, its factors in ppm, and its part in the era that runs."""

    operator: Annotated[AccountId | None, TypeName("Option<AccountId>")]
    """Who earns by its work; None if it is no operator."""
    region: Annotated[u16 | None, TypeName("Option<u16>")]
    units_per_kwh: u64
    uptime: u32
    quality: u32
    geography: u32
    energy: u32
    score: u128
    """Of the one who earns, in the era that runs, in millionths of a unit of work."""
    total_score: u128
    operators: u32


@path("pallet_mining::Estimate", params={"Balance": u128})
@dataclass(slots=True)
class Estimate:
    """What somebody has earned in an era, or would have if the era that runs ended now."""

    era: Annotated[u32, TypeName("u32")]
    part: Annotated[u128, TypeName("Balance")]
    """Its part of the budget by score alone."""
    reward: Annotated[u128, TypeName("Balance")]
    """What of it is paid out, by the caps."""
    claimable_until: Annotated[u32 | None, TypeName("Option<BlockNumber>")]
    """The last slot for a claim; None while the era runs."""


# ---- what Mining leans on


class Clock(Protocol):
    """What time it is; Babe satisfies it."""

    def now(self) -> int:
        """Return the slots since genesis."""


class Payer(Protocol):
    """The only way out of pools; Tokenomics satisfies it."""

    def pay(self, pool: AccountId, to: AccountId, amount: u128, *, discretionary: bool) -> None:
        """Move `amount` planck; raise DispatchError if it cannot be moved."""


class PoolBalance(Protocol):
    """What a pool has; Balances satisfies it."""

    def total(self, who: AccountId) -> u128:
        """Return all that `who` has, in planck."""


class Providers(Protocol):
    """Who works; the registry of providers satisfies it."""

    def exists(self, who: AccountId) -> bool:
        """Tell whether `who` is registered."""

    def operator_of(self, provider: AccountId) -> AccountId | None:
        """Return who stands behind a provider, by its bond or by identity, and earns by its work.

        None for one that may not earn: not registered, not bonded enough, or slashed.
        """


class NoProviders:
    """Providers of a chain on which nobody can register: no work is recorded."""

    def exists(self, who: AccountId) -> bool:
        """Tell that there are none."""
        return False

    def operator_of(self, provider: AccountId) -> AccountId | None:
        """Return that nobody is."""
        return None
