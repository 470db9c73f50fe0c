"""Views of incentives: months, points and audits. Amounts are in planck, times in slots."""

from __future__ import annotations

from typing import Final, Protocol

from btt_chain.lazyclass import dataclass
from btt_chain.primitives.account import AccountId
from btt_chain.primitives.activity_rule import ActivityRule
from btt_chain.primitives.digest import H256

PAGE: Final = 100
"""Maximum number of facilities in one result."""
SECOND_ROUND: Final = "SecondRound"
"""The phase of an audit in which other auditors report."""


@dataclass(frozen=True, slots=True)
class CurrentMonth:
    """The current month."""

    month: int
    begins: int
    ends: int
    point_value: int
    """Worth of a point."""


@dataclass(frozen=True, slots=True)
class Epoch:
    """A facility's month with published keys."""

    points: int
    redeemed: int
    state: str


@dataclass(frozen=True, slots=True)
class EpochView:
    """A facility's month."""

    facility: AccountId
    paid: int
    right: int
    """Points that it may issue; final once the month has begun."""
    epoch: Epoch | None
    """None while no keys are published."""


@dataclass(frozen=True, slots=True)
class PointsView:
    """The points of an account."""

    balance: int


@dataclass(frozen=True, slots=True)
class Offer:
    """An offer of a partner."""

    hash: bytes
    until: int


@dataclass(frozen=True, slots=True)
class Seat:
    """A place of an audit's round."""

    auditor: AccountId
    key: bytes
    """Key to which the facility seals what it opens."""
    verdict: str | None


@dataclass(frozen=True, slots=True)
class Audit:
    """The audit of a facility's month."""

    phase: str
    seed: H256
    until: int
    first: list[Seat]
    second: list[Seat]

    @property
    def seats(self) -> list[Seat]:
        """The auditors of the present round."""
        return self.second if self.phase == SECOND_ROUND else self.first


@dataclass(frozen=True, slots=True)
class AuditView:
    """An audit that has not ended."""

    facility: AccountId
    month: int
    root: H256
    leaves: int
    audit: Audit


@dataclass(frozen=True, slots=True)
class RuleView:
    """A rule with its number."""

    id: int
    rule: ActivityRule


@dataclass(frozen=True, slots=True)
class StatisticsCell:
    """The points of facilities of one kind."""

    kind: str
    points: int | None
    """None where the number is hidden."""


@dataclass(frozen=True, slots=True)
class StatisticsRow:
    """The points of one country, or of several small ones together."""

    regions: list[int]
    facilities: int
    cells: list[StatisticsCell]


@dataclass(frozen=True, slots=True)
class Statistics:
    """The points with which facilities closed a month."""

    month: int
    rows: list[StatisticsRow]
    shown: int


class IncentivesApi(Protocol):
    """Points for confirmed activities."""

    def current(self) -> CurrentMonth:
        """Return the current month."""

    def rules(self) -> list[RuleView]:
        """Return the rules of activities."""

    def epoch(self, facility: AccountId, month: int) -> EpochView | None:
        """Return a facility's month; None if it has not paid for it."""

    def keys(self, facility: AccountId, month: int) -> list[bytes] | None:
        """Return the moduli of a facility's month; None if there are none."""

    def epochs(self, month: int, after: AccountId | None, limit: int) -> list[EpochView]:
        """Return facilities that paid for a month, behind the account `after`."""

    def points(self, account: AccountId) -> PointsView | None:
        """Return the points of an account that count; None if it has none."""

    def is_spent(self, month: int, message: bytes) -> bool:
        """Return True if the voucher with this hash of its message was redeemed."""

    def offers(self, partner: AccountId) -> list[Offer]:
        """Return the offers of a partner that are in place."""

    def audit(self, facility: AccountId, month: int) -> AuditView | None:
        """Return the audit of a facility's month; None if it is not selected, or has ended."""

    def stats(self, month: int) -> Statistics | None:
        """Return the public statistics of a month; None before it is settled, or if expired."""


# ---- events


@dataclass(frozen=True, slots=True)
class Subscribed:
    """A facility paid `amount` planck for each of the months `first` to `last`."""

    first: int
    last: int
    amount: int
