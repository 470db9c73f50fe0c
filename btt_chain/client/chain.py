"""A chain behind a node: its state, constants, runtime APIs, blocks and heads, by metadata.

    async with Chain.connect("ws://127.0.0.1:9944") as chain:
        account = await chain.storage("System.Account", "//Alice")
        done = await chain.transactions.send(
            chain.compose("Balances.transfer_keep_alive", dest="//Bob", value=10**18),
            KeyPair.from_uri("//Alice"),
        )

Values are plain Python values (`btt_chain.scale.portable`): accounts are addresses, bytes "0x..."
text. `BlockingChain` is the same without asyncio.
"""

from __future__ import annotations

import asyncio
import math
import re
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Final

from btt_chain.client.amount import BTT, Currency
from btt_chain.client.decoding import EventView, ExtrinsicView
from btt_chain.client.errors import (
    InvalidAnswer,
    InvalidArgument,
    NotFound,
    RpcError,
    Undecodable,
    decoding,
)
from btt_chain.client.jsonrpc import TIMEOUT, Connection, Json, connect
from btt_chain.client.metadata import ChainMetadata
from btt_chain.client.transactions import Call, ChainFacts, Transactions
from btt_chain.client.wire import header_number, integer_of, list_of, member, to_bytes
from btt_chain.lazyclass import dataclass
from btt_chain.primitives import ss58
from btt_chain.primitives.digits import hex_or_none, to_hex, whole_number
from btt_chain.primitives.header import Header
from btt_chain.scale import compact_decode
from btt_chain.scale.errors import EncodeError
from btt_chain.scale.portable import Plain

HASH_LENGTH: Final = 32
PAGE: Final = 256
"""Number of keys of a map that are requested at once."""
API_METADATA: Final = 15
"""Metadata version that describes the runtime APIs."""
MAX_METADATA: Final = 4 << 20
"""Maximum bytes of metadata: large chains have 1 MiB, and decoding takes 48 times their size."""
METADATA_AT_VERSION: Final = "Metadata_metadata_at_version"
"""The runtime's function that returns its metadata in a version."""


@dataclass(frozen=True, slots=True)
class BlockRef:
    """A block by its number and hash."""

    number: int
    hash: bytes


@dataclass(frozen=True, slots=True)
class BlockView:
    """A block with its decoded extrinsics, and its events if its state is available."""

    hash: bytes
    number: int
    header: Json
    extrinsics: list[ExtrinsicView]
    events: list[EventView] | None


