"""Settlement of payments: how long merchants wait, and how long the hook of a block takes.

`python bench/bench_payfi.py`; one thread. Waiting is in minutes of chain time, on real money, with
half of the slots empty: at random, and with a queue that others have filled, whose blocks all come
in the second half of each bucket. The hook is timed with 10,000 merchants and 100,000 payments.
"""

from __future__ import annotations

import random
import sys
from pathlib import Path
from statistics import median
from time import process_time

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

from bench.bench_auction import stored  # noqa: E402
from btt_chain.primitives.account import AccountId  # noqa: E402
from btt_chain.scale import u32, u64, u128  # noqa: E402
from runtime.accounts import PAYFI  # noqa: E402
from runtime.constants import BTT  # noqa: E402
from runtime.limits import payment_hooks  # noqa: E402
from runtime.pallets.payfi import events  # noqa: E402
from runtime.pallets.payfi.settlement import Place  # noqa: E402
from runtime.pallets.payfi.types import Batch, Legs, Queue, Volume  # noqa: E402
from support.payfi import ALICE, DAY, FOUNDATION, REST, SHOP, START, PayFiRuntime, Time, ref  # noqa: E402

PAYMENTS = 10_000
MERCHANTS, PENDING = 10_000, 100_000
LEGS = Legs(u128(10**18))


class SlowTime(Time):
    """Slots of a minute."""

    slot = START // 10

    def moment(self) -> int:
        """Return the time of the slot."""
        return self.slot * SlowPayFiRuntime.slot_ms


class SlowPayFiRuntime(PayFiRuntime):
    """A chain with slots of a minute: a queue of the same rules with fewer places."""

    slot_ms = 60_000
    hook_weight = payment_hooks(2_000)
    time_kind = SlowTime


def merchant(number: int) -> AccountId:
    """Return the account of a merchant."""
    return AccountId(b"\x77" + number.to_bytes(31, "big"))


def step(runtime: PayFiRuntime, paid: dict[tuple[u32, AccountId], list[int]]) -> list[float]:
    """Make the block of the present slot; return the waiting times of what it settles."""
    runtime.host.events.clear()
    runtime.payfi.on_initialize(runtime.time.slot)
    now, found = runtime.time.moment(), list[float]()
    for event in runtime.announced():
        if isinstance(event, events.Settled):
            moments = paid.pop((event.bucket, event.merchant), ())
            found.extend((now - moment) / 60_000 for moment in moments)
    return found


def at_random(rng: random.Random, payments: int) -> list[float]:
    """Return the waiting times of payments at random times, with half of the slots empty."""
    runtime, waited = PayFiRuntime(), list[float]()
    runtime.people.judged.update(map(merchant, range(100)))
    for number in range(100):
        runtime.balances.transfer(FOUNDATION, merchant(number), 2_000 * BTT)
        runtime.register(merchant(number))
    paid: dict[tuple[u32, AccountId], list[int]] = {}
    made = 0
    while made < payments or paid:
        runtime.time.slot += 1
        if rng.random() < 1 / 2:
            continue
        waited += step(runtime, paid)
        for _ in range(rng.randint(0, 2)):
            if made < payments:
                who = merchant(rng.randrange(100))
                id = runtime.pay(ALICE, who, rng.randint(10**15, 10**18))
                key = (runtime.payment(id).bucket, who)
                paid.setdefault(key, []).append(runtime.time.moment())
                made += 1
    return waited


def in_a_full_queue(offset: int) -> float:
    """Return the longest waiting time of those who pay for the last place of five buckets.

    Blocks come only in the second half of each bucket from then on; the last batch of the bucket
    counts, whichever it is.
    """
    runtime = SlowPayFiRuntime()
    settlement, calendar = runtime.payfi.settlement, runtime.payfi.calendar
    bucket_slots = calendar.bucket_slots
    runtime.time.slot += -runtime.time.slot % bucket_slots + offset
    first, number = calendar.first_bucket(), 0
    for bucket in range(first, first + 5):
        room = settlement.capacity - (bucket == first + 4)
        for _ in range(room):
            settlement.join(Place(u32(bucket), None), merchant(number), LEGS, u64(0))
            number += 1
    runtime.balances.transfer(FOUNDATION, PAYFI, u128(number * 10**18))
    bucket, paid = runtime.payment(runtime.pay(ALICE, SHOP)).bucket, runtime.time.moment()
    assert runtime.due(bucket) == settlement.capacity
    for _ in range(24 * bucket_slots):
        if not runtime.due(bucket):
            return (runtime.time.moment() - paid) / 60_000
        runtime.time.slot += 1
        if 2 * (runtime.time.slot % bucket_slots) >= bucket_slots:
            runtime.host.events.clear()
            runtime.payfi.on_initialize(runtime.time.slot)
    raise AssertionError("the queue does not settle")


def loaded() -> PayFiRuntime:
    """Return a chain on which all merchants are due at once, with the records of all payments."""
    runtime = PayFiRuntime()
    payfi, bucket = runtime.payfi, u32(runtime.payfi.calendar.bucket())
    first = runtime.pay(ALICE, SHOP, 10**18)
    record = runtime.payment(first)
    each = PENDING // MERCHANTS
    for number in range(MERCHANTS):
        who = merchant(number)
        payfi.volumes.volumes[who] = Volume()
        payfi.settlement.batches[bucket, who] = Batch(LEGS, u32(each))
    for number in range(1, PENDING):
        record.merchant, record.reference = merchant(number % MERCHANTS), ref(number)
        record.bucket = bucket
        payfi.payments.payments[u64(number)] = record
        payfi.payments.references[record.merchant, record.invoice] = u64(number)
    payfi.payments.next_payment.value = u64(PENDING)
    payfi.settlement.due_count[bucket] = u32(MERCHANTS)
    payfi.settlement.queue.value = Queue(bucket, runtime.payment(first).bucket)
    runtime.balances.transfer(FOUNDATION, PAYFI, u128(min(int(REST) // 2, MERCHANTS * 10**18)))
    return stored(runtime)


def hooks(runtime: PayFiRuntime, blocks: int) -> list[float]:
    """Return the milliseconds of the hooks of that many blocks."""
    spent = []
    for _ in range(blocks):
        runtime.time.slot += 1
        runtime.host.events.clear()
        begin = process_time()
        runtime.payfi.on_initialize(runtime.time.slot)
        spent.append((process_time() - begin) * 1_000)
    return spent


def show(name: str, values: list[float], unit: str) -> None:
    """Print the middle and the maximum."""
    print(f"{name:<58}{median(values):8.1f} {max(values):8.1f} {unit}")


def main() -> None:
    """Print all figures."""
    print(f"{'':<58}{'median':>8} {'maximum':>8}")
    waited = at_random(random.Random(1), PAYMENTS)
    assert len(waited) == PAYMENTS
    show(f"{PAYMENTS:,} payments, half of the slots empty", waited, "minutes")
    full = [in_a_full_queue(offset) for offset in range(10)]
    show("the last place of a full queue, at each minute", full, "minutes")
    runtime = loaded()
    show("hook, nothing due", hooks(PayFiRuntime(), 20), "ms")
    show(f"hook, {MERCHANTS:,} merchants and {PENDING:,} payments due", hooks(runtime, 39), "ms")
    runtime.time.slot += 15 * DAY
    show(f"hook, {PENDING:,} old payments", hooks(runtime, 50), "ms")


if __name__ == "__main__":
    main()
