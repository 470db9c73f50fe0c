"""Mining: the schedule of the emission, and the rewards of receipts."""

from __future__ import annotations

import pytest

from btt_chain.primitives.account import AccountId
from btt_chain.primitives.digest import H256
from btt_chain.scale import Overflow, Underflow, encode, u32, u64, u128
from runtime.constants import BTT, YEAR_MS
from runtime.frame import signed
from runtime.pallets.mining import errors, events
from runtime.pallets.mining.types import PARTS, NoProviders
from runtime.splits import PPM
from support.mining import (
    ALICE,
    BOB,
    CAROL,
    DAVE,
    DAY,
    ERA,
    FIRST_DAY,
    MIN_ENERGY,
    POOL,
    PRICE,
    SLOT_MS,
    Works,
    budget_of,
    cap,
    fresh,
)
from support.runtime import refused


@pytest.fixture
def works() -> Works:
    return fresh()


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
        events.EraEnded(u32(0), u128(budget_of(works)), u128(0), u128(budget_of(works)))
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
        works.clock.slot = place * step
        works.block()
        if place % 7 == 0:
            era = int(works.mining.eras.era_index.value) - 1
            if works.mining.estimate(BOB, era):
                works.claim(BOB, era)
    works.clock.slot = last - 1
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


def test_a_receipt_earns_a_part_of_its_fees_and_the_rest_is_carried(works: Works) -> None:
    fees = 100 * int(BTT)
    receipt = works.work(ALICE, 10**9, fees)
    weighed = fees * PARTS // PRICE * MIN_ENERGY // PPM
    assert works.announced()[-1] == events.ReceiptAccepted(
        receipt, ALICE, u64(10**9), u128(weighed)
    )
    works.next_era()
    budget = budget_of(works)
    assert works.mining.ledger.owed.value == budget
    assert works.claim(ALICE, 0) == cap(fees) == 18 * BTT
    assert works.mining.ledger.owed.value == 0
    assert works.mining.ledger.unallocated.value == budget - 18 * int(BTT)
    assert works.announced()[-1] == events.RewardPaid(ALICE, u32(0), u128(18 * BTT))


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
        works.mining.record(ALICE, receipt, units, u128(fees), verified=False).counted
        for receipt, units, fees in zip(
            receipts, (7, 10**9, 5, 5), (7 * PRICE, 3 * PRICE - 1, 0, 9 * PRICE), strict=True
        )
    ]
    assert counted == [7 * PARTS, 3 * PARTS - 1, 0, 5 * PARTS]


def test_an_era_is_counted_from_its_first_slot_even_before_the_last_is_closed(works: Works) -> None:
    works.next_era(2)
    assert works.mining.era_now() == 2
    works.clock.slot += ERA - 1
    assert works.mining.era_now() == 2
    works.clock.slot += 5 * ERA
    assert works.mining.era_now() == 3
    works.block()
    assert works.mining.era_now() == works.mining.eras.era_index.value == 3


def test_the_registry_may_be_tied_later() -> None:
    works = Works()
    works.start()
    works.mining.connect(NoProviders())
    with refused(works, errors.NotOperator):
        works.work(ALICE, 1)


def test_work_that_cost_nothing_earns_nothing(works: Works) -> None:
    works.work(ALICE, 10**9, fees=0)
    works.next_era()
    assert works.mining.ledger.unallocated.value == budget_of(works)
    with refused(works, errors.NothingToClaim):
        works.mining.claim_rewards(signed(ALICE), u32(0), u32(0))


def test_a_receipt_counts_once(works: Works) -> None:
    receipt = works.work(ALICE, 5)
    for who in (ALICE, BOB):
        with refused(works, errors.ReceiptReplayed):
            works.mining.record(who, receipt, 5, u128(PRICE), verified=False)
    works.next_era()
    with refused(works, errors.ReceiptReplayed):
        works.mining.record(ALICE, receipt, 5, u128(PRICE), verified=False)


def test_only_operators_earn(works: Works) -> None:
    unknown = AccountId(b"\x77" * 32)
    with refused(works, errors.NotOperator):
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
