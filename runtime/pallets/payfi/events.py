"""Events of PayFi."""

from __future__ import annotations

from btt_chain.scale import u32
from runtime.frame import Event
from runtime.frame.aliases import AccountIdOf, BalanceOf
from runtime.pallets.payfi.types import (
    Bucket,
    Category,
    Currency,
    Moment,
    PaymentId,
    Rates,
    Reference,
)

# ---- merchants, payments and settlement


class Registered(Event, index=0):
    """An account registered as a merchant; `bond` planck are on hold."""

    merchant: AccountIdOf
    category: Category
    currency: Currency
    bond: BalanceOf


class Configured(Event, index=1):
    """A merchant changed its configuration or topped up its bond, which is `bond` planck now."""

    merchant: AccountIdOf
    bond: BalanceOf


class Closing(Event, index=2):
    """A merchant stopped accepting payments; it has its bond back from `until` on."""

    merchant: AccountIdOf
    until: Moment


class Closed(Event, index=3):
    """A merchant ended; `bond` planck were released."""

    merchant: AccountIdOf
    bond: BalanceOf


class Suspended(Event, index=4):
    """A merchant was suspended, or its suspension was lifted."""

    merchant: AccountIdOf
    suspended: bool


class Paid(Event, index=5):
    """A payment was made; it settles in `bucket`, less `fee`."""

    payment: PaymentId
    payer: AccountIdOf
    merchant: AccountIdOf
    reference: Reference
    gross: BalanceOf
    fee: BalanceOf
    bucket: Bucket


class Settled(Event, index=6):
    """`count` payments were settled: the merchant received `net`; `burned` is a part of `fee`."""

    merchant: AccountIdOf
    bucket: Bucket
    net: BalanceOf
    fee: BalanceOf
    burned: BalanceOf
    count: u32


class Refunded(Event, index=7):
    """The payer has `amount` back. `settled`: by the merchant, after settlement."""

    payment: PaymentId
    amount: BalanceOf
    settled: bool


class RatesSet(Event, index=8):
    """Rates and rules were changed."""

    rates: Rates
