"""What the asset registry keeps, and what it asks of its neighbours."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import Annotated, Final, Protocol

from btt_chain.primitives.account import AccountId
from btt_chain.primitives.digest import H256
from btt_chain.scale import Bounded, TypeName, path, u8, u32, u64, u128, u256
from runtime.frame import Reason
from runtime.pallets.assets import STRING_LIMIT
from runtime.pallets.tier_staking import StakedMoney
from runtime.pallets.tokenomics import BurnReason
from runtime.splits import BPS, PlatformSplit

MAX_VALUATIONS: Final = 16
"""Values of one asset that are remembered."""
ONE: Final = 10**18
"""One planck for each unit, as the accumulator of revenue counts."""
CLASSES: Final = 3
LEAST_MINT_BPS, MOST_MINT_BPS = 100, 300
LEAST_REVALUATION_BPS, MOST_REVALUATION_BPS = 25, 50
"""Between these the documents put the fees, in hundredths of a percent of the value."""
MOST_VOTERS_BPS: Final = 2_500
MOST_JUMP_BPS: Final = 5_000

Balance = Annotated[u128, TypeName("Balance")]
Slot = Annotated[u64, TypeName("Slot")]
Text = Bounded[bytes, STRING_LIMIT]


@path("pallet_asset_registry::AssetKind")
class AssetKind(IntEnum):
    """What is registered."""

    Equipment = 0
    RealEstate = 1
    IntellectualProperty = 2
    MedicalData = 3
    ServiceRight = 4


@path("pallet_asset_registry::RightKind")
class RightKind(IntEnum):
    """What a unit gives a part in."""

    Ownership = 0
    Usage = 1
    Revenue = 2


@path("pallet_asset_registry::Role")
class Role(IntEnum):
    """What a verifier attests."""

    Regulatory = 0
    Technical = 1


@path("pallet_asset_registry::State")
class State(IntEnum):
    """How far an asset has come."""

    Registered = 0
    """No verifier has attested it yet, or only one has."""
    Voting = 1
    """Both have, and stakers may object."""
    Issued = 2
    """Its units exist."""
    Rejected = 3
    """A verifier or the stakers said no, or the issuer gave it up."""
    Retired = 4
    """The issuer had all units, and destroyed them."""


@path("pallet_asset_registry::Mode")
class Mode(IntEnum):
    """How an asset is valued anew."""

    Desk = 0
    """A technical verifier names the value."""
    Full = 1
    """And a regulatory one must name the same."""


@path("pallet_asset_registry::Params")
@dataclass(frozen=True, slots=True)
class Params:
    """What governance may change. Rates in hundredths of a percent."""

    mint_bps: tuple[u32, u32, u32] = (u32(100), u32(200), u32(300))
    """The fee of issuing, by class, of the value."""
    desk_bps: u32 = u32(25)
    full_bps: u32 = u32(50)
    """The fees of valuing anew, of the value before."""
    voters_bps: u32 = u32(1_000)
    """What stakers who voted get of the fee of issuing, after the burn."""
    jump_bps: u32 = u32(2_000)
    """By how much the value may move within a quarter."""

    def problem(self) -> str | None:
        """Tell what does not go together; None if all does."""
        if any(not LEAST_MINT_BPS <= bps <= MOST_MINT_BPS for bps in self.mint_bps):
            return f"a fee of issuing is {LEAST_MINT_BPS} to {MOST_MINT_BPS} bps"
        low, high = LEAST_REVALUATION_BPS, MOST_REVALUATION_BPS
        if not low <= self.desk_bps <= self.full_bps <= high:
            return f"fees of valuing anew are {low} to {high} bps, a full one the greater"
        if self.voters_bps > MOST_VOTERS_BPS:
            return f"voters get at most {MOST_VOTERS_BPS} bps"
        return None if 0 < self.jump_bps <= MOST_JUMP_BPS else f"jumps are 1 to {MOST_JUMP_BPS} bps"


@path("pallet_asset_registry::AssetInfo", params={"AccountId": AccountId, "Balance": u128})
@dataclass(slots=True)
class AssetInfo:
    """An asset. What it is stands in documents; here are their hashes only."""

    issuer: Annotated[AccountId, TypeName("AccountId")]
    kind: AssetKind
    right: RightKind
    documents: H256
    """The hash of the documents: no two assets have the same."""
    description: H256
    """The hash of what describes it to people."""
    name: Text
    symbol: Text
    units: Balance
    """How many units there will be, and never more."""
    value: Balance
    """What it is worth, in planck."""
    restricted: bool
    """Whether only accounts with a judged identity may hold units."""
    deposit: Balance
    registered: Slot
    state: State = State.Registered
    complexity: u8 = u8(0)
    """How complex it is, 1 to 3; zero until verifiers said so."""


@path("pallet_asset_registry::Report", params={"AccountId": AccountId})
@dataclass(frozen=True, slots=True)
class Report:
    """What one verifier attested."""

    verifier: Annotated[AccountId, TypeName("AccountId")]
    complexity: u8
    approved: bool
    report: H256
    """The hash of the verifier's report."""
    slot: Slot


@path("pallet_asset_registry::Verifier", params={"Balance": u128})
@dataclass(slots=True)
class Verifier:
    """A verifier, and its bond in planck."""

    bond: Balance
    regulatory: bool = False
    technical: bool = False
    leaving: Slot | None = None
    """From this slot on the bond can be taken out; None as long as it works."""

    def may(self, role: Role) -> bool:
        """Tell whether it may act in a role now."""
        allowed = self.regulatory if role is Role.Regulatory else self.technical
        return allowed and self.leaving is None


