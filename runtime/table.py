"""The runtime of the chain: a table of its pallets.

Order is the order of hooks; the index is the first byte of every call, event and error, and never
changes once a network has started.
"""

from __future__ import annotations

from typing import Final

from btt_chain.crypto.vrf import SchnorrkelVrf, Vrf
from btt_chain.primitives.arithmetic import Permill
from btt_chain.scale import u8, u16, u32, u64, u128
from runtime.accounts import (
    ASSET_KEEPER,
    DEVELOPMENT_FUND,
    EXCHANGE,
    GRANTS,
    MINING,
    PAYFI,
    POOLS,
    REFERRAL,
    TREASURY,
)
from runtime.constants import BTT, MILLI_BTT, YEAR_MS
from runtime.frame import DbWeight, Reason, Runtime, RuntimeVersion, Weight, ensure_root
from runtime.frame.version import CowText, api_versions
from runtime.limits import block_budget, block_length, block_weights, heaviest_call, payment_hooks
from runtime.pallets.asset_registry import AssetRegistry
from runtime.pallets.assets import Assets
from runtime.pallets.authorities import Authorities
from runtime.pallets.babe import Babe
from runtime.pallets.balances import Balances
from runtime.pallets.bounties import Bounties
from runtime.pallets.chambers import Chambers
from runtime.pallets.conviction_voting import ConvictionVoting, votes_within
from runtime.pallets.exchange import Exchange
from runtime.pallets.facilities import Facilities
from runtime.pallets.grandpa import Grandpa
from runtime.pallets.health_records import HealthRecords
from runtime.pallets.identity import Identity
from runtime.pallets.incentives import Incentives
from runtime.pallets.jobs import Jobs
from runtime.pallets.mining import Mining
from runtime.pallets.models import Models
from runtime.pallets.multisig import Multisig
from runtime.pallets.offences import Offences
from runtime.pallets.oracle import Oracle
from runtime.pallets.origins import Decision, ensure_decided, managed_by, spending_up_to
from runtime.pallets.payfi import PayFi
from runtime.pallets.preimage import Preimage
from runtime.pallets.providers import Providers
from runtime.pallets.proxy import Proxy, ProxyType
from runtime.pallets.receipts import Receipts
from runtime.pallets.referenda import Referenda, tracks
from runtime.pallets.referral import Referral
from runtime.pallets.scheduler import Scheduler
from runtime.pallets.session import Session
from runtime.pallets.sudo import Sudo
from runtime.pallets.system import System
from runtime.pallets.tier_staking import TierStaking
from runtime.pallets.timestamp import Timestamp
from runtime.pallets.tokenomics import Tokenomics
from runtime.pallets.transaction_payment import TransactionPayment
from runtime.pallets.treasury import Treasury
from runtime.pallets.upgrade import Upgrade
from runtime.pallets.utility import Utility
from runtime.pallets.vaults import Vaults
from runtime.pallets.vesting import Vesting
from runtime.pallets.whitelist import Whitelist
from runtime.params import RuntimeParams
from runtime.weights import block

API_VERSIONS: Final = (
    ("Core", 5),
    ("Metadata", 2),
    ("BlockBuilder", 6),
    ("TaggedTransactionQueue", 3),
    ("AccountNonceApi", 1),
    ("TransactionPaymentApi", 4),
    ("TransactionPaymentCallApi", 3),
    ("GenesisBuilder", 1),
    ("BabeApi", 2),
    ("GrandpaApi", 3),
    ("SessionKeys", 1),
    ("TokenomicsApi", 1),
    ("StakingApi", 1),
    ("MiningApi", 1),
    ("WorkApi", 1),
    ("AssetsApi", 1),
    ("ExchangeApi", 1),
    ("PayFiApi", 1),
    ("ChambersApi", 1),
    ("GovernanceApi", 1),
    ("OracleApi", 1),
    ("FacilitiesApi", 1),
    ("ReferralApi", 1),
    ("HealthRecordsApi", 1),
    ("IncentivesApi", 1),
    ("DryRunApi", 2),
)
"""The runtime APIs and their versions; `runtime/apis/core.py` implements them."""

VERSION: Final = RuntimeVersion(
    spec_name=CowText("btt"),
    impl_name=CowText("btt-chain"),
    authoring_version=u32(1),
    spec_version=u32(100),
    impl_version=u32(1),
    apis=api_versions(API_VERSIONS),
    transaction_version=u32(1),
    system_version=u8(1),
)

DB_WEIGHT: Final = DbWeight(read=u64(block.READ), write=u64(block.WRITE))
WEIGHT_FEE: Final = u128(10**6)
"""Planck per picosecond of weight."""

