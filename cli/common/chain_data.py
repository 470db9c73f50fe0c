"""Shared by commands that open a chain's data: the chain, its path, and plain errors.

The parts of a node take seconds to import: they are imported where data are opened.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from btt_chain.node.paths import default_base_path
from cli.common.errors import Mistyped, NotFound, Refused, hint, similar_names
from cli.common.options import Command, chain_names
from genesis.presets import ALIASES, CHAINS

if TYPE_CHECKING:
    from btt_chain.node.lifecycle import OpenChain


def data_options(command: Command) -> Command:
    """Add the options of the chain and its data."""
    options = [
        click.option("--dev", is_flag=True, help="The same as --chain dev."),
        click.option(
            "--chain",
            metavar="NAME|FILE",
            shell_complete=chain_names,
            help="The chain, as for `node`.",
        ),
        click.option(
            "-d",
            "--base-path",
            type=click.Path(file_okay=False, path_type=Path),
            help="Where data is kept. [default: ~/.local/share/btt-chain]",
        ),
    ]
    for option in reversed(options):
        command = option(command)
    return command


def chain_name(dev: bool, chain: str | None) -> str:
    """Return the chain of the options."""
    if dev and chain not in {None, "dev"}:
        raise Mistyped("--dev is the chain dev: leave out either --dev or --chain")
    if not dev and not chain:
        raise Mistyped("which chain? Give --dev, or --chain with a name or a file")
    return known_chain(chain or "dev")


@contextmanager
def opened(chain: str, base_path: Path | None) -> Iterator[OpenChain]:
    """Open the chain's data, closed at the end; errors become one line."""
    from btt_chain.node.config import NodeConfig
    from btt_chain.node.lifecycle import open_chain

    config = NodeConfig(chain, base_path or default_base_path())
    with plain_errors():
        data = open_chain(config, create=False)
        try:
            yield data
        finally:
            data.close()


def known_chain(name: str) -> str:
    """Return the name of a chain or of a file; NotFound if it is neither."""
    from genesis.catalogue import chain_named

    if chain_named(name) is None and not Path(name).is_file():
        known = (*CHAINS, *ALIASES)
        near = f"; {hint(name, known)}" if similar_names(name, known) else ""
        raise NotFound(f"{name} is neither a file nor one of the chains {', '.join(known)}{near}")
    return name


@contextmanager
def plain_errors() -> Iterator[None]:
    """Turn the errors of a node for its operator into errors of commands."""
    from btt_chain.chain.client import UnknownBlock
    from btt_chain.chain.runtimes import UnsupportedRuntime
    from btt_chain.consensus.finality.records import BadRecord
    from btt_chain.keystore.errors import KeystoreError, RecordError
    from btt_chain.node.descriptors import TooFewDescriptors
    from btt_chain.node.lifecycle import WrongChain
    from btt_chain.node.sealing import SealingFailed
    from btt_chain.node.service import PortTaken
    from genesis.checkpoint import UntrustedDatabase
    from genesis.spec import SpecError
    from p2p.errors import NetworkError
    from runtime.frame import MigrationFailed
    from storage.kv import StorageError

    try:
        yield
    except UnknownBlock as error:
        raise NotFound(str(error)) from error
    except PortTaken as error:
        raise Refused(_with_program(str(error), error.port)) from error
    except (
        BadRecord, KeystoreError, MigrationFailed, NetworkError, UnsupportedRuntime,
        RecordError, SealingFailed, SpecError, StorageError, TooFewDescriptors,
        UntrustedDatabase, WrongChain,
    ) as error:  # fmt: skip
        raise Refused(str(error)) from error
    except ValueError as error:
        # The node's error for a flag that does not fit the chain begins with the flag.
        if str(error).startswith("--"):
            raise Mistyped(str(error)) from error
        raise


def _with_program(text: str, port: int) -> str:
    """Return the error of a taken port with the program that has it, if the system names it."""
    from btt_chain.testing.process import listener

    who = listener(port)
    return text if who is None else text.replace("another program", who)
