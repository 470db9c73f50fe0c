"""Secret phrases: BIP-39 words, and Substrate's own derivation of a key from them.

The words are BIP-39's, with its checksum. The seed is not: Substrate stretches the entropy of the
words, not their text (crate `substrate-bip39`), so BIP-39 wallets derive other keys from the same
phrase.
"""

from __future__ import annotations

import hashlib
import secrets
from functools import cache
from pathlib import Path

from btt_chain.crypto.errors import SecretError, utf8

_WORD_BITS = 11
_BYTES_BY_WORDS = {12: 16, 15: 20, 18: 24, 21: 28, 24: 32}
_ROUNDS = 2048


class MnemonicError(SecretError):
    """The phrase is not a BIP-39 phrase in English."""


def generate(words: int = 12) -> str:
    """Return a new phrase of 12, 15, 18, 21 or 24 words, from the operating system's randomness."""
    size = _BYTES_BY_WORDS.get(words)
    if size is None:
        raise MnemonicError(f"a phrase has 12, 15, 18, 21 or 24 words, not {words}")
    return phrase_from_entropy(secrets.token_bytes(size))


def validate(phrase: str) -> None:
    """Raise MnemonicError, with the fault, unless words and checksum of `phrase` are valid."""
    entropy_from_phrase(phrase)


def mini_secret(phrase: str, password: str = "") -> bytes:
    """Return the 32-byte seed of a phrase.

    PBKDF2-HMAC-SHA512 over the entropy with the salt "mnemonic" + password, 2048 rounds, the first
    32 of 64 bytes. It is slow on purpose (about a millisecond).
    """
    entropy = entropy_from_phrase(phrase)
    salt = b"mnemonic" + utf8(password, "the password")
    return hashlib.pbkdf2_hmac("sha512", entropy, salt, _ROUNDS)[:32]


def phrase_from_entropy(entropy: bytes) -> str:
    """Return the words of 16, 20, 24, 28 or 32 bytes, the checksum in the last one."""
    if len(entropy) not in _BYTES_BY_WORDS.values():
        raise MnemonicError(f"entropy has 16, 20, 24, 28 or 32 bytes, not {len(entropy)}")
    checksum_bits = len(entropy) // 4
    number = int.from_bytes(entropy, "big") << checksum_bits | _checksum(entropy)
    count = (len(entropy) * 8 + checksum_bits) // _WORD_BITS
    words = _words()
    shifts = range((count - 1) * _WORD_BITS, -1, -_WORD_BITS)
    return " ".join(words[number >> shift & 0x7FF] for shift in shifts)


def entropy_from_phrase(phrase: str) -> bytes:
    """Return the entropy of a phrase; spaces between words do not count, capitals do.

    MnemonicError names the position of an unknown word, not the word: with one wrong letter it
    still discloses most of it.
    """
    given = phrase.split()
    size = _BYTES_BY_WORDS.get(len(given))
    if size is None:
        raise MnemonicError(f"a phrase has 12, 15, 18, 21 or 24 words, not {len(given)}")
    numbers = _numbers()
    total = 0
    for position, word in enumerate(given, 1):
        number = numbers.get(word)
        if number is None:
            raise MnemonicError(
                f"word {position} of {len(given)} is not in the English list (BIP-39)"
            )
        total = total << _WORD_BITS | number
    checksum_bits = size // 4
    entropy = (total >> checksum_bits).to_bytes(size, "big")
    if total & (1 << checksum_bits) - 1 != _checksum(entropy):
        raise MnemonicError("the words are all known, but their checksum fails: is one misplaced?")
    return entropy


def _checksum(entropy: bytes) -> int:
    """Return the first bits of SHA-256, one for every four bytes of entropy."""
    return hashlib.sha256(entropy).digest()[0] >> 8 - len(entropy) // 4


@cache
def _words() -> tuple[str, ...]:
    """Return the English list of BIP-39: 2048 words, in alphabetical order."""
    return tuple(Path(__file__).with_name("english.txt").read_text("ascii").split())


@cache
def _numbers() -> dict[str, int]:
    return {word: number for number, word in enumerate(_words())}
