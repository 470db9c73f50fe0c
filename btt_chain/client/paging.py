"""Lists that a node returns page by page."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from itertools import count
from typing import Final, TypeVar

from btt_chain.client.errors import InvalidAnswer
from btt_chain.client.jsonrpc import Json
from btt_chain.client.wire import records_of

PAGE: Final = 100
"""Maximum number of rows that most runtime APIs return at once."""

Row = TypeVar("Row")
Key = TypeVar("Key")


async def pages(
    read: Callable[[Key], Awaitable[Sequence[Row]]],
    key: Callable[[Row], Key],
    first: Key,
    size: int = PAGE,
) -> AsyncIterator[Row]:
    """Yield the rows of a list. `read` returns at most `size` rows behind a key, from `first` on.

    Raises InvalidAnswer if the node repeats pages, which could go on for ever.
    """
    after = landmark = first
    # The keys are compared with one of them, which changes at 1, 2, 4, ... pages: so a round of any
    # length is noticed, and no keys are kept.
    for number in count(1):
        page = await read(after)
        for row in page:
            yield row
        if len(page) < size:
            return
        after = key(page[-1])
        if after == landmark:
            raise InvalidAnswer("the node repeats a page")
        if number.bit_count() == 1:
            landmark = after


async def listed(
    call: Callable[..., Awaitable[Json]], method: str, *params: Json, key: str = "id"
) -> list[dict[str, Json]]:
    """Return the records of an RPC method that lists them behind the `key` of one of them.

    `call` is the `call` of a connection.
    """

    async def read(after: Json) -> list[dict[str, Json]]:
        return records_of(await call(method, *params, after, PAGE))

    return [row async for row in pages(read, lambda row: row.get(key), None)]
