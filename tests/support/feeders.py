"""Feeders of prices as real programs, `btt-chain feeder`."""

from __future__ import annotations

import asyncio
import json
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

KEY: Final = "BTT/CNY"
HANG: Final = 240.0
"""Seconds after which a program hangs: several times what a busy machine needs."""


class Program:
    """A feeder's process and the lines that it prints."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process
        self.events: list[dict[str, object]] = []

    async def read(self) -> None:
        """Note its lines until it ends."""
        assert self.process.stdout is not None
        async for line in self.process.stdout:
            self.events.append(json.loads(line))

    def has(self, event: str) -> bool:
        """Return True if it printed such an event."""
        return any(each["event"] == event for each in self.events)


async def started(url: str, who: str, *arguments: str) -> Program:
    """Start `btt-chain feeder` for a development account."""
    command = [sys.executable, "-m", "btt_chain", "feeder", KEY, *arguments]
    process = await asyncio.create_subprocess_exec(
        *command, "--from", f"//{who}", "--url", url, "--json",
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    return Program(process)


@asynccontextmanager
async def running(
    url: str, who: str, *sources: str, more: tuple[str, ...] = ()
) -> AsyncIterator[Program]:
    """Run a feeder until the body ends; from the keyboard it ends with code 130."""
    typed = [part for source in sources for part in ("--source", source)]
    program = await started(url, who, *typed, *more, "--interval", "1")
    reading = asyncio.create_task(program.read())
    try:
        yield program
    finally:
        if program.process.returncode is None:
            program.process.send_signal(signal.SIGINT)
        code = await asyncio.wait_for(program.process.wait(), HANG)
        await reading
    assert program.process.stderr is not None
    assert code == 130, (await program.process.stderr.read()).decode()
