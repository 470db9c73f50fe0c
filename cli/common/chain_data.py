"""Shared by commands that open a chain's data: the chain, its block zero, and plain errors.

The parts of a node take a second to import. Groups with commands that need none import this module
where they use it; the options of the chain and its data are in `cli.common.options`.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from btt_chain.chain.client import UnknownBlock
from btt_chain.chain.runtimes import UnsupportedRuntime
from btt_chain.consensus.author import SealingFailed
from btt_chain.consensus.finality.records import BadRecord
from btt_chain.keystore.errors import KeystoreError, RecordError
from btt_chain.node.service.config import NodeConfig
from btt_chain.node.service.descriptors import TooFewDescriptors
from btt_chain.node.service.lifecycle import OpenChain, WrongChain, open_chain
from btt_chain.node.service.paths import default_base_path
from btt_chain.node.service.service import PortTaken
from cli.common.errors import Mistyped, NotFound, Refused, hint, similar_names
from genesis.build import Genesis, build
from genesis.catalogue import chain_named, load
from genesis.checkpoint import UntrustedDatabase
from genesis.presets import ALIASES, CHAINS, Chain
from genesis.spec import ChainSpec, SpecError
from p2p.errors import NetworkError
from runtime.frame import MigrationFailed
from storage.kv import StorageError


def live_chain(preset: str) -> Chain:
    """Return the Live chain that a network is made from. NotFound for another name."""
    chain = chain_named(preset)
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


def known_chain(name: str) -> str:
    """Return the name of a chain or of a file; NotFound if it is neither."""
    if chain_named(name) is None and not Path(name).is_file():
        known = (*CHAINS, *ALIASES)
        near = f"; {hint(name, known)}" if similar_names(name, known) else ""
        raise NotFound(f"{name} is neither a file nor one of the chains {', '.join(known)}{near}")
    return name


def chain_id_of(dev: bool, chain: str | None) -> str:
    """Return the id of the chain of the options; Refused for a bad specification."""
    name = chain_name(dev, chain)
    preset = chain_named(name)
    with plain_errors():
        return load(name).id if preset is None else preset.id


def block_zero(dev: bool, chain: str | None) -> tuple[ChainSpec, Genesis]:
    """Return the specification of the chain of the options, and its block zero."""
    with plain_errors():
        spec = load(chain_name(dev, chain))
        return spec, build(spec)


@contextmanager
def opened(chain: str, base_path: Path | None) -> Iterator[OpenChain]:
    """Open the chain's data, closed at the end; errors become one line."""
    config = NodeConfig(chain, base_path or default_base_path())
    with plain_errors():
        data = open_chain(config, create=False)
        try:
            yield data
        finally:
            data.close()


@contextmanager
def plain_errors() -> Iterator[None]:
    """Turn the errors of a node for its operator into errors of commands."""
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
    # Imported here: a node that starts has no need of a library of processes.
    from btt_chain.testing.process import listener

    who = listener(port)
    return text if who is None else text.replace("another program", who)
