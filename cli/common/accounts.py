"""Accounts as typed: an address, 32 bytes in hex, or a key such as `//Alice`."""

from __future__ import annotations

from typing import Final

from btt_chain.primitives import ss58
from cli.common.secret_uri import is_path_like, path_like

ACCOUNT_LENGTH: Final = 32


class AccountError(ValueError):
    """The text names no account; the message says why."""


def read_account(text: str, prefix: int = ss58.DEFAULT_PREFIX) -> bytes:
    """Return the 32 bytes of the account of `text`.

    An address must be of the network `prefix`: the same key on another network often belongs to
    another owner. `//Alice` is the sr25519 key of the public development phrase.
    """
    text = text.strip()
    if text.startswith("//"):
        return _development_account(text)
    if text.startswith("0x"):
        return _hex_account(text)
    try:
        account, network = ss58.decode(text)
    except ss58.Ss58Error as error:
        raise AccountError(f"{text!r} is no address: {error}") from None
    if len(account) != ACCOUNT_LENGTH:
        raise AccountError(f"{text} is not the address of a 32-byte account")
    if network != prefix:
        raise AccountError(
            f"{text} is an address of network {network}, this chain is network {prefix}; "
            f"the same key has the address {ss58.encode(account, prefix)} here"
        )
    return account


def _development_account(uri: str) -> bytes:
    from btt_chain.crypto.errors import SecretError
    from btt_chain.crypto.keypair import KeyPair

    if is_path_like(uri):
        raise AccountError(path_like(uri))
    try:
        return KeyPair.from_uri(uri).account_id
    except SecretError as error:
        raise AccountError(f"{uri!r} is no development account: {error}") from None


def _hex_account(text: str) -> bytes:
    try:
        account = bytes.fromhex(text[2:])
    except ValueError:
        raise AccountError(f"{text!r} is not hex") from None
    if len(account) != ACCOUNT_LENGTH:
        raise AccountError(f"an account has {ACCOUNT_LENGTH} bytes, {text!r} has {len(account)}")
    return account
