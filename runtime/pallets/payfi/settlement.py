"""Settlement: payments wait in the pool account, netted by merchant and bucket.

A bucket is a sixth of an hour. A payment goes into the first bucket that begins an hour later or
more, or one of the next four: each has room for a number of merchants that half of the slots of a
bucket can settle, and a merchant that has a batch in it needs no further room. So a payment that is
not refused is settled one to two hours later, as long as half of the slots have blocks. A full
queue refuses payments; it never delays those it accepted.
"""

from __future__ import annotations

from typing import Final

from btt_chain.primitives.account import AccountId
from btt_chain.scale import u32, u128
from runtime.frame import (
    Component,
    DoubleMap,
    Hasher,
    Map,
    Pallet,
    TokenError,
    TokenErrorKind,
    Value,
)
from runtime.pallets.payfi import errors, events
from runtime.pallets.payfi.calendar import Calendar
from runtime.pallets.payfi.types import Batch, Fees, Legs, Money, Queue
from runtime.pallets.payfi.volumes import Volumes
from runtime.pallets.tokenomics import BurnReason

MAX_SETTLED: Final = 256
"""Maximum number of batches that one block settles by itself."""
PLACES: Final = 5
"""Number of buckets that a payment may go into."""


class Settlement(Component):
    """Batches of payments that wait for their bucket."""

    batches = DoubleMap(u32, AccountId, Batch)
    """Payments that settle together, by bucket and merchant."""
    due_count = Map(u32, u32, default=u32(0), hasher=Hasher.Twox64Concat)
    """Number of batches, by bucket."""
    queue = Value(Queue, default=Queue())
    """Range of the buckets with batches."""

    def __init__(
        self,
        pallet: Pallet,
        *,
        currency: Money,
        fees: Fees,
        volumes: Volumes,
        calendar: Calendar,
        pool: AccountId,
        treasury: AccountId,
    ) -> None:
        super().__init__(pallet)
        self.currency = currency
        self.fees = fees
        self.volumes = volumes
        self.calendar = calendar
        self.pool = pool
        self.treasury = treasury
        self.capacity = max(1, MAX_SETTLED * calendar.bucket_slots // 2)
        """Maximum number of batches of one bucket."""

    # ---- public interface: the queue

    def place(self, merchant: AccountId, first: int) -> u32:
        """Return the first of `PLACES` buckets from `first` on that has the merchant or room.

        Raises SettlementBusy if none has.
        """
        for bucket in map(u32, range(first, first + PLACES)):
            if self.is_pending(bucket, merchant) or self.due_count[bucket] < self.capacity:
                return bucket
        raise errors.SettlementBusy

    def put(self, bucket: u32, merchant: AccountId, legs: Legs) -> bool:
        """Add a payment to the merchant's batch of a bucket. Return True if that is a new batch.

        `place` returns the bucket.
        """
        found = self.batches.get((bucket, merchant))
        if found is None:
            self.due_count[bucket] += 1
            self._extend(bucket)
        batch = found or Batch()
        self.batches[bucket, merchant] = Batch(batch.legs.plus(legs), batch.count + 1)
        return found is None

    def remove(self, bucket: u32, merchant: AccountId, legs: Legs) -> None:
        """Take a pending payment out of its batch."""
        batch = self.batches[bucket, merchant]
        if batch.count > 1:
            self.batches[bucket, merchant] = Batch(batch.legs.minus(legs), batch.count - 1)
            return
        del self.batches[bucket, merchant]
        self._count_out(bucket, 1)

    def change(self, bucket: u32, merchant: AccountId, old: Legs, new: Legs) -> None:
        """Replace the legs of a pending payment."""
        batch = self.batches[bucket, merchant]
        legs = batch.legs.minus(old).plus(new)
        self.batches[bucket, merchant] = Batch(legs, batch.count)

    def is_pending(self, bucket: u32, merchant: AccountId) -> bool:
        """Return True if the merchant's batch of a bucket is not settled yet."""
        return (bucket, merchant) in self.batches

    def is_behind(self) -> bool:
        """Return True if batches are due that no block has settled yet, as after a long stall."""
        queue = self.queue.peek()
        return queue.first <= min(int(queue.last), self.calendar.bucket())

    # ---- public interface: settling

    def settle_due(self) -> int:
        """Settle the batches that are due, the oldest first; return their number.

        At most `MAX_SETTLED`; the fees of all are taken at once.
        """
        queue = self.queue.value
        first, due = int(queue.first), min(int(queue.last), self.calendar.bucket())
        if first > due:
            return 0
        legs, left = Legs(), MAX_SETTLED
        while first <= due and left:
            bucket = u32(first)
            found = self.batches.some_under(bucket, left)
            for merchant in found:
                legs = legs.plus(self._pay_out(bucket, merchant))
            self._count_out(bucket, len(found))
            first += len(found) < left or not self.due_count[bucket]
            left -= len(found)
        self.queue.value = Queue(u32(first), queue.last)
        self.fees.take(self.pool, legs.split(), BurnReason.Payfi)
        return MAX_SETTLED - left

    def settle(self, bucket: u32, merchant: AccountId) -> None:
        """Settle one batch. Raises NotDue if there is none, or it is too early."""
        if bucket > self.calendar.bucket() or not self.is_pending(bucket, merchant):
            raise errors.NotDue
        legs = self._pay_out(bucket, merchant)
        self._count_out(bucket, 1)
        self.fees.take(self.pool, legs.split(), BurnReason.Payfi)

    def settle_rest(self, merchant: AccountId, legs: Legs, count: int) -> None:
        """Pay a merchant at once the rest of a disputed payment whose bucket is over.

        `count` is 0 if the payment was counted before, with its part that was not disputed.
        """
        self._pay(u32(self.calendar.bucket()), merchant, Batch(legs, u32(count)))
        self.fees.take(self.pool, legs.split(), BurnReason.Payfi)

    def give_back(self, to: AccountId, amount: u128) -> None:
        """Pay out of the pool account; what is too little to create `to` goes to the treasury."""
        try:
            self.currency.transfer(self.pool, to, amount)
        except TokenError as error:
            if error.kind is not TokenErrorKind.BelowMinimum:
                raise
            self.currency.transfer(self.pool, self.treasury, amount)

    # ---- internals

    def _pay_out(self, bucket: u32, merchant: AccountId) -> Legs:
        """Pay a batch to its merchant and remove it; the caller takes the fee and counts it out."""
        batch = self.batches[bucket, merchant]
        del self.batches[bucket, merchant]
        self._pay(bucket, merchant, batch)
        return batch.legs

    def _pay(self, bucket: u32, merchant: AccountId, batch: Batch) -> None:
        legs = batch.legs
        self.give_back(merchant, u128(legs.net))
        self.volumes.settled(merchant, legs, int(batch.count))
        self.deposit(
            events.Settled(merchant, bucket, u128(legs.net), u128(legs.fee), legs.burn, batch.count)
        )

    def _count_out(self, bucket: u32, count: int) -> None:
        left = self.due_count[bucket] - count
        if left:
            self.due_count[bucket] = left
        else:
            del self.due_count[bucket]

    def _extend(self, bucket: u32) -> None:
        """Make the queue's range include a bucket."""
        queue = self.queue.value
        if queue.first > queue.last:
            self.queue.value = Queue(bucket, bucket)
        elif not queue.first <= bucket <= queue.last:
            self.queue.value = Queue(min(queue.first, bucket), max(queue.last, bucket))
