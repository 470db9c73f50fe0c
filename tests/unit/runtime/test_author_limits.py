"""The limit of authors' fees on a chain: by the same snapshot of eras as the shares in force."""

from __future__ import annotations

from functools import partial
from random import Random

from btt_chain.scale import u128
from runtime import BttRuntime
from runtime.decay import AGE
from runtime.pallets.authorities.pallet import Authorities
from runtime.pallets.transaction_payment.pallet import TransactionPayment
from support.economy.chain import EconomyChain
from support.economy.oracle import BTT


class Planned:
    """Passes on limits of TransactionPayment, and notes with which one each session was planned."""

    def __init__(self, runtime: BttRuntime) -> None:
        self._fees = runtime.pallet(TransactionPayment)
        self._authorities = runtime.pallet(Authorities)
        self._measures = runtime.mining
        self._authorities.author_limits = self
        self.limits: list[int] = []

    def limit_at(self, snapshot: int) -> int:
        assert snapshot == self._measures.era_now() - AGE
        self.limits.append(self._fees.limit_at(snapshot))
        return self.limits[-1]


def test_the_limit_in_force_is_the_one_that_the_shares_in_force_were_planned_with() -> None:
    rng, chain = Random(5), EconomyChain("seed-000")
    chain.block()
    planned = Planned(chain.runtime)
    fees, epoch = chain.runtime.fees, int(chain.params.epoch_slots)
    limits = []
    for _ in range(30):
        chain.run(partial(setattr, fees.era_paid, "value", u128(rng.randrange(40 * BTT))))
        skipped = rng.choice((0, 0, 1, 3))
        chain.block(slot=chain.slot + epoch * (1 + skipped))
        limits.append(int(fees.era_limit.value))
    # Shares planned in an era are in force in the next one, however many epochs were skipped.
    assert limits[1:] == planned.limits[:-1]
    assert len(set(limits[4:])) == len(limits) - 4
