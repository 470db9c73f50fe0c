"""Chains for the explorer: real blocks of a chain in memory, given as a node gives them."""

from __future__ import annotations

import asyncio
import os
import re
import sqlite3
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import replace
from pathlib import Path

from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from btt_chain.client.errors import RpcError
from btt_chain.client.jsonrpc import Connection, Json
from btt_chain.explorer.audit import Audits, Report, Trie
from btt_chain.explorer.chaindata import ChainData
from btt_chain.explorer.context import Context, LiveNode
from btt_chain.explorer.index.driver import Indexer, Progress
from btt_chain.explorer.index.queries import Index
from btt_chain.explorer.index.source import Source
from btt_chain.explorer.index.specs import Specs
from btt_chain.explorer.index.store import Writer
from btt_chain.explorer.server import LIMITS, Server
from btt_chain.node.service.backend import ChainView
from btt_chain.primitives import ss58
from btt_chain.primitives.account import AccountId
from btt_chain.primitives.extrinsic import opaque
from btt_chain.rpc.backend import UnknownBlock
from btt_chain.txpool import PoolError
from btt_chain.web.proxies import Proxies
from storage.trie import ordered_root, verify_proof
from support.chain import DevChain
from support.vectors import REPOSITORY

TRIE = Trie(verify_proof, ordered_root)
PROPERTIES: Json = {"tokenSymbol": "BTT", "tokenDecimals": 18, "ss58Format": 42}

Lie = Callable[[str, tuple[Json, ...], Json], Json]
"""Takes method, parameters and the true answer; returns what the node says."""


def honest(_method: str, _params: tuple[Json, ...], answer: Json) -> Json:
    return answer


def dump(path: Path) -> list[str]:
    """Return all rows of an index but those of audits, as sorted text, to compare two indexes."""
    db = sqlite3.connect(path)
    try:
        tables = db.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
        return sorted(
            f"{name} {row!r}"
            for (name,) in tables
            if name != "audit"
            for row in db.execute(f"SELECT * FROM {name}")
        )
    finally:
        db.close()


class ChainConnection:
    """A connection to a chain in memory, with a node's answers and without a socket."""

    url = "memory:"

    def __init__(
        self,
        chain: DevChain,
        *,
        lie: Lie = honest,
        kind: str = "Live",
        more: Mapping[str, Callable[..., Json]] | None = None,
    ) -> None:
        """`more` are further methods by their names."""
        self.chain = chain
        self.more = more or {}
        self.view = ChainView(chain.client)
        self.lie = lie
        self.kind = kind
        self._heads: list[tuple[bool, asyncio.Queue[Json]]] = []

    async def call(self, method: str, *params: Json) -> Json:
        await asyncio.sleep(0)
        try:
            if method in self.more:
                return self.more[method](*params)
            return self.lie(method, params, self.answer(method, params))
        except UnknownBlock as error:
            raise RpcError(method, -32_000, str(error), None) from None

    def announce(self) -> None:
        """Report the best and the final block to all subscribers."""
        for is_final, queue in self._heads:
            ref = self.view.finalized() if is_final else self.view.best()
            queue.put_nowait(self._header(ref.hash))

    @asynccontextmanager
    async def subscribe(
        self, method: str, unsubscribe: str, *params: Json
    ) -> AsyncIterator[AsyncIterator[Json]]:
        if method.startswith("transactionWatch"):
            yield self._sent(unhex(str(params[0])))
            return
        queue: asyncio.Queue[Json] = asyncio.Queue()
        self._heads.append(("Finalized" in method, queue))
        self.announce()

        async def read() -> AsyncIterator[Json]:
            while True:
                yield await queue.get()

        yield read()

    async def _sent(self, wire: bytes) -> AsyncIterator[Json]:
        """Yield the course of a transaction, in a block that is made of it at once."""
        try:
            self.chain.pool.submit(wire)
        except PoolError as error:
            yield {"event": "invalid", "error": str(error)}
            return
        yield {"event": "validated"}
        block: Json = {"hash": hex_of(self.chain.seal()), "index": 1}
        self.announce()
        yield {"event": "bestChainBlockIncluded", "block": block}
        yield {"event": "finalized", "block": block}

    async def close(self) -> None:
        """There is nothing to close."""

    def answer(self, method: str, params: tuple[Json, ...]) -> Json:  # noqa: PLR0911 - a table
        """Return the true answer of a node."""
        view = self.view
        match method, params:
            case "chain_getBlockHash", (int(number),):
                found = view.block_hash(number)
                return None if found is None else hex_of(found)
            case "chain_getHeader", (str(hash),):
                return self._header(unhex(hash))
            case "chain_getBlock", (str(hash),):
                wires: list[Json] = [hex_of(opaque(wire)) for wire in view.body(unhex(hash)) or []]
                block: Json = {"header": self._header(unhex(hash)), "extrinsics": wires}
                return {"block": block, "justifications": None}
            case "state_queryStorageAt", (list(keys), str(hash)):
                state = view.state(unhex(hash))
                values = [state.get(unhex(str(key))) for key in keys]
                changes: list[Json] = [
                    [key, None if value is None else hex_of(value)]
                    for key, value in zip(keys, values, strict=True)
                ]
                return [{"block": hash, "changes": changes}]
            case "state_getStorage", (str(key), *where):
                value = view.state(self._at(tuple(where))).get(unhex(key))
                return None if value is None else hex_of(value)
            case "state_getKeysPaged", (str(prefix), int(count), last, str(hash)):
                after = None if last is None else unhex(str(last))
                found_keys = view.state(unhex(hash)).keys(unhex(prefix), after, count)
                return [hex_of(key) for key in found_keys]
            case "state_call", (str(name), str(raw), *where):
                return hex_of(view.call(self._at(tuple(where)), name, unhex(raw)))
            case "state_getReadProof", (list(keys), str(hash)):
                nodes = view.state(unhex(hash)).proof([unhex(str(key)) for key in keys])
                return {"at": hash, "proof": [hex_of(node) for node in nodes]}
            case "state_getMetadata", (*_,):
                return hex_of(view.metadata(self._at(params)))
            case "system_chain", ():
                return "Chain in memory"
            case "system_chainType", ():
                return self.kind
            case "system_properties", ():
                return PROPERTIES
        return self._other(method, params)

    def _other(self, method: str, params: tuple[Json, ...]) -> Json:
        view = self.view
        match method, params:
            case "chain_getBlockHash", ():
                return hex_of(view.best().hash)
            case "state_getRuntimeVersion", (*_,):
                version = view.runtime_version(self._at(params))
                return {
                    "specName": version.spec_name.value,
                    "specVersion": int(version.spec_version),
                    "transactionVersion": 1,
                }
            case "chain_getFinalizedHead", ():
                return hex_of(view.finalized().hash)
            case "chain_getHeader", (*_,):
                return self._header(self._at(params))
            case "system_accountNextIndex", (str(address),):
                info = self.chain.at().system.account[AccountId(ss58.decode(address)[0])]
                return int(info.nonce)
            case "payment_queryInfo", (str(wire),):
                raw = unhex(wire)
                data = raw + len(raw).to_bytes(4, "little")
                name = "TransactionPaymentApi_query_info"
                fee = view.call(view.best().hash, name, data)[-16:]
                return {"partialFee": str(int.from_bytes(fee, "little"))}
        raise RpcError(method, -32601, "Method not found", None)

    def _at(self, params: tuple[Json, ...]) -> bytes:
        named = params[0] if params else None
        return self.view.best().hash if named is None else unhex(str(named))

    def _header(self, hash: bytes) -> Json:
        header = self.view.header(hash)
        assert header is not None
        shown = header.to_json()
        logs: list[Json] = [*shown["digest"]["logs"]]
        return {
            "parentHash": shown["parentHash"], "number": shown["number"],
            "stateRoot": shown["stateRoot"], "extrinsicsRoot": shown["extrinsicsRoot"],
            "digest": {"logs": logs},
        }  # fmt: skip


