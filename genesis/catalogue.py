"""The specifications of the chains that come with the program, and `load` for all others.

A Live chain needs its holders' accounts from a file. Without one its rows lie in accounts that
nobody has a key of: good for looking at, and the specification says so.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final, TypeVar

from btt_chain.primitives.account import AccountId
from genesis import holders as holding
from genesis.accounts import address, dev_account
from genesis.build import build
from genesis.holders import Holders
from genesis.placement import balances_json, place, vesting_json
from genesis.presets import ALIASES, CHAINS, Chain, Engine
from genesis.spec import (
    ChainSpec,
    Plain,
    SpecError,
    parse_json,
    read_spec,
    refuse_known_keys,
)
from genesis.tables import table, unheld
from runtime.frame import GenesisError, Section
from runtime.genesis import PARAMS

T = TypeVar("T")

DECIMALS: Final = 18
SS58_FORMAT: Final = 42
ALICE: Final = "//Alice"

UNHELD_WARNING: Final = (
    "made without a holders file: accounts that nobody has a key of stand in for the holders; "
    "a network must not be started with it"
)
_NAMES_SHOWN: Final = 3


def chain_named(name: str) -> Chain | None:
    """The chain that comes with the program by its preset, its alias or its id."""
    preset = ALIASES.get(name, name)
    by_id = (chain for chain in CHAINS.values() if chain.id == name)
    return CHAINS.get(preset) or next(by_id, None)


def make(
    chain: Chain, holders: Holders | None = None, validators: Sequence[AccountId] = ()
) -> ChainSpec:
    """The specification of a chain that comes with the program.

    `holders` hold its rows: development keys by default, placeholders on Live chains. Each
    signatory of theirs and each validator gets a purse on Live chains. SpecError if that cannot
    be: a Live chain refuses keys that everybody knows.
    """
    rows = table(chain.document)
    held = holders
    if held is None:
        held = holding.placeholders(rows) if chain.is_live else holding.dev_holders(rows)
    try:
        placement = place(rows, chain.liquidity, held, validators)
        vesting = vesting_json(placement, chain.slot_ms)
    except GenesisError as error:
        raise SpecError(str(error)) from None
    config: dict[str, object] = {
        PARAMS: {"chainId": chain.id, "slotMs": chain.slot_ms},
        "babe": {"engine": chain.engine.value},
        "balances": balances_json(placement),
        "vesting": vesting,
        "sudo": {"key": None},
    }
    if not chain.is_live:
        config["sudo"] = {"key": address(dev_account(ALICE))}
    if chain.engine is Engine.MANUAL:
        config["babe"] = {"engine": chain.engine.value, "sealer": address(dev_account(ALICE))}
    spec = ChainSpec(
        name=chain.name,
        id=chain.id,
        chain_type=chain.chain_type.value,
        genesis=Plain(config, placement),
        properties={
            "tokenSymbol": chain.symbol,
            "tokenDecimals": DECIMALS,
            "ss58Format": SS58_FORMAT,
        },
        warning=_warning(unheld(placement.balances()), has_file=holders is not None),
    )
    if holders or validators:
        build(spec)
    return spec


def _warning(missing: Sequence[str], *, has_file: bool) -> str | None:
    """What to say of placeholders for the holders `missing`."""
    if not missing:
        return None
    if not has_file:
        return UNHELD_WARNING
    more = len(missing) - _NAMES_SHOWN
    names = ", ".join(missing[:_NAMES_SHOWN]) + (f" and {more} more" if more > 0 else "")
    return (
        f"made from a holders file that still has the template's placeholders for {names}: nobody "
        "has a key of these accounts; a network must not be started with it"
    )


def load(name_or_path: str) -> ChainSpec:
    """The specification behind `--chain`: a chain that comes with the program, or a file.

    The file is checked as a whole, block zero included. SpecError names the place that is wrong.
    """
    chain = chain_named(name_or_path)
    if chain is not None:
        return make(chain)
    path = Path(name_or_path)
    if not path.is_file():
        known = ", ".join((*CHAINS, *ALIASES))
        raise SpecError(f"{name_or_path}: neither a file nor one of the chains {known}")
    spec = read_spec(read_bytes(path), path.stem, path.name)
    build(spec)
    return spec


def read_holders(chain: Chain, path: Path) -> Holders:
    """Read a holders file for a chain; SpecError names the row and what is wrong with it."""
    rows = table(chain.document)
    return _read(chain, path, lambda section: holding.read_holders(section, rows))


def read_validators(chain: Chain, path: Path) -> tuple[AccountId, ...]:
    """Read a validators file for a chain; SpecError names the entry that is wrong."""
    return _read(chain, path, holding.read_validators)


def holders_template(chain: Chain) -> str:
    """A holders file for a chain, to be filled in: the right rows with placeholder addresses."""
    return holding.template(table(chain.document))


def presets() -> dict[str, bytes]:
    """The runtime's configuration of each chain by preset, in JSON, as GenesisBuilder gives it."""
    return {name: config_json(make(chain)) for name, chain in CHAINS.items()}


def config_json(spec: ChainSpec) -> bytes:
    """The runtime's configuration of a plain specification, in JSON."""
    assert isinstance(spec.genesis, Plain)  # noqa: S101 - `make` makes no other
    return json.dumps(spec.genesis.config, separators=(",", ":")).encode()


def read_bytes(path: Path) -> bytes:
    """The file's bytes; SpecError if it cannot be read."""
    try:
        return path.read_bytes()
    except OSError as error:
        raise SpecError(f"{path}: {error.strerror}") from None


def _read(chain: Chain, path: Path, read: Callable[[Section], T]) -> T:
    """Read a file of accounts; a Live chain refuses keys that everybody has where they stand."""
    document = parse_json(read_bytes(path), path.name)
    try:
        found = read(Section(document, path.name))
        if chain.is_live:
            refuse_known_keys(document, path.name)
        return found
    except ValueError as error:  # GenesisError, and Python's own for thousands of digits
        raise SpecError(str(error)) from None
