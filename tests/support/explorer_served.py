"""The pages of the economy's chain behind a socket, with an index that follows the chain."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from btt_chain.explorer.index.driver import Indexer, Progress
from btt_chain.explorer.index.store import Writer
from support.chain import DevChain
from support.explorer import ChainConnection, index_chain, pages_of
from support.explorer_economy import economy_chain

START_SECONDS = 240


@contextmanager
def served_economy(
    folder: Path, chain: Callable[[], DevChain] = economy_chain, name: str = "Chain in memory"
) -> Iterator[str]:
    """Serve the pages of a chain on a thread; yields their address."""
    loop, is_over, found = asyncio.new_event_loop(), asyncio.Event(), list[str]()
    is_ready = threading.Event()

    async def serve() -> None:
        names = {"system_chain": lambda: name}
        connection = ChainConnection(chain(), kind="Development", more=names)
        file = folder / "index.db"
        await index_chain(connection, file)
        writer = Writer(file)
        following = asyncio.create_task(Indexer(writer, Progress()).follow(connection))
        try:
            async with pages_of(connection, file, burst=1e9) as (client, _):
                found.append(str(client.make_url("/")))
                is_ready.set()
                await is_over.wait()
        finally:
            following.cancel()
            await asyncio.gather(following, return_exceptions=True)
            writer.close()

    thread = threading.Thread(target=loop.run_until_complete, args=(serve(),))
    thread.start()
    try:
        assert is_ready.wait(START_SECONDS)
        yield found[0]
    finally:
        loop.call_soon_threadsafe(is_over.set)
        thread.join()
        loop.close()
