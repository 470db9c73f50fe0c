"""Validators of the first blocks: the file for `build-spec --validators`.

    [{"stash": "5F...", "babe": "0x...", "grandpa": "0x...", "name": "Bitwave"}, ...]

`stash` is the account whose money is bonded; on a Live chain that is the holder of a row, because
no other account has so much in block zero. `babe` (sr25519) and `grandpa` (ed25519) are public
session keys. `bond` is in planck, 10,000 BTT by default, and the same for all. `name` is for
readers of the file.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import field
from typing import Final

from nacl.bindings import crypto_core_ed25519_is_valid_point

from btt_chain.crypto import vrf
from btt_chain.crypto.keypair import Scheme
from btt_chain.lazyclass import dataclass
from btt_chain.primitives.account import AccountId
from btt_chain.primitives.digits import to_hex
from genesis.accounts import address, dev_account, dev_key, dev_path
from runtime.constants import BTT, MILLI_BTT
from runtime.frame import GenesisError, Section
from runtime.pallets.balances.types import is_pool

BOND: Final = 10_000 * int(BTT)
"""Minimum and default bond of each validator in block zero, in planck."""
VERIFIER_BOND: Final = 5_000 * int(BTT)
"""Additional bond of validators that verify work from genesis on, in planck."""
VERIFIER_ALLOWANCE: Final = 1_000 * int(BTT)
"""Minimum remaining balance of these validators, in planck."""
MAX_NAME: Final = 64
KEY_LENGTH: Final = 32

_CHECKS: Final = {
    "babe": (vrf.is_public, "sr25519"),
    # Canonical points of the main subgroup: stricter than the verification of signatures.
    "grandpa": (crypto_core_ed25519_is_valid_point, "ed25519"),
}


@dataclass(frozen=True, slots=True)
class Validator:
    """A validator of block zero."""

    stash: AccountId
    babe: bytes
    """Public key for block signatures, sr25519."""
    grandpa: bytes
    """Public key for finality votes, ed25519."""
    bond: int = BOND
    """In planck."""
    name: str = ""
    source: str = field(default="", compare=False)
    """Place of its definition, for messages."""


def dev_validators(count: int) -> tuple[Validator, ...]:
    """Return `count` validators with development keys: Alice to Ferdie, One, Two, ..."""
    return tuple(_dev_validator(dev_path(place)) for place in range(count))


def _dev_validator(path: str) -> Validator:
    voter = dev_key(path, Scheme.ED25519).public
    return Validator(dev_account(path), dev_key(path).public, voter, name=path, source=path)


# --- reading --------------------------------------------------------------------


def read_validators(section: Section) -> tuple[Validator, ...]:
    """Read a validators file. Raises GenesisError that names entry, field and mistake."""
    validators: list[Validator] = []
    taken: dict[tuple[str, bytes], str] = {}
    for place in section:
        validator = _read_validator(place)
        for kind, name, value in (
            ("account", "stash", validator.stash),
            ("key", "babe", validator.babe),
            ("key", "grandpa", validator.grandpa),
        ):
            path = f"{place.path}.{name}"
            other = taken.setdefault((kind, value), path)
            if other != path:
                raise GenesisError(f"{path}: the same {kind} as {other}")
        if validators and validator.bond != validators[0].bond:
            raise GenesisError(
                f"{place.path}.bond: {validator.bond} planck, but {validators[0].source} bonds "
                f"{validators[0].bond}; all bond the same in block zero"
            )
        validators.append(validator)
    return tuple(validators)


def _read_validator(place: Section) -> Validator:
    fields = place.fields(required=("stash", "babe", "grandpa"), optional=("bond", "name"))
    stash = fields["stash"].account()
    if is_pool(stash):
        raise fields["stash"].wrong("an account with a key, not a pool")
    return Validator(
        stash=stash,
        babe=read_key(fields["babe"], "babe"),
        grandpa=read_key(fields["grandpa"], "grandpa"),
        bond=_read_bond(fields["bond"]) if "bond" in fields else BOND,
        name=_read_name(fields["name"]) if "name" in fields else "",
        source=place.path,
    )


def read_key(section: Section, name: str) -> bytes:
    """Read a public session key. Raises GenesisError unless it is one of its scheme."""
    is_public, scheme = _CHECKS[name]
    key = section.hex_bytes(KEY_LENGTH)
    if not is_public(key):
        raise section.wrong(f"a public key of {scheme}")
    return key


def _read_bond(section: Section) -> int:
    bond = int(section.planck())
    if bond < BOND:
        raise section.wrong(f"{BOND} planck (10,000 BTT) at least")
    return bond


def _read_name(section: Section) -> str:
    name = section.text()
    if not 1 <= len(name) <= MAX_NAME or not name.isprintable():
        raise section.wrong(f"1 to {MAX_NAME} printable characters")
    return name


# --- checking -------------------------------------------------------------------


def check_bonds(validators: Sequence[Validator], balances: Mapping[AccountId, int]) -> None:
    """Raise GenesisError, naming the entry, unless each stash holds its bond and a little more."""
    for validator in validators:
        held = balances.get(validator.stash, 0)
        if held < validator.bond + MILLI_BTT:
            raise GenesisError(
                f"{validator.source}.stash: {address(validator.stash)} holds {held} planck in "
                f"block zero, which is not a bond of {validator.bond}; take the account of a row's "
                "holder"
            )


# --- the runtime's configuration ------------------------------------------------


def session_json(validators: Sequence[Validator]) -> dict[str, object]:
    """Return the configuration of Session: [account, validator, keys]."""
    return {
        "keys": [
            [
                address(validator.stash),
                address(validator.stash),
                {"babe": to_hex(validator.babe), "grandpa": to_hex(validator.grandpa)},
            ]
            for validator in validators
        ]
    }


def authorities_json(validators: Sequence[Validator]) -> dict[str, object]:
    """Return the configuration of Authorities: [account, bond]."""
    return {"bonds": [[address(each.stash), str(each.bond)] for each in validators]}


def verifiers_json(
    validators: Sequence[Validator], balances: Mapping[AccountId, int]
) -> dict[str, object]:
    """Return the configuration of Receipts, where validators verify work from genesis on.

    It contains those whose balance covers a second bond and `VERIFIER_ALLOWANCE`.
    """
    able = [
        each.stash
        for each in validators
        if balances.get(each.stash, 0) >= each.bond + VERIFIER_BOND + VERIFIER_ALLOWANCE
    ]
    return {"verifiers": [[address(stash), str(VERIFIER_BOND)] for stash in able]}
