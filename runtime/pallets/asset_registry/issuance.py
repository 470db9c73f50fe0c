"""Issue of units: the fee, the voters' part of it, and the units of the issuer."""

from __future__ import annotations

from btt_chain.primitives.account import AccountId
from btt_chain.scale import u8, u32
from runtime.frame import Component
from runtime.pallets.asset_registry import events
from runtime.pallets.asset_registry.charges import Charges
from runtime.pallets.asset_registry.registration import Registrations
from runtime.pallets.asset_registry.types import AssetInfo, Params, Poll, State
from runtime.pallets.asset_registry.voting import Voting
from runtime.pallets.assets.pallet import Assets


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
