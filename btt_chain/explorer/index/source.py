"""Requests of the indexer to a node, by JSON-RPC methods that every Substrate node has."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from btt_chain.client.chain import (
    read_chain_metadata,
    read_header,
    read_keys,
    read_metadata,
    read_values,
)
from btt_chain.client.errors import InvalidAnswer, RpcError
from btt_chain.client.jsonrpc import Connection, Json
from btt_chain.client.metadata import ChainMetadata
from btt_chain.client.wire import integer_of, list_of, member, to_bytes
from btt_chain.crypto.hashing import blake2_128_concat, twox_128
from btt_chain.explorer.index.reading import RawBlock
from btt_chain.primitives.babe import NoPreDigest, pre_digest
from btt_chain.primitives.digits import to_hex
from btt_chain.primitives.header import Header
from btt_chain.scale.compact import compact_decode

PAGE: Final = 1_000
"""Maximum number of keys of one request: what Substrate nodes answer at least."""


def item_key(pallet: str, item: str) -> bytes:
    """Return the key of a storage value, or the prefix of a map."""
    return twox_128(pallet.encode()) + twox_128(item.encode())


EVENTS: Final = item_key("System", "Events")
EVENT_COUNT: Final = item_key("System", "EventCount")
LAST_UPGRADE: Final = item_key("System", "LastRuntimeUpgrade")
NOW: Final = item_key("Timestamp", "Now")
ISSUANCE: Final = item_key("Balances", "TotalIssuance")
AUTHOR: Final = item_key("Babe", "BlockAuthor")
SEALER: Final = item_key("Babe", "Sealer")
VALIDATORS: Final = item_key("Session", "Validators")
ACCOUNT: Final = item_key("System", "Account")
_OF_BLOCK: Final = (
    EVENTS, EVENT_COUNT, LAST_UPGRADE, NOW, ISSUANCE, AUTHOR, SEALER, VALIDATORS,
)  # fmt: skip


class NoState(Exception):
    """The node has a block, but no longer its state."""


@dataclass(frozen=True, slots=True)
class ChainNames:
    """The name of a chain, and how it writes amounts and addresses."""

    name: str
    kind: str
    """Development, Local, Live or another text."""
    properties: Json

    def encode(self) -> bytes:
        """Return the form in which an index stores them."""
        return json.dumps([self.name, self.kind, self.properties], sort_keys=True).encode()

    @classmethod
    def decode(cls, raw: bytes) -> ChainNames:
        """Read the form in which an index stores them."""
        name, kind, properties = json.loads(raw)
        return cls(name, kind, properties)


def account_key(account: bytes) -> bytes:
    """Return the key of an account's entry in System.Account."""
    return ACCOUNT + blake2_128_concat(account)


class Source:
    """The requests, over one connection."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection

    async def names(self) -> ChainNames:
        """Return the chain's name and properties."""
        name, kind, properties = await asyncio.gather(
            self.connection.call("system_chain"),
            self.connection.call("system_chainType"),
            self.connection.call("system_properties"),
        )
        kind = kind if isinstance(kind, str) else "Custom"
        return ChainNames(str(name)[:64], kind, properties)

    async def hash_at(self, number: int) -> bytes | None:
        """Return the hash of the block at a height of the best chain; None if there is none."""
        found = await self.connection.call("chain_getBlockHash", number)
        return None if found is None else to_bytes(found)

    async def block(self, number: int, spec: int) -> RawBlock | None:
        """Return the block at a height; None if the best chain is shorter.

        `spec` is the version of the runtime where the state does not name it. Raises InvalidAnswer
        if the parts do not belong together, NoState if the state is gone.
        """
        hash = await self.hash_at(number)
        if hash is None:
            return None
        answer, state = await asyncio.gather(
            self.connection.call("chain_getBlock", to_hex(hash)), self._state_of(number, hash)
        )
        if answer is None:
            await self._check_gone(number, hash)
            return None
        block = member(answer, "block")
        header = read_header(member(block, "header"))
        if header.hash() != hash:
            raise InvalidAnswer(f"the header of block {number} is not the one with its hash")
        extrinsics = [to_bytes(wire) for wire in list_of(member(block, "extrinsics"))]
        upgrade = state.get(LAST_UPGRADE)
        is_justified = isinstance(answer, dict) and bool(answer.get("justifications"))
        return RawBlock(
            hash=hash,
            header=header,
            extrinsics=extrinsics,
            justified=is_justified,
            events=state.get(EVENTS, b""),
            event_count=_little(state.get(EVENT_COUNT)),
            spec=compact_decode(upgrade, 0)[0] if upgrade else spec,
            ms=_little(state.get(NOW)),
            issuance=_little(state.get(ISSUANCE)),
            author=_author(header, state),
        )

    async def _check_gone(self, number: int, hash: bytes) -> None:
        """Raise NoState if the node has the header of a block that it does not return."""
        if await self.connection.call("chain_getHeader", to_hex(hash)) is not None:
            raise NoState(
                f"the node has no extrinsics of block {number} any more: use a node without "
                "--blocks-pruning N, or begin later with --from HEIGHT"
            )

    async def _state_of(self, number: int, hash: bytes) -> dict[bytes, bytes]:
        try:
            return await self.values(_OF_BLOCK, hash)
        except RpcError as error:
            if error.is_unknown_method:
                raise
            raise NoState(
                f"the node has no state of block {number} any more ({error}): use a node with "
                "--pruning archive, or begin later with --from HEIGHT"
            ) from None

    async def values(self, keys: Sequence[bytes], hash: bytes) -> dict[bytes, bytes]:
        """Return the values of the keys that the state of a block has."""
        values: dict[bytes, bytes | None] = {}
        for start in range(0, len(keys), PAGE):
            values |= await read_values(self.connection, keys[start : start + PAGE], hash)
        return {key: value for key, value in values.items() if value is not None}

    async def accounts(self, hash: bytes) -> list[tuple[bytes, bytes]]:
        """Return the keys and values of all accounts in the state of a block."""
        keys = [key async for key in read_keys(self.connection, ACCOUNT, hash, size=PAGE)]
        values = await self.values(keys, hash)
        return [(key[-32:], values[key]) for key in keys if key in values]

    async def metadata(self, hash: bytes) -> bytes:
        """Return the metadata of the runtime in the state of a block.

        If the runtime has a version of them that describes its APIs, it is that one, so that pages
        need no second.
        """
        return await read_metadata(self.connection, hash)

    async def spec_at(self, hash: bytes) -> int:
        """Return the version of the runtime in the state of a block."""
        answer = await self.connection.call("state_getRuntimeVersion", to_hex(hash))
        return integer_of(member(answer, "specVersion"))


def chain_metadata(raw: bytes, names: ChainNames) -> ChainMetadata:
    """Return metadata with the chain's currency and address format."""
    return read_chain_metadata(raw, names.properties)


def _little(raw: bytes | None) -> int:
    return int.from_bytes(raw or b"", "little")


def _author(header: Header, state: dict[bytes, bytes]) -> bytes | None:
    """Return the author: as the state names it, else the validator at the index in the claim."""
    try:
        index = int(pre_digest(header.digest.logs).claim.authority_index)
    except NoPreDigest:
        sealer = state.get(SEALER)
        return sealer if sealer and int(header.number) > 0 else None
    named = state.get(AUTHOR)
    if named is not None and len(named) == 32:
        return named
    validators = state.get(VALIDATORS, b"\0")
    count, at = compact_decode(validators, 0)
    start = at + 32 * index
    return validators[start : start + 32] if index < count else None
