"""Hospitals and patients: facilities, incentives, referrals, and the roots of health records."""

from __future__ import annotations

from btt_chain.scale import u32, u64
from runtime.accounts import REFERRAL
from runtime.constants import BTT, YEAR_MS
from runtime.features.base import stage
from runtime.features.governance import Governance
from runtime.features.payments import Payments
from runtime.frame import Reason
from runtime.pallets.chambers.types import FacilityBonds
from runtime.pallets.evaluation.pallet import Evaluation
from runtime.pallets.facilities.api import FACILITY_APIS
from runtime.pallets.facilities.pallet import Facilities
from runtime.pallets.health_records.api import HEALTH_RECORD_APIS
from runtime.pallets.health_records.pallet import HealthRecords
from runtime.pallets.incentives.api import INCENTIVE_APIS
from runtime.pallets.incentives.pallet import Incentives
from runtime.pallets.jobs.types import Requesters
from runtime.pallets.origins import Decision, ensure_decided
from runtime.pallets.referral.api import REFERRAL_APIS
from runtime.pallets.referral.pallet import Referral
from runtime.pallets.tokenomics.milestone_burns import Hospitals
from runtime.params import RuntimeParams


class Care(
    Payments,
    Governance,
    apis=(*FACILITY_APIS, *REFERRAL_APIS, *HEALTH_RECORD_APIS, *INCENTIVE_APIS),
    offsetting=(Reason(61, Facilities.HoldReason.FacilityBond),),
    audit="..audits.care",
):
    """Institutions of health, and what they do for patients."""

    # fmt: off
    @stage(40)
    def add_facilities(self, params: RuntimeParams) -> None:
        """Add hospitals and other registered institutions."""
        day = params.day_slots
        self.facilities = self.add(61, Facilities(
            count_after=u64(30 * day), leave_slots=u64(28 * day), max_suspension=u64(90 * day),
            currency=self.balances, clock=self.babe, identities=self.identity,
            technical=ensure_decided(Decision.Technical),
            suspending=ensure_decided(Decision.Technical, Decision.Emergency),
            params_origin=ensure_decided(Decision.Params)))

    @stage(130)
    def add_incentives(self, params: RuntimeParams) -> None:
        """Add the points of patients."""
        self.incentives = self.add(62, Incentives(
            day_slots=u32(params.day_slots), beacon_delay=params.work.beacon_delay,
            beacon_authors=params.work.beacon_authors, currency=self.balances, clock=self.babe,
            registry=self.facilities, bonds=self.facilities.penalties, prices=self.oracle,
            funds=self.tokenomics, pools=self.tokenomics.ledger,
            genesis_supply=self.tokenomics.genesis_supply, operators=self.identity,
            credits=self.tier_staking.contributions, system=self.system,
            params_origin=ensure_decided(Decision.Params)))

    @stage(150)
    def add_records(self, params: RuntimeParams) -> None:
        """Add referrals, and the roots of health records."""
        slot_ms = int(params.slot_ms)
        technical, parameters = (
            ensure_decided(kind) for kind in (Decision.Technical, Decision.Params))
        self.referral = self.add(63, Referral(
            year=u64(YEAR_MS // slot_ms), deposit_of_offer=BTT, pool=REFERRAL,
            currency=self.balances, payer=self.tokenomics, clock=self.babe,
            operators=self.identity, merchant_fees=self.payfi.volumes,
            registers=(
                self.jobs.store.nonces, self.providers.ledgers, self.facilities.facilities,
                self.payfi.merchants.merchants),
            contributions=self.tier_staking.contributions,
            foundation=self.tokenomics.foundation, technical=technical,
            params_origin=parameters))
        self.health_records = self.add(64, HealthRecords(
            hour_ms=u64(params.hour_ms), revocation_slots=u64(5 * YEAR_MS // slot_ms),
            slot_ms=params.slot_ms, currency=self.balances, fees=self.tokenomics,
            facilities=self.facilities, moments=self.babe, system=self.system,
            technical=technical, params_origin=parameters))

    @stage(160)
    def add_evaluation(self, params: RuntimeParams) -> None:
        """Add the measurement of models on labelled sets."""
        day = params.day_slots
        self.evaluation = self.add(67, Evaluation(
            report_slots=u32(30 * day), dispute_slots=u32(day), again_slots=u32(90 * day),
            leave_slots=u32(28 * day), currency=self.balances, payer=self.tokenomics,
            clock=self.babe, operators=self.identity, registry=self.facilities,
            models=self.models, jobs=self.jobs.deliveries, receipts=self.receipts,
            technical=ensure_decided(Decision.Technical)))
    # fmt: on

    def connect(self) -> None:
        """Connect pallets that depend on each other."""
        super().connect()
        self.jobs.connect(self.referral)

    def hospitals(self) -> Hospitals | None:
        """Return the registry of hospitals."""
        return self.facilities

    def requesters(self) -> Requesters:
        """Return the registry of institutions that may post work of public interest."""
        return self.facilities

    def facility_bonds(self) -> FacilityBonds:
        """Return the registry of facilities with their bonds."""
        return self.facilities
