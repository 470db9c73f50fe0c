"""An explorer beside a node: it starts without a warning, and ends when the node is killed."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

from btt_chain.testing.process import free_ports
from support.vectors import REPOSITORY

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
    log = tmp_path / "log"
    words = ["node", "--dev", "--base-path", str(tmp_path / "node"), "--explorer"]
    pages_port = ["--explorer-port", "0"]
    rpc, p2p = free_ports(2)
    ports = ["--rpc-port", str(rpc), "--port", str(p2p)]
    with log.open("w") as out:
        node = subprocess.Popen(
            [sys.executable, "-P", "-m", "cli.main", *words, *pages_port, *ports],
            env=os.environ | {"PYTHONPATH": str(REPOSITORY)},
            stdout=out,
            stderr=out,
        )
    try:
        pages: list[str] = []

        def has_address() -> bool:
            pages[:] = re.findall(r"explorer: (http://\S+)", log.read_text())
            return bool(pages) and is_served(f"{pages[0]}audit.json")

        until("the pages answer", has_address)
        assert "cannot connect" not in log.read_text()
        node.send_signal(signal.SIGKILL)
        node.wait(PATIENCE)
        until("the explorer ends", lambda: not is_served(f"{pages[0]}audit.json"))
    finally:
        node.kill()
        node.wait(PATIENCE)
