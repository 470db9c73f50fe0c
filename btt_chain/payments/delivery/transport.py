"""One delivery over HTTP, to an address that was checked.

A webhook's URL is typed by a merchant and may point into the network of the machine that sends. The
name is resolved once for each request, every address must be public, and the connection goes to
these addresses and no others: a name that resolves otherwise a moment later (DNS rebinding) changes
nothing. Redirects and proxies are not followed.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Final, Self

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult
from yarl import URL

from btt_chain.payments.delivery.courier import Answer
from btt_chain.payments.errors import PaymentError
from btt_chain.web.addresses import is_numeric, is_public, parse_ip

TIMEOUT_S: Final = 15.0
"""Seconds for a whole attempt, from the name to the status."""
MAX_URL: Final = 2_048
_GONE: Final = 410

Lookup = Callable[[str, int], Awaitable[list[str]]]
"""Addresses of a name."""


@dataclass(frozen=True, slots=True)
class Result:
    """An attempt's answer, and its reason for people."""

    answer: Answer
    reason: str


def checked_url(text: str, *, allow_private: bool) -> URL:
    """Return the URL of a webhook. Raises PaymentError if nothing may be sent there.

    Without `allow_private` it is https, and its host, if it is an address, is public; a name is
    checked at each delivery.
    """
    if len(text) > MAX_URL:
        raise PaymentError(f"webhook: the URL has {len(text)} characters, at most {MAX_URL}")
    try:
        url = URL(text)
        host = url.host
    except ValueError as error:
        raise PaymentError(f"webhook: {text[:60]!r} is not a URL: {error}") from None
    if url.scheme not in ("http", "https") or not host:
        raise PaymentError(f"webhook: {text[:60]!r} is not a URL of https")
    if url.user is not None or url.password is not None:
        raise PaymentError("webhook: the URL has a user or a password; the secret authenticates")
    if is_numeric(host) and parse_ip(host) is None:
        # Systems read 127.1 and 2130706433 as addresses; a merchant means one address.
        raise PaymentError(f"webhook: {host} is neither a name nor an address of four numbers")
    if not allow_private:
        if url.scheme != "https":
            raise PaymentError("webhook: use https, or --allow-private in a network of your own")
        if parse_ip(host) is not None and not is_public(host):
            raise PaymentError(
                f"webhook: {host} is not on the public internet; --allow-private permits it"
            )
    return url


class CheckedResolver(AbstractResolver):
    """Resolves names, and refuses those with an address that is not public."""

    def __init__(self, *, allow_private: bool, lookup: Lookup | None = None) -> None:
        self._allow_private = allow_private
        self._lookup = lookup or _system_lookup

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        """Return the addresses of a name. Raises OSError if one of them is not public."""
        addresses = await self._lookup(host, port)
        if not addresses:
            raise OSError(None, f"{host} has no address")
        for address in addresses:
            if not self._allow_private and not is_public(address):
                raise OSError(
                    None,
                    f"{host} is at {address}, which is not on the public internet; "
                    "--allow-private permits it",
                )
        return [
            ResolveResult(
                hostname=host,
                host=address,
                port=port,
                family=socket.AF_INET6 if ":" in address else socket.AF_INET,
                proto=0,
                flags=socket.AI_NUMERICHOST | socket.AI_NUMERICSERV,
            )
            for address in addresses
        ]

    async def close(self) -> None:
        """Do nothing: a lookup holds no resource."""


class Transport:
    """Sends deliveries to one URL; made by `open`."""

    def __init__(self, session: aiohttp.ClientSession, url: URL) -> None:
        self._session = session
        self._url = url

    @classmethod
    @asynccontextmanager
    async def open(
        cls,
        url: str,
        *,
        allow_private: bool = False,
        timeout_s: float = TIMEOUT_S,
        lookup: Lookup | None = None,
    ) -> AsyncIterator[Self]:
        """Make a transport. Raises PaymentError for a URL to which nothing may be sent."""
        checked = checked_url(url, allow_private=allow_private)
        connector = aiohttp.TCPConnector(
            resolver=CheckedResolver(allow_private=allow_private, lookup=lookup),
            use_dns_cache=False,
            force_close=True,
        )
        async with aiohttp.ClientSession(
            connector=connector,
            cookie_jar=aiohttp.DummyCookieJar(),
            timeout=aiohttp.ClientTimeout(total=timeout_s),
            trust_env=False,
            auto_decompress=False,
        ) as session:
            yield cls(session, checked)

    async def post(self, headers: Mapping[str, str], body: bytes) -> Result:
        """Send a body once. Failures are results: only a cancelled task raises."""
        try:
            async with self._session.post(
                self._url, data=body, headers=headers, allow_redirects=False
            ) as response:
                status = response.status
        except TimeoutError:
            return Result(Answer.FAILED, "no answer in time")
        except (aiohttp.ClientError, OSError, ValueError) as error:
            return Result(Answer.FAILED, str(error) or type(error).__name__)
        if 200 <= status < 300:
            return Result(Answer.ACCEPTED, "")
        return Result(Answer.GONE if status == _GONE else Answer.FAILED, f"status {status}")


async def _system_lookup(host: str, port: int) -> list[str]:
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [str(address[0]) for *_, address in found]
