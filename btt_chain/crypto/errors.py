"""Errors of secrets that a user typed."""

from __future__ import annotations


class SecretError(ValueError):
    """A phrase, seed, URI or path is not usable.

    The message says what is wrong and where, and never contains any part of the secret: errors end
    up in logs.
    """


def utf8(secret: str, what: str) -> bytes:
    """Return `secret` as UTF-8; SecretError, because the codec's own error would quote it."""
    try:
        return secret.encode()
    except UnicodeEncodeError:
        raise SecretError(f"{what} holds a character that is not Unicode text") from None
