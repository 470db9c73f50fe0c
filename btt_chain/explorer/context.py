"""Sources of pages: the index, the chain's data, the node as far as it answers."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Generic, TypeVar

from btt_chain.client.chain import Chain
from btt_chain.client.errors import ClientError, Disconnected
from btt_chain.client.jsonrpc import Connection, WebSocket
from btt_chain.explorer.chaindata import ChainData
from btt_chain.explorer.doctor import Doctor
from btt_chain.explorer.index.driver import Progress
from btt_chain.explorer.index.queries import Index
from btt_chain.explorer.index.specs import Specs, open_chain

Answer = TypeVar("Answer")

log = logging.getLogger("explorer")

ANSWER_SECONDS: Final = 5.0
"""Seconds that a page waits for the node."""


class NodeGone(Exception):
    """The node does not answer: the page can be shown in part only."""


def _is_lost(connection: Connection) -> bool:
    return isinstance(connection, WebSocket) and connection.is_lost


class LiveNode:
    """The node's state for pages, over a connection of its own that is made when it is needed."""

    def __init__(self, connect: Callable[[], Awaitable[Connection]], specs: Specs) -> None:
        """`connect` makes a connection; it raises ClientError."""
        self._connect = connect
        self._specs = specs
        self._chain: Chain | None = None
        self._opening = asyncio.Lock()
        self._spec = -1

    async def chain(self, spec: int) -> Chain:
        """Return the chain, with the metadata of version `spec`. Raises NodeGone.

        A connection that the node ended, by a restart for example, is replaced.
        """
        async with self._opening:
            if self._chain is None or self._spec != spec or _is_lost(self._chain.connection):
                await self.close()
                try:
                    connection = await self._connect()
                    self._chain = await open_chain(connection, self._specs)
                except ClientError as error:
                    raise NodeGone(str(error)) from None
                self._spec = spec
            return self._chain

    async def close(self) -> None:
        """Close the connection, if there is one."""
        chain, self._chain = self._chain, None
        if chain is not None:
            await chain.connection.close()

    async def values(self, chain: Chain, keys: Sequence[bytes], hash: bytes) -> dict[bytes, bytes]:
        """Return the values of keys in the state of a block. Raises NodeGone."""
        try:
            found = await chain.storage_batch(keys, hash)
        except Disconnected as error:
            await self.close()
            raise NodeGone(str(error)) from None
        except ClientError as error:
            raise NodeGone(str(error)) from None
        return {key: raw for key, raw in zip(keys, found, strict=True) if raw is not None}


class Shared(Generic[Answer]):
    """Answers of the node at the last final block that all visitors share, each made once.

    What they cost the node depends on the state, not on who asks. They are made one at a time.
    """

    def __init__(self) -> None:
        self._at: bytes | None = None
        self._answers: dict[str, Answer] = {}
        self._making = asyncio.Lock()

    async def get(self, at: bytes, name: str, make: Callable[[], Awaitable[Answer]]) -> Answer:
        """Return the answer of a name at a block; made if it is not here. Raises as `make`."""
        async with self._making:
            if self._at != at:
                self._at, self._answers = at, {}
            if name not in self._answers:
                self._answers[name] = await make()
            return self._answers[name]


@dataclass(slots=True)
class Context:
    """All that views read."""

    index: Index
    data: ChainData
    node: LiveNode
    progress: Progress
    doctor: Doctor | None = None
    """Examines the node; None where there is nothing to examine it with."""
    is_public: bool = False
    """Other machines may read the pages."""
    contents: Shared[Mapping[str, object]] = field(default_factory=Shared)
    """Stored values by pallet."""
