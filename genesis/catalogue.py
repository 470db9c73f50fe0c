"""The specifications of the chains that come with the program, and `load` for all others.

A Live chain needs its holders' accounts and its validators' keys from files. Without the former its
rows are in accounts without keys, without the latter it has no block authors: such a specification
is for inspection only, and contains a warning.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from functools import cache
from pathlib import Path
from typing import Final, TypeVar

from btt_chain.crypto.hashing import blake2_256
from btt_chain.primitives.digits import to_hex
from btt_chain.primitives.lottery import SecondaryRule
from btt_chain.primitives.slots import slots_in_time
from btt_chain.scale import codec
from btt_chain.work.graph import Manifest
from btt_chain.work.ids import model_id
from genesis import holders as holding
from genesis import validators as validating
from genesis.accounts import Multisig, address, dev_account
from genesis.build import build
from genesis.holders import Holders, table, unheld
from genesis.placement import NAMED, Placement, balances_json, place, vesting_json
from genesis.presets import (
    ALIASES,
    CHAINS,
    MAX_LOCAL_VALIDATORS,
    REGIONS,
    Chain,
    ChainType,
    Liquidity,
)
from genesis.sections import chambers_json, tokenomics_json
from genesis.spec import ChainSpec, Plain, SpecError, parse_json, read_spec, refuse_known_keys
from genesis.validators import (
    Validator,
    authorities_json,
    check_bonds,
    session_json,
    verifiers_json,
)
from p2p.address import parse
from runtime.accounts import TREASURY
from runtime.frame import GenesisError, Section
from runtime.genesis import (
    MAX_SLOT_MS,
    PARAMS,
    RUNTIME_FIELD,
    SYMBOL_FIELD,
    WORK_COUNTS,
    read_params,
    sections_of,
)
from runtime.params import MIN_HOUR_SLOTS
from runtime.sets import FULL, SETS

T = TypeVar("T")

DECIMALS: Final = 18
SS58_FORMAT: Final = 42
PROTOCOL_ID: Final = "btt"
ALICE: Final = "//Alice"
PRIMARY_CHANCE: Final = [1, 2]
"""Probability that a slot has a primary author: BABE's c."""
ALLOWED_SLOTS: Final = "PrimaryAndSecondaryVRFSlots"
RANDOMNESS_LENGTH: Final = 32

UNHELD_WARNING: Final = (
    "made without a holders file: accounts without a key stand in for the holders; "
    "a network must not be started with it"
)
UNMADE_WARNING: Final = "made without a validators file: no account can make its blocks"
_NAMES_SHOWN: Final = 3


def chain_named(name: str) -> Chain | None:
    """Return the built-in chain with this preset, alias or id; None if there is none.

    `dev-minimal` is `dev` with that set of features; Live chains have all.
    """
    preset = ALIASES.get(name, name)
    by_id = (chain for chain in CHAINS.values() if chain.id == name)
    chain = CHAINS.get(preset) or next(by_id, None)
    if chain is None:
        base, _, runtime = name.rpartition("-")
        with_all = chain_named(base) if runtime in SETS and base else None
        if with_all is not None and with_all.runtime == FULL and not with_all.is_live:
            return with_all.with_runtime(runtime)
    return chain


def make(
    chain: Chain | str,
    holders: Holders | None = None,
    validators: int | Sequence[Validator] | None = None,
    *,
    slot_ms: int | None = None,
    runtime: str | None = None,
    secondary_rule: SecondaryRule = SecondaryRule.Uniform,
    randomness: bytes | None = None,
    boot_nodes: Sequence[str] = (),
) -> ChainSpec:
    """Return the specification of a built-in chain, given itself or by name.

    `holders` hold its rows: development keys by default, placeholders on Live chains. `validators`
    make its blocks: a number of development keys, the preset's number by default, or those of a
    file; a Live chain accepts the latter only. Each signatory of a holder and each validator gets
    an initial balance on Live chains. `slot_ms` and `runtime`, a set of features,
    are for development and local chains. `randomness`
    (32 bytes) is that of the first two epochs, by default `default_randomness`. SpecError if these
    are inconsistent: a Live chain refuses publicly known keys.
    """
    chain = _chain(chain, slot_ms, runtime)
    rows = table(chain.document)
    usual = holding.placeholders(rows) if chain.is_live else holding.dev_holders(rows)
    held = usual if holders is None else {**usual, **holders}
    chosen = _validators(chain, validators)
    try:
        placement = place(rows, chain.liquidity, held, [each.stash for each in chosen])
        check_bonds(chosen, placement.balances())
        babe = _babe(chain, secondary_rule, randomness)
        config = _config(chain, placement, chosen, babe)
    except GenesisError as error:
        raise SpecError(str(error)) from None
    spec = ChainSpec(
        name=chain.name,
        id=chain.id,
        chain_type=chain.chain_type.value,
        genesis=Plain(config, placement),
        boot_nodes=checked_nodes(boot_nodes),
        protocol_id=PROTOCOL_ID,
        properties={
            SYMBOL_FIELD: chain.symbol,
            "tokenDecimals": DECIMALS,
            "ss58Format": SS58_FORMAT,
        },
        warning=_warning(
            _unnamed(placement, holders),
            _unsigned(chain, holders),
            has_file=holders is not None,
            is_made=bool(chosen) or chain.is_manual,
        ),
    )
    if holders or validators is not None:
        build(spec)
    return spec


