"""Types of Tokenomics. Amounts are in planck, times in slots since genesis."""

from __future__ import annotations

from enum import IntEnum
from typing import Annotated, Final

from btt_chain.lazyclass import dataclass
from btt_chain.primitives.account import AccountId
from btt_chain.primitives.digest import H256
from btt_chain.primitives.meaning import BASIS_POINTS, CODE, SLOTS, means
from btt_chain.scale import Bounded, FixedBytes, TypeName, path, u32, u64, u128
from runtime.frame.aliases import Account, Balance, SlotOf

MAX_MILESTONES: Final = 64
"""Maximum number of milestones of a programme."""
MAX_ROWS: Final = 64
"""Maximum number of allocation rows, and of rows released by contract."""
MAX_YEARS: Final = 32
"""Maximum number of years in the release table."""
MAX_HOLDINGS: Final = 1_024
"""Maximum number of accounts that hold a row at genesis."""
MAX_NAME: Final = 64
"""Maximum size of the name of a row or preset, in bytes."""
NO_HASH: Final = H256(bytes(32))


@means(CODE)
class PoolId(FixedBytes, size=8, path="pallet_tokenomics::PoolId"):
    """Identifier of a pool: the bytes between `modl` and the zeros of its account."""


@path("pallet_tokenomics::BurnReason")
class BurnReason(IntEnum):
    """The reason of a burn."""

    Compute = 0
    """Burn of a compute fee."""
    Asset = 1
    """Burn of a fee on tokenized assets."""
    Payfi = 2
    """Burn of a payment fee."""
    Staking = 3
    """Burn of a staking reward."""
    Milestone = 4
    """Burn at a milestone of the project."""
    Slash = 5
    """Penalty without a recipient."""
    Voluntary = 6
    """Burn by the owner: `Balances.burn`."""
    Premium = 7
    """Burn of the price of a premium service."""
    Records = 8
    """Burn of a fee on health records."""


@path("pallet_tokenomics::BurnId")
class BurnId(IntEnum):
    """Milestones with a burn, which happens once each."""

    MainnetLaunch = 0
    """The chain was launched: executed automatically in block 1."""
    Hospitals100 = 1
    """100 hospitals are registered."""
    Hospitals1000 = 2
    """1,000 hospitals are registered."""
    CrossChain = 3
    """The chain is linked to others, as attested by the technical track."""


HOSPITALS: Final = {BurnId.Hospitals100: 100, BurnId.Hospitals1000: 1_000}
"""Number of registered hospitals that triggers each burn."""


@path("pallet_tokenomics::CeilingMode")
class CeilingMode(IntEnum):
    """Effect of the yearly release ceiling."""

    Off = 0
    """No effect."""
    Advisory = 1
    """An event is emitted when a release exceeds it."""
    Enforce = 2
    """Discretionary releases beyond it are refused; other releases beyond it emit an event."""


@path("pallet_tokenomics::MilestoneStatus")
class MilestoneStatus(IntEnum):
    """The state of a milestone of a programme."""

    Open = 0
    """Not attested."""
    Attested = 1
    """Attested by the Foundation; it counts when the objection window has passed."""
    Objected = 2
    """Objected to by the entitled origin: it counts if it is confirmed, or attested again."""
    Confirmed = 3
    """Confirmed, or without objection within the window: it counts."""


@path("pallet_tokenomics::Pool", params={"AccountId": AccountId, "Balance": u128})
@dataclass(slots=True)
class Pool:
    """Accounting state of a pool. Its present funds are the balance of its account."""

    account: Account
    allocated: Balance
    """Funds at genesis."""
    released: Balance = u128(0)
    """Sum of payments from the pool."""
    burned: Balance = u128(0)
    """Sum of burns from the pool."""


@path("pallet_tokenomics::Milestone")
@dataclass(slots=True)
class Milestone:
    """A milestone of a programme."""

    bps: Annotated[u32, BASIS_POINTS]
    """Part of the programme that depends on it, in hundredths of a percent."""
    description: Annotated[H256, TypeName("Hash")]
    """Hash of the text that defines the milestone."""
    status: MilestoneStatus = MilestoneStatus.Open
    evidence: Annotated[H256, TypeName("Hash")] = NO_HASH
    """Hash of the Foundation's evidence; zeros before the attestation."""
    since: SlotOf = u64(0)
    """Slot of the last change of `status`."""


@path("pallet_tokenomics::Programme", params={"Balance": u128})
@dataclass(slots=True)
class Programme:
    """A programme of the Foundation, whose funds are released by time and milestones."""

    pool: PoolId
    amount: Balance
    months: u32
    """Minimum number of months until everything is released."""
    milestones: Annotated[
        Bounded[list[Milestone], MAX_MILESTONES], TypeName("BoundedVec<Milestone, MaxMilestones>")
    ]
    released_planck: Balance = u128(0)
    """Sum of payments to the Foundation."""
    done_bps: Annotated[u32, BASIS_POINTS] = u32(0)
    """Part that depends on confirmed milestones, in hundredths of a percent."""


