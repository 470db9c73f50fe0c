"""The budget of rechecks: after a block each transaction is validated again, in turns."""

from __future__ import annotations

from collections.abc import Callable

from btt_chain.lazyclass import dataclass


def _never() -> bool:
    return False


@dataclass(slots=True)
class RecheckBudget:
    """The budget of one turn: transactions, bytes that are decoded again, and time.

    The first two are the same on every machine; `is_late` is called before each further one. At
    least one transaction is validated in a turn, so that the rechecks end.
    """

    transactions: int
    bytes: int = 1 << 62
    is_late: Callable[[], bool] = _never
    judged: int = 0
    """Number of transactions validated."""

    def has_rest(self) -> bool:
        """Return True if another transaction may be validated."""
        if self.judged >= self.transactions:
            return False
        return not self.judged or (self.bytes > 0 and not self.is_late())

    def charge(self, decoded: int) -> None:
        """Count one transaction, with the bytes that were decoded of it."""
        self.judged += 1
        self.bytes -= decoded
