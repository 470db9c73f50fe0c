"""Fees of payments: pure functions over amounts in planck and rates in basis points.

The payer pays the gross; the merchant pays the fee out of it. The standard rate falls with the
merchant's volume of 30 days, from `high` without any to `low` at the full volume. Each of the
standard, conversion and analytics fees rounds up, and so does their sum after the discount: a
payment in parts never costs the merchant less than a payment at once. (docs/payfi.md)
"""

from __future__ import annotations

from typing import Final

from btt_chain.primitives import currency as currencies
from btt_chain.scale import u16, u128
from runtime.pallets.payfi.types import ANALYTICS, Legs, Rates, Terms
from runtime.splits import BPS, PAYFI, burn_bps, ceil_div, discounted, platform_parts

BTT: Final = currencies.BTT.encode()
"""The currency of amounts in planck."""
DECIMALS: Final = {
    code.encode(): each.decimals for code, each in sorted(currencies.CURRENCIES.items())
}
"""Number of decimals of each currency's minor unit."""
PRICE_DECIMALS: Final = 18
"""Number of decimals of a price: the value of one BTT in a currency."""


def gross_of(units: int, currency: bytes, price: int) -> int:
    """Return the planck that `units` minor units of a currency are worth, rounded up.

    `price` is that of one BTT in the currency, with 18 decimals; the result can exceed 2^128.
    """
    scale = 10 ** (2 * PRICE_DECIMALS)
    return ceil_div(int(units) * scale, int(price) * 10 ** DECIMALS[currency])


def standard_bps(rates: Rates, volume: int, full: int) -> int:
    """Return the standard rate for a volume of 30 days; `full` is the full volume, not zero."""
    span = int(rates.high) - int(rates.low)
    return int(rates.high) - span * min(int(volume), int(full)) // int(full)


def terms_of(
    rates: Rates, *, plan: int, currency: bytes, volume: int, full: int, discount: int
) -> Terms:
    """Return the rates of a payment to a merchant with this plan, volume and discount."""
    return Terms(
        standard=u16(standard_bps(rates, volume, full)),
        conversion=u16(0) if currency == BTT else rates.conversion,
        analytics=rates.analytics if plan & ANALYTICS else u16(0),
        discount=u16(discount),
    )


def fee_of(gross: int, terms: Terms) -> u128:
    """Return the fee of a payment, in planck."""
    fee = 0
    for bps in (terms.standard, terms.conversion, terms.analytics):
        if bps:  # most payments have one of the three
            fee += ceil_div(gross * int(bps), BPS)
    return discounted(fee, terms.discount) if terms.discount else u128(fee)


def legs_of(gross: int, terms: Terms, threshold: int) -> Legs:
    """Return the parts of a payment; `net` of a payment too small for its fee is not above 0.

    `threshold` is the value from which the burned part of a fee is at its maximum.
    """
    return Legs(*map(u128, (gross, *parts_of(gross, terms, threshold))))


def parts_of(gross: int, terms: Terms, threshold: int) -> tuple[int, int, int, int]:
    """Return the parts of a payment's fee, as plain numbers in the order of `Legs`."""
    fee = int(fee_of(gross, terms))
    burn = fee * burn_bps(PAYFI, gross, threshold) // BPS
    return burn, *platform_parts(fee - burn)
