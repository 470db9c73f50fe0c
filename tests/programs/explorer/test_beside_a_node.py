"""An explorer beside a node: it starts without a warning, and ends when the node is killed."""

from __future__ import annotations

import re
import signal
import time
from collections.abc import Callable
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

from btt_chain.testing.process import free_ports
from support.running import running

PATIENCE = 200


def until(what: str, check: Callable[[], bool]) -> None:
    end = time.monotonic() + PATIENCE
    while not check():
        assert time.monotonic() < end, what
        time.sleep(0.05)


def is_served(address: str) -> bool:
    try:
        with urlopen(address, timeout=5):
            return True
    except (URLError, ConnectionError):
        return False


def test_an_explorer_beside_a_node_ends_with_a_node_that_is_killed(tmp_path: Path) -> None:
    rpc, p2p = free_ports(2)
    words = (
        "node", "--dev", "--base-path", str(tmp_path / "node"), "--explorer", "--explorer-port",
        "0", "--rpc-port", str(rpc), "--port", str(p2p),
    )  # fmt: skip
    with running(tmp_path / "log", *words) as node:
        pages = re.search(r"http://\S+", node.wait_for("explorer: http://"))
        assert pages is not None
        until("the pages answer", lambda: is_served(f"{pages[0]}audit.json"))
        assert "cannot connect" not in node.text()
        node.stop(signal.SIGKILL)
        until("the explorer ends", lambda: not is_served(f"{pages[0]}audit.json"))