EARNINGS: Final = (
    "TierStaking.claim",
    "TierStaking.unstake",
    "TierStaking.claim_dividend",
    "TierStaking.claim_contribution",
    "Mining.claim_rewards",
)
"""Calls that only bring their owner earnings. Staking can lock all money for three years: it is for
the owner, or a proxy of any type."""

VERIFYING: Final = (
    "Receipts.join",
    "Receipts.bond_extra",
    "Receipts.leave",
    "Receipts.withdraw",
)
"""Calls on a verifier's bond. Jobs and receipts spend money: for their owner alone."""

ISSUING: Final = (
    "Incentives.publish_keys",
    "Incentives.close_month",
    "Incentives.redeem",
    "Incentives.report_audit",
    "Incentives.answer_audit",
    "Incentives.settle_audit",
    "Incentives.enlist",
    "Incentives.retire",
)
"""Calls of the programs of facilities and auditors, which spend none of their money."""

DECIDING: Final = ("Preimage", "Whitelist", "Referenda", "ConvictionVoting", "Chambers")
"""Pallets whose calls lock money and reserve deposits, and make no payments."""

SCOPES: Final = {
    ProxyType.NonTransfer: (
        "Models",
        "Providers",
        "Oracle",
        *VERIFYING,
        *DECIDING,
        "System",
        "Timestamp",
        "Babe",
        "Authorities",
        "Session",
        "Grandpa",
        "Utility",
        "Proxy",
        "Vesting.vest",
        "Vesting.vest_other",
        "PayFi.freeze_card",
        "HealthRecords.anchor",
        "HealthRecords.answer",
        *ISSUING,
        *EARNINGS,
    ),
    ProxyType.Governance: ("Utility", *DECIDING),
    ProxyType.Staking: (
        "Authorities",
        "Session",
        "Utility",
        "Providers",
        *VERIFYING,
        *EARNINGS,
    ),
    ProxyType.CancelProxy: ("Proxy.reject_announcement", "Utility"),
}
"""Calls allowed to a proxy of each type.

Never Multisig: it dispatches calls with another origin, past the proxy's limits.
"""


SCHNORRKEL: Final = SchnorrkelVrf()


