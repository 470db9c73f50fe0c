"""What Tokenomics stores and tells. Amounts are in planck, times in slots since genesis."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import Annotated, Final

from btt_chain.primitives.account import AccountId
from btt_chain.primitives.digest import H256
from btt_chain.scale import Bounded, FixedBytes, TypeName, path, u32, u64, u128

MAX_MILESTONES: Final = 64
"""Items that one programme may have."""
MAX_ROWS: Final = 64
"""Rows of an allocation that are paid out by their contracts."""
MAX_YEARS: Final = 32
"""Years that the release table may have."""
MAX_HOLDINGS: Final = 1_024
"""Accounts that one row may lie in at genesis."""
MAX_NAME: Final = 64
"""Bytes of a row's name, and of a preset's."""
NO_HASH: Final = H256(bytes(32))


class PoolId(FixedBytes, size=8, path="pallet_tokenomics::PoolId"):
    """A pool's name: what stands between `modl` and the zeros of its account."""


@path("pallet_tokenomics::BurnReason")
class BurnReason(IntEnum):
    """Why money was destroyed."""

    Compute = 0
    """The burn of a compute fee."""
    Asset = 1
    """The burn of a fee on tokenized assets."""
    Payfi = 2
    """The burn of a payment fee."""
    Staking = 3
    """The burn of a staking reward."""
    Milestone = 4
    """A milestone of the project was reached."""
    Slash = 5
    """A penalty that nobody was to get."""
    Voluntary = 6
    """The owner wanted it so: `Balances.burn`."""


@path("pallet_tokenomics::BurnId")
class BurnId(IntEnum):
    """The milestones at which money is destroyed, once each."""

    MainnetLaunch = 0
    """The chain began: happens by itself in block 1."""
    Hospitals100 = 1
    """A hundred hospitals are registered."""
    Hospitals1000 = 2
    """A thousand hospitals are registered."""
    CrossChain = 3
    """The chain is linked to others, as attested by the technical track."""


HOSPITALS: Final = {BurnId.Hospitals100: 100, BurnId.Hospitals1000: 1_000}
"""How many hospitals a burn waits for."""


@path("pallet_tokenomics::CeilingMode")
class CeilingMode(IntEnum):
    """What the yearly release ceiling does."""

    Off = 0
    """Nothing."""
    Advisory = 1
    """An event tells when a release goes beyond it."""
    Enforce = 2
    """Discretionary releases beyond it are refused; for all others an event tells."""


@path("pallet_tokenomics::MilestoneStatus")
class MilestoneStatus(IntEnum):
    """How far an item of a programme is."""

    Open = 0
    """Nobody said that it is done."""
    Attested = 1
    """The Foundation says that it is done; it counts when the objection window has passed."""
    Objected = 2
    """Somebody with the right to it objected: it counts if it is confirmed, or attested anew."""
    Confirmed = 3
    """It is done."""


@path("pallet_tokenomics::Pool", params={"AccountId": AccountId, "Balance": u128})
@dataclass(slots=True)
class Pool:
    """A pool's books. What lies in it now is the balance of its account."""

    account: Annotated[AccountId, TypeName("AccountId")]
    allocated: Annotated[u128, TypeName("Balance")]
    """What genesis put in."""
    released: Annotated[u128, TypeName("Balance")] = u128(0)
    """What was paid out of it."""
    burned: Annotated[u128, TypeName("Balance")] = u128(0)
    """What of it was destroyed."""


@path("pallet_tokenomics::Milestone")
@dataclass(slots=True)
class Milestone:
    """An item of a programme."""

    bps: Annotated[u32, TypeName("u32")]
    """How much of the programme depends on it, in hundredths of a percent."""
    description: Annotated[H256, TypeName("Hash")]
    """The hash of the text that says what is to be done."""
    status: Annotated[MilestoneStatus, TypeName("MilestoneStatus")] = MilestoneStatus.Open
    evidence: Annotated[H256, TypeName("Hash")] = NO_HASH
    """The hash of what the Foundation gave as evidence; zeros before that."""
    since: Annotated[u64, TypeName("Slot")] = u64(0)
    """When the status changed last."""


@path("pallet_tokenomics::Programme", params={"Balance": u128})
@dataclass(slots=True)
class Programme:
    """A programme of the Foundation: money that comes free by time and by milestones."""

    pool: Annotated[PoolId, TypeName("PoolId")]
    amount: Annotated[u128, TypeName("Balance")]
    months: Annotated[u32, TypeName("u32")]
    """Over how many months it comes free at the soonest."""
    milestones: Annotated[
        Bounded[list[Milestone], MAX_MILESTONES],
        TypeName("BoundedVec<Milestone, MaxMilestones>"),
    ]
    released_planck: Annotated[u128, TypeName("Balance")] = u128(0)
    """What the Foundation was paid of it."""
    done_bps: Annotated[u32, TypeName("u32")] = u32(0)
    """How much of it depended on milestones that are done, when it was last looked at."""