@path("pallet_tokenomics::MilestoneBurn", params={"Balance": u128})
@dataclass(slots=True)
class MilestoneBurn:
    """Amount of a milestone's burn, and the slot in which it was executed."""

    amount: Balance
    executed_at: Annotated[u64 | None, TypeName("Option<Slot>")] = None


@path("pallet_tokenomics::RowKind")
class RowKind(IntEnum):
    """Release of a row of the allocation."""

    Linear = 0
    """Owned by its holder from genesis, and released slot by slot."""
    Milestone = 1
    """A programme of the Foundation."""
    Mining = 2
    """Rewards for useful work."""
    Discretionary = 3
    """Spent by referenda."""
    Immediate = 4
    """Free from genesis on."""
    Reserve = 5
    """Spent by the signatories after a referendum."""
    Treasury = 6
    """The remainder of the other rows, for the treasury."""


@path("pallet_tokenomics::Allocation", params={"AccountId": AccountId, "Balance": u128})
@dataclass(slots=True)
class Allocation:
    """A row of the documents' table, as assigned to accounts at genesis."""

    kind: RowKind
    amount: Balance
    accounts: Annotated[
        Bounded[list[AccountId], MAX_HOLDINGS], TypeName("BoundedVec<AccountId, MaxHoldings>")
    ]
    """Accounts that held it in block zero."""


@path("pallet_tokenomics::ContractualRow", params={"Balance": u128})
@dataclass(slots=True)
class ContractualRow:
    """A row of the allocation that is released by contract, independently of decisions.

    The fields are those of a vesting schedule; with a length of zero it is free from `start` on.
    """

    amount: Balance
    start: SlotOf
    length: Annotated[u64, TypeName("Slot"), SLOTS]
    cliff: SlotOf


@path("pallet_tokenomics::ReserveUnlock", params={"Balance": u128})
@dataclass(slots=True)
class ReserveUnlock:
    """The amount of the reserve that a referendum lets the signatories spend."""

    cap: Balance
    expiry: SlotOf
    """First slot in which nothing can be spent."""
    spent: Balance = u128(0)


# ---- runtime API types


@path("btt_runtime::tokenomics::Supply", params={"Balance": u128})
@dataclass(frozen=True, slots=True)
class Supply:
    """The supply of money, in planck. See `Tokenomics.supply`."""

    genesis: Balance
    burned: Balance
    issuance: Balance
    circulating: Balance
    locked: Balance
    staked: Balance


@path("pallet_tokenomics::TreasurySeat", params={"Balance": u128})
@dataclass(frozen=True, slots=True)
class TreasurySeat:
    """The Foundation's right to approve payments of the treasury."""

    limit: Balance
    """Maximum sum that it approves in a spend period, in planck."""
    until: SlotOf
    """First slot without the right."""


@path("btt_runtime::tokenomics::YearRelease", params={"Balance": u128})
@dataclass(frozen=True, slots=True)
class YearRelease:
    """Releases of one year, in planck. See `Tokenomics.release`."""

    year: u32
    """The label year: 2025 is the chain's first."""
    table: Balance
    """Amount of the documents' table for the year."""
    contractual: Balance
    """Amount released by contract in the year."""
    mining: Balance
    """Amount emitted for work in the year."""
    discretionary: Balance
    """Amount paid from the other pools in the year so far."""
    ceiling: Balance
    """Amount of the table for the year and all before."""
    headroom: Balance
    """Amount that the ceiling leaves for discretionary releases."""


@path("btt_runtime::tokenomics::PoolStatus", params={"AccountId": AccountId, "Balance": u128})
@dataclass(frozen=True, slots=True)
class PoolStatus:
    """Current state of a pool, in planck."""

    id: PoolId
    account: Account
    allocated: Balance
    released: Balance
    burned: Balance
    balance: Balance


@dataclass(frozen=True, slots=True)
class Releases:
    """Amounts released by a point in time, in planck, by kind of release."""

    contractual: int = 0
    mining: int = 0
    discretionary: int = 0

    @property
    def total(self) -> int:
        """Sum of all releases."""
        return self.contractual + self.mining + self.discretionary


RowName = Bounded[bytes, MAX_NAME]
RowList = Bounded[list[ContractualRow], MAX_ROWS]
YearTable = Bounded[list[u32], MAX_YEARS]
"""Release of each year, in hundredths of a percent of the genesis supply."""