class BttRuntime(Runtime):
    """All pallets with their indices, configuration and dependencies.

    `vrf` verifies and evaluates VRF outputs; simulations use another than networks do. `version` is
    that of a later runtime that builds on this one.
    """

    def __init__(
        self,
        params: RuntimeParams,
        *,
        vrf: Vrf = SCHNORRKEL,
        version: RuntimeVersion = VERSION,
    ) -> None:
        super().__init__(version, filtered=System.CallFiltered, symbol=params.symbol)
        self.vrf = vrf
        # Hooks run in this order: the clock is set before any other hook reads the time.
        self._add_core(params)
        self._add_accounts(params)
        self._add_validators(params)
        self._add_facilities(params)
        self._add_economy(params)
        self._add_work(params)
        self._add_treasury(params)
        self._add_governance(params)
        self._add_assets(params)
        self._add_payments(params)
        self._add_care(params)
        self._add_upgrade(params)
        self._connect()
        self.complete()

    # fmt: off
    def _add_core(self, params: RuntimeParams) -> None:
        """Add the block, its time and author, money and fees."""
        longevity = u64(int(params.report_epochs) * int(params.epoch_slots))
        self.system = self.add(0, System(
            version=self.version, ss58_prefix=u16(42), block_hash_count=u32(2_400),
            block_weights=block_weights(int(params.slot_ms)), block_length=block_length(),
            db_weight=DB_WEIGHT))
        self.babe = self.add(2, Babe(
            epoch_duration=u64(params.epoch_slots), expected_block_time=params.slot_ms,
            max_authorities=params.max_validators, max_nominators=u32(0),
            report_longevity=longevity, system=self.system, vrf=self.vrf))
        self.timestamp = self.add(1, Timestamp(
            minimum_period=u64(int(params.slot_ms) // 2), slot_clock=self.babe))
        self.balances = self.add(3, Balances(
            accounts=self.system, existential_deposit=MILLI_BTT, treasury=TREASURY,
            offsetting=(
                Reason(5, Authorities.HoldReason.ValidatorBond),
                Reason(15, Preimage.HoldReason.Preimage),
                Reason(40, Providers.HoldReason.ProviderBond),
                Reason(43, Receipts.HoldReason.VerifierBond),
                Reason(60, Oracle.HoldReason.Bond),
                Reason(61, Facilities.HoldReason.FacilityBond))))
        self.fees = self.add(4, TransactionPayment(
            weight_fee=WEIGHT_FEE, operational_fee_multiplier=u8(5),
            development_fund=DEVELOPMENT_FUND, currency=self.balances, authorship=self.babe,
            system=self.system, params_origin=ensure_decided(Decision.Params)))

    def _add_accounts(self, _: RuntimeParams) -> None:
        """Add what accounts do: batches, multisigs, proxies, vesting, identity."""
        self.utility = self.add(9, Utility())
        self.multisig = self.add(10, Multisig(
            deposit_base=BTT, deposit_factor=100 * MILLI_BTT,
            currency=self.balances, system=self.system))
        self.proxy = self.add(11, Proxy(
            proxy_deposit_base=BTT, proxy_deposit_factor=100 * MILLI_BTT,
            announcement_deposit_base=BTT, announcement_deposit_factor=100 * MILLI_BTT,
            currency=self.balances, system=self.system, table=self, scopes=SCOPES))
        self.vesting = self.add(12, Vesting(
            min_vested_transfer=100 * BTT, currency=self.balances, clock=self.babe,
            treasury=TREASURY))
        self.sudo = self.add(13, Sudo())
        self.identity = self.add(20, Identity(
            basic_deposit=BTT, byte_deposit=10 * MILLI_BTT, sub_account_deposit=BTT,
            currency=self.balances, force_origin=ensure_root,
            registrar_origin=ensure_decided(Decision.Technical)))

    def _add_validators(self, params: RuntimeParams) -> None:
        """Add candidates, elections, sessions, finality and offences."""
        longevity = u64(int(params.report_epochs) * int(params.epoch_slots))
        self.authorities = self.add(5, Authorities(
            min_validators=params.min_validators, max_validators=params.max_validators,
            unbonding_epochs=params.unbonding_epochs, report_epochs=params.report_epochs,
            reelection_epochs=params.reelection_epochs,
            max_candidates=u32(max(256, 2 * int(params.max_validators))), currency=self.balances,
            operators=self.identity, author_limits=self.fees, treasury=TREASURY,
            params_origin=ensure_decided(Decision.Params)))
        self.grandpa = self.add(8, Grandpa(
            max_authorities=params.max_validators, max_nominators=u32(0),
            # At most one per session of the window, one for the current session, and one before.
            max_set_id_session_entries=u64(int(params.report_epochs) + 2),
            report_longevity=longevity,
            system=self.system))
        self.session = self.add(6, Session(
            min_validators=params.min_validators, report_window=params.report_epochs,
            system=self.system, epochs=self.babe.epochs, voters=self.grandpa,
            manager=self.authorities))
        self.offences = self.add(7, Offences(
            report_epochs=params.report_epochs, sessions=self.session, stakes=self.authorities))

    def _add_facilities(self, params: RuntimeParams) -> None:
        """Add hospitals and other registered institutions."""
        day = params.day_slots
        self.facilities = self.add(61, Facilities(
            count_after=u64(30 * day), leave_slots=u64(28 * day), max_suspension=u64(90 * day),
            currency=self.balances, clock=self.babe, identities=self.identity,
            technical=ensure_decided(Decision.Technical),
            suspending=ensure_decided(Decision.Technical, Decision.Emergency),
            params_origin=ensure_decided(Decision.Params)))

    def _add_economy(self, params: RuntimeParams) -> None:
        """Add pools, mining and staking."""
        day = params.day_slots
        technical, parameters = (
            ensure_decided(kind) for kind in (Decision.Technical, Decision.Params))
        self.tokenomics = self.add(30, Tokenomics(
            objection_window=u64(14 * day), slot_ms=params.slot_ms, currency=self.balances,
            clock=self.babe, ecosystem_spender=ensure_decided(Decision.EcosystemSpender),
            grant_spender=ensure_decided(Decision.Grants), objecting=technical,
            technical=technical, emergency=ensure_decided(Decision.Emergency),
            params=parameters))
        self.mining = self.add(31, Mining(
            era_length=params.epoch_slots, slot_ms=params.slot_ms, pool=MINING,
            currency=self.balances, payer=self.tokenomics, clock=self.babe,
            era_listener=self.fees, attesting=technical, params_origin=parameters))
        self.tier_staking = self.add(32, TierStaking(
            slot_ms=params.slot_ms, era_slots=params.epoch_slots, clock=self.babe,
            currency=self.balances, rewards=self.tokenomics, dividends=self.tokenomics.dividends,
            identities=self.identity, params=parameters))

    def _add_work(self, params: RuntimeParams) -> None:
        """Add models, providers, jobs and receipts."""
        parameters = ensure_decided(Decision.Params)
        work, operators = params.work, self.identity
        self.models = self.add(41, Models(
            currency=self.balances, burns=self.tokenomics, params_origin=parameters))
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
            dividend_bps=self.tier_staking.dividend_accounting.dividend_bps,
            benefits=self.tier_staking, identities=self.identity, facilities=self.facilities,
            params_origin=parameters,
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

    def _add_treasury(self, params: RuntimeParams) -> None:
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

    def _add_governance(self, params: RuntimeParams) -> None:
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
            milestones=self.tokenomics.programmes, facilities=self.facilities))
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

    def _add_assets(self, params: RuntimeParams) -> None:
        """Add assets, their registry, the exchange and vaults."""
        day = params.day_slots
        self.assets = self.add(50, Assets(
            asset_account_deposit=BTT, currency=self.balances, system=self.system))
        self.asset_registry = self.add(51, AssetRegistry(
            deposit_amount=100 * BTT, verifier_bond=5_000 * BTT, vote_slots=u64(3 * day),
            claim_slots=u64(84 * day), quarter_slots=u64(90 * day), leave_slots=u64(28 * day),
            keeper=ASSET_KEEPER, treasury=TREASURY, currency=self.balances, clock=self.babe,
            assets=self.assets, fees=self.tokenomics, stakers=self.tier_staking.positions,
            identities=self.identity, policy=ensure_decided(Decision.AssetPolicy),
            params_origin=ensure_decided(Decision.AssetPolicy, Decision.Params)))
        self.exchange = self.add(52, Exchange(
            premium_slots=u64(30 * day), collector=EXCHANGE, currency=self.balances,
            clock=self.babe, assets=self.assets, registry=self.asset_registry.registrations,
            fees=self.tokenomics, stakers=self.tier_staking.positions,
            policy=ensure_decided(Decision.AssetPolicy),
            params_origin=ensure_decided(Decision.AssetPolicy, Decision.Params)))
        self.vaults = self.add(53, Vaults(
            slot_ms=params.slot_ms, pool=EXCHANGE, currency=self.balances, clock=self.babe,
            assets=self.assets, exchange=self.exchange, registry=self.asset_registry,
            system=self.system))

    def _add_payments(self, params: RuntimeParams) -> None:
        """Add the oracle of prices, incentives of patients, and payments to merchants."""
        technical, parameters = (
            ensure_decided(kind) for kind in (Decision.Technical, Decision.Params))
        self.oracle = self.add(60, Oracle(
            leave_ms=u64(7 * int(params.day_ms)), currency=self.balances, burns=self.tokenomics,
            time=self.timestamp, providers=self.mining, technical=technical,
            params_origin=parameters))
        self.incentives = self.add(62, Incentives(
            day_slots=u32(params.day_slots), beacon_delay=params.work.beacon_delay,
            beacon_authors=params.work.beacon_authors, currency=self.balances, clock=self.babe,
            registry=self.facilities, bonds=self.facilities.penalties, prices=self.oracle,
            funds=self.tokenomics, pools=self.tokenomics.ledger,
            genesis_supply=self.tokenomics.genesis_supply, operators=self.identity,
            credits=self.tier_staking.contributions, system=self.system,
            params_origin=parameters))
        self.payfi = self.add(65, PayFi(
            hour_ms=u64(params.hour_ms), day_ms=u64(params.day_ms), slot_ms=params.slot_ms,
            hook_weight=payment_hooks(int(params.slot_ms)), pool=PAYFI, treasury=TREASURY,
            currency=self.balances, moments=self.babe, prices=self.oracle, fees=self.tokenomics,
            discounts=self.tier_staking.positions, people=self.identity,
            penalties=self.tokenomics, clock=self.babe,
            stalls=self.jobs.deliveries, system=self.system,
            beacon_delay=params.work.beacon_delay, beacon_authors=params.work.beacon_authors,
            genesis_supply=self.tokenomics.genesis_supply, params_origin=parameters,
            suspend_origin=ensure_decided(Decision.Technical, Decision.Emergency)))

    def _add_care(self, params: RuntimeParams) -> None:
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

    def _add_upgrade(self, params: RuntimeParams) -> None:
        """Add the runtime upgrades."""
        # The last hook: no other hook of the block runs after the change of the runtime.
        self.upgrade = self.add(24, Upgrade(
            least_notice=u64(params.day_slots), system=self.system, clock=self.babe,
            origin=ensure_root))
    # fmt: on

    def _connect(self) -> None:
        """Connect the pallets that depend on each other."""
        # For example, the clock rotates the session, which starts the epoch.
        self.authorities.connect(self.session, self.babe.absences, self.providers.work_scores)
        self.babe.connect(self.session, self.offences)
        self.grandpa.connect(self.session, self.offences)
        self.balances.connect(self.tokenomics)
        self.fees.connect(self.tier_staking.positions)
        self.assets.connect(self.asset_registry.holders)
        self.mining.connect(self.providers.engagements)
        self.providers.connect(self.chambers.work)
        self.jobs.connect(self.referral)
        self.tokenomics.connect(
            (self.tier_staking, self.authorities, self.receipts), self.facilities
        )
