"""Payments: from the payer into the pool account, refunds, and the removal of old records.

| state | event | next state |
|---|---|---|
| none | `pay`, or a card's charge | Pending |
| Pending | its bucket begins | Settled |
| Pending | the merchant returns everything | Returned |
| Pending, Settled | `dispute` | Disputed |
| Disputed | its end while the batch waits: the merchant's part joins it | Pending, Returned |
| Disputed | its end after the batch settled | Settled, Returned |

A batch settles without touching its payments, so a settled payment is stored as Pending: `state_of`
returns the real state. Records are removed 15 days after the payment, the oldest first: an open
dispute also keeps the records after its own.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, NamedTuple

from btt_chain.primitives.account import AccountId
from btt_chain.primitives.digest import H256
from btt_chain.scale import u64, u128
from runtime.frame import Component, DoubleMap, Hasher, Map, Value
from runtime.frame.traits import Discounts, Prices
from runtime.pallets.payfi import errors, events
from runtime.pallets.payfi.calendar import Calendar
from runtime.pallets.payfi.fees import BTT, gross_of, legs_of, terms_of
from runtime.pallets.payfi.hook_limits import PRUNE_COSTS
from runtime.pallets.payfi.merchants import Merchants
from runtime.pallets.payfi.payer_rules import PayerRules
from runtime.pallets.payfi.settlement import Settlement
from runtime.pallets.payfi.types import (
    Invoice,
    Legs,
    Merchant,
    Money,
    Payment,
    PaymentState,
    Rates,
    Terms,
)
from runtime.pallets.payfi.volumes import Volumes
from runtime.pallets.tokenomics.traits import Fees

PROMISED: Final = u64(u64.MAX)
"""In the place of a payment's number: an authorisation has the reference, and is not captured."""
ONE: Final = 10**18
"""The price of a planck in planck, with 18 decimals."""
MAX_TERMS: Final = 1_024
"""Number of computed rates that are kept: merchants' volumes change when a batch settles."""


class Opened(NamedTuple):
    """A new payment, with the parts of its cost."""

    id: u64
    is_first: bool
    """True if it is the first payment of the block in its merchant's batch."""
    policies: int = 0
    """Number of policies that its payer was checked against."""


class Pruned(NamedTuple):
    """Numbers of removed payments."""

    undisputed: int
    disputed: int


