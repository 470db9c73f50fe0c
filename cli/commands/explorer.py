"""`btt-chain explorer`: pages of a chain in the browser, from an index of its own."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

import click

from btt_chain.extras import needs_extra
from btt_chain.primitives.digits import whole_number
from btt_chain.web.addresses import is_here
from cli.common import show
from cli.common.errors import ExitCode, Mistyped, NotFound, Refused
from cli.common.logs import log_option, parse_filters, start
from cli.common.options import (
    DEFAULT_URL,
    Command,
    Group,
    base_path_option,
    examples,
    json_option,
)

if TYPE_CHECKING:
    from btt_chain.explorer.audit import Trie
    from btt_chain.explorer.doctor import Finding
    from btt_chain.explorer.service import Settings
    from btt_chain.web.proxies import Proxies

LISTEN: Final = "127.0.0.1:4480"
MAX_DAYS: Final = 36_500
DOCTOR_SECONDS: Final = 10.0
NODE_SECONDS: Final = 30.0
"""Maximum time for the start of a node that this program is started with."""
"""Seconds that the page of the node's health waits for an answer."""


def explorer_options(command: Command) -> Command:
    """Add the options of an index."""
    base = base_path_option("The folder of the index. [default: ~/.local/share/btt-chain/explorer]")
    url = click.option(
        "--url",
        envvar="BTT_URL",
        default=DEFAULT_URL,
        show_default=True,
        show_envvar=True,
        help="The node whose chain is shown; any Substrate node.",
    )
    return url(base(command))


@examples(
    "btt-chain explorer",
    "btt-chain explorer --url ws://127.0.0.1:9944 --base-path index --listen 127.0.0.1:8080",
    "btt-chain explorer --base-path index --keep 30d",
    "btt-chain explorer audit --base-path index --json",
)
@click.group(cls=Group, invoke_without_command=True)
@explorer_options
@click.option(
    "--listen", default=LISTEN, show_default=True, metavar="HOST:PORT",
    help="Where the pages are served; port 0 takes a free one.",
)  # fmt: skip
@click.option("--public", is_flag=True, help="Let other machines read the pages.")
@click.option(
    "--trusted-proxy", "proxies", multiple=True, metavar="ADDRESS",
    help="Count requests by this proxy for the caller in X-Forwarded-For. Address or network; "
    "repeatable.",
)  # fmt: skip
@click.option(
    "--host", "hosts", multiple=True, metavar="NAME",
    help="Answer under this name, too, as a tunnel or proxy asks for; repeatable. With --public, "
    "any name is answered.",
)  # fmt: skip
@click.option(
    "--from", "first", type=click.IntRange(min=0), default=0, show_default=True,
    help="The first block of a new index, for a node without the states of older ones.",
)  # fmt: skip
@click.option(
    "--keep", metavar="DAYS",
    help="Delete extrinsics and events that are older, such as 30d; accounts and totals stay.",
)  # fmt: skip
@click.option("--until-input-ends", is_flag=True, hidden=True, help="End with standard input.")
@log_option
@click.pass_context
def explorer(
    ctx: click.Context, url: str, base_path: Path | None, listen: str, public: bool,
    proxies: tuple[str, ...], hosts: tuple[str, ...], first: int, keep: str | None,
    until_input_ends: bool, filters: str,
) -> None:  # fmt: skip
    """Index the chain of a node and show it as web pages, until Ctrl-C.

    The index is one file, made by JSON-RPC only; it can be deleted at any time and is made again.
    The pages say up to which block the index is complete, and audited.
    """
    if ctx.invoked_subcommand is not None:
        return
    import asyncio

    from btt_chain.explorer.index.store import IndexRefused
    from cli.common.session import run_until_stopped

    start(parse_filters(filters))
    host, port = address_of(listen, is_public=public)
    settings = replace(
        _settings(
            url, base_path, host=host, port=port, first=first, keep_ms=keep_of(keep),
            is_public=public,
        ),
        proxies=proxies_of(proxies),
        hosts=hosts,
    )  # fmt: skip
    if until_input_ends:
        _end_with_input()
        _wait_for_node(url)
    from btt_chain.explorer.service import run

    try:
        # Not uvloop: it takes 2 MiB, and the pages' time is that of their making.
        run_until_stopped(run(settings))
    except IndexRefused as error:
        raise Refused(str(error)) from None
    except asyncio.CancelledError:
        raise click.Abort from None


