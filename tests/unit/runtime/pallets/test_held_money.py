"""Money on hold is paid out, taken apart and destroyed to the planck, whatever locks lie on it."""

from __future__ import annotations

import pytest

from btt_chain.primitives.account import AccountId
from btt_chain.scale import u128
from runtime.accounts import DEVELOPMENT_FUND, OPERATIONS, TREASURY
from runtime.constants import BTT
from runtime.frame import TokenError
from runtime.frame.traits import Reasons
from runtime.pallets.balances import events as balances_events
from runtime.pallets.tokenomics import events as tokenomics_events
from runtime.pallets.tokenomics.types import BurnReason
from runtime.splits import split_compute
from support.market import ALICE, BOB, RICH, Market, person

HELD = u128(100 * BTT)


@pytest.fixture
def market() -> Market:
    market = Market()
    market.balances.hold(market.jobs.reason, ALICE, HELD)
    return market


def take(market: Market, gross: int, *earners: tuple[AccountId, int]) -> None:
    split = split_compute(gross, int(market.tokenomics.threshold()))
    parts = [(who, u128(part)) for who, part in earners] or [(BOB, split.contributors)]
    market.tokenomics.take_held(market.jobs.reason, ALICE, split, BurnReason.Compute, parts)


def test_the_legs_of_a_fee_come_out_of_what_is_held(market: Market) -> None:
    gross = 10 * int(BTT)
    split = split_compute(gross, int(market.tokenomics.threshold()))
    places = (BOB, DEVELOPMENT_FUND, TREASURY, OPERATIONS)
    before = market.wealth(*places)
    take(market, gross)
    gained = [new - old for new, old in zip(market.wealth(*places), before, strict=True)]
    assert gained == [split.contributors, split.development, split.foundation, split.reserve]
    assert market.balances.held(market.jobs.reason, ALICE) == HELD - gross
    assert market.tokenomics.burned_by[BurnReason.Compute] == split.burn
    assert market.tokenomics.dividends.compute_inflow.value == split.development
    assert (
        tokenomics_events.TokensBurned(ALICE, split.burn, BurnReason.Compute) in market.announced()
    )


def test_who_earns_a_leg_must_earn_all_of_it(market: Market) -> None:
    with pytest.raises(ValueError, match="planck of a leg of"):
        take(market, 1_000, (BOB, 1))


def test_no_account_takes_more_than_is_held(market: Market) -> None:
    with pytest.raises(TokenError):
        take(market, 200 * int(BTT))
    with pytest.raises(TokenError):
        market.tokenomics.pay_held(market.jobs.reason, ALICE, BOB, u128(HELD + 1))
    with pytest.raises(TokenError):
        market.tokenomics.destroy_held(market.jobs.reason, ALICE, u128(HELD + 1), BurnReason.Slash)


def test_too_little_to_open_an_account_with_goes_to_the_treasury(market: Market) -> None:
    no_account, treasury = person("unknown"), market.wealth(TREASURY)[0]
    market.tokenomics.pay_held(market.jobs.reason, ALICE, no_account, u128(10**15 - 1))
    assert market.wealth(no_account, TREASURY) == [0, treasury + 10**15 - 1]
    market.tokenomics.pay_held(market.jobs.reason, ALICE, no_account, u128(10**15))
    assert market.wealth(no_account) == [10**15]


def test_of_a_bond_what_a_lock_leans_on_is_destroyed_and_not_paid(market: Market) -> None:
    verifier, reason = market.verifier_accounts[0], market.receipts.reason
    total, bob = market.balances.total(verifier), market.wealth(BOB)[0]
    market.balances.set_lock(b"vesting ", verifier, total - u128(3 * BTT), Reasons.All)
    market.tokenomics.pay_held(reason, verifier, BOB, u128(5 * BTT))
    assert market.wealth(BOB)[0] - bob == 3 * BTT
    assert market.tokenomics.burned_by[BurnReason.Slash] == 2 * BTT
    assert market.balances.total(verifier) == total - u128(5 * BTT)


def test_what_is_destroyed_is_counted_by_why(market: Market) -> None:
    market.tokenomics.destroy_held(market.jobs.reason, ALICE, u128(7), BurnReason.Slash)
    market.tokenomics.destroy_held(market.jobs.reason, ALICE, u128(0), BurnReason.Slash)
    assert market.tokenomics.burned_by[BurnReason.Slash] == 7
    assert market.balances.total_burned.value == 7
    assert market.wealth(ALICE) == [RICH - 7]
    burned = [one for one in market.announced() if isinstance(one, balances_events.BurnedHeld)]
    assert len(burned) == 1
