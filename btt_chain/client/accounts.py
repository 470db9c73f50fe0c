"""Accounts as typed: an address, 32 bytes in hex, or a key such as `//Alice`."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

from btt_chain.client.names import names_in_use
from btt_chain.crypto.development import DEV_NAMES
from btt_chain.crypto.errors import SecretError
from btt_chain.crypto.keypair import KeyPair
from btt_chain.primitives import ss58

ACCOUNT_LENGTH: Final = 32
ADDRESS_LENGTH: Final = 46
"""Minimum characters of the address of an account."""

OTHERS: Final = ("Validator", "Provider", "holder")
"""First parts of the paths of keys on development chains, besides the names of accounts."""

FILE_NAME: Final = r"~.*|[\w.-]+\.[A-Za-z]{1,5}"
"""Pattern of a file name without a folder; neither a phrase nor a seed has such characters."""


PHRASE_WORDS: Final = 12
"""Minimum words of a text that may be a secret phrase."""


class AccountError(ValueError):
    """The text names no account; the message says why."""


def read_account(text: str, prefix: int = ss58.DEFAULT_PREFIX) -> bytes:
    """Return the 32 bytes of the account of `text`.

    An address must be of the network `prefix`: the same key on another network often belongs to
    another owner. `//Alice` is the sr25519 key of the public development phrase. What is none of
    these is looked up with `use_names`.
    """
    text = text.strip()
    if text.startswith("//"):
        return _development_account(text)
    if text.startswith("0x"):
        return _hex_account(text)
    try:
        account, network = ss58.decode(text)
    except ss58.Ss58Error as error:
        names = names_in_use()
        named = None if names is None else names(text)
        if named is not None:
            return named
        if names is not None and len(text) < ADDRESS_LENGTH:
            raise AccountError(
                f"{text!r} is not an address, and no account of the wallet has this name"
                f"{_meant(text)}"
            ) from None
        if len(text.split()) >= PHRASE_WORDS:  # a secret, which messages and logs never repeat
            raise AccountError("a phrase is a secret, and no address: give the address") from None
        raise AccountError(f"{text!r} is not an address: {error}") from None
    if len(account) != ACCOUNT_LENGTH:
        names = names_in_use()
        named = None if names is None else names(text)
        if named is not None:  # a word may be the address of a short index, too
            return named
        raise AccountError(f"{text} is not the address of a 32-byte account")
    if network != prefix:
        raise AccountError(
            f"{text} is an address of network {network}, this chain is network {prefix}; "
            f"the same key has the address {ss58.encode(account, prefix)} here"
        )
    return account


def _meant(text: str) -> str:
    """Return the development account that a text without its slashes means, if it is one."""
    name = text.strip("/").capitalize()
    return f"; did you mean //{name}?" if name in DEV_NAMES else ""


def _development_account(uri: str) -> bytes:
    # Where names are used, a person at this machine types; others do not learn what is on its disk.
    if is_path_like(uri, is_on_disk=names_in_use() is not None):
        raise AccountError(path_like(uri))
    try:
        return KeyPair.from_uri(uri).account_id
    except SecretError as error:
        raise AccountError(f"{uri!r} is not a development account: {error}") from None


def _hex_account(text: str) -> bytes:
    try:
        account = bytes.fromhex(text[2:])
    except ValueError:
        raise AccountError(f"{text!r} is not hex") from None
    if len(account) != ACCOUNT_LENGTH:
        raise AccountError(f"an account has {ACCOUNT_LENGTH} bytes, {text!r} has {len(account)}")
    return account


def is_path_like(text: str, *, is_on_disk: bool = True) -> bool:
    """Return True if a text that begins with // is a path rather than a development key.

    With `is_on_disk`, that is also one of a file or in a folder of this machine.
    """
    path = Path(text)
    if is_on_disk and (path.is_file() or (path.parent.is_dir() and len(path.parts) > 2)):
        return True
    if re.fullmatch(FILE_NAME, path.name) or (text.startswith("///") and "/" in text[3:]):
        return True
    first, *others = text.partition("///")[0].removeprefix("//").split("//")
    name, slash, _ = first.partition("/")
    has_soft = bool(slash) or any("/" in other for other in others)
    return has_soft and name not in (*DEV_NAMES, *OTHERS)


def path_like(text: str) -> str:
    """Return the error of such a text."""
    return (
        f"{text} looks like the path of a file with slashes too many: write a path like "
        "/home/me/key, a development key like //Alice, and before any other path of a key its "
        "phrase or seed"
    )
