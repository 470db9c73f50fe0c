"""Errors of wallets: each says what is wrong and what to do; none repeats a secret."""

from __future__ import annotations


class WalletError(Exception):
    """A request to a wallet failed."""


class BadName(WalletError):
    """The text cannot be the name of an account."""


class NoSuchAccount(WalletError):
    """The wallet has no account of this name."""


class AlreadyThere(WalletError):
    """The wallet has an account of this name; nothing is ever overwritten."""


class Damaged(WalletError):
    """A file is not what polkadot.js or this program writes."""


class WrongPassword(WalletError):
    """The key does not open with this password."""
