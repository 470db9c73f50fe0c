"""Types of Bounties. The state of a bounty, with the calls that change it:

| from | to | by |
|---|---|---|
| (none) | Proposed | propose_bounty |
| Proposed | Approved, ApprovedWithCurator | approve_bounty, approve_bounty_with_curator |
| Approved | Funded | the spend period |
| ApprovedWithCurator | AwaitsCurator | the spend period |
| Funded | AwaitsCurator | propose_curator |
| AwaitsCurator | Active | accept_curator |
| Active | Awarded | award_bounty |
| ApprovedWithCurator | Approved | unassign_curator |
| AwaitsCurator, Active, Awarded | Funded | unassign_curator |
| Awarded | (none) | claim_bounty |
| all but Awarded | (none) | close_bounty |
"""

from __future__ import annotations

from typing import Annotated, Final

from btt_chain.lazyclass import dataclass
from btt_chain.primitives.account import AccountId
from btt_chain.primitives.meaning import TEXT
from btt_chain.scale import Compact, Path, TypeName, Variant, path, u32, u128
from runtime.frame.aliases import Account, Balance, BlockNumber

MAX_REASON: Final = 16_384
"""Maximum length of a description, in bytes."""
RESERVE_ID: Final = b"btt/bnty"
"""Name of the reserve for deposits: other reserves are not touched."""

BountyIndex = Annotated[u32, TypeName("BountyIndex")]
CompactIndex = Annotated[Compact[u32], TypeName("BountyIndex")]
Amount = Annotated[u128, TypeName("BalanceOf<T, I>")]
CompactAmount = Annotated[Compact[u128], TypeName("BalanceOf<T, I>")]
Text = Annotated[bytes, TypeName("Vec<u8>"), TEXT]


class Proposed(Variant, index=0):
    """The bounty waits for approval."""


class Approved(Variant, index=1):
    """The bounty is approved and waits for funds."""


class Funded(Variant, index=2):
    """The bounty's account holds its funds; it waits for a curator."""


class AwaitsCurator(Variant, index=3, name="CuratorProposed"):
    """A curator is proposed and has not accepted yet."""

    curator: Account


class Active(Variant, index=4):
    """The curator has accepted; its next report is due by slot `update_due`."""

    curator: Account
    update_due: BlockNumber


class Awarded(Variant, index=5, name="PendingPayout"):
    """The bounty is awarded, and can be claimed from slot `unlock_at` on."""

    curator: Account
    beneficiary: Account
    unlock_at: BlockNumber


class ApprovedWithCurator(Variant, index=6):
    """The bounty is approved with a proposed curator and waits for funds."""

    curator: Account


BountyStatus = Annotated[
    Proposed | Approved | Funded | AwaitsCurator | Active | Awarded | ApprovedWithCurator,
    Path("pallet_bounties::BountyStatus", params={"AccountId": AccountId, "BlockNumber": u32}),
]


@path(
    "pallet_bounties::Bounty", params={"AccountId": AccountId, "Balance": u128, "BlockNumber": u32}
)
@dataclass(slots=True)
class Bounty:
    """A bounty, its deposits and its status. Amounts in planck."""

    proposer: Account
    value: Balance
    """Total payment, the curator's fee included."""
    fee: Balance
    curator_deposit: Balance
    bond: Balance
    """Deposit of the proposer; released when the bounty is funded."""
    status: Annotated[BountyStatus, TypeName("BountyStatus<AccountId, BlockNumber>")]
