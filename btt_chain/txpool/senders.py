"""Bytes and promised fees of each account in the pool."""

from __future__ import annotations

from btt_chain.lazyclass import dataclass
from btt_chain.txpool.types import CanPay, Transaction


@dataclass(slots=True)
class _Used:
    """Bytes and fees of one account in the pool."""

    size: int = 0
    fees: int = 0
    payable: int = 0
    """Fees that it was found able to pay at the block `at`."""
    at: bytes = b""


class Senders:
    """Bytes and fees of the transactions of each sender; transactions without one do not count."""

    __slots__ = ("_used",)

    def __init__(self) -> None:
        self._used: dict[bytes, _Used] = {}

    def __len__(self) -> int:
        return len(self._used)

    def of(self, sender: bytes | None) -> int:
        """Return the bytes of a sender's transactions."""
        used = None if sender is None else self._used.get(sender)
        return 0 if used is None else used.size

    def add(self, tx: Transaction) -> None:
        """Add a transaction that enters the pool."""
        if tx.sender is None:
            return
        used = self._used.get(tx.sender)
        if used is None:
            used = self._used[tx.sender] = _Used()
        used.size += len(tx.raw)
        used.fees += tx.fee

    def remove(self, tx: Transaction) -> None:
        """Subtract a transaction that leaves the pool."""
        if tx.sender is None:
            return
        used = self._used[tx.sender]
        used.size -= len(tx.raw)
        used.fees -= tx.fee
        if not used.size:
            del self._used[tx.sender]

    def unpayable(self, tx: Transaction, replaced: int, can_pay: CanPay) -> int | None:
        """Return the fees of a sender with `tx` if it cannot pay them all; None if it can.

        The runtime validates each transaction alone. Without this sum, an account with one fee
        could fill the pool: all its transactions but the first are removed once that one is
        included. `replaced` are the fees of transactions that `tx` would replace. The double amount
        is tried first, so that a long chain of transactions needs few checks.
        """
        used = None if tx.sender is None else self._used.get(tx.sender)
        if used is None or tx.sender is None:
            return None
        fees = used.fees + tx.fee - replaced
        if used.at == tx.checked and fees <= used.payable:
            return None
        for amount in (2 * fees, fees):
            if can_pay(tx.sender, amount, tx.checked):
                used.payable, used.at = amount, tx.checked
                return None
        return fees
