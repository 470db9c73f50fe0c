"""The entries of a statement, and its balances.

An entry is a settlement, a refund, or a judgement in a dispute. The balance of a statement is what
these entries brought since the record of them begins; the account's other money is not in it.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta
from enum import Enum

from btt_chain.lazyclass import dataclass
from btt_chain.payments.errors import PaymentError
from btt_chain.primitives.account import AccountId


class Kind(Enum):
    """Kinds of entries; the value is the proprietary code in camt.053 and the word in CSV."""

    SETTLEMENT = "SETTLEMENT"
    REFUND = "REFUND"
    DISPUTE = "DISPUTE"


@dataclass(frozen=True, slots=True)
class Entry:
    """One movement of the merchant's money, in planck."""

    id: str
    """Id of its event, which follows from block and index."""
    kind: Kind
    time_ms: int
    net: int
    """Growth of the merchant's balance; negative for a refund."""
    gross: int = 0
    fee: int = 0
    count: int = 1
    """Number of payments in a settlement."""
    payment: int | None = None
    """Number of the refunded or disputed payment."""
    bucket: int | None = None
    """Ten-minute bucket of a settlement."""

    @property
    def day(self) -> date:
        """Day of the entry in UTC."""
        return day_of(self.time_ms)


@dataclass(frozen=True, slots=True)
class Statement:
    """The entries of some days, with the balances before and after."""

    merchant: AccountId
    first: date
    last: date
    """Both days belong to the statement."""
    opening: int
    entries: tuple[Entry, ...]
    created: datetime

    @property
    def closing(self) -> int:
        """Balance after the last entry."""
        return self.opening + sum(entry.net for entry in self.entries)

    @property
    def id(self) -> str:
        """Id of the statement: of its account and days, at most 35 characters."""
        return f"{bytes(self.merchant).hex()[:16]}-{self.first:%Y%m%d}-{self.last:%Y%m%d}"


def statement_of(
    merchant: AccountId, entries: Iterable[Entry], first: date, last: date, created: datetime
) -> Statement:
    """Return the statement of the days `first` to `last`; earlier entries are its opening balance.

    `entries` are in the order of the chain. Raises PaymentError if the days are reversed.
    """
    if last < first:
        raise PaymentError(f"statement: it ends on {last}, before it begins on {first}")
    opening, inside = 0, []
    for entry in entries:
        if entry.day < first:
            opening += entry.net
        elif entry.day <= last:
            inside.append(entry)
    return Statement(merchant, first, last, opening, tuple(inside), created)


def day_of(time_ms: int) -> date:
    """Return the day of Unix milliseconds, in UTC."""
    return moment(time_ms).date()


def moment(time_ms: int) -> datetime:
    """Return Unix milliseconds as a time in UTC, without rounding."""
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=time_ms)