class Chain:
    """A chain by a connection, with the metadata of one of its runtimes; made by `connect`."""

    def __init__(
        self,
        connection: Connection,
        metadata: ChainMetadata,
        facts: ChainFacts,
        at: bytes | None = None,
    ) -> None:
        self.connection = connection
        self.metadata = metadata
        self.facts = facts
        self.at = at
        """The block whose state is read; None: the best one."""
        self.transactions = Transactions(connection, metadata, facts)

    @classmethod
    @asynccontextmanager
    async def connect(
        cls, url: str, timeout: float = TIMEOUT, *, at: str | int | None = None
    ) -> AsyncIterator[Chain]:
        """Connect to a node and read the chain's metadata, until the end of `async with`.

        `timeout` in seconds for each answer. `at` names the block whose state and metadata are
        used: a number, a hash, `best` or `finalized`. Raises Disconnected, InvalidArgument.
        """
        connection = await connect(url, timeout)
        try:
            yield await cls.open(connection, at)
        finally:
            await connection.close()

    @classmethod
    async def open(cls, connection: Connection, at: str | int | None = None) -> Chain:
        """Read the metadata of a chain by a connection, which the caller closes."""
        where = None if at is None else await find_block(connection, str(at))
        properties, genesis, metadata, version = await asyncio.gather(
            connection.call("system_properties"),
            connection.call("chain_getBlockHash", 0),
            read_metadata(connection, where),
            connection.call("state_getRuntimeVersion", hex_or_none(where)),
        )
        name = member(version, "specName")
        facts = ChainFacts(
            to_bytes(genesis), *_versions(version), name if isinstance(name, str) else ""
        )
        chain_metadata = read_chain_metadata(metadata, properties)
        return cls(connection, chain_metadata, facts, where)

    async def at_block(self, which: str | int) -> Chain:
        """Return the chain at a block, with that block's state and metadata."""
        return await Chain.open(self.connection, which)

    @property
    def genesis(self) -> bytes:
        """The hash of block zero."""
        return self.facts.genesis

    # ---- state

    async def storage(self, path: str, *keys: Plain, at: bytes | None = None) -> Plain:
        """Return a storage item's value, its default if it is absent, or None without a default.

        `path` is like `System.Account`; a key is a Python value, or text as people type it.
        """
        _, entry = self.metadata.items.storage(path)
        raw = await self.storage_bytes(self.storage_key(path, *keys), at)
        return self.metadata.storage.stored(entry, raw)[1]

    def storage_key(self, path: str, *keys: Plain) -> bytes:
        """Return the key of a storage item. Raises InvalidArgument if keys are missing."""
        pallet, entry = self.metadata.items.storage(path)
        key, is_complete = self.metadata.storage.key(pallet, entry, keys)
        if not is_complete:
            count = len(self.metadata.storage.key_types(entry))
            raise InvalidArgument(
                f"{pallet.name}.{entry.name} is a map with {count} keys, {len(keys)} given: "
                "give them all, or read its entries"
            )
        return key

    async def storage_bytes(self, key: bytes, at: bytes | None = None) -> bytes | None:
        """Return the bytes under a key; None if it is absent."""
        answer = await self.connection.call(
            "state_getStorage", to_hex(key), hex_or_none(at or self.at)
        )
        return None if answer is None else to_bytes(answer)

    async def storage_batch(
        self, keys: Sequence[bytes], at: bytes | None = None
    ) -> list[bytes | None]:
        """Return the bytes under many keys, by one request."""
        if not keys:
            return []
        values = await read_values(self.connection, keys, at or self.at)
        return [values.get(key) for key in keys]

    async def storage_many(
        self, path: str, keys: Sequence[Sequence[Plain]], at: bytes | None = None
    ) -> list[Plain]:
        """Return the values of many entries of one map, by one request."""
        _, entry = self.metadata.items.storage(path)
        values = await self.storage_batch([self.storage_key(path, *parts) for parts in keys], at)
        return [self.metadata.storage.stored(entry, raw)[1] for raw in values]

    async def storage_keys(
        self,
        prefix: bytes,
        limit: int | None = None,
        at: bytes | None = None,
        after: bytes | None = None,
    ) -> AsyncIterator[bytes]:
        """Yield the keys under a prefix, in the order of the state; those behind `after`, a key.

        Raises InvalidAnswer if the node repeats keys, which could go on for ever.
        """
        async for key in read_keys(
            self.connection, prefix, at or self.at, after=after, limit=limit, size=PAGE
        ):
            yield key

    async def entries(
        self,
        path: str,
        *keys: Plain,
        at: bytes | None = None,
        after: Sequence[Plain] | None = None,
        limit: int | None = None,
    ) -> AsyncIterator[tuple[list[Plain], Plain]]:
        """Yield the entries of a map, each with all its keys; with `keys`, those below them.

        The entries are of one block: the best one at the beginning, unless `at` names another.
        With `after`, the keys of an entry, only those behind it, in the order of the state.
        """
        pallet, entry = self.metadata.items.storage(path)
        prefix, _ = self.metadata.storage.key(pallet, entry, keys)
        where = at or self.at or (await self.best()).hash
        behind = None if after is None else self.storage_key(path, *after)
        page: list[bytes] = []
        async for key in self.storage_keys(prefix, limit, where, behind):
            page.append(key)
            if len(page) == PAGE:
                for pair in zip(page, await self.storage_batch(page, where), strict=True):
                    yield self._entry(path, *pair)
                page = []
        for pair in zip(page, await self.storage_batch(page, where), strict=True):
            yield self._entry(path, *pair)

    def _entry(self, path: str, key: bytes, raw: bytes | None) -> tuple[list[Plain], Plain]:
        _, entry = self.metadata.items.storage(path)
        storage = self.metadata.storage
        return storage.decode_keys(entry, key), storage.stored(entry, raw)[1]

    def constant(self, path: str) -> Plain:
        """Return a constant of the runtime, as `Balances.ExistentialDeposit`."""
        _, constant = self.metadata.items.constant(path)
        with decoding(f"the constant {path} is not of its type"):
            return self.metadata.items.types.decode(constant.type, constant.value)

    async def api(self, path: str, *args: Plain, at: bytes | None = None) -> Plain:
        """Return the result of a runtime API's method, as `Core.version`.

        Raises NotFound if the runtime has none, InvalidArgument if the arguments do not fit.
        """
        items = self.metadata.items
        if items.version < API_METADATA:
            raise NotFound(
                f"the chain has no metadata V{API_METADATA}, which describes runtime APIs"
            )
        types = items.types
        api, method = items.api(path)
        name = f"{api.name}.{method.name}"
        if len(args) != len(method.inputs):
            wanted = ", ".join(
                f"{param.name}: {items.type_name(param.type)}" for param in method.inputs
            )
            raise InvalidArgument(
                f"{name} takes {len(method.inputs)} arguments ({wanted or 'none'}), "
                f"{len(args)} given"
            )
        try:
            data = b"".join(
                types.encode(param.type, arg, param.name)
                for param, arg in zip(method.inputs, args, strict=True)
            )
        except EncodeError as error:
            raise InvalidArgument(f"{name}: {error}") from None
        call, where = f"{api.name}_{method.name}", hex_or_none(at or self.at)
        raw = to_bytes(await self.connection.call("state_call", call, to_hex(data), where))
        with decoding(f"the result of {name} is not of its type"):
            return types.decode(method.output, raw)

    # ---- calls

    def compose(self, path: str, **arguments: Plain) -> Call:
        """Return a call with its arguments as Python values; amounts are numbers of planck.

        Raises NotFound, InvalidArgument.
        """
        return Call(self.metadata.arguments.compose(path, arguments))

    # ---- blocks

    async def best(self) -> BlockRef:
        """Return the best block."""
        return await read_head(self.connection)

    async def finalized(self) -> BlockRef:
        """Return the last final block."""
        return await read_head(self.connection, final=True)

    async def block_hash(self, which: str | int) -> bytes:
        """Return the hash of a block: a number, a hash, `best` or `finalized`."""
        return await find_block(self.connection, str(which))

    async def block(self, hash: bytes) -> BlockView:
        """Return a decoded block. NotFound if the node does not have it."""
        answer = await self.connection.call("chain_getBlock", to_hex(hash))
        if answer is None:
            raise NotFound(f"the node has no block {to_hex(hash)}, or no longer its extrinsics")
        block = member(answer, "block")
        header, extrinsics = member(block, "header"), list_of(member(block, "extrinsics"))
        views = [self.metadata.decoder.extrinsic(to_bytes(wire)) for wire in extrinsics]
        number = header_number(header)
        return BlockView(hash, number, header, views, await self._events(hash, number))

    async def _events(self, hash: bytes, number: int) -> list[EventView] | None:
        try:
            raw = await self.storage_bytes(self.storage_key("System.Events"), hash)
        except RpcError:
            # The state of old blocks is pruned; the block itself can still be shown.
            return None
        if raw is None and number == 0:
            return []
        return self.metadata.decoder.events(raw)

    # ---- subscriptions

    async def heads(self, *, final: bool = False) -> AsyncIterator[BlockRef]:
        """Yield new best blocks from the present one on, or new final ones.

        Raises Disconnected if the connection breaks.
        """
        async for head in heads(self.connection, final=final):
            yield head

    async def watch_storage(self, path: str, *keys: Plain) -> AsyncIterator[tuple[bytes, Plain]]:
        """Yield a storage item's value now and after each change, with the block's hash."""
        _, entry = self.metadata.items.storage(path)
        key = self.storage_key(path, *keys)
        async with self.connection.subscribe(
            "state_subscribeStorage", "state_unsubscribeStorage", [to_hex(key)]
        ) as changes:
            async for change in changes:
                changed = _changes(change)
                if key in changed:
                    value = self.metadata.storage.stored(entry, changed[key])[1]
                    yield to_bytes(member(change, "block")), value


