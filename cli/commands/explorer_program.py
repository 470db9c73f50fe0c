"""The explorer of `btt-chain explorer`: its settings, its run, and an audit of its index."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import click

from btt_chain.explorer.audit import BAD, Trie
from btt_chain.explorer.doctor import Finding
from btt_chain.explorer.index.store import IndexRefused
from btt_chain.explorer.service import FILE, Settings
from btt_chain.explorer.service import audit as audit_index
from btt_chain.explorer.service import run as run_explorer
from btt_chain.web.proxies import Proxies
from cli.common import show
from cli.common.errors import Mistyped, NotFound, Refused
from cli.common.session import run, run_until_stopped
from storage.trie import ordered_root, verify_proof

DOCTOR_SECONDS: Final = 10.0
"""Seconds that the page of the node's health waits for an answer."""
NODE_SECONDS: Final = 30.0
"""Maximum time for the start of a node that this program is started with."""


def serve(settings: Settings, *, until_input_ends: bool) -> None:
    """Index a chain and serve its pages, until Ctrl-C; or until the end of standard input."""
    if until_input_ends:
        _end_with_input()
        _wait_for_node(settings.url)
    try:
        # Not uvloop: it takes 2 MiB, and the pages' time is that of their making.
        run_until_stopped(run_explorer(settings))
    except IndexRefused as error:
        raise Refused(str(error)) from None
    except asyncio.CancelledError:
        raise click.Abort from None


def print_audit(url: str, base_path: Path | None, *, as_json: bool) -> bool:
    """Audit the index against its node, and print the result; return True if no check fails."""
    settings = settings_of(url, base_path)
    if not (settings.base / FILE).is_file():
        raise NotFound(f"there is no index in {settings.base}: `btt-chain explorer` makes one")
    try:
        height, report = run(audit_index(settings))
    except IndexRefused as error:
        raise Refused(str(error)) from None
    if as_json:
        show.document(
            {
                "height": height,
                "checks": [
                    {"name": each.name, "result": each.result, "detail": each.detail}
                    for each in report
                ],
            }
        )
    else:
        show.note(f"audit at final block {height}")
        show.table(("check", "result", "detail"), [(c.name, c.result, c.detail) for c in report])
    return not any(each.result == BAD for each in report)


def settings_of(url: str, base_path: Path | None) -> Settings:
    """Return the settings of an explorer of the chain of a node."""

    def ready(address: str) -> None:
        show.note(f"explorer: {address}")

    return Settings(
        url,
        base_path or _default_base(),
        trie(),
        examine=lambda: _examine(url),
        on_ready=ready,
    )


def trie() -> Trie:
    """Return the functions of tries by which an index is audited."""
    return Trie(verify_proof, ordered_root)


def proxies_of(given: Sequence[str]) -> Proxies:
    """Return the proxies whose reports are believed. Raises Mistyped."""
    try:
        return Proxies(given)
    except ValueError as error:
        raise Mistyped(f"--trusted-proxy: {error}") from None


def _wait_for_node(url: str) -> None:
    """Wait until the node that this program is started with accepts connections.

    It starts at the same time, and would be reported as missing. One that never does so is.
    """
    node = urlsplit(url)
    end = time.monotonic() + NODE_SECONDS
    while time.monotonic() < end:
        with suppress(OSError), socket.create_connection((node.hostname, node.port), timeout=1):
            return
        time.sleep(0.05)


def _end_with_input() -> None:
    """Interrupt this process when its standard input ends: its parent is gone, however it ended."""

    def wait() -> None:
        while sys.stdin.buffer.read(1024):
            pass
        os.kill(os.getpid(), signal.SIGINT)

    threading.Thread(target=wait, daemon=True).start()


async def _examine(url: str) -> list[Finding]:
    """Return the checks of `btt-chain doctor` that need no files of the node."""
    # Imported here, and in `_default_base`: an explorer keeps nothing of a node in memory.
    from cli.commands.doctor import look_at_node

    checks = await look_at_node(url, DOCTOR_SECONDS)
    return [Finding(each.name, each.verdict.value, each.seen, each.todo) for each in checks]


def _default_base() -> Path:
    """Return the folder of the index if none is named."""
    from btt_chain.node.service.paths import default_base_path

    return default_base_path() / "explorer"