@path("pallet_asset_registry::Poll", params={"Balance": u128})
@dataclass(slots=True)
class Poll:
    """What stakers say of an asset, in planck of their stakes."""

    ends: Slot
    """Nobody votes from this slot on."""
    ayes: Balance = u128(0)
    nays: Balance = u128(0)
    reward: Balance = u128(0)
    """What those who voted share, set aside when the units were issued."""
    left: Balance = u128(0)
    """What of it was not claimed yet."""
    expires: Slot = u64(0)
    """From this slot on nobody claims it; then it is the treasury's."""

    @property
    def votes(self) -> int:
        """All that was voted with."""
        return int(self.ayes) + int(self.nays)


@path("pallet_asset_registry::Vote", params={"Balance": u128})
@dataclass(frozen=True, slots=True)
class Vote:
    """One staker's vote."""

    aye: bool
    weight: Balance


@path("pallet_asset_registry::Valuation", params={"Balance": u128})
@dataclass(frozen=True, slots=True)
class Valuation:
    """What an asset was worth from a slot on."""

    slot: Slot
    value: Balance


@path("pallet_asset_registry::Request", params={"AccountId": AccountId, "Balance": u128})
@dataclass(slots=True)
class Request:
    """A valuation that was paid for, and what verifiers named so far."""

    mode: Mode
    technical: tuple[Annotated[AccountId, TypeName("AccountId")], Balance] | None = None
    regulatory: tuple[Annotated[AccountId, TypeName("AccountId")], Balance] | None = None


@path("pallet_asset_registry::Revenue", params={"Balance": u128})
@dataclass(slots=True)
class Revenue:
    """What an asset brought its holders; `per_unit` in 10^-18 planck."""

    per_unit: u256 = u256(0)
    fed: Balance = u128(0)
    paid: Balance = u128(0)
    owed: Balance = u128(0)
    """The sum of what the shares of holders say that they are owed."""


@path("pallet_asset_registry::Share", params={"Balance": u128})
@dataclass(slots=True)
class Share:
    """What a holder has coming: up to `per_unit`, `owed` planck."""

    per_unit: u256 = u256(0)
    owed: Balance = u128(0)


@path("pallet_asset_registry::BuyBack", params={"Balance": u128})
@dataclass(slots=True)
class BuyBack:
    """The issuer's offer: a price for each unit, for so many units."""

    price: Balance
    units: Balance


ValuationList = Bounded[list[Valuation], MAX_VALUATIONS]


class Clock(Protocol):
    """Protocol time; Babe satisfies it."""

    def now(self) -> int:
        """Slots since genesis."""


class Money(Protocol):
    """What deposits, bonds and payments are made of; Balances satisfies it. Amounts in planck."""

    def hold(self, reason: Reason, who: AccountId, amount: u128) -> None:
        """Put free money on hold."""

    def release(self, reason: Reason, who: AccountId, amount: u128) -> None:
        """Make what is on hold free again."""

    def transfer(
        self, source: AccountId, dest: AccountId, value: u128, *, keep_alive: bool
    ) -> None:
        """Move free money."""

    def transfer_on_hold(
        self,
        reason: Reason,
        source: AccountId,
        dest: AccountId,
        amount: u128,
        *,
        on_hold: bool,
        force: bool = False,
    ) -> None:
        """Move what is on hold."""


class Fees(Protocol):
    """Where fees go; Tokenomics satisfies it."""

    def take(self, who: AccountId, split: PlatformSplit, reason: BurnReason) -> None:
        """Take the legs of a fee, but the voters'."""

    def destroy_held(
        self,
        reason: Reason,
        who: AccountId,
        amount: u128,
        why: BurnReason,
        *,
        force: bool = False,
    ) -> None:
        """Destroy what is on hold."""

    def threshold(self) -> u128:
        """The value from which a fee's burn is at its highest."""


class Stakers(Protocol):
    """Who has staked; TierStaking satisfies it."""

    def active_stake(self, who: AccountId) -> u128:
        """What of an account's stakes counts now, in planck."""

    def lasting(self, who: AccountId, slots: int) -> StakedMoney:
        """What of its stakes stays for so many slots more, whether it counts yet or not."""

    def discount_bps(self, who: AccountId) -> int:
        """What part of a fee an account does not pay."""


class Identities(Protocol):
    """Whose identity was judged; Identity satisfies it."""

    def verified(self, who: AccountId) -> bool:
        """Tell whether a registrar knows the account."""

    def operator_of(self, account: AccountId) -> AccountId:
        """Return who stands behind an account."""


def share_of(part: int, total: int, pot: int) -> u128:
    """Return the part of a pot, rounded down."""
    return u128(int(pot) * int(part) // int(total))


def earned_by(units: int, share: Share, revenue: Revenue) -> u128:
    """Return what units have brought since `share` was last settled, in planck, rounded down."""
    return u128(int(units) * (int(revenue.per_unit) - int(share.per_unit)) // ONE)


def jump_limits(base: int, jump_bps: int) -> tuple[int, int]:
    """Return the least and the greatest value that an asset may have, `base` being its value."""
    step = int(base) * int(jump_bps) // BPS
    return int(base) - step, int(base) + step
