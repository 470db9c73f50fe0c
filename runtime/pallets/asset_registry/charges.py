"""Fees of the registry: a rate of an asset's value, less the payer's discount."""

from __future__ import annotations

from typing import NamedTuple

from btt_chain.primitives.account import AccountId
from btt_chain.scale import u128
from runtime.frame import Component
from runtime.pallets.asset_registry.types import Fees, Stakers
from runtime.pallets.tokenomics.types import BurnReason
from runtime.splits import ASSET, charge, discounted, split_platform


class Charged(NamedTuple):
    """A fee, in planck, and two of its parts."""

    fee: u128
    burned: u128
    voters: u128
    """The voters' part, which stays in the payer's account."""


class Charges(Component):
    """Collects the registry's fees."""

    fees: Fees
    stakers: Stakers

    def charge(self, who: AccountId, value: u128, bps: int, voters_bps: int = 0) -> Charged:
        """Charge `who` a fee of `bps` of `value`, except for the voters' part of it."""
        fee = discounted(charge(int(value), bps), self.stakers.discount_bps(who))
        threshold = int(self.fees.threshold())
        split = split_platform(fee, ASSET, int(value), threshold, voters_bps=voters_bps)
        self.fees.take(who, split, BurnReason.Asset)
        return Charged(fee, split.burn, split.voters)
