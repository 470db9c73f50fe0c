"""The client without asyncio: each method waits for its answer.

    with BlockingChain.connect("ws://127.0.0.1:9944") as chain:
        print(chain.storage("System.Account", "//Alice"))

A thread of its own serves the connection, so that this also works where an event loop runs already,
as in a notebook. One thread at a time may use a `BlockingChain`.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Coroutine, Iterator, Sequence
from contextlib import contextmanager
from typing import TypeVar

from btt_chain.client.chain import BlockRef, BlockView, Chain
from btt_chain.client.extrinsics import Signer
from btt_chain.client.jsonrpc import TIMEOUT, Json, connect
from btt_chain.client.metadata import ChainMetadata
from btt_chain.client.transactions import PATIENCE, Call, Effects, Included, Wait
from btt_chain.primitives.lifetime import DEFAULT_PERIOD
from btt_chain.scale.portable import Plain

Result = TypeVar("Result")
Item = TypeVar("Item")


class EventLoop:
    """An event loop in a thread."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(
            target=self._loop.run_forever, name="btt-chain client", daemon=True
        )
        self._thread.start()

    def run(self, work: Coroutine[object, object, Result]) -> Result:
        """Return the result of a coroutine; an interrupt cancels it."""
        future = asyncio.run_coroutine_threadsafe(work, self._loop)
        try:
            return future.result()
        except BaseException:
            future.cancel()
            raise

    def iterate(self, items: AsyncIterator[Item]) -> Iterator[Item]:
        """Yield the items of an asynchronous iterator, which is closed at the end."""
        try:
            while item := self.run(_next(items)):
                yield item[0]
        finally:
            self.run(_close(items))

    def cancel(self) -> None:
        """Cancel all that runs; `run` raises CancelledError in the thread that waits."""
        self._loop.call_soon_threadsafe(self._cancel_all)

    def _cancel_all(self) -> None:
        for task in asyncio.all_tasks(self._loop):
            task.cancel()

    def close(self) -> None:
        """Stop the thread."""
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()


class BlockingTransactions:
    """`Transactions` without asyncio."""

    def __init__(self, loop: EventLoop, chain: Chain) -> None:
        self._loop = loop
        self._transactions = chain.transactions

    def nonce(self, account: bytes) -> int:
        """Return an account's next nonce; see `Transactions.nonce`."""
        return self._loop.run(self._transactions.nonce(account))

    def sign(
        self,
        call: Call,
        signer: Signer,
        *,
        nonce: int | None = None,
        tip: int = 0,
        period: int | None = DEFAULT_PERIOD,
    ) -> bytes:
        """Return a signed transaction; see `Transactions.sign`."""
        work = self._transactions.sign(call, signer, nonce=nonce, tip=tip, period=period)
        return self._loop.run(work)

    def fee(self, wire: bytes) -> int:
        """Return the fee that a transaction would pay now; see `Transactions.fee`."""
        return self._loop.run(self._transactions.fee(wire))

    def dry_run(self, wire: bytes) -> str | None:
        """Return why a transaction would fail now, None if not; see `Transactions.dry_run`."""
        return self._loop.run(self._transactions.dry_run(wire))

    def simulate(self, wire: bytes) -> Effects | None:
        """Return the effects that a transaction would have, None if the chain has no API for it.

        See `Transactions.simulate`.
        """
        return self._loop.run(self._transactions.simulate(wire))

    def submit(self, wire: bytes) -> str:
        """Send a transaction to the pool; see `Transactions.submit`."""
        return self._loop.run(self._transactions.submit(wire))

    def watch(self, wire: bytes, *, wait: Wait = "best", patience: float = PATIENCE) -> Included:
        """Send a transaction and wait for its block; see `Transactions.watch`."""
        return self._loop.run(self._transactions.watch(wire, wait=wait, patience=patience))

    def send(
        self,
        call: Call,
        signer: Signer | None,
        *,
        nonce: int | None = None,
        tip: int = 0,
        period: int | None = DEFAULT_PERIOD,
        wait: Wait = "best",
        patience: float = PATIENCE,
    ) -> Included:
        """Sign a call, send it and wait for its block; see `Transactions.send`."""
        work = self._transactions.send(
            call, signer, nonce=nonce, tip=tip, period=period, wait=wait, patience=patience
        )
        return self._loop.run(work)


