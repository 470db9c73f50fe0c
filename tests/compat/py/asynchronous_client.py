"""async-substrate-interface and two nodes: the steps that its checks share."""

from __future__ import annotations

import asyncio
import json
from collections import defaultdict, deque
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

from websockets.asyncio.client import (  # type: ignore[import-not-found]
    ClientConnection,
    connect,
)

from compat.py.keys import Key, new_account, person

BTT = 10**18
NOWHERE = "0x" + "11" * 32
SECONDS = 15
TIMESTAMP_NOW = "f0c365c3cf59d671eb72da0e7a4113c49f1f0515f462cdcf84e0f1d6045dfcbb"
Call = Any
Receipt = Any


class Asynchronous:
    """Connections to two nodes, and the steps that the checks share."""

    node: Any
    manual: Any
    wire: Wire
    manual_wire: Wire

    def __init__(self, clocked: str, manual: str) -> None:
        self.clocked_url = clocked
        self.manual_url = manual
        names = ("Alice", "Bob", "Charlie", "Dave", "Eve")
        self.alice, self.bob, self.charlie, self.dave, self.eve = map(person, names)

    async def compose(self, module: str, function: str, **arguments: Any) -> Call:
        return await self.node.compose_call(module, function, arguments)

    async def transfer(self, to: Any, value: int) -> Call:
        dest = getattr(to, "ss58_address", to)
        return await self.compose("Balances", "transfer_keep_alive", dest=dest, value=value)

    async def free(self, who: Key, block_hash: str | None = None) -> int:
        found = await self.node.query(
            "System", "Account", [who.ss58_address], block_hash=block_hash
        )
        return int(plain(found)["data"]["free"])

    async def send(self, call: Call, who: Key | None = None, **options: Any) -> Receipt:
        signer = who or self.alice
        return await self.submit(await self.node.create_signed_extrinsic(call, signer, **options))

    async def submit(self, extrinsic: Any) -> Receipt:
        return await self.node.submit_extrinsic(extrinsic, wait_for_finalization=True)

    async def succeeds(self, call: Call, who: Key | None = None, **options: Any) -> Receipt:
        receipt = await self.send(call, who, **options)
        assert await receipt.is_success, await receipt.error_message
        return receipt

    async def pays_as(self, who: Key) -> None:
        to = new_account()
        await self.succeeds(await self.transfer(who, 5 * BTT))
        await self.succeeds(await self.transfer(to, BTT), who)
        assert await self.free(to) == BTT

    async def heads(self, *, finalized: bool) -> list[int]:
        numbers: list[int] = []

        async def receive(block: Any) -> list[int] | None:
            numbers.append(block["header"]["number"])
            return numbers if len(numbers) == 4 else None

        await self.node.subscribe_block_headers(receive, finalized_only=finalized)
        return numbers

    async def seal(self) -> None:
        await self.manual_wire.call("engine_createBlock", True, True)

    async def next_nonce(self) -> int:
        """Alice's next nonce on the node that seals on demand, once its pool is empty."""
        await self.seal()
        address = self.alice.ss58_address
        return int(await self.manual_wire.call("system_accountNextIndex", address))

    async def signed(self, nonce: int, tip: int = 0) -> Any:
        call = await self.transfer(self.bob, BTT)
        return await self.manual.create_signed_extrinsic(call, self.alice, nonce=nonce, tip=tip)

    async def refused(self, extrinsic: Any, code: int, *words: str) -> None:
        """Expect an error object with this code, and these words in its message or data."""
        hexed = extrinsic if isinstance(extrinsic, str) else str(extrinsic.data)
        error = await self.manual_wire.error("author_submitExtrinsic", hexed)
        assert error["code"] == code, error
        text = f"{error['message']}: {error.get('data')}"
        for word in words:
            assert word in text, (word, error)

    @asynccontextmanager
    async def watching(self, extrinsic: Any) -> AsyncIterator[Watch]:
        """Statuses of a transaction, one by one."""
        method = "author_submitAndWatchExtrinsic"
        id = await self.manual_wire.call(method, str(extrinsic.data))
        yield Watch(id, self.manual_wire)


class Watch:
    """The statuses of one transaction."""

    def __init__(self, id: str, wire: Wire) -> None:
        self.id = id
        self.wire = wire

    async def next(self) -> Any:
        return await self.wire.next_of(self.id)

    def empty(self) -> bool:
        return not self.wire.received[self.id]


class Wire:
    """JSON-RPC over a WebSocket without a client in between."""

    def __init__(self, socket: ClientConnection) -> None:
        self.socket = socket
        self.received: defaultdict[str, deque[Any]] = defaultdict(deque)
        self.count = 0

    @classmethod
    async def open(cls, url: str) -> Wire:
        return cls(await connect(url, compression=None))

    async def send(self, message: object) -> None:
        await self.socket.send(json.dumps(message))

    async def receive(self) -> Any:
        async with asyncio.timeout(SECONDS):
            return json.loads(await self.socket.recv())

    async def exchange(self, message: object) -> Any:
        return await self.exchange_text(json.dumps(message))

    async def exchange_text(self, frame: str) -> Any:
        await self.socket.send(frame)
        return await self.receive()

    async def answer(self, method: str, params: Sequence[object]) -> Any:
        self.count += 1
        id = f"{method} {self.count}"
        await self.send({"jsonrpc": "2.0", "id": id, "method": method, "params": list(params)})
        while True:
            message = await self.receive()
            if message.get("id") == id:
                return message
            self.keep(message)

    def keep(self, notification: Any) -> None:
        """Keep a notification until it is read."""
        params = notification["params"]
        self.received[params["subscription"]].append(params["result"])

    async def next_of(self, subscription: str) -> Any:
        """Return the next notification of a subscription."""
        while not self.received[subscription]:
            self.keep(await self.receive())
        return self.received[subscription].popleft()

    async def call(self, method: str, *params: object) -> Any:
        answer = await self.answer(method, params)
        assert "error" not in answer, (method, answer)
        return answer["result"]

    async def error(self, method: str, *params: object) -> Any:
        answer = await self.answer(method, params)
        assert "result" not in answer, (method, answer)
        return answer["error"]


def sorted_accounts(*people: Key) -> list[str]:
    """Addresses in the order of their accounts."""
    return [who.ss58_address for who in sorted(people, key=lambda who: who.public_key)]


def plain(value: Any) -> Any:
    """The value inside of a codec's object."""
    return getattr(value, "value", value)


def name_of(event: Any) -> str:
    inner = plain(event)
    inner = inner.get("event", inner)
    return f"{inner['module_id']}.{inner['event_id']}"


async def event_of(receipt: Receipt, name: str) -> Any:
    """The attributes of the first event with a name."""
    events = [plain(event) for event in await receipt.triggered_events]
    for event in events:
        if name_of(event) == name:
            return event.get("event", event)["attributes"]
    raise AssertionError(f"no {name} in {[name_of(event) for event in events]}")
