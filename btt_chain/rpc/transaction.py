"""transaction_v1_* and transactionWatch_v1_*: the new API's methods to send a transaction."""

from __future__ import annotations

import secrets
from typing import Final

from btt_chain.lazyclass import dataclass
from btt_chain.primitives.digits import to_hex
from btt_chain.rpc.author import check_extrinsic
from btt_chain.rpc.backend import (
    Backend,
    BadExtrinsic,
    ChainEvent,
    NewBest,
    Pool,
)
from btt_chain.rpc.connection import Call, Connection, Subscription
from btt_chain.rpc.hub import Hub
from btt_chain.rpc.params import Hex, Text
from btt_chain.rpc.protocol import INVALID_PARAMS, RpcError
from btt_chain.rpc.registry import method, subscription
from btt_chain.txpool import AlreadyImported, PoolError, Status, StatusEvent

MAX_BROADCASTS: Final = 16
"""Maximum number per connection; clients may count on four."""
MAX_ATTEMPTS: Final = 64
"""Number of best blocks at which a refused transaction is tried again."""


@dataclass(slots=True)
class Broadcast:
    """A transaction that a client broadcasts until it stops it."""

    extrinsic: bytes | None
    """Kept only while a further attempt is possible."""
    attempts: int = 0

    def attempt(self, pool: Pool) -> None:
        """Submit it to the pool, which gossips it; a refusal is ignored, as the spec requires."""
        if self.extrinsic is None:
            return
        self.attempts += 1
        try:
            pool.submit(self.extrinsic)
        except PoolError as refusal:
            if self.attempts < MAX_ATTEMPTS and not isinstance(refusal, AlreadyImported):
                return
            self.extrinsic = None
        except BadExtrinsic:
            # No later block makes it valid.
            self.extrinsic = None
        else:
            # The pool has it now, and resubmits it by itself when a block is retracted.
            self.extrinsic = None


class TransactionApi:
    """Broadcasts, and watched transactions with the new API's events."""

    def __init__(self, backend: Backend, hub: Hub) -> None:
        self.pool = backend.pool
        self.broadcasts: dict[Connection, dict[str, Broadcast]] = {}
        hub.listen(self._on_chain_event)

    @method("transaction_v1_broadcast", connected=True)
    def broadcast(self, call: Call, transaction: Hex) -> str | None:
        """Broadcast a transaction until stopped; null if the connection has too many broadcasts."""
        connection = call.connection
        mine = self.broadcasts.get(connection)
        if mine is None:
            mine = self.broadcasts[connection] = {}
            connection.on_close(lambda: self.broadcasts.pop(connection, None))
        if len(mine) >= MAX_BROADCASTS:
            return None
        id = secrets.token_urlsafe(12)
        try:
            check_extrinsic(transaction)
        except BadExtrinsic:
            # Not reported, as the spec requires; and not kept, because it can be of any size.
            mine[id] = Broadcast(None)
            return id
        broadcast = mine[id] = Broadcast(transaction)
        call.after(lambda: broadcast.attempt(self.pool))
        return id

    @method("transaction_v1_stop", connected=True)
    def stop(self, call: Call, operation_id: Text) -> None:
        """Stop a broadcast; the transaction may be in a block already."""
        mine = self.broadcasts.get(call.connection, {})
        if mine.pop(operation_id, None) is None:
            raise RpcError(INVALID_PARAMS, "Invalid operation id")

    @subscription(
        "transactionWatch_v1_submitAndWatch",
        event="transactionWatch_v1_watchEvent",
        unsubscribe=("transactionWatch_v1_unwatch",),
        unsubscribe_result=False,
    )
    def submit_and_watch(self, subscription: Subscription, transaction: Hex) -> None:
        """Submit a transaction and report each status; a refusal is an event, not an error."""

        def report(status: StatusEvent) -> None:
            event = watch_event(status)
            if event is not None:
                subscription.notify(event)
            if status.status.ends:
                subscription.end()

        try:
            check_extrinsic(transaction)
            watch = self.pool.watch(transaction, report)
        except (PoolError, BadExtrinsic) as refusal:
            subscription.notify({"event": "invalid", "error": str(refusal)})
            subscription.end()
            return
        subscription.on_end(watch.close)

    def _on_chain_event(self, event: ChainEvent) -> None:
        if not isinstance(event, NewBest):
            return
        for mine in list(self.broadcasts.values()):
            for broadcast in mine.values():
                broadcast.attempt(self.pool)


def watch_event(event: StatusEvent) -> dict[str, object] | None:
    """Return the new API's event for an event of the pool; None if it has none."""
    match event.status:
        case Status.READY:
            return {"event": "validated"}
        case Status.IN_BLOCK:
            return {"event": "bestChainBlockIncluded", "block": _place(event)}
        case Status.RETRACTED:
            return {"event": "bestChainBlockIncluded", "block": None}
        case Status.FINALIZED:
            return {"event": "finalized", "block": _place(event)}
        case Status.FINALITY_TIMEOUT:
            return {"event": "dropped", "error": "The block took too long to become final"}
        case Status.USURPED:
            by = to_hex(event.by or b"")
            return {"event": "invalid", "error": f"Extrinsic was usurped by {by}"}
        case Status.DROPPED:
            return {"event": "dropped", "error": event.reason or "Extrinsic was dropped"}
        case Status.INVALID:
            return {"event": "invalid", "error": event.reason or "Extrinsic marked as invalid"}
        case Status.FUTURE | Status.BROADCAST:
            return None


def _place(event: StatusEvent) -> dict[str, object] | None:
    """Return block and index of a transaction."""
    return None if event.block is None else {"hash": to_hex(event.block), "index": event.position}
