"""Results of runtime APIs and stored values for pages, as the runtime's own records.

A runtime API is requested at the last final block, as the rest of a page is of it. A chain without
the pallet has no such page.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Final, TypeVar, TypeVarTuple

from btt_chain.client.chain import Chain
from btt_chain.client.errors import ClientError, Disconnected, NotFound
from btt_chain.client.views import ViewClient, name_of, shaped
from btt_chain.explorer.context import Context, NodeGone
from btt_chain.explorer.pages.forms import NoSuchPage
from btt_chain.present.visible import of_bytes
from btt_chain.primitives.account import AccountId
from btt_chain.scale.portable import Plain

Api = TypeVar("Api")
Inputs = TypeVarTuple("Inputs")
Output = TypeVar("Output")
Kind = TypeVar("Kind")

PERBILL: Final = 10**9
PERMILLION: Final = 10**6
MAX_ENTRIES: Final = 256
"""Maximum number of entries of a map on a page."""


async def ask(context: Context, method: Callable[[Api, *Inputs], Output], *args: *Inputs) -> Output:
    """Return the result of a runtime API, as `WorkApi.job`, at the last final block.

    Raises NoSuchPage if the chain does not have it, NodeGone if there is no answer.
    """
    async with state(context, f"runtime API {name_of(method).partition('.')[0]}") as (chain, hash):
        return await ViewClient(chain).api(method, *args, at=hash)


async def find(
    context: Context, method: Callable[[Api, *Inputs], Output | None], *args: *Inputs, missing: str
) -> Output:
    """Return the record of a runtime API. Raises NoSuchPage with `missing` if there is none.

    Raises as `ask`, too.
    """
    record = await ask(context, method, *args)
    if record is None:
        raise NoSuchPage(missing)
    return record


async def ask_each(
    context: Context, method: Callable[[Api, Kind], Output], arguments: Sequence[Kind]
) -> list[Output]:
    """Return the results of a runtime API for several arguments. Raises as `ask`."""
    if not arguments:
        return []
    # The first alone: it reads the metadata of the runtime APIs.
    first = await ask(context, method, arguments[0])
    rest = await asyncio.gather(*(ask(context, method, each) for each in arguments[1:]))
    return [first, *rest]


async def stored(context: Context, kind: type[Kind], path: str, *keys: Plain) -> Kind | None:
    """Return the value of a storage item, as `Babe.GenesisSlot`; None if it is absent.

    Raises as `ask`.
    """
    async with state(context, f"storage item {path}") as (chain, hash):
        value = await chain.storage(path, *keys, at=hash)
        return None if value is None else shaped(kind, value)


async def constant(context: Context, kind: type[Kind], path: str) -> Kind:
    """Return a constant of the runtime, as `Babe.ExpectedBlockTime`. Raises as `ask`."""
    async with state(context, f"constant {path}") as (chain, _):
        return shaped(kind, chain.constant(path))


async def entries(
    context: Context,
    kind: type[Kind],
    path: str,
    *keys: Plain,
    after: Sequence[Plain] | None = None,
    limit: int = MAX_ENTRIES,
) -> list[tuple[Plain, Kind]]:
    """Return the first entries of a map below `keys`, or behind the entry `after`.

    Each has its last key. Raises as `ask`.
    """
    async with state(context, f"storage item {path}") as (chain, hash):
        rows = chain.entries(path, *keys, at=hash, after=after, limit=limit)
        return [(key[-1] if key else None, shaped(kind, value)) async for key, value in rows]


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


def account(key: Plain) -> AccountId:
    """Return the account that is a key of a map. Raises NodeGone."""
    try:
        return shaped(AccountId, key)
    except ClientError as error:
        raise NodeGone(str(error)) from None