class BlockingChain:
    """`Chain` without asyncio; made by `connect`."""

    def __init__(self, loop: EventLoop, chain: Chain) -> None:
        self._loop = loop
        self._chain = chain
        self.transactions = BlockingTransactions(loop, chain)

    @classmethod
    @contextmanager
    def connect(
        cls, url: str, timeout: float = TIMEOUT, *, at: str | int | None = None
    ) -> Iterator[BlockingChain]:
        """Connect to a node, until the end of `with`; see `Chain.connect`."""
        loop = EventLoop()
        try:
            connection = loop.run(connect(url, timeout))
            try:
                yield cls(loop, loop.run(Chain.open(connection, at)))
            finally:
                loop.run(connection.close())
        finally:
            loop.close()

    def at_block(self, which: str | int) -> BlockingChain:
        """Return the chain at a block, with that block's state and metadata."""
        return BlockingChain(self._loop, self._loop.run(self._chain.at_block(which)))

    @property
    def metadata(self) -> ChainMetadata:
        """The metadata of the chain's runtime."""
        return self._chain.metadata

    @property
    def genesis(self) -> bytes:
        """The hash of block zero."""
        return self._chain.genesis

    def call(self, method: str, *params: Json) -> Json:
        """Return the result of a JSON-RPC method."""
        return self._loop.run(self._chain.connection.call(method, *params))

    def storage(self, path: str, *keys: Plain, at: bytes | None = None) -> Plain:
        """Return a storage item's value; see `Chain.storage`."""
        return self._loop.run(self._chain.storage(path, *keys, at=at))

    def storage_many(
        self, path: str, keys: Sequence[Sequence[Plain]], at: bytes | None = None
    ) -> list[Plain]:
        """Return the values of many entries of one map, by one request."""
        return self._loop.run(self._chain.storage_many(path, keys, at))

    def entries(
        self, path: str, *keys: Plain, at: bytes | None = None
    ) -> Iterator[tuple[list[Plain], Plain]]:
        """Yield the entries of a map; see `Chain.entries`."""
        return self._loop.iterate(self._chain.entries(path, *keys, at=at))

    def constant(self, path: str) -> Plain:
        """Return a constant of the runtime, as `Balances.ExistentialDeposit`."""
        return self._chain.constant(path)

    def api(self, path: str, *args: Plain, at: bytes | None = None) -> Plain:
        """Return the result of a runtime API's method; see `Chain.api`."""
        return self._loop.run(self._chain.api(path, *args, at=at))

    def compose(self, path: str, **arguments: Plain) -> Call:
        """Return a call with its arguments as Python values; see `Chain.compose`."""
        return self._chain.compose(path, **arguments)

    def best(self) -> BlockRef:
        """Return the best block."""
        return self._loop.run(self._chain.best())

    def finalized(self) -> BlockRef:
        """Return the last final block."""
        return self._loop.run(self._chain.finalized())

    def block_hash(self, which: str | int) -> bytes:
        """Return the hash of a block: a number, a hash, `best` or `finalized`."""
        return self._loop.run(self._chain.block_hash(which))

    def block(self, hash: bytes) -> BlockView:
        """Return a decoded block. NotFound if the node does not have it."""
        return self._loop.run(self._chain.block(hash))

    def heads(self, *, final: bool = False) -> Iterator[BlockRef]:
        """Yield new best blocks, or new final ones; see `Chain.heads`."""
        return self._loop.iterate(self._chain.heads(final=final))

    def watch_storage(self, path: str, *keys: Plain) -> Iterator[tuple[bytes, Plain]]:
        """Yield a storage item's value now and after each change; see `Chain.watch_storage`."""
        return self._loop.iterate(self._chain.watch_storage(path, *keys))


async def _next(items: AsyncIterator[Item]) -> list[Item]:
    """Return the next item in a list, which is empty at the end."""
    async for item in items:
        return [item]
    return []


async def _close(items: AsyncIterator[Item]) -> None:
    close = getattr(items, "aclose", None)
    if close is not None:
        await close()
