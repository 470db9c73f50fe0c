"""`btt-chain key ceremony-entry` and `ceremony-sign`: a validator's part of a network's start."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from btt_chain.client.accounts import AccountError, read_account
from btt_chain.crypto.keypair import KeyPair
from btt_chain.keystore import Keystore
from btt_chain.node.keys.identity import network_key, peer_id
from btt_chain.node.service.paths import Paths, default_base_path
from btt_chain.primitives.account import AccountId
from cli.common import show
from cli.common.errors import Mistyped, NotFound, Refused
from cli.common.files import FILE, write_json
from cli.common.keys import key_pair, read_secret, scheme_option
from cli.common.keystore_passwords import keystore_password
from cli.common.options import (
    data_path_option,
    examples,
    live_chain_options,
    stdout_option,
)
from cli.common.validator_keys import (
    KINDS,
    keystore_password_options,
    plain_key_errors,
)
from genesis.accounts import address as ss58_address

if TYPE_CHECKING:
    from genesis.ceremony import Entry


@examples(
    "btt-chain key ceremony-entry --chain testnet --name Bitwave --stash 5F... "
    "--public-addr /dns/boot.bitwave.example/tcp/30333 -o bitwave.json",
    "btt-chain key ceremony-entry --chain testnet --id btt-trial --name Bitwave --from stash.txt "
    "-o bitwave.json",
)
@click.command("ceremony-entry")
@live_chain_options
@data_path_option
@click.option("--name", required=True, help="The name of the organisation.")
@click.option("--stash", metavar="ADDRESS", help="The account whose money is bonded.")
@click.option(
    "--from", "suri",
    help="Sign with the key of the stash at once: its secret URI, a file that holds it, or - .",
)  # fmt: skip
@scheme_option
@click.option(
    "--public-addr", "address", metavar="MULTIADDR",
    help="Where newcomers reach this node, or the sentry node in front of it (then with its "
    "/p2p/PEER): a bootnode of the network.",
)  # fmt: skip
@click.option("--babe", metavar="HEX", help="Which babe key, if the keystore has several.")
@click.option("--gran", metavar="HEX", help="Which gran key, if the keystore has several.")
@keystore_password_options
@stdout_option
def entry(
    preset: str, chain_id: str | None, base_path: Path | None, name: str, stash: str | None,
    suri: str | None, scheme: str, address: str | None, babe: str | None, gran: str | None,
    password: str | None, password_filename: Path | None, password_interactive: bool, output: str,
) -> None:  # fmt: skip
    """Make a validator's signed entry for the start of a network.

    It takes the session keys of the keystore, or makes them there, and signs with them. The stash
    signs as well: here with --from, or elsewhere with `key ceremony-sign`. Typed again, it makes
    the same entry: nothing is lost by an interruption.
    """
    # Imported here, and in `sign`: genesis takes a second, and other commands on keys need none.
    from cli.common.entries import network_id, new_entry

    chain_id = network_id(preset, chain_id)
    pair = None if suri is None else key_pair(read_secret(suri), scheme, None)
    account = _stash(stash, pair)
    paths = Paths(base_path or default_base_path(), chain_id)
    word = keystore_password(password, password_filename, password_interactive)
    with plain_key_errors():
        store = Keystore.open(paths.keystore, word)
        pairs = {
            kind: _session_key(store, type_, chosen)
            for (kind, type_), chosen in zip(KINDS.items(), (babe, gran), strict=True)
        }
    peer = peer_id(network_key(paths.network))
    if address is not None and "/p2p/" not in address:
        address = f"{address.rstrip('/')}/p2p/{peer}"
    made = new_entry(chain_id, name, account, peer, address, pairs, pair)
    write_json(made.to_json(), output)
    _report(made, paths.keystore)


def _report(made: Entry, keystore: Path) -> None:
    show.note(f"session keys in {keystore}: back up this folder now, and with its `secret`")
    show.note(f"peer id {made.peer_id}; bootnode: {made.address or 'none (--public-addr)'}")
    if made.stash_proof is None:
        show.note(
            f"not signed by the stash {ss58_address(made.stash)} yet: where its key is, run "
            "`btt-chain key ceremony-sign FILE --from KEYFILE`, then hand the entry in"
        )


@examples("btt-chain key ceremony-sign bitwave.json --from stash.txt")
@click.command("ceremony-sign")
@click.argument("file", type=FILE)
@click.option(
    "--from", "suri", required=True,
    help="The key of the stash: its secret URI, a file that holds it, or - .",
)  # fmt: skip
@scheme_option
@click.option(
    "-o", "--output", type=click.Path(dir_okay=False, allow_dash=True),
    help="Where the signed entry goes. [default: into FILE itself]",
)  # fmt: skip
def sign(file: Path, suri: str, scheme: str, output: str | None) -> None:
    """Sign the entry FILE with the key of its stash; no network and no keystore is needed."""
    from cli.common.entries import signed_by_stash

    signed = signed_by_stash(file, lambda: key_pair(read_secret(suri), scheme, None))
    write_json(signed.to_json(), output or str(file))
    show.note(
        f"signed: {signed.name} validates on {signed.chain_id} with the stash "
        f"{ss58_address(signed.stash)}, babe 0x{signed.keys['babe'].hex()}, grandpa "
        f"0x{signed.keys['grandpa'].hex()}"
    )


def _stash(given: str | None, pair: KeyPair | None) -> AccountId:
    if given is None:
        if pair is None:
            raise Mistyped("whose bond is it? Give --stash ADDRESS, or --from with its key")
        return AccountId(pair.account_id)
    try:
        account = AccountId(read_account(given))
    except AccountError as error:
        raise Mistyped(f"--stash: {error}") from None
    if pair is not None and pair.account_id != account:
        raise Mistyped("--from is the key of another account than --stash")
    return account


def _session_key(store: Keystore, key_type: bytes, chosen: str | None) -> KeyPair:
    """Return the key of a type, created if there is none; Refused if there are several."""
    flag = f"--{key_type.decode()}"
    found = store.public_keys(key_type)
    if chosen is not None:
        found = [public for public in found if public.hex() == chosen.lower().removeprefix("0x")]
        if not found:
            raise NotFound(f"{flag} {chosen}: there is no such key in {store.folder}")
    if len(found) > 1:
        names = ", ".join("0x" + public.hex() for public in found)
        raise Refused(
            f"the keystore has several {key_type.decode()} keys, {names}: say which with {flag}"
        )
    public = found[0] if found else store.generate(key_type)
    pair = store.pair(key_type, public)
    if pair is None:
        raise Refused(f"the key 0x{public.hex()} has just gone from {store.folder}")
    return pair
