"""Positions: the stakes of an account in one record, and the benefits that follow from them."""

from __future__ import annotations

from typing import Final

from btt_chain.primitives.account import AccountId
from btt_chain.scale import u32, u128
from runtime.frame import Component, Map
from runtime.pallets.tier_staking.formulas import (
    DISCOUNT,
    PRIORITY,
    SPECIAL,
    VOTE,
    is_warm,
    window_of,
)
from runtime.pallets.tier_staking.time import MsClock
from runtime.pallets.tier_staking.types import Benefits, Holdings, Position, StakedMoney, Window
from runtime.splits import BPS

NO_BENEFITS: Final = Benefits(False, u32(0), u32(BPS), False)


class Positions(Component):
    """Open stakes by account, and their benefits."""

    time: MsClock
    warm_up: int
    discount_share: u32
    vote_multiplier_bps: u32

    holdings = Map(AccountId, Holdings)
    """Open stakes of an account in one record, with their benefits."""
    discounts = Map(AccountId, Window)
    """Times of accounts' fee discounts: read for every transaction, so the record is small."""

    # ---- public interface: benefits

    def benefits(self, who: AccountId) -> Benefits:
        """Return the current benefits of the stakes of `who`, with one read.

        A stake has benefits from the end of its warm-up until its term ends, even if it is not
        closed then: money that can be withdrawn at any moment has none.
        """
        benefits = self._benefits_of(who)
        if not benefits:
            return NO_BENEFITS
        return Benefits(
            bool(benefits & PRIORITY),
            self.discount_share if benefits & DISCOUNT else u32(0),
            self.vote_multiplier_bps if benefits & VOTE else u32(BPS),
            bool(benefits & SPECIAL),
        )

    def discount_bps(self, who: AccountId) -> int:
        """Return the discount of `who` on transaction fees, in hundredths of a percent."""
        window = self.discounts.peek(who)
        if window is None or not window.covers(self.time.now()):
            return 0
        return int(self.discount_share)

    def active_stake(self, who: AccountId) -> u128:
        """Return the sum of principals of the active stakes of `who`, in planck."""
        return u128(sum(int(position.amount) for position in self.active(who)))

    def staked_of(self, who: AccountId) -> StakedMoney:
        """Return all stakes of `who`, by their present vote weight.

        Stakes in warm-up, or whose term is over, vote like short ones.
        """
        holdings = self.holdings_of(who)
        total = sum(int(position.amount) for position in holdings.positions)
        long = sum(int(one.amount) for one in self.active(who) if one.benefits & VOTE)
        return StakedMoney(u128(long), u128(total - long))

    def lasting(self, who: AccountId, slots: int) -> StakedMoney:
        """Return the part of `staked_of` that stays on hold for at least `slots` more slots."""
        holdings = self.holdings.get(who)
        positions = holdings.positions if holdings is not None else []
        now, warm_up = self.time.now(), self.warm_up
        end = now + slots * self.time.slot_ms
        kept = [one for one in positions if one.until >= end]
        total = sum(int(one.amount) for one in kept)
        votes = [one for one in kept if one.benefits & VOTE and is_warm(one, now, warm_up)]
        long = sum(int(one.amount) for one in votes)
        return StakedMoney(u128(long), u128(total - long))

    def active(self, who: AccountId) -> list[Position]:
        """Return the stakes of `who` after their warm-up and before the end of their term."""
        holdings = self.holdings.get(who)
        if holdings is None:
            return []
        now, warm_up = self.time.now(), self.warm_up
        return [one for one in holdings.positions if now < one.until and is_warm(one, now, warm_up)]

    # ---- public interface: changes

    def holdings_of(self, who: AccountId) -> Holdings:
        """Return the open stakes of `who`; an empty record if there are none."""
        return self.holdings.get(who) or Holdings()

    def store(self, who: AccountId, holdings: Holdings) -> None:
        """Store an account's holdings and discount; remove empty records."""
        if holdings.positions:
            self.holdings[who] = holdings
        else:
            del self.holdings[who]
        window = window_of(holdings.positions, DISCOUNT, self.time.now(), self.warm_up)
        if window is None:
            del self.discounts[who]
        else:
            self.discounts[who] = window

    # ---- internals

    def _benefits_of(self, who: AccountId) -> int:
        benefits = 0
        for position in self.active(who):
            benefits |= position.benefits
        return benefits


def take_position(holdings: Holdings, id: u32) -> Position:
    """Remove the position of a stake from `holdings`, and return it."""
    place = next(at for at, one in enumerate(holdings.positions) if one.id == id)
    return holdings.positions.pop(place)
