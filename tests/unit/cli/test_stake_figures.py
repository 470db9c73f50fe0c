"""Figures of stakes that commands show."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import cast

import pytest

from btt_chain.client.amount import BTT as CURRENCY
from btt_chain.client.chain import Chain
from btt_chain.client.views import ViewClient, plain
from btt_chain.present import Context
from btt_chain.scale import u8, u32, u64, u128, u256
from btt_chain.scale.portable import Plain
from cli.commands.stake import BENEFITS, OpenStake, find, net_of, open_stakes
from cli.common.errors import NotFound
from runtime.constants import BTT
from runtime.pallets.tier_staking import ONE, WARM_UP_MS, Benefit, Holdings, Position, Stake

DAY_MS = 86_400_000
TERMS = Stake(
    u128(1_000 * BTT), u8(0), u64(0), u64(30 * DAY_MS), u128(24 * BTT), u128(BTT // 2), u256(0),
    u32(300), u32(500),
)  # fmt: skip
POSITION = Position(u32(3), u8(0), u8(1), u64(0), u64(30 * DAY_MS), u128(1_000 * BTT))


class StoredStake:
    """A chain with one stake, or none."""

    def __init__(self, holdings: Holdings | None) -> None:
        self.holdings = holdings

    async def storage(self, path: str, *_: Plain) -> Plain:
        return 2 * ONE if path.endswith("AccDividend") else plain(self.holdings)

    async def storage_many(self, _: str, keys: list[list[Plain]]) -> list[Plain]:
        return [plain(TERMS) for _ in keys]

    def constant(self, _: str) -> Plain:
        return WARM_UP_MS


def stakes(now: int, holdings: Holdings | None) -> list[OpenStake]:
    chain = ViewClient(cast("Chain", StoredStake(holdings)))
    return asyncio.run(open_stakes(chain, bytes(32), now))


def open_stake(now: int) -> OpenStake:
    (stake,) = stakes(now, Holdings(u128(24 * BTT), [POSITION]))
    return stake


def test_a_stake_has_earned_a_part_of_its_reward_and_forfeits_the_rest() -> None:
    stake = open_stake(10 * DAY_MS)
    earned = 1_000 * BTT * 300 * 10 // (10_000 * 365)
    assert int(stake.due) == earned - BTT // 2
    assert int(stake.due_net) == net_of(int(stake.due), 500)
    assert int(stake.forfeited) == net_of(24 * BTT - earned, 500)
    assert int(stake.dividend) == 2_000 * BTT
    assert int(stake.benefits_from) == WARM_UP_MS


def test_a_stake_that_is_over_earns_nothing_more_and_can_be_closed() -> None:
    context = Context(currency=CURRENCY)
    early, over, later = (open_stake(days * DAY_MS) for days in (10, 30, 99))
    assert replace(later, now=over.now) == over
    assert "cannot end it before" in early.early_end(context)
    assert over.early_end(context) == "its term is over, and it can be closed"
    assert (early.ends(context), over.ends(context)) == ("in 20 days", "over")


def test_every_benefit_of_the_pallet_has_a_name() -> None:
    assert set(BENEFITS) == {int(benefit) for benefit in Benefit}


def test_a_stake_that_is_not_open_is_answered_with_those_that_are() -> None:
    assert find([open_stake(30 * DAY_MS)], 3).stake == 3
    with pytest.raises(NotFound, match="no open stake 4; open are: 3"):
        find([open_stake(30 * DAY_MS)], 4)
    assert stakes(0, None) == []
    with pytest.raises(NotFound, match="open are: none"):
        find([], 0)
