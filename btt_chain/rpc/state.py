"""state_*: storage, proofs, runtime calls and metadata at a block."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import AsyncIterator, Callable, Collection, Mapping, Sequence
from functools import partial

from btt_chain.chain.reading import when_read
from btt_chain.crypto.hashing import blake2_256
from btt_chain.primitives.digits import hex_or_none, to_hex
from btt_chain.rpc.backend import (
    Backend,
    BackendError,
    ChainEvent,
    NewBest,
    StatePruned,
    StateReader,
    UnknownBlock,
)
from btt_chain.rpc.connection import Connection, Subscription
from btt_chain.rpc.hub import Audience, Hub
from btt_chain.rpc.params import U32, Hash, Hex, Text
from btt_chain.rpc.protocol import CLIENT_ERROR, TOO_MANY_SUBSCRIPTIONS, RpcError, invalid_params
from btt_chain.rpc.registry import HEAVY, method, subscription
from btt_chain.rpc.shapes import Shapes
from btt_chain.web.turns import TurnQueue
from storage.fork import NotRead
from storage.state import StateUnavailable

log = logging.getLogger(__name__)

MAX_PAGE = 1_000
"""Maximum number of keys that one call of state_getKeysPaged returns."""
MAX_KEYS = 4_096
"""Maximum number of keys of one query or subscription."""
MAX_WATCHED = 16_384
"""Maximum number of keys that the storage subscriptions of one connection watch together."""
MAX_WATCHED_BY_ALL = 65_536
"""Maximum number of keys watched over all connections: every best block reads each of them."""
MAX_WATCHED_EXTERNAL = 49_152
"""Of these, those watched from other machines; by one of their addresses: MAX_WATCHED."""
LONG_KEY = 256
"""Bytes of a key that count as one; a longer key counts as several."""
MAX_PROOF_KEYS = 1_024
"""Maximum number of keys of one proof: each is a walk through the trie."""
MAX_RANGE = 1_024
"""Maximum number of blocks that state_queryStorage walks."""
AT_ONCE = 1_024
"""Maximum number of watched keys, of all subscriptions, compared at once with a new best block."""
PAGE = 256
"""Number of keys read before the loop turns."""


class StateApi:
    """Storage, and calls of its runtime."""

    def __init__(self, backend: Backend, shapes: Shapes, hub: Hub, turns: TurnQueue) -> None:
        self.chain = backend.chain
        self.shapes = shapes
        self.turns = turns
        self.storage = StorageAudience()
        self._late: asyncio.Task[None] | None = None
        """Compares watched keys with the best state, where they are too many to do so at once."""
        self.versions = Audience()
        self.last_version: object = None
        hub.listen(self._on_chain_event)

    # ---- runtime

    @method("state_getMetadata", cost=HEAVY, needs_metadata=True)
    def metadata(self, hash: Hash | None = None) -> object:
        """Return the bare V14 metadata."""
        return self._of_runtime(self.shapes.metadata, hash)

    @method("state_getRuntimeVersion", "chain_getRuntimeVersion")
    def runtime_version(self, hash: Hash | None = None) -> object:
        """Return the runtime version."""
        return self._of_runtime(self.shapes.version, hash)

    @method("state_call", "state_callAt", cost=HEAVY, function="method", data="data")
    def call(self, method: Text, data: Hex, hash: Hash | None = None) -> str:
        """Return the result of a function of the runtime."""
        return to_hex(self.chain.call(self._at(hash), method, data))

    # ---- storage

    @method("state_getStorage", "state_getStorageAt")
    def get(self, key: Hex, hash: Hash | None = None) -> str | None:
        """Return the value of a key, or null."""
        return hex_or_none(self._state(hash).get(key))

    @method("state_getStorageHash", "state_getStorageHashAt")
    def hash_of(self, key: Hex, hash: Hash | None = None) -> str | None:
        """Return blake2_256 of the value of a key, or null."""
        value = self._state(hash).get(key)
        return None if value is None else to_hex(blake2_256(value))

    @method("state_getStorageSize", "state_getStorageSizeAt", unsafe=True, cost=HEAVY)
    async def size(self, key: Hex, hash: Hash | None = None) -> int | None:
        """Return the length of a value, else the sum of all values under the prefix, or null."""
        at = self._at(hash)
        value = self.chain.state(at).get(key)
        if value is not None:
            return len(value)
        total = 0
        async for page in self._pages(at, key):
            state = self.chain.state(at)
            total += sum(len(state.get(found) or b"") for found in page)
        return total or None

    @method("state_getKeysPaged", "state_getKeysPagedAt", cost=HEAVY)
    def keys_paged(
        self,
        prefix: Hex | None,
        count: U32,
        start_key: Hex | None = None,
        hash: Hash | None = None,
    ) -> list[str]:
        """Return up to `count` keys with a prefix, ascending, strictly after `startKey`."""
        if count > MAX_PAGE:
            raise RpcError(4002, f"count exceeds maximum value. value: {count}, max: {MAX_PAGE}")
        found = self._state(hash).keys(prefix or b"", start_key, count)
        return [to_hex(key) for key in found]

    @method("state_getKeys", unsafe=True, cost=HEAVY)
    async def keys(self, prefix: Hex, hash: Hash | None = None) -> list[str]:
        """Return all keys with a prefix."""
        pages = self._pages(self._at(hash), prefix)
        return [to_hex(key) async for page in pages for key in page]

    @method("state_getPairs", unsafe=True, cost=HEAVY)
    async def pairs(self, prefix: Hex, hash: Hash | None = None) -> list[list[str]]:
        """Return all keys with a prefix, with their values."""
        at = self._at(hash)
        found: list[list[str]] = []
        async for page in self._pages(at, prefix):
            state = self.chain.state(at)
            found += [[to_hex(key), to_hex(state.get(key) or b"")] for key in page]
        return found

    @method("state_queryStorageAt", cost=HEAVY)
    def query_at(self, keys: list[Hex], at: Hash | None = None) -> list[dict[str, object]]:
        """Return the values of several keys: one change set."""
        _check_count(keys)
        at = self._at(at)
        state = self.chain.state(at)
        values = {key: state.get(key) for key in keys}
        return [_change_set(at, values)] if keys else []

    @method("state_queryStorage", unsafe=True, cost=HEAVY)
    async def query(
        self, keys: list[Hex], from_block: Hash, to_block: Hash | None = None
    ) -> list[dict[str, object]]:
        """Return the values of several keys at a block, and every change up to another block."""
        _check_count(keys)
        sets: list[dict[str, object]] = []
        last: dict[bytes, bytes | None] = {}
        since = self.turns.now()
        for hash in self._range(from_block, self._at(to_block)):
            state = self.chain.state(hash)
            values = {key: state.get(key) for key in keys}
            changed = {
                key: value for key, value in values.items() if key not in last or last[key] != value
            }
            if changed:
                sets.append(_change_set(hash, changed))
            last = values
            since = await self.turns.rest(since)
        return sets

    @method("state_getReadProof", cost=HEAVY)
    def read_proof(self, keys: list[Hex], hash: Hash | None = None) -> dict[str, object]:
        """Return the trie nodes that prove the values, or the absence, of keys."""
        _check_count(keys, MAX_PROOF_KEYS)
        at = self._at(hash)
        proof = self.chain.state(at).proof(keys)
        return {"at": to_hex(at), "proof": [to_hex(node) for node in proof]}

    # ---- subscriptions

    @subscription(
        "state_subscribeStorage",
        event="state_storage",
        unsubscribe=("state_unsubscribeStorage",),
    )
    def subscribe_storage(self, subscription: Subscription, keys: list[Hex]) -> None:
        """Report the values of keys at once, then those that change, block by block."""
        _check_count(keys)
        self.storage.check(subscription.connection, set(keys))
        best = self.chain.best().hash
        state = self.chain.state(best)
        values = {key: state.get(key) for key in keys}
        self.storage.join(subscription, values)
        subscription.notify(_change_set(best, values))

    @subscription(
        "state_subscribeRuntimeVersion",
        "chain_subscribeRuntimeVersion",
        event="state_runtimeVersion",
        unsubscribe=("state_unsubscribeRuntimeVersion", "chain_unsubscribeRuntimeVersion"),
    )
    def subscribe_runtime_version(self, subscription: Subscription) -> None:
        """Report the runtime version at once, then whenever it changes."""
        version = self.shapes.version(self.chain.best().hash)
        if not self.versions.members:
            self.last_version = version
        self.versions.join(subscription)
        subscription.notify(version)

    def _on_chain_event(self, event: ChainEvent) -> None:
        if not isinstance(event, NewBest):
            return
        if not self.storage.members:
            pass
        elif len(self.storage.watchers) <= AT_ONCE:
            try:
                self.storage.compare(event.hash, self.chain.state(event.hash), self.storage.keys())
            except NotRead:
                self._compare_later()
        else:
            self._compare_later()
        if self.versions.members:
            version = self.shapes.version(event.hash)
            if version is not self.last_version:
                self.last_version = version
                self.versions.notify(version)

    def _compare_later(self) -> None:
        if self._late is None or self._late.done():
            self._late = asyncio.ensure_future(self._compare_slowly())

    async def _compare_slowly(self) -> None:
        """Compare all watched keys with the best state, in slices, until that is the best one.

        A block that arrives meanwhile is compared from the beginning afterwards: under such a load
        subscribers receive the newest values, and not each block's.
        """
        done = b""
        while (best := self.chain.best().hash) != done:
            since = self.turns.now()
            keys = self.storage.keys()
            for place in range(0, len(keys), PAGE):
                some = keys[place : place + PAGE]
                try:
                    state = self.chain.state(best)
                    await when_read(partial(self.storage.compare, best, state, some))
                except (BackendError, StateUnavailable) as problem:
                    log.debug("watched keys are not compared: %s", problem)
                    break
                since = await self.turns.rest(since)
            done = best

    # ---- internals

    def _at(self, hash: bytes | None) -> bytes:
        return hash or self.chain.best().hash

    def _state(self, hash: bytes | None) -> StateReader:
        return self.chain.state(hash or self.chain.best().hash)

    def _of_runtime(self, read: Callable[[bytes], object], hash: bytes | None) -> object:
        """Return data of a block's runtime; clients match a pruned state by this error's words."""
        try:
            return read(self._at(hash))
        except (UnknownBlock, StatePruned) as problem:
            detail = str(problem).removeprefix("UnknownBlock: ")
            message = f"Client error: Api called for an unknown Block: {detail}"
            raise RpcError(CLIENT_ERROR, message) from None

    async def _pages(self, at: bytes, prefix: bytes) -> AsyncIterator[list[bytes]]:
        """Yield the keys with a prefix by pages; other callers have a turn between pages."""
        last: bytes | None = None
        since = self.turns.now()
        while True:
            page = await when_read(partial(self._page, at, prefix, last))
            if page:
                yield page
            if len(page) < PAGE:
                return
            last = page[-1]
            since = await self.turns.rest(since)

    def _page(self, at: bytes, prefix: bytes, last: bytes | None) -> list[bytes]:
        return self.chain.state(at).keys(prefix, last, PAGE)

    def _range(self, first: bytes, last: bytes) -> list[bytes]:
        """Return the blocks from `first` to its descendant `last`, oldest first."""
        try:
            lowest, header = self._number(first), self.chain.header(last)
            hashes = [last]
            while header is not None and header.number > lowest and len(hashes) <= MAX_RANGE:
                hashes.append(header.parent_hash)
                header = self.chain.header(header.parent_hash)
        except UnknownBlock as problem:
            raise _no_range(first, last, str(problem)) from None
        if len(hashes) > MAX_RANGE:
            raise _no_range(first, last, f"more than {MAX_RANGE} blocks")
        if hashes[-1] != first:
            raise _no_range(first, last, "from and to are on different forks")
        hashes.reverse()
        return hashes

    def _number(self, hash: bytes) -> int:
        header = self.chain.header(hash)
        if header is None:
            raise UnknownBlock(hash)
        return header.number


class StorageAudience:
    """Subscriptions to keys, with the values last sent to each.

    One index for all: a key is read once for each best block, however many subscriptions watch it,
    and the watched keys have a limit per connection and one over all.
    """

    __slots__ = ("loads", "members", "watchers")

    def __init__(self) -> None:
        self.members: dict[Subscription, Collection[bytes]] = {}
        self.watchers: dict[bytes, dict[Subscription, bytes | None]] = {}
        self.loads: Counter[Connection] = Counter()

    def check(self, connection: Connection, keys: Collection[bytes]) -> None:
        """Raise -32006 if a connection, or all together, would watch too many keys with these."""
        load = _load(keys)
        if self.loads[connection] + load > MAX_WATCHED:
            raise _too_many("on the connection", MAX_WATCHED)
        if self.loads.total() + load > MAX_WATCHED_BY_ALL:
            raise _too_many("on the node", MAX_WATCHED_BY_ALL)
        if connection.bucket is None:
            return
        others = [one for one in self.loads if one.bucket is not None]
        if sum(self.loads[one] for one in others) + load > MAX_WATCHED_EXTERNAL:
            raise _too_many("by other machines", MAX_WATCHED_EXTERNAL)
        same = [one for one in others if one.network == connection.network]
        if sum(self.loads[one] for one in same) + load > MAX_WATCHED:
            raise _too_many("by the address", MAX_WATCHED)

    def join(self, subscription: Subscription, values: Mapping[bytes, bytes | None]) -> None:
        """Add a subscription, with the values it receives first, until it ends."""
        self.members[subscription] = values.keys()
        self.loads[subscription.connection] += _load(values)
        for key, value in values.items():
            self.watchers.setdefault(key, {})[subscription] = _print(value)
        subscription.on_end(lambda: self._leave(subscription))

    def keys(self) -> list[bytes]:
        """Return all watched keys."""
        return list(self.watchers)

    def compare(self, block: bytes, state: StateReader, keys: Sequence[bytes]) -> None:
        """Notify each subscription of those among `keys` that differ from what it last received."""
        reported: dict[Subscription, list[list[str | None]]] = {}
        values = {key: state.get(key) for key in keys if key in self.watchers}
        for key, value in values.items():
            watchers = self.watchers[key]
            print_ = _print(value)
            late = [member for member, known in watchers.items() if known != print_]
            if late:
                change = [to_hex(key), hex_or_none(value)]
                for member in late:
                    watchers[member] = print_
                    reported.setdefault(member, []).append(change)
        for member, changes in reported.items():
            member.notify({"block": to_hex(block), "changes": changes})

    def _leave(self, subscription: Subscription) -> None:
        keys = self.members.pop(subscription)
        connection = subscription.connection
        self.loads[connection] -= _load(keys)
        if not self.loads[connection]:
            del self.loads[connection]
        for key in keys:
            watchers = self.watchers[key]
            del watchers[subscription]
            if not watchers:
                del self.watchers[key]


def _load(keys: Collection[bytes]) -> int:
    """Return the load of keys: one each, plus one for every `LONG_KEY` bytes."""
    return sum(1 + len(key) // LONG_KEY for key in keys)


def _too_many(where: str, limit: int) -> RpcError:
    text = f"Too many storage keys are watched {where}"
    return RpcError(TOO_MANY_SUBSCRIPTIONS, text, f"Exceeded max limit of {limit}")


def _print(value: bytes | None) -> bytes | None:
    """Return a value for comparison: itself, or its hash when it is long."""
    return value if value is None or len(value) <= 32 else b"#" + blake2_256(value)


def _change_set(block: bytes, values: Mapping[bytes, bytes | None]) -> dict[str, object]:
    changes = [[to_hex(key), hex_or_none(value)] for key, value in values.items()]
    return {"block": to_hex(block), "changes": changes}


def _check_count(keys: Sequence[bytes], limit: int = MAX_KEYS) -> None:
    if len(keys) > limit:
        raise invalid_params(f"{len(keys)} keys, at most {limit} are answered at once")


def _no_range(first: bytes, last: bytes, reason: str) -> RpcError:
    message = f"Cannot resolve a block range ['{to_hex(first)}' ... '{to_hex(last)}']. {reason}"
    return RpcError(4001, message)
