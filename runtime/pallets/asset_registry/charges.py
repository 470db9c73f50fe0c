"""Fees of the registry: a rate of an asset's value, less the payer's discount."""

from __future__ import annotations

from typing import NamedTuple

from btt_chain.primitives.account import AccountId
from btt_chain.scale import u8, u32, u128
from runtime.frame import Component
from runtime.pallets.asset_registry import events
from runtime.pallets.asset_registry.registration import Registrations
from runtime.pallets.asset_registry.types import AssetInfo, Fees, Params, Poll, Stakers, State
from runtime.pallets.asset_registry.voting import Voting
from runtime.pallets.assets.pallet import Assets
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


class Issuance(Component):
    """Issues the units of an asset to its issuer."""

    assets: Assets
    keeper: AccountId
    charges: Charges
    voting: Voting
    registrations: Registrations

    def issue(self, id: u32, info: AssetInfo, poll: Poll, params: Params) -> None:
        """Charge the issuer, set the voters' reward aside, and issue all units to the issuer."""
        bps = int(params.mint_bps[int(info.complexity) - 1])
        voters_bps = int(params.voters_bps) if poll.votes else 0
        fee, burned, voters = self.charges.charge(info.issuer, info.value, bps, voters_bps)
        self.voting.set_reward(id, poll, info.issuer, voters)
        info.state = State.Issued
        self.registrations.registered[id] = info
        self.assets.create(id, self.keeper, info.name, info.symbol, u8(0))
        self.assets.issue(id, info.issuer, info.units)
        self.registrations.deposit(events.AssetIssued(id, info.units, fee, burned, voters))
