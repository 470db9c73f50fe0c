"""Mining: computing earns, paying oneself earns nothing, and no planck is lost."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from fractions import Fraction
from functools import lru_cache
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from btt_chain.primitives import ss58
from btt_chain.primitives.account import AccountId
from btt_chain.primitives.digest import H256
from btt_chain.scale import Overflow, Underflow, encode, u16, u32, u64, u128
from runtime.accounts import MINING
from runtime.constants import BTT, DAY_MS, MILLI_BTT, YEAR_MS
from runtime.emission import bands, emitted
from runtime.frame import ROOT, BadOrigin, GenesisError, TokenError, ensure_root, signed
from runtime.pallets.balances import Balances
from runtime.pallets.mining import Estimate, Mining, NoProviders, Params, factors
from runtime.pallets.mining.shares import (
    MAX_SINGLE,
    MAX_STEPS,
    Step,
    added,
    earned,
    edge_of,
    part,
    score_of,
    upper_edge,
)
from runtime.pallets.mining.types import MAX_KAPPA, MIN_PRICE, PARTS, RegionWork
from runtime.splits import PPM, split_compute
from support.runtime import DictState, SmallRuntime, refused

SLOT_MS = 6_000
ERA = 600
DAY = DAY_MS // SLOT_MS
POOL = 6_300_000 * int(BTT)
FIRST_DAY = 3449691991786447638603

ALICE, BOB, CAROL, DAVE = (AccountId(bytes([number]) * 32) for number in (1, 2, 3, 4))
TREASURY = AccountId(b"modlpy/trsry".ljust(32, b"\0"))
PRICE = 10**13
"""Planck of fees per unit, at the beginning."""
MIN_ENERGY = 800_000


class Registry:
    """Providers, as a test wants them; `behind` says who stands behind another."""

    def __init__(self) -> None:
        self.members: dict[AccountId, AccountId] = {}

    def exists(self, who: AccountId) -> bool:
        return who in self.members

    def operator_of(self, provider: AccountId) -> AccountId | None:
        return self.members.get(provider)

    def join(self, *who: AccountId) -> None:
        self.members.update({one: one for one in who})


class Watch:
    """The slots since genesis."""

    slot = 0

    def now(self) -> int:
        return self.slot


class PlainPayer:
    """Pays out of pools, and refuses what is discretionary."""

    def __init__(self, balances: Balances) -> None:
        self.balances = balances

    def pay(self, pool: AccountId, to: AccountId, amount: u128, *, discretionary: bool) -> None:
        assert not discretionary
        self.balances.transfer(pool, to, amount)


class Works(SmallRuntime):
    """Mining on balances, with a clock and a registry of its own."""

    def build(self) -> None:
        self.watch, self.registry = Watch(), Registry()
        self.balances = self.add(
            3,
            Balances(
                accounts=self.system,
                existential_deposit=MILLI_BTT,
                treasury=TREASURY,
                offsetting=(),
            ),
        )
        self.mining = self.add(
            31,
            Mining(
                era_length=u32(ERA),
                slot_ms=u64(SLOT_MS),
                pool=MINING,
                currency=self.balances,
                payer=PlainPayer(self.balances),
                clock=self.watch,
                providers=self.registry,
                attesting=ensure_root,
                params_origin=ensure_root,
            ),
        )
        self.serial = 0

    def start(self, pool: int = POOL, config: Mapping[str, object] | None = None) -> None:
        rows = [[ss58.encode(MINING), str(pool)]] if pool else []
        self.balances.genesis({"balances": rows, "pools": [ss58.encode(MINING)]})
        self.mining.genesis({"feePrice": str(PRICE)} if config is None else config)
        self.registry.join(ALICE, BOB, CAROL, DAVE)
        self.block()
        self.host.events.clear()

    def block(self) -> int:
        self.check()
        weight = self.mining.on_initialize(int(self.watch.slot) + 1)
        self.check()
        return weight

    def pass_slots(self, slots: int) -> None:
        self.watch.slot += slots
        self.block()

    def next_era(self, eras: int = 1) -> None:
        for _ in range(eras):
            self.watch.slot = (self.watch.slot // ERA + 1) * ERA
            self.block()

    def work(
        self,
        who: AccountId,
        units: int,
        fees: int | None = None,
        *,
        verified: bool = False,
        requester: AccountId | None = None,
    ) -> H256:
        """Record a receipt; without `fees`, one that costs what its units count for."""
        self.serial += 1
        receipt = H256.of(self.serial.to_bytes(8, "little"))
        price = int(self.mining.prices.fee_price.value)
        paid = u128(units * price if fees is None else fees)
        self.mining.record(who, receipt, units, paid, verified=verified, requester=requester)
        self.check()
        return receipt

    def set(self, **changes: object) -> None:
        params = replace(self.mining.params.value, **changes)  # type: ignore[arg-type]
        self.mining.set_params(ROOT, params)

    def claim(self, who: AccountId, first: int, last: int | None = None) -> int:
        """Claim and return what came."""
        before = self.balances.free(who)
        self.mining.claim_rewards(signed(who), u32(first), u32(first if last is None else last))
        self.check()
        return int(self.balances.free(who)) - int(before)

    def check(self) -> None:
        """I6: nothing is lost, nothing is made, and the schedule is kept."""
        mining = self.mining
        pool, paid, owed = (
            int(mining.ledger.allocated.value),
            int(mining.ledger.paid.value),
            mining.ledger.owed.value,
        )
        out = pool - int(mining.ledger.unemitted.value)
        assert paid + int(owed) + int(mining.ledger.unallocated.value) == out
        assert out == emitted(pool, int(mining.eras.began.value) * ERA * SLOT_MS)
        assert out <= mining.emitted_now() or int(mining.eras.began.value) * ERA > self.watch.slot
        assert int(self.balances.total(MINING)) == pool - paid
        assert int(owed) == sum(int(era.left) for _, era in mining.eras.eras.items())


@lru_cache(maxsize=1)
def built() -> tuple[Works, dict[bytes, bytes]]:
    """Build the works once: that takes longer than most of what happens in them."""
    works = Works()
    works.start()
    return works, dict(works.state.data)


def fresh() -> Works:
    """Return the works as they are at the start. There is one, used by one test at a time."""
    works, data = built()
    works.state.data = dict(data)
    works.watch.slot = works.serial = 0
    works.registry.members.clear()
    works.registry.join(ALICE, BOB, CAROL, DAVE)
    works.host.events.clear()
    return works


@pytest.fixture
def works() -> Works:
    return fresh()


def budget_of(works: Works, era: int = 0) -> int:
    span = ERA * SLOT_MS
    return emitted(POOL, (era + 1) * span) - emitted(POOL, era * span)


def cap(fees: int, kappa: int = 180_000) -> int:
    return fees * kappa // PPM


# ---- the schedule


def test_the_pool_is_what_genesis_gave(works: Works) -> None:
    now = works.mining.emission_now()
    assert now.pool == now.unemitted == POOL
    assert (now.owed, now.paid, now.unallocated, now.era) == (0, 0, 0, 0)
    assert now.budget == budget_of(works)


def test_the_first_day_is_issued_to_the_planck_by_its_eras(works: Works) -> None:
    works.next_era(DAY // ERA)
    assert works.mining.eras.era_index.value == 24
    assert (
        POOL - works.mining.ledger.unemitted.value
        == works.mining.ledger.unallocated.value
        == FIRST_DAY
    )


def test_an_era_is_closed_once_by_the_first_block_after_it(works: Works) -> None:
    works.pass_slots(ERA - 1)
    assert works.mining.eras.era_index.value == 0
    works.pass_slots(5)
    assert works.mining.eras.era_index.value == 1
    works.pass_slots(1)
    assert works.mining.eras.era_index.value == 1
    assert works.announced() == [
        Mining.EraEnded(u32(0), u128(budget_of(works)), u128(0), u128(budget_of(works)))
    ]


def test_skipped_epochs_are_one_closing_and_pay_no_more(works: Works) -> None:
    works.work(ALICE, 10**9)
    works.pass_slots(DAY)
    assert works.mining.eras.era_index.value == 1
    budget = budget_of(works)
    assert works.mining.eras.eras[u32(0)].budget == works.mining.ledger.owed.value == budget
    assert works.mining.ledger.unallocated.value == FIRST_DAY - budget
    assert works.mining.eras.began.value == 24


def test_there_is_no_jackpot_after_a_drought(works: Works) -> None:
    works.next_era(200)
    works.work(ALICE, 10**12)
    works.next_era()
    assert works.claim(ALICE, 200) == budget_of(works, 200)


def test_eight_years_end_at_exactly_the_pool(works: Works) -> None:
    last = 8 * YEAR_MS // SLOT_MS
    step = last // 400
    for place in range(1, 400):
        if place % 3 == 0:
            works.work(BOB, 10**7)
        works.watch.slot = place * step
        works.block()
        if place % 7 == 0:
            era = int(works.mining.eras.era_index.value) - 1
            if works.mining.estimate(BOB, era):
                works.claim(BOB, era)
    works.watch.slot = last - 1
    works.block()
    assert works.mining.ledger.unemitted.value > 0
    works.pass_slots(1)
    now = works.mining.emission_now()
    assert now.unemitted == 0
    assert now.paid + now.owed + now.unallocated == POOL
    assert now.paid > 0
    works.pass_slots(10 * last)
    assert works.mining.emission_now().unemitted == 0


def test_a_chain_without_a_mining_pool_lives() -> None:
    works = Works()
    works.start(pool=0)
    works.work(ALICE, 5)
    works.next_era(2)
    assert works.mining.ledger.owed.value == works.mining.ledger.unallocated.value == 0
    assert works.claim(ALICE, 0) == 0


# ---- what receipts earn


def test_a_receipt_earns_a_part_of_its_fees_and_the_rest_is_carried(works: Works) -> None:
    fees = 100 * int(BTT)
    receipt = works.work(ALICE, 10**9, fees)
    weighed = fees * PARTS // PRICE * MIN_ENERGY // PPM
    assert works.announced()[-1] == Mining.ReceiptAccepted(
        receipt, ALICE, u64(10**9), u128(weighed)
    )
    works.next_era()
    budget = budget_of(works)
    assert works.mining.ledger.owed.value == budget
    assert works.claim(ALICE, 0) == cap(fees) == 18 * BTT
    assert works.mining.ledger.owed.value == 0
    assert works.mining.ledger.unallocated.value == budget - 18 * int(BTT)
    assert works.announced()[-1] == Mining.RewardPaid(ALICE, u32(0), u128(18 * BTT))


def test_where_much_is_done_the_budget_is_shared_by_score(works: Works) -> None:
    works.work(ALICE, 3 * 10**9)
    works.work(BOB, 10**9)
    works.next_era()
    budget = budget_of(works)
    assert works.claim(ALICE, 0) == budget * 3 // 4
    assert works.claim(BOB, 0) == budget // 4
    assert works.mining.ledger.owed.value == budget - budget * 3 // 4 - budget // 4


def test_neither_junk_work_nor_overpaying_buys_score(works: Works) -> None:
    works.work(ALICE, 10**9, fees=5 * PRICE)
    works.work(BOB, 5, fees=10**9 * PRICE)
    scores = [works.mining.operator_view(who).score for who in (ALICE, BOB)]
    assert scores == [4 * PARTS, 4 * PARTS]


def test_one_unit_of_work_scores_by_any_factors_and_if_its_fees_pay_for_less(works: Works) -> None:
    works.work(ALICE, 1)
    works.work(BOB, 1, fees=PRICE - 1)
    works.work(CAROL, 1, fees=PRICE // 1_000)
    scores = [int(works.mining.operator_view(who).score) for who in (ALICE, BOB, CAROL)]
    assert scores == [MIN_ENERGY, (PARTS - 1) * MIN_ENERGY // PPM, 800]
    works.next_era()
    for who, fees in ((ALICE, PRICE), (BOB, PRICE - 1), (CAROL, PRICE // 1_000)):
        works.balances.credit(who, BTT)
        assert works.claim(who, 0) == cap(fees) > 0


def test_what_is_worth_less_than_a_part_of_a_unit_scores_nothing(works: Works) -> None:
    works.work(ALICE, 1, fees=PRICE // PARTS - 1)
    assert works.mining.operator_view(ALICE).score == 0


def test_the_largest_possible_receipt_is_recorded(works: Works) -> None:
    works.work(ALICE, 2**64 - 1, fees=10**30)
    view = works.mining.operator_view(ALICE)
    assert view.score == 10**30 * PARTS // PRICE * MIN_ENERGY // PPM
    assert encode(type(view), view)


def test_recording_returns_the_work_that_the_fees_paid_for(works: Works) -> None:
    receipts = [H256.of(bytes([number])) for number in range(4)]
    counted = [
        works.mining.record(ALICE, receipt, units, u128(fees), verified=False)
        for receipt, units, fees in zip(
            receipts, (7, 10**9, 5, 5), (7 * PRICE, 3 * PRICE - 1, 0, 9 * PRICE), strict=True
        )
    ]
    assert counted == [7 * PARTS, 3 * PARTS - 1, 0, 5 * PARTS]


def test_an_era_is_counted_from_its_first_slot_even_before_the_last_is_closed(
    works: Works,
) -> None:
    works.next_era(2)
    assert works.mining.era_now() == 2
    works.watch.slot += ERA - 1
    assert works.mining.era_now() == 2
    works.watch.slot += 5 * ERA
    assert works.mining.era_now() == 3
    works.block()
    assert works.mining.era_now() == works.mining.eras.era_index.value == 3


def test_the_registry_may_be_tied_later() -> None:
    works = Works()
    works.start()
    works.mining.lean_on(NoProviders())
    with refused(works, Mining.NotOperator):
        works.work(ALICE, 1)


def test_work_that_cost_nothing_earns_nothing(works: Works) -> None:
    works.work(ALICE, 10**9, fees=0)
    works.next_era()
    assert works.mining.ledger.unallocated.value == budget_of(works)
    with refused(works, Mining.NothingToClaim):
        works.mining.claim_rewards(signed(ALICE), u32(0), u32(0))


def test_a_receipt_counts_once(works: Works) -> None:
    receipt = works.work(ALICE, 5)
    for who in (ALICE, BOB):
        with refused(works, Mining.ReceiptReplayed):
            works.mining.record(who, receipt, 5, u128(PRICE), verified=False)
    works.next_era()
    with refused(works, Mining.ReceiptReplayed):
        works.mining.record(ALICE, receipt, 5, u128(PRICE), verified=False)


def test_only_operators_earn(works: Works) -> None:
    unknown = AccountId(b"\x77" * 32)
    with refused(works, Mining.NotOperator):
        works.mining.record(unknown, H256.of(b"x"), 5, u128(PRICE), verified=False)
    assert not NoProviders().exists(ALICE)
    assert NoProviders().operator_of(ALICE) is None


@pytest.mark.parametrize(("units", "error"), [(-1, Underflow), (2**64, Overflow)])
def test_units_out_of_range_are_refused(
    works: Works, units: int, error: type[ArithmeticError]
) -> None:
    with pytest.raises(error):
        works.mining.record(ALICE, H256.of(b"x"), units, u128(1), verified=False)
    works.check()


def test_the_operator_of_a_provider_earns_by_its_work(works: Works) -> None:
    works.registry.members[BOB] = ALICE
    works.work(BOB, 10**9)
    works.work(ALICE, 10**9)
    works.next_era()
    assert works.mining.eras.eras[u32(0)].score == 2 * 8 * 10**8 * PARTS
    assert works.claim(ALICE, 0) == 2 * (budget_of(works) // 2), "each receipt is rounded down"
    assert works.mining.estimate(BOB, 0) is None


def test_ten_operators_or_more_earn_a_fifth_each_at_most(works: Works) -> None:
    many = [AccountId(bytes([100 + number]) * 32) for number in range(9)]
    works.registry.join(*many)
    works.work(ALICE, 10**12)
    for who in many:
        works.work(who, 10**9)
    works.next_era()
    budget = budget_of(works)
    assert works.claim(ALICE, 0) == budget // 5
    assert sum(works.claim(who, 0) for who in many) < budget // 100
    assert works.mining.ledger.owed.value < 10


def test_nine_operators_share_without_a_limit(works: Works) -> None:
    works.work(ALICE, 10**12)
    works.next_era()
    assert works.claim(ALICE, 0) == budget_of(works)


def test_fees_of_verified_requesters_earn_more_within_a_budget_of_their_own(works: Works) -> None:
    fees = 10 * int(BTT)
    works.work(ALICE, 10**9, fees, verified=True, requester=CAROL)
    works.next_era()
    assert works.claim(ALICE, 0) == cap(fees), "it is off until governance wants it"

    works.set(kappa_verified=u32(900_000), verified_budget=u128(10 * BTT))
    works.work(ALICE, 10**9, fees, verified=True, requester=CAROL)
    works.work(ALICE, 10**9, fees, verified=True, requester=CAROL)
    works.work(BOB, 10**9, fees, verified=True, requester=DAVE)
    works.work(BOB, 10**9, fees, verified=False, requester=DAVE)
    works.work(BOB, 10**9, fees, verified=True)
    works.next_era()
    assert works.claim(ALICE, 1) == 2 * cap(fees) + 10 * BTT
    assert works.claim(BOB, 1) == 2 * cap(fees) + cap(fees, 900_000)

    works.work(ALICE, 10**9, fees, verified=True, requester=CAROL)
    works.next_era()
    assert works.claim(ALICE, 2) == cap(fees, 900_000), "every era has a budget"


# ---- caps of many receipts


RECEIPTS = st.lists(
    st.tuples(
        st.one_of(st.integers(1, 50), st.integers(1, 10**15)),
        st.one_of(st.integers(0, 2_000), st.integers(0, 10**24)),
    ),
    min_size=1,
    max_size=30,
)


def collected(receipts: list[tuple[int, int]]) -> list[Step]:
    steps: list[Step] = []
    for weighed, most in receipts:
        steps = added(steps, weighed, most)
    return steps


@given(RECEIPTS, st.integers(0, 10**24), st.integers(0, 10**16))
def test_receipts_earn_together_what_each_would_but_for_a_sixteenth_of_one_step(
    receipts: list[tuple[int, int]], budget: int, others: int
) -> None:
    steps = collected(receipts)
    mine = sum(weighed for weighed, _ in receipts)
    total = mine + others
    price = Fraction(budget, total)
    fair = sum((min(Fraction(most), price * weighed) for weighed, most in receipts), Fraction(0))
    got = earned(steps, budget, total)

    assert score_of(steps) == mine
    assert got <= fair
    assert got <= part(budget, mine, total) <= budget
    edge = edge_of(int(price))
    width = upper_edge(edge) - edge
    lost = sum(width * weighed for weighed, most in receipts if edge_of(most // weighed) == edge)
    assert got >= fair - lost - len(steps)


@given(RECEIPTS.map(lambda some: some[:MAX_SINGLE]), st.integers(0, 10**24), st.integers(0, 10**16))
def test_the_first_receipts_earn_exactly_the_lesser_of_cap_and_part(
    receipts: list[tuple[int, int]], budget: int, others: int
) -> None:
    total = sum(weighed for weighed, _ in receipts) + others
    each = [min(most, budget * weighed // total) for weighed, most in receipts]
    assert earned(collected(receipts), budget, total) == sum(each)


@given(st.integers(0, 2**130))
def test_a_ratio_lies_in_a_step_no_wider_than_a_sixteenth(ratio: int) -> None:
    edge = edge_of(ratio)
    assert edge <= ratio < upper_edge(edge)
    assert upper_edge(edge) - edge <= max(edge // 16, 1)
    assert edge_of(edge) == edge


@given(st.lists(st.integers(0, 60), min_size=1, max_size=200), st.data())
def test_steps_are_bounded_in_order_and_never_pay_more(
    octaves: list[int], data: st.DataObject
) -> None:
    receipts = [
        (1 + place % 7, (1 << octave) * (1 + place % 31)) for place, octave in enumerate(octaves)
    ]
    steps = collected(receipts)
    assert len(steps) <= MAX_STEPS
    assert all(left.edge <= right.edge for left, right in pairwise(steps))
    assert all(step.edge * step.score <= step.cap for step in steps)
    total = score_of(steps)
    assert total == sum(weighed for weighed, _ in receipts)
    budget = data.draw(st.integers(0, 2**66)) * total
    fair = sum(min(most, budget // total * weighed) for weighed, most in receipts)
    assert earned(steps, budget, total) <= fair


def test_a_spare_cap_is_not_used_up_by_another_receipt(works: Works) -> None:
    works.balances.credit(ALICE, BTT)
    works.work(BOB, 10**12)
    works.work(ALICE, 1_000, fees=10**6 * PRICE)  # earns far less than its fees would allow
    works.work(ALICE, 10**6, fees=10**6 * PRICE)
    works.next_era()
    budget, total = budget_of(works), int(works.mining.eras.eras[u32(0)].score)
    assert works.claim(ALICE, 0) <= budget * 800 * PARTS // total + min(
        cap(10**6 * PRICE), budget * 800_000 * PARTS // total
    )


# ---- self-dealing


@given(
    gross=st.integers(1, 10**6).map(lambda value: value * int(BTT)),
    units=st.integers(1, 2**60),
    staked=st.integers(0, 10_000),
    repeats=st.integers(1, 4),
)
@settings(max_examples=60, deadline=None)
def test_paying_oneself_loses_money_even_alone_and_with_all_the_stake(
    gross: int, units: int, staked: int, repeats: int
) -> None:
    works = fresh()
    works.registry.join(ALICE)
    spent = back = 0
    for _ in range(repeats):
        split = split_compute(gross, 10_000 * int(BTT))
        fees = gross - int(split.contributors)
        works.work(ALICE, units, fees)
        spent += gross
        dividend = int(split.development) * 20 // 100 * staked // 10_000
        back += int(split.contributors) + dividend
    works.next_era()
    earned_ = works.mining.estimate(ALICE, 0)
    reward = 0 if earned_ is None else int(earned_.reward)
    assert reward <= cap(repeats * (gross - int(split.contributors)))
    assert back + reward < spent
    # As the Foundation and the development fund, too.
    insider = back + reward + repeats * int(split.development + split.foundation)
    insider -= dividend * repeats
    assert insider < spent


WORK = st.lists(
    st.tuples(st.sampled_from((ALICE, BOB)), st.integers(0, 10**9), st.integers(0, 10**24)),
    max_size=8,
)


@given(honest=WORK, dealt=st.lists(st.tuples(st.integers(0, 2**40), st.integers(0, 10**24))))
@settings(max_examples=60, deadline=None)
def test_receipts_that_one_pays_oneself_add_less_than_their_fees_whatever_else_one_did(
    honest: list[tuple[AccountId, int, int]], dealt: list[tuple[int, int]]
) -> None:
    rewards = []
    for extra in ([], dealt):
        works = fresh()
        for who, units, fees in honest:
            works.work(who, units, fees)
        for units, fees in extra:
            works.work(ALICE, units, fees)
        works.next_era()
        row = works.mining.estimate(ALICE, 0)
        rewards.append(0 if row is None else int(row.reward))
    assert rewards[1] - rewards[0] <= sum(cap(fees) for _, fees in dealt)


@given(st.lists(st.integers(1, 10**9), min_size=2, max_size=8))
@settings(max_examples=40, deadline=None)
def test_splitting_an_identity_gains_nothing(pieces: list[int]) -> None:
    names = [AccountId(bytes([50 + number]) * 32) for number in range(len(pieces))]
    gained, scores = [], []
    for workers in ([ALICE] * len(pieces), names):
        works = fresh()
        works.registry.join(*names)
        works.work(BOB, 10**9)
        for who, units in zip(workers, pieces, strict=True):
            works.work(who, units)
        scores.append(works.mining.eras.running.value.score)
        works.next_era()
        rows = [works.mining.estimate(who, 0) for who in dict.fromkeys(workers)]
        gained.append(sum(int(row.reward) for row in rows if row is not None))
    assert scores[1] <= scores[0]
    assert gained[1] <= gained[0]


# ---- claims


def test_an_era_is_claimed_when_it_is_over_once_and_by_its_operator(works: Works) -> None:
    works.work(ALICE, 10**9)
    for first, last in ((0, 0), (0, 1), (5, 6)):
        with refused(works, Mining.EraNotFinished):
            works.mining.claim_rewards(signed(ALICE), u32(first), u32(last))
    works.next_era()
    with refused(works, Mining.NothingToClaim):
        works.mining.claim_rewards(signed(BOB), u32(0), u32(0))
    with refused(works, BadOrigin):
        works.mining.claim_rewards(ROOT, u32(0), u32(0))
    works.claim(ALICE, 0)
    with refused(works, Mining.NothingToClaim):
        works.mining.claim_rewards(signed(ALICE), u32(0), u32(0))


def test_a_claim_names_a_bounded_number_of_eras(works: Works) -> None:
    works.next_era(70)
    for first, last in ((1, 0), (0, 64), (3, 67)):
        with refused(works, Mining.TooManyEras):
            works.mining.claim_rewards(signed(ALICE), u32(first), u32(last))
    with refused(works, Mining.NothingToClaim):
        works.mining.claim_rewards(signed(ALICE), u32(0), u32(63))


def test_one_claim_pays_several_eras_and_says_how_much_each(works: Works) -> None:
    for _ in range(3):
        works.work(ALICE, 10**9, fees=10 * int(BTT))
        works.next_era(2)
    assert works.claim(ALICE, 0, 5) == 3 * cap(10 * int(BTT))
    events = [event for event in works.announced() if isinstance(event, Mining.RewardPaid)]
    assert [event.era for event in events] == [0, 2, 4]
    assert works.mining.ledger.owed.value == 0


def test_a_claim_weighs_what_it_finds(works: Works) -> None:
    works.work(ALICE, 10**9)
    works.next_era(3)
    one, three = (
        works.info(works.call("Mining", "claim_rewards", era_from=u32(0), era_to=u32(last))).weight
        for last in (0, 2)
    )
    post = works.mining.claim_rewards(signed(ALICE), u32(0), u32(2))
    assert post.weight is not None
    assert one < post.weight < three


def test_what_is_too_little_for_an_account_stays_owed(works: Works) -> None:
    works.work(ALICE, 10)
    works.work(ALICE, 10**2)
    works.next_era()
    with refused(works, TokenError):
        works.mining.claim_rewards(signed(ALICE), u32(0), u32(0))
    works.work(ALICE, 10**9)
    works.next_era()
    assert works.claim(ALICE, 0, 1) > MILLI_BTT


def test_rewards_unclaimed_for_84_days_become_unallocated(works: Works) -> None:
    works.work(ALICE, 10**9)
    works.work(BOB, 10**9)
    works.next_era()
    assert works.claim(BOB, 0) > 0
    owed, unallocated = works.mining.ledger.owed.value, works.mining.ledger.unallocated.value
    until = ERA + 84 * DAY
    row = works.mining.estimate(ALICE, 0)
    assert row is not None
    assert row.claimable_until == until - 1

    works.watch.slot = until - 1
    works.block()
    assert works.mining.ledger.owed.value == owed
    issued = int(works.mining.ledger.unallocated.value) - int(unallocated)
    works.pass_slots(1)
    assert works.mining.ledger.owed.value == 0
    assert works.mining.ledger.unallocated.value >= unallocated + issued + owed
    assert Mining.RewardsExpired(u32(0), owed) in works.announced()
    with refused(works, Mining.NothingToClaim):
        works.mining.claim_rewards(signed(ALICE), u32(0), u32(0))
    assert u32(0) not in works.mining.eras.eras
    assert list(works.mining.eras.shares.under(u32(0))) == []


def test_a_claim_in_the_last_slot_is_in_time(works: Works) -> None:
    works.work(ALICE, 10**9)
    works.next_era()
    works.watch.slot = ERA + 84 * DAY - 1
    works.block()
    assert works.claim(ALICE, 0) == budget_of(works)


def test_what_is_expired_but_not_taken_back_yet_cannot_be_claimed(works: Works) -> None:
    for _ in range(30):
        works.work(ALICE, 10**7)
        works.next_era()
    works.pass_slots(int(works.mining.eras.eras[u32(29)].expires) - works.watch.slot)
    oldest = int(works.mining.eras.oldest.value)
    assert 0 < oldest < 30, "a block takes back only so much"
    with refused(works, Mining.NothingToClaim):
        works.mining.claim_rewards(signed(ALICE), u32(29), u32(29))
    for _ in range(4):
        works.pass_slots(1)
    assert works.mining.eras.oldest.value == works.mining.eras.era_index.value == 31
    assert works.mining.ledger.owed.value == 0


def test_many_forgotten_shares_are_removed_little_by_little(works: Works) -> None:
    many = [AccountId(number.to_bytes(32, "big")) for number in range(1_000, 1_050)]
    works.registry.join(*many)
    for who in many:
        works.work(who, 10**6)
    works.next_era()
    works.watch.slot = ERA + 84 * DAY
    sizes = []
    for _ in range(5):
        works.block()
        sizes.append(len(list(works.mining.eras.shares.under(u32(0)))))
    assert sizes == [34, 18, 2, 0, 0]
    assert works.mining.ledger.owed.value == 0


# ---- unallocated emission


def test_the_chains_own_jobs_are_paid_from_unallocated_emission_as_fast_as_the_schedule(
    works: Works,
) -> None:
    with refused(works, Mining.UnallocatedExhausted):
        works.mining.spend_carry(DAVE, u128(BTT))
    works.next_era(3)
    budget = budget_of(works, 3)
    works.mining.spend_carry(DAVE, u128(BTT))
    assert works.announced()[-1] == Mining.UnallocatedSpent(DAVE, u128(BTT))
    works.check()
    with refused(works, Mining.UnallocatedLimitReached):
        works.mining.spend_carry(DAVE, u128(budget - int(BTT) + 1))
    works.mining.spend_carry(DAVE, u128(budget - int(BTT)))
    assert works.mining.emission_now().protocol_room == 0
    works.next_era()
    assert works.mining.emission_now().protocol_room == budget_of(works, 4)
    assert works.balances.free(DAVE) == budget


def test_after_year_eight_unallocated_emission_lasts_at_the_rate_of_the_last_band(
    works: Works,
) -> None:
    works.pass_slots(8 * YEAR_MS // SLOT_MS)
    assert works.mining.ledger.unallocated.value == POOL
    rate = bands(POOL)[3] * ERA * SLOT_MS // (2 * YEAR_MS)
    for _ in range(3):
        with refused(works, Mining.UnallocatedLimitReached):
            works.mining.spend_carry(DAVE, u128(rate + 1))
        works.mining.spend_carry(DAVE, u128(rate))
        works.next_era()
    assert works.mining.ledger.unallocated.value == POOL - 3 * rate

    works.work(ALICE, 10**9)
    works.next_era()
    assert works.claim(ALICE, works.mining.eras.era_index.value - 1) == 0, (
        "but work earns nothing more"
    )


def test_unallocated_emission_is_paid_to_the_last_planck() -> None:
    works = Works()
    works.start(pool=10 * int(BTT))
    works.balances.credit(DAVE, BTT)
    works.pass_slots(8 * YEAR_MS // SLOT_MS)
    rate = int(works.mining.emission_now().protocol_room)
    works.mining.ledger.unallocated.value = u128(3 * rate + 1)  # as if the rest had been paid
    works.mining.ledger.paid.value = u128(10 * int(BTT) - 3 * rate - 1)
    works.balances.transfer(MINING, BOB, works.mining.ledger.paid.value)
    left = []
    while works.mining.ledger.unallocated.value:
        works.mining.spend_carry(DAVE, works.mining.emission_now().protocol_room)
        left.append(int(works.mining.ledger.unallocated.value))
        works.next_era()
    assert left == [2 * rate + 1, rate + 1, 1, 0]
    assert works.balances.total(MINING) == 0


def test_a_job_of_the_chain_costs_the_price_that_governance_moves(works: Works) -> None:
    works.next_era()
    price = int(works.mining.prices.protocol_price.value)
    works.set(protocol_price=u128(2 * price))
    prices = [price]
    while prices[-1] < 2 * price:
        works.next_era()
        prices.append(int(works.mining.prices.protocol_price.value))
    assert all(before < after <= before + before // 8 for before, after in pairwise(prices))
    works.set(protocol_price=u128(price))
    works.next_era()
    assert works.mining.prices.protocol_price.value == 2 * price - 2 * price // 8


# ---- prices and factors


@given(st.lists(st.integers(1, 10**6), min_size=1, max_size=12))
@settings(max_examples=25, deadline=None)
def test_the_fee_price_follows_what_was_paid_by_an_eighth_at_most(levels: list[int]) -> None:
    works = fresh()
    for level in levels:
        before = int(works.mining.prices.fee_price.value)
        works.work(ALICE, 10**6, fees=level * 10**14)
        works.next_era()
        after, wanted = int(works.mining.prices.fee_price.value), level * 10**8
        assert abs(after - before) <= before // 8
        assert abs(after - wanted) <= abs(before - wanted)


def test_the_fee_price_rests_in_idle_eras_and_has_a_floor(works: Works) -> None:
    works.next_era(3)
    assert works.mining.prices.fee_price.value == PRICE
    for _ in range(300):
        works.work(ALICE, 10**6, fees=0)
        works.next_era()
    assert works.mining.prices.fee_price.value == MIN_PRICE
    works.work(ALICE, 1, fees=int(BTT))
    works.next_era()
    assert works.mining.prices.fee_price.value == MIN_PRICE + MIN_PRICE // 8


@pytest.mark.parametrize(
    ("answered", "expected", "factor"),
    [(10, 10, 10**6), (11, 10, 10**6), (9, 10, 900_000), (1, 2, 500_000), (4_999, 10_000, 0)],
)
def test_uptime(answered: int, expected: int, factor: int) -> None:
    assert factors.uptime(answered, expected) == factor


@pytest.mark.parametrize(
    ("p95", "good", "of", "factor"),
    [
        (1_000, 10, 10, 1_000_000),
        (1_000, 9, 10, 900_000),
        (2_000, 10, 10, 500_000),
        (9_000, 1, 10, 500_000),
        (900, 10, 10, 1_111_111),
        (1, 10, 10, 1_200_000),
        (0, 10, 10, 1_200_000),
        (900, 9, 10, 999_999),
    ],
)
def test_quality(p95: int, good: int, of: int, factor: int) -> None:
    assert factors.quality(1_000, p95, good, of) == factor


@pytest.mark.parametrize(
    ("target", "done", "of", "factor"),
    [
        (300_000, 0, 0, 1_000_000),
        (300_000, 0, 100, 1_500_000),
        (0, 0, 100, 1_000_000),
        (300_000, 25, 100, 1_200_000),
        (300_000, 10, 100, 1_500_000),
        (300_000, 90, 100, 1_000_000),
    ],
)
def test_geography(target: int, done: int, of: int, factor: int) -> None:
    assert factors.geography(target, done, of) == factor


@pytest.mark.parametrize(
    ("units", "factor"),
    [(0, 800_000), (700, 800_000), (1_000, 1_000_000), (1_100, 1_100_000), (5_000, 1_200_000)],
)
def test_energy(units: int, factor: int) -> None:
    assert factors.energy(units, 1_000) == factor


def test_the_factors_are_at_most_two_point_one_six() -> None:
    best = (PPM, factors.QUALITY_RANGE[1], factors.GEOGRAPHY_RANGE[1], factors.ENERGY_RANGE[1])
    weighed = PPM
    for factor in best:
        weighed = weighed * factor // PPM
    assert weighed == factors.HIGHEST == 2_160_000


def test_what_is_measured_counts_for_later_receipts(works: Works) -> None:
    works.mining.attest_energy(ROOT, ALICE, u64(3_600_000))
    works.work(ALICE, 1_000)
    works.mining.record_quality(ALICE, p95=500, ok=10, all_=10)
    works.mining.record_uptime(ALICE, answered=9, expected=10)
    works.work(ALICE, 1_000)
    assert works.mining.operator_view(ALICE).score == (1_000 + 1_080) * PARTS
    works.mining.record_uptime(ALICE, answered=0, expected=0)
    works.mining.record_quality(ALICE, p95=500, ok=0, all_=0)
    view = works.mining.operator_view(ALICE)
    assert (view.uptime, view.quality, view.geography, view.energy) == (
        900_000,
        1_200_000,
        PPM,
        PPM,
    )
    works.mining.record_uptime(ALICE, answered=4, expected=10)
    works.work(ALICE, 1_000)
    assert works.mining.operator_view(ALICE).score == 2_080 * PARTS


def test_a_region_is_wanted_by_what_was_done_in_it_in_the_era_before(works: Works) -> None:
    works.set(regions=[u32(250_000), u32(500_000)])
    works.mining.attest_region(ROOT, ALICE, u16(0))
    works.mining.attest_region(ROOT, BOB, u16(1))
    assert works.mining.operator_view(ALICE).geography == PPM, "nothing was done yet"
    works.work(ALICE, 600)
    works.work(BOB, 400)
    works.work(CAROL, 0)
    works.next_era()
    assert works.mining.operator_view(ALICE).geography == PPM
    assert works.mining.operator_view(BOB).geography == 1_250_000
    assert works.mining.operator_view(CAROL).geography == PPM
    works.work(BOB, 1_000, fees=1_000 * PRICE)
    assert works.mining.operator_view(BOB).score == 1_000 * PARTS * 125 // 100 * 8 // 10
    works.next_era()
    assert works.mining.operator_view(BOB).geography == PPM
    assert works.mining.operator_view(ALICE).geography == 1_500_000
    works.next_era()
    assert works.mining.operator_view(ALICE).geography == PPM, "an idle era changes nothing"
    works.work(BOB, 1_000)
    works.pass_slots(3 * ERA)
    assert works.mining.operator_view(ALICE).geography == PPM, "nor do idle epochs"
    works.set(regions=[])
    assert works.mining.operator_view(ALICE).geography == PPM, "the region is gone"


def test_work_for_nothing_makes_no_other_region_wanted(works: Works) -> None:
    works.set(regions=[u32(500_000), u32(500_000)])
    works.mining.attest_region(ROOT, ALICE, u16(0))
    works.mining.attest_region(ROOT, BOB, u16(1))
    works.work(BOB, 10**12, fees=0)
    works.work(ALICE, 1_000)
    works.work(BOB, 10**12, fees=1_000 * PRICE)
    works.next_era()
    assert works.mining.operator_view(ALICE).geography == PPM
    era = int(works.mining.eras.era_index.value)
    done = [works.mining.standings.region_work[u16(region)].at(era).before for region in (0, 1)]
    assert done == [1_000 * PARTS] * 2, "nor its own less wanted, for others who work there"


def test_an_old_era_of_a_region_is_forgotten() -> None:
    work = RegionWork(u32(3), u128(10), u128(5))
    assert work.at(3) == work
    assert work.at(4) == RegionWork(u32(4), u128(0), u128(10))
    assert work.at(5) == RegionWork(u32(5), u128(0), u128(0))


def test_only_the_oracle_attests_and_only_operators_and_known_regions(works: Works) -> None:
    works.set(regions=[u32(PPM)])
    unknown = AccountId(b"\x77" * 32)
    with refused(works, BadOrigin):
        works.mining.attest_region(signed(ALICE), ALICE, u16(0))
    with refused(works, BadOrigin):
        works.mining.attest_energy(signed(ALICE), ALICE, u64(1))
    with refused(works, Mining.NotOperator):
        works.mining.attest_region(ROOT, unknown, u16(0))
    with refused(works, Mining.NotOperator):
        works.mining.attest_energy(ROOT, unknown, u64(1))
    with refused(works, Mining.UnknownRegion):
        works.mining.attest_region(ROOT, ALICE, u16(1))
    works.mining.attest_region(ROOT, ALICE, u16(0))
    works.mining.attest_energy(ROOT, ALICE, u64(7))
    assert works.announced()[-2:] == [
        Mining.RegionAttested(ALICE, u16(0)),
        Mining.EnergyAttested(ALICE, u64(7)),
    ]


# ---- parameters


@pytest.mark.parametrize(
    "changes",
    [
        {"kappa": u32(MAX_KAPPA + 1), "kappa_verified": u32(MAX_KAPPA + 1)},
        {"kappa_verified": u32(179_999)},
        {"kappa_verified": u32(900_001)},
        {"operator_cap": u32(0)},
        {"operator_cap": u32(10_001)},
        {"operator_cap": u32(999)},
        {"operator_cap_from": u32(0)},
        {"target_p95": u32(0)},
        {"median_energy": u64(0)},
        {"protocol_price": u128(MIN_PRICE - 1)},
        {"protocol_price": u128(10**24 + 1)},
        {"regions": [u32(PPM), u32(1)]},
    ],
)
def test_parameters_that_do_not_go_together_are_refused(
    works: Works, changes: dict[str, object]
) -> None:
    params = replace(Params(), **changes)  # type: ignore[arg-type]
    with refused(works, Mining.InvalidParams):
        works.mining.set_params(ROOT, params)


def test_only_governance_sets_parameters(works: Works) -> None:
    with refused(works, BadOrigin):
        works.mining.set_params(signed(ALICE), Params())
    params = Params(kappa=u32(100_000))
    works.mining.set_params(ROOT, params)
    assert works.mining.params.value == params
    assert works.announced()[-1] == Mining.ParamsSet(params)


def test_a_receipt_keeps_the_cap_it_came_in_with(works: Works) -> None:
    works.work(ALICE, 10**9, fees=10 * int(BTT))
    works.set(kappa=u32(0), kappa_verified=u32(0))
    works.work(BOB, 10**9, fees=10 * int(BTT))
    works.next_era()
    assert works.claim(ALICE, 0) == cap(10 * int(BTT))
    assert works.claim(BOB, 0) == 0


@pytest.mark.parametrize(
    ("config", "path"),
    [
        ({"feePrice": 999}, "mining.feePrice"),
        ({"protocolPrice": 1}, "mining"),
        ({"medianEnergy": 0}, "mining"),
        ({"regions": [600_000, 600_000]}, "mining"),
        ({"regions": [-1]}, r"mining.regions\[0\]"),
        ({"bands": []}, "mining.bands"),
    ],
)
def test_a_wrong_genesis_configuration_says_where(config: dict[str, object], path: str) -> None:
    with pytest.raises(GenesisError, match=f"^{path}"):
        Works().start(config=config)


def test_genesis_sets_prices_and_parameters() -> None:
    works = Works()
    works.start(
        config={
            "feePrice": 5_000,
            "protocolPrice": "70000",
            "medianEnergy": 12,
            "targetP95": 250,
            "regions": [1, 2],
        }
    )
    now, params = works.mining.emission_now(), works.mining.params.value
    assert (now.fee_price, now.protocol_price) == (5_000, 70_000)
    assert (params.median_energy, params.target_p95, params.regions) == (12, 250, [1, 2])


# ---- views


def test_an_estimate_before_the_era_ends_is_the_reward_without_further_work(works: Works) -> None:
    assert works.mining.estimate(ALICE) is None
    works.work(ALICE, 10**9, fees=10 * int(BTT))
    budget = budget_of(works)
    row = works.mining.estimate(ALICE)
    assert row == Estimate(u32(0), u128(budget), u128(cap(10 * int(BTT))), None)
    assert works.mining.estimate(ALICE, 0) == row
    works.next_era()
    closed = works.mining.estimate(ALICE, 0)
    assert closed is not None
    assert (closed.part, closed.reward) == (row.part, row.reward)
    assert works.claim(ALICE, 0) == row.reward
    assert works.mining.estimate(ALICE, 0) is None


def test_views_have_a_wire_form(works: Works) -> None:
    works.work(ALICE, 10**9)
    for view in (
        works.mining.emission_now(),
        works.mining.operator_view(ALICE),
        works.mining.estimate(ALICE),
    ):
        assert view is not None
        assert encode(type(view), view)
    assert works.mining.operator_view(AccountId(b"\x77" * 32)).operator is None


# ---- cost


class CountingState(DictState):
    """Counts what is read and written."""

    accesses = 0

    def get(self, key: bytes) -> bytes | None:
        self.accesses += 1
        return super().get(key)

    def put(self, key: bytes, value: bytes | None) -> None:
        self.accesses += 1
        super().put(key, value)


def costs(operators: int, receipts: int) -> tuple[int, int, int]:
    """Return the accesses of the last receipt, of closing its era and of claiming it."""
    works = Works()
    works.start()
    state = CountingState()
    state.data = works.state.data
    works.enter(state)
    many = [AccountId(number.to_bytes(32, "big")) for number in range(1, operators + 1)]
    works.registry.join(*many)

    def counted(step: Callable[[], object]) -> int:
        before = state.accesses
        step()
        return state.accesses - before

    def receipt(number: int, who: AccountId) -> None:
        key = H256.of(number.to_bytes(8, "little"))
        fees = u128((10**9 + number * 10**7) * PRICE)
        works.mining.record(who, key, 10**9, fees, verified=False)

    for number in range(receipts):
        receipt(number, many[number % operators])
    last = counted(lambda: receipt(receipts, many[0]))
    works.watch.slot = ERA
    closing = counted(lambda: works.mining.on_initialize(2))
    claim = counted(lambda: works.mining.claim_rewards(signed(many[0]), u32(0), u32(0)))
    return last, closing, claim


def test_recording_closing_and_claiming_cost_the_same_however_much_there_is() -> None:
    assert costs(operators=1, receipts=1) == costs(operators=50, receipts=300)


# ---- anything, in any order


class Economy(RuleBasedStateMachine):
    """Work, skipped epochs, claims, expiry, carry and changes, at random; I6 after every step."""

    people = (ALICE, BOB, CAROL, DAVE)

    @initialize()
    def begin(self) -> None:
        self.works = fresh()
        self.works.set(regions=[u32(300_000), u32(300_000)])

    @rule(
        who=st.sampled_from(people),
        units=st.integers(0, 10**12),
        fees=st.one_of(st.integers(0, 10**30), st.none()),
        verified=st.booleans(),
    )
    def work(self, who: AccountId, units: int, fees: int | None, verified: bool) -> None:
        self.works.work(who, units, fees, verified=verified, requester=ALICE)

    @rule(slots=st.one_of(st.integers(0, 2 * ERA), st.integers(0, 10**7)))
    def wait(self, slots: int) -> None:
        self.works.pass_slots(slots)

    @rule(who=st.sampled_from(people), back=st.integers(1, 64))
    def claim(self, who: AccountId, back: int) -> None:
        mining = self.works.mining
        last = int(mining.eras.era_index.value) - 1
        first = max(last - back + 1, 0)
        rows = [mining.estimate(who, era) for era in range(first, last + 1)]
        expected = sum(int(row.reward) for row in rows if row is not None)
        poor = expected < MILLI_BTT and not self.works.balances.total(who)
        if last < 0 or not any(rows) or (poor and expected):
            return
        assert self.works.claim(who, first, last) == expected

    @rule(to=st.sampled_from(people), percent=st.integers(1, 100))
    def job(self, to: AccountId, percent: int) -> None:
        room = int(self.works.mining.emission_now().protocol_room)
        amount = room * percent // 100
        if amount >= MILLI_BTT:
            self.works.mining.spend_carry(to, u128(amount))

    @rule(who=st.sampled_from(people), region=st.integers(0, 1), power=st.integers(0, 10**7))
    def attest(self, who: AccountId, region: int, power: int) -> None:
        self.works.mining.attest_region(ROOT, who, u16(region))
        self.works.mining.attest_energy(ROOT, who, u64(power))
        self.works.mining.record_uptime(who, power, 10**7)

    @rule(kappa=st.integers(0, MAX_KAPPA), cap_from=st.integers(1, 12))
    def govern(self, kappa: int, cap_from: int) -> None:
        self.works.set(
            kappa=u32(kappa),
            kappa_verified=u32(900_000),
            verified_budget=u128(10**19),
            operator_cap=u32(10_000),
            operator_cap_from=u32(cap_from),
        )

    @invariant()
    def nothing_is_lost(self) -> None:
        if hasattr(self, "works"):
            self.works.check()


TestEconomy = Economy.TestCase
TestEconomy.settings = settings(max_examples=20, stateful_step_count=40, deadline=None)
