"""Webhooks: signed deliveries of events to a merchant's server, in the form of Standard Webhooks.

    signature = "v1," ++ base64(HMAC-SHA256(secret, id ++ "." ++ timestamp ++ "." ++ body))

The id of an event follows from its block and index, so that it is the same from every machine and
on every day: a receiver drops what it has seen. Source: https://www.standardwebhooks.com (1.0).
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
import secrets
from collections.abc import Mapping
from typing import Final

from btt_chain.payments.errors import PaymentError
from btt_chain.web.addresses import is_public as is_public  # noqa: PLC0414 - for receivers, too

PREFIX: Final = "whsec_"
MIN_SECRET: Final = 24
MAX_SECRET: Final = 64
"""Bounds of a secret in bytes, as the specification has them."""
TOLERANCE_S: Final = 300
"""Maximum difference between a delivery's time and the receiver's clock, in seconds."""
MINUTE: Final = 60
HOUR: Final = 3_600
RETRIES_S: Final = (
    0, 5, 5 * MINUTE, 30 * MINUTE,
    2 * HOUR, 5 * HOUR, 10 * HOUR, 14 * HOUR, 20 * HOUR, 24 * HOUR,
)  # fmt: skip
"""Waiting time before each attempt, in seconds, counted from the previous one."""

_SECONDS: Final = re.compile(r"[1-9][0-9]{0,11}", re.ASCII)


def new_secret() -> str:
    """Return a random secret in its text form."""
    return PREFIX + base64.b64encode(secrets.token_bytes(32)).decode()


def secret_bytes(text: str) -> bytes:
    """Return the key of a secret `whsec_...`. Raises PaymentError, which shows no part of it."""
    if not text.startswith(PREFIX):
        raise PaymentError(f"webhook secret: it begins with {PREFIX}")
    try:
        key = base64.b64decode(text.removeprefix(PREFIX), validate=True)
    except ValueError:
        raise PaymentError(f"webhook secret: not base64 after {PREFIX}") from None
    if not MIN_SECRET <= len(key) <= MAX_SECRET:
        raise PaymentError(f"webhook secret: {len(key)} bytes, {MIN_SECRET} to {MAX_SECRET} needed")
    return key


def event_id(block: bytes, index: int) -> str:
    """Return the id of the event at `index` of a finalized block."""
    return f"evt_{block[:16].hex()}{index}"


def headers(secret: str, id: str, timestamp_s: int, body: bytes) -> dict[str, str]:
    """Return the headers of a delivery."""
    digest = base64.b64encode(_digest(secret_bytes(secret), id, timestamp_s, body)).decode()
    return {
        "webhook-id": id,
        "webhook-timestamp": str(timestamp_s),
        "webhook-signature": f"v1,{digest}",
        "content-type": "application/json",
    }


def verify(secret: str, given: Mapping[str, str], body: bytes, now_s: int) -> str:
    """Return the id of a delivery after checking its signature and its time.

    For receivers written with this library. Raises PaymentError.
    """
    values = {name.lower(): value for name, value in given.items()}
    try:
        id, timestamp = values["webhook-id"], values["webhook-timestamp"]
        signatures = values["webhook-signature"].split(" ")
    except KeyError as error:
        raise PaymentError(f"webhook: the header {error.args[0]} is missing") from None
    if not _SECONDS.fullmatch(timestamp):
        raise PaymentError("webhook: webhook-timestamp is not a Unix time in seconds")
    if not (id.isascii() and all(each.isascii() for each in signatures)):
        raise PaymentError("webhook: a header has characters other than ASCII")
    if abs(now_s - int(timestamp)) > TOLERANCE_S:
        raise PaymentError(
            f"webhook: its time differs by more than {TOLERANCE_S} s from this clock"
        )
    expected = b"v1," + base64.b64encode(_digest(secret_bytes(secret), id, int(timestamp), body))
    if not any(hmac.compare_digest(each.encode(), expected) for each in signatures):
        raise PaymentError("webhook: the signature is wrong")
    return id


def _digest(key: bytes, id: str, timestamp_s: int, body: bytes) -> bytes:
    signed = id.encode() + b"." + str(timestamp_s).encode() + b"." + body
    return hmac.new(key, signed, hashlib.sha256).digest()
