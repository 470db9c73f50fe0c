"""Many and slow clients: the explorer serves others meanwhile, in bounded memory."""

from __future__ import annotations

import json
import socket
import time
from contextlib import ExitStack
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import urlopen

import psutil
import pytest

from btt_chain.explorer.live import MAX_LISTENERS
from support.explorer import explorer_process
from support.instant_node import instant_node

pytestmark = pytest.mark.full

PATIENCE = 200
LISTENERS = 10_000
AT_ONCE = 600
"""Number of connections that a test may have open: files are few."""
SLOW = 300
IDLE = 60_000_000
"""Maximum number of bytes of an explorer that has indexed and audited, and serves no client."""
GROWTH = 64 << 20
"""Maximum number of bytes by which the process may grow."""


def connect(address: str, stack: ExitStack, request: bytes) -> socket.socket:
    """Send the beginning of a request, and keep the connection open."""
    parts = urlsplit(address)
    assert parts.port is not None
    made = stack.enter_context(socket.create_connection((parts.hostname, parts.port), PATIENCE))
    made.sendall(request)
    return made


def is_audited(address: str) -> bool:
    with urlopen(f"{address}audit.json", timeout=PATIENCE) as answer:
        return bool(json.load(answer)["audits"])


def is_served(address: str) -> bool:
    with urlopen(f"{address}audit.json", timeout=PATIENCE) as answer:
        return "complete" in json.load(answer)


def test_listeners_and_slow_clients_take_neither_memory_nor_the_place_of_others(
    tmp_path: Path,
) -> None:
    with (
        instant_node(tmp_path / "node") as url,
        explorer_process(url, tmp_path / "index") as (process, address),
    ):
        end = time.monotonic() + PATIENCE
        while not is_audited(address):
            assert time.monotonic() < end
            time.sleep(0.2)
        memory = psutil.Process(process.pid).memory_info
        before = memory().rss
        assert before <= IDLE
        live = b"GET /live HTTP/1.1\r\nHost: x\r\n\r\n"
        refused = 0
        for _ in range(LISTENERS // AT_ONCE + 1):
            with ExitStack() as stack:
                opened = [connect(address, stack, live) for _ in range(AT_ONCE)]
                for each in opened[MAX_LISTENERS:]:
                    try:
                        refused += each.recv(64)[:12] != b"HTTP/1.1 200"
                    except ConnectionError:
                        refused += 1
        assert refused > 0
        with ExitStack() as stack:
            slow = [connect(address, stack, b"GET / HTTP/1.1\r\nHo") for _ in range(SLOW)]
            for _ in range(5):
                for each in slow:
                    try:
                        each.sendall(b"s")
                    except ConnectionError:
                        continue  # the server has cut it
        assert is_served(address)
        assert memory().rss - before < GROWTH
