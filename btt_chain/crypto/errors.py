"""What can be wrong with a secret somebody typed."""

from __future__ import annotations


class SecretError(ValueError):
    """A phrase, seed, URI or path is not usable.

    The message says what is wrong and where, and never repeats any part of the secret: errors end
    up in logs.
    """


def utf8(secret: str, what: str) -> bytes:
    """`secret` as UTF-8; SecretError, not the codec's own error, which would quote it."""
    try:
        return secret.encode()
    except UnicodeEncodeError:
        raise SecretError(f"{what} holds a character that is no Unicode text") from None