def hex_of(raw: bytes) -> str:
    return "0x" + raw.hex()


def unhex(text: str) -> bytes:
    return bytes.fromhex(text.removeprefix("0x"))


async def index_chain(connection: ChainConnection, file: Path) -> None:
    """Index a chain until the best block is in the index."""
    writer = Writer(file)
    try:
        await follow(connection, writer, connection.view.best().hash)
    finally:
        writer.close()


async def follow(
    connection: ChainConnection, writer: Writer, best: bytes, progress: Progress | None = None
) -> None:
    """Index until the block with that hash is the last one, and the node's final one is final."""
    indexer = Indexer(writer, progress or Progress())
    task = asyncio.create_task(indexer.follow(connection))
    try:
        async with asyncio.timeout(60):
            while not task.done() and not is_complete(connection, writer, best):
                await asyncio.sleep(0.005)
        if task.done():
            await task
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def is_complete(connection: ChainConnection, writer: Writer, best: bytes) -> bool:
    """Return True if an index has the best block of a node, and its final one as such."""
    if writer._store._db.in_transaction:
        return False
    final = writer.final()
    is_final = final is not None and final[1] == connection.view.finalized().hash
    return is_final and _last(writer) == best


def _last(writer: Writer) -> bytes | None:
    tips, final = writer.tips(), writer.final()
    if tips:
        return tips[max(tips)]
    return None if final is None else final[1]


async def audit_chain(connection: ChainConnection, file: Path) -> Report:
    """Audit an index of a chain."""
    writer, index = Writer(file), Index(file)
    source = Source(connection)
    try:
        specs = Specs(index.metadata, await source.names())
        return await Audits(index, writer, TRIE, specs).audit(source)
    finally:
        index.close()
        writer.close()


@asynccontextmanager
async def pages_of(
    connection: Connection,
    file: Path,
    burst: float = LIMITS.burst,
    *,
    is_public: bool = False,
    proxies: Proxies | None = None,
    hosts: Sequence[str] = (),
) -> AsyncIterator[tuple[TestClient[web.Request, web.Application], Server]]:
    """Serve the pages of an index that was made of a chain."""
    index = Index(file)
    names = await Source(connection).names()

    async def connect() -> Connection:
        return connection

    progress = Progress(tip=index.tip(), final=index.final()[0], connected=True, names=names)
    data = ChainData(index, names)
    node = LiveNode(connect, data.specs)
    context = Context(index, data, node, progress, is_public=is_public)
    server = Server(context, replace(LIMITS, burst=burst), proxies, hosts)
    async with TestClient(TestServer(server.application())) as client:
        yield client, server
    await server.signing.node.close()
    index.close()


@contextmanager
def explorer_process(url: str, base: Path) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """Start an explorer; yields the process and the address of its pages."""
    words = ["explorer", "--url", url, "--base-path", str(base), "--listen", "127.0.0.1:0"]
    process = subprocess.Popen(
        [sys.executable, "-P", "-m", "cli.main", *words],
        env=os.environ | {"PYTHONPATH": str(REPOSITORY)},
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stderr is not None
        said = ""
        while not (found := re.search(r"explorer: (http://\S+)", said)):
            line = process.stderr.readline()
            assert line, said
            said += line
        yield process, found[1]
    finally:
        ended = process.poll()
        process.kill()
        written = process.communicate()[1]
        print(f"the explorer {'ran' if ended is None else f'had ended with {ended}'}:\n{written}")