async def read_head(connection: Connection, *, final: bool = False) -> BlockRef:
    """Return the best block of a node, or its last final one."""
    method = "chain_getFinalizedHead" if final else "chain_getBlockHash"
    hash = to_bytes(await connection.call(method))
    return BlockRef(header_number(await connection.call("chain_getHeader", to_hex(hash))), hash)


async def heads(connection: Connection, *, final: bool = False) -> AsyncGenerator[BlockRef, None]:
    """Yield the best blocks of a node from the present one on, or its final ones."""
    name = "FinalizedHeads" if final else "NewHeads"
    async with connection.subscribe(
        f"chain_subscribe{name}", f"chain_unsubscribe{name}"
    ) as headers:
        async for answer in headers:
            header = read_header(answer)
            yield BlockRef(int(header.number), bytes(header.hash()))


async def read_values(
    connection: Connection, keys: Sequence[bytes], at: bytes | None
) -> dict[bytes, bytes | None]:
    """Return the values under many keys in the state of a block, by one request."""
    wanted: Json = [to_hex(key) for key in keys]
    values: dict[bytes, bytes | None] = {}
    for change in list_of(await connection.call("state_queryStorageAt", wanted, hex_or_none(at))):
        values |= _changes(change)
    return values


async def read_keys(
    connection: Connection,
    prefix: bytes,
    at: bytes | None,
    *,
    after: bytes | None = None,
    limit: int | None = None,
    size: int,
) -> AsyncIterator[bytes]:
    """Yield keys of the state of a block, `size` by one request; see `Chain.storage_keys`."""
    left, last = math.inf if limit is None else limit, after
    while left > 0:
        count = int(min(size, left))
        page = list_of(
            await connection.call(
                "state_getKeysPaged", to_hex(prefix), count, hex_or_none(last), hex_or_none(at)
            )
        )
        if len(page) > count:
            raise InvalidAnswer(f"the node sent {len(page)} keys, {count} were requested")
        for key in map(to_bytes, page):
            if not key.startswith(prefix) or (last is not None and key <= last):
                raise InvalidAnswer(f"the node sent the key {to_hex(key)} out of order")
            last = key
            yield key
        if len(page) < count:
            return
        left -= count


