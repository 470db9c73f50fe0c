"""Payments in BTT, entered on encoded records.

Payments to one merchant have most of their work in common. `PackedPayments` does it once for a
merchant, and enters each payment with a few sums; records are written as they are encoded. The
result equals that of `Payments.enter`, which every other payment goes through
(tests/unit/runtime/test_direct_payments.py compares both).
"""

from __future__ import annotations

from typing import Final, NamedTuple

from btt_chain.lazyclass import dataclass
from btt_chain.primitives.account import AccountId
from btt_chain.scale import codec, u32, u64, u128
from runtime.frame import DispatchError
from runtime.pallets.payfi.events import Paid
from runtime.pallets.payfi.fees import BTT, parts_of
from runtime.pallets.payfi.pallet import PayFi
from runtime.pallets.payfi.types import Terms

NEW: Final = bytes(16 + 16 + 1 + 1 + 1)
"""End of the record of a new payment: nothing returned or refunded, pending, not disputed, and not
a part of an invoice."""
TERMS: Final = codec(Terms)

LEGS: Final = 5 * 16
"""Length of encoded `Legs`."""


@dataclass(slots=True)
class Limits:
    """Limits of a merchant without a judged identity, in planck."""

    payment: int
    day: int
    key: bytes
    raw: bytes | None
    """The record, as it was read or written last."""
    today_raw: bytes
    used: int
    """Sum of today's payments."""


@dataclass(slots=True)
class Shop:
    """An active merchant without policies, who has a batch to join, and that batch.

    A state returns the same object for a record until another write: so one that was written by
    others is noticed.
    """

    who: AccountId
    terms: Terms
    terms_raw: bytes
    threshold: int
    """Value from which fees burn at their highest rate."""
    bucket_raw: bytes
    made_raw: bytes
    """The present time."""
    is_joined: bool
    """True if this block has a payment in the batch already."""
    key: bytes
    raw: bytes | None
    """The record of the batch, as it was read or written last."""
    gross: int
    legs: int
    """Sum of the payments in the batch: the number whose bytes are the encoded `Legs`. None of its
    parts reaches 2^128 while the gross does not, so such numbers add up part by part."""
    count: int
    limits: Limits | None
    """None for a merchant with a judged identity."""


class Entry(NamedTuple):
    """A payment that may be entered, with what it changes."""

    shop: Shop
    gross: int
    gross_raw: bytes
    fee_raw: bytes
    legs: int
    """Its legs, as in `Shop`."""
    legs_raw: bytes
    id: int
    reference: bytes
    reference_key: bytes


