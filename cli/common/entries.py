"""The signed entry of a validator for the start of a network."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from btt_chain.crypto.keypair import KeyPair
from btt_chain.primitives.account import AccountId
from cli.common.chain_data import live_chain, plain_errors
from cli.common.errors import Refused
from genesis.ceremony import Entry, check_chain_id, load_entry, read_entry
from runtime.frame import GenesisError, Section


def network_id(preset: str, given: str | None) -> str:
    """Return the id of a network: the given one, or that of the Live chain that it is made from.

    Raises NotFound for another chain, Refused for a bad id.
    """
    chain = live_chain(preset)
    with plain_errors():
        check_chain_id(given or chain.id)
    return given or chain.id


def new_entry(
    chain_id: str, name: str, stash: AccountId, peer: str, address: str | None,
    keys: Mapping[str, KeyPair], stash_key: KeyPair | None,
) -> Entry:  # fmt: skip
    """Return an entry signed by its session keys, and by its stash if that key is given.

    Raises Refused, with the text of the validators that will refuse it.
    """
    publics = {kind: key.public for kind, key in keys.items()}
    with plain_errors():
        entry = Entry(chain_id, name, stash, publics, peer, address).signed_by_keys(keys)
        if stash_key is not None:
            entry = entry.signed_by_stash(stash_key)
    try:
        return read_entry(Section(entry.to_json(), "entry"))
    except GenesisError as error:
        raise Refused(str(error)) from None


def signed_by_stash(file: Path, read_key: Callable[[], KeyPair]) -> Entry:
    """Return the entry in a file with the signature of its stash. Raises Refused.

    The key is read, or asked for, after the file.
    """
    with plain_errors():
        entry = load_entry(file.read_bytes(), file.name)
        return entry.signed_by_stash(read_key())
