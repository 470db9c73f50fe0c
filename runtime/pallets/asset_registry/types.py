"""Types of the asset registry, and the interfaces of the pallets it uses."""

from __future__ import annotations

from enum import IntEnum
from typing import Annotated, Final, Protocol

from btt_chain.lazyclass import dataclass
from btt_chain.primitives.account import AccountId
from btt_chain.primitives.digest import H256
from btt_chain.primitives.meaning import TEXT, UNITS
from btt_chain.scale import Bounded, Compact, TypeName, path, u8, u32, u64, u128, u256
from runtime.frame.aliases import Account, Balance, SlotOf
from runtime.frame.traits import Discounts
from runtime.pallets.assets.types import STRING_LIMIT
from runtime.pallets.tier_staking.types import StakedMoney
from runtime.pallets.tokenomics import traits
from runtime.splits import BPS

MAX_FORGOTTEN: Final = 64
"""Maximum number of votes that one call removes."""
MAX_VALUATIONS: Final = 16
"""Maximum number of remembered valuations of one asset."""
ONE: Final = 10**18
"""One planck per unit in the accumulator of revenue."""
CLASSES: Final = 3
MIN_MINT_BPS, MAX_MINT_BPS = 100, 300
MIN_REVALUATION_BPS, MAX_REVALUATION_BPS = 25, 50
"""Bounds of the fees, in hundredths of a percent of the value."""
MAX_VOTERS_BPS: Final = 2_500
MAX_JUMP_BPS: Final = 5_000

NOTHING: Final = u128(0)

Text = Annotated[Bounded[bytes, STRING_LIMIT], TEXT]
Id = Annotated[u32, TypeName("AssetId")]
Units = Annotated[Compact[u128], TypeName("Units")]
Symbol = Annotated[Text, TypeName("BoundedVec<u8, StringLimit>")]


class HoldReason(IntEnum):
    """Reasons for holds."""

    Registration = 0
    """The deposit of an asset's registration."""
    VerifierBond = 1
    """The bond of a verifier, which is slashed for wrong attestations."""
    Revenue = 2
    """Revenue set aside for the holders of an asset."""
    VoteReward = 3
    """The part of a fee set aside for stakers who voted."""
    BuyBack = 4
    """Money for the units that the issuer offers to buy back."""


@path("pallet_asset_registry::AssetKind")
class AssetKind(IntEnum):
    """Kind of a registered asset."""

    Equipment = 0
    RealEstate = 1
    IntellectualProperty = 2
    MedicalData = 3
    ServiceRight = 4


@path("pallet_asset_registry::RightKind")
class RightKind(IntEnum):
    """Right that a unit gives a share in."""

    Ownership = 0
    Usage = 1
    Revenue = 2


@path("pallet_asset_registry::Role")
class Role(IntEnum):
    """Role of a verifier."""

    Regulatory = 0
    Technical = 1


@path("pallet_asset_registry::State")
class State(IntEnum):
    """State of an asset."""

    Registered = 0
    """At most one verifier has attested it."""
    Voting = 1
    """Both verifiers have attested it, and stakers may vote."""
    Issued = 2
    """Its units exist."""
    Rejected = 3
    """Rejected by a verifier or the stakers, or withdrawn by the issuer."""
    Retired = 4
    """The issuer held all units and destroyed them."""


@path("pallet_asset_registry::Mode")
class Mode(IntEnum):
    """Mode of a revaluation."""

    Desktop = 0
    """A technical verifier submits the value."""
    Full = 1
    """A technical and a regulatory verifier must submit the same value."""


@path("pallet_asset_registry::Params")
@dataclass(frozen=True, slots=True)
class Params:
    """Parameters of the pallet, set by governance. Rates in hundredths of a percent."""

    mint_bps: tuple[u32, u32, u32] = (u32(100), u32(200), u32(300))
    """Fees of issuing by class, of the asset's value."""
    desktop_bps: u32 = u32(25)
    full_bps: u32 = u32(50)
    """Fees of the two modes of revaluation, of the previous value."""
    voters_bps: u32 = u32(1_000)
    """Voters' part of the fee of issuing, after the burn."""
    jump_bps: u32 = u32(2_000)
    """Maximum change of the value within a quarter."""

    def revaluation_bps(self, mode: Mode) -> int:
        """Return the fee of a revaluation, in hundredths of a percent of the previous value."""
        return int(self.desktop_bps if mode is Mode.Desktop else self.full_bps)

    def problem(self) -> str | None:
        """Return a description of the first violated bound; None if the parameters are valid."""
        if any(not MIN_MINT_BPS <= bps <= MAX_MINT_BPS for bps in self.mint_bps):
            return f"a fee of issuing is {MIN_MINT_BPS} to {MAX_MINT_BPS} bps"
        low, high = MIN_REVALUATION_BPS, MAX_REVALUATION_BPS
        if not low <= self.desktop_bps <= self.full_bps <= high:
            return f"fees of revaluation are {low} to {high} bps, the full one at least the other"
        if self.voters_bps > MAX_VOTERS_BPS:
            return f"voters get at most {MAX_VOTERS_BPS} bps"
        return None if 0 < self.jump_bps <= MAX_JUMP_BPS else f"jumps are 1 to {MAX_JUMP_BPS} bps"


