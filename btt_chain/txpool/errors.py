"""Reasons why the pool refused a transaction, in the words of JSON-RPC.

Each class is one error code of the `author` methods: the server copies `code`, `message` and `data`
into its answer.
"""

from __future__ import annotations

import math
from typing import ClassVar

from btt_chain.primitives.validity import (
    InvalidTransaction,
    UnknownTransaction,
    describe,
)
from btt_chain.txpool.types import Limit, PoolStatus


class PoolError(Exception):
    """A transaction was not added to the pool."""

    code: ClassVar[int]
    message: str
    data: str | None = None

    def __str__(self) -> str:
        return self.message if self.data is None else f"{self.message}: {self.data}"


class TransactionInvalid(PoolError):
    """The runtime finds it invalid; the transaction is banned for a while."""

    code = 1010
    message = "Invalid Transaction"

    def __init__(self, reason: InvalidTransaction) -> None:
        super().__init__()
        self.reason = reason
        self.data = describe(reason)


class ValidityUnknown(PoolError):
    """The runtime cannot decide now; a later attempt may succeed."""

    code = 1011
    message = "Unknown Transaction Validity"

    def __init__(self, reason: UnknownTransaction) -> None:
        super().__init__()
        self.reason = reason
        self.data = describe(reason)


class TemporarilyBanned(PoolError):
    """It was removed recently; it may be submitted again in `remaining` seconds."""

    code = 1012
    message = "Transaction is temporarily banned"

    def __init__(self, reason: str, remaining: float, *, is_for_room: bool = False) -> None:
        """`is_for_room`: it may be valid, but the pool had no room for ready transactions."""
        super().__init__()
        self.reason = reason
        self.is_for_room = is_for_room
        self.remaining = max(1, math.ceil(remaining))
        self.data = f"{reason}; the ban ends in {self.remaining} seconds"


class AlreadyImported(PoolError):
    """The same bytes are in the pool, or in a block that waits for finality."""

    code = 1013
    message = "Transaction Already Imported"

    def __init__(self, tx_hash: bytes) -> None:
        super().__init__()
        self.hash = tx_hash
        self.data = "0x" + tx_hash.hex()


class TooLowPriority(PoolError):
    """Other transactions provide its tags, and it does not outbid them (`outbids`)."""

    code = 1014
    data = (
        "The transaction has too low priority to replace another transaction already in the pool."
    )

    def __init__(self, old: int, new: int, holder: bytes) -> None:
        super().__init__()
        self.old = old
        self.new = new
        self.holder = holder
        self.message = f"Priority is too low: ({old} vs {new})"


class CycleDetected(PoolError):
    """It would have to be included before itself."""

    code = 1015
    message = "Cycle Detected"


class ImmediatelyDropped(PoolError):
    """The pool is full of transactions of the same or higher priority: wait for a block, or tip."""

    code = 1016
    message = "Immediately Dropped"

    def __init__(self, full: PoolStatus) -> None:
        super().__init__()
        self.full = full
        self.data = (
            "The transaction couldn't enter the pool because of the limit: "
            f"{full.ready} are ready ({full.ready_bytes} bytes), "
            f"{full.future} wait for a nonce ({full.future_bytes} bytes); "
            "submit it again after the next block, or with a higher tip"
        )


class PoolFull(ImmediatelyDropped):
    """There is no room for transactions of low priority: it was refused without validation."""

    def __init__(self, full: PoolStatus) -> None:
        super().__init__(full)
        self.data = (
            f"The pool is full: {full.ready} transactions are ready, and it does not pay more than "
            "the cheapest of them. Retry after the next block, or raise the tip"
        )


class NoFutureRoom(ImmediatelyDropped):
    """It waits for an earlier nonce, and there is no room for further waiting transactions."""


class SenderLimit(ImmediatelyDropped):
    """The sender's transactions would exceed the bytes that one account may have in the pool."""

    def __init__(self, full: PoolStatus, used: int, limit: int) -> None:
        super().__init__(full)
        self.data = (
            f"The transactions of this account have {used} bytes in the pool and may have {limit}: "
            "submit it again after the next block"
        )


class SenderFutureLimit(SenderLimit):
    """The sender's waiting transactions would exceed the limit of one account."""

    def __init__(self, full: PoolStatus, used: Limit, limit: Limit) -> None:
        super().__init__(full, used.bytes, limit.bytes)
        self.data = (
            f"{used.count} transactions of this account ({used.bytes} bytes) wait for an earlier "
            f"nonce, and {limit.count} ({limit.bytes} bytes) may: submit the earlier nonces first"
        )


class SenderFunds(ImmediatelyDropped):
    """The sender cannot pay the fees of all its transactions in the pool and of this one."""

    def __init__(self, full: PoolStatus, fees: int) -> None:
        super().__init__(full)
        self.data = (
            f"The fees of this account's transactions in the pool and of this one are {fees} "
            "planck together, more than it has: submit it again after the next block"
        )


class Unactionable(PoolError):
    """It must not be gossiped, and this node authors no blocks."""

    code = 1018
    message = "Unactionable"
    data = (
        "The transaction is unactionable since it is not propagable and "
        "the local node does not author blocks"
    )


class NoTagsProvided(PoolError):
    """It provides no tags, so that it cannot be identified."""

    code = 1019
    message = "No tags provided"
    data = "Transaction does not provide any tags, so the pool can't identify it"


class FutureRejected(PoolError):
    """It requires unknown transactions, and this pool keeps none that wait."""

    code = 1021
    message = "The pool is not accepting future transactions"
