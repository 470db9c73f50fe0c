"""References: the 16 random bytes by which a payment is found, and by which it is paid once."""

from __future__ import annotations

import base64
import secrets
from typing import Final

from btt_chain.payments.errors import PaymentError

REFERENCE_LENGTH: Final = 16
MIN_DISTINCT: Final = 8
"""Minimum number of distinct bytes; 16 random bytes have fewer once in 10^12."""


def new_reference() -> bytes:
    """Return a random reference."""
    while True:
        reference = secrets.token_bytes(REFERENCE_LENGTH)
        if not is_guessable(reference):
            return reference


def is_guessable(reference: bytes) -> bool:
    """Return True if a reference looks like a number or a name instead of random bytes.

    References are public for ever: an invoice or patient number in one identifies its payer.
    """
    return len(set(reference)) < MIN_DISTINCT or all(32 <= byte < 127 for byte in reference)


def ensure_random(reference: bytes) -> bytes:
    """Return the reference; raise PaymentError if it is not 16 random bytes."""
    if len(reference) != REFERENCE_LENGTH:
        raise PaymentError(f"reference: {len(reference)} bytes instead of {REFERENCE_LENGTH}")
    if is_guessable(reference):
        raise PaymentError(
            "reference: it is not random; references are public, so never use invoice or patient "
            "numbers. Omit it to get a random one"
        )
    return reference


def to_base64url(raw: bytes) -> str:
    """Return bytes as unpadded base64url (RFC 4648, 5)."""
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def from_base64url(text: str, length: int, what: str) -> bytes:
    """Return `length` bytes of unpadded base64url; raise PaymentError, which names `what`.

    Only the canonical text of the bytes is accepted.
    """
    try:
        raw = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except ValueError:
        raise PaymentError(f"{what}: not base64url") from None
    if len(raw) != length or to_base64url(raw) != text:
        raise PaymentError(f"{what}: not the base64url form of {length} bytes")
    return raw
