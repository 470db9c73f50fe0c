"""Reads sources of prices: files, web addresses, the exchange. Time and size are bounded."""

from __future__ import annotations

import asyncio
import stat
import time
from pathlib import Path
from typing import TYPE_CHECKING, Final, Self

import aiohttp

from btt_chain.feeder.sources import ExchangeSource, FileSource, Source, WebSource
from btt_chain.feeder.values import (
    MAX_TEXT,
    BadValue,
    parse_answer,
    price_of_trades,
    time_weighted,
)

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
