"""The page for the customer's screen, and those who should not read it."""

from __future__ import annotations

import asyncio

import pytest

from cli.common.customer_display import serving


async def answer(port: int, *headers: str, path: str = "/state") -> str:
    """Return the first line of the answer to a request with these headers."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(
        "\r\n".join((f"GET {path} HTTP/1.1", *headers, "Connection: close", "", "")).encode()
    )
    line = (await reader.readline()).decode().strip()
    writer.close()
    await writer.wait_closed()
    return line


def port_of(url: str) -> int:
    return int(url.rstrip("/").rpartition(":")[2])


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("localhost:PORT", 200),
        ("LOCALHOST:PORT", 200),
        ("127.0.0.1:PORT", 200),
        ("[::1]:PORT", 200),
        ("localhost", 200),  # port 80, which browsers leave out
        ("evil.example", 403),
        ("evil.example:PORT", 403),
        ("localhost.evil.example:PORT", 403),
        ("localhost:evil", 403),
        ("localhost,evil.example:PORT", 403),
        ("", 403),
    ],
)
async def test_only_names_of_this_machine_read_the_till(host: str, status: int) -> None:
    # A page whose name resolves to this machine (DNS rebinding) sends its own name.
    async with serving(0) as display:
        port = port_of(display.url)
        header = "Host: " + host.replace("PORT", str(port))
        for path in ("/", "/state"):
            assert f" {status} " in await answer(port, header, path=path)


async def test_what_is_no_http_is_not_shown_at_the_till(
    capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    async with serving(0) as display:
        port = port_of(display.url)
        assert " 400 " in await answer(port, "Host: a", "Host: localhost")
    assert (capfd.readouterr().err, caplog.text) == ("", "")


async def test_requests_that_never_end_delay_nothing() -> None:
    async with serving(0) as display:
        port = port_of(display.url)
        slow = [await asyncio.open_connection("127.0.0.1", port) for _ in range(100)]
        for _, writer in slow:
            writer.write(b"GET / HT")
        assert " 200 " in await asyncio.wait_for(answer(port, "Host: localhost"), 5)
        begun = asyncio.get_running_loop().time()
    assert asyncio.get_running_loop().time() - begun < 10
    for _, writer in slow:
        writer.close()
