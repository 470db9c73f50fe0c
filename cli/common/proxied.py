"""Programs that act for an account by a proxy's key: `--proxy-for`.

A machine that runs day and night then holds no key that moves the institution's money. The account
appoints the proxy once (`Proxy.add_proxy`, type NonTransfer).
"""

from __future__ import annotations

import click

from cli.common.options import Command


def proxy_option(command: Command) -> Command:
    """Add `--proxy-for` to a program that signs by itself."""
    return click.option(
        "--proxy-for",
        metavar="ACCOUNT",
        help="Act for this account, as its proxy of type NonTransfer; --from is the proxy's key.",
    )(command)
