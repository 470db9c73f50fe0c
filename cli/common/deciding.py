"""Calls that only a decision makes: proposed to a track, or sent with the sudo key."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from typing import Final

import click

from btt_chain.client.chain import Chain
from btt_chain.client.transactions import Call, Included
from btt_chain.present import Json
from cli.common import show
from cli.common.errors import Mistyped
from cli.common.options import Command
from cli.common.sending import Sender, optional_sending_options
from cli.common.signers import carrying

TYPED: Final = click.core.ParameterSource.COMMANDLINE
ASKING: Final = ("dry_run", "yes", "force")
"""Options that ask for less than sending, which is what happens without `--sudo`."""


def deciding_options(command: Command) -> Command:
    """Add `--sudo`, and the options of a signed call that goes with it."""
    sudo = click.option(
        "--sudo", is_flag=True, help="Send it with the sudo key, where there is one."
    )
    return sudo(optional_sending_options(command))


def print_proposal(
    name: str, raw: bytes, words: Sequence[str], track: str, members: Mapping[str, Json] | None
) -> None:
    """Print a call, and the command that proposes it to a track.

    `name` is that of pallet and call, `words` are its arguments as they are typed. `members` are
    the command's own values in JSON; None for readers.
    """
    line = f"btt-chain gov propose {name} {shlex.join(words)} --track {track} --from URI"
    if members is not None:
        show.document({**members, "call": "0x" + raw.hex(), "propose": line})
        return
    show.note(f"the {track} track decides about this; propose it:")
    click.echo(line)


def is_sent_by_sudo(options: dict[str, object], *, sudo: bool) -> bool:
    """Return True if the call is sent, False if it is only shown.

    `options` are the values of the sending options. Mistyped if they do not go together.
    """
    if sudo != (options["uri"] is not None):
        raise Mistyped("--sudo goes with --from, whose key signs; leave out both for a referendum")
    if sudo:
        return True
    ctx = click.get_current_context()
    for param in ctx.command.params:
        name = param.name or ""
        if name in options and name not in ASKING and ctx.get_parameter_source(name) is TYPED:
            raise Mistyped(f"{max(param.opts, key=len)} is for sending: add --sudo and --from")
    return False


async def by_sudo(sender: Sender, chain: Chain, call: Call) -> Included:
    """Send a call with the sudo key. Raises DispatchFailed if the call itself failed."""
    return await sender.send_call(chain, carrying(chain.metadata, "Sudo.sudo", {}, call))
