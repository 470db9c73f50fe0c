"""The explorer as a service: the indexer and the server of the pages over one index."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from btt_chain.client.jsonrpc import WebSocket
from btt_chain.daemon import Daemon
from btt_chain.explorer.audit import EVERY, Audits, Report, Trie
from btt_chain.explorer.chaindata import ChainData
from btt_chain.explorer.context import ANSWER_SECONDS, Context, LiveNode
from btt_chain.explorer.doctor import Doctor, Finding
from btt_chain.explorer.index.driver import Indexer, Progress
from btt_chain.explorer.index.queries import Index
from btt_chain.explorer.index.source import ChainNames, Source
from btt_chain.explorer.index.specs import Specs
from btt_chain.explorer.index.store import IndexRefused, Writer
from btt_chain.explorer.server import Server
from btt_chain.web.bounds import application_server
from btt_chain.web.proxies import Proxies

log = logging.getLogger("explorer")

FILE: Final = "index.db"
GRACE: Final = 1.0
"""Seconds for requests in progress at the end."""


@dataclass(frozen=True, slots=True)
class Settings:
    """Settings of the service."""

    url: str
    base: Path
    """Folder of the index."""
    trie: Trie
    host: str = "127.0.0.1"
    port: int = 4480
    first: int = 0
    """Height of the first block of a new index."""
    keep_ms: int | None = None
    """Age from which extrinsics and events are deleted; None: they are kept."""
    audit_every: int = EVERY
    is_public: bool = False
    """Other machines may read the pages."""
    proxies: Proxies = field(default_factory=Proxies)
    """Proxies that name the callers whose requests they pass on."""
    hosts: tuple[str, ...] = ()
    """Names besides those of this machine under which a proxy or tunnel reaches the pages."""
    examine: Callable[[], Awaitable[Sequence[Finding]]] | None = None
    """Makes the checks of the page of the node's health; None for no such page."""
    on_ready: Callable[[str], None] = lambda _address: None
    """Called with the address of the pages when they answer."""


async def run(settings: Settings) -> None:
    """Index and serve until cancelled. Raises IndexRefused, OSError if the port is taken."""
    async with serving(settings) as (_, indexing):
        await indexing


@asynccontextmanager
async def serving(settings: Settings) -> AsyncIterator[tuple[Server, asyncio.Task[None]]]:
    """Index and serve until the end of `async with`; yields the server and the indexing task."""
    writer = Writer(settings.base / FILE)
    try:
        names = await _names(writer, settings.url)
        index = Index(settings.base / FILE)
        progress = Progress(names=names)
        specs = Specs(index.metadata, names)
        node = LiveNode(lambda: WebSocket.connect(settings.url, ANSWER_SECONDS), specs)
        doctor = None if settings.examine is None else Doctor(settings.examine)
        data = ChainData(index, names, specs)
        context = Context(index, data, node, progress, doctor, settings.is_public)
        server = Server(
            context, proxies=settings.proxies, hosts=(_named(settings.host), *settings.hosts)
        )
        audits = Audits(index, writer, settings.trie, specs, settings.audit_every)
        indexer = Indexer(writer, progress, settings.first, audits, settings.keep_ms, specs)
        pages = application_server(server.application(), server.bounds, GRACE)
        indexing: asyncio.Task[None] | None = None
        try:
            _, port = await pages.start(settings.host, settings.port)
            settings.on_ready(_address(settings.host, port))
            indexing = asyncio.create_task(indexer.run(settings.url))
            yield server, indexing
        finally:
            if indexing is not None:
                indexing.cancel()
                with suppress(asyncio.CancelledError):
                    await indexing
            server.hub.close()
            await server.signing.node.close()
            await pages.stop()
            if doctor is not None:
                await doctor.close()
            await node.close()
            index.close()
    finally:
        writer.close()


async def audit(settings: Settings) -> tuple[int, Report]:
    """Audit an index that exists, on demand; returns the height and the results.

    Raises IndexRefused if it has no final block yet, or is of another chain.
    """
    writer = Writer(settings.base / FILE)
    index = Index(settings.base / FILE)
    try:
        if index.final()[0] < 0:
            raise IndexRefused("the index has no final block yet: `btt-chain explorer` fills it")
        async with await WebSocket.connect(settings.url) as connection:
            source = Source(connection)
            writer.check_chain(await source.hash_at(0) or b"")
            specs = Specs(index.metadata, await source.names())
            audits = Audits(index, writer, settings.trie, specs)
            return index.final()[0], await audits.audit(source)
    finally:
        index.close()
        writer.close()


async def _names(writer: Writer, url: str) -> ChainNames:
    """Return the chain's names: the index's, else the node's, for which it waits."""
    stored = writer.meta("names")
    if stored is not None:
        return ChainNames.decode(stored)
    daemon = Daemon(url, report=log.warning, any_view=True)
    return await daemon.run(lambda connection: Source(connection).names())


def _address(host: str, port: int) -> str:
    return f"http://{_named(host)}:{port}/"


def _named(host: str) -> str:
    """Return a host as URLs have it."""
    return f"[{host}]" if ":" in host else host