@path("pallet_asset_registry::AssetInfo", params={"AccountId": AccountId, "Balance": u128})
@dataclass(slots=True)
class AssetInfo:
    """A registered asset. It is described by documents, of which only hashes are stored."""

    issuer: Account
    kind: AssetKind
    right: RightKind
    documents: H256
    """Hash of the documents, unique among assets that are not rejected or retired."""
    description: H256
    """Hash of a human-readable description."""
    name: Text
    symbol: Text
    units: Annotated[Balance, UNITS]
    """Number of units, fixed."""
    value: Balance
    """Current value, in planck."""
    restricted: bool
    """True if only accounts with a judged identity may receive units."""
    deposit: Balance
    registered: SlotOf
    state: State = State.Registered
    complexity: u8 = u8(0)
    """Complexity class, 1 to 3: the greatest that a verifier attested; zero before."""


@path("pallet_asset_registry::Report", params={"AccountId": AccountId})
@dataclass(frozen=True, slots=True)
class Report:
    """The attestation of one verifier."""

    verifier: Account
    complexity: u8
    approved: bool
    report: H256
    """Hash of the verifier's report."""
    slot: SlotOf


@path("pallet_asset_registry::Verifier", params={"Balance": u128})
@dataclass(slots=True)
class Verifier:
    """A verifier, and its bond in planck."""

    bond: Balance
    regulatory: bool = False
    technical: bool = False
    leaving: SlotOf | None = None
    """First slot in which the bond can be withdrawn; None until the verifier leaves."""

    def may(self, role: Role) -> bool:
        """Return True if the verifier may act in `role` now."""
        allowed = self.regulatory if role is Role.Regulatory else self.technical
        return allowed and self.leaving is None


@path("pallet_asset_registry::Poll", params={"Balance": u128})
@dataclass(slots=True)
class Poll:
    """The stakers' votes on an asset, in planck of their stakes."""

    ends: SlotOf
    """First slot in which votes are no longer accepted."""
    ayes: Balance = u128(0)
    nays: Balance = u128(0)
    reward: Balance = u128(0)
    """Voters' part of the fee, set aside when the units were issued."""
    left: Balance = u128(0)
    """Part of the reward that is not claimed yet."""
    expires: SlotOf = u64(0)
    """First slot in which the rest is no longer claimable and may go to the treasury."""

    @property
    def votes(self) -> int:
        """Sum of all votes, in planck of stake."""
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
    """The value of an asset from a slot on."""

    slot: SlotOf
    value: Balance


@path("pallet_asset_registry::Request", params={"AccountId": AccountId, "Balance": u128})
@dataclass(slots=True)
class Request:
    """A valuation that was paid for, with the values submitted so far."""

    mode: Mode
    technical: tuple[Account, Balance] | None = None
    regulatory: tuple[Account, Balance] | None = None


@path("pallet_asset_registry::Revenue", params={"Balance": u128})
@dataclass(slots=True)
class Revenue:
    """Accounting of an asset's revenue; `per_unit` in 10^-18 planck, the rest in planck."""

    per_unit: u256 = u256(0)
    fed: Balance = u128(0)
    paid: Balance = u128(0)
    owed: Balance = u128(0)
    """Sum of `owed` over all holders' shares."""


@path("pallet_asset_registry::Share", params={"Balance": u128})
@dataclass(slots=True)
class Share:
    """Unclaimed revenue of a holder: `owed` planck, settled up to `per_unit`."""

    per_unit: u256 = u256(0)
    owed: Balance = u128(0)


@path("pallet_asset_registry::BuyBack", params={"Balance": u128})
@dataclass(slots=True)
class BuyBack:
    """An issuer's offer to buy units back: a price per unit and the number of units."""

    price: Balance
    units: Annotated[Balance, UNITS]


ValuationList = Bounded[list[Valuation], MAX_VALUATIONS]


class Fees(traits.Fees, traits.HeldBurns, Protocol):
    """Fees, and burns of bonds; Tokenomics implements it."""


class Stakers(Discounts, Protocol):
    """Stakes of accounts; `Positions` of TierStaking implements it."""

    def active_stake(self, who: AccountId) -> u128:
        """Return the account's active stake, in planck."""

    def lasting(self, who: AccountId, slots: int) -> StakedMoney:
        """Return the account's stakes that last `slots` more slots, active or not."""


def share_of(part: int, total: int, amount: int) -> u128:
    """Return `amount * part / total`, rounded down."""
    return u128(int(amount) * int(part) // int(total))


def earned_by(units: int, share: Share, revenue: Revenue) -> u128:
    """Return the revenue of `units` since `share` was last settled, in planck, rounded down."""
    return u128(int(units) * (int(revenue.per_unit) - int(share.per_unit)) // ONE)


def jump_limits(base: int, jump_bps: int) -> tuple[int, int]:
    """Return the minimum and the maximum next value of an asset whose value is `base`."""
    step = int(base) * int(jump_bps) // BPS
    return int(base) - step, int(base) + step
