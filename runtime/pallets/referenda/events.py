"""Events of the referenda."""

from __future__ import annotations

from typing import Annotated

from btt_chain.scale import TypeName, u16, u32, u128
from runtime.frame import Event
from runtime.frame.aliases import AccountIdOf, HashOf
from runtime.pallets.preimage.pallet import BoundedCall
from runtime.pallets.referenda.types import Tally

Index = Annotated[u32, TypeName("ReferendumIndex")]
TrackId = Annotated[u16, TypeName("TrackIdOf<T, I>")]
Amount = Annotated[u128, TypeName("BalanceOf<T, I>")]
Proposal = Annotated[BoundedCall, TypeName("BoundedCallOf<T, I>")]
Count = Annotated[Tally, TypeName("T::Tally")]


class Submitted(Event, index=0):
    """A referendum was submitted."""

    index: Index
    track: TrackId
    proposal: Proposal


class DecisionDepositPlaced(Event, index=1):
    """A decision deposit was placed."""

    index: Index
    who: AccountIdOf
    amount: Amount


class DecisionDepositRefunded(Event, index=2):
    """A decision deposit was refunded."""

    index: Index
    who: AccountIdOf
    amount: Amount


class DepositSlashed(Event, index=3):
    """A deposit was slashed: it went to the treasury."""

    who: AccountIdOf
    amount: Amount


class DecisionStarted(Event, index=4):
    """The decision of a referendum started."""

    index: Index
    track: TrackId
    proposal: Proposal
    tally: Count


class ConfirmStarted(Event, index=5):
    """A referendum met the thresholds; its confirmation period started."""

    index: Index


class ConfirmAborted(Event, index=6):
    """A referendum no longer met the thresholds; its confirmation was aborted."""

    index: Index


class Confirmed(Event, index=7):
    """A referendum met the thresholds for its confirmation period."""

    index: Index
    tally: Count


class Approved(Event, index=8):
    """A referendum was approved, and its call scheduled."""

    index: Index


class Rejected(Event, index=9):
    """A referendum was rejected: it was not confirmed in its decision period."""

    index: Index
    tally: Count


class TimedOut(Event, index=10):
    """A referendum timed out before its decision started."""

    index: Index
    tally: Count


class Cancelled(Event, index=11):
    """A referendum was cancelled."""

    index: Index
    tally: Count


class Killed(Event, index=12):
    """A referendum was killed, and its deposits slashed."""

    index: Index
    tally: Count


class SubmissionDepositRefunded(Event, index=13):
    """A submission deposit was refunded."""

    index: Index
    who: AccountIdOf
    amount: Amount


class MetadataSet(Event, index=14):
    """The description of a referendum was set."""

    index: Index
    hash: HashOf


class MetadataCleared(Event, index=15):
    """The description of a referendum was removed."""

    index: Index
    hash: HashOf
