"""Errors of PayFi."""

from __future__ import annotations

from runtime.frame import Error

# ---- merchants, payments and settlement


class NotMerchant(Error, index=0):
    """The account is no registered merchant."""


class AlreadyMerchant(Error, index=1):
    """The account is registered already."""


class NotActive(Error, index=2):
    """The merchant is suspended or closing: it accepts no payments."""


class AlreadyPaid(Error, index=3):
    """The invoice with this reference is paid already; nothing was taken."""


class WrongCurrency(Error, index=4):
    """Currencies are BTT, CNY, EUR, HKD, JPY and USD; a merchant takes its own, and BTT."""


class TooDear(Error, index=5):
    """The payment costs more BTT than the caller allows."""


class NothingLeft(Error, index=6):
    """The amount is too small: nothing would be left for the merchant after the fee."""


class OverLimit(Error, index=7):
    """The payment exceeds the limit of merchants without a judged identity."""


class SettlementBusy(Error, index=8):
    """No settlement within two hours has room for a further merchant. Try again later."""


class NotYours(Error, index=9):
    """The payment, card or authorisation belongs to another account."""


class TooLate(Error, index=10):
    """The time for this has passed."""


class TooMuch(Error, index=11):
    """The amount exceeds what is left of the payment, or is zero."""


class OutOfCorridor(Error, index=12):
    """A rate lies outside of its bounds."""


class NotDue(Error, index=13):
    """It is too early, or there is nothing to settle."""


class NoPayment(Error, index=14):
    """There is no payment of this number: it never existed, or was removed after 15 days."""


class UnknownPlan(Error, index=15):
    """The plan has a bit that names no service."""


class PaymentDisputed(Error, index=16):
    """A dispute of the payment is open: it decides about the money."""


# ---- disputes and their arbiters


class NoDispute(Error, index=20):
    """No dispute of this payment is open."""


class AlreadyDisputed(Error, index=21):
    """The payment was disputed before; it can be disputed once."""


class AlreadyAnswered(Error, index=22):
    """The merchant has contested already, or the arbiter has given its answer."""


class NotPanel(Error, index=23):
    """The account is not in the panel of this dispute; see its `seats`."""


class NotArbiter(Error, index=24):
    """An arbiter needs a bond of 100 BTT and a judged identity: call `bond_arbiter` first."""


class StillSeated(Error, index=25):
    """The arbiter is in the panel of an open dispute; its bond is free afterwards."""


# ---- policies


class Denied(Error, index=26):
    """The merchant's policy, or that of its category, refuses this payer or amount."""


class NoPolicy(Error, index=27):
    """Governance has set no policy of this number that merchants can choose."""


# ---- cards


class NoCard(Error, index=30):
    """There is no card with this id; it is blake2_256 of the card's public key."""


class CardExists(Error, index=31):
    """The key has a card, or had one less than eight days ago. Use a new key."""


class BadKey(Error, index=32):
    """The key is no point of its curve, or of small order."""


class OtherChain(Error, index=33):
    """The voucher is for another chain: its genesis hash is not that of this one."""


class BadSignature(Error, index=34):
    """The voucher is not signed by the card's key; P-256 signatures need a low s."""


class CounterUsed(Error, index=35):
    """The counter of the voucher was used before, or is more than 64 below the highest one."""


class CardFrozen(Error, index=36):
    """The card is frozen; its owner can activate it."""


class CardExpired(Error, index=37):
    """The card or the voucher has expired, or the voucher is valid for more than seven days."""


class WrongCategory(Error, index=38):
    """The card does not pay merchants of this category."""


class OverCardLimit(Error, index=39):
    """The amount exceeds the card's limit of a payment, or what is left of its day."""


class NoAuth(Error, index=40):
    """There is no such authorisation: it was captured, voided, or never existed."""


class TooManyAuths(Error, index=41):
    """The card has 16 open authorisations; capture or void some."""
