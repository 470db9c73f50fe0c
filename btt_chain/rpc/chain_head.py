"""chainHead_v1_*: following the head of the chain, block by block.

A follow reports every block once to a client, parents first, and keeps each pinned until the client
unpins it. Its guarantees (JSON-RPC interface spec, chainHead_v1_follow): only announced blocks are
ever named, the best block is never one that finality excludes, and when a guarantee cannot be kept
the follow sends `stop` and ends. Follows end with their connection.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Sequence
from copy import copy
from typing import Final

from btt_chain.lazyclass import dataclass
from btt_chain.primitives.digits import to_hex
from btt_chain.primitives.extrinsic import opaque
from btt_chain.primitives.header import Header
from btt_chain.rpc.backend import (
    Backend,
    BackendError,
    Chain,
    ChainEvent,
    Finalized,
    NewBest,
    NewBlock,
    RuntimeCallError,
)
from btt_chain.rpc.connection import Call, Subscription
from btt_chain.rpc.hub import Hub
from btt_chain.rpc.params import Flag, Hash, Hex, Text
from btt_chain.rpc.protocol import RpcError
from btt_chain.rpc.registry import HEAVY, method, subscription
from btt_chain.rpc.shapes import runtime_json
from btt_chain.rpc.storage_query import Item, Query, QueryParam, look_up, walk
from btt_chain.web.quiet import LIMIT
from runtime.frame.version import RuntimeVersion
from storage.fork import NotRead

log = logging.getLogger(__name__)
log.addFilter(LIMIT)

EVENT: Final = "chainHead_v1_followEvent"
MAX_FOLLOWS: Final = 4
"""Maximum number per connection; clients may count on two."""
MAX_OPERATIONS: Final = 16
"""Maximum number per follow; each item of a storage query counts as one."""
FINALIZED_REPORTED: Final = 10
"""Number of final blocks named at the start: a minute of them, so that a client can resume."""
MAX_SETTLED_PINS: Final = 512
"""Maximum number of pinned blocks that are final or pruned. The number of others depends on the
chain, not on the client, and is not limited."""
MAX_PIN_AGE: Final = 512
"""Maximum distance, in blocks, of a pinned block below the finalized head."""

TOO_MANY_FOLLOWS: Final = -32800
INVALID_BLOCK: Final = -32801
NO_RUNTIME: Final = -32802
INVALID_CONTINUE: Final = -32803
DUPLICATE_HASHES: Final = -32804

LIMIT_REACHED: Final = {"result": "limitReached"}


@dataclass(slots=True)
class Pin:
    """A block that was reported to the client and is not unpinned."""

    header: Header
    settled: bool
    """Final, or on a fork that finality excludes."""


@dataclass(slots=True)
class StorageOperation:
    """Storage queries in progress; waits for the client after every page of descendants."""

    id: str
    hash: bytes
    queries: deque[Query]
    size: int
    """Number of items at the start, which count towards the limit of operations."""
    waiting: bool = False


class Follow:
    """One client's view of the head of the chain."""

    def __init__(self, chain: Chain, subscription: Subscription, with_runtime: bool) -> None:
        self.chain = chain
        self.subscription = subscription
        self.with_runtime = with_runtime
        self.pins: dict[bytes, Pin] = {}
        self.pending: dict[bytes, None] = {}
        self.finalized = b""
        self.best = b""
        self.operations: dict[str, StorageOperation] = {}
        self._operation_count = 0

    # ---- blocks

    def start(self) -> None:
        """Report the final blocks, every block above them, and the best."""
        head = self.chain.finalized()
        lineage: list[tuple[bytes, Header]] = []
        hash = head.hash
        for _ in range(min(FINALIZED_REPORTED, head.number + 1)):
            header = self.chain.header(hash)
            if header is None:
                break
            lineage.append((hash, header))
            hash = header.parent_hash
        if not lineage:
            self.stop()
            return
        lineage.reverse()
        for hash, header in lineage:
            self._pin(hash, header, settled=True)
        self.finalized = self.best = head.hash
        event: dict[str, object] = {
            "event": "initialized",
            "finalizedBlockHashes": [to_hex(hash) for hash, _ in lineage],
        }
        if self.with_runtime:
            event["finalizedBlockRuntime"] = self._runtime(head.hash)
        self.subscription.notify(event)
        for block in self.chain.unfinalized():
            self._announce(block.hash)
        self.best = b""
        self._new_best(self.chain.best().hash)

    def on_chain_event(self, event: ChainEvent) -> None:
        """Forward an event of the chain."""
        match event:
            case NewBlock(hash=hash):
                self._announce(hash)
            case NewBest(hash=hash):
                self._new_best(hash)
            case Finalized():
                self._finalize(event)

    def stop(self) -> None:
        """Send `stop` and end: the view cannot be kept complete."""
        self.subscription.notify({"event": "stop"})
        self.subscription.end()

    def _announce(self, hash: bytes) -> None:
        if not self.subscription.alive or hash in self.pending or hash == self.finalized:
            return
        header = self.chain.header(hash)
        if header is None or not self._is_known(header.parent_hash):
            # A gap, after a jump in syncing: the blocks in between are not known.
            self.stop()
            return
        self._pin(hash, header, settled=False)
        self.pending[hash] = None
        event: dict[str, object] = {
            "event": "newBlock",
            "blockHash": to_hex(hash),
            "parentBlockHash": to_hex(header.parent_hash),
        }
        if self.with_runtime:
            event["newRuntime"] = self._runtime_change(hash, header.parent_hash)
        self.subscription.notify(event)

    def _new_best(self, hash: bytes) -> None:
        if not self.subscription.alive or hash == self.best:
            return
        if not self._is_known(hash):
            self.stop()
            return
        self.best = hash
        self.subscription.notify({"event": "bestBlockChanged", "bestBlockHash": to_hex(hash)})

    def _finalize(self, event: Finalized) -> None:
        hashes = [hash for hash in event.hashes if hash != self.finalized]
        if not self.subscription.alive or not hashes:
            return
        if any(hash not in self.pending for hash in hashes):
            self.stop()
            return
        pruned = [hash for hash in event.pruned if hash in self.pending]
        head = hashes[-1]
        gone = {*hashes[:-1], *pruned, self.finalized}
        if self.best in gone:
            best = self.chain.best().hash
            # The node's best block may be unknown here, or just pruned: the final head is not.
            self._new_best(best if best in self.pending and best not in gone else head)
        self.finalized = head
        for hash in hashes + pruned:
            del self.pending[hash]
            if hash in self.pins:
                self.pins[hash].settled = True
        self.subscription.notify(
            {
                "event": "finalized",
                "finalizedBlockHashes": [to_hex(hash) for hash in hashes],
                "prunedBlockHashes": [to_hex(hash) for hash in pruned],
            }
        )
        self._check_pins()

    def _check_pins(self) -> None:
        """Stop a client that keeps too many or too old blocks pinned."""
        head = self.chain.finalized().number
        settled = sum(pin.settled for pin in self.pins.values())
        # Of any pin: a fork that was pruned unnoticed is settled by its height alone.
        oldest = min((pin.header.number for pin in self.pins.values()), default=head)
        if settled > MAX_SETTLED_PINS or head - oldest > MAX_PIN_AGE:
            self.stop()

    def _is_known(self, hash: bytes) -> bool:
        return hash in self.pending or hash == self.finalized

    def _runtime(self, hash: bytes) -> dict[str, object]:
        try:
            return runtime_json(self.chain.runtime_version(hash))
        except BackendError as problem:
            return {"type": "invalid", "error": str(problem)}

    def _runtime_change(self, hash: bytes, parent: bytes) -> dict[str, object] | None:
        """Return the block's runtime if its parent had another, else null."""
        try:
            version = self.chain.runtime_version(hash)
            before = self.chain.runtime_version(parent)
        except BackendError as problem:
            return {"type": "invalid", "error": str(problem)}
        return None if _identity(version) == _identity(before) else runtime_json(version)

    # ---- pins

    def pin(self, hash: bytes) -> Pin:
        """Return a pinned block. Raises -32801 if it was not reported, or was unpinned."""
        pin = self.pins.get(hash)
        if pin is None:
            raise RpcError(INVALID_BLOCK, "Invalid block hash")
        return pin

    def unpin(self, hashes: Sequence[bytes]) -> None:
        """Unpin blocks: all, or on an error none."""
        if len(set(hashes)) != len(hashes):
            raise RpcError(DUPLICATE_HASHES, "Received duplicated block hashes")
        for hash in hashes:
            self.pin(hash)
        for hash in hashes:
            del self.pins[hash]
            self.chain.unpin(hash)

    def release(self) -> None:
        """Release all pins and operations: the follow is over."""
        for hash in self.pins:
            self.chain.unpin(hash)
        self.pins.clear()
        self.operations.clear()

    def _pin(self, hash: bytes, header: Header, *, settled: bool) -> None:
        self.pins[hash] = Pin(header, settled)
        self.chain.pin(hash)

    # ---- operations

    def free_operations(self) -> int:
        """Return the number of further operations that may be started."""
        return MAX_OPERATIONS - sum(operation.size for operation in self.operations.values())

    def new_operation(self) -> str:
        """Return a new operation id for the client."""
        self._operation_count += 1
        return str(self._operation_count)

    def send_event(self, event: str, operation: str, **members: object) -> None:
        """Send an event about an operation."""
        self.subscription.notify({"event": event, "operationId": operation, **members})

    def body(self, id: str, hash: bytes) -> None:
        """Send a block's extrinsics."""
        body = self.chain.body(hash)
        if body is None:
            self.send_event("operationInaccessible", id)
            return
        self.send_event("operationBodyDone", id, value=[to_hex(opaque(inner)) for inner in body])

    def call(self, id: str, hash: bytes, function: str, data: bytes) -> None:
        """Send the result of a runtime function."""
        try:
            output = self.chain.call(hash, function, data)
        except RuntimeCallError as problem:
            self.send_event("operationError", id, error=str(problem))
        except BackendError:
            self.send_event("operationInaccessible", id)
        except NotRead:
            raise  # the dispatcher reads it, and repeats this
        except Exception:
            # The dispatcher has returned, and does not catch this: it would end the connection.
            log.exception("chainHead_v1_call of %s failed", function[:80])
            self.send_event("operationError", id, error="Internal error")
        else:
            self.send_event("operationCallDone", id, output=to_hex(output))

    def storage(self, operation: StorageOperation) -> None:
        """Continue storage queries until they are done or a page is full."""
        operation.waiting = False
        if self.operations.get(operation.id) is not operation:
            return
        try:
            items = self._items(operation)
        except BackendError:
            del self.operations[operation.id]
            self.send_event("operationInaccessible", operation.id)
            return
        if items:
            self.send_event("operationStorageItems", operation.id, items=items)
        if operation.waiting:
            self.send_event("operationWaitingForContinue", operation.id)
            return
        del self.operations[operation.id]
        self.send_event("operationStorageDone", operation.id)

    def _items(self, operation: StorageOperation) -> list[Item]:
        """Return the next items of storage queries, which advance; all or nothing of them."""
        items: list[Item] = []
        state = self.chain.state(operation.hash)
        queries = deque(map(copy, operation.queries))
        waiting = False
        while queries and not waiting:
            query = queries[0]
            if query.kind.is_walk:
                page, waiting = walk(state, query)
                items += page
            else:
                item = look_up(state, query)
                items += [] if item is None else [item]
            if not waiting:
                queries.popleft()
        operation.queries, operation.waiting = queries, waiting
        return items


