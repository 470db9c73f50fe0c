"""Runtime API of payments: quotes, merchants, payments, and what waits for settlement.

Amounts are in planck, times in milliseconds since 1970, rates in hundredths of a percent. Every
answer is bounded.
"""

from __future__ import annotations

import inspect
from typing import Annotated, Final

from btt_chain.lazyclass import dataclass
from btt_chain.primitives.account import AccountId
from btt_chain.primitives.digest import H256
from btt_chain.primitives.meaning import BASIS_POINTS
from btt_chain.scale import Err, Ok, Result, TypeName, path, u16, u32, u64, u128
from runtime.frame import DispatchError
from runtime.frame.aliases import Account, Balance, MomentOf
from runtime.frame.api import PalletOf, RuntimeApi
from runtime.pallets.payfi import errors
from runtime.pallets.payfi.card_types import MAX_AUTHS, Auth, Card
from runtime.pallets.payfi.dispute_types import Arbiter, Dispute
from runtime.pallets.payfi.pallet import PayFi
from runtime.pallets.payfi.policies import Policy
from runtime.pallets.payfi.types import (
    Bucket,
    Currency,
    Invoice,
    Legs,
    Merchant,
    Payment,
    PaymentState,
    Reference,
    Report,
    Terms,
)

MAX_BUCKETS: Final = 100
"""Maximum number of buckets in one answer."""
MAX_CARDS: Final = 100
"""Maximum number of cards in one answer."""
MAX_SUMMED: Final = 1_000
"""Maximum number of batches of a bucket whose gross is added up."""


@path("btt_runtime::payfi::Quote", params={"Balance": u128})
@dataclass(frozen=True, slots=True)
class Quote:
    """The cost and the course of a payment if it were made now."""

    gross: Balance
    """Amount that the payer pays, besides the network's fee."""
    fee: Balance
    """Amount that the merchant pays out of it."""
    net: Balance
    """Amount that the merchant receives."""
    terms: Terms
    legs: Legs
    due_ms: MomentOf
    """Earliest time of its settlement."""
    latest_ms: MomentOf
    """Latest time, if half of the slots have blocks."""


@path("btt_runtime::payfi::Refusal")
@dataclass(frozen=True, slots=True)
class Refusal:
    """The reason why a payment would be refused now."""

    name: str
    """Name of the error, with its pallet."""
    reason: str


@path("btt_runtime::payfi::MerchantView", params={"Balance": u128})
@dataclass(frozen=True, slots=True)
class MerchantView:
    """A merchant as a payer sees it."""

    merchant: Merchant
    judged: bool
    """True if a registrar judged its identity good."""
    volume: Balance
    """Settled gross of 30 days less refunds."""
    full_volume: Balance
    """Volume from which the standard rate is at its minimum."""
    standard: Annotated[u16, BASIS_POINTS]
    """Standard rate of a payment made now."""
    protected: Balance
    """Part of the bond that no dispute claims: it covers late disputes."""
    payments: u32
    """Number of payments settled in 30 days."""
    lost: u32
    """Number of disputes lost in 30 days."""


@path("btt_runtime::payfi::PaymentView")
@dataclass(frozen=True, slots=True)
class PaymentView:
    """A payment with its number and its real state."""

    id: u64
    payment: Payment
    state: PaymentState
    disputed: Balance
    """Amount that an open dispute holds; the rest of the payment settles meanwhile."""
    due_ms: MomentOf
    """Earliest time of its settlement."""
    refundable_until_ms: MomentOf
    """Time until which it can be refunded; then its record is removed."""


@path("btt_runtime::payfi::BucketView", params={"Balance": u128})
@dataclass(frozen=True, slots=True)
class BucketView:
    """A bucket with batches that wait for settlement."""

    bucket: Bucket
    due_ms: MomentOf
    merchants: u32
    room: u32
    """Number of further merchants that it takes."""
    gross: Annotated[u128 | None, TypeName("Option<Balance>")]
    """Sum of its batches; None for more than a thousand."""


@path("btt_runtime::payfi::AuthView")
@dataclass(frozen=True, slots=True)
class AuthView:
    """An open authorisation with its number."""

    id: u64
    auth: Auth


@path("btt_runtime::payfi::ArbiterView", params={"AccountId": AccountId})
@dataclass(frozen=True, slots=True)
class ArbiterView:
    """An arbiter with its bond and seats."""

    account: Account
    arbiter: Arbiter


