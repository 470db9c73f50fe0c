"""Accounts that send money to each other over a WebSocket, and note what the node claims."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from random import Random
from typing import Any

import pytest

from btt_chain.client.errors import Disconnected, RpcError
from btt_chain.client.jsonrpc import WebSocket
from btt_chain.crypto.hashing import blake2_128, twox_128
from btt_chain.crypto.keypair import KeyPair
from btt_chain.primitives import ss58
from btt_chain.primitives.account import AccountInfo
from btt_chain.primitives.digest import H256
from btt_chain.primitives.era import Immortal
from btt_chain.primitives.extrinsic import opaque, signed, signing_payload
from btt_chain.primitives.header import Header
from btt_chain.scale import codec, u32, u64, u128
from crash.process import HANG
from runtime import VERSION, BttRuntime
from runtime.constants import MILLI_BTT
from runtime.extensions import IMPLICIT, SIGNED_EXTRA, Implicit, MetadataHashMode, SignedExtra
from runtime.params import RuntimeParams
from support.chain import ALICE, BOB, CHARLIE, DAVE, address, signature

Json = Any
PEOPLE = (ALICE, BOB, CHARLIE, DAVE)
ACCOUNTS = twox_128(b"System") + twox_128(b"Account")
ISSUANCE = twox_128(b"Balances") + twox_128(b"TotalIssuance")
UNDER_WAY = 24
"""Transactions on their way to the node at once."""
NO_ROOM = (1016, 1012)
"""Codes for a full pool: at the first try, and at the next ones until it may be tried again."""

_RUNTIME = BttRuntime(RuntimeParams(u64(6_000)))


def transfer(genesis: bytes, sender: KeyPair, nonce: int, receiver: KeyPair, planck: int) -> bytes:
    """A signed transfer, as it goes on the wire."""
    call = _RUNTIME.call(
        "Balances", "transfer_keep_alive", dest=address(receiver), value=u128(planck)
    )
    extra = SIGNED_EXTRA.encode(
        SignedExtra(Immortal(), u32(nonce), u128(0), MetadataHashMode.Disabled)
    )
    implicit = IMPLICIT.encode(
        Implicit(
            VERSION.spec_version, VERSION.transaction_version, H256(genesis), H256(genesis), None
        )
    )
    signed_for = signature(sender, signing_payload(call.raw, extra, implicit))
    return opaque(signed(address(sender), signed_for, extra, call.raw))


def transfers(genesis: bytes, seed: str, nonces: Sequence[int]) -> Iterator[bytes]:
    """Transfers without end, by each account in turn and to seeded others."""
    rng = Random(seed)
    upcoming = list(nonces)
    while True:
        for who, sender in enumerate(PEOPLE):
            receiver = rng.choice([other for other in PEOPLE if other is not sender])
            planck = rng.randrange(1, int(MILLI_BTT))
            yield transfer(genesis, sender, upcoming[who], receiver, planck)
            upcoming[who] += 1


def account_key(pair: KeyPair) -> bytes:
    """Return the storage key of an account."""
    return ACCOUNTS + blake2_128(pair.account_id) + pair.account_id


@dataclass
class Claims:
    """All blocks that nodes of one database have reported as final: height to hash."""

    final: dict[int, str] = field(default_factory=dict)
    news: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def height(self) -> int:
        """The highest one."""
        return max(self.final, default=0)

    def note_final(self, number: int, hash: str) -> None:
        """Note a claim; two different ones at one height are a broken promise."""
        assert self.final.setdefault(number, hash) == hash, f"finality of block {number} changed"
        self.news.set()

    async def reach(self, height: int, work: asyncio.Task[None]) -> None:
        """Wait until a block of this height is claimed; fail if `work` ends before."""
        async with asyncio.timeout(HANG):
            while self.height < height:
                self.news.clear()
                news = asyncio.create_task(self.news.wait())
                await asyncio.wait((news, work), return_when=asyncio.FIRST_COMPLETED)
                news.cancel()
                if work.done():
                    work.result()
                    pytest.fail("the node went away")


class Wallet:
    """One node, asked by RPC."""

    def __init__(self, client: WebSocket, claims: Claims) -> None:
        self.client = client
        self.claims = claims

    async def call(self, method: str, *params: Json) -> Json:
        return await self.client.call(method, *params)

    async def header(self, hash: str) -> tuple[int, Json]:
        """Number and header of a block."""
        header = await self.call("chain_getHeader", hash)
        return int(header["number"], 16), header

    async def finalized(self) -> tuple[int, str]:
        """The last final block; a claim like any other."""
        hash = await self.call("chain_getFinalizedHead")
        number = (await self.header(hash))[0]
        self.claims.note_final(number, hash)
        return number, hash

    async def nonces(self) -> list[int]:
        """Next nonce of each account."""
        return [
            await self.call("system_accountNextIndex", ss58.encode(pair.account_id))
            for pair in PEOPLE
        ]

    async def genesis(self) -> bytes:
        """The hash of block zero."""
        return bytes.fromhex((await self.call("chain_getBlockHash", 0))[2:])

    async def check(self) -> None:
        """The node stands by every claim, its blocks hang together, and no money is lost."""
        promised = self.claims.height
        height, hash = await self.finalized()
        assert height >= promised
        for number, claimed in self.claims.final.items():
            assert await self.call("chain_getBlockHash", number) == claimed, number
        for _ in range(min(height, 16)):
            number, header = await self.header(hash)
            block = (await self.call("chain_getBlock", hash))["block"]
            assert block["header"] == header
            hash = header["parentHash"]
            assert await self.call("chain_getBlockHash", number - 1) == hash
        await self.check_money()

    async def check_money(self) -> None:
        """The balances of all accounts add up to the total issuance, in one state."""
        at = await self.call("chain_getBlockHash")
        pairs = await self.call("state_getPairs", "0x" + ACCOUNTS.hex(), at)
        issuance = await self.call("state_getStorage", "0x" + ISSUANCE.hex(), at)
        decode = codec(AccountInfo).decode_all
        infos = [decode(bytes.fromhex(value[2:])) for _, value in pairs]
        total = sum(int(info.data.free) + int(info.data.reserved) for info in infos)
        assert infos
        assert total == int.from_bytes(bytes.fromhex(issuance[2:]), "little")

    @asynccontextmanager
    async def heads(self) -> AsyncIterator[AsyncIterator[int]]:
        """The heights of final blocks as they come, each noted as a claim."""
        async with self.client.subscribe(
            "chain_subscribeFinalizedHeads", "chain_unsubscribeFinalizedHeads"
        ) as heads:
            yield self._noted(heads)

    async def _noted(self, heads: AsyncIterator[Json]) -> AsyncIterator[int]:
        async for header in heads:
            number = int(header["number"], 16)
            self.claims.note_final(number, "0x" + Header.from_json(header).hash().hex())
            yield number

    async def is_taken(self, wire: bytes) -> bool:
        """Submit a transfer; False while the pool is full.

        A machine with nothing else to do sends 8,192 in a second and a half, faster than a block
        a second takes them in.
        """
        try:
            await self.call("author_submitExtrinsic", "0x" + wire.hex())
        except RpcError as refused:
            if refused.code not in NO_ROOM:
                raise
            return False
        return True

    async def spend(self, seed: str) -> None:
        """Send transfers, and note final blocks, until the node goes away."""
        genesis, nonces = await self.genesis(), await self.nonces()
        room = asyncio.Semaphore(UNDER_WAY)

        async def send(wire: bytes) -> None:
            try:
                while not await self.is_taken(wire):
                    await asyncio.sleep(0.1)
            finally:
                room.release()

        async def pay() -> None:
            async with asyncio.TaskGroup() as calls:
                for wire in transfers(genesis, seed, nonces):
                    await room.acquire()
                    calls.create_task(send(wire))

        async def listen() -> None:
            async with self.heads() as heads:
                async for _ in heads:
                    pass

        try:
            async with asyncio.TaskGroup() as both:
                both.create_task(pay())
                both.create_task(listen())
        except* Disconnected:
            pass  # the node is gone: what this load is for


@asynccontextmanager
async def open_wallet(port: int, claims: Claims) -> AsyncIterator[Wallet]:
    """A connection to a node on this machine."""
    async with await WebSocket.connect(f"ws://127.0.0.1:{port}", HANG) as client:
        yield Wallet(client, claims)
