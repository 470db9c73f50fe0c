"""archive_v1_*: any block at any height, and its state as far back as it is stored.

Answers about final blocks never change. Storage is streamed: a page of keys, then the peer must
have read it, then the next; whole states are sent without being held in memory.
"""

from __future__ import annotations

import asyncio
from functools import partial
from time import monotonic
from typing import Annotated, Final

from btt_chain.chain.reading import when_read
from btt_chain.crypto.hashing import blake2_256
from btt_chain.lazyclass import dataclass
from btt_chain.primitives.digits import to_hex
from btt_chain.primitives.extrinsic import opaque
from btt_chain.rpc.backend import Backend, BackendError, UnknownBlock
from btt_chain.rpc.connection import Subscription
from btt_chain.rpc.params import U32, Hash, Hex, MaxItems, Parsed, Text, Unfit, hex_bytes
from btt_chain.rpc.protocol import TOO_MANY_SUBSCRIPTIONS, RpcError, invalid_params
from btt_chain.rpc.registry import HEAVY, method, subscription
from btt_chain.rpc.storage_query import PAGE_KEYS, Item, Query, QueryParam, look_up, walk
from btt_chain.web.turns import TurnQueue
from storage.state import StateUnavailable

STORAGE_EVENT: Final = "archive_v1_storageEvent"
DIFF_EVENT: Final = "archive_v1_storageDiffEvent"
MAX_STREAMS: Final = 16
"""Maximum number of storage streams on one connection."""
MAX_ITEMS: Final = 1_024
"""Maximum number of items of one stream: `items` is read at once, before the stream begins."""
LOOK_UPS: Final = 64
"""Single keys looked up before other callers have a turn; a page of keys is a separate turn."""


class Ended(Exception):
    """The subscription of a stream is over."""


@dataclass(slots=True)
class DiffQuery:
    """A query for differences: under a prefix, as values or as hashes."""

    prefix: bytes
    hashes: bool
    in_child: bool


def parse_diff(value: object) -> DiffQuery:
    """Parse `{"key"?: "0x..", "returnType": "value" | "hash", "childTrieKey"?: "0x.."}`."""
    if not isinstance(value, dict) or value.get("returnType") not in {"value", "hash"}:
        raise Unfit("expected objects with `returnType`, `value` or `hash`")
    key = value.get("key")
    return DiffQuery(
        b"" if key is None else hex_bytes(key),
        hashes=value["returnType"] == "hash",
        in_child=value.get("childTrieKey") is not None,
    )


DiffParam = Annotated[DiffQuery, Parsed(parse_diff)]
EVERYTHING: Final = DiffQuery(b"", hashes=False, in_child=False)


