"""Key pairs from a URI, a seed or randomness; they sign and verify.

Python cannot wipe memory: a secret lives until its pages are reused. The only guarantee is that it
never appears in `repr`, `str` or an error.
"""

from __future__ import annotations

from dataclasses import field
from functools import cache
from typing import Self, assert_never

from btt_chain.crypto import ecdsa, ed25519, mnemonic, sr25519
from btt_chain.crypto.errors import SecretError
from btt_chain.crypto.signature import Scheme
from btt_chain.crypto.uri import DEV_PHRASE, Junction, SecretUri, UriError
from btt_chain.lazyclass import dataclass

__all__ = ["KeyPair", "Scheme"]

_SEED_LENGTH = 32


@dataclass(frozen=True, slots=True, repr=False)
class KeyPair:
    """A secret key and its public one; two pairs are equal if scheme and public key are."""

    scheme: Scheme
    public: bytes
    """32 bytes; 33 for ECDSA."""

    secret: bytes = field(compare=False)
    """Secret key: a 32-byte seed, or for sr25519 the 64 bytes of scalar and nonce. Keep it safe."""

    seed: bytes | None = field(compare=False)
    """The 32 bytes `from_seed` takes; None for an sr25519 key that was derived."""

    @classmethod
    def from_uri(
        cls, uri: str, scheme: Scheme = Scheme.SR25519, password: str | None = None
    ) -> Self:
        """Return the pair of a secret URI, as `subkey` derives it: `phrase//hard/soft///password`.

        The phrase may be `0x` and a 32-byte seed or the 64 bytes of an sr25519 secret, which no
        password changes, or be left out, which means the public development phrase. A `password`
        given here overrides the URI's own. Raises SecretError, also for soft junctions of ed25519
        and ecdsa.
        """
        parts = SecretUri.parse(uri)
        if password is None:
            password = parts.password or ""
        if parts.phrase.startswith("0x"):
            pair = cls.from_secret(_secret_from_hex(parts.phrase[2:], scheme), scheme)
        elif parts.phrase == DEV_PHRASE and not password:
            pair = cls.from_seed(_dev_seed(), scheme)
        else:
            pair = cls.from_seed(mnemonic.mini_secret(parts.phrase, password), scheme)
        return pair.derive(*parts.junctions)

    @classmethod
    def from_seed(cls, seed: bytes, scheme: Scheme = Scheme.SR25519) -> Self:
        """Return the pair of a seed of 32 bytes (mini-secret); SecretError for another length."""
        if len(seed) != _SEED_LENGTH:
            raise SecretError(f"a seed has {_SEED_LENGTH} bytes, not {len(seed)}")
        match scheme:
            case Scheme.SR25519:
                public, secret = sr25519.pair_from_seed(seed)
                return cls(scheme, public, secret, seed)
            case Scheme.ED25519:
                return cls(scheme, ed25519.public_from_seed(seed), seed, seed)
            case Scheme.ECDSA:
                return cls(scheme, _ecdsa_public(seed), seed, seed)
            case _:
                assert_never(scheme)

    @classmethod
    def from_secret(cls, secret: bytes, scheme: Scheme = Scheme.SR25519) -> Self:
        """Return the pair with this `secret`: 64 bytes of sr25519, or a seed of any scheme."""
        if scheme is not Scheme.SR25519 or len(secret) == _SEED_LENGTH:
            return cls.from_seed(secret, scheme)
        if len(secret) != sr25519.SECRET_LENGTH:
            raise SecretError(f"an sr25519 secret has 64 bytes, not {len(secret)}")
        try:
            public = sr25519.public_from_secret(secret)
        except ValueError:
            raise SecretError("the first 32 bytes are not an sr25519 scalar") from None
        return cls(scheme, public, secret, None)

    @classmethod
    def generate(cls, words: int = 12, scheme: Scheme = Scheme.SR25519) -> tuple[Self, str]:
        """Return a new pair, and the phrase of `words` words from which it is derived."""
        phrase = mnemonic.generate(words)
        return cls.from_seed(mnemonic.mini_secret(phrase), scheme), phrase

    @property
    def account_id(self) -> bytes:
        """The 32-byte account of this key: the public key, or its hash for ECDSA."""
        if self.scheme is Scheme.ECDSA:
            return ecdsa.account_of(self.public)
        return self.public

    def sign(self, message: bytes) -> bytes:
        """Return a signature over `message`: 64 bytes, 65 for ECDSA."""
        match self.scheme:
            case Scheme.SR25519:
                return sr25519.sign(self.public, self.secret, message)
            case Scheme.ED25519:
                return ed25519.sign(self.secret, message)
            case Scheme.ECDSA:
                return ecdsa.sign(self.secret, message)
            case _:
                assert_never(self.scheme)

    def verify(self, message: bytes, signature: bytes) -> bool:
        """Return True if this key signed `message`; False also for a malformed signature."""
        match self.scheme:
            case Scheme.SR25519:
                return sr25519.verify(self.public, message, signature)
            case Scheme.ED25519:
                return ed25519.verify(self.public, message, signature)
            case Scheme.ECDSA:
                return ecdsa.verify(self.public, message, signature)
            case _:
                assert_never(self.scheme)

    def derive(self, *junctions: Junction) -> Self:
        """Return the pair at the end of a path; UriError if the scheme has no soft junctions."""
        pair = self
        for junction in junctions:
            pair = pair._child(junction)
        return pair

    def _child(self, junction: Junction) -> Self:
        if self.scheme is Scheme.SR25519:
            step = sr25519.derive_hard if junction.hard else sr25519.derive_soft
            public, secret = step(self.public, self.secret, junction.code)
            return type(self)(self.scheme, public, secret, None)
        if not junction.hard:
            raise UriError(f"{self.scheme} has no soft derivation: use // instead of / in the path")
        step_seed = ed25519.derive_hard if self.scheme is Scheme.ED25519 else ecdsa.derive_hard
        return self.from_seed(step_seed(self.secret, junction.code), self.scheme)

    def __repr__(self) -> str:
        return f"KeyPair({self.scheme}, 0x{self.public.hex()})"


def _secret_from_hex(digits: str, scheme: Scheme) -> bytes:
    is_secret = scheme is Scheme.SR25519 and len(digits) == 2 * sr25519.SECRET_LENGTH
    if len(digits) != 2 * _SEED_LENGTH and not is_secret:
        raise SecretError(f"a seed has {2 * _SEED_LENGTH} hex digits, not {len(digits)}")
    if " " in digits:  # `fromhex` accepts spaces
        raise SecretError("the seed after 0x is not hex")
    try:
        return bytes.fromhex(digits)
    except ValueError:
        raise SecretError("the seed after 0x is not hex") from None


@cache
def _dev_seed() -> bytes:
    """Return the seed of the development phrase, which is public: the only one that is kept."""
    return mnemonic.mini_secret(DEV_PHRASE)


def _ecdsa_public(seed: bytes) -> bytes:
    try:
        return ecdsa.public_from_seed(seed)
    except ValueError:
        raise SecretError("the seed is zero or not below the order of secp256k1") from None
