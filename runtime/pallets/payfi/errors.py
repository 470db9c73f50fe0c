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
    """The payment is another merchant's."""


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
