"""Named accounts of genesis: pools, multisigs, development keys, placeholders.

Only development keys have secrets, which are public: chains of type Live refuse them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import cache
from typing import Final

from btt_chain.crypto.development import DEV_NAMES as DEV_NAMES  # noqa: PLC0414 - re-exported
from btt_chain.crypto.development import dev_key as dev_key  # noqa: PLC0414 - re-exported
from btt_chain.crypto.development import dev_path as dev_path  # noqa: PLC0414 - re-exported
from btt_chain.crypto.hashing import blake2_256
from btt_chain.crypto.keypair import Scheme
from btt_chain.lazyclass import dataclass
from btt_chain.primitives import ss58
from btt_chain.primitives.account import AccountId
from btt_chain.primitives.multi_account import multi_account_id
from runtime.accounts import POOLS as ALL_POOLS
from runtime.accounts import pool_identifier

POOLS: Final = {pool_identifier(account)[len(b"btt/") :].decode(): account for account in ALL_POOLS}
"""The pools besides the treasury, by the letters after `btt/`."""


@dataclass(frozen=True, slots=True)
class Multisig:
    """A joint account: any `threshold` of `signatories`, which are in ascending order."""

    signatories: tuple[AccountId, ...]
    threshold: int

    @classmethod
    def of(cls, signatories: Iterable[AccountId], threshold: int) -> Multisig:
        """Return the multisig of these signatories, in any order."""
        return cls(tuple(sorted(signatories)), threshold)

    @property
    def account(self) -> AccountId:
        """The joint account."""
        return multi_account_id(self.signatories, self.threshold)


# --- development keys -----------------------------------------------------------

_WATCHED_VALIDATORS: Final = 100


def dev_account(path: str) -> AccountId:
    """Return the account of the development key at `path`."""
    return AccountId(dev_key(path).account_id)


def holder_path(name: str) -> str:
    """Return the path of the development key of a row's holder: `//holder//bitwave`."""
    return f"//holder//{name}"


@cache
def well_known(holders: tuple[str, ...]) -> dict[bytes, str]:
    """Return the public keys and accounts with a publicly known secret, each with its path.

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
    """Return the account in place of a holder without a known address; it has no key."""
    return AccountId(blake2_256(b"btt/holder/" + name.encode()))


def address(account: AccountId) -> str:
    """Return the address of an account, the same on every BTT chain."""
    return ss58.encode(account)
