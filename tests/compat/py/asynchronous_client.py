"""async-substrate-interface and two nodes: the steps that its checks share."""

from __future__ import annotations

from typing import Any

from compat.py.keys import Key, new_account, person

BTT = 10**18
Call = Any
Receipt = Any


class Asynchronous:
    """Connections to two nodes, and the steps that the checks share."""

    node: Any
    manual: Any

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
        await self.manual.rpc_request("engine_createBlock", [True, True])

    async def next_nonce(self) -> int:
        """Alice's next nonce on the node that seals on demand, once its pool is empty."""
        await self.seal()
        address = self.alice.ss58_address
        return int(await self.manual.get_account_next_index(address, use_cache=False))

    async def signed(self, nonce: int, tip: int = 0) -> Any:
        call = await self.transfer(self.bob, BTT)
        return await self.manual.create_signed_extrinsic(call, self.alice, nonce=nonce, tip=tip)


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