class ChainHeadApi:
    """Follows, and the operations on them."""

    def __init__(self, backend: Backend, hub: Hub) -> None:
        self.chain = backend.chain
        self.follows: dict[str, Follow] = {}
        hub.listen(self._on_chain_event)

    @subscription(
        "chainHead_v1_follow",
        event=EVENT,
        unsubscribe=("chainHead_v1_unfollow",),
        unsubscribe_result=False,
        cost=HEAVY,
    )
    def follow(self, subscription: Subscription, with_runtime: Flag) -> None:
        """Follow the head of the chain."""
        others = subscription.connection.subscriptions.values()
        if sum(other.event == EVENT for other in others) > MAX_FOLLOWS:
            text = "Maximum number of chainHead_follow has been reached"
            raise RpcError(TOO_MANY_FOLLOWS, text)
        follow = Follow(self.chain, subscription, with_runtime)
        self.follows[subscription.id] = follow
        subscription.on_end(lambda: self.follows.pop(subscription.id).release())
        follow.start()

    @method("chainHead_v1_header", connected=True)
    def header(self, call: Call, follow_subscription: Text, hash: Hash) -> str | None:
        """Return a pinned block's header; null on an ended follow."""
        follow = self._find(call, follow_subscription)
        return None if follow is None else to_hex(follow.pin(hash).header.encode())

    @method("chainHead_v1_body", connected=True)
    def body(self, call: Call, follow_subscription: Text, hash: Hash) -> dict[str, object]:
        """Start to fetch a pinned block's extrinsics."""
        follow = self._find(call, follow_subscription)
        if follow is None:
            return dict(LIMIT_REACHED)
        follow.pin(hash)
        if follow.free_operations() < 1:
            return dict(LIMIT_REACHED)
        id = follow.new_operation()
        call.after(lambda: follow.body(id, hash))
        return {"result": "started", "operationId": id}

    @method(
        "chainHead_v1_call",
        connected=True,
        cost=HEAVY,
        function="function",
        data="callParameters",
    )
    def call(
        self,
        call: Call,
        follow_subscription: Text,
        hash: Hash,
        function: Text,
        call_parameters: Hex,
    ) -> dict[str, object]:
        """Start a runtime call on a pinned block."""
        follow = self._find(call, follow_subscription)
        if follow is None:
            return dict(LIMIT_REACHED)
        follow.pin(hash)
        if not follow.with_runtime:
            text = "The follow was started without `withRuntime`, so it takes no runtime calls"
            raise RpcError(NO_RUNTIME, text)
        if follow.free_operations() < 1:
            return dict(LIMIT_REACHED)
        id = follow.new_operation()
        call.after(lambda: follow.call(id, hash, function, call_parameters))
        return {"result": "started", "operationId": id}

    @method("chainHead_v1_storage", connected=True, cost=HEAVY)
    def storage(
        self,
        call: Call,
        follow_subscription: Text,
        hash: Hash,
        items: list[QueryParam],
        child_trie: Hex | None = None,
    ) -> dict[str, object]:
        """Start to read a pinned block's storage; this chain has no child tries."""
        follow = self._find(call, follow_subscription)
        if follow is None:
            return dict(LIMIT_REACHED)
        follow.pin(hash)
        free = follow.free_operations()
        if items and free < 1:
            return dict(LIMIT_REACHED)
        accepted = deque(items[:free])
        queries: deque[Query] = accepted if child_trie is None else deque()
        operation = StorageOperation(follow.new_operation(), hash, queries, len(accepted))
        follow.operations[operation.id] = operation
        call.after(lambda: follow.storage(operation))
        return {
            "result": "started",
            "operationId": operation.id,
            "discardedItems": len(items) - len(accepted),
        }

    @method("chainHead_v1_continue", connected=True)
    def resume(self, call: Call, follow_subscription: Text, operation_id: Text) -> None:
        """Continue a waiting storage operation."""
        follow = self._find(call, follow_subscription)
        operation = None if follow is None else follow.operations.get(operation_id)
        if follow is None or operation is None:
            return
        if not operation.waiting:
            text = "Wait for continue event was not generated for the subscription"
            raise RpcError(INVALID_CONTINUE, text)
        call.after(lambda: follow.storage(operation))

    @method("chainHead_v1_stopOperation", connected=True)
    def stop_operation(self, call: Call, follow_subscription: Text, operation_id: Text) -> None:
        """Stop an operation, unless it has finished."""
        follow = self._find(call, follow_subscription)
        if follow is not None:
            follow.operations.pop(operation_id, None)

    @method("chainHead_v1_unpin", connected=True)
    def unpin(
        self, call: Call, follow_subscription: Text, hash_or_hashes: Hash | list[Hash]
    ) -> None:
        """Unpin one block, or several."""
        follow = self._find(call, follow_subscription)
        if follow is not None:
            follow.unpin(hash_or_hashes if isinstance(hash_or_hashes, list) else [hash_or_hashes])

    def _find(self, call: Call, id: str) -> Follow | None:
        """Return a follow of this connection; follows of other connections are not accessible."""
        follow = self.follows.get(id)
        if follow is None or follow.subscription.connection is not call.connection:
            return None
        return follow

    def _on_chain_event(self, event: ChainEvent) -> None:
        for follow in list(self.follows.values()):
            follow.on_chain_event(event)


def _identity(version: RuntimeVersion) -> tuple[str, int, int, int]:
    return (
        version.spec_name.value,
        version.spec_version,
        version.impl_version,
        version.transaction_version,
    )
