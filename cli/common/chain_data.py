"""Shared by commands that open a chain's data: the chain, its path, and plain errors.

The parts of a node take seconds to import: they are imported where data are opened.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from btt_chain.node.service.paths import default_base_path
from cli.common.errors import Mistyped, NotFound, Refused, hint, similar_names
from cli.common.options import Command, add_options, chain_names, data_path_option
from genesis.presets import ALIASES, CHAINS

if TYPE_CHECKING:
    from btt_chain.node.service.lifecycle import OpenChain
    from genesis.presets import Chain


def data_options(command: Command) -> Command:
    """Add the options of the chain and its data."""
    return add_options(
        command,
        click.option("--dev", is_flag=True, help="The same as --chain dev."),
        click.option(
            "--chain", metavar="NAME|FILE", shell_complete=chain_names,
            help="The chain, as for `node`.",
        ),
        data_path_option,
    )  # fmt: skip


def live_chain_options(command: Command) -> Command:
    """Add the options of the Live chain that a network is made from, and of the network's id."""
    return add_options(
        command,
        click.option(
            "--chain", "preset", metavar="NAME", required=True,
            help="The Live chain that the network is made from: testnet, mainnet, seed-001, ...",
        ),
        click.option("--id", "chain_id", help="The id of the network. [default: the chain's]"),
    )  # fmt: skip


def live_chain(preset: str) -> Chain:
    """Return the Live chain that a network is made from. NotFound for another name."""
    chain = _chain_named(preset)
    if chain is None or not chain.is_live:
        raise NotFound(f"--chain {preset}: a ceremony is for a Live chain, such as testnet")
    return chain


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
    from btt_chain.node.service.config import NodeConfig
    from btt_chain.node.service.lifecycle import open_chain

    config = NodeConfig(chain, base_path or default_base_path())
    with plain_errors():
        data = open_chain(config, create=False)
        try:
            yield data
        finally:
            data.close()


def known_chain(name: str) -> str:
    """Return the name of a chain or of a file; NotFound if it is neither."""
    if _chain_named(name) is None and not Path(name).is_file():
        known = (*CHAINS, *ALIASES)
        near = f"; {hint(name, known)}" if similar_names(name, known) else ""
        raise NotFound(f"{name} is neither a file nor one of the chains {', '.join(known)}{near}")
    return name


def _chain_named(name: str) -> Chain | None:
    from genesis.catalogue import chain_named

    return chain_named(name)


@contextmanager
def plain_errors() -> Iterator[None]:
    """Turn the errors of a node for its operator into errors of commands."""
    from btt_chain.chain.client import UnknownBlock
    from btt_chain.chain.runtimes import UnsupportedRuntime
    from btt_chain.consensus.author import SealingFailed
    from btt_chain.consensus.finality.records import BadRecord
    from btt_chain.keystore.errors import KeystoreError, RecordError
    from btt_chain.node.service.descriptors import TooFewDescriptors
    from btt_chain.node.service.lifecycle import WrongChain
    from btt_chain.node.service.service import PortTaken
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
