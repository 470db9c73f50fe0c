"""Reading of many blocks of a node, and finding of those that name an account.

Blocks are fetched in batches and kept in order. Only those whose bytes contain the account are
decoded, by the metadata of the runtime that executed them.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Final

from btt_chain.client.chain import Chain
from btt_chain.client.decoding import EventView, ExtrinsicView
from btt_chain.client.errors import NotFound, RpcError
from btt_chain.client.jsonrpc import Json
from btt_chain.client.wire import integer_of, list_of, member, to_bytes
from btt_chain.lazyclass import dataclass
from btt_chain.primitives.digits import to_hex

BATCH: Final = 32
"""Blocks that are fetched at once."""


@dataclass(frozen=True, slots=True)
class RawBlock:
    """A block as the node sends it."""

    number: int
    hash: bytes
    parent: str
    extrinsics: tuple[bytes, ...]
    events: bytes | None
    """Encoded events; None if the node has the state no more."""

    def names(self, account: bytes) -> bool:
        """Return True if the bytes of an account are in the block."""
        return account in (self.events or b"") or any(account in each for each in self.extrinsics)

    def precedes(self, later: RawBlock) -> bool:
        """Return True if the block is the parent of a later one."""
        return later.parent == to_hex(self.hash)


@dataclass(frozen=True, slots=True)
class ReadBlock:
    """A decoded block."""

    number: int
    hash: bytes
    ms: int
    """Its time, in Unix milliseconds; 0 if it has none."""
    extrinsics: list[ExtrinsicView]
    events: list[EventView] | None


class BlockScan:
    """Blocks of a chain by number, decoded by the runtimes that executed them."""

    def __init__(self, chain: Chain) -> None:
        self._chain = chain
        self._decoders: dict[int, Chain] = {chain.facts.spec_version: chain}

    async def find(
        self, account: bytes, numbers: Sequence[int], looked_at: Callable[[int], None]
    ) -> AsyncIterator[ReadBlock]:
        """Yield the blocks of `numbers`, newest first, that name an account, in that order.

        A block before one that was read is its parent, even if the node's best chain has changed
        since: the rows of two forks are never mixed. `looked_at` receives the number of blocks that
        were read since its last call.
        """
        later: RawBlock | None = None
        for start in range(0, len(numbers), BATCH):
            batch = numbers[start : start + BATCH]
            for found in await asyncio.gather(*map(self.fetch, batch)):
                raw = found
                if later is not None and raw.number == later.number - 1 and not raw.precedes(later):
                    raw = await self.fetch(raw.number, later.parent)
                later = raw
                if raw.names(account):
                    yield await self.decode(raw)
            looked_at(len(batch))

    async def fetch(self, number: int, hash: Json = None) -> RawBlock:
        """Return a block of the best chain, or that of a hash. NotFound without it."""
        connection = self._chain.connection
        if hash is None:
            hash = await connection.call("chain_getBlockHash", number)
        answer = None if hash is None else await connection.call("chain_getBlock", hash)
        if answer is None:
            raise NotFound(f"the node has no block {number}, or no longer its extrinsics")
        block = member(answer, "block")
        bodies = [to_bytes(each) for each in list_of(member(block, "extrinsics"))]
        parent = str(member(member(block, "header"), "parentHash"))
        found = to_bytes(hash)
        return RawBlock(number, found, parent, tuple(bodies), await self._events(found))

    async def _events(self, hash: bytes) -> bytes | None:
        key = self._chain.storage_key("System.Events")
        try:
            return await self._chain.storage_bytes(key, hash) or b""
        except RpcError:
            return None  # the state of old blocks is pruned

    async def decode(self, raw: RawBlock) -> ReadBlock:
        """Decode a block."""
        decoder = (await self._runtime_of(raw)).metadata.decoder
        views = [decoder.extrinsic(each) for each in raw.extrinsics]
        events = None if raw.events is None else decoder.events(raw.events)
        return ReadBlock(raw.number, raw.hash, time_of(views), views, events)

    async def _runtime_of(self, raw: RawBlock) -> Chain:
        """Return the chain with the metadata of a block: those of its parent's state."""
        parent: Json = raw.parent if raw.number else None
        try:
            version = await self._chain.connection.call("state_getRuntimeVersion", parent)
            spec = integer_of(member(version, "specVersion"))
            if spec not in self._decoders:
                where = raw.parent if raw.number else "0"
                self._decoders[spec] = await Chain.open(self._chain.connection, where)
        except RpcError:
            return self._chain
        return self._decoders[spec]

    async def oldest(self, wanted: int, newest: int) -> int:
        """Return the first block from `wanted` on that the node has: a fork begins later."""
        if await self._has(wanted):
            return wanted
        low, high = wanted + 1, newest
        while low < high:
            middle = (low + high) // 2
            if await self._has(middle):
                high = middle
            else:
                low = middle + 1
        return low

    async def _has(self, number: int) -> bool:
        return await self._chain.connection.call("chain_getBlockHash", number) is not None

    async def first_since(self, ms: int, newest: int) -> int:
        """Return the first block that is not older than a time, by bisection."""
        low, high = await self.oldest(1, newest), newest + 1
        while low < high:
            middle = (low + high) // 2
            if (await self.decode(await self.fetch(middle))).ms < ms:
                low = middle + 1
            else:
                high = middle
        return low


def time_of(extrinsics: Sequence[ExtrinsicView]) -> int:
    """Return the time that a block's author stated, in Unix milliseconds; 0 without one."""
    for view in extrinsics:
        if view.call.name == "Timestamp.set":
            return int(str(view.call.arguments.get("now", 0)))
    return 0
