"""The driver of a feeder: reads sources and chain, lets the machine decide, and feeds.

`run` is called with one connection after the other; the machine continues in between.
"""

from __future__ import annotations

import asyncio
import logging
import stat
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final, Self

import aiohttp

from btt_chain.client.errors import ClientError, Disconnected
from btt_chain.feeder.chain import NotAdmitted, Oracle, State
from btt_chain.feeder.machine import Failed, Fed, Feed, Machine, Polled, Silent
from btt_chain.feeder.sources import ExchangeSource, FileSource, Source, WebSource
from btt_chain.feeder.values import (
    MAX_TEXT,
    BadValue,
    parse_answer,
    price_of_trades,
    shown_price,
    time_weighted,
)

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


if TYPE_CHECKING:
    from btt_chain.feeder.chain import Oracle

SECONDS: Final = 10.0
"""Maximum seconds for one source to answer."""
FOUND: Final = 200


class Reader:
    """Reads sources; opened for each poll of a daemon by `async with`."""

    def __init__(self, *, max_age: float, seconds: float = SECONDS) -> None:
        """`max_age`: seconds after which a file that was not written is not a source; 0: never."""
        self._max_age = max_age
        self._seconds = seconds
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        # No cookies and no proxy of the environment: an answer depends on its address alone.
        self._session = aiohttp.ClientSession(
            timeout=aiohttp.ClientTimeout(total=self._seconds),
            cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=False,
            headers={"Accept-Encoding": "identity", "User-Agent": "btt-chain-feeder"},
        )
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._session is not None:
            await self._session.close()

    async def read(self, source: Source, oracle: Oracle) -> int:
        """Return the price of a source. Raises BadValue, which says why there is none."""
        try:
            async with asyncio.timeout(self._seconds):
                match source:
                    case FileSource():
                        raw = await asyncio.to_thread(self._file, source.path)
                        return parse_answer(raw, source.pointer)
                    case WebSource():
                        return parse_answer(await self._web(source.url), source.pointer)
                    case ExchangeSource():
                        return await exchange_price(source, oracle)
        except TimeoutError:
            raise BadValue(f"no answer within {self._seconds:g} seconds") from None

    def _file(self, path: Path) -> bytes:
        try:
            status = path.stat()
            if not stat.S_ISREG(status.st_mode):  # a pipe would block
                raise BadValue("is not a regular file")
            with path.open("rb") as file:
                raw = file.read(MAX_TEXT + 1)
        except OSError as error:
            raise BadValue(f"cannot be read: {error.strerror}") from None
        age = time.time() - status.st_mtime
        if self._max_age and age > self._max_age:
            raise BadValue(f"was written {age:.0f} seconds ago, more than {self._max_age:g}")
        return raw

    async def _web(self, url: str) -> bytes:
        try:
            return await self._body(url)
        except (BadValue, TimeoutError):
            raise
        except (aiohttp.ClientError, OSError, ValueError) as error:
            # A ValueError is a host that the DNS does not permit.
            raise BadValue(f"cannot be reached: {type(error).__name__}") from None

    async def _body(self, url: str) -> bytes:
        assert self._session is not None  # noqa: S101 - `read` is used within `async with`
        # A redirect would leave the host that the user chose to trust.
        async with self._session.get(url, allow_redirects=False) as answer:
            if answer.status != FOUND:
                raise BadValue(f"status {answer.status}, expected {FOUND}")
            raw = bytearray()
            async for part in answer.content.iter_chunked(4096):
                raw += part
                if len(raw) > MAX_TEXT:
                    raise BadValue(f"the answer is longer than {MAX_TEXT} bytes")
            return bytes(raw)


async def exchange_price(source: ExchangeSource, oracle: Oracle) -> int:
    """Return the time-weighted price of the exchange's last 30 minutes. Raises BadValue."""
    trades, now = await oracle.trades(source.asset)
    return price_of_trades(time_weighted(trades, now), source.units)


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
