"""Processor time of a message between two nodes: python bench/bench_wire.py [--count N]

Two networks on libp2p in this process, as nodes have them, without engines. Messages go from one to
the other in the rhythm of a network under load: pauses between them are long enough that each is
sent alone, where the line does not say otherwise. The figure is the processor time of both ends
for each message.

    vote        150 bytes of gossip, one every 20 ms
    votes       the same, four at once
    batch       16 KiB of transactions
    note        200 bytes to one peer
    request     a request with an answer of 16 KiB
"""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Final

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

from p2p.network import (  # noqa: E402
    BLOCKS,
    GRANDPA,
    KIB,
    TX,
    Answer,
    Answered,
    Ask,
    Asked,
    GossipReceived,
    NoteReceived,
    Publish,
    SendNote,
)
from support.p2p_attack import Witness, running, settings  # noqa: E402

PAUSE: Final = 0.02
SETTLE: Final = 3.0
"""Seconds until the mesh of GossipSub stands."""


async def measured(count: int, each: Callable[[int], None], done: Callable[[], Awaitable[None]],
                   at_once: int = 1) -> float:  # fmt: skip
    """Return the microseconds of the process for one of `count` messages."""
    idle = time.process_time()
    await asyncio.sleep(1)
    idle = time.process_time() - idle
    begun, started = time.process_time(), time.monotonic()
    for number in range(count):
        each(number)
        if (number + 1) % at_once == 0:
            await asyncio.sleep(PAUSE)
    await done()
    spent = time.process_time() - begun - idle * (time.monotonic() - started)
    return spent / count * 1e6


async def play(count: int) -> None:
    """Measure, and print."""
    async with running(settings()) as one, running(settings(one.address)) as two:
        await one.connected()
        await two.connected()
        await asyncio.sleep(SETTLE)
        peer = two.network.local_peer
        two.echo = False

        async def received(kind: type[object], total: int) -> None:
            await two.until(lambda: sum(isinstance(e, kind) for e in two.events) >= total)
            two.events.clear()

        def gossip(topic: str, size: int) -> Callable[[int], None]:
            return lambda _: one.network.do(Publish(topic, os.urandom(size)))

        async def line(name: str, each: Callable[[int], None], kind: type[object],
                       at_once: int = 1) -> None:  # fmt: skip
            two.events.clear()
            cost = await measured(count, each, lambda: received(kind, count), at_once)
            print(f"{name:8} {cost:7.0f} us", flush=True)

        await line("vote", gossip(GRANDPA, 150), GossipReceived)
        await line("votes", gossip(GRANDPA, 150), GossipReceived, 4)
        await line("batch", gossip(TX, 16 * KIB), GossipReceived)
        await line("note", lambda _: one.network.do(SendNote(peer, os.urandom(200))), NoteReceived)
        await requests(one, two, count // 2)


async def requests(one: Witness, two: Witness, count: int) -> None:
    """Measure requests, one after the other."""
    answer, stopped = os.urandom(16 * KIB), False

    async def serve() -> None:
        served = 0
        while not stopped:
            for event in two.events[served:]:
                if isinstance(event, Asked):
                    two.network.do(Answer(event.id, answer))
            served = len(two.events)
            await asyncio.sleep(0.002)

    two.events.clear()
    serving = asyncio.create_task(serve())
    one.events.clear()
    begun = time.process_time()
    for number in range(count):
        one.network.do(Ask(number, two.network.local_peer, BLOCKS, b"?", 20_000))
        await one.until(lambda: sum(isinstance(e, Answered) for e in one.events) > number)  # noqa: B023
    print(f"request  {(time.process_time() - begun) / count * 1e6:7.0f} us")
    stopped = True
    await serving


def main() -> None:
    """Measure what was asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--count", type=int, default=200)
    asyncio.run(play(parser.parse_args().count))


if __name__ == "__main__":
    main()
