"""Mining: random sequences of all operations."""

from __future__ import annotations

from hypothesis import given, settings

from btt_chain.scale import u16, u32, u64, u128
from runtime.constants import MILLI_BTT
from runtime.frame import ROOT, signed
from runtime.pallets.mining.pallet import Mining
from runtime.pallets.mining.types import MAX_KAPPA
from support.histories import History, seeds, unreached
from support.mining import ALICE, BOB, CAROL, DAVE, DAY, ERA, changed, fresh


class Economy(History):
    """Work, skipped epochs, claims, expiry, carry and changes, at random; I6 after every step."""

    people = (ALICE, BOB, CAROL, DAVE)

    def __init__(self) -> None:
        self.works = fresh()
        super().__init__(self.works)
        self.works.set(regions=[u32(300_000), u32(300_000)])

    def step(self) -> None:
        steps = (
            *[self.work] * 6, *[self.wait] * 4, *[self.claim] * 4, self.job, self.attest,
            self.govern,
        )  # fmt: skip
        self.one_of(steps)()

    def work(self) -> None:
        """Let an account work for what it is worth, or for more or less, or for nothing."""
        for _ in range(self.rng.randint(1, 3)):
            units, share = self.rng.randrange(10 ** self.rng.randint(1, 12)), self.rng.random()
            price = int(self.works.mining.prices.fee_price.value)
            fees = self.one_of((None, 0, int(units * price * share), 3 * units * price, 10**30))
            who, verified = self.one_of(self.people), self.one_in(2)
            self.works.work(who, units, fees, verified=verified, requester=ALICE)

    def wait(self) -> None:
        self.works.pass_slots(self.one_of((1, ERA // 3, ERA, ERA, 2 * ERA, 2 * ERA, 84 * DAY)))

    def claim(self) -> None:
        mining, who = self.works.mining, self.one_of(self.people)
        last = int(mining.eras.era_index.value) - 1
        first = max(last - self.rng.randint(0, 63), 0)
        rows = [mining.estimate(who, era) for era in range(first, last + 1)]
        expected = sum(int(row.reward) for row in rows if row is not None)
        before = self.works.balances.free(who)
        eras = u32(first), u32(max(last, 0))
        if self.attempt(mining.claim_rewards, signed(who), *eras):
            assert self.works.balances.free(who) - before == expected
        else:
            poor = expected < MILLI_BTT and not before
            assert last < 0 or not any(rows) or (poor and expected)

    def job(self) -> None:
        room = int(self.works.mining.emission_now().protocol_room)
        amount = room * self.rng.randint(1, 101) // 100
        to = self.one_of(self.people)
        possible = not amount or self.works.balances.free(to) or amount >= MILLI_BTT
        done = self.attempt(self.works.mining.spend_unallocated, to, u128(amount))
        assert done == (amount <= room and bool(possible))

    def attest(self) -> None:
        who, power = self.one_of(self.people), self.up_to(10**7)
        region = u16(self.rng.randint(0, 1))
        self.attempt(self.works.mining.attest_region, ROOT, who, region)
        self.attempt(self.works.mining.attest_energy, ROOT, who, u64(power))
        self.works.mining.record_uptime(who, power, 10**7)

    def govern(self) -> None:
        cap_from = self.rng.randint(1, 12)
        params = changed(
            self.works.mining.params.value,
            kappa=u32(self.up_to(MAX_KAPPA)),
            kappa_verified=u32(900_000),
            verified_budget=u128(self.one_of((10**19, 10**22))),
            operator_cap=u32(self.one_of((10_000, 10_000 // cap_from, 10_000 // cap_from + 1))),
            operator_cap_from=u32(cap_from),
        )
        self.attempt(self.works.mining.set_params, ROOT, params)

    def check(self) -> None:
        self.works.check()


@settings(max_examples=settings().max_examples // 2)
@given(seeds(20, 60))
def test_nothing_is_lost_by_work_and_claims(steps: list[int]) -> None:
    Economy().run(steps)


def test_random_work_reaches_all_calls_and_events() -> None:
    assert unreached(Economy, Mining, runs=4, steps=60) == set()
