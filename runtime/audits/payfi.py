"""Checks of payments: I30, I31, I32, I33, I35, I37."""

from __future__ import annotations

from collections.abc import Iterator

from btt_chain.primitives.account import AccountId
from btt_chain.scale import u32, u64
from runtime.audits.state import AuditedState, Finding
from runtime.pallets.payfi.calendar import BUCKETS_PER_HOUR
from runtime.pallets.payfi.dispute_types import Dispute
from runtime.pallets.payfi.fees import fee_of
from runtime.pallets.payfi.pallet import PayFi
from runtime.pallets.payfi.payments import PROMISED
from runtime.pallets.payfi.types import (
    ANALYTICS,
    Batch,
    Invoice,
    Legs,
    Payment,
    PaymentState,
    Terms,
)

Batches = dict[tuple[u32, AccountId], Batch]
"""Batches by bucket and merchant."""


def payments(audited: AuditedState) -> Iterator[Finding]:
    """Check the accounting of PayFi."""
    payfi = audited.runtime.pallet(PayFi)
    yield from payfi_findings(payfi, int(audited.of(payfi.pool).data.free))


def payfi_findings(payfi: PayFi, pooled: int) -> Iterator[Finding]:
    """Check the accounting of PayFi; `pooled` is the balance of its pool account."""
    early = {number: one for number, one in payfi.disputes.disputes.items() if not one.late}
    known = dict(payfi.payments.payments.items())
    batches = dict(payfi.settlement.batches.items())
    disputed = sum(
        int(dispute.amount)
        for number, dispute in early.items()
        if number in known and known[number].state is PaymentState.Disputed
    )
    yield from in_pool(disputed, batches, pooled)
    yield from batched(known, batches)
    yield from queued(payfi, batches)
    for number, payment in known.items():
        yield from payment_findings(payfi, int(number), payment, early.get(number))
    references = {(one.merchant, one.invoice): number for number, one in known.items()}
    for auth in dict(payfi.authorisations.auths.items()).values():
        if not auth.parts:
            invoice = Invoice(auth.reference, auth.currency, auth.units)
            references[auth.merchant, invoice] = PROMISED
    if dict(payfi.payments.references.items()) != references:
        yield Finding("I32", "the references are not those of payments and authorisations")
    yield from volume_records(payfi)


def in_pool(disputed: int, batches: Batches, pooled: int) -> Iterator[Finding]:
    """Check I30: the pool account has what waits for settlement or the end of a dispute."""
    waiting = sum(int(batch.legs.gross) for batch in batches.values())
    # Any account can send money to a pool account, so there may be more.
    if pooled < waiting + disputed:
        yield Finding("I30", f"{pooled} planck pooled, {waiting} wait, {disputed} are disputed")


def batched(known: dict[u64, Payment], batches: Batches) -> Iterator[Finding]:
    """Check I31: a batch is the sum of its pending payments, part by part.

    What is not disputed of a payment stays in its batch.
    """
    sums: dict[tuple[u32, AccountId], tuple[Legs, int]] = {}
    for payment in known.values():
        key = (payment.bucket, payment.merchant)
        is_open = payment.state in (PaymentState.Pending, PaymentState.Disputed)
        if key in batches and is_open and payment.legs.gross:
            legs, count = sums.get(key, (Legs(), 0))
            sums[key] = legs.plus(payment.legs), count + 1
    for key in {**batches, **sums}:
        batch, (legs, count) = batches.get(key, Batch()), sums.get(key, (Legs(), 0))
        if (batch.legs, int(batch.count)) != (legs, count):
            name = f"bucket {key[0]} of {key[1].hex()}"
            yield Finding("I31", f"{name}: {batch}, its payments are {legs}, {count}")


def queued(payfi: PayFi, batches: Batches) -> Iterator[Finding]:
    """Check I33: the queue contains all batches, and no bucket has more than it can settle."""
    counts: dict[u32, int] = {}
    for bucket, _ in batches:
        counts[bucket] = counts.get(bucket, 0) + 1
    if dict(payfi.settlement.due_count.items()) != counts:
        yield Finding("I33", "the counts of buckets are not those of their batches")
    queue = payfi.settlement.queue.value
    for bucket, count in counts.items():
        if not queue.first <= bucket <= queue.last:
            yield Finding("I33", f"bucket {bucket} is not in the queue, {queue}")
        if count > payfi.settlement.capacity:
            yield Finding("I33", f"bucket {bucket} has {count} batches, more than it settles")


def payment_findings(
    payfi: PayFi, number: int, payment: Payment, early: Dispute | None
) -> Iterator[Finding]:
    """Check I32, I33, I35: where the money of a payment is, and when it settles.

    `early` is its dispute, if that was opened before its settlement.
    """
    name = f"payment {number}"
    if payment.legs.fee not in possible_fees(payment, early):
        yield Finding("I32", f"{name}: a fee of {payment.legs.fee}, its rates say another")
    is_empty = not payment.legs.gross and payment.state is not PaymentState.Disputed
    if (payment.state is PaymentState.Returned) != is_empty:
        yield Finding("I32", f"{name}: {payment.legs.gross} left, state {payment.state.name}")
    if payment.refunded > payment.legs.gross:
        yield Finding("I35", f"{name}: {payment.refunded} refunded of {payment.legs.gross}")
    calendar = payfi.calendar
    begin, least = int(payment.bucket) * calendar.bucket_ms, int(payment.paid_ms) + calendar.hour_ms
    latest = least + (BUCKETS_PER_HOUR - 1) * calendar.bucket_ms
    if not least <= begin < latest:
        yield Finding("I33", f"{name}: paid at {payment.paid_ms}, it settles from {begin} on")


def possible_fees(payment: Payment, early: Dispute | None) -> tuple[int, ...]:
    """Return the fees that a payment can have by its rates.

    What an early dispute leaves to the merchant has its own fee if the rest settled before.
    """
    gross = int(payment.legs.gross)
    if early is None:
        return (int(fee_of(gross, payment.terms)),)
    whole = fee_of_part(gross, payment.terms)
    if early.outcome is None:
        return (whole,)
    rest = int(early.amount) - int(early.outcome.to_payer)
    if not rest <= gross:
        return (whole,)
    return (whole, fee_of_part(gross - rest, payment.terms) + fee_of_part(rest, payment.terms))


def fee_of_part(gross: int, terms: Terms) -> int:
    """Return the fee of a part of a disputed payment; one that is too small for a fee has none."""
    fee = int(fee_of(gross, terms))
    return 0 if fee >= gross else fee


def volume_records(payfi: PayFi) -> Iterator[Finding]:
    """Check that merchants have volumes, and those with the plan reports."""
    merchants = dict(payfi.merchants.merchants.items())
    if {who for who, _ in payfi.volumes.volumes.items()} != set(merchants):
        yield Finding("I37", "volumes are not those of the merchants")
    planned = {who for who, one in merchants.items() if one.plan & ANALYTICS}
    if {who for who, _ in payfi.volumes.reports.items()} != planned:
        yield Finding("I37", "reports are not those of the merchants with the plan")
    for who, one in merchants.items():
        if one.reserved > one.bond:
            yield Finding("I35", f"{who.hex()}: {one.reserved} of a bond of {one.bond} reserved")
