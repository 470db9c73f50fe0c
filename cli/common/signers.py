"""The signer of a command: a secret, or an account of the wallet; and the account it acts for."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from btt_chain.client.errors import InvalidArgument
from btt_chain.client.metadata import ChainMetadata
from btt_chain.client.transactions import Call
from btt_chain.crypto.keypair import KeyPair
from btt_chain.lazyclass import dataclass
from btt_chain.primitives import ss58
from btt_chain.scale import EncodeError
from btt_chain.scale.portable import Plain
from cli.common import show
from cli.common.errors import Mistyped, hint
from cli.common.keys import key_pair, read_secret, scheme_option
from cli.common.options import Command, password_options
from cli.common.wallets import (
    Passwords,
    entry_named,
    key_of,
    may_be_name,
    note_name,
    wallet,
    wallet_errors,
    wallet_folder,
)

if TYPE_CHECKING:
    from btt_chain.wallet.entries import Entry

HEX_SEED = 64
MAX_NAME: Final = 255
"""Maximum length of a file's name."""
EXPOSED: Final = (
    "note: a secret on the command line is seen by other users of this machine (ps), and kept by "
    "the shell's history: give a file or - instead, or keep it with `btt-chain account import`"
)


@dataclass(frozen=True, slots=True)
class Proxied:
    """An account for which the signer acts as proxy."""

    account: bytes
    scope: str | None
    """The type of proxy; None: the first one that there is."""


@dataclass(frozen=True, slots=True)
class ReadSigner:
    """The key that signs, and what it stands for."""

    pair: KeyPair
    proxied: Proxied | None = None
    name: str | None = None
    """Its name in the wallet."""


def read_signer(given: str | None, scheme: str, passwords: Passwords) -> ReadSigner:
    """Return the signer of `--from`; without one, the default account of the wallet."""
    if given is None:
        with wallet_errors():
            given = wallet().default()
        if given is None:
            raise Mistyped(
                "Missing option '--from': give a name of the wallet, a key or a file, or choose a "
                "default with `btt-chain account default NAME`"
            )
    entry = entry_named(given)
    if entry is not None:
        return _of_entry(entry, passwords)
    if (may_be_name(given) or _is_seed(given)) and not _is_file(given):
        raise Mistyped(_unknown(given))
    pair = key_pair(read_secret(given), scheme, passwords.of_uri())
    if is_exposed(given):
        show.note(EXPOSED)
    return ReadSigner(pair)


def signer_options(command: Command) -> Command:
    """Add `--from` and the options of its key, for a daemon; `signer_of` reads them."""
    given = click.option(
        "--from",
        "uri",
        metavar="NAME|KEY",
        help="The key that signs and pays: an account of the wallet, a secret URI, a file that "
        "holds one, or - . [default: the wallet's default account]",
    )
    return given(scheme_option(password_options(command)))


def signer_of(options: dict[str, object]) -> KeyPair:
    """Return the key of the options, which are removed from `options`."""
    passwords, given = Passwords.of(options), options.pop("uri")
    uri = None if given is None else str(given)
    found = read_signer(uri, str(options.pop("scheme")), passwords)
    if found.proxied is not None:
        raise Mistyped("this program signs by itself, which no proxy can: name a key with --from")
    return found.pair


def is_exposed(given: str) -> bool:
    """Return True if `--from` is a secret that was typed, and no development key."""
    if given == "-" or given.startswith("//") or _is_file(given):
        return False
    ctx = click.get_current_context(silent=True)
    source = None if ctx is None else ctx.get_parameter_source("uri")
    return source is click.core.ParameterSource.COMMANDLINE


def _of_entry(entry: Entry, passwords: Passwords) -> ReadSigner:
    from btt_chain.wallet.entries import Kind  # imports cryptography, which queries do without

    if entry.kind is not Kind.PROXY:
        return ReadSigner(key_of(entry, passwords), name=entry.name)
    with wallet_errors():
        keys = [each for each in wallet().of_account(entry.signer) if each.kind is Kind.KEY]
    if not keys:
        raise Mistyped(
            f"{entry.name} is used through its proxy {ss58.encode(entry.signer)}, whose key is not "
            "in this wallet"
        )
    note_name(entry.name, entry.account)
    signer = key_of(keys[0], passwords)
    return ReadSigner(signer, Proxied(entry.account, entry.scope), keys[0].name)


def _is_seed(text: str) -> bool:
    """Return True if the text is a seed in hex without its 0x."""
    return len(text) == HEX_SEED and all(each in "0123456789abcdefABCDEF" for each in text)


def _is_file(text: str) -> bool:
    return len(text) <= MAX_NAME and Path(text).is_file()


def _unknown(text: str) -> str:
    if _is_seed(text):
        return "the key names no file and no account; a seed begins with 0x"

    known = wallet().names()
    near = hint(text, known) if known else f"there is no account in {wallet_folder()}"
    return (
        f"{text} is neither an account of the wallet nor a file; {near.rstrip('?')}. A key is a "
        "file, a phrase of words, 0x and a seed, or a development key such as //Alice"
    )


def proxied_call(metadata: ChainMetadata, call: Call, proxied: Proxied) -> Call:
    """Return the call that makes another one as the account of a proxy's owner."""
    arguments: dict[str, Plain] = {
        "real": "0x" + proxied.account.hex(),
        "force_proxy_type": proxied.scope,
    }
    return carrying(metadata, "Proxy.proxy", arguments, call)


def carrying(
    metadata: ChainMetadata, path: str, arguments: Mapping[str, Plain], inner: Call
) -> Call:
    """Return a call with another one as its argument, which keeps its exact bytes.

    Raises NotFound, InvalidArgument.
    """
    items = metadata.items
    pallet, variant = items.call(path)
    raw = bytes((pallet.index, variant.index))
    for field in variant.fields:
        name = field.name or ""
        if field.type == items.call_type:
            raw += inner.raw
            continue
        try:
            raw += items.types.encode(field.type, arguments[name], name)
        except EncodeError as error:
            raise InvalidArgument(f"{path}: {error}") from None
    return Call(raw)
