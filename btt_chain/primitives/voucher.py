"""Card vouchers: payments that a card's secure element signed, to one merchant, bounded, counted.

    message = SCALE(Voucher)          signature: Ed25519, or ECDSA on P-256 over SHA-256, low s

A voucher is not a transaction: it authorises one payment to one merchant, once, until it expires.

A card signs its registration as well, by SCALE(Registration): no account can register the key of
another one's card.
"""

from __future__ import annotations

from typing import Annotated, Final

from btt_chain.crypto import ed25519
from btt_chain.crypto.hashing import blake2_256
from btt_chain.lazyclass import dataclass
from btt_chain.primitives.account import AccountId
from btt_chain.primitives.digest import H256
from btt_chain.scale import Fixed, Path, TypeName, Variant, codec, path, u64, u128

CONTEXT: Final = b"BTT-CARD-1"
REGISTRATION_CONTEXT: Final = b"BTT-CARD-R"


class Ed25519Key(Variant, index=0, unnamed=True, name="Ed25519"):
    """An Ed25519 key: 32 bytes."""

    key: Annotated[bytes, Fixed(32), TypeName("[u8; 32]")]


class P256Key(Variant, index=1, unnamed=True, name="P256"):
    """A compressed P-256 key: 33 bytes."""

    key: Annotated[bytes, Fixed(33), TypeName("[u8; 33]")]


CardKey = Annotated[Ed25519Key | P256Key, Path("btt_primitives::CardKey")]


@path("btt_primitives::Voucher")
@dataclass(frozen=True, slots=True)
class Voucher:
    """Content that a card signs."""

    context: Annotated[bytes, Fixed(10)]
    """Always `BTT-CARD-1`: the signature is valid for nothing else."""
    genesis: H256
    card: H256
    """Id of the card: blake2_256 of its public key."""
    merchant: AccountId
    currency: Annotated[bytes, Fixed(3)]
    units: u128
    """Amount in minor units of the currency."""
    reference: Annotated[bytes, Fixed(16)]
    counter: u64
    """Number of the voucher; a card uses each number once."""
    expires_ms: u64


@path("btt_primitives::Registration")
@dataclass(frozen=True, slots=True)
class Registration:
    """Content that a card signs to be registered by one owner."""

    context: Annotated[bytes, Fixed(10)]
    """Always `BTT-CARD-R`: the signature is not a voucher's."""
    genesis: H256
    card: H256
    owner: AccountId
    expires_ms: u64

    @classmethod
    def of(cls, genesis: H256, card: H256, owner: AccountId, expires_ms: u64) -> Registration:
        """Return the content for the registration of a card by `owner`."""
        return cls(REGISTRATION_CONTEXT, genesis, card, owner, expires_ms)


VOUCHER: Final = codec(Voucher)
REGISTRATION: Final = codec(Registration)


def card_id(key: Ed25519Key | P256Key) -> H256:
    """Return the id of the card with this key."""
    return H256(blake2_256(key.key))


def is_valid_key(key: Ed25519Key | P256Key) -> bool:
    """Return True if a card can have this key: a point of the curve, and not of small order."""
    if isinstance(key, P256Key):
        # Imported here, and in `_is_valid`: few nodes see such a card; the library takes 11 MiB.
        from btt_chain.crypto import p256  # noqa: PLC0415

        return p256.is_public(key.key)
    return ed25519.is_public(key.key)


def is_signed(voucher: Voucher, key: Ed25519Key | P256Key, signature: bytes) -> bool:
    """Return True if the card with this key signed the voucher; False for malformed input.

    Stricter than the signatures of transactions: see `ed25519.verify_strict` and `p256.verify`.
    """
    if voucher.context != CONTEXT or voucher.card != card_id(key):
        return False
    return _is_valid(VOUCHER.encode(voucher), key, signature)


def is_proven(asked: Registration, key: Ed25519Key | P256Key, signature: bytes) -> bool:
    """Return True if the card with this key agreed to its registration."""
    if asked.context != REGISTRATION_CONTEXT or asked.card != card_id(key):
        return False
    return _is_valid(REGISTRATION.encode(asked), key, signature)


def _is_valid(message: bytes, key: Ed25519Key | P256Key, signature: bytes) -> bool:
    if isinstance(key, P256Key):
        from btt_chain.crypto import p256  # noqa: PLC0415 - as above

        return p256.verify(key.key, message, signature)
    return ed25519.verify_strict(key.key, message, signature)
