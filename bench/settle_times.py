"""Settlement times over many simulated runs: 10,000 by default, each on a chain of its own.

`python bench/settle_times.py [--runs 10000] [--seed 1]`; one thread, two minutes. Each run has one
payment on real money, at a random second, to a merchant that is new; slots of six seconds, of which
exactly half have a block in each bucket, chosen at random. Two loads:

* `usual`: other merchants take up to a tenth of the room of the payment's bucket
* `any`: others take any part of the five buckets, up to all of it but the last place

Minutes are those of the chain. A block settles as few batches as possible, so that the queue is as
long in time as it can be. Fails if a payment settles before 60 minutes or after 120, or if the
median of the usual load is above 66.
"""

from __future__ import annotations

import argparse
import random
import sys
from pathlib import Path
from statistics import median
from typing import Final

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

from btt_chain.primitives.account import AccountId  # noqa: E402
from btt_chain.scale import u8, u16, u32, u64, u128  # noqa: E402
from runtime.accounts import PAYFI  # noqa: E402
from runtime.constants import BTT  # noqa: E402
from runtime.frame import Weight  # noqa: E402
from runtime.pallets.payfi import events  # noqa: E402
from runtime.pallets.payfi.settlement import PLACES, Place  # noqa: E402
from runtime.pallets.payfi.types import (  # noqa: E402
    Legs,
    Merchant,
    MerchantActive,
    Volume,
)
from support.payfi import ALICE, BTT_CODE, BUCKET, FOUNDATION, META, PayFiRuntime  # noqa: E402

RUNS: Final = 10_000
EARLIEST, MIDDLE, LATEST = 60, 66, 120
"""Promised minutes: the first, the median of the usual load, and the last."""
LEGS: Final = Legs(u128(BTT))


class NarrowPayFiRuntime(PayFiRuntime):
    """A chain whose blocks settle one batch each."""

    hook_weight = Weight(u64(0))


class Queue:
    """A chain that is set back to its beginning for every run."""

    def __init__(self) -> None:
        self.runtime = NarrowPayFiRuntime()
        capacity = self.runtime.payfi.settlement.capacity
        self.runtime.balances.transfer(FOUNDATION, PAYFI, u128(PLACES * capacity * BTT))
        self._begin = dict(self.runtime.state.data), self.runtime.time.slot

    def run(self, rng: random.Random, *, is_usual: bool) -> float:
        """Return the minutes of chain time that one payment waits for its settlement."""
        runtime = self.runtime
        data, slot = self._begin
        runtime.state.data = dict(data)
        runtime.time.slot = slot + rng.randrange(BUCKET)
        shop = self._fill(rng, is_usual=is_usual)
        id = runtime.pay(ALICE, shop)
        paid, bucket = runtime.time.moment(), runtime.payment(id).bucket
        first = int(runtime.payfi.settlement.queue.value.first)  # before it, no hook has work
        for due in range(first, first + PLACES + 18):
            for at in sorted(rng.sample(range(BUCKET), BUCKET // 2)):
                runtime.time.slot = due * BUCKET + at
                runtime.host.events.clear()
                runtime.payfi.on_initialize(runtime.time.slot)
                for event in runtime.announced():
                    if isinstance(event, events.Settled) and event.merchant == shop:
                        assert event.bucket == bucket
                        return (runtime.time.moment() - paid) / 60_000
        raise AssertionError(f"the payment to {shop.hex()} does not settle")

    def _fill(self, rng: random.Random, *, is_usual: bool) -> AccountId:
        """Put batches of others into the queue; return a new merchant that none of them is of."""
        payfi = self.runtime.payfi
        first, capacity = payfi.calendar.first_bucket(), payfi.settlement.capacity
        room = capacity // 10 if is_usual else PLACES * capacity - 1
        for number in range(rng.randint(0, room)):
            place = Place(u32(first + number // capacity), None)
            payfi.settlement.join(place, AccountId(rng.randbytes(32)), LEGS, u64(0))
        shop = AccountId(rng.randbytes(32))
        payfi.merchants.merchants[shop] = Merchant(
            u16(5_912), BTT_CODE, u8(0), None, 1_000 * BTT, [], META, MerchantActive()
        )
        payfi.volumes.volumes[shop] = Volume()
        self.runtime.people.judged.add(shop)
        return shop


def waits(runs: int, seed: int, *, is_usual: bool) -> list[float]:
    """Return the sorted minutes of so many runs."""
    queue, rng = Queue(), random.Random(seed)
    return sorted(queue.run(rng, is_usual=is_usual) for _ in range(runs))


def show(name: str, minutes: list[float]) -> None:
    """Print a distribution."""
    parts = [f"p{part} {minutes[len(minutes) * part // 100]:.1f}" for part in (1, 10, 50, 90, 99)]
    print(f"{name}: min {minutes[0]:.1f}, {', '.join(parts)}, max {minutes[-1]:.1f} minutes")


def main() -> None:
    """Print both distributions, and check the promise."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=RUNS)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    usual = waits(options.runs, options.seed, is_usual=True)
    show(f"{options.runs:,} runs, usual load", usual)
    loaded = waits(options.runs, options.seed, is_usual=False)
    show(f"{options.runs:,} runs, any load  ", loaded)
    assert min(usual[0], loaded[0]) >= EARLIEST, "a payment settled before its hour"
    assert max(usual[-1], loaded[-1]) <= LATEST, "a payment settled after two hours"
    assert median(usual) <= MIDDLE, "the median of the usual load is above the promise"


if __name__ == "__main__":
    main()
