"""Callers behind proxies: only named proxies are believed, and only what they added."""

from __future__ import annotations

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer
from multidict import CIMultiDict, CIMultiDictProxy

from btt_chain.web.bounds import RequestBounds
from btt_chain.web.limits import HttpLimits
from btt_chain.web.proxies import HEADER, MAX_HOPS, Proxies

LOCAL = Proxies(["127.0.0.1", "::1", "10.0.0.0/8"])


def named(**lines: str | list[str]) -> CIMultiDictProxy[str]:
    """Return headers; a list is a header for each of its lines."""
    pairs = [
        (name.replace("_", "-"), line)
        for name, value in lines.items()
        for line in ([value] if isinstance(value, str) else value)
    ]
    return CIMultiDictProxy(CIMultiDict(pairs))


@pytest.mark.parametrize(
    ("forwarded", "caller"),
    [
        (["198.51.100.7"], "198.51.100.7"),
        (["203.0.113.9, 198.51.100.7"], "198.51.100.7"),  # the first was written by the caller
        (["203.0.113.9", "198.51.100.7"], "198.51.100.7"),
        (["198.51.100.7, 10.1.2.3"], "198.51.100.7"),
        (["10.1.1.1, 127.0.0.1"], "10.1.1.1"),
        (["2001:db8::5"], "2001:db8::5"),
        (["[2001:db8::5]:443"], "2001:db8::5"),
        (["198.51.100.7:5000"], "198.51.100.7"),
        (["::ffff:198.51.100.7"], "198.51.100.7"),
        (["198.51.100.7, unknown"], "127.0.0.1"),
        ([""], "127.0.0.1"),
        ([", ".join(["10.0.0.1"] * 400)], "10.0.0.1"),
        (["198.51.100.7" + ", 10.0.0.1" * MAX_HOPS], "10.0.0.1"),
    ],
)
def test_the_caller_is_the_last_address_that_is_no_proxy(forwarded: list[str], caller: str) -> None:
    headers = named(X_Forwarded_For=forwarded)
    assert LOCAL.caller("127.0.0.1", headers) == caller
    assert LOCAL.caller("::1", headers) == ("::1" if caller == "127.0.0.1" else caller)
    assert LOCAL.caller("203.0.113.200", headers) == "203.0.113.200"


@pytest.mark.parametrize(
    ("headers", "caller"),
    [
        (
            named(Forwarded='for=203.0.113.7;proto=https, for="[2001:db8::1]:80";by=x'),
            "2001:db8::1",
        ),
        (named(Forwarded="for=203.0.113.7", X_Forwarded_For="198.51.100.7"), "198.51.100.7"),
        (named(Forwarded="proto=https"), "127.0.0.1"),
        (named(Forwarded="for=_hidden"), "127.0.0.1"),
        (named(), "127.0.0.1"),
    ],
)
def test_proxies_that_write_the_standard_header_are_read_too(
    headers: CIMultiDictProxy[str], caller: str
) -> None:
    assert LOCAL.caller("127.0.0.1", headers) == caller


def test_only_named_proxies_are_believed() -> None:
    assert Proxies().caller("127.0.0.1", named(X_Forwarded_For="198.51.100.7")) == "127.0.0.1"
    assert not Proxies().trusts("127.0.0.1")
    for address in ("127.0.0.1", "10.200.3.4", "::1", "::ffff:10.0.0.1"):
        assert LOCAL.trusts(address)
    for address in ("192.0.2.1", "?"):
        assert not LOCAL.trusts(address)


def test_a_name_is_no_proxy() -> None:
    with pytest.raises(ValueError, match="is neither an IP address nor a network"):
        Proxies(["proxy.example"])


async def statuses(proxies: Proxies, callers: list[str]) -> list[int]:
    """Return the answers to requests that a local proxy passes on, two of an address at once."""
    bounds = RequestBounds(HttpLimits(rate=1e-9, burst=2), proxies=proxies)

    async def answer(_request: web.Request) -> web.Response:
        return web.Response()

    app = web.Application(middlewares=[bounds.middleware])
    app.router.add_get("/", answer)
    async with TestClient(TestServer(app)) as client:
        return [(await client.get("/", headers={HEADER: caller})).status for caller in callers]


async def test_visitors_behind_a_trusted_proxy_have_a_rate_each() -> None:
    callers = ["198.51.100.7", "198.51.100.7", "198.51.100.7", "203.0.113.9"]
    assert await statuses(LOCAL, callers) == [200, 200, 429, 200]
    assert await statuses(Proxies(), callers) == [200, 200, 429, 429]
