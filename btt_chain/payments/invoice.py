"""Invoices: signed by a till of the merchant, as one text with a checksum.

    text     = bech32m("bttinv", SCALE(Invoice) ++ SCALE(MultiSignature))
    message  = "btt-invoice-1" ++ SCALE(Invoice)

An invoice costs no state on the chain until it is paid; its reference makes sure that it is paid
once. The text's form follows BOLT 11: one string, one QR code, one checksum.
"""

from __future__ import annotations

from dataclasses import field
from typing import Annotated, Final

from btt_chain.crypto import ecdsa
from btt_chain.crypto.keypair import KeyPair
from btt_chain.crypto.signature import Scheme, verify
from btt_chain.lazyclass import dataclass
from btt_chain.payments import bech32m
from btt_chain.payments.errors import PaymentError
from btt_chain.payments.reference import REFERENCE_LENGTH, ensure_random
from btt_chain.payments.words import ensure_visible
from btt_chain.primitives.account import (
    AccountId,
    MultiSignature,
)
from btt_chain.primitives.currency import CurrencyError, currency
from btt_chain.primitives.digest import H256
from btt_chain.scale import (
    Bounded,
    DecodeError,
    Fixed,
    MaxBytes,
    Path,
    Variant,
    codec,
    path,
    u8,
    u16,
    u64,
    u128,
)

PREFIX: Final = "bttinv"
CONTEXT: Final = b"btt-invoice-1"
VERSION: Final = u8(1)
MAX_TEXT: Final = 140 + 2
"""Maximum length of a description: 140 bytes of UTF-8, and their number in two bytes."""
MAX_ITEM_TEXT: Final = 64 + 2
"""Maximum length of an item's text: 64 bytes of UTF-8, and their number in two bytes."""
MAX_ITEMS: Final = 32
MAX_BYTES: Final = 5_000
"""Maximum length of an encoded invoice with its signature."""


class Text(Variant, index=0, unnamed=True):
    """A description in words, at most 140 bytes of UTF-8."""

    text: Annotated[str, MaxBytes(MAX_TEXT)]


class Hashed(Variant, index=1, unnamed=True):
    """blake2_256 of a longer document, which the merchant sends apart."""

    hash: H256


Description = Annotated[Text | Hashed, Path("btt_payments::Description")]


@path("btt_payments::Item")
@dataclass(frozen=True, slots=True)
class Item:
    """A line of an invoice: its text, its total in minor units, its VAT in basis points."""

    text: Annotated[str, MaxBytes(MAX_ITEM_TEXT)]
    units: u128
    vat_bps: u16


@path("btt_payments::Invoice")
@dataclass(frozen=True, slots=True)
class Invoice:
    """A request of a merchant for one payment."""

    version: u8
    genesis: H256
    """Genesis hash of the chain on which it can be paid."""
    merchant: AccountId
    till: AccountId
    """Account of the key that signed it: one of the merchant's till keys on the chain."""
    units: u128
    """Amount in minor units of the currency."""
    currency: Annotated[bytes, Fixed(3)]
    """Letters of ISO 4217, or BTT."""
    reference: Annotated[bytes, Fixed(REFERENCE_LENGTH)]
    created_ms: u64
    expires_ms: u64
    description: Description
    refund_to: AccountId | None = None
    items: Bounded[list[Item], MAX_ITEMS] = field(default_factory=list)

    def check(self) -> None:
        """Raise PaymentError if the invoice contradicts itself; expiry is `expired`."""
        if self.version != VERSION:
            raise PaymentError(f"invoice: version {self.version}, this program reads {VERSION}")
        try:
            currency(self.currency.decode("ascii", "replace"))
        except CurrencyError as error:
            raise PaymentError(f"invoice: {error}") from None
        if not self.units:
            raise PaymentError("invoice: the amount is zero")
        if self.expires_ms <= self.created_ms:
            raise PaymentError("invoice: it expires before it was created")
        if self.items and sum(item.units for item in self.items) != self.units:
            raise PaymentError("invoice: its items do not add up to its amount")
        if isinstance(self.description, Text):
            ensure_visible(self.description.text, "invoice: the description")
        for item in self.items:
            ensure_visible(item.text, "invoice: an item")
        ensure_random(self.reference)

    def expired(self, now_ms: int) -> bool:
        """Return True if the invoice can no longer be paid at `now_ms`, in Unix milliseconds."""
        return now_ms >= self.expires_ms


_INVOICE: Final = codec(Invoice)
_SIGNATURE: Final = codec(MultiSignature)


def write_invoice(invoice: Invoice, till: KeyPair) -> str:
    """Return the text `bttinv1...` of an invoice that `till` signs.

    Raises PaymentError if the invoice contradicts itself or names another till.
    """
    invoice.check()
    if till.account_id != invoice.till:
        raise PaymentError("invoice: it names another till than the key that signs it")
    encoded = _INVOICE.encode(invoice)
    signature = bytes((till.scheme.value,)) + till.sign(CONTEXT + encoded)
    return bech32m.encode(PREFIX, encoded + signature)


def read_invoice(text: str) -> Invoice:
    """Return the invoice of a text after checking its checksum, its signature and its content.

    An invoice has one text: an ECDSA signature is accepted in its canonical form only. The caller
    checks the genesis hash, the expiry (`expired`), and on the chain that `till` is one of the
    merchant's till keys. Raises PaymentError.
    """
    try:
        raw = bech32m.decode(PREFIX, text.strip())
    except PaymentError as error:
        raise PaymentError(f"invoice: {error}") from None
    if len(raw) > MAX_BYTES:
        raise PaymentError(f"invoice: {len(raw)} bytes, at most {MAX_BYTES}")
    try:
        invoice, end = _INVOICE.decode(raw, 0)
        signature = _SIGNATURE.decode_all(raw[end:])
    except DecodeError as error:
        raise PaymentError(f"invoice: {error}") from None
    invoice.check()
    scheme = Scheme(raw[end])
    if scheme is Scheme.ECDSA and not ecdsa.is_canonical(signature.signature):
        raise PaymentError("invoice: the signature is not in its canonical form")
    if not verify(scheme, invoice.till, CONTEXT + raw[:end], signature.signature):
        raise PaymentError("invoice: the signature is not by the till that it names")
    return invoice
