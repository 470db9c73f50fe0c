"""A request is answered after one long piece of work, however many turns of the loop it needs."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from types import SimpleNamespace
from typing import cast

import pytest

from btt_chain.node.engine.driver import Driver
from btt_chain.node.engine.engine import Engine
from btt_chain.node.engine.yielding import LONG_MS, MAX_YIELD_MS, TURNS, LoopYield
from btt_chain.node.transactions.backpressure import Backpressure
from p2p.network import Action, Network


class LongWork:
    """An engine that always has a block to import or to make, which takes a second."""

    def __init__(self) -> None:
        self.now = 0.0
        self.pieces = 0
        self.busy = True
        self.has_blocks = self.takes_transactions = True
        self.due = 0
        self.settings = SimpleNamespace(slot_ms=6_000)
        self.parts = SimpleNamespace(
            pool=SimpleNamespace(on_arrival=lambda _: None, backpressure=Backpressure(8_192))
        )

    def start(self, now: int) -> list[Action]:
        return []

    def work(self, now: int) -> list[Action]:
        self.now += 1.0
        self.pieces += 1
        return []

    tick = work


async def request(turns: int = TURNS - 1) -> None:
    """Need several turns of the loop, as accepting and reading a request does."""
    for _ in range(turns):
        await asyncio.sleep(0)


async def test_a_request_waits_for_one_long_piece_of_work_and_not_for_one_in_each_turn() -> None:
    engine = LongWork()
    net = SimpleNamespace(do=lambda _: None, events=forever)
    driver = Driver(
        cast("Engine", engine), cast("Network", net), lambda: 0, steady=lambda: engine.now
    )
    running = asyncio.create_task(driver.run())
    await asyncio.sleep(0)
    before = engine.pieces
    await request()
    assert engine.pieces - before <= 1
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running


async def forever() -> AsyncIterator[object]:
    """Yield no event, and do not end."""
    await asyncio.get_running_loop().create_future()
    yield None


async def test_short_work_gives_no_turn_away() -> None:
    now = [0.0]
    pause = LoopYield(lambda: now[0])
    other = asyncio.create_task(request(1))
    now[0] += LONG_MS - 1
    await pause.after_long_work()
    assert not other.done()
    now[0] += 1
    await pause.after_long_work()
    assert other.done()


async def test_work_goes_on_when_the_loop_has_too_much_to_do() -> None:
    now = [0.0]
    turned = 0

    async def busy() -> None:
        nonlocal turned
        while True:
            await asyncio.sleep(0)
            turned += 1
            now[0] += MAX_YIELD_MS / 2

    pause = LoopYield(lambda: now[0])
    other = asyncio.create_task(busy())
    now[0] += 1_000
    await pause.after_long_work()
    assert turned <= 3
    other.cancel()