FILE: Final = Path(__file__).with_name("presets") / "public-set.json"
MODEL_CLASS: Final = 0
"""Class of machines of the model: any processor."""
DEADLINE: Final = 50
"""Time for a provider, in slots of a second or longer: seconds are enough on any machine."""


def public_set_json(slot_ms: int) -> dict[str, dict[str, list[dict[str, object]]]]:
    """Return the sections of Models and Jobs for a chain with slots of this length.

    The chain's own job of development, local and test networks, over data of the program. The file
    has what the chain stores of the set; `btt_chain/compute/public` has the data, and tests compare
    the two. Main networks begin without a set: their technical track adds sets.

    The model belongs to the treasury, without a bond.
    """
    known = json.loads(FILE.read_text())
    manifest = codec(Manifest).decode_all(bytes.fromhex(known["manifest"].removeprefix("0x")))
    model = {
        "name": known["name"],
        "owner": address(TREASURY),
        "class": MODEL_CLASS,
        "manifest": known["manifest"],
    }
    job = {
        "model": "0x" + model_id(manifest).hex(),
        "items": known["items"],
        "inputRoot": known["inputRoot"],
        "dataBytes": known["dataBytes"],
        "deadline": slots_in_time(DEADLINE, slot_ms),
    }
    return {"models": {"models": [model]}, "jobs": {"protocolSets": [job]}}


def _config(
    chain: Chain, placement: Placement, chosen: Sequence[Validator], babe: dict[str, object]
) -> dict[str, object]:
    """Return the sections of all pallets. Raises GenesisError."""
    config: dict[str, object] = {
        PARAMS: params_json(_roomy(chain, len(chosen))),
        "babe": babe,
        "balances": balances_json(placement),
        "authorities": authorities_json(chosen),
        # Where unknown parties compete for seats, session keys need a proof of possession.
        "session": session_json(chosen) | {"proofRequired": chain.is_live},
    }
    if not chain.is_live and not chain.is_manual:
        config["receipts"] = verifiers_json(chosen, placement.balances())
    config["vesting"] = vesting_json(placement, chain.slot_ms)
    config["tokenomics"] = tokenomics_json(placement, chain.slot_ms)
    config["mining"] = {"regions": [region.share_ppm for region in REGIONS]}
    if chain.runtime == FULL:
        # The pallet cannot be imported where a smaller chain runs without it.
        from genesis.oracle import oracle_json  # noqa: PLC0415

        config["oracle"] = oracle_json(chain, chosen, placement.balances())
    config["chambers"] = chambers_json(placement)
    if chain.has_public_set:
        config |= public_set_json(chain.slot_ms)
    config["sudo"] = {"key": None if chain.is_live else address(dev_account(ALICE))}
    if chain.runtime == FULL:
        return config
    _, params = read_params(Section(config[PARAMS], PARAMS))
    sections = sections_of(chain.runtime, params)
    return {name: part for name, part in config.items() if name in sections}


def default_randomness(chain_id: str) -> bytes:
    """Return the default randomness of a chain's first two epochs.

    It depends on the id alone, so that authors of a specification cannot try values.
    """
    return blake2_256(b"btt/genesis-randomness/" + chain_id.encode())


def _chain(chain: Chain | str, slot_ms: int | None, runtime: str | None) -> Chain:
    """Return the chain of this name, or itself, with slots of that length and other features."""
    if isinstance(chain, str):
        found = chain_named(chain)
        if found is None:
            raise SpecError(f"{chain}: none of the chains {', '.join((*CHAINS, *ALIASES))}")
        chain = found
    if runtime is not None:
        if chain.is_live:
            raise SpecError(f"{chain.preset}: a Live chain has all features")
        if chain.runtime not in (FULL, runtime):
            raise SpecError(f"{chain.preset}: its runtime is {chain.runtime}, not {runtime}")
        chain = chain.with_runtime(runtime)
    if slot_ms is None:
        return chain
    if chain.is_live:
        raise SpecError(f"{chain.preset}: the slot of a Live chain is {chain.slot_ms} ms")
    if slot_ms > MAX_SLOT_MS:
        raise SpecError(f"a slot of {slot_ms} ms is longer than {MAX_SLOT_MS} ms")
    if slot_ms <= 0:
        raise SpecError(f"a slot of {slot_ms} ms is too short")
    return chain.with_slot(slot_ms)


