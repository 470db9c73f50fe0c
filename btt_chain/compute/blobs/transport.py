"""Transfer of blobs between machines: the store served to others, and blobs fetched into it.

`p2p/host/blob_host.py` moves the bytes; this module stores the results. Blobs have `names`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from typing import Final

from btt_chain.compute.blobs.names import (
    model_name,
    payload_name,
    result_name,
    roots_name,
    sums_name,
    transcript_name,
)
from btt_chain.compute.blobs.store import Blob, BlobStore
from p2p.errors import NetworkError, PortInUse
from p2p.host import blob_host
from p2p.host.blob_host import BlobSettings, FetchFailed, NotKept, NotThere
from p2p.limits import LOCAL_GATE, GateLimits

__all__ = [
    "LOCAL_GATE",
    "BlobHost",
    "BlobSettings",
    "FetchFailed",
    "GateLimits",
    "NetworkError",
    "NotKept",
    "NotThere",
    "PortInUse",
    "model_name",
    "payload_name",
    "result_name",
    "roots_name",
    "sums_name",
    "transcript_name",
]


class BlobHost:
    """A store that others may fetch from, and a client to fetch from others; used with asyncio.

    Only blobs with one of the `names` are served; a store may hold others, which stay private.
    """

    def __init__(self, settings: BlobSettings, store: BlobStore | None = None) -> None:
        """`store` is served to others; None for a host that only fetches."""
        self._host: Final = blob_host.BlobHost(settings, store)

    @property
    def peer(self) -> str:
        """Our peer id."""
        return self._host.peer

    async def start(self) -> None:
        """Listen. Raises PortInUse, NetworkError."""
        await self._host.start()

    async def stop(self) -> None:
        """Close everything; safe to call twice."""
        await self._host.stop()

    def endpoints(self) -> list[str]:
        """Return our multiaddresses, which end in our peer id."""
        return self._host.endpoints()

    def counters(self) -> dict[str, int]:
        """Return counters for metrics."""
        return self._host.counters()

    async def fetch(
        self,
        endpoints: Sequence[str],
        name: str,
        into: BlobStore,
        *,
        limit: int,
        seconds: float = 600.0,
        progress: Callable[[int, int], None] = lambda *_: None,
    ) -> Blob:
        """Fetch a blob of at most `limit` bytes into a store, under the same name.

        Endpoints are tried in order; a connection that breaks is made anew and the blob continued.
        Its hash is the one that the endpoint named: the caller must check that it is the right
        blob. Raises NotThere, FetchFailed (also when `seconds` are over); NotKept if the store
        refuses it; BadName.
        """
        writer = into.writer(name)
        try:
            await self._in_time(
                seconds,
                name,
                self._host.fetch(endpoints, name, writer, most=limit, progress=progress),
            )
            return await asyncio.to_thread(writer.commit)
        finally:
            writer.close()

    async def load(
        self, endpoints: Sequence[str], name: str, *, limit: int, seconds: float = 60.0
    ) -> bytes:
        """Fetch a blob of at most `limit` bytes into memory. Raises as `fetch`."""
        memory = blob_host.Memory()
        await self._in_time(seconds, name, self._host.fetch(endpoints, name, memory, most=limit))
        return bytes(memory.data)

    async def beginning(
        self, endpoints: Sequence[str], name: str, length: int, *, seconds: float = 60.0
    ) -> bytes:
        """Fetch the first `length` bytes of a blob, fewer if it is shorter. Raises as `fetch`.

        No hash is checked: the caller must check the bytes.
        """
        found: list[bytes] = []

        async def fetch() -> None:
            found.append(await self._host.beginning(endpoints, name, length))

        await self._in_time(seconds, name, fetch())
        return found[0]

    async def _in_time(
        self, seconds: float, name: str, work: Coroutine[object, object, None]
    ) -> None:
        try:
            async with asyncio.timeout(seconds):
                await work
        except TimeoutError:
            raise FetchFailed(f"{name} did not come within {seconds:g} s") from None