async def read_metadata(connection: Connection, at: bytes | None) -> bytes:
    """Return the metadata of the runtime in the state of a block, None for the best one.

    They describe the runtime's APIs unless it is older than such metadata. Raises InvalidAnswer,
    Undecodable.
    """
    where = hex_or_none(at)
    version = to_hex(API_METADATA.to_bytes(4, "little"))
    try:
        answer = await connection.call("state_call", METADATA_AT_VERSION, version, where)
    except RpcError:
        answer = None  # an older runtime, or no such block: the next answer says so
    raw = b"" if answer is None else to_bytes(answer)
    if raw[:1] == b"\1":
        with decoding("the chain's metadata cannot be read"):
            _, start = compact_decode(raw, 1)
        raw = raw[start:]
    else:
        raw = to_bytes(await connection.call("state_getMetadata", where))
    if len(raw) > MAX_METADATA:
        raise InvalidAnswer(
            f"the chain's metadata have {len(raw)} bytes, and at most {MAX_METADATA} are read"
        )
    return raw


async def find_block(connection: Connection, which: str) -> bytes:
    """Return the hash of a block: a number, a hash, `best` or `finalized`.

    Raises InvalidArgument, NotFound.
    """
    if which == "finalized":
        return to_bytes(await connection.call("chain_getFinalizedHead"))
    if which == "best":
        return to_bytes(await connection.call("chain_getBlockHash"))
    if which.startswith("0x"):
        if len(which) != 2 + 2 * HASH_LENGTH:
            raise InvalidArgument(f"{which!r} is not a block: a hash is 0x and 64 hex digits")
        try:
            hash = bytes.fromhex(which[2:])
        except ValueError:
            raise InvalidArgument("the block hash is not hex") from None
        if await connection.call("chain_getHeader", to_hex(hash)) is None:
            raise NotFound(f"the node has no block {which}")
        return hash
    number = whole_number(which.replace("_", "").replace(",", ""))
    if number is None:
        raise InvalidArgument(
            f"{which[:80]!r} is not a block: give a number, a hash, best or finalized"
        )
    answer = await connection.call("chain_getBlockHash", number)
    if answer is None:
        raise NotFound(f"there is no block {number} yet")
    return to_bytes(answer)


_DIGITS: Final = re.compile("[0-9]{1,3}", re.ASCII)
_NUMBER_FIRST: Final = re.compile(r"[\d.,_]+\s")
MAX_SYMBOL: Final = 32
"""Maximum characters of a currency's symbol."""


