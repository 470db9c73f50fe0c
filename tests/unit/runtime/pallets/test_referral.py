"""A referral returns a part of what a new user's fees lost, by milestones, and never more."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from btt_chain.primitives.account import AccountId, Id
from btt_chain.scale import u32, u64, u128
from runtime.accounts import REFERRAL
from runtime.constants import BTT
from runtime.frame import BadOrigin, TokenError, signed
from runtime.frame.origin import decided
from runtime.pallets.jobs.types import JobFees
from runtime.pallets.origins import Decision
from runtime.pallets.referral import errors as referral_errors
from runtime.pallets.referral import events as referral_events
from runtime.pallets.referral.formulas import MIN_REMAINDER, payable, reached, remainder, returnable
from runtime.pallets.referral.types import Referee, Terms, Usage
from runtime.pallets.tokenomics import errors as tokenomics_errors
from runtime.splits import split_compute
from support.care import FOUNDATION, POOL, YEAR, CareRuntime
from support.facilities import MORE
from support.governance import ALICE, BOB, DAVE, EVE
from support.runtime import refused

TECHNICAL, PARAMS = decided(Decision.Technical), decided(Decision.Params)
AMOUNTS = st.integers(0, 10**24)


@pytest.fixture
def care() -> CareRuntime:
    runtime = CareRuntime()
    runtime.open()
    return runtime


def held(care: CareRuntime, who: AccountId) -> int:
    return int(care.balances.held(care.referral.reason, who))


def free(care: CareRuntime, who: AccountId) -> int:
    return int(care.balances.free(who))


def test_a_referral_pays_by_milestones_and_at_most_what_the_fees_lost(care: CareRuntime) -> None:
    care.refer(ALICE, BOB)
    assert held(care, ALICE) == BTT
    with refused(care, referral_errors.NothingToClaim):
        care.referral.claim(signed(EVE), Id(BOB))

    care.referral.attest_implementation(TECHNICAL, Id(BOB))
    with refused(care, referral_errors.NothingToClaim):  # nothing was spent
        care.referral.claim(signed(EVE), Id(BOB))

    # 1,000 BTT spent: lost 307, mining gives 55.26, stakers get 29.7; half of the rest is 111.02.
    care.job(BOB)
    before = free(care, ALICE)
    care.referral.claim(signed(EVE), Id(BOB))
    assert free(care, ALICE) - before == 111_020 * BTT // 1_000
    assert care.announced()[-1] == referral_events.ReferralPaid(
        BOB, ALICE, u128(111_020 * BTT // 1_000)
    )
    with refused(care, referral_errors.NothingToClaim):
        care.referral.claim(signed(EVE), Id(BOB))

    # The milestone of jobs, and enough fees for all of it.
    for _ in range(99):
        care.job(BOB, price=20, lost=14_000, mining=0)
    care.referral.claim(signed(EVE), Id(BOB))
    assert free(care, ALICE) - before == 400 * BTT + BTT  # the deposit is back
    assert held(care, ALICE) == 0
    assert care.contributions.counted == [ALICE]
    found = care.referral.get(BOB)
    assert found is not None
    assert care.contributions.bounds == [remainder(found)]
    assert care.announced()[-1] == referral_events.Completed(BOB, ALICE)
    with refused(care, referral_errors.NothingToClaim):
        care.referral.claim(signed(EVE), Id(BOB))


def test_fees_as_a_merchant_count_from_the_acceptance_on(care: CareRuntime) -> None:
    care.fees.paid[BOB] = 500 * BTT
    care.refer(ALICE, BOB)
    care.fees.paid[BOB] += 20 * BTT
    care.referral.attest_implementation(signed(FOUNDATION), Id(BOB))
    care.referral.claim(signed(BOB), Id(BOB))
    found = care.referral.get(BOB)
    assert found is not None
    assert found.paid == 10 * BTT
    assert found.usage.spent == found.usage.lost == 20 * BTT

    # A merchant that closed and registered again begins from zero.
    care.fees.paid[BOB] = 10 * BTT
    care.referral.claim(signed(BOB), Id(BOB))
    found = care.referral.get(BOB)
    assert found is not None
    assert found.usage.lost == 30 * BTT
    assert found.paid == 15 * BTT


def test_jobs_of_others_than_referees_change_nothing(care: CareRuntime) -> None:
    data = dict(care.state.data)
    care.job(BOB)
    assert care.state.data == data


def test_only_newcomers_of_another_operator_are_referred_once(care: CareRuntime) -> None:
    care.known.add(EVE)
    with refused(care, referral_errors.NotNew):
        care.referral.refer(signed(ALICE), Id(EVE))
    with refused(care, referral_errors.SameOperator):
        care.referral.refer(signed(ALICE), Id(ALICE))
    with refused(care, TokenError):
        care.referral.refer(signed(ALICE), Id(REFERRAL))
    care.referral.refer(signed(ALICE), Id(BOB))
    with refused(care, referral_errors.AlreadyOffered):
        care.referral.refer(signed(ALICE), Id(BOB))
    with refused(care, referral_errors.NoOffer):
        care.referral.accept(signed(BOB), Id(DAVE))

    # Another referrer cannot take the place of the first: the referee chooses.
    care.referral.refer(signed(DAVE), Id(BOB))
    care.referral.accept(signed(BOB), Id(ALICE))
    with refused(care, referral_errors.AlreadyReferred):
        care.referral.accept(signed(BOB), Id(DAVE))
    with refused(care, referral_errors.AlreadyReferred):
        care.referral.refer(signed(EVE), Id(BOB))
    care.referral.withdraw(signed(DAVE), Id(BOB))
    assert held(care, DAVE) == 0
    with refused(care, referral_errors.NoOffer):
        care.referral.withdraw(signed(DAVE), Id(BOB))


def test_a_newcomer_that_begins_to_use_the_chain_can_no_longer_accept(care: CareRuntime) -> None:
    care.referral.refer(signed(ALICE), Id(BOB))
    care.known.add(BOB)
    with refused(care, referral_errors.NotNew):
        care.referral.accept(signed(BOB), Id(ALICE))


def test_sub_accounts_are_of_one_operator(care: CareRuntime) -> None:
    sub, other = MORE[0], MORE[1]
    care.apply(ALICE)
    care.name_sub(ALICE, sub)
    with refused(care, referral_errors.SameOperator):
        care.referral.refer(signed(ALICE), Id(sub))
    with refused(care, referral_errors.SameOperator):
        care.referral.refer(signed(sub), Id(ALICE))
    # One account of an operator can be referred.
    care.name_sub(ALICE, other)
    care.refer(DAVE, sub)
    with refused(care, referral_errors.AlreadyReferred):
        care.referral.refer(signed(DAVE), Id(other))


def test_contributions_of_a_sub_account_are_those_of_its_operator(care: CareRuntime) -> None:
    care.apply(ALICE)
    care.name_sub(ALICE, MORE[0])
    care.refer(MORE[0], BOB)
    care.referral.attest_implementation(TECHNICAL, Id(BOB))
    for _ in range(100):
        care.job(BOB)
    care.referral.claim(signed(BOB), Id(BOB))
    assert care.contributions.counted == [ALICE]


def test_an_operator_has_a_limit_of_referees_and_of_money_each_year(care: CareRuntime) -> None:
    care.referral.set_terms(PARAMS, Terms(referees=u32(2), yearly=u128(450 * BTT)))
    for who in MORE[:2]:
        care.refer(ALICE, who)
    care.referral.refer(signed(ALICE), Id(MORE[2]))
    with refused(care, referral_errors.TooManyReferees):
        care.referral.accept(signed(MORE[2]), Id(ALICE))
    for who in MORE[:2]:
        care.referral.attest_implementation(TECHNICAL, Id(who))
        for _ in range(100):
            care.job(who)
    care.referral.claim(signed(ALICE), Id(MORE[0]))
    care.referral.claim(signed(ALICE), Id(MORE[1]))
    assert care.referral.quota_of(ALICE).paid == 450 * BTT
    with refused(care, referral_errors.YearlyLimitReached):
        care.referral.claim(signed(ALICE), Id(MORE[1]))
    assert held(care, ALICE) == 2 * BTT

    care.clock.slot += YEAR
    care.referral.accept(signed(MORE[2]), Id(ALICE))
    care.referral.claim(signed(ALICE), Id(MORE[1]))
    assert care.referral.quota_of(ALICE).paid == 350 * BTT
    assert care.contributions.counted == [ALICE, ALICE]


def test_an_empty_pool_or_a_pause_delays_a_claim_and_loses_nothing(care: CareRuntime) -> None:
    care.refer(ALICE, BOB)
    for _ in range(100):
        care.job(BOB)
    care.tokenomics.releases.discretionary_paused_until.value = u64(50)
    with refused(care, tokenomics_errors.Paused):
        care.referral.claim(signed(ALICE), Id(BOB))
    care.clock.slot = 50
    rest = u128((POOL - 100) * BTT)
    care.balances.transfer(REFERRAL, DAVE, rest)
    with refused(care, tokenomics_errors.PoolExhausted):
        care.referral.claim(signed(ALICE), Id(BOB))
    care.balances.transfer(DAVE, REFERRAL, rest)
    care.referral.claim(signed(ALICE), Id(BOB))
    assert care.referral.quota_of(ALICE).paid == 350 * BTT


def test_implementations_are_attested_once_by_the_foundation_or_the_technical_track(
    care: CareRuntime,
) -> None:
    with refused(care, referral_errors.UnknownReferral):
        care.referral.attest_implementation(TECHNICAL, Id(BOB))
    with refused(care, referral_errors.UnknownReferral):
        care.referral.claim(signed(ALICE), Id(BOB))
    care.refer(ALICE, BOB)
    for origin in (signed(ALICE), PARAMS):
        with refused(care, BadOrigin):
            care.referral.attest_implementation(origin, Id(BOB))
    care.referral.attest_implementation(signed(FOUNDATION), Id(BOB))
    with refused(care, referral_errors.AlreadyAttested):
        care.referral.attest_implementation(TECHNICAL, Id(BOB))


def test_terms_are_set_by_governance_within_bounds(care: CareRuntime) -> None:
    with refused(care, BadOrigin):
        care.referral.set_terms(signed(ALICE), Terms())
    for terms in (
        Terms(implementation=u128(10_001 * BTT)),
        Terms(jobs=u32(0)),
        Terms(spent=u128(0)),
        Terms(referees=u32(0)),
        Terms(yearly=u128(10**8 * BTT)),
    ):
        with refused(care, referral_errors.TermsOutOfBounds):
            care.referral.set_terms(PARAMS, terms)


def test_a_referral_counts_once_enough_fees_are_left_and_is_paid_no_more(care: CareRuntime) -> None:
    care.referral.set_terms(PARAMS, Terms(jobs=u32(1)))
    care.refer(ALICE, BOB)
    care.referral.attest_implementation(TECHNICAL, Id(BOB))
    care.job(BOB, 2_000, lost=900_000, mining=0)
    care.referral.claim(signed(ALICE), Id(BOB))
    found = care.referral.get(BOB)
    assert found is not None
    assert (found.paid, found.complete) == (400 * BTT, False)
    assert 0 < remainder(found) < MIN_REMAINDER
    with refused(care, referral_errors.NothingToClaim):
        care.referral.claim(signed(ALICE), Id(BOB))
    assert care.contributions.counted == []
    assert held(care, ALICE) == BTT

    care.job(BOB, 2_000, lost=900_000, mining=0)
    care.referral.claim(signed(EVE), Id(BOB))
    assert care.contributions.counted == [ALICE]
    assert care.contributions.bounds[0] >= MIN_REMAINDER
    assert held(care, ALICE) == 0
    # What is left backs the points: higher rewards do not pay it out, too.
    care.referral.set_terms(PARAMS, Terms(jobs=u32(1), usage=u128(500 * BTT)))
    with refused(care, referral_errors.NothingToClaim):
        care.referral.claim(signed(ALICE), Id(BOB))


def test_a_lowered_reward_takes_nothing_back(care: CareRuntime) -> None:
    care.refer(ALICE, BOB)
    for _ in range(100):
        care.job(BOB)
    care.referral.claim(signed(ALICE), Id(BOB))
    care.referral.set_terms(PARAMS, Terms(usage=u128(0), spending=u128(BTT)))
    with refused(care, referral_errors.NothingToClaim):
        care.referral.claim(signed(ALICE), Id(BOB))


@given(AMOUNTS, st.integers(0, 1_000), st.integers(0, 1_000), AMOUNTS, st.booleans())
def test_an_owner_of_everything_gets_back_no_more_than_was_lost(
    price: int, kappa: int, share: int, paid: int, attested: bool
) -> None:
    split = split_compute(price, 10_000 * BTT)
    lost = int(split.burn) + int(split.development) + int(split.foundation) + int(split.reserve)
    mining, dividends = lost * kappa // 1_000, int(split.development) * share // 1_000
    usage = Usage(u32(100), u128(price), u128(lost), u128(mining), u128(dividends))
    referee = Referee(ALICE, u64(0), u128(0), attested, usage)
    limit = returnable(usage)
    # Blocks made by the work earn less than its value: this is the half that is left to them.
    value = JobFees(price, lost, mining, dividends).value
    assert limit == value
    assert mining + dividends + limit + value <= max(lost, mining + dividends)
    assert payable(Terms(), referee) <= min(limit, reached(Terms(), referee))
    referee = replace(referee, paid=u128(paid))
    assert 0 <= payable(Terms(), referee) <= max(0, limit - paid)