def _validators(chain: Chain, given: int | Sequence[Validator] | None) -> tuple[Validator, ...]:
    """Return the validators of block zero; SpecError if the chain allows no such number or kind."""
    if chain.is_manual:
        if given is not None:
            raise SpecError(f"{chain.preset}: its blocks are sealed by hand, without validators")
        # Clients look up the author of a block, authority 0 of its digest, among the validators.
        return validating.dev_validators(chain.validators)
    if given is None:
        return validating.dev_validators(chain.validators)
    if not isinstance(given, int):
        check_number(chain, len(given), chain.preset)
        return tuple(given)
    if chain.is_live:
        raise SpecError(
            f"{chain.preset}: a Live chain takes its validators from a file, not a number of "
            "publicly known keys"
        )
    check_number(chain, given, chain.preset)
    if chain.liquidity is Liquidity.ALICE_AND_FIVE and given > NAMED:
        raise SpecError(f"{chain.preset}: {given} validators, but {NAMED} accounts with a bond")
    return validating.dev_validators(given)


def check_number(chain: Chain, number: int, where: str) -> None:
    """Raise SpecError, beginning with `where`, unless the chain allows this many validators."""
    least, most = chain.min_validators, chain.max_validators
    if chain.chain_type is ChainType.LOCAL:
        most = max(most, MAX_LOCAL_VALIDATORS)
    if not least <= number <= most:
        raise SpecError(f"{where}: {number} validators, expected {least} to {most}")


def _roomy(chain: Chain, validators: int) -> Chain:
    """Return the chain with room for its validators: a local one may exceed its maximum."""
    return replace(chain, max_validators=max(chain.max_validators, validators))


def params_json(chain: Chain) -> dict[str, object]:
    """Return the parameters of a chain in the form of its specification."""
    runtime = {} if chain.runtime == FULL else {RUNTIME_FIELD: chain.runtime}
    return {
        **runtime,
        "chainId": chain.id,
        "slotMs": chain.slot_ms,
        "epochSlots": chain.epoch_slots,
        "reelectionEpochs": chain.reelection_epochs,
        "minValidators": chain.min_validators,
        "maxValidators": chain.max_validators,
        "unbondingEpochs": epochs(chain.unbonding, chain),
        "reportEpochs": epochs(chain.reporting, chain),
        "dayMs": chain.day_ms,
        # Longer where the slots of a development chain are.
        "hourMs": max(chain.hour_ms, MIN_HOUR_SLOTS * chain.slot_ms),
        SYMBOL_FIELD: chain.symbol,
        "work": {
            name: int(getattr(chain.work, attribute)) for name, attribute in WORK_COUNTS.items()
        },
    }


def epochs(span: int | timedelta, chain: Chain) -> int:
    """Return the number of the chain's epochs in a span. GenesisError if not a whole number."""
    if isinstance(span, int):
        return span
    epoch_ms = chain.slot_ms * chain.epoch_slots
    count, left = divmod(span, timedelta(milliseconds=epoch_ms))
    if left:
        raise GenesisError(f"an epoch of {epoch_ms} ms does not divide {span}")
    return count


def _babe(chain: Chain, rule: SecondaryRule, randomness: bytes | None) -> dict[str, object]:
    if chain.is_manual:
        return {"engine": chain.engine.value, "sealer": address(dev_account(ALICE))}
    if randomness is None:
        randomness = default_randomness(chain.id)
    if len(randomness) != RANDOMNESS_LENGTH:
        raise GenesisError(f"randomness has {RANDOMNESS_LENGTH} bytes, not {len(randomness)}")
    return {
        "engine": chain.engine.value,
        "epochConfig": {"c": PRIMARY_CHANCE, "allowed_slots": ALLOWED_SLOTS},
        "secondaryRule": rule.name.lower(),
        "randomness": to_hex(randomness),
    }


def checked_nodes(addresses: Sequence[str]) -> tuple[str, ...]:
    """Return addresses of nodes, each once. Raises SpecError for an invalid one."""
    for text in addresses:
        try:
            parse(text)
        except ValueError as error:
            raise SpecError(f"not the address of a node: {error}") from None
    return tuple(dict.fromkeys(addresses))


