"""Attacks by callers of JSON-RPC on raw sockets: D4, D5, D6, D7, dear calls, held requests."""

from __future__ import annotations

import asyncio
import json
import resource
from abc import abstractmethod
from dataclasses import dataclass
from typing import Final

from btt_chain.rpc.limits import Limits
from btt_chain.rpc.protocol import RATE_LIMITED
from btt_chain.scale import u64
from hostile.order import BROKEN, CONNECTED, CUT, DONE, REFUSED, Attack, Order, Recorder, Target
from hostile.payloads import (
    bomb,
    call_index,
    fractional_batch,
    full_header,
    report_with_nodes,
    state_call,
)
from p2p.network import MIB
from runtime import BttRuntime
from runtime.params import RuntimeParams

PATIENCE: Final = 60.0
"""Seconds that an answer is waited for."""
AGAIN: Final = 0.2
LOGS: Final = min(5_000_000, (Limits().request_size - 1_000) // 2)
"""Digest items or trie nodes of an argument, whose hex digits fill a request."""


@dataclass(frozen=True, slots=True)
class Posted:
    """A body and its headers."""

    body: bytes
    headers: tuple[str, ...] = ()


class Connection:
    """A connection for HTTP/1.1 by hand, from a chosen address."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    @classmethod
    async def open(cls, port: int, source: str) -> Connection:
        return cls(
            *await asyncio.open_connection(
                "127.0.0.1", port, local_addr=(source, 0), limit=32 * MIB
            )
        )

    async def post(self, body: bytes, *headers: str) -> tuple[int, bytes]:
        """Send a request and return the status and body of the answer."""
        lines = [
            "POST / HTTP/1.1",
            "Host: localhost",
            "Content-Type: application/json",
            f"Content-Length: {len(body)}",
            *headers,
        ]
        self._writer.write("\r\n".join([*lines, "", ""]).encode() + body)
        await self._writer.drain()
        head = (await self._reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        length = 0
        for line in head.lower().splitlines():
            if line.startswith("content-length:"):
                length = int(line.partition(":")[2])
        return int(head.split()[1]), await self._reader.readexactly(length)

    async def get(self, path: str) -> int:
        """Request a page; return its status once all of it has come."""
        self._writer.write(f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
        await self._writer.drain()
        head = (await self._reader.readuntil(b"\r\n\r\n")).decode("latin-1").lower()
        for line in head.splitlines():
            if line.startswith("content-length:"):
                await self._reader.readexactly(int(line.partition(":")[2]))
        return int(head.split()[1])

    async def begin(self, size: int) -> int:
        """Send a request without the last of its `size` bytes; return how many were sent."""
        head = f"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: {size}\r\n\r\n"
        self._writer.write(head.encode() + b" " * (size - 1))
        await self._writer.drain()
        return size - 1

    async def ended(self) -> None:
        """Wait until the node closes the connection."""
        while await self._reader.read(65_536):
            pass

    def close(self) -> None:
        self._writer.transport.abort()


class RpcAttack(Attack):
    """An attack by callers."""

    def run(self, record: Recorder) -> None:
        asyncio.run(self._run(record))

    async def _run(self, record: Recorder) -> None:
        tasks = [asyncio.create_task(self.against(target, record)) for target in self.order.targets]
        await asyncio.wait(tasks, timeout=self.left + 1)
        for task in tasks:
            task.cancel()
        for ended in await asyncio.gather(*tasks, return_exceptions=True):
            if isinstance(ended, Exception):
                record.add(BROKEN, "attack", repr(ended))

    @abstractmethod
    async def against(self, target: Target, record: Recorder) -> None:
        """Attack one node."""


class Repeated(RpcAttack):
    """Posts one body again and again over `connections`, each after the answer to the last."""

    connections = 2

    def __init__(self, order: Order) -> None:
        super().__init__(order)
        self.bodies = self.make()

    @abstractmethod
    def make(self) -> list[Posted]:
        """Return the posted bodies, in turn."""

    async def against(self, target: Target, record: Recorder) -> None:
        callers = [self._caller(target, place, record) for place in range(self.connections)]
        await asyncio.gather(*callers)

    async def _caller(self, target: Target, place: int, record: Recorder) -> None:
        who, turn = f"caller {place}>{target.index}", place
        while not self.over:
            try:
                connection = await Connection.open(target.rpc_port, self.order.source)
            except OSError as error:
                record.add(CUT, who, repr(error))
                await asyncio.sleep(AGAIN)
                continue
            record.add(CONNECTED, who)
            try:
                while not self.over:
                    posted, turn = self.bodies[turn % len(self.bodies)], turn + 1
                    async with asyncio.timeout(PATIENCE):
                        status, answer = await connection.post(posted.body, *posted.headers)
                    record.sent(who, len(posted.body))
                    record.add(*_judged(status, answer, who))
                    if status != 200:
                        await asyncio.sleep(AGAIN)
            except (OSError, EOFError, TimeoutError, asyncio.IncompleteReadError) as error:
                record.add(CUT, who, repr(error))
                await asyncio.sleep(AGAIN)
            finally:
                connection.close()


def _judged(status: int, answer: bytes, who: str) -> tuple[str, str, str]:
    """Return the event for an answer: done, or refused with the reason."""
    if status != 200:
        return REFUSED, who, f"HTTP {status}: {answer[:100]!r}"
    try:
        parsed = json.loads(answer)
    except ValueError:
        return REFUSED, who, "no JSON"
    calls = parsed if isinstance(parsed, list) else [parsed]
    errors = [each["error"] for each in calls if "error" in each]
    if len(errors) == len(calls) or any(each["code"] == RATE_LIMITED for each in errors):
        return REFUSED, who, f"{len(errors)} of {len(calls)}: {json.dumps(errors[0])}"
    return DONE, who, f"{len(calls)} calls, {len(errors)} refused"


class FractionalIds(Repeated):
    """D4."""

    def make(self) -> list[Posted]:
        return [Posted(fractional_batch())]


class HugeDigest(Repeated):
    """D5: a block whose header has millions of digest items."""

    def make(self) -> list[Posted]:
        return [Posted(state_call("Core_initialize_block", full_header(10, LOGS)))]


class HugeArgument(Repeated):
    """D5: a full request for functions that any caller may use."""

    def make(self) -> list[Posted]:
        runtime = BttRuntime(RuntimeParams(u64(self.order.slot_ms)))
        call = report_with_nodes(call_index(runtime, "Babe", "report_equivocation"), LOGS)
        length = len(call).to_bytes(4, "little")
        return [
            Posted(state_call("TransactionPaymentCallApi_query_call_info", call + length)),
            Posted(state_call("Core_execute_block", full_header(10, LOGS - 100) + b"\x00")),
        ]


class GzipBombs(Repeated):
    """D7: eight bodies of a megabyte that inflate to a hundred times the limit."""

    connections = 8

    def make(self) -> list[Posted]:
        return [Posted(bomb(960 * MIB), ("Content-Encoding: gzip",))]


class MixedCalls(Repeated):
    """D4, D5 and D7 in turn."""

    connections = 3

    def make(self) -> list[Posted]:
        kinds = (FractionalIds, HugeDigest, GzipBombs)
        return [posted for kind in kinds for posted in kind(self.order).bodies]


def dear_batch(calls: int = 100) -> bytes:
    """Return a batch of calls each of which is as dear as a call can be."""
    keys = ["0x" + bytes((number >> 8, number & 255, *bytes(30))).hex() for number in range(256)]
    kinds: list[tuple[str, list[object]]] = [
        ("state_getKeysPaged", ["0x", 1_000]),
        ("state_queryStorageAt", [keys]),
        ("state_getReadProof", [keys]),
        ("state_getMetadata", []),
    ]
    return json.dumps(
        [
            {"jsonrpc": "2.0", "id": number, "method": method, "params": params}
            for number, (method, params) in enumerate(
                kinds[number % len(kinds)] for number in range(calls)
            )
        ]
    ).encode()


class DearCalls(Repeated):
    """Batches of dear calls, over as many connections as an address may have."""

    connections = 10

    def make(self) -> list[Posted]:
        return [Posted(dear_batch())]


class HeldRequests(RpcAttack):
    """Requests that are never complete, of more bytes than the node holds of all callers."""

    count = 16
    size = 4 * MIB

    async def against(self, target: Target, record: Recorder) -> None:
        await asyncio.gather(*(self._hold(target, record) for _ in range(self.count)))

    async def _hold(self, target: Target, record: Recorder) -> None:
        while not self.over:
            try:
                connection = await Connection.open(target.rpc_port, self.order.source)
                try:
                    record.sent("held", await connection.begin(self.size))
                    record.add(CONNECTED, "held")
                    await connection.ended()
                finally:
                    connection.close()
                record.add(CUT, "held", "closed by the node")
            except OSError as error:
                record.add(CUT, "held", repr(error))
            await asyncio.sleep(1.0)


class IdleConnections(RpcAttack):
    """D6: more connections than a process has descriptors."""

    count = 1_070

    async def against(self, target: Target, record: Recorder) -> None:
        _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
        holders = [self._hold(target, place, record) for place in range(self.count)]
        await asyncio.gather(*holders)

    async def _hold(self, target: Target, place: int, record: Recorder) -> None:
        # All within about three seconds: the queue of the listener has an end.
        await asyncio.sleep(place * 3 / self.count)
        while not self.over:
            try:
                connection = await Connection.open(target.rpc_port, self.order.source)
                try:
                    record.add(CONNECTED, "idle")
                    await connection.ended()
                finally:
                    connection.close()
                record.add(CUT, "idle", "closed by the node")
            except OSError as error:
                record.add(CUT, "idle", repr(error))
            await asyncio.sleep(1.0)
