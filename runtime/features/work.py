"""Useful work: its emission, models, providers, jobs and receipts."""

from __future__ import annotations

from btt_chain.scale import u32
from runtime.accounts import MINING
from runtime.constants import BTT
from runtime.features.base import stage
from runtime.features.core import Core
from runtime.frame import Reason
from runtime.pallets.authorities.types import WorkScores
from runtime.pallets.jobs.api import WorkApi
from runtime.pallets.jobs.pallet import Jobs
from runtime.pallets.jobs.types import (
    Benefits,
    NoBenefits,
    NoDividends,
    NoRequesters,
    Requesters,
    Share,
)
from runtime.pallets.mining.api import MiningApi
from runtime.pallets.mining.pallet import Mining
from runtime.pallets.models.pallet import Models, licence_slots
from runtime.pallets.origins import Decision, ensure_decided
from runtime.pallets.providers.pallet import Providers
from runtime.pallets.receipts.pallet import Receipts
from runtime.pallets.tokenomics.pallet import Staked
from runtime.params import RuntimeParams


class Work(
    Core,
    apis=(MiningApi, WorkApi),
    offsetting=(
        Reason(40, Providers.HoldReason.ProviderBond),
        Reason(43, Receipts.HoldReason.VerifierBond),
    ),
    audit="..audits.work",
):
    """Proof of useful work."""

    # fmt: off
    @stage(60)
    def add_mining(self, params: RuntimeParams) -> None:
        """Add the emission to operators of compute."""
        self.mining = self.add(31, Mining(
            era_length=params.epoch_slots, slot_ms=params.slot_ms, pool=MINING,
            currency=self.balances, payer=self.tokenomics, clock=self.babe,
            era_listener=self.fees, attesting=ensure_decided(Decision.Technical),
            params_origin=ensure_decided(Decision.Params)))

    @stage(80)
    def add_work(self, params: RuntimeParams) -> None:
        """Add models, providers, jobs and receipts."""
        parameters = ensure_decided(Decision.Params)
        work, operators = params.work, self.identity
        self.models = self.add(41, Models(
            licence_slots=licence_slots(int(params.slot_ms)), currency=self.balances,
            burns=self.tokenomics, clock=self.babe, params_origin=parameters))
        self.providers = self.add(40, Providers(
            registration_deposit=BTT, unbonding_eras=params.unbonding_epochs,
            era_slots=params.epoch_slots, slot_ms=params.slot_ms,
            settling_slots=u32(4 * int(work.beacon_delay)), currency=self.balances,
            burns=self.tokenomics, clock=self.babe, measures=self.mining, operators=operators,
            classes=self.models, params_origin=parameters))
        self.jobs = self.add(42, Jobs(
            accept_slots=work.accept_slots, payload_slots=work.transcript_slots,
            beacon_delay=work.beacon_delay, beacon_authors=work.beacon_authors,
            committee=work.committee, min_operators=work.min_operators,
            epoch_slots=params.epoch_slots, slot_ms=params.slot_ms,
            currency=self.balances, payer=self.tokenomics, clock=self.babe, system=self.system,
            providers=self.providers.engagements, models=self.models, mining=self.mining,
            dividend_bps=self.dividend_share(), benefits=self.benefits(),
            identities=self.identity, facilities=self.requesters(), params_origin=parameters,
            sets_origin=ensure_decided(Decision.Params, Decision.Technical)))
        self.receipts = self.add(43, Receipts(
            committee=work.committee, quorum=work.quorum, planted_error_ppm=work.planted_error_ppm,
            beacon_delay=work.beacon_delay, beacon_authors=work.beacon_authors,
            transcript_slots=work.transcript_slots, commit_slots=work.commit_slots,
            reveal_slots=work.reveal_slots, challenge_slots=work.challenge_slots,
            unbonding_slots=u32(int(params.unbonding_epochs) * int(params.epoch_slots)),
            minimum_bond=5_000 * BTT, epoch_slots=params.epoch_slots, vrf=self.vrf,
            currency=self.balances, payer=self.tokenomics, clock=self.babe, system=self.system,
            keys=self.session, operators=operators, providers=self.providers.engagements,
            models=self.models, jobs=self.jobs.deliveries))
    # fmt: on

    def connect(self) -> None:
        """Connect pallets that depend on each other."""
        super().connect()
        self.mining.connect(self.providers.engagements)

    def work_scores(self) -> WorkScores:
        """Return the scores of validators for useful work."""
        return self.providers.work_scores

    def staked(self) -> tuple[Staked, ...]:
        """Return the pallets with stakes."""
        return (*super().staked(), self.receipts)

    # ---- taken from features that a chain may lack

    def dividend_share(self) -> Share:
        """Return the stakers' share of the leg of development."""
        return NoDividends()

    def benefits(self) -> Benefits:
        """Return the benefits of requesters."""
        return NoBenefits()

    def requesters(self) -> Requesters:
        """Return the registry of institutions that may post work of public interest."""
        return NoRequesters()
