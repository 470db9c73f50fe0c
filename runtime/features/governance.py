"""Governance: treasury and bounties, chambers, referenda and their votes."""

from __future__ import annotations

from btt_chain.primitives.arithmetic import Permill
from btt_chain.scale import u32, u64, u128
from runtime.accounts import ASSET_KEEPER, EXCHANGE, GRANTS, PAYFI, POOLS, TREASURY
from runtime.constants import BTT, MILLI_BTT
from runtime.features.base import stage
from runtime.features.economy import Economy
from runtime.frame import Reason, Weight, ensure_root
from runtime.limits import block_budget, heaviest_call
from runtime.pallets.bounties.pallet import Bounties
from runtime.pallets.chambers.api import ChambersApi
from runtime.pallets.chambers.pallet import Chambers
from runtime.pallets.chambers.types import FacilityBonds, NoFacilities
from runtime.pallets.conviction_voting.pallet import ConvictionVoting, votes_within
from runtime.pallets.origins import Decision, ensure_decided, managed_by, spending_up_to
from runtime.pallets.preimage.pallet import Preimage
from runtime.pallets.referenda.api import GovernanceApi
from runtime.pallets.referenda.pallet import Referenda
from runtime.pallets.referenda.tracks import tracks
from runtime.pallets.scheduler.pallet import Scheduler
from runtime.pallets.treasury.pallet import Treasury
from runtime.pallets.whitelist.pallet import Whitelist
from runtime.params import RuntimeParams


class Governance(
    Economy,
    apis=(ChambersApi, GovernanceApi),
    offsetting=(Reason(15, Preimage.HoldReason.Preimage),),
    audit="..audits.governance",
):
    """Decisions of the holders."""

    # fmt: off
    @stage(90)
    def add_treasury(self, params: RuntimeParams) -> None:
        """Add bounties and the treasury."""
        day = params.day_slots
        self.bounties = self.add(22, Bounties(
            bounty_deposit_base=BTT, data_deposit_per_byte=10 * MILLI_BTT,
            bounty_value_minimum=10 * BTT, bounty_deposit_payout_delay=u32(8 * day),
            bounty_update_period=u32(90 * day), curator_deposit_multiplier=Permill(500_000),
            curator_deposit_min=10 * BTT, curator_deposit_max=200 * BTT, currency=self.balances,
            clock=self.babe, grants=self.tokenomics, pool=GRANTS,
            spend_origin=spending_up_to({Decision.Grants: None, Decision.Treasurer: None}),
            reject_origin=ensure_decided(Decision.Grants, Decision.Treasurer)))
        self.treasury = self.add(14, Treasury(
            spend_period=u32(6 * day), payout_period=u32(30 * day), currency=self.balances,
            clock=self.babe, spend_origin=managed_by(
                self.tokenomics.stewardship.limit_of, spending_up_to(
                    {Decision.SmallSpender: u128(10_000 * BTT), Decision.Treasurer: None})),
            reject_origin=ensure_decided(Decision.Treasurer, Decision.Emergency),
            others=(self.bounties.funding,)))

    @stage(100)
    def add_governance(self, params: RuntimeParams) -> None:
        """Add preimages, the scheduler, chambers, referenda and votes."""
        day = params.day_slots
        self.preimage = self.add(15, Preimage(
            base_deposit=BTT, byte_deposit=MILLI_BTT, currency=self.balances,
            manager=ensure_root))
        self.scheduler = self.add(16, Scheduler(
            maximum_weight=Weight(u64(block_budget(int(params.slot_ms)) // 2)), clock=self.babe,
            preimages=self.preimage))
        self.whitelist = self.add(19, Whitelist(
            preimages=self.preimage,
            whitelist_origin=ensure_decided(Decision.Technical, Decision.Emergency),
            dispatch_whitelisted_origin=ensure_decided(Decision.WhitelistedCaller)))
        self.chambers = self.add(21, Chambers(
            slot_ms=params.slot_ms, day_slots=u32(day), stake_lasts=u32(32 * day),
            term=u32(180 * day), election=u32(14 * day), candidacy_deposit=100 * BTT,
            least_backing=BTT, pools=(*POOLS, TREASURY, ASSET_KEEPER, EXCHANGE, PAYFI),
            currency=self.balances, clock=self.babe, stakes=self.tier_staking,
            vesting=self.vesting, releases=self.tokenomics.releases, identities=self.identity,
            milestones=self.tokenomics.programmes, facilities=self.facility_bonds()))
        self.referenda = self.add(17, Referenda(
            submission_deposit=10 * BTT, undeciding_timeout=u32(14 * day), tracks=tracks(day),
            currency=self.balances, clock=self.babe, preimages=self.preimage,
            scheduler=self.scheduler, electorate=self.chambers.polls,
            cancel_origin=ensure_decided(Decision.Canceller),
            kill_origin=ensure_decided(Decision.Canceller)))
        self.conviction_voting = self.add(18, ConvictionVoting(
            max_votes=votes_within(heaviest_call(int(params.slot_ms))),
            vote_locking_period=u32(7 * day),
            currency=self.balances, clock=self.babe, polls=self.referenda,
            electorate=self.chambers.polls, contributions=self.tier_staking.contributions))
    # fmt: on

    def connect(self) -> None:
        """Connect pallets that depend on each other."""
        super().connect()
        self.providers.connect(self.chambers.work)

    # ---- taken from features that a chain may lack

    def facility_bonds(self) -> FacilityBonds:
        """Return the registry of facilities with their bonds."""
        return NoFacilities()