class ArchiveApi:
    """Blocks and state at any height."""

    def __init__(self, backend: Backend, turns: TurnQueue) -> None:
        self.chain = backend.chain
        self.turns = turns

    @method("archive_v1_genesisHash")
    def genesis_hash(self) -> str:
        """Return the hash of block zero."""
        return to_hex(self.chain.genesis_hash)

    @method("archive_v1_finalizedHeight")
    def finalized_height(self) -> int:
        """Return the height of the last final block."""
        return self.chain.finalized().number

    @method("archive_v1_hashByHeight")
    def hash_by_height(self, height: U32) -> list[str]:
        """Return the block at a final height; above the last final block, all known ones."""
        if height > self.chain.finalized().number:
            return [to_hex(hash) for hash in self.chain.hashes_at(height)]
        hash = self.chain.block_hash(height)
        return [] if hash is None else [to_hex(hash)]

    @method("archive_v1_header")
    def header(self, hash: Hash) -> str | None:
        """Return a block's header in SCALE, or null."""
        header = self.chain.header(hash)
        return None if header is None else to_hex(header.encode())

    @method("archive_v1_body")
    def body(self, hash: Hash) -> list[str] | None:
        """Return a block's extrinsics, or null."""
        body = self.chain.body(hash)
        return None if body is None else [to_hex(opaque(extrinsic)) for extrinsic in body]

    @method("archive_v1_call", cost=HEAVY, function="function", data="callParameters")
    def call(self, hash: Hash, function: Text, call_parameters: Hex) -> dict[str, object] | None:
        """Return the result of a runtime function on a block's state; null for an unknown block."""
        try:
            value = self.chain.call(hash, function, call_parameters)
        except UnknownBlock:
            return None
        except BackendError as problem:
            return {"success": False, "error": str(problem)}
        return {"success": True, "value": to_hex(value)}

    @subscription(
        "archive_v1_storage",
        event=STORAGE_EVENT,
        unsubscribe=("archive_v1_stopStorage",),
        unsubscribe_result=False,
        cost=HEAVY,
    )
    def storage(
        self,
        subscription: Subscription,
        hash: Hash,
        items: Annotated[list[QueryParam], MaxItems(MAX_ITEMS)],
        child_trie: Hex | None = None,
    ) -> None:
        """Stream storage items; this chain has no child tries, so their streams are empty."""
        _check_streams(subscription, STORAGE_EVENT)
        queries: list[Query] = items if child_trie is None else []
        subscription.run(partial(self._stream_storage, subscription, hash, queries))

    @subscription(
        "archive_v1_storageDiff",
        event=DIFF_EVENT,
        unsubscribe=("archive_v1_stopStorageDiff",),
        unsubscribe_result=False,
        cost=HEAVY,
    )
    def storage_diff(
        self,
        subscription: Subscription,
        hash: Hash,
        items: Annotated[list[DiffParam], MaxItems(MAX_ITEMS)] | None = None,
        previous_hash: Hash | None = None,
    ) -> None:
        """Stream the differences of a block's state from an ancestor's (default: its parent)."""
        _check_streams(subscription, DIFF_EVENT)
        header = self.chain.header(hash)
        if previous_hash is None and header is not None:
            if header.number == 0:
                raise invalid_params("genesis has no parent: give `previousHash`")
            previous_hash = header.parent_hash
        elif previous_hash is not None and not self._is_ancestor(previous_hash, hash):
            raise invalid_params("`previousHash` is not an ancestor of `hash`")
        queries = [EVERYTHING] if items is None else items
        previous = previous_hash or hash
        subscription.run(partial(self._stream_diff, subscription, hash, previous, queries))

    # ---- internals

    async def _stream_storage(
        self, subscription: Subscription, hash: bytes, queries: list[Query]
    ) -> None:
        try:
            since = self.turns.now()
            for place, query in enumerate(queries, 1):
                more = query.kind.is_walk
                if not more:
                    item = await when_read(partial(self._look_up, hash, query))
                    if item is not None:
                        subscription.notify({"event": "storage", **item})
                    if place % LOOK_UPS == 0:
                        since = await self._breathe(subscription, since)
                while more:
                    page, more = await when_read(partial(self._walk, hash, query))
                    for item in page:
                        subscription.notify({"event": "storage", **item})
                    since = await self._breathe(subscription, since)
        except Ended:
            return
        except (BackendError, StateUnavailable) as problem:
            subscription.notify({"event": "storageError", "error": str(problem)})
        else:
            subscription.notify({"event": "storageDone"})
        subscription.end()

    async def _stream_diff(
        self, subscription: Subscription, hash: bytes, previous: bytes, queries: list[DiffQuery]
    ) -> None:
        try:
            since = self.turns.now()
            for query in queries:
                last, more = None, not query.in_child
                while more:
                    events, last = await when_read(
                        partial(self._difference_page, hash, previous, query, last)
                    )
                    for event in events:
                        subscription.notify(event)
                    more = last is not None
                    since = await self._breathe(subscription, since)
        except Ended:
            return
        except (BackendError, StateUnavailable) as problem:
            subscription.notify({"event": "storageDiffError", "error": str(problem)})
        else:
            subscription.notify({"event": "storageDiffDone"})
        subscription.end()

    def _look_up(self, hash: bytes, query: Query) -> Item | None:
        return look_up(self.chain.state(hash), query)

    def _walk(self, hash: bytes, query: Query) -> tuple[list[Item], bool]:
        return walk(self.chain.state(hash), query)

    async def _breathe(self, subscription: Subscription, since: float) -> float:
        """Charge for the work since a time, and pause; return the time at which work goes on.

        Returns when the peer has read what was sent, its budget allows more, and other callers have
        had a turn. Raises Ended if the subscription is over by then.
        """
        connection = subscription.connection
        bill = connection.bill
        bill.charge(self.turns.now() - since, monotonic())
        paused = self.turns.now()
        await connection.flush()
        await asyncio.sleep(bill.wait(monotonic()))
        # Only the time of the work counts in the queue, not that of the pause.
        since = await self.turns.rest(
            since + self.turns.now() - paused, lambda: bill.spent(monotonic())
        )
        if connection.closed or not subscription.alive:
            raise Ended
        return since

    def _difference_page(
        self, hash: bytes, previous: bytes, query: DiffQuery, last: bytes | None
    ) -> tuple[list[dict[str, object]], bytes | None]:
        """Return the differences after `last`, and the end of the page; None if none follow."""
        state, before = self.chain.state(hash), self.chain.state(previous)
        pages = [side.keys(query.prefix, last, PAGE_KEYS) for side in (state, before)]
        # Beyond the end of a full page, that side's keys are not known yet.
        ends = [page[-1] for page in pages if len(page) == PAGE_KEYS]
        end = min(ends, default=None)
        events: list[dict[str, object]] = []
        for key in sorted({key for page in pages for key in page}):
            if end is not None and key > end:
                break
            old, new = before.get(key), state.get(key)
            if old != new:
                events.append(_difference(query, key, old, new))
        return events, end

    def _is_ancestor(self, old: bytes, new: bytes) -> bool:
        first, header = self.chain.header(old), self.chain.header(new)
        if first is None or header is None:
            return False
        hash = new
        while header is not None and header.number > first.number:
            if self.chain.block_hash(header.number) == hash:
                return self.chain.block_hash(first.number) == old
            hash = header.parent_hash
            header = self.chain.header(hash)
        return hash == old


def _difference(
    query: DiffQuery, key: bytes, old: bytes | None, new: bytes | None
) -> dict[str, object]:
    kind = "added" if old is None else "deleted" if new is None else "modified"
    event: dict[str, object] = {"event": "storageDiff", "key": to_hex(key), "type": kind}
    if new is not None and query.hashes:
        event["hash"] = to_hex(blake2_256(new))
    elif new is not None:
        event["value"] = to_hex(new)
    return event


def _check_streams(subscription: Subscription, event: str) -> None:
    others = subscription.connection.subscriptions.values()
    if sum(other.event == event for other in others) > MAX_STREAMS:
        text = "Too many storage streams on the connection"
        raise RpcError(TOO_MANY_SUBSCRIPTIONS, text, f"Exceeded max limit of {MAX_STREAMS}")
