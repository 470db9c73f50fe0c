"""Accounts that genesis knows by name: pools, multisigs, development keys, placeholders.

Only development keys have a secret here, and everybody knows it: chains of type Live refuse them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from typing import Final

from btt_chain.crypto.development import DEV_NAMES as DEV_NAMES  # noqa: PLC0414 - re-exported
from btt_chain.crypto.development import dev_key as dev_key  # noqa: PLC0414 - re-exported
from btt_chain.crypto.development import dev_path as dev_path  # noqa: PLC0414 - re-exported
from btt_chain.crypto.hashing import blake2_256
from btt_chain.crypto.keypair import Scheme
from btt_chain.primitives import ss58
from btt_chain.primitives.account import AccountId
from runtime.accounts import POOLS as ALL_POOLS
from runtime.accounts import pool_identifier
from runtime.pallets.multisig import multi_account_id

POOLS: Final = {pool_identifier(account)[len(b"btt/") :].decode(): account for account in ALL_POOLS}
"""The pools besides the treasury, by the letters behind `btt/` (ruling B25)."""


@dataclass(frozen=True, slots=True)
class Multisig:
    """An account that several act for: `threshold` of `signatories`, in ascending order."""

    signatories: tuple[AccountId, ...]
    threshold: int

    @classmethod
    def of(cls, signatories: Iterable[AccountId], threshold: int) -> Multisig:
        """The multisig of these; their order does not matter."""
        return cls(tuple(sorted(signatories)), threshold)

    @property
    def account(self) -> AccountId:
        """The account that they act for together."""
        return multi_account_id(self.signatories, self.threshold)


# --- development keys -----------------------------------------------------------

_WATCHED_VALIDATORS: Final = 100


def dev_account(path: str) -> AccountId:
    """The account of the development key at `path`."""
    return AccountId(dev_key(path).account_id)


def holder_path(name: str) -> str:
    """Where the development key of a row's holder lies: `//holder//bitwave`."""
    return f"//holder//{name}"


@cache
def well_known(holders: tuple[str, ...]) -> dict[bytes, str]:
    """Public keys and accounts that everybody has the secret of, each with its path.

    The named accounts and their stashes, the first validators, and the `holders` of rows on
    development chains, in all three schemes.
    """
    found: dict[bytes, str] = {}
    for scheme in Scheme:
        for path in _dev_paths(holders):
            key = dev_key(path, scheme)
            found[key.public] = found[key.account_id] = path or "the development phrase"
    return found


def _dev_paths(holders: tuple[str, ...]) -> Iterator[str]:
    yield ""
    for name in DEV_NAMES:
        yield f"//{name}"
        yield f"//{name}//stash"
    for place in range(_WATCHED_VALIDATORS):
        yield f"//Validator//{place}"
    yield from map(holder_path, holders)


# --- placeholders ---------------------------------------------------------------


def placeholder(name: str) -> AccountId:
    """The account that stands for a holder who has not been named yet; nobody has a key of it."""
    return AccountId(blake2_256(b"btt/holder/" + name.encode()))


def address(account: AccountId) -> str:
    """The account as text, as every BTT chain writes it."""
    return ss58.encode(account)
