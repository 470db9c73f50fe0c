"""The thread of the network, as the event loop starts and ends it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest
import trio

from p2p.host.thread import TrioThread


async def until_stopped(ready: Callable[[], None], stop: trio.Event) -> None:
    ready()
    await stop.wait()


async def test_a_thread_is_started_and_stopped() -> None:
    thread = TrioThread(until_stopped, "test")
    await thread.start()
    assert thread.call(lambda: None)
    await thread.stop()
    assert not thread.call(lambda: None)


@pytest.mark.parametrize("turns", range(4))
async def test_who_is_cancelled_as_the_thread_ends_is_cancelled(turns: int) -> None:
    thread = TrioThread(until_stopped, "test")
    await thread.start()
    assert thread._ended is not None
    stopping = asyncio.create_task(thread.stop())
    await asyncio.sleep(0)  # it waits for the end
    thread._ended.set()
    for _ in range(turns):
        await asyncio.sleep(0)
    was_running = stopping.cancel()  # SIGTERM comes at the moment at which the wait is over
    (error,) = await asyncio.gather(stopping, return_exceptions=True)
    assert isinstance(error, asyncio.CancelledError) == was_running
    await thread.stop()
