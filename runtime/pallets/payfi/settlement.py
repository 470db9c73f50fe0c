"""Settlement: payments wait in the pool account, netted by merchant and bucket.

A bucket is a sixth of an hour. A payment goes into the first bucket that begins an hour later or
more, or one of the next four: each has room for a number of merchants that half of the slots of a
bucket can settle, and a merchant that has a batch in it needs no further room. So a payment that is
not refused is settled one to two hours later, as long as half of the slots have blocks. A full
queue refuses payments; it never delays those it accepted.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from btt_chain.primitives.account import AccountId
from btt_chain.scale import u32, u64, u128
from runtime.frame import (
    Component,
    DoubleMap,
    Hasher,
    Map,
    TokenError,
    TokenErrorKind,
    Value,
    Weight,
)
from runtime.pallets.payfi import errors, events
from runtime.pallets.payfi.calendar import Calendar
from runtime.pallets.payfi.hook_limits import hook_limits
from runtime.pallets.payfi.types import Batch, Legs, Money, Queue
from runtime.pallets.payfi.volumes import Volumes
from runtime.pallets.tokenomics.traits import Fees
from runtime.pallets.tokenomics.types import BurnReason

PLACES: Final = 5
"""Number of buckets that a payment may go into."""


class Place(NamedTuple):
    """The bucket of a payment, and the merchant's batch in it; None if it has none yet."""

    bucket: u32
    batch: Batch | None


class Settlement(Component):
    """Batches of payments that wait for their bucket."""

    currency: Money
    fees: Fees
    volumes: Volumes
    calendar: Calendar
    pool: AccountId
    treasury: AccountId
    hook_weight: Weight

    batches = DoubleMap(u32, AccountId, Batch)
    """Payments that settle together, by bucket and merchant."""
    due_count = Map(u32, u32, default=u32(0), hasher=Hasher.Twox64Concat)
    """Number of batches, by bucket."""
    queue = Value(Queue, default=Queue())
    """Range of the buckets with batches."""

    def setup(self) -> None:
        """Compute the room of a bucket: half of the batches that its blocks can settle."""
        limit = hook_limits(int(self.hook_weight.ref_time)).batches
        self.capacity = max(1, limit * self.calendar.bucket_slots // 2)
        """Maximum number of batches of one bucket."""

    # ---- public interface: the queue

    def place(self, merchant: AccountId, first: int) -> Place:
        """Return the first of `PLACES` buckets from `first` on that has the merchant or room.

        Raises SettlementBusy if none has.
        """
        for bucket in map(u32, range(first, first + PLACES)):
            batch = self.batches.peek((bucket, merchant))
            if batch is not None or self.due_count[bucket] < self.capacity:
                return Place(bucket, batch)
        raise errors.SettlementBusy

    def join(self, place: Place, merchant: AccountId, legs: Legs, now: u64) -> bool:
        """Add a payment made now at its `place`.

        Return True if it is the first payment of the block in its batch.
        """
        bucket, batch = place
        if batch is None:
            self._count_in(bucket)
            self.batches.keep((bucket, merchant), Batch(legs, u32(1), now))
            return True
        joined = Batch(batch.legs.plus(legs), batch.count + 1, now)
        self.batches.keep((bucket, merchant), joined)
        return batch.last_ms != now

    def remove(self, bucket: u32, merchant: AccountId, legs: Legs) -> None:
        """Take a pending payment out of its batch."""
        batch = self.batches[bucket, merchant]
        if batch.count > 1:
            legs = batch.legs.minus(legs)
            self.batches[bucket, merchant] = Batch(legs, batch.count - 1, batch.last_ms)
            return
        del self.batches[bucket, merchant]
        self._count_out(bucket, 1)

    def change(self, bucket: u32, merchant: AccountId, old: Legs, new: Legs) -> None:
        """Replace the legs of a pending payment."""
        batch = self.batches[bucket, merchant]
        legs = batch.legs.minus(old).plus(new)
        self.batches[bucket, merchant] = Batch(legs, batch.count, batch.last_ms)

    def is_pending(self, bucket: u32, merchant: AccountId) -> bool:
        """Return True if the merchant's batch of a bucket is not settled yet."""
        return (bucket, merchant) in self.batches

    def is_behind(self) -> bool:
        """Return True if batches are due that no block has settled yet, as after a long stall."""
        queue = self.queue.peek()
        return queue.first <= min(int(queue.last), self.calendar.bucket())

    # ---- public interface: settling

    def settle_due(self, limit: int) -> int:
        """Settle the batches that are due, at most `limit`, the oldest first; return their number.

        The fees of all are taken at once.
        """
        queue = self.queue.peek()
        first, due = int(queue.first), min(int(queue.last), self.calendar.bucket())
        if first > due:
            return 0
        legs, left = Legs(), limit
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
        return limit - left

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

    def _count_in(self, bucket: u32) -> None:
        """Count a new batch of a bucket, and include the bucket in the queue."""
        self.due_count[bucket] += 1
        queue = self.queue.peek()
        if queue.first > queue.last:
            self.queue.value = Queue(bucket, bucket)
        elif not queue.first <= bucket <= queue.last:
            self.queue.value = Queue(min(queue.first, bucket), max(queue.last, bucket))

    def _count_out(self, bucket: u32, count: int) -> None:
        left = self.due_count[bucket] - count
        if left:
            self.due_count[bucket] = left
        else:
            del self.due_count[bucket]