class PackedPayments:
    """Enters payments to merchants whose records are read once."""

    def __init__(self, payfi: PayFi) -> None:
        self._payfi = payfi
        self._host = payfi.host
        self._index = payfi.index
        self._payments = payfi.payments.payments
        self._references = payfi.payments.references
        self._next = payfi.payments.next_payment
        self._paid = payfi.event_prefix(Paid)
        self._shops: dict[AccountId, Shop] = {}

    def forget(self) -> None:
        """Forget what was read: it may change."""
        self._shops.clear()

    def shop(self, merchant: AccountId) -> Shop | None:
        """Return the state that payments to a merchant need; None if they need the general way."""
        shop, get = self._shops.get(merchant), self._host.state.get
        if shop is not None and get(shop.key) is shop.raw:
            limits = shop.limits
            if limits is None or get(limits.key) is limits.raw:
                return shop
        try:
            shop = self._open(merchant)
        except (DispatchError, ArithmeticError):
            return None
        if shop is not None:
            self._shops[merchant] = shop
        return shop

    def prepare(self, shop: Shop, gross: int, reference: bytes) -> Entry | None:
        """Return a payment of `gross` planck that may be entered; None: use the general way."""
        limits, host = shop.limits, self._host
        try:
            parts = parts_of(gross, shop.terms, shop.threshold)
        except ArithmeticError:
            return None
        fee = sum(parts)
        if gross <= fee or shop.count >= u32.MAX:
            return None
        if limits is not None and (gross > limits.payment or limits.used + gross > limits.day):
            return None
        id = int.from_bytes(self._next.raw() or b"", "little")
        if shop.gross + gross > u128.MAX or id >= u64.MAX:
            return None
        burn, development, foundation, reserve = parts
        legs = gross | burn << 128 | development << 256 | foundation << 384 | reserve << 512
        legs_raw = legs.to_bytes(LEGS, "little")
        gross_raw = legs_raw[:16]
        key = self._references.hashed_raw(shop.who, reference + BTT + gross_raw)
        if host.state.get(key) is not None:
            return None
        fee_raw = fee.to_bytes(16, "little")
        return Entry(shop, gross, gross_raw, fee_raw, legs, legs_raw, id, reference, key)

    def enter(self, entry: Entry, payer: AccountId, memo: bytes) -> None:
        """Store a payment; `memo` is encoded. The money has been moved to the pool account."""
        shop, gross, gross_raw, _, legs, legs_raw, id, reference, reference_key = entry
        put, limits, id_raw = self._host.state.put, shop.limits, id.to_bytes(8, "little")
        shop.gross += gross
        shop.legs += legs
        shop.count += 1
        shop.is_joined = True
        begin = shop.legs.to_bytes(LEGS, "little")
        shop.raw = raw = begin + shop.count.to_bytes(4, "little") + shop.made_raw
        put(shop.key, raw)
        if limits is not None:
            limits.used += gross
            limits.raw = limits.today_raw + limits.used.to_bytes(16, "little")
            put(limits.key, limits.raw)
        put(self._next.prefix, (id + 1).to_bytes(8, "little"))
        begin = payer + shop.who + reference + legs_raw + shop.terms_raw + BTT
        record = begin + gross_raw + shop.bucket_raw + shop.made_raw + memo + NEW
        put(self._payments.hashed_raw(id_raw), record)
        put(reference_key, id_raw)

    def event(self, entry: Entry, payer: AccountId) -> bytes:
        """Return the event of a payment, encoded."""
        shop, _, gross_raw, fee_raw, _, _, id, reference, _ = entry
        begin = self._paid + id.to_bytes(8, "little") + payer + shop.who + reference
        return begin + gross_raw + fee_raw + shop.bucket_raw

    # ---- internals

    def _open(self, merchant: AccountId) -> Shop | None:
        """Read the state for payments to a merchant. Raises DispatchError or ArithmeticError."""
        payfi, state = self._payfi, self._host.state
        record = payfi.merchants.active(merchant)
        for _ in payfi.payer_rules.of(merchant, record):
            return None
        now = payfi.calendar.now()
        terms = payfi.payments.terms(merchant, record, BTT, now)
        bucket, batch = payfi.settlement.place(merchant, payfi.calendar.first_bucket(now))
        if batch is None:
            return None
        key = payfi.settlement.batches.key(bucket, merchant)
        raw = state.get(key)
        return Shop(
            merchant, terms, TERMS.encode(terms), int(payfi.fees.threshold()),
            bucket.to_bytes(4, "little"), now.to_bytes(8, "little"), batch.last_ms == now,
            key, raw, int(batch.legs.gross), int.from_bytes((raw or b"")[:LEGS], "little"),
            int(batch.count), self._limits(merchant, now),
        )  # fmt: skip

    def _limits(self, merchant: AccountId, now: int) -> Limits | None:
        merchants = self._payfi.merchants
        if merchants.people.verified(merchant):
            return None
        rates, known = self._payfi.rates.peek(), merchants.allowances.peek(merchant)
        key, today = merchants.allowances.key(merchant), self._payfi.calendar.day(now)
        used = int(known.used) if known is not None and known.day == today else 0
        return Limits(
            int(rates.unjudged_payment), int(rates.unjudged_day), key,
            self._host.state.get(key), today.to_bytes(4, "little"), used,
        )  # fmt: skip
