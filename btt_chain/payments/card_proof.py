"""A card's agreement to its owner, as JSON: made by the card, used where the owner's key is."""

from __future__ import annotations

from typing import Final

from btt_chain.lazyclass import dataclass
from btt_chain.payments.errors import PaymentError
from btt_chain.primitives import ss58
from btt_chain.primitives.account import AccountId
from btt_chain.primitives.digest import H256
from btt_chain.primitives.digits import from_hex, to_hex
from btt_chain.primitives.strict_json import BadJson, read_object
from btt_chain.primitives.voucher import (
    REGISTRATION,
    Ed25519Key,
    P256Key,
    Registration,
    card_id,
    is_proven,
)
from btt_chain.scale import u64

_LENGTHS: Final = {"p256": 33, "ed25519": 32}
"""Bytes of a public key, by its scheme."""
_SIGNATURE: Final = 64
_HASH: Final = 32
_DIGITS: Final = 20
"""Maximum decimal digits of a time."""


@dataclass(frozen=True, slots=True)
class CardProof:
    """A card's public key with its agreement to a registration."""

    key: Ed25519Key | P256Key
    asked: Registration
    signature: bytes

    def document(self) -> dict[str, str]:
        """Return it as JSON."""
        return {
            "card": to_hex(self.asked.card),
            "scheme": "p256" if isinstance(self.key, P256Key) else "ed25519",
            "publicKey": to_hex(self.key.key),
            "owner": ss58.encode(self.asked.owner),
            "genesis": to_hex(self.asked.genesis),
            "expiresMs": str(int(self.asked.expires_ms)),
            "signature": to_hex(self.signature),
        }


def message_of(asked: Registration) -> bytes:
    """Return the bytes that a card signs to agree to its registration."""
    return REGISTRATION.encode(asked)


def read_proof(text: str) -> CardProof:
    """Return the proof of a JSON document. Raises PaymentError with the reason."""
    try:
        found = read_object(text)
    except BadJson as error:
        raise PaymentError(
            f"this is not a proof of a card, as made by `btt-chain card prove`: {error}"
        ) from None
    scheme = found.get("scheme")
    if scheme not in _LENGTHS:
        raise PaymentError(f"scheme: {' or '.join(_LENGTHS)} was expected")
    raw = _bytes(found, "publicKey", _LENGTHS[scheme])
    key: Ed25519Key | P256Key = P256Key(raw) if scheme == "p256" else Ed25519Key(raw)
    genesis = H256(_bytes(found, "genesis", _HASH))
    asked = Registration.of(genesis, card_id(key), _owner(found), _moment(found))
    proof = CardProof(key, asked, _bytes(found, "signature", _SIGNATURE))
    if not is_proven(asked, key, proof.signature):
        raise PaymentError("signature: the card's key did not sign this owner, chain and expiry")
    return proof


def _owner(found: dict[str, object]) -> AccountId:
    try:
        return AccountId(ss58.decode(str(found.get("owner")))[0])
    except ValueError:
        raise PaymentError("owner: an address was expected") from None


def _moment(found: dict[str, object]) -> u64:
    text = str(found.get("expiresMs"))
    is_number = text.isascii() and text.isdecimal() and len(text) <= _DIGITS
    if not is_number or int(text) > u64.MAX:
        raise PaymentError("expiresMs: milliseconds since 1970 were expected")
    return u64(int(text))


def _bytes(found: dict[str, object], name: str, length: int) -> bytes:
    try:
        return from_hex(found.get(name), length)
    except ValueError:
        raise PaymentError(f"{name}: {length} bytes in hex were expected") from None
