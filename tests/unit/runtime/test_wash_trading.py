"""Paying oneself: through the real pallets this is a loss, also for the Foundation.

The arithmetic of docs/useful-work.md. The burn b comes off the top, so of
a price P the provider gets 0.70 * (1 - b) * P, and *fees* F = b * P + 0.30 * (1 - b) * P are gone.
Mining gives back at most kappa * F, kappa = 0.18. An attacker who has the share p of what can be
selected, computes nothing, and bribes or is every verifier, ends with

    net = -P + p * (0.70 * (1 - b) * P + kappa * F)            as any requester
    net + 0.25 * (1 - b) * P                                   as development fund and Foundation

With p = 1 that is -(1 - kappa) * F: a quarter of the price at least. For the insider it is
0.05 * (1 - b) * P + b * P - kappa * F short of nothing: negative for every kappa below
(0.05 + 0.95 * b) / (0.30 + 0.70 * b), which is 0.193 at the lowest burn.
"""

from __future__ import annotations

from fractions import Fraction
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from btt_chain.primitives.digest import H256
from btt_chain.scale import u32, u64, u128
from btt_chain.work.race import raced
from runtime.accounts import DEVELOPMENT_FUND, OPERATIONS, TREASURY
from runtime.constants import BTT
from runtime.frame import ROOT, signed
from runtime.pallets.jobs.types import Check, JobState, Tier
from runtime.pallets.mining.types import PARTS
from runtime.params import WorkRules
from runtime.splits import split_compute
from support.market import ALICE, EPOCH, RANDOMNESS, Claim, Market, person
from support.tiers import amount

HONEST = Claim(4)
INSIDERS = (DEVELOPMENT_FUND, TREASURY)
"""The development fund, and who gets the Foundation's leg as long as it has no account."""
PPM = 10**6
KAPPA = 180_000
"""Of every fee, in parts of a million."""
THRESHOLD = 10_000 * int(BTT)
"""The price from which burns are at their highest, as genesis has it."""
LOWEST, HIGHEST = 1, 2_000_000_000
"""Mebibytes of data: the least price, and 20,000 BTT, where the burn is at its highest."""


def paid_oneself(
    mib: int, *, others: bool = False, check: Check = Check.Sampled, tier: Tier = Tier.Open
) -> tuple[Market, int, int, int, int]:
    """Do one's own job, or have another provider do it; return the market, price, fees and gains.

    Alice is the requester, the verifiers and, but for others, every provider. The gains are
    hers, and hers with the development fund's and the Foundation's.
    """
    market = measured(Market())
    for who in market.provider_accounts:
        market.providers.bond_extra(signed(who), u128(300_000 * BTT))
    for who in market.verifier_accounts:  # two prices, or they are not selected
        market.receipts.bond_extra(signed(who), u128(40_000 * BTT))
    hers = [ALICE, *market.verifier_accounts, *([] if others else market.provider_accounts)]
    before, inside = (sum(market.wealth(*who)) for who in (hers, (*hers, *INSIDERS)))
    job = market.post(data_bytes=u64(mib << 20), check=check, tier=tier)
    price = int(market.job(job).price)
    market.finish(job, HONEST)
    claim_all(market)
    market.audit()
    split = split_compute(price, int(market.tokenomics.threshold()))
    after, within = (sum(market.wealth(*who)) for who in (hers, (*hers, *INSIDERS)))
    return market, price, price - int(split.contributors), after - before, within - inside


def measured(market: Market) -> Market:
    """Attest all providers the usual energy: one that is not attested has a fifth less."""
    usual = market.mining.params.peek().median_energy
    for who in market.provider_accounts:
        market.mining.attest_energy(ROOT, who, usual)
    return market


def claim_all(market: Market) -> None:
    """End the era, and have all accounts claim the rewards."""
    market.step(EPOCH)
    last = u32(int(market.mining.eras.era_index.value) - 1)
    for who in market.provider_accounts:
        market.tried(who, "Mining.claim_rewards", era_from=u32(0), era_to=last)


