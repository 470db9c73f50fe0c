"""SS58: an account as text, with its network and a checksum.

base58 of prefix || account || checksum. The prefix is one byte below 64 and two up to 16383; the
checksum is the start of blake2b-512("SS58PRE" || prefix || account).
Source: https://docs.substrate.io/reference/address-formats/ and sp_core::crypto::Ss58Codec.
"""

from __future__ import annotations

import base58

from btt_chain.crypto.hashing import blake2_512

DEFAULT_PREFIX = 42
"""Any Substrate network: the prefix of all BTT chains."""

MAX_PREFIX = 16_383
RESERVED_PREFIXES = frozenset({46, 47})

_TAG = b"SS58PRE"
_ALPHABET = base58.BITCOIN_ALPHABET.decode()
_MAX_CHARACTERS = 51  # 37 bytes: two of prefix, 33 of key, two of checksum

# Bytes of account and checksum together -> bytes of checksum.
_CHECKSUM_BY_LENGTH = {
    2: 1,
    3: 1, 4: 2,
    5: 1, 6: 2, 7: 3, 8: 4,
    9: 1, 10: 2, 11: 3, 12: 4, 13: 5, 14: 6, 15: 7, 16: 8,
    34: 2,
    35: 2,
}  # fmt: skip
_CHECKSUM_BY_ACCOUNT = {1: 1, 2: 1, 4: 1, 8: 1, 32: 2, 33: 2}


class Ss58Error(ValueError):
    """The text is not an address, or one of another network."""


def encode(account: bytes, prefix: int = DEFAULT_PREFIX) -> str:
    """Return the address of `account` on the network `prefix`.

    An account is 32 bytes; ECDSA keys have 33, account indices 1, 2, 4 or 8 (with the shortest
    checksum). Ss58Error for other lengths, and for prefixes that cannot be decoded.
    """
    checksum_length = _CHECKSUM_BY_ACCOUNT.get(len(account))
    if checksum_length is None:
        raise Ss58Error(f"wrong length: an account has 1, 2, 4, 8, 32 or 33, not {len(account)}")
    body = _prefix_bytes(prefix) + account
    return to_base58(body + blake2_512(_TAG + body)[:checksum_length])


def decode(text: str, prefix: int | None = None) -> tuple[bytes, int]:
    """Return the account and the network prefix of an address.

    If `prefix` is given, the address must have it. Ss58Error says what is wrong: a character and
    its position (from 1), the length, the checksum or the network.
    """
    raw = from_base58(text)
    if not raw:
        raise Ss58Error("wrong length: the address is empty")
    found, start = _read_prefix(raw)
    checksum_length = _CHECKSUM_BY_LENGTH.get(len(raw) - start)
    if checksum_length is None:
        raise Ss58Error(f"wrong length: {len(raw)} bytes hold no account with its checksum")
    end = len(raw) - checksum_length
    if blake2_512(_TAG + raw[:end])[:checksum_length] != raw[end:]:
        raise Ss58Error("wrong checksum: the address is mistyped or cut")
    if found in RESERVED_PREFIXES:
        raise Ss58Error(f"the network prefix {found} is reserved")
    if prefix is not None and prefix != found:
        raise Ss58Error(f"wrong network prefix: expected {prefix}, got {found}")
    return raw[start:end], found


def _prefix_bytes(prefix: int) -> bytes:
    """Return one byte below 64; else 01aaaaaa bbcccccc, where the number is cccccc aaaaaabb."""
    if not 0 <= prefix <= MAX_PREFIX:
        raise Ss58Error(f"a network prefix is 0 to {MAX_PREFIX}, not {prefix}")
    if prefix in RESERVED_PREFIXES:
        raise Ss58Error(f"the network prefix {prefix} is reserved")
    if prefix < 64:
        return bytes([prefix])
    return bytes([prefix >> 2 & 0x3F | 0x40, prefix >> 8 | (prefix & 3) << 6])


def _read_prefix(raw: bytes) -> tuple[int, int]:
    """Return the prefix, and the offset of the account."""
    first = raw[0]
    if first < 64:
        return first, 1
    if first >= 128:
        raise Ss58Error(f"unknown address format: the first byte is {first}; is the address cut?")
    if len(raw) < 2:
        raise Ss58Error("wrong length: the network prefix is cut")
    # Two-byte forms of numbers below 64 are accepted, as by Substrate.
    return (first & 0x3F) << 2 | raw[1] >> 6 | (raw[1] & 0x3F) << 8, 2


def to_base58(raw: bytes) -> str:
    """Return the Base58 text of bytes, in Bitcoin's alphabet, as also used by libp2p's peer ids."""
    return base58.b58encode(raw).decode()


def from_base58(text: str, most: int = _MAX_CHARACTERS) -> bytes:
    """Return the bytes of a Base58 text of at most `most` characters, by default an address's.

    Ss58Error says what is wrong.
    """
    # Before the arithmetic, whose cost grows with the square of the length.
    if len(text) > most:
        raise Ss58Error(f"wrong length: {len(text)} characters, an address has at most {most}")
    for position, character in enumerate(text, 1):
        if character not in _ALPHABET:
            raise Ss58Error(f"bad character {character!r} at position {position}")
    return base58.b58decode(text)
