"""The driver of a feeder: reads sources and chain, lets the machine decide, and feeds.

`run` is called with one connection after the other; the machine continues in between.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from btt_chain.client.errors import ClientError, Disconnected
from btt_chain.feeder.chain import NotAdmitted, Oracle, State
from btt_chain.feeder.machine import Failed, Fed, Feed, Machine, Polled, Silent
from btt_chain.feeder.reading import Reader
from btt_chain.feeder.sources import Source
from btt_chain.feeder.values import BadValue, shown_price

log = logging.getLogger(__name__)

MAX_READERS: Final = 16
"""Maximum number of sources that are read at the same time."""


@dataclass(frozen=True, slots=True)
class Settings:
    """The settings of a feeder."""

    sources: Mapping[str, tuple[Source, ...]]
    """The sources of each key."""
    interval: float = 30.0
    """Seconds between two polls."""
    max_age: float = 600.0
    """Seconds after which a file that was not written is not a source; 0: never."""
    is_dry_run: bool = False
    """True to report what would be fed, and to feed nothing."""
    report: Callable[[str, dict[str, object]], None] = lambda text, _: log.info(text)
    """Called with a message for the user, and the same as facts for programs."""


class Feeding:
    """Runs a feeder until it is cancelled."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._machine = Machine(int(settings.interval * 1000))
        self._trouble: dict[tuple[str, Source], str] = {}
        self._fault = ""
        """The last failure of the node to return the state, which is reported once."""

    async def run(self, oracle: Oracle) -> None:
        """Poll again and again. Raises Disconnected, NotAdmitted."""
        while True:
            await self.poll(oracle)
            await asyncio.sleep(self._settings.interval)

    async def poll(self, oracle: Oracle) -> bool:
        """Poll once; return True if nothing is wrong: no key is silent, and no feed failed.

        Raises Disconnected, NotAdmitted.
        """
        readings = await self._read_all(oracle)
        try:
            state = await oracle.state()
        except (Disconnected, NotAdmitted):
            raise
        except ClientError as error:
            if str(error) != self._fault:
                self._report(f"the node did not answer: {error}", event="node")
            self._fault = str(error)
            return False
        self._fault = ""
        is_well = True
        for action in self._machine.on(Polled(state.now, state.keys, readings)):
            match action:
                case Silent():
                    self._report(f"{action.key}: silent, {action.why}", event="silent",
                                 key=action.key, why=action.why)  # fmt: skip
                case Feed():
                    is_well = await self._feed(oracle, state, action)
        return is_well and not self._machine.silent

    # ---- internals

    async def _feed(self, oracle: Oracle, state: State, action: Feed) -> bool:
        """Feed values and report the result; return True if they are in a block."""
        said = ", ".join(
            f"{key} {shown_price(value)} ({why})"
            for (key, value), why in zip(action.values, action.reasons, strict=True)
        )
        facts: dict[str, object] = {"values": {key: str(value) for key, value in action.values}}
        if self._settings.is_dry_run:
            self._report(f"would feed {said}", event="would feed", **facts)
            return True
        try:
            block = await oracle.feed(action.values)
        except Disconnected:
            raise
        except ClientError as error:
            self._machine.on(Failed(state.now, str(error)))
            self._report(f"not fed: {error}", event="failed", why=str(error), **facts)
            return False
        self._machine.on(Fed())
        self._report(f"fed {said} in block {block}", event="fed", block=block, **facts)
        return True

    async def _read_all(self, oracle: Oracle) -> dict[str, tuple[int, ...]]:
        """Read all sources of all keys, several at a time."""
        gate = asyncio.Semaphore(MAX_READERS)

        async def read(reader: Reader, key: str, source: Source) -> tuple[str, int | None]:
            async with gate:
                return key, await self._read(reader, key, source, oracle)

        async with Reader(max_age=self._settings.max_age) as reader:
            found = await asyncio.gather(
                *(
                    read(reader, key, source)
                    for key, sources in self._settings.sources.items()
                    for source in sources
                )
            )
        return {
            key: tuple(price for name, price in found if name == key and price is not None)
            for key in self._settings.sources
        }

    async def _read(self, reader: Reader, key: str, source: Source, oracle: Oracle) -> int | None:
        """Return the price of a source; None, and a report of its trouble, if it has none."""
        try:
            price = await reader.read(source, oracle)
        except Disconnected:
            raise
        except (BadValue, ClientError) as error:
            if self._trouble.get((key, source)) != str(error):
                self._report(f"{key}: {source}: {error}", event="source", key=key,
                             source=str(source), why=str(error))  # fmt: skip
            self._trouble[key, source] = str(error)
            return None
        if self._trouble.pop((key, source), None) is not None:
            self._report(f"{key}: {source} has a price again", event="source", key=key,
                         source=str(source), why=None)  # fmt: skip
        return price

    def _report(self, text: str, **facts: object) -> None:
        self._settings.report(text, facts)
