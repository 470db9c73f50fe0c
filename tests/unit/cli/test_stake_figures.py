"""Figures of stakes that commands show."""

from __future__ import annotations

from dataclasses import replace

import pytest

from btt_chain.client.amount import BTT as CURRENCY
from btt_chain.present import Context
from btt_chain.scale import u8, u32, u64, u128, u256
from cli.commands.stake import BENEFITS, OpenStake, find, net_of, open_stake
from cli.common.errors import NotFound
from runtime.constants import BTT
from runtime.pallets.tier_staking.formulas import ONE, WARM_UP_MS
from runtime.pallets.tier_staking.types import Benefit, Position, Stake

DAY_MS = 86_400_000
TERMS = Stake(
    u128(1_000 * BTT), u8(0), u64(0), u64(30 * DAY_MS), u128(24 * BTT), u128(0), u256(0),
    u32(300), u32(500),
)  # fmt: skip
POSITION = Position(u32(3), u8(0), u8(1), u64(0), u64(30 * DAY_MS), u128(1_000 * BTT))


def stake_after(days: int, claimed: int = 0) -> OpenStake:
    terms = replace(TERMS, gross_claimed=u128(claimed))
    return open_stake(POSITION, terms, days * DAY_MS, WARM_UP_MS, 2 * ONE)


def test_a_stake_has_earned_a_part_of_its_reward_and_forfeits_the_rest() -> None:
    stake, earned = stake_after(10, claimed=BTT // 2), 1_000 * BTT * 300 * 10 // (10_000 * 365)
    assert int(stake.due) == earned - BTT // 2
    assert int(stake.due_net) == net_of(int(stake.due), 500)
    assert int(stake.forfeited) == net_of(24 * BTT - earned, 500)
    assert int(stake.dividend) == 2_000 * BTT
    assert int(stake.benefits_from) == WARM_UP_MS


def test_a_stake_that_is_over_earns_nothing_more_and_can_be_closed() -> None:
    context = Context(currency=CURRENCY)
    early, over, later = map(stake_after, (10, 30, 99))
    assert replace(later, now=over.now) == over
    assert "cannot end it before" in early.early_end(context)
    assert over.early_end(context) == "its term is over, and it can be closed"
    assert (early.ends(context), over.ends(context)) == ("in 20 days", "over")


def test_every_benefit_of_the_pallet_has_a_name() -> None:
    assert set(BENEFITS) == {int(benefit) for benefit in Benefit}


def test_a_stake_that_is_not_open_is_answered_with_those_that_are() -> None:
    assert find([stake_after(0)], 3).stake == 3
    with pytest.raises(NotFound, match="no open stake 4; open are: 3"):
        find([stake_after(0)], 4)
    with pytest.raises(NotFound, match="open are: none"):
        find([], 0)
