"""Dividends: the stakers' share of the compute income, divided among all stakes.

An accumulator holds the dividends of one staked planck since genesis; a stake is owed its growth
since the stake's last payment.
"""

from __future__ import annotations

from typing import Protocol

from btt_chain.primitives.account import AccountId
from btt_chain.scale import u32, u128, u256
from runtime.frame import Component, Value
from runtime.pallets.tier_staking import errors, events
from runtime.pallets.tier_staking.formulas import ONE
from runtime.pallets.tier_staking.types import Stake
from runtime.splits import BPS, mul_div


class Dividends(Protocol):
    """The stakers' share of the development fund; Tokenomics implements it. In planck."""

    def compute_inflow_of_era(self) -> u128:
        """Return the fund's income from compute fees since the last `earmark`."""

    def earmark(self, amount: u128) -> None:
        """Reserve that much of it until `pay_earmarked`, and reset the income to zero."""

    def pay_earmarked(self, to: AccountId, amount: u128) -> None:
        """Pay from the earmarked amount."""


class DividendAccounting(Component):
    """Dividends distributed to stakes, owed to them, and paid."""

    dividends: Dividends

    dividend_bps = Value(u32, default=u32(2_000))
    """Stakers' share of the development fund's compute income, in basis points."""
    acc_dividend = Value(u256, default=u256(0))
    """Dividends of each staked planck since genesis, in 10^-18 planck."""
    acc_rem = Value(u256, default=u256(0))
    """Earmarked dividends not distributed yet, in 10^-18 planck."""
    dividends_owed = Value(u128, default=u128(0))
    """Unpaid dividends, in planck; they are earmarked in the fund."""

    def set_share(self, bps: u32) -> None:
        """Change the stakers' share of the compute income. Raises InvalidShare."""
        if bps > BPS:
            raise errors.InvalidShare
        self.dividend_bps.value = bps
        self.deposit(events.DividendShareSet(bps))

    def unpaid(self, stake: Stake) -> int:
        """Return the unpaid dividends of a stake, in 10^-18 planck."""
        return int(stake.amount) * int(self.acc_dividend.value - stake.acc_snapshot)

    def pay(self, who: AccountId, id: u32, stake: Stake) -> None:
        """Pay the dividends due and note it in `stake`, which is not stored here.

        The fraction of a planck that cannot be paid is distributed later.
        """
        whole, part = divmod(self.unpaid(stake), ONE)
        stake.acc_snapshot = self.acc_dividend.value
        if part:
            self.acc_rem.value += part
        if not whole:
            return
        amount = u128(whole)
        self.dividends_owed.value -= amount
        self.dividends.pay_earmarked(who, amount)
        self.deposit(events.DividendPaid(who, id, amount))

    def distribute(self, ended: u32, total_staked: u128) -> None:
        """Distribute the stakers' share of the income, and undistributed earlier amounts.

        While nothing is staked the development fund keeps all: otherwise the first staker, even of
        a small amount for a month, would get the income of all the time before.
        """
        inflow = self.dividends.compute_inflow_of_era()
        share = mul_div(inflow, self.dividend_bps.value if total_staked else 0, BPS)
        if inflow:
            self.dividends.earmark(share)
        if share:
            self.dividends_owed.value += share
        waiting = int(share) * ONE + int(self.acc_rem.value)
        staked = int(total_staked)
        each, rest = divmod(waiting, staked) if staked else (0, waiting)
        if each:
            self.acc_dividend.value += each
            self.deposit(events.DividendDistributed(ended, u128(each * staked // ONE)))
        if rest != waiting or share:
            self.acc_rem.value = u256(rest)
