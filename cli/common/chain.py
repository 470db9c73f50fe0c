"""A node's chain, for `tx` and `query`: connection, metadata, and related facts."""

from __future__ import annotations

import asyncio
import math
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, TypeVar

from btt_chain.primitives.header import Header
from btt_chain.scale.portable import Plain
from cli.common.amount import BTT, Currency
from cli.common.catalogue import Catalogue, EventView, ExtrinsicView
from cli.common.client import Client, Json
from cli.common.errors import Mistyped, NotFound, Refused
from cli.common.signing import Ties

Result = TypeVar("Result")

HASH_LENGTH = 32


def run(work: Coroutine[Any, Any, Result]) -> Result:
    """Run a command's asynchronous part."""
    return asyncio.run(work)


@dataclass(frozen=True, slots=True)
class BlockView:
    """A block with its decoded extrinsics and its events, if its state is available."""

    hash: bytes
    number: int
    header: Json
    extrinsics: list[ExtrinsicView]
    events: list[EventView] | None


class Chain:
    """A chain by a connection, at one block, whose metadata it uses."""

    def __init__(
        self,
        client: Client,
        catalogue: Catalogue,
        at: bytes | None,
        genesis: bytes,
        versions: tuple[int, int],
    ) -> None:
        self.client = client
        self.catalogue = catalogue
        self.at = at
        self.genesis = genesis
        self.spec_version, self.transaction_version = versions

    @classmethod
    @asynccontextmanager
    async def open(cls, url: str, timeout: float, at: str | None = None) -> AsyncIterator[Chain]:
        """Connect, and read the chain's facts; `at` is a block by number or hash."""
        async with await Client.connect(url, timeout) as client:
            where = await block_hash(client, at) if at is not None else None
            properties, genesis, metadata, version = await asyncio.gather(
                client.call("system_properties"),
                client.call("chain_getBlockHash", 0),
                client.call("state_getMetadata", _hex(where)),
                client.call("state_getRuntimeVersion", _hex(where)),
            )
            currency, prefix = read_properties(properties)
            catalogue = Catalogue(to_bytes(metadata), currency=currency, prefix=prefix)
            yield cls(client, catalogue, where, to_bytes(genesis), _versions(version))

    async def storage(self, path: str, *keys: str) -> tuple[int, Plain]:
        """Return the type and value of a storage item at the chain's block, by typed names."""
        pallet, entry = self.catalogue.storage(path)
        key, _ = self.catalogue.storage_key(pallet, entry, keys)
        raw = await self.raw_storage(key)
        kind, value = self.catalogue.stored(entry, raw)
        return kind, self.catalogue.for_json(kind, value)

    async def raw_storage(self, key: bytes, at: bytes | None = None) -> bytes | None:
        """Return the bytes under a key."""
        found = await self.client.call("state_getStorage", _hex(key), _hex(at or self.at))
        return None if found is None else to_bytes(found)

    def ties(self, birth: bytes) -> Ties:
        """Return the chain and versions of a signature made now."""
        return Ties(self.genesis, birth, self.spec_version, self.transaction_version)

    async def head(self, method: str) -> tuple[int, bytes]:
        """Return number and hash of the block of `method` (best or final)."""
        found = to_bytes(await self.client.call(method))
        return header_number(await self.client.call("chain_getHeader", _hex(found))), found

    async def block(self, hash: bytes) -> BlockView:
        """Return a decoded block. NotFound if the node does not have it."""
        answer = await self.client.call("chain_getBlock", _hex(hash))
        if answer is None:
            raise NotFound(f"the node knows no block {_hex(hash)}")
        block = member(answer, "block")
        header, extrinsics = member(block, "header"), member(block, "extrinsics")
        views = [
            self.catalogue.decode_extrinsic(to_bytes(wire))
            for wire in (extrinsics if isinstance(extrinsics, list) else [])
        ]
        number = header_number(header)
        return BlockView(hash, number, header, views, await self._events(hash, number))

    async def _events(self, hash: bytes, number: int) -> list[EventView] | None:
        pallet, entry = self.catalogue.storage("System.Events")
        key, _ = self.catalogue.storage_key(pallet, entry, ())
        try:
            raw = await self.raw_storage(key, hash)
        except Refused:
            # The state of old blocks is pruned; the block itself can still be shown.
            return None
        if raw is None and number == 0:
            return []
        return self.catalogue.decode_events(raw)


