"""Mining: claims, expiry, and payments from the unallocated emission."""

from __future__ import annotations

from itertools import pairwise

import pytest

from btt_chain.primitives.account import AccountId
from btt_chain.scale import u32, u128
from runtime.accounts import MINING
from runtime.constants import BTT, MILLI_BTT, YEAR_MS
from runtime.emission import bands
from runtime.frame import ROOT, BadOrigin, TokenError, signed
from runtime.pallets.mining import errors
from runtime.pallets.mining import events as mining_events
from support.mining import ALICE, BOB, DAVE, DAY, ERA, POOL, SLOT_MS, Works, budget_of, cap, fresh
from support.runtime import refused


@pytest.fixture
def works() -> Works:
    return fresh()


def test_an_era_is_claimed_when_it_is_over_once_and_by_its_operator(works: Works) -> None:
    works.work(ALICE, 10**9)
    for first, last in ((0, 0), (0, 1), (5, 6)):
        with refused(works, errors.EraNotFinished):
            works.mining.claim_rewards(signed(ALICE), u32(first), u32(last))
    works.next_era()
    with refused(works, errors.NothingToClaim):
        works.mining.claim_rewards(signed(BOB), u32(0), u32(0))
    with refused(works, BadOrigin):
        works.mining.claim_rewards(ROOT, u32(0), u32(0))
    works.claim(ALICE, 0)
    with refused(works, errors.NothingToClaim):
        works.mining.claim_rewards(signed(ALICE), u32(0), u32(0))


def test_a_claim_names_a_bounded_number_of_eras(works: Works) -> None:
    works.next_era(70)
    for first, last in ((1, 0), (0, 64), (3, 67)):
        with refused(works, errors.TooManyEras):
            works.mining.claim_rewards(signed(ALICE), u32(first), u32(last))
    with refused(works, errors.NothingToClaim):
        works.mining.claim_rewards(signed(ALICE), u32(0), u32(63))


def test_one_claim_pays_several_eras_and_says_how_much_each(works: Works) -> None:
    for _ in range(3):
        works.work(ALICE, 10**9, fees=10 * int(BTT))
        works.next_era(2)
    assert works.claim(ALICE, 0, 5) == 3 * cap(10 * int(BTT))
    events = [event for event in works.announced() if isinstance(event, mining_events.RewardPaid)]
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

    works.clock.slot = until - 1
    works.block()
    assert works.mining.ledger.owed.value == owed
    issued = int(works.mining.ledger.unallocated.value) - int(unallocated)
    works.pass_slots(1)
    assert works.mining.ledger.owed.value == 0
    assert works.mining.ledger.unallocated.value >= unallocated + issued + owed
    assert mining_events.RewardsExpired(u32(0), owed) in works.announced()
    with refused(works, errors.NothingToClaim):
        works.mining.claim_rewards(signed(ALICE), u32(0), u32(0))
    assert u32(0) not in works.mining.eras.eras
    assert list(works.mining.eras.shares.under(u32(0))) == []


def test_a_claim_in_the_last_slot_is_in_time(works: Works) -> None:
    works.work(ALICE, 10**9)
    works.next_era()
    works.clock.slot = ERA + 84 * DAY - 1
    works.block()
    assert works.claim(ALICE, 0) == budget_of(works)


def test_what_is_expired_but_not_taken_back_yet_cannot_be_claimed(works: Works) -> None:
    for _ in range(30):
        works.work(ALICE, 10**7)
        works.next_era()
    works.pass_slots(int(works.mining.eras.eras[u32(29)].expires) - works.clock.slot)
    oldest = int(works.mining.eras.oldest.value)
    assert 0 < oldest < 30, "a block takes back only so much"
    with refused(works, errors.NothingToClaim):
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
    works.clock.slot = ERA + 84 * DAY
    sizes = []
    for _ in range(5):
        works.block()
        sizes.append(len(list(works.mining.eras.shares.under(u32(0)))))
    assert sizes == [34, 18, 2, 0, 0]
    assert works.mining.ledger.owed.value == 0


def test_the_chains_own_jobs_are_paid_from_unallocated_emission_as_fast_as_the_schedule(
    works: Works,
) -> None:
    with refused(works, errors.UnallocatedExhausted):
        works.mining.spend_unallocated(DAVE, u128(BTT))
    works.next_era(3)
    budget = budget_of(works, 3)
    works.mining.spend_unallocated(DAVE, u128(BTT))
    assert works.announced()[-1] == mining_events.UnallocatedSpent(DAVE, u128(BTT))
    works.check()
    with refused(works, errors.UnallocatedLimitReached):
        works.mining.spend_unallocated(DAVE, u128(budget - int(BTT) + 1))
    works.mining.spend_unallocated(DAVE, u128(budget - int(BTT)))
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
        with refused(works, errors.UnallocatedLimitReached):
            works.mining.spend_unallocated(DAVE, u128(rate + 1))
        works.mining.spend_unallocated(DAVE, u128(rate))
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
        works.mining.spend_unallocated(DAVE, works.mining.emission_now().protocol_room)
        left.append(int(works.mining.ledger.unallocated.value))
        works.next_era()
    assert left == [2 * rate + 1, rate + 1, 1, 0]
    assert works.balances.total(MINING) == 0


def test_governance_moves_the_price_of_a_job_of_the_chain(works: Works) -> None:
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