def _unnamed(placement: Placement, holders: Holders | None) -> tuple[str, ...]:
    """Return the holders and signatories with placeholders."""
    accounts = set(placement.balances())
    for holder in (holders or {}).values():
        if isinstance(holder, Multisig):
            accounts.update(holder.signatories)
    return unheld(accounts)


def _unsigned(chain: Chain, holders: Holders | None) -> tuple[str, ...]:
    """Return the unnamed signers for pools of a Live chain with a holders file."""
    if holders is None or not chain.is_live:
        return ()
    return tuple(name for name in holding.signers_of(table(chain.document)) if name not in holders)


def _warning(
    missing: Sequence[str], unsigned: Sequence[str], *, has_file: bool, is_made: bool
) -> str | None:
    """Return a warning of placeholders for the holders `missing`, and of missing block authors.

    `unsigned` are the unnamed signers for pools: a network runs without them.
    """
    warnings = []
    if missing and not has_file:
        warnings.append(UNHELD_WARNING)
    elif missing:
        more = len(missing) - _NAMES_SHOWN
        names = ", ".join(missing[:_NAMES_SHOWN]) + (f" and {more} more" if more > 0 else "")
        warnings.append(
            f"made from a holders file that still has the template's placeholders for {names}: "
            "no key exists for these accounts; a network must not be started with it"
        )
    if unsigned:
        warnings.append(
            f"made from a holders file without {' and '.join(unsigned)}: accounts "
            "without a key stand in, so that what needs their signatures never happens"
        )
    if not is_made:
        warnings.append(UNMADE_WARNING)
    return "; ".join(warnings) or None


def load(name_or_path: str) -> ChainSpec:
    """Return the specification for `--chain`: a built-in chain, or a file.

    The file is checked as a whole, including block zero. SpecError names file and place.
    """
    chain = chain_named(name_or_path)
    if chain is not None:
        return make(chain)
    path = Path(name_or_path)
    if not path.is_file():
        known = ", ".join((*CHAINS, *ALIASES))
        raise SpecError(f"{name_or_path}: neither a file nor one of the chains {known}")
    try:
        spec = read_spec(read_bytes(path), path.stem, path.name)
        build(spec)
    except SpecError as error:
        named = str(error).startswith(f"{path.name}:")
        raise SpecError(str(error) if named else f"{path.name}: {error}") from None
    return spec


def read_holders(chain: Chain, path: Path) -> Holders:
    """Read a holders file for a chain. Raises SpecError that names the row and the mistake."""
    rows = table(chain.document)
    return _read(chain, path, lambda section: holding.read_holders(section, rows))


def read_validators(chain: Chain, path: Path) -> tuple[Validator, ...]:
    """Read a validators file for a chain. Raises SpecError that names the wrong entry."""
    found = _read(chain, path, validating.read_validators)
    check_number(chain, len(found), path.name)
    return found


def holders_template(chain: Chain) -> str:
    """Return a holders file for a chain to fill in: all rows with placeholder addresses."""
    return holding.template(table(chain.document))


class Presets(Mapping[str, bytes]):
    """Each chain's runtime configuration in JSON by preset, as GenesisBuilder returns it.

    Made on request: a node rarely needs one, and all take longer than opening its database.
    """

    def __getitem__(self, name: str) -> bytes:
        return _preset(name)

    def __iter__(self) -> Iterator[str]:
        return iter(CHAINS)

    def __len__(self) -> int:
        return len(CHAINS)


@cache
def _preset(name: str) -> bytes:
    return config_json(make(CHAINS[name]))


def presets() -> Presets:
    """Return the presets of all chains."""
    return Presets()


def config_json(spec: ChainSpec) -> bytes:
    """Return the runtime configuration of a plain specification, in JSON."""
    assert isinstance(spec.genesis, Plain)  # noqa: S101 - `make` makes no other
    return json.dumps(spec.genesis.config, separators=(",", ":")).encode()


def read_bytes(path: Path) -> bytes:
    """Return the file's bytes. Raises SpecError if it cannot be read."""
    try:
        return path.read_bytes()
    except OSError as error:
        raise SpecError(f"{path}: {error.strerror}") from None


def _read(chain: Chain, path: Path, read: Callable[[Section], T]) -> T:
    """Read a file of accounts; on Live chains refuse publicly known keys, naming their place."""
    document = parse_json(read_bytes(path), path.name)
    try:
        found = read(Section(document, path.name))
        if chain.is_live:
            refuse_known_keys(document, path.name)
        return found
    except ValueError as error:  # GenesisError, and Python's own for thousands of digits
        raise SpecError(str(error)) from None
