"""The options of `btt-chain node`, in the groups of its help."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import Final

import click
from click.core import ParameterSource

from btt_chain.extras import needs_extra
from btt_chain.primitives.digits import U32, whole_number
from cli.common.errors import Refused
from cli.common.options import Command, add_options
from cli.common.types import Form, hash_bytes

DEV_NAMES: Final = ("alice", "bob", "charlie", "dave", "eve", "ferdie", "one", "two")
"""The well-known development keys, each a flag as in Substrate."""

PORT: Final = click.IntRange(0, 65_535)


def _block(text: str) -> tuple[int, bytes] | None:
    """Return the height and hash of a block; None for other texts."""
    height, _, digits = text.partition(":")
    number, hash = whole_number(height, U32), hash_bytes(digits)
    return None if number is None or hash is None else (number, hash)


TRUSTED_BLOCK: Final = Form(
    "HEIGHT:HASH",
    _block,
    "not a block: write its height, a colon and its hash, such as 1200000:0x6f2c… with 64 hex "
    "digits (`btt-chain query block HEIGHT` prints both)",
)


def network_options(command: Command) -> Command:
    """Add the options of peers and addresses."""
    return add_options(
        command,
        click.option(
            "--port", type=PORT, default=30_333, show_default=True,
            help="The port other nodes reach this one on; 0 takes a free one.",
        ),
        click.option(
            "--listen-addr", "listen", multiple=True, metavar="MULTIADDR",
            help="Where to listen, instead of every IPv4 address on --port. Repeatable.",
        ),
        click.option(
            "--public-addr", "public", multiple=True, metavar="MULTIADDR",
            help="An address to announce to other nodes, where it is not the one they see. "
            "Repeatable.",
        ),
        click.option(
            "--bootnodes", multiple=True, metavar="MULTIADDR[,…]",
            help="Nodes to begin with, besides those of the chain's specification.",
        ),
        click.option(
            "--reserved-nodes", "reserved", multiple=True, metavar="MULTIADDR[,…]",
            help="Nodes to stay connected with, past all limits.",
        ),
        click.option(
            "--reserved-only", is_flag=True, help="Know no other nodes than the reserved ones.",
        ),
        click.option(
            "--in-peers", type=click.IntRange(0, 500), default=40, show_default=True,
            help="Nodes that may connect to this one, at most.",
        ),
        click.option(
            "--out-peers", type=click.IntRange(0, 100), default=10, show_default=True,
            help="Nodes that this one connects to, at most.",
        ),
        click.option(
            "--node-key", metavar="HEX",
            help="The secret of the identity on the network, 32 bytes; for tests: others on "
            "this machine can read it.",
        ),
        click.option(
            "--node-key-file", type=click.Path(exists=True, dir_okay=False, path_type=Path),
            help="A file with that secret, hex or 32 raw bytes. [default: made and kept]",
        ),
        click.option(
            "--no-mdns", is_flag=True, help="Do not look for nodes on the local network.",
        ),
        click.option(
            "--allow-private-ip/--no-private-ip", "allow_private", default=None,
            help="Connect to private addresses. [default: not on Live chains]",
        ),
        click.option(
            "--sync", type=click.Choice(["full", "warp"]), default="full", show_default=True,
            help="Execute all blocks, or begin at the last final state and fetch the blocks "
            "before it later.",
        ),
        click.option(
            "--trusted-block", type=TRUSTED_BLOCK, metavar="HEIGHT:HASH",
            help="A block that the chain must have, from a source that you trust: peers of "
            "another chain are left alone.",
        ),
        click.option(
            "--sync-helper", type=click.Choice(["auto", "off"]), default="off",
            show_default=True,
            help="During a long sync, check signatures of the next blocks in a process beside, "
            "if there is a second core.",
        ),
        click.option(
            "--prometheus-port", type=PORT, default=9615, show_default=True,
            help="The port of the figures for Prometheus.",
        ),
        click.option(
            "--prometheus-external", is_flag=True, help="Show figures to other machines too.",
        ),
        click.option("--no-prometheus", is_flag=True, help="Show no figures."),
    )  # fmt: skip


def validator_options(command: Command) -> Command:
    """Add the options of validators and their keys."""
    return add_options(
        command,
        click.option(
            "--validator", is_flag=True,
            help="Make blocks and vote, with the session keys in the keystore.",
        ),
        *(
            click.option(
                f"--{name}", "dev_names", flag_value=name, multiple=True,
                help=f"The same with the development keys //{name.capitalize()}."
                if name == "alice" else None, hidden=name != "alice",
            )
            for name in DEV_NAMES
        ),
        click.option(
            "--dev-key", "dev_keys", multiple=True, metavar="URI",
            help="The same with session keys of a secret URI, held in memory.",
        ),
        click.option(
            "--force-authoring", is_flag=True,
            help="Make blocks without peers and while syncing, too.",
        ),
        click.option(
            "--no-verify-work", is_flag=True,
            help="Do not check others' work, though a key here is a verifier's: it is "
            "selected all the same, and removed after three silences.",
        ),
        click.option("--password", help="The keystore's password; others here can read it."),
        click.option(
            "--password-filename", "password_file", metavar="FILE",
            type=click.Path(exists=True, dir_okay=False, path_type=Path),
            help="A file that holds the keystore's password.",
        ),
        click.option(
            "--password-interactive", is_flag=True, help="Ask for the keystore's password.",
        ),
        click.option(
            "--i-know-this-key-never-signed", "never_signed", is_flag=True,
            help="Begin a signing record for keys that have none, and watch a session first. "
            "If the key did sign elsewhere, its bond is lost.",
        ),
    )  # fmt: skip


def forwarding_option(command: Command) -> Command:
    """Add the options of proxies between callers and the node."""
    return add_options(
        command,
        click.option(
            "--rpc-trusted-proxy", "trusted_proxies", multiple=True, metavar="IP|CIDR",
            help="A proxy whose X-Forwarded-For (or Forwarded) is believed: callers have the "
            "limits and rights of their own address. Repeatable.",
        ),
        click.option(
            "--rpc-host", "rpc_hosts", multiple=True, metavar="NAME",
            help="A name under which a proxy reaches this node, besides localhost. Repeatable.",
        ),
    )  # fmt: skip


def check_explorer() -> None:
    """Raise Refused if the package of the explorer's pages is missing."""
    if find_spec("jinja2") is None:
        raise Refused(needs_extra("the explorer's pages need jinja2 from", "explorer"))


def asked_for(*names: str) -> bool:
    """Return True if any of these options of the present command was given."""
    context = click.get_current_context()
    return any(context.get_parameter_source(name) is not ParameterSource.DEFAULT for name in names)


def was_typed(name: str) -> bool:
    """Return True if this option of the present command was given by itself, not by a variable."""
    source = click.get_current_context().get_parameter_source(name)
    return source is ParameterSource.COMMANDLINE
