"""How much of the pool each account fills."""

from __future__ import annotations

from btt_chain.txpool.types import Transaction


class Senders:
    """Bytes of the transactions of each sender; transactions without one are not counted."""

    __slots__ = ("_bytes",)

    def __init__(self) -> None:
        self._bytes: dict[bytes, int] = {}

    def __len__(self) -> int:
        return len(self._bytes)

    def of(self, sender: bytes | None) -> int:
        """Return the bytes of a sender's transactions."""
        return 0 if sender is None else self._bytes.get(sender, 0)

    def add(self, tx: Transaction) -> None:
        """Count a transaction that enters the pool."""
        if tx.sender is not None:
            self._bytes[tx.sender] = self._bytes.get(tx.sender, 0) + len(tx.raw)

    def remove(self, tx: Transaction) -> None:
        """Count a transaction no more that leaves the pool."""
        if tx.sender is None:
            return
        rest = self._bytes[tx.sender] - len(tx.raw)
        if rest:
            self._bytes[tx.sender] = rest
        else:
            del self._bytes[tx.sender]