class Payments(Component):
    """Payments and their references."""

    currency: Money
    prices: Prices
    fees: Fees
    discounts: Discounts
    rates: Value[Rates]
    genesis_supply: Value[u128]
    merchants: Merchants
    settlement: Settlement
    volumes: Volumes
    calendar: Calendar
    pool: AccountId
    payer_rules: PayerRules

    payments = Map(u64, Payment, hasher=Hasher.Twox64Concat)
    """Payments by number, until 15 days after they were made."""
    next_payment = Value(u64, default=u64(0))
    """Number of the next payment."""
    oldest_payment = Value(u64, default=u64(0))
    """Number of the oldest payment whose record may still exist."""
    references = DoubleMap(AccountId, Invoice, u64)
    """Payments by merchant and invoice, which is paid once: a reference with its amount. 2^64 - 1
    is no payment: the invoice has an authorisation of which nothing was captured so far."""

    def setup(self) -> None:
        """Start without computed rates."""
        self._terms: dict[tuple[int, bytes, int, int, int], Terms] = {}
        """Rates of payments, by what they depend on besides `_rates`."""
        self._rates = Rates()

    # ---- public interface: queries

    def get(self, id: u64) -> Payment:
        """Return a payment. Raises NoPayment."""
        payment = self.payments.get(id)
        if payment is None:
            raise errors.NoPayment
        return payment

    def state_of(self, payment: Payment) -> PaymentState:
        """Return the state of a payment: a batch that is gone has settled it."""
        pending = payment.state is PaymentState.Pending
        if pending and not self.settlement.is_pending(payment.bucket, payment.merchant):
            return PaymentState.Settled
        return payment.state

    def gross(self, record: Merchant, units: u128, currency: bytes) -> int:
        """Return the planck that an amount costs now, rounded up; it can exceed 2^128.

        Raises WrongCurrency, and the errors of the Oracle.
        """
        if currency == BTT:
            return int(units)
        if currency != record.currency:
            raise errors.WrongCurrency
        price = self.prices.price(b"BTT/" + currency)
        return gross_of(int(units), currency, int(price))

    def full_volume(self) -> int:
        """Return the volume of 30 days from which the standard rate is at its minimum."""
        return self._full_volume(self.rates.peek())

    def terms(
        self, merchant: AccountId, record: Merchant, currency: bytes, now: int | None = None
    ) -> Terms:
        """Return the rates of a payment to a merchant made now.

        `now` is the present time, if the caller has read it.
        """
        rates, known = self.rates.peek(), self._terms
        if rates is not self._rates or len(known) >= MAX_TERMS:
            known.clear()
            self._rates = rates
        plan, full = int(record.plan), self._full_volume(rates)
        volume = self.volumes.volume(merchant, now)
        discount = self.discounts.discount_bps(merchant)
        key = plan, currency, volume, full, discount
        terms = known.get(key)
        if terms is None:
            terms = known[key] = terms_of(
                rates, plan=plan, currency=currency, volume=volume, full=full, discount=discount
            )
        return terms

    def legs(self, gross: int, terms: Terms) -> Legs:
        """Return the parts of an amount. Raises NothingLeft if none is left for the merchant."""
        legs = legs_of(gross, terms, int(self.fees.threshold()))
        if legs.net <= 0:
            raise errors.NothingLeft
        return legs

    # ---- public interface: changes

    def open(
        self,
        payer: AccountId,
        merchant: AccountId,
        units: u128,
        currency: bytes,
        max_gross: u128,
        reference: bytes,
        memo: H256 | None,
    ) -> Opened:
        """Make a payment out of the payer's free balance.

        Raises NotMerchant, NotActive, AlreadyPaid, WrongCurrency, TooDear, Denied, OverLimit,
        NothingLeft, SettlementBusy, the errors of the Oracle, and TokenError.
        """
        record = self.merchants.active(merchant)
        asked = self.gross(record, units, currency)
        if asked > max_gross:
            raise errors.TooDear
        gross = units if currency == BTT else u128(asked)
        invoice = Invoice(reference, currency, units)
        policies = self.payer_rules.ensure_allowed(payer, merchant, record, gross)

        def take() -> None:
            # The payer's account stays alive: what comes back must find it.
            self.currency.transfer(payer, self.pool, gross, keep_alive=True)

        id, is_first, _ = self.enter(payer, merchant, record, gross, invoice, take, memo=memo)
        return Opened(id, is_first, policies)

    def enter(
        self,
        payer: AccountId,
        merchant: AccountId,
        record: Merchant,
        gross: u128,
        invoice: Invoice,
        take: Callable[[], None],
        *,
        memo: H256 | None = None,
        promised: u128 | None = None,
    ) -> Opened:
        """Make a payment of `gross` planck, which `take` moves to the pool account.

        With `promised` it is a part of an invoice of so many units, which the caller has by
        `promise`. Raises AlreadyPaid, OverLimit, NothingLeft, SettlementBusy, and the errors of
        `take`.
        """
        reference, currency, units = invoice.reference, invoice.currency, invoice.units
        part_of = None if promised == units else promised
        if promised is None:
            self._ensure_unpaid(merchant, invoice)
        now = self.calendar.now()
        terms = self.terms(merchant, record, currency, now)
        legs = self.legs(int(gross), terms)
        allowance = self.merchants.allowance(merchant, gross, now)
        place = self.settlement.place(merchant, self.calendar.first_bucket(now))
        take()
        made, id, bucket = u64(now), self.next_payment.value, place.bucket
        is_first = self.settlement.join(place, merchant, legs, made)
        if allowance is not None:
            self.merchants.allowances.keep(merchant, allowance)
        self.next_payment.value = id + 1
        payment = Payment(
            payer, merchant, reference, legs, terms, currency, units, bucket, made, memo,
            part_of=part_of,
        )  # fmt: skip
        self.payments[id] = payment
        self.references[merchant, invoice if part_of is None else payment.invoice] = id
        self.deposit(events.Paid(id, payer, merchant, reference, gross, u128(legs.fee), bucket))
        return Opened(id, is_first)

    def promise(self, merchant: AccountId, invoice: Invoice) -> None:
        """Keep an invoice for an authorisation. Raises AlreadyPaid.

        Otherwise the payer could keep the merchant from capturing it, by paying it.
        """
        self._ensure_unpaid(merchant, invoice)
        self.references[merchant, invoice] = PROMISED

    def end_promise(self, merchant: AccountId, invoice: Invoice) -> None:
        """Free the invoice of an authorisation of which nothing was captured."""
        if self.references.get((merchant, invoice)) == PROMISED:
            del self.references[merchant, invoice]

    def refund(self, caller: AccountId, id: u64, amount: u128) -> None:
        """Give a part of a payment back to the payer.

        Before settlement out of the pool account, and without a fee; then out of the merchant's
        free balance. Raises NoPayment, NotYours, PaymentDisputed, TooMuch, TooLate, NothingLeft,
        TokenError.
        """
        payment = self.get(id)
        if not self.merchants.acts_for(caller, payment.merchant):
            raise errors.NotYours
        state = self.state_of(payment)
        if state is PaymentState.Disputed:
            raise errors.PaymentDisputed
        if not 0 < amount <= payment.legs.gross - payment.refunded:
            raise errors.TooMuch
        settled = state is not PaymentState.Pending
        if settled and self.calendar.is_over(int(payment.paid_ms)):
            raise errors.TooLate
        if settled:
            self._refund_settled(payment, amount)
        else:
            self._return_pending(payment, amount)
        self.payments[id] = payment
        self.deposit(events.Refunded(id, payment.payer, payment.merchant, amount, settled))

    def prune(self, forget: Callable[[u64], None], room: int) -> Pruned:
        """Remove old payments, the oldest first, as far as `room` picoseconds suffice.

        `forget` removes the dispute of a payment that had one. It stops at the first that is too
        young, disputed or not settled: a dispute ends.
        """
        first, end = int(self.oldest_payment.value), int(self.next_payment.value)
        oldest, disputed = first, 0
        while oldest < end and (room := room - PRUNE_COSTS.payment) >= 0:
            payment = self.payments[u64(oldest)]
            if not self.calendar.is_over(int(payment.paid_ms)):
                break
            if self.state_of(payment) in (PaymentState.Pending, PaymentState.Disputed):
                break
            if payment.disputed:
                room -= PRUNE_COSTS.disputed - PRUNE_COSTS.payment
                if room < 0:
                    break
                forget(u64(oldest))
                disputed += 1
            del self.payments[u64(oldest)]
            del self.references[payment.merchant, payment.invoice]
            oldest += 1
        if oldest > first:
            self.oldest_payment.value = u64(oldest)
        return Pruned(oldest - first - disputed, disputed)

    # ---- internals

    def _full_volume(self, rates: Rates) -> int:
        return max(1, int(self.genesis_supply.value) // int(rates.full_volume_parts))

    def _ensure_unpaid(self, merchant: AccountId, invoice: Invoice) -> None:
        if (merchant, invoice) in self.references:
            raise errors.AlreadyPaid

    def _return_pending(self, payment: Payment, amount: u128) -> None:
        """Return a part of a payment that waits for settlement; its fee follows the rest."""
        left, old = payment.legs.gross - amount, payment.legs
        payment.legs = self.legs(int(left), payment.terms) if left else Legs()
        payment.returned += amount
        self.currency.transfer(self.pool, payment.payer, amount)
        if left:
            self.settlement.change(payment.bucket, payment.merchant, old, payment.legs)
        else:
            payment.state = PaymentState.Returned
            self.settlement.remove(payment.bucket, payment.merchant, old)
        self.volumes.returned(payment.merchant, amount)

    def _refund_settled(self, payment: Payment, amount: u128) -> None:
        self.currency.transfer(payment.merchant, payment.payer, amount, keep_alive=True)
        payment.refunded += amount
        self.volumes.refunded(payment.merchant, amount)
