"""payfi_*: payments to merchants, from the runtime at a block.

Amounts are decimal strings of planck, times in milliseconds since 1970, rates in hundredths of a
percent; currencies are letters, references 0x and 32 digits.
"""

from __future__ import annotations

from typing import Annotated

from btt_chain.primitives.digest import H256
from btt_chain.rpc.derived import Planck
from btt_chain.rpc.params import Hash, Parsed, Unfit, hex_bytes, text, unsigned
from btt_chain.rpc.protocol import RpcError
from btt_chain.rpc.registry import HEAVY, method
from btt_chain.rpc.views import Account, Json, Views
from btt_chain.scale import Err, Result, encode, u64, u128
from runtime.apis.payfi import (
    ArbiterView,
    AuthView,
    BucketView,
    MerchantView,
    PaymentView,
    Quote,
    Refusal,
)
from runtime.pallets.payfi import Report
from runtime.pallets.payfi.card_types import Card
from runtime.pallets.payfi.dispute_types import Dispute
from runtime.pallets.payfi.policies import Policy

REFUSED = 8_100
"""Code of a payment that would be refused."""
CURRENCY_LENGTH = 3
REFERENCE_LENGTH = 16
HASH_LENGTH = 32
DIGITS = 20
"""Maximum decimal digits of the number of a payment."""


def currency_code(value: object) -> bytes:
    """Return the letters of a currency, as bytes."""
    letters = text(value)
    if len(letters) != CURRENCY_LENGTH or not letters.isascii():
        raise Unfit("expected the three letters of a currency, as CNY")
    return letters.encode()


def reference_bytes(value: object) -> bytes:
    """Return the 16 bytes of a reference."""
    return sized(value, REFERENCE_LENGTH, "a reference")


def card_id(value: object) -> bytes:
    """Return the 32 bytes of a card's id."""
    return sized(value, HASH_LENGTH, "the id of a card")


def sized(value: object, length: int, what: str) -> bytes:
    """Return bytes of one length, given as hexadecimal text."""
    raw = hex_bytes(value)
    if len(raw) != length:
        raise Unfit(f"{what} has {length} bytes, not {len(raw)}")
    return raw


def number(value: object) -> int:
    """Return the number of a payment, given as decimal text or a number."""
    if isinstance(value, str) and value.isascii() and value.isdecimal() and len(value) <= DIGITS:
        value = int(value)
    return unsigned(value, bits=64)


CurrencyCode = Annotated[bytes, Parsed(currency_code)]
ReferenceBytes = Annotated[bytes, Parsed(reference_bytes)]
CardId = Annotated[bytes, Parsed(card_id)]
Number = Annotated[int, Parsed(number)]


class PayFiApi(Views):
    """Payments from the runtime at a block, by default the best one."""

    def member(self, name: str, value: object) -> Json:
        """Return the JSON of a member; currencies are letters."""
        if name == "currency" and isinstance(value, bytes):
            return value.decode("ascii", "backslashreplace")
        return super().member(name, value)

    @method("payfi_quote", cost=HEAVY)
    def quote(
        self, merchant: Account, units: Planck, currency: CurrencyCode, at: Hash | None = None
    ) -> Json:
        """Return cost, fee and settlement of a payment made now, `units` in minor units.

        An error says why it would be refused.
        """
        data = merchant + encode(u128, u128(units)) + currency
        found = self.ask("PayFiApi_quote", Result[Quote, Refusal], at, data)
        if isinstance(found, Err):
            raise RpcError(REFUSED, found.error.reason, found.error.name)
        return self.shown(found.value)

    @method("payfi_merchant", cost=HEAVY)
    def merchant(self, account: Account, at: Hash | None = None) -> Json:
        """Return a merchant with its volume and its rate; null if the account is none."""
        return self._optional(self.ask("PayFiApi_merchant", MerchantView | None, at, account))

    @method("payfi_payment", cost=HEAVY)
    def payment(self, id: Number, at: Hash | None = None) -> Json:
        """Return a payment with its real state; null if there is none of this number any more."""
        data = encode(u64, u64(id))
        return self._optional(self.ask("PayFiApi_payment", PaymentView | None, at, data))

    @method("payfi_find", cost=HEAVY)
    def find(
        self,
        merchant: Account,
        reference: ReferenceBytes,
        units: Planck,
        currency: CurrencyCode,
        at: Hash | None = None,
    ) -> Json:
        """Return the payment of an invoice of so many minor units; null if it is not paid."""
        data = merchant + reference + currency + encode(u128, u128(units))
        return self._optional(self.ask("PayFiApi_by_reference", PaymentView | None, at, data))

    @method("payfi_queue", cost=HEAVY)
    def queue(self, at: Hash | None = None) -> Json:
        """Return what waits for settlement, by bucket, at most a hundred."""
        found = self.ask("PayFiApi_queue", list[BucketView], at)
        return [self.shown(view) for view in found]

    @method("payfi_report", cost=HEAVY)
    def report(self, merchant: Account, at: Hash | None = None) -> Json:
        """Return the figures of 30 days, today's first; null without the analytics plan."""
        return self._optional(self.ask("PayFiApi_report", Report | None, at, merchant))

    @method("payfi_card", cost=HEAVY)
    def card(self, id: CardId, at: Hash | None = None) -> Json:
        """Return a card with its limits and what it spent; null if there is none."""
        return self._optional(self.ask("PayFiApi_card", Card | None, at, id))

    @method("payfi_dispute", cost=HEAVY)
    def dispute(self, payment: Number, at: Hash | None = None) -> Json:
        """Return the dispute of a payment; null if there was none."""
        data = encode(u64, u64(payment))
        return self._optional(self.ask("PayFiApi_dispute", Dispute | None, at, data))

    @method("payfi_cardsOf", cost=HEAVY)
    def cards_of(self, owner: Account, at: Hash | None = None) -> Json:
        """Return the ids of an account's cards, at most a hundred."""
        return ["0x" + id.hex() for id in self.ask("PayFiApi_cards_of", list[H256], at, owner)]

    @method("payfi_authorisations", cost=HEAVY)
    def authorisations(self, card: CardId, at: Hash | None = None) -> Json:
        """Return the open authorisations of a card."""
        found = self.ask("PayFiApi_authorisations", list[AuthView], at, card)
        return [self.shown(view) for view in found]

    @method("payfi_policies", cost=HEAVY)
    def policies(self, merchant: Account, at: Hash | None = None) -> Json:
        """Return the policies that a merchant's payers must satisfy, at most three."""
        found = self.ask("PayFiApi_policies", list[Policy], at, merchant)
        return [self.shown(policy) for policy in found]

    @method("payfi_arbiters", cost=HEAVY)
    def arbiters(self, at: Hash | None = None) -> Json:
        """Return the arbiters of disputes with their bonds and seats."""
        found = self.ask("PayFiApi_arbiters", list[ArbiterView], at)
        return [self.shown(view) for view in found]

    def _optional(self, found: object | None) -> Json:
        return None if found is None else self.shown(found)