async def block_hash(client: Client, which: str) -> bytes:
    """Return the hash of a typed block: a number, a hash, `best` or `finalized`."""
    if which == "finalized":
        return to_bytes(await client.call("chain_getFinalizedHead"))
    if which == "best":
        return to_bytes(await client.call("chain_getBlockHash"))
    if which.startswith("0x"):
        if len(which) != 2 + 2 * HASH_LENGTH:
            raise Mistyped(f"{which!r} is no block: a hash is 0x and 64 hex digits")
        hash = from_hex(which, "the block hash")
        if await client.call("chain_getHeader", _hex(hash)) is None:
            raise NotFound(f"the node knows no block {which}")
        return hash
    digits = which.replace("_", "").replace(",", "")
    if not (digits.isascii() and digits.isdecimal()):
        raise Mistyped(f"{which!r} is no block: give a number, a hash, best or finalized")
    found = await client.call("chain_getBlockHash", int(digits))
    if found is None:
        raise NotFound(f"there is no block {digits} yet")
    return to_bytes(found)


def read_properties(properties: Json) -> tuple[Currency, int]:
    """Return the currency and the address prefix of a chain's properties; by default BTT and 42."""

    def first(name: str) -> Json:
        found = properties.get(name) if isinstance(properties, dict) else None
        return found[0] if isinstance(found, list) and found else found

    symbol, decimals, prefix = first("tokenSymbol"), first("tokenDecimals"), first("ss58Format")
    currency = Currency(
        symbol if isinstance(symbol, str) else BTT.symbol,
        decimals if isinstance(decimals, int) else BTT.decimals,
    )
    return currency, prefix if isinstance(prefix, int) else 42


def header_number(header: Json) -> int:
    """Return the number of a block from its header's JSON form."""
    return _integer(member(header, "number"))


def header_hash(header: Json) -> bytes:
    """Return the hash of a block from its header's JSON form."""
    if not isinstance(header, dict):
        raise Refused("the node's answer is no header")
    return Header.from_json(header).hash()


def member(answer: object, name: str) -> Json:
    """Return a member of an answer; Refused if the node sent something else."""
    if not isinstance(answer, dict) or name not in answer:
        raise Refused(f"the node's answer has no {name!r}")
    found: Json = answer[name]
    return found


def to_bytes(answer: Json) -> bytes:
    """Return the bytes that a node sent in hex."""
    if not isinstance(answer, str):
        raise Refused(f"the node answered {answer!r} where bytes were expected")
    try:
        return bytes.fromhex(answer.removeprefix("0x"))
    except ValueError:
        raise Refused(f"the node answered {answer[:40]!r} where hex was expected") from None


def from_hex(text: str, what: str) -> bytes:
    """Return the bytes that were typed in hex."""
    try:
        return bytes.fromhex(text.strip().removeprefix("0x"))
    except ValueError:
        raise Mistyped(f"{what} is not hex") from None


def _hex(raw: bytes | None) -> str | None:
    return None if raw is None else "0x" + raw.hex()


def _integer(answer: Json) -> int:
    if isinstance(answer, str) and answer.startswith("0x"):
        return int(answer, 16)
    if isinstance(answer, (int, float)) and not math.isnan(answer):
        return int(answer)
    raise Refused(f"the node answered {answer!r} where a number was expected")


def _versions(answer: Json) -> tuple[int, int]:
    return _integer(member(answer, "specVersion")), _integer(member(answer, "transactionVersion"))
