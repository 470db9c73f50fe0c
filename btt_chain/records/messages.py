"""Messages between vaults: signed by the sender, sealed to the recipient.

    sealed    = sealed box of X25519 to the recipient over   signature 64 || message
    message   = canonical JSON { type, kind, chain, from, to, time_ms, nonce, body }
    signature = Ed25519 of the sender over b"btt-message-1" || message
    hash      = blake2_256(signature || message): the "hash of the signed request" of a promise

A message is valid for two minutes around its time, once, on one chain, for one recipient. So it may
travel over any connection: a reader without TLS discloses no record.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from btt_chain.crypto.hashing import blake2_256
from btt_chain.primitives.digest import H256
from btt_chain.records.canonical import canonical
from btt_chain.records.documents import Resource, parse
from btt_chain.records.errors import RecordsError, VaultError
from btt_chain.records.keys import VaultId, VaultKeys
from btt_chain.records.shapes import member, number, objects, octets, text

CONTEXT: Final = b"btt-message-1"
TYPE: Final = "btt-message-1"
WINDOW_MS: Final = 120_000
SIGNATURE: Final = 64
NONCE: Final = 16
MAX_SEEN: Final = 100_000
_TAIL: Final = 1_024
"""Bytes at the end of a message that have all members but the body, which is sorted first."""
_FROM: Final = re.compile(rb'"from":"(btt-vault:[A-Za-z0-9_-]{86})"')
MAX_FILE: Final = 64 << 20
"""Bytes of a message in a file."""


class BadMessage(RecordsError):
    """A message is malformed, too old, repeated, or of another sender, recipient or chain."""


@dataclass(frozen=True, slots=True)
class Message:
    """An opened message."""

    kind: str
    sender: VaultId
    time_ms: int
    nonce: bytes
    body: Resource
    hash: H256


def send(
    keys: VaultKeys, to: VaultId, chain: bytes, kind: str, body: Resource, now_ms: int
) -> tuple[bytes, H256]:
    """Return the sealed message, and its hash."""
    message = canonical(
        {
            "type": TYPE,
            "kind": kind,
            "chain": chain.hex(),
            "from": str(keys.id),
            "to": str(to),
            "time_ms": now_ms,
            "nonce": secrets.token_hex(NONCE),
            "body": body,
        }
    )
    signed = keys.sign(CONTEXT + message) + message
    return to.wrap(signed), H256(blake2_256(signed))


def receive(
    sealed: bytes,
    keys: VaultKeys,
    chain: bytes,
    now_ms: int,
    *,
    sender: VaultId | None = None,
    window_ms: int | None = WINDOW_MS,
    limit: Callable[[VaultId], int] | None = None,
) -> Message:
    """Open a message for this vault, from `sender` if one is expected.

    The signature and the `limit` of bytes of the sender are checked before anything is parsed.
    `window_ms` None is for messages in files, which may be old. Raises BadMessage. The caller
    refuses repetitions (`Seen`).
    """
    try:
        signed = keys.unwrap(sealed)
    except VaultError as error:
        raise BadMessage(f"the message does not open: {error}") from None
    by = _sender(signed[SIGNATURE:])
    if not by.has_signed(CONTEXT + signed[SIGNATURE:], signed[:SIGNATURE]):
        raise BadMessage("the message is not signed by its sender")
    if limit is not None and len(signed) > limit(by):
        raise BadMessage(f"a message of this sender has at most {limit(by)} bytes")
    try:
        found = parse(signed[SIGNATURE:])
        named = VaultId.parse(text(found, "from"))
        to, time_ms = text(found, "to"), number(found, "time_ms")
        nonce, body = octets(found, "nonce", NONCE), objects(member(found, "body"))
        kind, on, type = text(found, "kind"), octets(found, "chain"), text(found, "type")
    except RecordsError as error:
        raise BadMessage(f"the message is malformed: {error}") from None
    if named != by:
        raise BadMessage("the message is malformed: it names two senders")
    if to != str(keys.id) or on != chain or type != TYPE:
        raise BadMessage("the message is for another vault, or another chain")
    if sender is not None and by != sender:
        raise BadMessage("the message is of another sender")
    if window_ms is not None and abs(now_ms - time_ms) > window_ms:
        raise BadMessage("the message is older than two minutes, or a clock is wrong")
    return Message(kind, by, time_ms, nonce, body, H256(blake2_256(signed)))


def _sender(message: bytes) -> VaultId:
    """Return the sender that a canonical message names, without parsing it. Raises BadMessage."""
    found = _FROM.findall(message[-_TAIL:])
    if not found:
        raise BadMessage("the message is malformed: it names no sender")
    try:
        return VaultId.parse(found[-1].decode())
    except VaultError as error:
        raise BadMessage(f"the message is malformed: {error}") from None


class Seen:
    """The nonces of the last minutes: a message counts once."""

    def __init__(self) -> None:
        self._times: dict[bytes, int] = {}

    def take(self, message: Message, now_ms: int) -> None:
        """Remember a message. Raises BadMessage if it came before, or too many came."""
        if len(self._times) >= MAX_SEEN:
            self._times = {each: time for each, time in self._times.items()
                           if now_ms - time <= 2 * WINDOW_MS}  # fmt: skip
        if len(self._times) >= MAX_SEEN:
            raise BadMessage("too many messages: try again later")
        if message.hash in self._times:
            raise BadMessage("the message came before")
        self._times[message.hash] = message.time_ms