@pytest.mark.parametrize("mib", [LOWEST, HIGHEST])
def test_the_arithmetic_of_paying_oneself_is_that_of_the_design(mib: int) -> None:
    _, price, fees, outsider, insider = paid_oneself(mib)
    split = split_compute(price, THRESHOLD)
    reward = fees * KAPPA // PPM
    assert 0.307 * price <= fees <= 0.3211 * price
    # Alone, with every key and every verifier: p = 1.
    assert outsider == reward - fees
    assert insider == outsider + int(split.development) + int(split.foundation)
    assert insider < 0
    # And the part of other providers is lost in addition: p = 0.
    _, _, _, without, inside = paid_oneself(mib, others=True)
    assert without == -price
    assert inside == int(split.development) + int(split.foundation) - price
    # In between it is the mean: p = 0.3.
    mean = 0.3 * outsider + 0.7 * without
    assert mean == pytest.approx(-price + 0.3 * (int(split.contributors) + reward))
    assert mean < -0.76 * price


@given(price=st.integers(10**15, 10**26), p=st.integers(0, PPM), jobs=st.integers(1, 10**6))
def test_no_price_and_no_share_of_the_selections_gains(price: int, p: int, jobs: int) -> None:
    """To the planck: rounding helps no party, and splitting a price into many jobs does not."""
    each = max(10**15, price // jobs)
    split = split_compute(each, THRESHOLD)
    fees = each - int(split.contributors)
    mine = int(split.contributors) + fees * KAPPA // PPM
    outsider = Fraction(p * mine, PPM) - each
    insider = outsider + int(split.development) + int(split.foundation)
    assert outsider <= Fraction(KAPPA * fees, PPM) - fees < 0
    assert insider < 0


@settings(max_examples=amount(3, 6))
@given(
    keys=st.integers(1, 12),
    others=st.integers(1, 4),
    mib=st.sampled_from((100_000, 2_000_000)),
    check=st.sampled_from(Check),
)
def test_a_run_of_own_jobs_costs_what_the_selections_imply_and_never_gains(
    keys: int, others: int, mib: int, check: Check
) -> None:
    """An attacker with so many keys, its bond split among them, against so many others."""
    market = measured(Market(providers=keys + others))
    mine = market.provider_accounts[:keys]
    for who in mine:  # as much as one other has, all together
        part = 5_000 * BTT - 5_000 * BTT // keys
        if part:
            market.providers.unbond(signed(who), u128(part))
    hers = [ALICE, *mine, *market.verifier_accounts]
    before, won, jobs, price, fees = sum(market.wealth(*hers)), 0, 4, 0, 0
    for _ in range(jobs):
        job = market.post(data_bytes=u64(mib << 20), check=check)
        price = int(market.job(job).price)
        fees = price - int(split_compute(price, THRESHOLD).contributors)
        market.until(job, JobState.Assigned)
        won += market.provider(job) in mine
        market.finish(job, HONEST)
    claim_all(market)
    market.audit()
    gained = sum(market.wealth(*hers)) - before
    spent = jobs * price - won * (price - fees)
    assert -spent <= gained <= won * (fees * KAPPA // PPM + 1) - spent
    assert gained < 0


def test_a_bribed_committee_changes_only_the_receiver_of_the_fees() -> None:
    """Verifiers who look at nothing and say valid: what was computed is not even right."""
    lies = Claim(4, [(item, 1, 3) for item in range(4)])
    market = measured(Market())
    hers = [ALICE, *market.provider_accounts, *market.verifier_accounts]
    before = sum(market.wealth(*hers))
    job = market.post(data_bytes=u64(2_000_000 << 20))
    price = int(market.job(job).price)
    receipt = market.checking(job, lies)
    market.vote(receipt, lies)
    assert market.until(job, JobState.Finalized).state is JobState.Finalized
    claim_all(market)
    fees = price - int(split_compute(price, THRESHOLD).contributors)
    assert sum(market.wealth(*hers)) - before == fees * KAPPA // PPM - fees < 0


def test_the_same_job_again_and_again_loses_each_time() -> None:
    """Recycled inputs cost nothing to compute; the fees of each receipt are gone all the same."""
    market = measured(Market())
    hers = [ALICE, *market.provider_accounts, *market.verifier_accounts]
    wealth = [sum(market.wealth(*hers))]
    for _ in range(3):
        market.finish(market.post(data_bytes=u64(2_000_000 << 20)), HONEST)
        claim_all(market)
        wealth.append(sum(market.wealth(*hers)))
    losses = [later - earlier for earlier, later in pairwise(wealth)]
    assert all(loss < 0 for loss in losses)


def test_with_too_few_selectable_operators_nothing_is_mined_or_scored() -> None:
    """A class of one's own: every selection is won, and the work counts for nothing."""
    rules = WorkRules(committee=u32(3), quorum=u32(2), min_operators=u32(8))
    market = Market(rules, providers=7)
    job = market.post(data_bytes=u64(2_000_000 << 20))
    market.finish(job, HONEST)
    assert not market.job(job).scores
    era = int(market.mining.eras.era_index.value)
    assert not market.mining.eras.running.value.score
    assert all(market.mining.estimate(who, era) is None for who in market.provider_accounts)
    assert not [row for row in market.providers.work_scores.windows.items() if any(row[1])]


@settings(max_examples=amount(5, 12))
@given(
    honest=st.lists(st.integers(1, 10**6), min_size=1, max_size=4),
    share=st.integers(1, 66),
    overpaid=st.integers(1, 50),
)
def test_a_share_of_the_score_costs_its_share_of_all_fees(
    honest: list[int], share: int, overpaid: int
) -> None:
    """To have the part a of the window one burns a / (1 - a) of what all others' users paid."""
    market = Market(providers=2)
    mining, (other, mine) = market.mining, market.provider_accounts
    price = int(mining.prices.fee_price.value)
    paid = 0
    for number, units in enumerate(honest):
        receipt = H256(bytes((1, number)) * 16)
        counted, _ = mining.record(other, receipt, units, u128(units * price), verified=False)
        assert counted == units * PARTS
        paid += units * price
    wanted = -(-sum(honest) * share // (100 - share))
    # Junk work without a payment does not count, and a price too high buys nothing more.
    assert mining.record(mine, RANDOMNESS, 10**12, u128(0), verified=False) == (0, 0)
    least = wanted * price
    name = H256(b"\2" * 32)
    counted, _ = mining.record(mine, name, 10**12, u128(least), verified=False)
    assert counted <= least * PARTS // price
    again = H256(b"\3" * 32)
    extra, _ = mining.record(mine, again, wanted, u128(overpaid * least), verified=False)
    assert extra <= wanted * PARTS
    a = Fraction(counted, counted + sum(honest) * PARTS)
    assert least >= a / (1 - a) * paid


def test_an_insider_pays_a_fifteenth_of_the_price_for_its_score() -> None:
    """An owner of the development fund and the Foundation still loses the burn and 5 %."""
    market = Market()
    job = market.post(data_bytes=u64(2_000_000 << 20))
    price = int(market.job(job).price)
    burned, reserve = int(market.balances.total_burned.value), market.wealth(OPERATIONS)[0]
    market.finish(job, HONEST)
    gone = int(market.balances.total_burned.value) - burned + market.wealth(OPERATIONS)[0] - reserve
    assert 0.0595 * price <= gone <= 0.08 * price
    assert gone > (price - int(split_compute(price, THRESHOLD).contributors)) * KAPPA // PPM


def test_keys_are_selected_by_bond_and_not_by_their_number() -> None:
    """A hundred keys with the bond of one are selected about as often as the one."""
    names = [person(f"key {number}") for number in range(100)]
    one, other = person("one"), person("other")
    runs, wins, split = 100, 0, 0
    for number in range(runs):
        seed = number.to_bytes(32, "big")
        wins += raced(seed, [one, other], [10_000, 10_000])[0] == 0
        split += raced(seed, [*names, other], [*[100] * 100, 10_000])[0] < 100
    assert abs(wins - runs // 2) < 20
    assert abs(split - runs // 2) < 20


def test_capacity_that_is_only_registered_earns_nothing() -> None:
    """A crowd of providers and a day without jobs: no party gains, and all of it is unallocated."""
    market = Market(providers=40)
    before = market.wealth(*market.provider_accounts)
    for _ in range(5):
        for who in market.provider_accounts:
            market.tried(who, "Providers.heartbeat")
        claim_all(market)
    assert market.wealth(*market.provider_accounts) == before
    assert not market.mining.ledger.owed.value
    assert market.mining.ledger.unallocated.value > 0


def test_confidential_work_that_only_its_payer_looked_at_scores_nothing() -> None:
    market = Market()
    key_claim = Claim(4, key=b"0123456789abcdef" * 2)
    job = market.post(tier=Tier.Confidential, data_bytes=u64(2_000_000 << 20))
    market.accepted(job)
    receipt = market.submit(job, key_claim)
    market.do(ALICE, "Receipts.accept_result", receipt=receipt)
    assert market.until(job, JobState.Finalized).state is JobState.Finalized
    assert not market.mining.eras.running.value.score
    assert not [row for row in market.providers.work_scores.windows.items() if any(row[1])]
