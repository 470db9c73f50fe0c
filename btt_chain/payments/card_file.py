"""A card's key in a file, as `SCHEME:SECRET`: for tests, and for wallets on a computer.

A real card keeps its key in a secure element, which signs and never shows it.
"""

from __future__ import annotations

import re
import secrets
from dataclasses import field
from typing import Final

from btt_chain.crypto import ed25519
from btt_chain.lazyclass import dataclass
from btt_chain.payments.errors import PaymentError
from btt_chain.primitives.digest import H256
from btt_chain.primitives.voucher import Ed25519Key, P256Key, card_id

_TEXT: Final = re.compile(r"(p256|ed25519):0x([0-9a-f]{64})", re.ASCII)


@dataclass(frozen=True, slots=True)
class CardFile:
    """A card's public key, and its secret."""

    key: Ed25519Key | P256Key
    secret: bytes = field(repr=False)

    @property
    def id(self) -> H256:
        """Id of the card."""
        return card_id(self.key)

    @property
    def text(self) -> str:
        """Content of the file."""
        scheme = "p256" if isinstance(self.key, P256Key) else "ed25519"
        return f"{scheme}:0x{self.secret.hex()}"

    def sign(self, message: bytes) -> bytes:
        """Return the signature of an encoded voucher, 64 bytes."""
        if isinstance(self.key, P256Key):
            # Imported here, and in `_card`: `card show` needs no key, and the library takes 11 MiB.
            from btt_chain.crypto import p256  # noqa: PLC0415

            return p256.sign(self.secret, message)
        return ed25519.sign(self.secret, message)


def new_card(scheme: str) -> CardFile:
    """Return a card with a random key, of the scheme `p256` or `ed25519`."""
    while True:
        try:
            return _card(scheme, secrets.token_bytes(32))
        except ValueError:
            # Once in 2^32 keys of P-256 the number is not below the order of the group.
            continue


def read_card(text: str) -> CardFile:
    """Return the card of a file's content. Raises PaymentError, which shows no part of it."""
    found = _TEXT.fullmatch(text.strip())
    if found is None:
        raise PaymentError("this is not a file of a card, made by `btt-chain card new`")
    try:
        return _card(found[1], bytes.fromhex(found[2]))
    except ValueError:
        raise PaymentError("the secret in the file is not a key of P-256") from None


def _card(scheme: str, secret: bytes) -> CardFile:
    if scheme == "p256":
        from btt_chain.crypto import p256  # noqa: PLC0415 - as above

        return CardFile(P256Key(p256.public_from_secret(secret)), secret)
    return CardFile(Ed25519Key(ed25519.public_from_seed(secret)), secret)
