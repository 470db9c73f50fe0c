"""The history of an account in the index of an explorer, over its JSON pages."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Final

from cli.common.errors import CannotConnect, Mistyped, Refused

if TYPE_CHECKING:
    import aiohttp

    from btt_chain.client.jsonrpc import Json

HERE: Final = ("127.0.0.1", 4480)
"""Address of an explorer on this machine, which is looked for if none is given."""
FOUND_AT: Final = f"http://{HERE[0]}:{HERE[1]}"
CONNECTING: Final = 1.0
"""Seconds for a connection."""
SECONDS: Final = 10.0
MAX_BYTES: Final = 8 << 20
MAX_PAGES: Final = 400
SLOW_DOWN: Final = 429


class ExplorerIndex:
    """The pages of one explorer."""

    def __init__(self, session: aiohttp.ClientSession, url: str) -> None:
        """Take the address of the explorer. Mistyped if it is not a web address."""
        if not url.startswith(("http://", "https://")):
            raise Mistyped(f"--explorer: {url!r} is not a web address: write it like {FOUND_AT}")
        self._session = session
        self._url = url.rstrip("/")

    async def genesis(self) -> str:
        """Return the hash of block zero in the index. Refused if it has none."""
        return str((await self._get("/block/0.json")).get("hash"))

    async def heights(self, address: str, limit: int) -> tuple[list[int], int]:
        """Return the blocks of an account's history, newest first, and the index's last block.

        They are those of its `limit` newest rows.
        """
        found: list[int] = []
        rows, below = 0, ""
        top = 0
        for _ in range(MAX_PAGES):
            page = await self._get(
                f"/account/{address}.json" + (f"?below={below}" if below else "")
            )
            top = max(top, _height(page.get("at")))
            history = page.get("history")
            for row in history if isinstance(history, list) else []:
                rows += 1
                height = _height(row.get("height") if isinstance(row, dict) else None)
                if height not in found[-1:]:
                    found.append(height)
                if rows == limit:
                    return found, top
            below = str(page.get("next") or "")
            if not below:
                break
        return found, top

    async def _get(self, path: str) -> dict[str, Json]:
        """Return a page as JSON. CannotConnect, Refused."""
        import aiohttp

        for wait in (0.5, 2.0, None):
            try:
                async with self._session.get(self._url + path, allow_redirects=False) as answer:
                    raw = await _body(answer)
                    if answer.status == SLOW_DOWN and wait is not None:
                        await asyncio.sleep(wait)
                        continue
                    if answer.status != 200:
                        raise Refused(f"the explorer at {self._url} answered {answer.status}")
                    page = json.loads(raw)
            except aiohttp.ClientConnectorError as error:
                raise CannotConnect(
                    f"no explorer answers at {self._url}: {error.strerror or 'no connection'}; "
                    "start one with `btt-chain explorer`"
                ) from None
            except (aiohttp.ClientError, OSError, TimeoutError) as error:
                raise CannotConnect(
                    f"no explorer answers at {self._url}: {str(error) or 'no answer in time'}"
                ) from None
            except (ValueError, RecursionError):
                break
            if isinstance(page, dict):
                return page
            break
        raise Refused(f"{self._url} is not an explorer: {path} is not its JSON")


async def _body(answer: aiohttp.ClientResponse) -> bytes:
    """Return the body of an answer, which comes in parts. Refused if it is too long."""
    raw = bytearray()
    async for part in answer.content.iter_any():
        raw += part
        if len(raw) > MAX_BYTES:
            raise Refused(f"{answer.url} has more than {MAX_BYTES} bytes")
    return bytes(raw)


def _height(value: Json) -> int:
    """Return the height of a block in a page. Refused if it is not a number."""
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise Refused(f"the explorer answered {value!r} where a block was expected")
    return value


def session() -> aiohttp.ClientSession:
    """Return a session with a bounded time for each page."""
    import aiohttp

    return aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=SECONDS, connect=CONNECTING))


async def is_here() -> bool:
    """Return True if something listens at the usual address: the import of aiohttp takes longer."""
    try:
        async with asyncio.timeout(CONNECTING):
            _, writer = await asyncio.open_connection(*HERE)
    except OSError:
        return False
    writer.close()
    return True