@examples("btt-chain explorer audit", "btt-chain explorer audit --base-path index --json")
@explorer.command()
@explorer_options
@json_option
def audit(url: str, base_path: Path | None, as_json: bool) -> None:
    """Audit the index against its node now. Exit code 1 if a check fails."""
    from btt_chain.explorer.audit import BAD
    from btt_chain.explorer.index.store import IndexRefused
    from btt_chain.explorer.service import FILE
    from btt_chain.explorer.service import audit as audit_index
    from cli.common.session import run

    settings = _settings(url, base_path)
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
    if any(each.result == BAD for each in report):
        raise click.exceptions.Exit(ExitCode.REFUSED)


def address_of(listen: str, *, is_public: bool) -> tuple[str, int]:
    """Return host and port of HOST:PORT. Mistyped if other machines could read it unasked."""
    host, colon, port = listen.rpartition(":")
    host = host.strip("[]")
    number = whole_number(port, 65_535)
    if not colon or not host or number is None:
        raise Mistyped(f"{listen!r} is not an address: write it like {LISTEN}")
    if not is_here(host) and not is_public:
        raise Mistyped(f"other machines could read the pages on {host}: if so, add --public")
    return host, number


def proxies_of(given: Sequence[str]) -> Proxies:
    """Return the proxies whose reports are believed. Raises Mistyped."""
    from btt_chain.web.proxies import Proxies

    try:
        return Proxies(given)
    except ValueError as error:
        raise Mistyped(f"--trusted-proxy: {error}") from None


def keep_of(text: str | None) -> int | None:
    """Return the milliseconds of a number of days, such as `30d`. Raises Mistyped."""
    if text is None:
        return None
    days = whole_number(text.removesuffix("d"), MAX_DAYS)
    if not days:
        raise Mistyped(f"{text!r} is not a number of days: write it like 30d, 1d at least")
    return days * 86_400_000


def _wait_for_node(url: str) -> None:
    """Wait until the node that this program is started with accepts connections.

    It starts at the same time, and would be reported as missing. One that never does so is.
    """
    import socket

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


def _settings(
    url: str, base_path: Path | None, host: str = "127.0.0.1", port: int = 0, first: int = 0, *,
    keep_ms: int | None = None, is_public: bool = False,
) -> Settings:  # fmt: skip
    check_installed()
    from btt_chain.explorer.service import Settings

    def ready(address: str) -> None:
        show.note(f"explorer: {address}")

    return Settings(
        url,
        base_path or default_base(),
        _trie(),
        host,
        port,
        first,
        keep_ms,
        is_public=is_public,
        examine=lambda: _examine(url),
        on_ready=ready,
    )


async def _examine(url: str) -> list[Finding]:
    """Return the checks of `btt-chain doctor` that need no files of the node."""
    from btt_chain.explorer.doctor import Finding
    from cli.commands.doctor import look_at_node

    checks = await look_at_node(url, DOCTOR_SECONDS)
    return [Finding(each.name, each.verdict.value, each.seen, each.todo) for each in checks]


def check_installed() -> None:
    """Raise Refused if the pages' package is missing."""
    if find_spec("jinja2") is None:
        raise Refused(needs_extra("the explorer's pages need jinja2 from", "explorer"))


def default_base() -> Path:
    """Return the folder of the index if none is named."""
    from btt_chain.node.service.paths import default_base_path

    return default_base_path() / "explorer"


def _trie() -> Trie:
    from btt_chain.explorer.audit import Trie
    from storage.trie import ordered_root, verify_proof

    return Trie(verify_proof, ordered_root)
