"""`btt-chain explorer`: pages of a chain in the browser, from an index of its own."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Final

import click

from btt_chain.primitives.digits import whole_number
from btt_chain.web.addresses import is_here
from cli.common.errors import ExitCode, Mistyped
from cli.common.logs import log_option, parse_filters, start
from cli.common.node_options import check_explorer
from cli.common.options import (
    DEFAULT_URL,
    Command,
    Group,
    base_path_option,
    examples,
    json_option,
)

LISTEN: Final = "127.0.0.1:4480"
MAX_DAYS: Final = 36_500


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
    start(parse_filters(filters))
    host, port = address_of(listen, is_public=public)
    kept_ms = keep_of(keep)
    check_explorer()
    # Imported here, and in `audit`: the pages need an extra package, and take a second to import.
    from cli.commands.explorer_program import proxies_of, serve, settings_of

    settings = settings_of(url, base_path)
    serve(
        replace(
            settings, host=host, port=port, first=first, keep_ms=kept_ms, is_public=public,
            proxies=proxies_of(proxies), hosts=hosts,
        ),
        until_input_ends=until_input_ends,
    )  # fmt: skip


@examples("btt-chain explorer audit", "btt-chain explorer audit --base-path index --json")
@explorer.command()
@explorer_options
@json_option
def audit(url: str, base_path: Path | None, as_json: bool) -> None:
    """Audit the index against its node now. Exit code 1 if a check fails."""
    check_explorer()
    from cli.commands.explorer_program import print_audit

    if not print_audit(url, base_path, as_json=as_json):
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


def keep_of(text: str | None) -> int | None:
    """Return the milliseconds of a number of days, such as `30d`. Raises Mistyped."""
    if text is None:
        return None
    days = whole_number(text.removesuffix("d"), MAX_DAYS)
    if not days:
        raise Mistyped(f"{text!r} is not a number of days: write it like 30d, 1d at least")
    return days * 86_400_000
