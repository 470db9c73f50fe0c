"""The price of rechecks: after a block each transaction of the pool is judged again, in turns."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


def _never() -> bool:
    return False


@dataclass(slots=True)
class RecheckBudget:
    """The budget of one turn: transactions, bytes that are decoded again, and time.

    The first two are the same on every machine; `is_late` is asked after each transaction. At least
    one transaction is judged in a turn, so that the rechecks end.
    """

    transactions: int
    bytes: int = 1 << 62
    is_late: Callable[[], bool] = _never
    judged: int = 0
    """Transactions that were judged."""

    def has_rest(self) -> bool:
        """Return True while another transaction may be judged."""
        if self.judged >= self.transactions:
            return False
        return not self.judged or (self.bytes > 0 and not self.is_late())

    def charge(self, decoded: int) -> None:
        """Count one transaction, of which so many bytes were decoded."""
        self.judged += 1
        self.bytes -= decoded
