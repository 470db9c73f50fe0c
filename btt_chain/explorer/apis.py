"""Results of runtime APIs for pages: decoded by the metadata's types, their form checked.

A runtime API is requested at the last final block, as the rest of a page is of it. A chain without
the pallet has no such page.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Final, TypeAlias

from btt_chain.client.chain import Chain
from btt_chain.client.errors import ClientError, Disconnected, NotFound
from btt_chain.explorer.context import Context, NodeGone
from btt_chain.explorer.pages.forms import BadRequest, NoSuchPage, account_of
from btt_chain.present.visible import of_bytes
from btt_chain.scale.portable import Plain

Record: TypeAlias = dict[str, Plain]

PERBILL: Final = 10**9
PERMILLION: Final = 10**6
MAX_ENTRIES: Final = 256
"""Maximum number of entries of a map on a page."""


async def ask(context: Context, path: str, *args: Plain) -> Plain:
    """Return the result of a runtime API, as `WorkApi.job`, at the last final block.

    Raises NoSuchPage if the chain does not have it, NodeGone if there is no answer.
    """
    async with state(context, f"runtime API {path.partition('.')[0]}") as (chain, hash):
        return await chain.api(path, *args, at=hash)


async def find(context: Context, path: str, *args: Plain, missing: str) -> Record:
    """Return the struct of a runtime API. Raises NoSuchPage with `missing` if there is none.

    Raises as `ask`, too.
    """
    found = optional(await ask(context, path, *args))
    if found is None:
        raise NoSuchPage(missing)
    return found


async def ask_each(context: Context, path: str, arguments: Sequence[Plain]) -> list[Plain]:
    """Return the results of a runtime API for several arguments. Raises as `ask`."""
    if not arguments:
        return []
    # The first alone: it reads the metadata of the runtime APIs.
    first = await ask(context, path, arguments[0])
    rest = await asyncio.gather(*(ask(context, path, each) for each in arguments[1:]))
    return [first, *rest]


async def stored(context: Context, path: str, *keys: Plain) -> Plain:
    """Return the value of a storage item, as `Babe.GenesisSlot`. Raises as `ask`."""
    async with state(context, f"storage item {path}") as (chain, hash):
        return await chain.storage(path, *keys, at=hash)


async def constant(context: Context, path: str) -> Plain:
    """Return a constant of the runtime, as `Babe.ExpectedBlockTime`. Raises as `ask`."""
    async with state(context, f"constant {path}") as (chain, _):
        return chain.constant(path)


async def entries(
    context: Context,
    path: str,
    *keys: Plain,
    after: Sequence[Plain] | None = None,
    limit: int = MAX_ENTRIES,
) -> list[tuple[list[Plain], Plain]]:
    """Return the first entries of a map below `keys`, or behind the entry `after`.

    Raises as `ask`.
    """
    async with state(context, f"storage item {path}") as (chain, hash):
        rows = chain.entries(path, *keys, at=hash, after=after, limit=limit)
        return [entry async for entry in rows]


@asynccontextmanager
async def state(context: Context, wanted: str) -> AsyncIterator[tuple[Chain, bytes | None]]:
    """Yield the chain and the last final block; None if no block is final yet.

    Errors of the client leave as errors of a page: `wanted` names the item that may be absent.
    """
    specs = context.index.specs()
    if not specs:
        raise NoSuchPage("The index is empty: the metadata come with the first block.")
    chain = await context.node.chain(specs[0][0])
    try:
        yield chain, context.index.final()[1] or None
    except NotFound:
        raise NoSuchPage(f"This chain has no {wanted}.") from None
    except Disconnected as error:
        await context.node.close()
        raise NodeGone(str(error)) from None
    except ClientError as error:
        raise NodeGone(str(error)) from None


# ---- form of results


def record(value: Plain) -> Record:
    """Return a struct. Raises NodeGone."""
    if not isinstance(value, dict):
        raise NodeGone("a result of the node is not a struct")
    return value


def optional(value: Plain) -> Record | None:
    """Return a struct that may be absent. Raises NodeGone."""
    return None if value is None else record(value)


def items(value: Plain) -> list[Plain]:
    """Return a list. Raises NodeGone."""
    if not isinstance(value, list):
        raise NodeGone("a result of the node is not a list")
    return value


def records(value: Plain) -> list[Record]:
    """Return a list of structs. Raises NodeGone."""
    return [record(each) for each in items(value)]


def number(found: Mapping[str, object], name: str) -> int:
    """Return a number of a struct. Raises NodeGone."""
    value = found.get(name)
    if not isinstance(value, int) or isinstance(value, bool):
        raise NodeGone(f"a result of the node has no number {name}")
    return value


def text(found: Mapping[str, object], name: str) -> str:
    """Return a text of a struct, or the name of an enum's variant. Raises NodeGone."""
    value = found.get(name)
    if isinstance(value, dict) and len(value) == 1:
        value = next(iter(value))
    if not isinstance(value, str):
        raise NodeGone(f"a result of the node has no text {name}")
    return value


def words(value: Plain) -> str:
    """Return bytes that should be text: as text, else in hex."""
    if not isinstance(value, str):
        return "?"
    if not value.startswith("0x"):
        return value
    try:
        return of_bytes(bytes.fromhex(value[2:])) or value[:66]
    except ValueError:  # a text of its own that begins with 0x
        return value


def account(context: Context, value: Plain) -> bytes | None:
    """Return the key of an account of a result; None if it has none. Raises NodeGone."""
    try:
        return account_of(context.data, value) if isinstance(value, str) else None
    except BadRequest as error:
        raise NodeGone(f"a result of the node has a malformed account: {error}") from None


def pair(value: Plain) -> tuple[Plain, Plain]:
    """Return the two parts of a pair. Raises NodeGone."""
    match value:
        case [first, second]:
            return first, second
    raise NodeGone("a result of the node is not a pair")


def whole(value: Plain) -> int:
    """Return a number of a list. Raises NodeGone."""
    if not isinstance(value, int) or isinstance(value, bool):
        raise NodeGone("a result of the node has something else where a number was expected")
    return value
