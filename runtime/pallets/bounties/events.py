"""Events of Bounties."""

from __future__ import annotations

from runtime.frame import Event
from runtime.frame.aliases import AccountIdOf
from runtime.pallets.bounties.types import Amount, BountyIndex


class BountyProposed(Event, index=0):
    """A bounty was proposed."""

    index: BountyIndex


class BountyRejected(Event, index=1):
    """A proposed bounty was rejected; the proposer's deposit went to the treasury."""

    index: BountyIndex
    bond: Amount


class BountyBecameActive(Event, index=2):
    """A bounty was funded."""

    index: BountyIndex


class BountyAwarded(Event, index=3):
    """A bounty was awarded; it can be claimed after a delay."""

    index: BountyIndex
    beneficiary: AccountIdOf


class BountyClaimed(Event, index=4):
    """A bounty was paid; `payout` does not include the curator's fee."""

    index: BountyIndex
    payout: Amount
    beneficiary: AccountIdOf


class BountyCanceled(Event, index=5):
    """A bounty was canceled; its funds went back to the pool."""

    index: BountyIndex


class BountyExtended(Event, index=6):
    """The curator reported; the period until the next report started."""

    index: BountyIndex


class BountyApproved(Event, index=7):
    """A bounty was approved; it is funded at the end of the spend period."""

    index: BountyIndex


class CuratorProposed(Event, index=8):
    """A curator was proposed for a bounty."""

    bounty_id: BountyIndex
    curator: AccountIdOf


class CuratorUnassigned(Event, index=9):
    """The curator of a bounty was removed."""

    bounty_id: BountyIndex


class CuratorAccepted(Event, index=10):
    """A curator accepted a bounty; its deposit was reserved."""

    bounty_id: BountyIndex
    curator: AccountIdOf


class DepositPoked(Event, index=11):
    """The proposer's deposit was adjusted to the current rates."""

    bounty_id: BountyIndex
    proposer: AccountIdOf
    old_deposit: Amount
    new_deposit: Amount
