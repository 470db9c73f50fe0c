"""The keys of a vault: one secret seed, from which all of its keys follow.

    seed       32 random bytes
    seal       X25519 key: what is wrapped for this vault opens with it
    sign       Ed25519 key: consents, requests, promises and tombstones are signed with it
    index      key of the index file
    promise    Ed25519 key: a custodian's promises are signed with it

Each is HKDF-SHA256 of the seed under its own name. The seed lies in `owner.key`, encrypted with a
password, or with a random secret in a file of its own (`btt_chain.keystore.sealed`).

The public name of a vault is both public keys, 64 bytes, in text `btt-vault:` and base64url.
"""

from __future__ import annotations

import base64
import binascii
import secrets
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import Final

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from nacl.bindings import crypto_scalarmult
from nacl.exceptions import CryptoError
from nacl.public import PrivateKey, PublicKey, SealedBox

from btt_chain.crypto import ed25519
from btt_chain.records.errors import VaultError

SEED: Final = 32
NAME: Final = "btt-vault:"
MIN_DISTINCT: Final = 12
"""Least number of different bytes in a random secret of 32: fewer happen once in 2**60."""
_ANY_SECRET: Final = bytes(range(SEED))


@dataclass(frozen=True, slots=True)
class VaultId:
    """The public keys of a vault."""

    seal: bytes
    """X25519."""
    sign: bytes
    """Ed25519."""

    def __str__(self) -> str:
        return NAME + base64.urlsafe_b64encode(self.seal + self.sign).decode().rstrip("=")

    @classmethod
    def parse(cls, text: str) -> VaultId:
        """Return the id of a text. Raises VaultError."""
        body = text.removeprefix(NAME)
        try:
            raw = base64.b64decode(body + "=" * (-len(body) % 4), altchars=b"-_", validate=True)
        except (binascii.Error, ValueError):
            raw = b""
        if not text.startswith(NAME) or len(raw) != 2 * SEED:
            raise VaultError(f"{text[:100]!r} is not a vault: it begins with {NAME}")
        if not ed25519.is_public(raw[SEED:]):
            raise VaultError(f"{text[:100]!r} is not a vault: its signing key is not on the curve")
        try:
            crypto_scalarmult(_ANY_SECRET, raw[:SEED])
        except CryptoError:
            # Nothing can be sealed to such a key: an answer to it would fail when it is made.
            raise VaultError(f"{text[:100]!r} is not a vault: its sealing key is weak") from None
        return cls(raw[:SEED], raw[SEED:])

    def wrap(self, secret: bytes) -> bytes:
        """Encrypt a secret so that only this vault can open it (a sealed box of X25519)."""
        return SealedBox(PublicKey(self.seal)).encrypt(secret)

    def has_signed(self, message: bytes, signature: bytes) -> bool:
        """Return True if this vault signed the message."""
        return ed25519.verify_strict(self.sign, message, signature)


class VaultKeys:
    """The secret keys of a vault."""

    def __init__(self, seed: bytes) -> None:
        """Raises VaultError for a seed that is not 32 random bytes."""
        ensure_random(seed, "the seed of a vault")
        self._seed = seed
        self.id = VaultId(
            bytes(PrivateKey(self._derive(b"seal")).public_key),
            ed25519.public_from_seed(self.sign_seed),
        )

    @classmethod
    def generate(cls) -> VaultKeys:
        """Return new keys."""
        return cls(new_secret())

    def __repr__(self) -> str:
        return f"VaultKeys({self.id})"

    @property
    def seed(self) -> bytes:
        """The secret from which all keys follow."""
        return self._seed

    @cached_property
    def index_key(self) -> bytes:
        """The key that encrypts the index's own key."""
        return self._derive(b"index")

    def unwrap(self, wrapped: bytes) -> bytes:
        """Open what was wrapped for this vault. Raises VaultError."""
        try:
            return SealedBox(PrivateKey(self._derive(b"seal"))).decrypt(wrapped)
        except (CryptoError, ValueError, TypeError):
            raise VaultError("it was wrapped for another vault, or is damaged") from None

    def sign(self, message: bytes) -> bytes:
        """Sign a message with Ed25519."""
        return ed25519.sign(self.sign_seed, message)

    @property
    def sign_seed(self) -> bytes:
        """The seed of the Ed25519 key."""
        return self._derive(b"sign")

    @cached_property
    def promise_seed(self) -> bytes:
        """The seed of the Ed25519 key that signs a custodian's promises."""
        return self._derive(b"promise")

    def _derive(self, name: bytes) -> bytes:
        return HKDF(SHA256(), SEED, None, b"btt-records " + name).derive(self._seed)


def new_secret() -> bytes:
    """Return 32 random bytes that `ensure_random` accepts."""
    while True:
        secret = secrets.token_bytes(SEED)
        if is_random(secret):
            return secret


def is_random(secret: bytes) -> bool:
    """Return True if 32 bytes can be random: not a text, a number, a pattern or a repetition."""
    if len(secret) != SEED or len(set(secret)) < MIN_DISTINCT:
        return False
    half = SEED // 2
    is_text = all(32 <= byte < 127 for byte in secret)
    steps = {(after - before) % 256 for before, after in pairwise(secret)}
    return not is_text and secret[:half] != secret[half:] and len(steps) >= MIN_DISTINCT


def ensure_random(secret: bytes, what: str) -> None:
    """Raise VaultError if a secret cannot be random: another could guess it."""
    if not is_random(secret):
        raise VaultError(f"{what} has 32 random bytes; this one can be guessed")
