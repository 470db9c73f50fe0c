"""The driver of the indexer: one connection to a node, one writer, the machine between them."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Final, Protocol, TypeAlias

from btt_chain.client.errors import ClientError, Disconnected, InvalidAnswer
from btt_chain.client.jsonrpc import Connection
from btt_chain.daemon import Daemon, blocks
from btt_chain.explorer.index.machine import (
    Ask,
    Contradiction,
    Drop,
    Effect,
    Finalize,
    Follower,
    Write,
)
from btt_chain.explorer.index.reading import RawBlock, SpecReader
from btt_chain.explorer.index.source import ChainNames, NoState, Source, account_key
from btt_chain.explorer.index.specs import Specs
from btt_chain.explorer.index.store import Writer
from btt_chain.store import StoreError

log = logging.getLogger("explorer")

BATCH: Final = 500
"""Maximum number of blocks in one transaction of the index."""
BATCH_SECONDS: Final = 1.0


class Halted(ClientError):
    """The index cannot go on by what the node answered, or by its disk."""


class Auditor(Protocol):
    """Checks the index after the blocks of a batch were written."""

    async def after(self, source: Source, final: int) -> None:
        """Audit if it is time to; `final` is the height of the last final block."""


@dataclass(slots=True)
class Progress:
    """Progress of the index; pages and live updates read it."""

    tip: int = -1
    final: int = -1
    node_best: int = -1
    node_final: int = -1
    connected: bool = False
    fault: str = ""
    """Reason why the index cannot go on; empty if it can."""
    names: ChainNames | None = None
    changed: list[Callable[[], None]] = field(default_factory=list)
    """Called after each change of the index."""

    def notify(self) -> None:
        """Report a change."""
        for listener in self.changed:
            listener()


@dataclass(frozen=True, slots=True)
class _Head:
    number: int
    hash: bytes
    is_final: bool


@dataclass(frozen=True, slots=True)
class _Answer:
    ask: Ask
    block: RawBlock | None


News: TypeAlias = _Head | _Answer | Exception
"""Input of the loop: a head, an answer, or the failure of a request or subscription."""


@dataclass(slots=True)
class _Batch:
    """Effects that were not written yet."""

    effects: list[Effect] = field(default_factory=list)
    blocks: int = 0
    since: float = 0.0

    def add(self, effect: Effect) -> None:
        if not self.effects:
            self.since = time.monotonic()
        self.effects.append(effect)
        self.blocks += isinstance(effect, Write)

    @property
    def is_due(self) -> bool:
        return self.blocks >= BATCH or time.monotonic() - self.since >= BATCH_SECONDS


class Indexer:
    """Follows a node and writes its blocks to an index."""

    def __init__(
        self,
        writer: Writer,
        progress: Progress,
        first: int = 0,
        auditor: Auditor | None = None,
        keep_ms: int | None = None,
        specs: Specs | None = None,
    ) -> None:
        """`first` is the height of the first block of a new index.

        Extrinsics and events older than `keep_ms` before the last final block are deleted. `specs`
        are readers that are shared with others of the same index.
        """
        self._keep_ms = keep_ms
        self.progress = progress
        self._writer = writer
        self._first = first
        self._auditor = auditor
        self._specs = specs
        self._metadata: dict[int, bytes] = {}
        """Metadata of versions that the index does not have yet."""
        self._learning = asyncio.Lock()
        self._names: ChainNames | None = None

    async def run(self, url: str) -> None:
        """Index until cancelled; connect again whenever the connection breaks.

        Raises IndexRefused if the index is of another chain.
        """
        await Daemon(url, report=log.warning, any_view=True).run(self._attempt)

    async def _attempt(self, connection: Connection) -> None:
        """Index until the connection breaks. Raises ClientError; a fault is in the progress."""
        progress = self.progress
        try:
            await self.follow(connection)
        except Disconnected:
            raise
        except Contradiction as error:
            self._contradicted(error)
            raise Halted(f"the index stops at block {progress.tip}: {error}") from None
        except (ClientError, NoState) as error:
            progress.fault = str(error)
            raise Halted(f"the index stops at block {progress.tip}: {error}") from None
        except StoreError as error:
            # Nothing of the batch was written. The pages show the fault: without the path.
            progress.fault = f"the index cannot be written: {error.reason}"
            after = f"after block {progress.tip}"
            raise Halted(f"the index cannot be written {after}: {error}") from None
        finally:
            progress.connected = False
            progress.notify()

    def _contradicted(self, error: Contradiction) -> None:
        """Stop at a contradiction; a development chain that began anew is indexed anew."""
        self.progress.fault = str(error)
        if self._names is not None and self._names.kind == "Development":
            log.warning("a development chain may have begun anew: the index begins anew as well")
            self._writer.clear()
            self._metadata.clear()
            if self._specs is not None:
                self._specs.forget()
            self._report()

    async def follow(self, connection: Connection, until: int | None = None) -> None:
        """Index until the connection breaks, or until a height is final in the index."""
        source = Source(connection)
        await self._open(source)
        follower = Follower(self._writer.final(), self._writer.tips(), self._first)
        news: asyncio.Queue[News] = asyncio.Queue()
        tasks = {asyncio.create_task(_heads(connection, news))}
        try:
            await self._loop(source, follower, news, tasks, until)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _loop(
        self,
        source: Source,
        follower: Follower,
        news: asyncio.Queue[News],
        tasks: set[asyncio.Task[None]],
        until: int | None,
    ) -> None:
        batch = _Batch()
        progress = self.progress
        while until is None or progress.final < until:
            for effect in _feed(follower, await news.get(), progress):
                if isinstance(effect, Ask):
                    task = asyncio.create_task(self._fetch(source, effect, news))
                    tasks.add(task)
                    task.add_done_callback(tasks.discard)
                else:
                    batch.add(effect)
            if batch.effects and (batch.is_due or (news.empty() and follower.is_idle)):
                await self._commit(source, batch.effects)
                batch = _Batch()
                progress.fault = ""
                progress.notify()
                if self._auditor is not None and follower.is_idle:
                    await self._auditor.after(source, progress.final)

    async def _open(self, source: Source) -> None:
        """Check that index and node are of one chain; begin the index if it is empty."""
        genesis = await source.hash_at(0)
        if genesis is None:
            raise InvalidAnswer("the node has no block 0")
        self._names = await source.names()
        self._writer.check_chain(genesis)
        if self._specs is None:
            self._specs = Specs(self._writer.metadata, self._names)
        if self._writer.genesis() is None:
            await self._begin(source, genesis, self._specs)
        self._writer.set_meta("names", self._names.encode())
        self.progress.names = self._names
        self.progress.connected = True
        self._report()

    async def _begin(self, source: Source, genesis: bytes, specs: Specs) -> None:
        """Store the accounts below the first block."""
        below = max(self._first - 1, 0)
        hash = await source.hash_at(below)
        if hash is None:
            raise InvalidAnswer(f"the node has no block {below} yet")
        spec, metadata = await source.spec_at(hash), await source.metadata(hash)
        reader = specs.learn(spec, metadata).balances
        accounts = await source.accounts(hash)
        with self._writer.batch():
            self._writer.set_meta("genesis", genesis)
            self._writer.set_meta("first", str(self._first).encode())
            self._writer.add_spec(spec, below, metadata)
            self._writer.add_base(below, [(key, reader.read(raw)) for key, raw in accounts])

    async def _fetch(self, source: Source, ask: Ask, news: asyncio.Queue[News]) -> None:
        specs = self._writer.specs()
        try:
            block = await source.block(ask.number, specs[0])
            if block is not None:
                async with self._learning:
                    await self._learn(source, block)
        except (ClientError, NoState) as error:
            news.put_nowait(error)
            return
        news.put_nowait(_Answer(ask, block))

    async def _learn(self, source: Source, block: RawBlock) -> None:
        """Read the metadata of a new version: of the parent's state, which executed the block."""
        if block.spec in self._metadata or block.spec in self._writer.specs():
            return
        found = await source.metadata(block.parent if block.number else block.hash)
        self._metadata[block.spec] = found

    async def _commit(self, source: Source, effects: list[Effect]) -> None:
        """Write a batch, with the balances at its last final block, as one transaction."""
        writer = self._writer
        before = writer.final()
        with writer.batch():
            for effect in effects:
                match effect:
                    case Write(block, final):
                        self._write(block, final=final)
                    case Drop(above):
                        log.info("dropping blocks above %d: the chain was reorganized", above)
                        # Blocks of the other fork were fetched while the index had them.
                        self._metadata |= writer.metadata_above(above)
                        writer.drop(above)
                    case Finalize(number):
                        writer.set_final(number)
            after = writer.final()
            if after is not None and after != before:
                await self._read_balances(source, *after)
                if self._keep_ms is not None:
                    writer.prune(writer.time_at(after[0]) - self._keep_ms)
        for version in writer.specs():
            self._metadata.pop(version, None)
        self._report()

    def _write(self, block: RawBlock, *, final: bool) -> None:
        if block.spec not in self._writer.specs():
            self._writer.add_spec(block.spec, block.number, self._metadata[block.spec])
        self._writer.write(self._reader(block.spec).read(block), final=final)

    async def _read_balances(self, source: Source, last: int, hash: bytes) -> None:
        """Store the balances, after the last final block, of the accounts in new final blocks."""
        touched = self._writer.touched(last)
        keys = {account_key(key): number for number, key in touched}
        values = await source.values(list(keys), hash)
        reader = self._reader(self._writer.spec_at(last)).balances
        for key, number in keys.items():
            self._writer.set_balance(number, reader.read(values.get(key)))
        self._writer.settle(last)

    def _reader(self, version: int) -> SpecReader:
        if self._specs is None:
            raise LookupError("the indexer has not begun")
        raw = self._metadata.get(version)
        return self._specs.reader(version) if raw is None else self._specs.learn(version, raw)

    def _report(self) -> None:
        final, tips = self._writer.final(), self._writer.tips()
        self.progress.final = -1 if final is None else final[0]
        self.progress.tip = max(tips, default=self.progress.final)


async def _heads(connection: Connection, news: asyncio.Queue[News]) -> None:
    """Report the new best and the new final blocks of the node."""
    try:
        async with aclosing(blocks(connection)) as heads:
            async for head, is_final in heads:
                news.put_nowait(_Head(head.number, head.hash, is_final))
    except ClientError as error:
        news.put_nowait(error)


def _feed(follower: Follower, news: News, progress: Progress) -> list[Effect]:
    match news:
        case _Head(number, hash, is_final=True):
            progress.node_final = number
            return follower.finalized(number, hash)
        case _Head(number, hash):
            progress.node_best = number
            return follower.best(number, hash)
        case _Answer(ask, None):
            return follower.missing(ask)
        case _Answer(ask, block) if block is not None:
            return follower.fetched(ask, block)
        case Exception():
            raise news
    return []
