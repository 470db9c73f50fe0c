"""Runtime API of referenda and their tracks. Times are slots since genesis."""

from __future__ import annotations

from enum import IntEnum
from typing import Annotated, Final

from btt_chain.crypto.hashing import blake2_256
from btt_chain.lazyclass import dataclass
from btt_chain.primitives.account import AccountId
from btt_chain.primitives.digest import H256
from btt_chain.primitives.meaning import BILLIONTHS, SLOT, SLOTS
from btt_chain.scale import path, u16, u32
from runtime.frame.aliases import Planck
from runtime.frame.api import PalletOf, RuntimeApi
from runtime.pallets.preimage.pallet import MAX_SIZE, Inline, Preimage
from runtime.pallets.referenda.pallet import Referenda
from runtime.pallets.referenda.types import (
    Ongoing,
    ReferendumStatus,
    Track,
    WasApproved,
    WasCancelled,
    WasRejected,
    WasTimedOut,
)

PAGE: Final = 100
"""Maximum number of referenda in one result."""


LISTED: Final = 1_024
"""Maximum length of a call in a list, in bytes; of a longer one, only the hash. One preimage of
megabytes can be the proposal of any number of referenda.
"""


LATEST: Final = 10**9
"""End of a decision period, in billionths: thresholds fall until then, or are constant."""


@path("btt_runtime::governance::Stage")
class Stage(IntEnum):
    """Stage of a referendum."""

    Preparing = 0
    """The referendum waits for its decision deposit, or for the end of the preparation."""
    Queued = 1
    """The referendum waits for room in its track."""
    Deciding = 2
    Confirming = 3
    """The referendum passes its thresholds, and must continue to pass them."""
    Approved = 4
    Rejected = 5
    Cancelled = 6
    TimedOut = 7
    Killed = 8


ENDS: Final = {
    WasApproved: Stage.Approved,
    WasRejected: Stage.Rejected,
    WasCancelled: Stage.Cancelled,
    WasTimedOut: Stage.TimedOut,
}


@path("btt_runtime::governance::TrackView")
@dataclass(slots=True)
class TrackView:
    """Rules of one track of referenda: periods in slots, the deposit in planck."""

    id: u16
    name: str
    max_deciding: u32
    deciding: u32
    """Number of referenda in decision."""
    queued: u32
    """Number of referenda that wait for room."""
    decision_deposit: Planck
    prepare: Annotated[u32, SLOTS]
    decide: Annotated[u32, SLOTS]
    confirm: Annotated[u32, SLOTS]
    enact: Annotated[u32, SLOTS]
    approval: Annotated[u32, BILLIONTHS]
    """Final approval threshold, to be exceeded: share of the weighed votes."""
    participation: Annotated[u32, BILLIONTHS]
    """Final participation threshold, to be reached: share of all weights."""


@path("btt_runtime::governance::ReferendumView")
@dataclass(slots=True)
class ReferendumView:
    """A referendum, ongoing or finished."""

    index: u32
    stage: Stage
    at: Annotated[u32, SLOT]
    """Slot of the next alarm, 0 if none; of a finished referendum, slot of its end."""
    track: u16 | None
    """None for a finished referendum."""
    proposer: AccountId | None
    has_deposit: bool
    """True if the decision deposit is placed."""
    proposal: H256 | None
    """Hash of the proposed call."""
    call: bytes | None
    """The call, if its preimage is stored; in a list, only if it is short enough."""


class GovernanceApi(RuntimeApi, version=1):
    """Referenda and their tracks."""

    _referenda = PalletOf(Referenda)

    def tracks(self) -> list[TrackView]:
        """Return the tracks of referenda and their rules."""
        return [self._track_view(track, details) for track, details in self._referenda.tracks]

    def referendum(self, index: u32) -> ReferendumView | None:
        """Return the referendum of a number; None if it never existed."""
        return self._view(index, MAX_SIZE)

    def _view(self, index: u32, longest: int) -> ReferendumView | None:
        info = self._referenda.referendum_info_for.get(index)
        if info is None:
            return None
        if isinstance(info, Ongoing):
            return self._ongoing(index, info.status, longest)
        stage = ENDS.get(type(info), Stage.Killed)
        return ReferendumView(index, stage, info.at, None, None, False, None, None)

    def referenda(self, before: u32 | None, limit: u32) -> list[ReferendumView]:
        """Return referenda with numbers below `before`, the newest first; at most 100.

        Calls longer than 1,024 bytes are omitted; their hash is given.
        """
        count = int(self._referenda.referendum_count.value)
        first = min(count, count if before is None else int(before))
        numbers = range(first - 1, max(-1, first - 1 - min(int(limit), PAGE)), -1)
        found = (self._view(u32(number), LISTED) for number in numbers)
        return [view for view in found if view is not None]

    def _ongoing(self, index: u32, status: ReferendumStatus, longest: int) -> ReferendumView:
        if status.deciding is not None:
            confirming = status.deciding.confirming is not None
            stage = Stage.Confirming if confirming else Stage.Deciding
        else:
            stage = Stage.Queued if status.in_queue else Stage.Preparing
        preimages, proposal = self._runtime.pallet(Preimage), status.proposal
        if isinstance(proposal, Inline):
            hash, length = H256(blake2_256(proposal.call)), len(proposal.call)
        else:
            hash, length = proposal.hash, int(preimages.length(proposal.hash) or 0)
        call = preimages.peek(proposal) if length <= longest else None
        return ReferendumView(
            index=index,
            stage=stage,
            at=u32(0) if status.alarm is None else status.alarm[0],
            track=status.track,
            proposer=status.submission_deposit.who,
            has_deposit=status.decision_deposit is not None,
            proposal=hash,
            call=None if call is None else call.raw,
        )

    def _track_view(self, track: u16, details: Track) -> TrackView:
        referenda = self._referenda
        return TrackView(
            id=track,
            name=details.name,
            max_deciding=details.max_deciding,
            deciding=referenda.queues.deciding_count[track],
            queued=u32(len(referenda.queues.track_queue[track])),
            decision_deposit=details.decision_deposit,
            prepare=details.prepare_period,
            decide=details.decision_period,
            confirm=details.confirm_period,
            enact=details.min_enactment_period,
            approval=u32(details.min_approval.threshold(LATEST)),
            participation=u32(details.min_support.threshold(LATEST)),
        )
