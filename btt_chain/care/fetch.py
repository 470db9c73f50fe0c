"""The wallet's and the auditor's side of `facility serve`, with bounded answers."""

from __future__ import annotations

import json
from typing import Final

import aiohttp
from yarl import URL

from btt_chain.care.auditing import MAX_SEALED
from btt_chain.care.errors import CareError, Refusal
from btt_chain.care.messages import MAX_BYTES, Answer, Request
from btt_chain.web.addresses import is_here, is_numeric, parse_ip

SECONDS: Final = 60.0
OK: Final = 200


async def signed_by(url: str, request: Request) -> Answer:
    """Send a request to a facility and return its answer. CareError if it has none."""
    return Answer.decode(await _fetch(url, "sign", MAX_BYTES, request.encode()))


async def opening_of(url: str, month: int, auditor: bytes) -> bytes:
    """Return the disclosure that a facility sealed to an auditor. CareError if there is none."""
    return await _fetch(url, f"audit/{month}/{auditor.hex()}", MAX_SEALED, None)


async def _fetch(url: str, path: str, limit: int, body: str | None) -> bytes:
    base = checked_url(url)
    timeout = aiohttp.ClientTimeout(total=SECONDS)
    try:
        async with (
            aiohttp.ClientSession(timeout=timeout, cookie_jar=aiohttp.DummyCookieJar()) as session,
            session.request(
                "GET" if body is None else "POST", base / path, data=body, allow_redirects=False
            ) as response,
        ):
            raw = await response.content.read(limit + 1)
            while len(raw) <= limit and (more := await response.content.read(limit + 1 - len(raw))):
                raw += more
            status = response.status
    except (aiohttp.ClientError, OSError, TimeoutError) as error:
        raise CareError(f"{base.host}: {str(error) or 'no answer in time'}") from None
    if len(raw) > limit:
        raise CareError(f"{base.host}: the answer has more than {limit} bytes")
    if status != OK:
        raise Refusal(f"{base.host}: {_reason(raw, status)}")
    return raw


def checked_url(text: str) -> URL:
    """Return a facility's address: https, or http on this machine only. Raises CareError."""
    try:
        url = URL(text)
    except ValueError:
        raise CareError("the facility's address is not a URL") from None
    host = url.host or ""
    if is_numeric(host) and parse_ip(host) is None:
        # Systems read 127.1 and 2130706433 as addresses; a facility means one address.
        raise CareError(f"the facility's address: {host} is not a name nor four numbers")
    if url.scheme != "https" and not (url.scheme == "http" and is_here(host)):
        raise CareError("the facility's address must be https: others would see the claim")
    return url


def _reason(raw: bytes, status: int) -> str:
    try:
        reason = json.loads(raw)["error"]
    except (ValueError, KeyError, TypeError, RecursionError):
        return f"status {status}"
    return "".join(letter for letter in str(reason)[:300] if letter.isprintable())
