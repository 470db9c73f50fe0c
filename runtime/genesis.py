"""Genesis: the state of block zero, written by the pallets from a configuration.

A configuration has one section for each configurable pallet, named as the pallet with a small first
letter (`balances`), and `params` for the parameters of the chain.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import TYPE_CHECKING, Final

from btt_chain.scale import encode, u32, u64
from runtime.constants import DAY_MS, SYMBOL
from runtime.frame import GenesisError, Pallet, Section, State
from runtime.pallets.system.pallet import System
from runtime.params import CHAIN_ID_KEY, PARAMS_KEY, RuntimeParams, WorkRules
from runtime.sets import FULL, SETS

# `runtime/apis/core.py`, which the features import, imports this module.
if TYPE_CHECKING:
    from runtime.features.work import Work

PARAMS: Final = "params"
CHAIN_ID: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
RUNTIME_FIELD: Final = "runtime"
"""Name of the set of features in the configuration."""
MAX_SLOT_MS: Final = 60_000
MAX_COUNT: Final = DAY_MS
"""Maximum of all the counts below; most are far smaller."""
COUNTS: Final = {
    "epochSlots": "epoch_slots",
    "reelectionEpochs": "reelection_epochs",
    "minValidators": "min_validators",
    "maxValidators": "max_validators",
    "unbondingEpochs": "unbonding_epochs",
    "reportEpochs": "report_epochs",
    "dayMs": "day_ms",
    "hourMs": "hour_ms",
}
"""Counts except `slotMs`: names in the configuration and in `RuntimeParams`."""
SYMBOL_FIELD: Final = "tokenSymbol"
"""Name of the token's symbol in the configuration: that of the chain's property."""
WORK_COUNTS: Final = {
    "beaconDelay": "beacon_delay",
    "beaconAuthors": "beacon_authors",
    "plantedErrorPpm": "planted_error_ppm",
    "committee": "committee",
    "quorum": "quorum",
    "minOperators": "min_operators",
    "acceptSlots": "accept_slots",
    "transcriptSlots": "transcript_slots",
    "commitSlots": "commit_slots",
    "revealSlots": "reveal_slots",
    "challengeSlots": "challenge_slots",
}
"""The parameters of `work`: names in the configuration and in `WorkRules`."""


def write_genesis(state: State, config: Mapping[str, object], path: str) -> None:
    """Write the state of block zero. Raises GenesisError, which names the place below `path`."""
    sections = Section(config, path).fields(required=(PARAMS,), optional=tuple(config))
    chain_id, params = read_params(sections[PARAMS])
    name = read_set(sections[PARAMS])
    Section(config, path).fields(optional=sections_of(name, params))
    runtime = runtime_of(name, params)
    state.put(PARAMS_KEY, params.encoded())
    state.put(CHAIN_ID_KEY, encode(str, chain_id))
    runtime.enter(state)
    for pallet in runtime.pallets.values():
        section = section_name(pallet)
        configure(pallet, config.get(section, {}), f"{path}.{section}")


def read_params(section: Section) -> tuple[str, RuntimeParams]:
    """Return the chain's id and its parameters. Raises GenesisError if they are invalid.

    `chainId` and `slotMs` are required; the others default to those of the development chain with
    slots of a second: numbers of slots are not adapted to `slotMs`.
    """
    fields = section.fields(
        required=("chainId", "slotMs"), optional=(*COUNTS, "work", SYMBOL_FIELD, RUNTIME_FIELD)
    )
    chain_id = fields["chainId"].text()
    if not CHAIN_ID.fullmatch(chain_id):
        raise fields["chainId"].wrong("1 to 64 letters, digits, '.', '_' or '-'")
    slot_ms = u64(fields["slotMs"].integer(MAX_SLOT_MS))
    try:
        RuntimeParams(slot_ms)
    except ValueError as error:
        raise GenesisError(f"{fields['slotMs'].path}: {error}") from None
    try:
        work = _work_rules(fields["work"]) if "work" in fields else WorkRules()
        symbol = fields[SYMBOL_FIELD].text() if SYMBOL_FIELD in fields else SYMBOL
        counts = _counts(fields, COUNTS)
        return chain_id, RuntimeParams(slot_ms, work=work, symbol=symbol, **counts)
    except ValueError as error:
        raise GenesisError(f"{section.path}: {error}") from None


def read_set(section: Section) -> str:
    """Return the name of the chain's set of features in its parameters; by default, all."""
    names = ("chainId", "slotMs", *COUNTS, "work", SYMBOL_FIELD)
    field = section.fields(optional=(*names, RUNTIME_FIELD)).get(RUNTIME_FIELD)
    if field is None:
        return FULL
    if field.text() not in SETS:
        raise field.wrong(", ".join(SETS))
    return field.text()


def _work_rules(section: Section) -> WorkRules:
    return WorkRules(**_counts(section.fields(optional=tuple(WORK_COUNTS)), WORK_COUNTS))


def _counts(fields: Mapping[str, Section], names: Mapping[str, str]) -> dict[str, u32]:
    return {
        attribute: u32(fields[name].integer(MAX_COUNT))
        for name, attribute in names.items()
        if name in fields
    }


def section_name(pallet: Pallet) -> str:
    """Return the name of a pallet's section in the configuration."""
    return pallet.name[:1].lower() + pallet.name[1:]


def is_configurable(pallet: Pallet) -> bool:
    """Return True if the pallet has a genesis configuration; System writes its part by itself."""
    return type(pallet).genesis is not Pallet.genesis and not isinstance(pallet, System)


def configure(pallet: Pallet, config: object, path: str) -> None:
    """Write the genesis state of one pallet. Raises GenesisError with the whole path."""
    if not isinstance(config, Mapping):
        raise Section(config, path).wrong("an object")
    try:
        pallet.genesis(config)
    except GenesisError as error:
        raise GenesisError(f"{path.removesuffix(section_name(pallet))}{error}") from None


def sections_of(name: str, params: RuntimeParams) -> tuple[str, ...]:
    """Return the names of the sections that the configuration of a set of features may have."""
    pallets = runtime_of(name, params).pallets.values()
    return (PARAMS, *(section_name(pallet) for pallet in pallets if is_configurable(pallet)))


@lru_cache(maxsize=4)
def runtime_of(name: str, params: RuntimeParams) -> Work:
    """Return the runtime of a set of features, cached: building it takes longer than genesis."""
    return SETS[name].build(params)