@path("pallet_tokenomics::MilestoneBurn", params={"Balance": u128})
@dataclass(slots=True)
class MilestoneBurn:
    """How much is destroyed at a milestone, and in which slot it was."""

    amount: Annotated[u128, TypeName("Balance")]
    executed_at: Annotated[u64 | None, TypeName("Option<Slot>")] = None


@path("pallet_tokenomics::RowKind")
class RowKind(IntEnum):
    """How a row of the allocation is paid out."""

    Linear = 0
    """Its holder owns it from genesis, and it comes free slot by slot."""
    Milestone = 1
    """A programme of the Foundation."""
    Mining = 2
    """Rewards of useful work."""
    Discretionary = 3
    """A referendum spends it."""
    Immediate = 4
    """It is free from genesis."""
    Reserve = 5
    """It needs a referendum and its signatories."""
    Treasury = 6
    """The rows leave it over; the treasury's."""


@path("pallet_tokenomics::Allocation", params={"AccountId": AccountId, "Balance": u128})
@dataclass(slots=True)
class Allocation:
    """A row of the documents' table, as genesis put it into accounts."""

    kind: Annotated[RowKind, TypeName("RowKind")]
    amount: Annotated[u128, TypeName("Balance")]
    accounts: Annotated[
        Bounded[list[AccountId], MAX_HOLDINGS], TypeName("BoundedVec<AccountId, MaxHoldings>")
    ]
    """Where it lay in block zero."""


@path("pallet_tokenomics::ContractualRow", params={"Balance": u128})
@dataclass(slots=True)
class ContractualRow:
    """A row of the allocation that comes free by its contract, whatever anybody decides.

    The fields are those of a vesting schedule; a length of zero is free from `start` on.
    """

    amount: Annotated[u128, TypeName("Balance")]
    start: Annotated[u64, TypeName("Slot")]
    length: Annotated[u64, TypeName("Slot")]
    cliff: Annotated[u64, TypeName("Slot")]


@path("pallet_tokenomics::ReserveUnlock", params={"Balance": u128})
@dataclass(slots=True)
class ReserveUnlock:
    """What a referendum lets the signatories of the reserve spend."""

    cap: Annotated[u128, TypeName("Balance")]
    expiry: Annotated[u64, TypeName("Slot")]
    """The first slot in which nothing can be spent any more."""
    spent: Annotated[u128, TypeName("Balance")] = u128(0)


# ---- what is told


@path("btt_runtime::tokenomics::Supply", params={"Balance": u128})
@dataclass(frozen=True, slots=True)
class Supply:
    """All the money there is, in planck, and how much of it moves. `Tokenomics.supply` defines."""

    genesis: Annotated[u128, TypeName("Balance")]
    burned: Annotated[u128, TypeName("Balance")]
    issuance: Annotated[u128, TypeName("Balance")]
    circulating: Annotated[u128, TypeName("Balance")]
    locked: Annotated[u128, TypeName("Balance")]
    staked: Annotated[u128, TypeName("Balance")]


@path("btt_runtime::tokenomics::YearRelease", params={"Balance": u128})
@dataclass(frozen=True, slots=True)
class YearRelease:
    """One year of releases, in planck. `Tokenomics.release` defines."""

    year: Annotated[u32, TypeName("u32")]
    """The label year: 2025 is the chain's first."""
    table: Annotated[u128, TypeName("Balance")]
    """What the documents' table gives to the year."""
    contractual: Annotated[u128, TypeName("Balance")]
    """What comes free in it by contract."""
    mining: Annotated[u128, TypeName("Balance")]
    """What is emitted in it for work."""
    discretionary: Annotated[u128, TypeName("Balance")]
    """What was paid in it so far from the other pools."""
    ceiling: Annotated[u128, TypeName("Balance")]
    """What the table gives to it and all years before."""
    headroom: Annotated[u128, TypeName("Balance")]
    """What the ceiling leaves to discretionary releases."""


@path("btt_runtime::tokenomics::PoolStatus", params={"AccountId": AccountId, "Balance": u128})
@dataclass(frozen=True, slots=True)
class PoolStatus:
    """A pool as it is now, in planck."""

    id: Annotated[PoolId, TypeName("PoolId")]
    account: Annotated[AccountId, TypeName("AccountId")]
    allocated: Annotated[u128, TypeName("Balance")]
    released: Annotated[u128, TypeName("Balance")]
    burned: Annotated[u128, TypeName("Balance")]
    balance: Annotated[u128, TypeName("Balance")]


@dataclass(frozen=True, slots=True)
class Releases:
    """What has come free by a point in time, in planck, by what let it."""

    contractual: int = 0
    mining: int = 0
    discretionary: int = 0

    @property
    def total(self) -> int:
        """All of it."""
        return self.contractual + self.mining + self.discretionary


RowName = Bounded[bytes, MAX_NAME]
RowList = Bounded[list[ContractualRow], MAX_ROWS]
YearTable = Bounded[list[u32], MAX_YEARS]
"""What each year releases, in hundredths of a percent of the genesis supply."""
