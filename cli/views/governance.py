"""Views of governance. Times are slots since genesis, parts in billionths, money in planck."""

from __future__ import annotations

from enum import IntEnum
from typing import Final, Protocol

from btt_chain.lazyclass import dataclass
from btt_chain.primitives.account import AccountId

ROOT_TRACK: Final = 0
MAX_INLINE: Final = 128
"""Maximum length of a call within its proposal, in bytes; of a longer one it has the hash."""


class Decision(IntEnum):
    """The origins of referenda besides root: the number of a decision is that of its track."""

    WhitelistedCaller = 1
    SmallSpender = 10
    Treasurer = 11
    EcosystemSpender = 12
    Grants = 13
    Params = 20
    Technical = 21
    AssetPolicy = 22
    Emergency = 30
    Canceller = 40


@dataclass(frozen=True, slots=True)
class TrackView:
    """Rules of one track of referenda: periods in slots, the deposit in planck."""

    id: int
    name: str
    max_deciding: int
    deciding: int
    queued: int
    decision_deposit: int
    prepare: int
    decide: int
    confirm: int
    enact: int
    approval: int
    participation: int


@dataclass(frozen=True, slots=True)
class ChamberView:
    """The counted votes of one chamber in one referendum."""

    name: str
    weight: int
    electorate: int
    ayes: int
    nays: int
    abstains: int
    takes_part: bool
    weighed_ayes: int
    weighed_nays: int


@dataclass(frozen=True, slots=True)
class PollView:
    """The votes of an ongoing referendum, by chamber."""

    year: int
    frozen: bool
    chambers: list[ChamberView]
    approval: int
    approval_needed: int
    participation: int
    participation_needed: int
    passing: bool


@dataclass(frozen=True, slots=True)
class ReferendumView:
    """A referendum, ongoing or finished."""

    index: int
    stage: str
    at: int
    """Slot of the next alarm, 0 if none; of a finished referendum, slot of its end."""
    track: int | None
    """None for a finished referendum."""
    proposer: AccountId | None
    has_deposit: bool
    proposal: bytes | None
    """Hash of the proposed call."""
    call: bytes | None
    """The call, if its preimage is stored."""


@dataclass(frozen=True, slots=True)
class SeatView:
    """A member or candidate, with an amount in planck."""

    who: AccountId
    amount: int


@dataclass(frozen=True, slots=True)
class StateView:
    """The current state of the chambers."""

    mode: str
    year: int
    electorates: list[int]
    institutions: list[SeatView]
    representatives: list[SeatView]


@dataclass(frozen=True, slots=True)
class ElectionView:
    """The current election."""

    number: int
    ends: int
    seats: int
    candidates: list[SeatView]
    representatives: list[SeatView]


@dataclass(frozen=True, slots=True)
class Milestone:
    """A milestone of a programme of the Foundation."""

    bps: int
    description: bytes
    status: str
    evidence: bytes
    since: int


@dataclass(frozen=True, slots=True)
class MilestoneView:
    """A milestone of a programme, and the objections to it."""

    milestone: Milestone
    until: int | None
    """End of the objection window; None if it is not attested."""
    counts: bool
    objected: int
    needed: int


class ChambersApi(Protocol):
    """The four chambers, always in the order institutions, compute, holders, community."""

    def weights(self, year: int) -> list[int]:
        """Return the weights of a year by its label."""

    def state(self) -> StateView:
        """Return the current state of the chambers."""

    def election(self) -> ElectionView:
        """Return the current election of representatives."""

    def power(self, account: AccountId, locked: int | None) -> list[int]:
        """Return an account's power by chamber if it locks `locked` planck; None: its total."""

    def tally(self, poll: int) -> PollView | None:
        """Return the votes of a referendum; None if it is over or has no votes yet."""

    def milestones(self, programme: int) -> list[MilestoneView]:
        """Return the milestones of a programme, with the objections to them."""


class GovernanceApi(Protocol):
    """Referenda and their tracks."""

    def tracks(self) -> list[TrackView]:
        """Return the tracks of referenda and their rules."""

    def referendum(self, index: int) -> ReferendumView | None:
        """Return the referendum of a number; None if it never existed."""

    def referenda(self, before: int | None, limit: int) -> list[ReferendumView]:
        """Return referenda with numbers below `before`, the newest first."""


# ---- events


@dataclass(frozen=True, slots=True)
class Submitted:
    """A referendum was submitted."""

    index: int


@dataclass(frozen=True, slots=True)
class Refunded:
    """A deposit went back to its account."""

    who: AccountId
    amount: int
