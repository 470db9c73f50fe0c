"""Tokenomics: programmes, the reserve, burns, fees, dividends and gifts."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from btt_chain.primitives.account import AccountId, Id
from btt_chain.scale import u32, u64, u128
from runtime.accounts import (
    DEVELOPMENT_FUND,
    ECOSYSTEM,
    FOUNDATION_PROGRAMMES,
    GRANTS,
    HEALTH,
    MINING,
    OPERATIONS,
    RESERVE,
    STAKING,
    TREASURY,
)
from runtime.constants import MONTH_MS
from runtime.frame import ROOT, BadOrigin, Error, TokenError, TokenErrorKind
from runtime.pallets.tokenomics import errors, events
from runtime.pallets.tokenomics.formulas import time_cap
from runtime.pallets.tokenomics.pallet import Tokenomics
from runtime.pallets.tokenomics.types import BurnId, BurnReason, CeilingMode, MilestoneStatus
from runtime.splits import PAYFI, split_compute, split_platform
from support.runtime import refused
from support.tokenomics import (
    ALICE,
    ALLOCATED,
    BOB,
    BY_ALICE,
    BY_FOUNDATION,
    BY_KEEPERS,
    CAROL,
    FOUNDATION,
    MONTH,
    ONE,
    OTHER_PROOF,
    PROOF,
    SUPPLY,
    WINDOW,
    TokenomicsRuntime,
    Traffic,
    begun,
    btt,
    pool,
)


@pytest.fixture
def runtime() -> TokenomicsRuntime:
    return begun()


@pytest.fixture
def tight() -> TokenomicsRuntime:
    """A chain whose first year releases 3 % of the supply: 210,000 BTT beside what is liquid."""
    return begun(releaseTable=[300, 9_700])


# ---- the Foundation's programmes


def test_a_milestone_counts_when_no_account_objected_for_fourteen_days(
    runtime: TokenomicsRuntime,
) -> None:
    runtime.clock.slot = 3 * MONTH
    runtime.tokenomics.attest_milestone(BY_FOUNDATION, u32(0), u32(0), PROOF)
    runtime.clock.slot += WINDOW - 1
    with refused(runtime, errors.NothingToClaim):
        runtime.tokenomics.claim_programme(BY_ALICE, u32(0))

    runtime.clock.slot += 1
    runtime.tokenomics.claim_programme(BY_ALICE, u32(0))

    assert runtime.has(FOUNDATION) == ALLOCATED["fnd1"] * ONE // 16
    record = runtime.tokenomics.programmes.programmes[u32(0)]
    assert record.done_bps == 625
    assert record.milestones[0].status is MilestoneStatus.Confirmed
    assert record.released_planck == ALLOCATED["fnd1"] * ONE // 16


def test_a_referendum_confirms_a_milestone_at_once(runtime: TokenomicsRuntime) -> None:
    runtime.clock.slot = 3 * MONTH
    runtime.tokenomics.attest_milestone(BY_FOUNDATION, u32(3), u32(7), PROOF)

    runtime.tokenomics.confirm_milestone(ROOT, u32(3), u32(7))
    runtime.tokenomics.claim_programme(BY_ALICE, u32(3))

    assert runtime.has(FOUNDATION) == ALLOCATED["fnd4"] * ONE // 16


def test_attack_milestones_ahead_of_time_release_nothing_early(runtime: TokenomicsRuntime) -> None:
    runtime.attest_all(0)
    with refused(runtime, errors.NothingToClaim):  # the first month is not over
        runtime.tokenomics.claim_programme(BY_FOUNDATION, u32(0))

    runtime.clock.slot = MONTH
    runtime.tokenomics.claim_programme(BY_FOUNDATION, u32(0))

    assert runtime.has(FOUNDATION) == ALLOCATED["fnd1"] * ONE // 48
    with refused(runtime, errors.NothingToClaim):
        runtime.tokenomics.claim_programme(BY_FOUNDATION, u32(0))


def test_attack_time_releases_nothing_without_milestones(runtime: TokenomicsRuntime) -> None:
    runtime.clock.slot = 96 * MONTH
    with refused(runtime, errors.NothingToClaim):
        runtime.tokenomics.claim_programme(BY_FOUNDATION, u32(0))


def test_a_programme_ends_with_its_last_planck(runtime: TokenomicsRuntime) -> None:
    for number in range(4):
        runtime.attest_all(number)
    for month in (5, 17, 31, 48, 60):
        runtime.clock.slot = month * MONTH
        for number in range(4):
            try:
                runtime.tokenomics.claim_programme(BY_ALICE, u32(number))
            except errors.ReleaseCeilingReached:
                continue
            except errors.NothingToClaim:
                assert month == 60
    runtime.clock.slot = 61 * MONTH  # 2030: the table has room for everything
    for number, account in enumerate(FOUNDATION_PROGRAMMES):
        if runtime.has(account):
            runtime.tokenomics.claim_programme(BY_ALICE, u32(number))
        assert runtime.has(account) == 0
    assert runtime.has(FOUNDATION) == SUPPLY * 17 // 100


def test_the_ceiling_cuts_a_claim_and_leaves_the_rest_for_later(tight: TokenomicsRuntime) -> None:
    tight.attest_all(0)
    tight.clock.slot = MONTH
    tight.tokenomics.release_discretionary(ROOT, pool(ECOSYSTEM), btt(100_000), Id(BOB))

    tight.tokenomics.claim_programme(BY_ALICE, u32(0))

    assert tight.has(FOUNDATION) == 5_000 * ONE
    with refused(tight, errors.ReleaseCeilingReached):
        tight.tokenomics.claim_programme(BY_ALICE, u32(0))
    tight.clock.slot = 12 * MONTH
    tight.tokenomics.claim_programme(BY_ALICE, u32(0))
    assert tight.has(FOUNDATION) == ALLOCATED["fnd1"] * ONE // 4


def test_an_objection_keeps_a_milestone_from_counting(runtime: TokenomicsRuntime) -> None:
    runtime.clock.slot = 3 * MONTH
    runtime.tokenomics.attest_milestone(BY_FOUNDATION, u32(0), u32(0), PROOF)
    runtime.clock.slot += WINDOW - 1

    runtime.tokenomics.object_milestone(ROOT, u32(0), u32(0))

    runtime.clock.slot += 10 * WINDOW
    with refused(runtime, errors.NothingToClaim):
        runtime.tokenomics.claim_programme(BY_ALICE, u32(0))
    # Attested anew with other evidence, it can be objected to anew.
    runtime.tokenomics.attest_milestone(BY_FOUNDATION, u32(0), u32(0), OTHER_PROOF)
    runtime.tokenomics.object_milestone(ROOT, u32(0), u32(0))
    # A referendum stands above the objection.
    runtime.tokenomics.confirm_milestone(ROOT, u32(0), u32(0))
    runtime.tokenomics.claim_programme(BY_ALICE, u32(0))
    assert runtime.has(FOUNDATION) == ALLOCATED["fnd1"] * ONE // 16


Deed = Callable[[Tokenomics], None]


@pytest.mark.parametrize(
    ("deed", "error"),
    [
        (lambda t: t.attest_milestone(BY_ALICE, u32(0), u32(1), PROOF), BadOrigin),
        (lambda t: t.attest_milestone(ROOT, u32(0), u32(1), PROOF), BadOrigin),
        (lambda t: t.object_milestone(BY_FOUNDATION, u32(0), u32(0)), BadOrigin),
        (lambda t: t.confirm_milestone(BY_FOUNDATION, u32(0), u32(0)), BadOrigin),
        (
            lambda t: t.attest_milestone(BY_FOUNDATION, u32(4), u32(0), PROOF),
            errors.MilestoneUnknown,
        ),
        (
            lambda t: t.attest_milestone(BY_FOUNDATION, u32(0), u32(16), PROOF),
            errors.MilestoneUnknown,
        ),
        (
            lambda t: t.attest_milestone(BY_FOUNDATION, u32(0), u32(0), OTHER_PROOF),
            errors.AlreadyAttested,
        ),
        (lambda t: t.object_milestone(ROOT, u32(0), u32(1)), errors.NotAttested),
        (lambda t: t.confirm_milestone(ROOT, u32(0), u32(1)), errors.NotAttested),
        (lambda t: t.confirm_milestone(ROOT, u32(9), u32(1)), errors.MilestoneUnknown),
        (lambda t: t.claim_programme(BY_ALICE, u32(4)), errors.MilestoneUnknown),
    ],
)
def test_a_refusal_has_a_name(runtime: TokenomicsRuntime, deed: Deed, error: type[Error]) -> None:
    runtime.tokenomics.attest_milestone(BY_FOUNDATION, u32(0), u32(0), PROOF)
    with refused(runtime, error):
        deed(runtime.tokenomics)


def test_what_counts_cannot_be_objected_to_nor_counted_twice(runtime: TokenomicsRuntime) -> None:
    runtime.tokenomics.attest_milestone(BY_FOUNDATION, u32(0), u32(0), PROOF)
    runtime.clock.slot = WINDOW
    with refused(runtime, errors.WindowClosed):
        runtime.tokenomics.object_milestone(ROOT, u32(0), u32(0))

    runtime.tokenomics.confirm_milestone(ROOT, u32(0), u32(0))

    with refused(runtime, errors.AlreadyAttested):
        runtime.tokenomics.confirm_milestone(ROOT, u32(0), u32(0))
    with refused(runtime, errors.AlreadyAttested):
        runtime.tokenomics.attest_milestone(BY_FOUNDATION, u32(0), u32(0), PROOF)
    with refused(runtime, errors.NotAttested):
        runtime.tokenomics.object_milestone(ROOT, u32(0), u32(0))
    assert runtime.tokenomics.programmes.programmes[u32(0)].done_bps == 625


@given(st.integers(1, 10**26), st.integers(1, 100), st.integers(0, 10**13), st.integers(0, 10**12))
def test_the_time_cap_never_falls_and_ends_at_the_amount(
    amount: int, months: int, time: int, more: int
) -> None:
    assert time_cap(amount, months, time) <= time_cap(amount, months, time + more) <= amount
    assert time_cap(amount, months, months * MONTH_MS) == amount
    assert time_cap(amount, months, months * MONTH_MS - 1) < amount or amount < months


# ---- the reserve


def test_two_keys_open_the_reserve(runtime: TokenomicsRuntime) -> None:
    runtime.tokenomics.unlock_reserve(ROOT, btt(1_000), u64(10))

    runtime.tokenomics.spend_reserve(BY_KEEPERS, btt(400), Id(BOB), PROOF)
    runtime.tokenomics.spend_reserve(BY_KEEPERS, btt(600), Id(BOB), PROOF)

    assert runtime.has(BOB) == 1_000 * ONE
    assert runtime.announced()[-1] == events.ReserveSpent(btt(600), BOB, PROOF)
    with refused(runtime, errors.CapExceeded):
        runtime.tokenomics.spend_reserve(BY_KEEPERS, u128(1), Id(BOB), PROOF)


def test_attack_either_key_alone_opens_nothing(runtime: TokenomicsRuntime) -> None:
    with refused(runtime, errors.ReserveLocked):
        runtime.tokenomics.spend_reserve(BY_KEEPERS, btt(1), Id(BOB), PROOF)
    with refused(runtime, BadOrigin):
        runtime.tokenomics.unlock_reserve(BY_KEEPERS, btt(1), u64(10))

    runtime.tokenomics.unlock_reserve(ROOT, btt(1), u64(10))

    for origin in (ROOT, BY_ALICE, BY_FOUNDATION):
        with refused(runtime, BadOrigin):
            runtime.tokenomics.spend_reserve(origin, btt(1), Id(BOB), PROOF)
    with refused(runtime, errors.NotDiscretionary):
        runtime.tokenomics.release_discretionary(ROOT, pool(RESERVE), btt(1), Id(BOB))


def test_attack_an_expired_cap_opens_nothing(runtime: TokenomicsRuntime) -> None:
    runtime.tokenomics.unlock_reserve(ROOT, btt(1), u64(10))
    runtime.clock.slot = 10
    with refused(runtime, errors.ReserveLocked):
        runtime.tokenomics.spend_reserve(BY_KEEPERS, btt(1), Id(BOB), PROOF)
    with refused(runtime, errors.ExpiryPassed):
        runtime.tokenomics.unlock_reserve(ROOT, btt(1), u64(10))


def test_attack_no_series_of_caps_passes_the_reserve(runtime: TokenomicsRuntime) -> None:
    whole = ALLOCATED["rsrv"]
    with refused(runtime, errors.CapExceeded):
        runtime.tokenomics.unlock_reserve(ROOT, u128(whole * ONE + 1), u64(10))
    runtime.tokenomics.unlock_reserve(ROOT, btt(whole - 1), u64(10))
    runtime.tokenomics.spend_reserve(BY_KEEPERS, btt(whole - 1), Id(BOB), PROOF)
    runtime.balances.transfer(ALICE, RESERVE, btt(1_000))  # a gift is not the reserve's to spend

    with refused(runtime, errors.CapExceeded):
        runtime.tokenomics.unlock_reserve(ROOT, btt(2), u64(10))
    runtime.tokenomics.unlock_reserve(ROOT, btt(1), u64(10))
    runtime.tokenomics.spend_reserve(BY_KEEPERS, btt(1), Id(BOB), PROOF)

    assert runtime.tokenomics.ledger.pools[pool(RESERVE)].released == whole * ONE


@pytest.mark.parametrize("to", [RESERVE, MINING, *FOUNDATION_PROGRAMMES])
def test_no_pool_pays_into_one_that_never_lets_it_out(
    runtime: TokenomicsRuntime, to: AccountId
) -> None:
    runtime.tokenomics.unlock_reserve(ROOT, btt(5), u64(10))
    with refused(runtime, errors.PoolClosed):
        runtime.tokenomics.spend_reserve(BY_KEEPERS, btt(5), Id(to), PROOF)
    with refused(runtime, errors.PoolClosed):
        runtime.tokenomics.release_discretionary(ROOT, pool(ECOSYSTEM), btt(5), Id(to))


def test_a_pool_that_pays_itself_is_refused(runtime: TokenomicsRuntime) -> None:
    with refused(runtime, errors.PoolClosed):
        runtime.tokenomics.release_discretionary(ROOT, pool(ECOSYSTEM), btt(5), Id(ECOSYSTEM))


def test_a_cap_of_nothing_locks_the_reserve_again(runtime: TokenomicsRuntime) -> None:
    runtime.tokenomics.unlock_reserve(ROOT, btt(5), u64(10))
    runtime.tokenomics.unlock_reserve(ROOT, u128(0), u64(0))
    with refused(runtime, errors.ReserveLocked):
        runtime.tokenomics.spend_reserve(BY_KEEPERS, btt(1), Id(BOB), PROOF)


# ---- burns


def test_the_launch_burns_by_itself_in_the_first_block_and_once(runtime: TokenomicsRuntime) -> None:
    runtime.tokenomics.on_initialize(1)
    runtime.clock.slot = 1
    runtime.tokenomics.on_initialize(2)

    assert runtime.has(ECOSYSTEM) == (ALLOCATED["ecos"] - 30_000) * ONE
    assert runtime.tokenomics.milestone_burns.milestone_burns[BurnId.MainnetLaunch].executed_at == 0
    assert runtime.tokenomics.supply().burned == 30_000 * ONE
    assert runtime.burned() == int(runtime.balances.total_burned.value)
    with refused(runtime, errors.AlreadyBurned):
        runtime.tokenomics.execute_milestone_burn(BY_ALICE, BurnId.MainnetLaunch)


@pytest.mark.parametrize(
    ("burn", "hospitals"), [(BurnId.Hospitals100, 100), (BurnId.Hospitals1000, 1_000)]
)
def test_hospitals_are_counted_before_their_burn(
    runtime: TokenomicsRuntime, burn: BurnId, hospitals: int
) -> None:
    runtime.registry.hospitals = hospitals - 1
    with refused(runtime, errors.TriggerNotMet):
        runtime.tokenomics.execute_milestone_burn(BY_ALICE, burn)

    runtime.registry.hospitals = hospitals
    runtime.tokenomics.execute_milestone_burn(BY_ALICE, burn)

    amount = runtime.tokenomics.milestone_burns.milestone_burns[burn].amount
    assert runtime.balances.total_burned.value == amount
    with refused(runtime, errors.AlreadyBurned):
        runtime.tokenomics.execute_milestone_burn(BY_ALICE, burn)


def test_a_link_without_traffic_is_neither_attested_nor_burned_for(
    runtime: TokenomicsRuntime,
) -> None:
    with refused(runtime, errors.NoTraffic):
        runtime.tokenomics.attest_cross_chain(ROOT)
    with refused(runtime, errors.NoTraffic):
        runtime.tokenomics.execute_milestone_burn(BY_ALICE, BurnId.CrossChain)


def test_the_link_to_other_chains_is_attested_before_its_burn(runtime: TokenomicsRuntime) -> None:
    runtime.tokenomics.milestone_burns.bridge = Traffic()
    with refused(runtime, errors.TriggerNotMet):
        runtime.tokenomics.execute_milestone_burn(BY_ALICE, BurnId.CrossChain)
    with refused(runtime, BadOrigin):
        runtime.tokenomics.attest_cross_chain(BY_FOUNDATION)

    runtime.tokenomics.attest_cross_chain(ROOT)
    runtime.tokenomics.execute_milestone_burn(BY_ALICE, BurnId.CrossChain)

    assert runtime.has(ECOSYSTEM) == (ALLOCATED["ecos"] - 100_000) * ONE
    with refused(runtime, errors.AlreadyAttested):
        runtime.tokenomics.attest_cross_chain(ROOT)


def test_a_burn_that_no_document_promised_is_unknown() -> None:
    runtime = TokenomicsRuntime()
    runtime.begin(milestoneBurns=[])
    with refused(runtime, errors.MilestoneUnknown):
        runtime.tokenomics.execute_milestone_burn(BY_ALICE, BurnId.MainnetLaunch)


def test_a_short_ecosystem_fund_is_filled_by_the_foundation_and_the_treasury(
    runtime: TokenomicsRuntime,
) -> None:
    runtime.tokenomics.set_ceiling_mode(ROOT, CeilingMode.Off)
    runtime.tokenomics.release_discretionary(
        ROOT, pool(ECOSYSTEM), btt(ALLOCATED["ecos"] - 10_000), Id(BOB)
    )
    runtime.attest_all(3)
    runtime.clock.slot = MONTH
    runtime.tokenomics.claim_programme(BY_ALICE, u32(3))  # 8,750 BTT
    runtime.balances.transfer(ALICE, FOUNDATION, btt(77_000))  # no account's to burn but its own
    runtime.tokenomics.milestone_burns.bridge = Traffic()
    runtime.tokenomics.attest_cross_chain(ROOT)

    with refused(runtime, errors.PoolExhausted):
        runtime.tokenomics.execute_milestone_burn(BY_ALICE, BurnId.CrossChain)
    runtime.balances.transfer(ALICE, TREASURY, btt(100_000))
    runtime.tokenomics.execute_milestone_burn(BY_ALICE, BurnId.CrossChain)

    assert runtime.has(ECOSYSTEM) == 0
    assert runtime.has(FOUNDATION) == 77_000 * ONE
    assert runtime.has(TREASURY) == 18_750 * ONE
    assert runtime.balances.total_burned.value == 100_000 * ONE
    assert runtime.burned() == 100_000 * ONE


def test_a_launch_without_enough_money_waits(runtime: TokenomicsRuntime) -> None:
    runtime.tokenomics.set_ceiling_mode(ROOT, CeilingMode.Off)
    runtime.tokenomics.release_discretionary(ROOT, pool(ECOSYSTEM), btt(ALLOCATED["ecos"]), Id(BOB))
    runtime.tokenomics.on_initialize(1)
    assert runtime.balances.total_burned.value == 0

    runtime.balances.transfer(BOB, ECOSYSTEM, btt(30_000))
    runtime.tokenomics.on_initialize(2)

    assert runtime.balances.total_burned.value == 30_000 * ONE


def test_what_owners_burn_is_counted_as_their_will(runtime: TokenomicsRuntime) -> None:
    runtime.balances.burn(BY_ALICE, btt(5), keep_alive=True)
    runtime.tokenomics.destroy(STAKING, btt(2), BurnReason.Staking)
    runtime.balances.burn(BY_ALICE, u128(0), keep_alive=True)

    assert runtime.tokenomics.burned_by[BurnReason.Voluntary] == 5 * ONE
    assert runtime.tokenomics.burned_by[BurnReason.Staking] == 2 * ONE
    assert runtime.burned() == int(runtime.balances.total_burned.value) == 7 * ONE
    assert runtime.tokenomics.ledger.pools[pool(STAKING)].burned == 2 * ONE


def test_no_account_burns_what_is_not_there(runtime: TokenomicsRuntime) -> None:
    with refused(runtime, errors.PoolExhausted):
        runtime.tokenomics.destroy(GRANTS, btt(378_001), BurnReason.Milestone)
    with refused(runtime, TokenError(TokenErrorKind.FundsUnavailable)):
        runtime.tokenomics.destroy(BOB, btt(1), BurnReason.Slash)
    runtime.tokenomics.destroy(BOB, u128(0), BurnReason.Slash)


# ---- fees


def test_the_legs_of_a_compute_fee_go_where_they_belong(runtime: TokenomicsRuntime) -> None:
    runtime.balances.transfer(ALICE, FOUNDATION, btt(1))
    gross = 10_000 * ONE
    split = split_compute(gross, int(runtime.tokenomics.threshold()))
    held = runtime.has(ALICE)

    runtime.tokenomics.take(ALICE, split, BurnReason.Compute)

    assert runtime.has(ALICE) == held - gross + int(split.contributors)
    assert runtime.has(DEVELOPMENT_FUND) == split.development
    assert runtime.has(FOUNDATION) == ONE + int(split.foundation)
    assert runtime.has(OPERATIONS) == split.reserve
    assert runtime.tokenomics.burned_by[BurnReason.Compute] == split.burn == 300 * ONE
    assert runtime.tokenomics.dividends.compute_inflow_of_era() == split.development
    reported = events.TokensBurned(ALICE, split.burn, BurnReason.Compute)
    assert reported in runtime.announced()


def test_an_account_may_end_with_the_fee_it_pays(runtime: TokenomicsRuntime) -> None:
    gross = 2 * 10**15
    runtime.balances.transfer(ALICE, BOB, u128(gross))
    split = split_compute(gross, int(runtime.tokenomics.threshold()))
    before = int(runtime.balances.total_issuance.value)

    runtime.tokenomics.take(BOB, split, BurnReason.Compute, [(CAROL, split.contributors)])

    assert runtime.has(BOB) == 0
    assert runtime.has(CAROL) == split.contributors
    # The Foundation's account is not open yet: so small a leg goes to the treasury.
    assert runtime.has(TREASURY) == split.foundation
    assert runtime.balances.total_issuance.value == before - int(split.burn)
    assert runtime.burned() == int(runtime.balances.total_burned.value)


def test_platform_fees_are_no_compute_inflow(runtime: TokenomicsRuntime) -> None:
    split = split_platform(600 * ONE, PAYFI, 10**30, int(runtime.tokenomics.threshold()))

    runtime.tokenomics.take(ALICE, split, BurnReason.Payfi)

    assert runtime.tokenomics.dividends.compute_inflow_of_era() == 0
    assert runtime.tokenomics.burned_by[BurnReason.Payfi] == 6 * ONE
    assert runtime.has(DEVELOPMENT_FUND) == 297 * ONE


def test_who_cannot_pay_pays_nothing(runtime: TokenomicsRuntime) -> None:
    split = split_compute(10 * ONE, 1)
    with refused(runtime, TokenError(TokenErrorKind.FundsUnavailable)):
        runtime.tokenomics.take(BOB, split, BurnReason.Compute)
    with pytest.raises(ValueError, match="earners get 1 planck of a leg of"):
        runtime.tokenomics.take(ALICE, split, BurnReason.Compute, [(CAROL, u128(1))])


# ---- the stakers' part


def test_no_other_account_spends_what_is_set_aside_for_stakers(runtime: TokenomicsRuntime) -> None:
    split = split_compute(10_000 * ONE, int(runtime.tokenomics.threshold()))
    runtime.tokenomics.take(ALICE, split, BurnReason.Compute)
    inflow = runtime.tokenomics.dividends.compute_inflow_of_era()
    part = u128(int(inflow) // 5)
    with refused(runtime, errors.PoolExhausted):  # the era is not closed
        runtime.tokenomics.release_discretionary(ROOT, pool(DEVELOPMENT_FUND), btt(1), Id(BOB))

    runtime.tokenomics.dividends.earmark(part)

    assert runtime.tokenomics.dividends.compute_inflow_of_era() == 0
    rest = inflow - part
    assert runtime.tokenomics.payments.available(DEVELOPMENT_FUND) == rest
    with refused(runtime, errors.PoolExhausted):
        runtime.tokenomics.release_discretionary(
            ROOT, pool(DEVELOPMENT_FUND), rest + u128(1), Id(BOB)
        )
    runtime.tokenomics.release_discretionary(ROOT, pool(DEVELOPMENT_FUND), rest, Id(BOB))
    runtime.tokenomics.dividends.pay_earmarked(CAROL, part)
    assert runtime.has(CAROL) == part
    assert runtime.has(DEVELOPMENT_FUND) == runtime.tokenomics.dividends.earmarked.value == 0


def test_not_more_is_set_aside_than_came_in_nor_paid_than_is_set_aside(
    runtime: TokenomicsRuntime,
) -> None:
    runtime.balances.transfer(ALICE, DEVELOPMENT_FUND, btt(10))
    with refused(runtime, errors.PoolExhausted):
        runtime.tokenomics.dividends.earmark(u128(1))
    with refused(runtime, errors.PoolExhausted):
        runtime.tokenomics.dividends.pay_earmarked(BOB, u128(1))
    runtime.tokenomics.dividends.earmark(u128(0))
    runtime.tokenomics.dividends.pay_earmarked(BOB, u128(0))
    runtime.tokenomics.pay(STAKING, BOB, u128(0), discretionary=False)


def test_a_dividend_of_genesis_money_counts_as_a_release(runtime: TokenomicsRuntime) -> None:
    tokenomics = runtime.tokenomics
    runtime.balances.transfer(ALICE, DEVELOPMENT_FUND, btt(10))
    tokenomics.ledger.open()
    split = split_compute(10_000 * ONE, int(tokenomics.threshold()))
    tokenomics.take(ALICE, split, BurnReason.Compute)
    inflow = tokenomics.dividends.compute_inflow_of_era()
    assert inflow > btt(10)
    tokenomics.dividends.earmark(inflow)
    first = btt(4)
    for amount, counted in ((first, first), (u128(inflow - first), btt(10))):
        tokenomics.dividends.pay_earmarked(CAROL, amount)
        assert tokenomics.releases.released_total.value == counted
    assert tokenomics.ledger.entry(DEVELOPMENT_FUND).released == inflow


# ---- gifts


def test_any_account_may_feed_a_pool(runtime: TokenomicsRuntime) -> None:
    runtime.tokenomics.top_up_pool(BY_ALICE, pool(HEALTH), btt(7))

    status = next(each for each in runtime.tokenomics.ledger.statuses() if each.account == HEALTH)
    assert int(status.balance) == int(status.allocated) + 7 * ONE
    assert runtime.announced()[-1] == events.PoolToppedUp(pool(HEALTH), ALICE, btt(7))


@pytest.mark.parametrize("account", [MINING, STAKING, RESERVE, *FOUNDATION_PROGRAMMES, ALICE])
def test_a_gift_that_would_be_stuck_or_upset_ledger_is_refused(
    runtime: TokenomicsRuntime, account: AccountId
) -> None:
    with refused(runtime, errors.PoolClosed):
        runtime.tokenomics.top_up_pool(BY_ALICE, pool(account), btt(1))