def read_properties(properties: Json) -> tuple[Currency, int]:
    """Return the currency and the address prefix of a chain's properties; by default BTT and 42.

    Raises InvalidAnswer for a currency in which amounts would have another meaning.
    """

    def first(name: str) -> Json:
        value = properties.get(name) if isinstance(properties, dict) else None
        return value[0] if isinstance(value, list) and value else value

    symbol, decimals, prefix = first("tokenSymbol"), first("tokenDecimals"), first("ss58Format")
    symbol = BTT.symbol if symbol is None else symbol
    decimals = BTT.decimals if decimals is None else decimals
    prefix = ss58.DEFAULT_PREFIX if prefix is None else prefix
    if isinstance(decimals, str) and _DIGITS.fullmatch(decimals):
        decimals = int(decimals)
    if not isinstance(symbol, str) or not _is_symbol(symbol):
        raise InvalidAnswer(f"the node names {symbol!r} as the symbol of its currency")
    if isinstance(decimals, bool) or not isinstance(decimals, int) or not 0 <= decimals <= 38:
        raise InvalidAnswer(f"the node names {decimals!r} as the decimals of its currency")
    if symbol == BTT.symbol and decimals != BTT.decimals:
        raise InvalidAnswer(f"the node gives BTT {decimals} decimals instead of {BTT.decimals}")
    if (
        isinstance(prefix, bool)
        or not isinstance(prefix, int)
        or not 0 <= prefix <= ss58.MAX_PREFIX
    ):
        raise InvalidAnswer(f"the node names {prefix!r} as the prefix of its addresses")
    # A reserved prefix has no addresses: those of no chain in particular stand for them.
    return Currency(symbol, decimals), (
        ss58.DEFAULT_PREFIX if prefix in ss58.RESERVED_PREFIXES else prefix
    )


def read_chain_metadata(raw: bytes, properties: Json) -> ChainMetadata:
    """Return metadata with the currency and the address prefix of a chain.

    Where the properties have no prefix, it is that of the runtime. Raises Undecodable,
    InvalidAnswer.
    """
    currency, prefix = read_properties(properties)
    metadata = ChainMetadata(raw, currency=currency, prefix=prefix)
    if isinstance(properties, dict) and properties.get("ss58Format") is not None:
        return metadata
    own = _runtime_prefix(metadata)
    return metadata if own in (None, prefix) else ChainMetadata(raw, currency=currency, prefix=own)


def _runtime_prefix(metadata: ChainMetadata) -> int | None:
    """Return the prefix of addresses in the runtime's constants; None if it has no usable one."""
    try:
        _, constant = metadata.items.constant("System.SS58Prefix")
        with decoding("the constant System.SS58Prefix is not of its type"):
            prefix = metadata.items.types.decode(constant.type, constant.value)
    except (NotFound, Undecodable):
        return None
    if not isinstance(prefix, int) or not 0 <= prefix <= ss58.MAX_PREFIX:
        return None
    return None if prefix in ss58.RESERVED_PREFIXES else prefix


def _is_symbol(text: str) -> bool:
    """Return True if a symbol can be printed and typed as the unit of an amount."""
    return (
        0 < len(text) <= MAX_SYMBOL
        and text.isprintable()
        and text == text.strip()
        # An amount of another chain never reads as one of BTT, or as more than it is.
        and (text == BTT.symbol or text.lower() not in map(str.lower, BTT.units))
        and not _NUMBER_FIRST.match(text)
    )


def read_header(answer: Json) -> Header:
    """Return a header from its JSON form. Raises InvalidAnswer."""
    if not isinstance(answer, dict):
        raise InvalidAnswer("the node's answer is not a header")
    try:
        return Header.from_json(answer)
    except ValueError as error:  # DecodeError is one
        raise InvalidAnswer(f"the node's answer is not a header: {error}") from None


def _changes(answer: Json) -> dict[bytes, bytes | None]:
    """Return the keys and values of a storage change set."""
    values: dict[bytes, bytes | None] = {}
    for change in list_of(member(answer, "changes")):
        if not isinstance(change, list) or len(change) != 2:
            raise InvalidAnswer("the node's answer is not a set of changes")
        values[to_bytes(change[0])] = None if change[1] is None else to_bytes(change[1])
    return values


def _versions(answer: Json) -> tuple[int, int]:
    versions = tuple(
        integer_of(member(answer, name)) for name in ("specVersion", "transactionVersion")
    )
    if max(versions) >= 1 << 32:
        raise InvalidAnswer(f"the node answered {answer!r} where versions of 32 bits were expected")
    return versions[0], versions[1]
