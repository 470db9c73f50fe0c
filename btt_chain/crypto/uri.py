"""Secret URIs: the form of a key on a command line.

`phrase//hard/soft///password`, where the phrase may be words, `0x` and a seed in hex, or nothing
(then it is the public development phrase). The grammar is sp_core's `AddressUri`, and different
URIs can name the same key.
"""

from __future__ import annotations

import re
from dataclasses import field

from btt_chain.crypto.errors import SecretError, utf8
from btt_chain.crypto.hashing import blake2_256
from btt_chain.lazyclass import dataclass

DEV_PHRASE = "bottom drive obey lake curtain smoke basket hold race lonely fit walk"
"""The public phrase of the well-known development accounts: its keys are no secret."""

CHAIN_CODE_LENGTH = 32

_PHRASE = re.compile(r"[a-zA-Z0-9 ]*")
_NUMBER = re.compile(r"\+?[0-9]+")  # as Rust parses an unsigned number
_U64_DIGITS = 20


class UriError(SecretError):
    """The secret URI cannot be read; the message says where, not what."""


@dataclass(frozen=True, slots=True)
class Junction:
    """One step of a derivation path."""

    code: bytes = field(repr=False)  # a path can be the only secret part of a URI
    hard: bool


@dataclass(frozen=True, slots=True)
class SecretUri:
    """The parts of a secret URI."""

    phrase: str = field(repr=False)
    junctions: tuple[Junction, ...]
    password: str | None = field(repr=False)

    @classmethod
    def parse(cls, uri: str) -> SecretUri:
        """Split `uri` into its parts; SecretError if it does not follow the grammar."""
        utf8(uri, "the secret URI")
        found = _PHRASE.match(uri)
        at = found.end() if found else 0
        phrase = uri[:at]
        junctions: list[Junction] = []
        while at < len(uri):
            if uri[at] != "/":
                raise UriError(
                    f"the character at position {at + 1} of the secret URI is neither letter, "
                    "digit, space nor the start of a path"
                )
            if uri.startswith("///", at):
                password = uri[at + 3 :]
                if "\n" in password:
                    raise UriError("the password holds a line break")
                return cls(phrase or DEV_PHRASE, tuple(junctions), password)
            hard = uri.startswith("//", at)
            start = at + 2 if hard else at + 1
            end = uri.find("/", start)
            at = len(uri) if end < 0 else end
            if at == start:
                raise UriError(f"the path item at position {start + 1} of the secret URI is empty")
            junctions.append(Junction(chain_code(uri[start:at]), hard))
        return cls(phrase or DEV_PHRASE, tuple(junctions), None)


def chain_code(item: str) -> bytes:
    """Return the 32 bytes of a path item.

    The item as SCALE, a number below 2^64 as u64 and any other text as a string; padded with zeros,
    or hashed with blake2_256 if longer than 32 bytes.
    """
    encoded = _scale(item)
    if len(encoded) > CHAIN_CODE_LENGTH:
        return blake2_256(encoded)
    return encoded.ljust(CHAIN_CODE_LENGTH, b"\0")


def _scale(item: str) -> bytes:
    if _NUMBER.fullmatch(item):
        digits = item.lstrip("+").lstrip("0")
        # Python refuses to parse numbers of thousands of digits; these are too large anyway.
        if len(digits) <= _U64_DIGITS and (number := int(digits or "0")) < 1 << 64:
            return number.to_bytes(8, "little")
    raw = item.encode()
    return _compact(len(raw)) + raw


def _compact(length: int) -> bytes:
    """Return a SCALE compact length; here, so that this package does not import `scale`."""
    if length < 1 << 6:
        return bytes([length << 2])
    if length < 1 << 14:
        return (length << 2 | 1).to_bytes(2, "little")
    return (length << 2 | 2).to_bytes(4, "little")
