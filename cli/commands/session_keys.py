"""`btt-chain key rotate|prove`: session keys with a proof of possession, for `Session.set_keys`."""

from __future__ import annotations

from pathlib import Path

import click

from btt_chain.client.accounts import AccountError, read_account
from btt_chain.keystore import Keystore
from btt_chain.keystore.key_manager import possession_proof
from btt_chain.primitives import ss58
from btt_chain.primitives.digits import to_hex
from cli.common import show
from cli.common.errors import Mistyped, NotFound, Refused
from cli.common.key_state import KEY_TYPES
from cli.common.options import data_options, examples, json_option, query_options
from cli.common.session import from_hex, open_chain, run
from cli.common.validator_keys import (
    keystore_password_of,
    keystore_password_options,
    place_of,
    plain_key_errors,
)

owner_option = click.option(
    "--owner",
    required=True,
    metavar="ADDRESS",
    help="The account that will register the keys: the stash. The proof holds for it alone.",
)


@examples(
    "btt-chain key rotate --owner 5FHneW46xGXgs5mUiveU4sbTyGBzmstUspZC92UhjJM694ty",
    "btt-chain key rotate --owner //Bob --url ws://127.0.0.1:9945 --json",
)
@click.command()
@owner_option
@query_options
def rotate(owner: str, url: str, timeout: float, as_json: bool) -> None:
    """Make new session keys in a running node, and prove that they are the owner's.

    The node keeps the secrets; its older keys stay. Prints the arguments of Session.set_keys.
    """

    async def ask() -> tuple[bytes, str, str]:
        async with open_chain(url, timeout) as chain:
            account = _account(owner, chain.metadata.prefix)
            made = await chain.connection.call("author_rotateKeysWithOwner", to_hex(account))
        if not isinstance(made, dict):
            raise Refused(f"{url} did not answer with keys and a proof")
        return account, str(made.get("keys")), str(made.get("proof"))

    account, keys, proof = run(ask())
    _print(account, keys, proof, as_json)


@examples(
    "btt-chain key prove --chain testnet --owner 5FHneW46xGXgs5mUiveU4sbTyGBzmstUspZC92UhjJM694ty",
)
@click.command()
@data_options
@owner_option
@click.option(
    "--keys",
    "given",
    metavar="HEX",
    help="The public session keys, babe before gran. [default: those of the keystore]",
)
@keystore_password_options
@json_option
def prove(
    dev: bool, chain: str | None, base_path: Path | None, owner: str, given: str | None,
    as_json: bool, **options: object,
) -> None:  # fmt: skip
    """Prove that session keys of the keystore are the owner's; no node is needed.

    For keys that are there already, such as those of `key insert`. Prints the arguments of
    Session.set_keys.
    """
    account = _account(owner)
    place = place_of(dev, chain, base_path)
    word = keystore_password_of(options)
    with plain_key_errors():
        store = Keystore.open(place.paths.keystore, word)
        folder = place.paths.keystore
        keys = _only_keys(store, folder) if given is None else from_hex(given, "--keys")
        try:
            proof = possession_proof(store, keys, account)
        except KeyError as missing:
            (public,) = missing.args
            raise NotFound(f"0x{public.hex()} is not in {place.paths.keystore}") from None
        except ValueError as error:
            raise Mistyped(f"--keys: {error}") from None
    _print(account, to_hex(keys), to_hex(proof), as_json)


def _account(text: str, prefix: int | None = None) -> bytes:
    try:
        return read_account(text, ss58.DEFAULT_PREFIX if prefix is None else prefix)
    except AccountError as error:
        raise Mistyped(f"--owner: {error}") from None


def _only_keys(store: Keystore, folder: Path) -> bytes:
    """Return the keystore's only set of session keys."""
    keys = b""
    for kind in KEY_TYPES:
        found = store.public_keys(kind.encode())
        if not found:
            raise NotFound(
                f"there is no {kind} key in {folder}: make keys with `btt-chain key rotate`, or "
                "put one in with `btt-chain key insert`"
            )
        if len(found) > 1:
            raise Refused(
                f"there are {len(found)} {kind} keys in {folder}: name a set with --keys "
                "(`btt-chain key list` shows them)"
            )
        keys += found[0]
    return keys


def _print(account: bytes, keys: str, proof: str, as_json: bool) -> None:
    owner = ss58.encode(account)
    if as_json:
        show.document({"owner": owner, "keys": keys, "proof": proof})
        return
    show.record({"owner": owner, "keys": keys, "proof": proof})
    show.note(
        f"register them, signed by the owner: btt-chain tx call Session.set_keys {keys} {proof} "
        "--from KEY"
    )