class PayFiApi(RuntimeApi, version=1):
    """Merchants, payments and their settlement."""

    _payfi = PalletOf(PayFi)

    def quote(self, merchant: AccountId, units: u128, currency: Currency) -> Result[Quote, Refusal]:
        """Return cost, fee and settlement of a payment, or why it would be refused.

        It does not know the payer, nor its limits and policies.
        """
        payfi = self._payfi
        try:
            record = payfi.merchants.active(merchant)
            gross = payfi.payments.gross(record, units, currency)
            if gross > u128.MAX:
                raise errors.TooDear
            terms = payfi.payments.terms(merchant, record, currency)
            legs = payfi.payments.legs(gross, terms)
            payfi.merchants.allowance(merchant, u128(gross))
            bucket = payfi.settlement.place(merchant, payfi.calendar.first_bucket()).bucket
        except DispatchError as error:
            return Err(self._refusal(error))
        due = int(bucket) * payfi.calendar.bucket_ms
        latest = due + payfi.calendar.bucket_ms
        net = u128(legs.net)
        return Ok(Quote(u128(gross), u128(legs.fee), net, terms, legs, u64(due), u64(latest)))

    def merchant(self, account: AccountId) -> MerchantView | None:
        """Return a merchant; None if the account is none."""
        payfi = self._payfi
        record = payfi.merchants.merchants.get(account)
        if record is None:
            return None
        lost, payments = payfi.volumes.lost_of(account)
        return MerchantView(
            merchant=record,
            judged=payfi.people.verified(account),
            volume=u128(payfi.volumes.volume(account)),
            full_volume=u128(payfi.payments.full_volume()),
            standard=payfi.payments.terms(account, record, record.currency).standard,
            protected=payfi.merchants.free_bond(account),
            payments=u32(payments),
            lost=u32(lost),
        )

    def payment(self, id: u64) -> PaymentView | None:
        """Return a payment; None if there is none of this number any more."""
        return self._view(id)

    def by_reference(
        self, merchant: AccountId, reference: Reference, units: u128, currency: Currency
    ) -> PaymentView | None:
        """Return the payment of an invoice of `units` minor units of a currency.

        None if it is not paid, or was long ago. A payment of another amount is none of it.
        """
        invoice = Invoice(reference, currency, units)
        id = self._payfi.payments.references.get((merchant, invoice))
        return None if id is None else self._view(id)

    def queue(self) -> list[BucketView]:
        """Return the buckets with batches, the first one first, at most a hundred."""
        payfi = self._payfi
        queue, settlement = payfi.settlement.queue.value, payfi.settlement
        found = []
        for bucket in map(u32, range(int(queue.first), int(queue.last) + 1)):
            count = settlement.due_count[bucket]
            if count:
                found.append(self._bucket(bucket, int(count)))
            if len(found) == MAX_BUCKETS:
                break
        return found

    def report(self, merchant: AccountId) -> Report | None:
        """Return a merchant's daily figures, today's first; None without the analytics plan."""
        return self._payfi.volumes.report(merchant)

    def card(self, id: H256) -> Card | None:
        """Return a card by the hash of its key; None if there is none."""
        return self._payfi.cards.cards.get(id)

    def dispute(self, payment: u64) -> Dispute | None:
        """Return the dispute of a payment; None if there was none.

        Its deadlines are times since 1970, to which further stalls of the chain are added.
        """
        return self._payfi.disputes.dated(payment)

    def cards_of(self, owner: AccountId) -> list[H256]:
        """Return the ids of an account's cards, at most `MAX_CARDS`."""
        return self._payfi.cards.cards_of.some_under(owner, MAX_CARDS)

    def authorisations(self, card: H256) -> list[AuthView]:
        """Return the open authorisations of a card, which are a bounded number."""
        auths = self._payfi.authorisations
        return [AuthView(id, auths.get(id)) for id in auths.auths_of.some_under(card, MAX_AUTHS)]

    def policies(self, merchant: AccountId) -> list[Policy]:
        """Return the policies that a merchant's payers must satisfy, all of them, at most three."""
        record = self._payfi.merchants.merchants.get(merchant)
        return [] if record is None else list(self._payfi.payer_rules.of(merchant, record))

    def arbiters(self) -> list[ArbiterView]:
        """Return the appointed arbiters of disputes."""
        arbiters = self._payfi.arbiters
        return [
            ArbiterView(who, arbiters.arbiter_bonds.get(who) or Arbiter())
            for who in arbiters.arbiters.peek()
        ]

    # ---- internals

    def _view(self, id: u64) -> PaymentView | None:
        payfi = self._payfi
        payment = payfi.payments.payments.get(id)
        if payment is None:
            return None
        dispute = payfi.disputes.disputes.get(id) if payment.disputed else None
        held = u128(0)
        if dispute is not None and not dispute.late and dispute.outcome is None:
            held = dispute.amount
        return PaymentView(
            id=id,
            payment=payment,
            state=payfi.payments.state_of(payment),
            disputed=held,
            due_ms=u64(int(payment.bucket) * payfi.calendar.bucket_ms),
            refundable_until_ms=u64(payfi.calendar.over(int(payment.paid_ms))),
        )

    def _bucket(self, bucket: u32, count: int) -> BucketView:
        settlement, gross = self._payfi.settlement, None
        if count <= MAX_SUMMED:
            batches = (batch for _, batch in settlement.batches.under(bucket))
            gross = u128(sum(int(batch.legs.gross) for batch in batches))
        due = int(bucket) * self._payfi.calendar.bucket_ms
        room = max(0, settlement.capacity - count)
        return BucketView(bucket, u64(due), u32(count), u32(room), gross)

    def _refusal(self, error: DispatchError) -> Refusal:
        kind = type(error)
        for pallet in self._runtime.pallets.values():
            if kind in pallet.ERRORS.values():
                return Refusal(f"{pallet.name}.{kind.__name__}", inspect.getdoc(kind) or "")
        return Refusal(kind.__name__, str(error))


PAYFI_APIS: Final = (PayFiApi,)
