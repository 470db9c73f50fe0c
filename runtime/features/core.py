"""Blocks and their authors, accounts, money and fees, validators and finality, upgrades."""

from __future__ import annotations

from typing import Final

from btt_chain.scale import u8, u16, u32, u64, u128
from runtime import block_weights as block
from runtime.accounts import DEVELOPMENT_FUND, TREASURY
from runtime.apis.core import CORE_APIS
from runtime.apis.dry_run import DryRunApi
from runtime.block_limits import BlockLimits
from runtime.constants import BTT, MILLI_BTT
from runtime.direct import Shortcut
from runtime.features.base import FeatureRuntime, stage
from runtime.fee_shares import FeeShares
from runtime.frame import DbWeight, Reason, ensure_root
from runtime.limits import block_length, block_weights
from runtime.pallets.authorities.pallet import Authorities
from runtime.pallets.authorities.types import NoWork, WorkScores
from runtime.pallets.babe.pallet import Babe
from runtime.pallets.balances.pallet import Balances
from runtime.pallets.grandpa.pallet import Grandpa
from runtime.pallets.identity.pallet import Identity
from runtime.pallets.offences.pallet import Offences
from runtime.pallets.origins import Decision, ensure_decided
from runtime.pallets.session.pallet import Session
from runtime.pallets.sudo.pallet import Sudo
from runtime.pallets.system.pallet import System
from runtime.pallets.timestamp.pallet import Timestamp
from runtime.pallets.tokenomics.api import TokenomicsApi
from runtime.pallets.tokenomics.milestone_burns import Hospitals
from runtime.pallets.tokenomics.pallet import Staked, Tokenomics
from runtime.pallets.transaction_payment.pallet import TransactionPayment
from runtime.pallets.upgrade.pallet import Upgrade
from runtime.pallets.utility.pallet import Utility
from runtime.params import RuntimeParams
from runtime.transfers import DirectTransfers

DB_WEIGHT: Final = DbWeight(read=u64(block.READ), write=u64(block.WRITE))
WEIGHT_FEE: Final = u128(10**6)
"""Planck per picosecond of weight."""


class Core(
    FeatureRuntime,
    apis=(*CORE_APIS, TokenomicsApi, DryRunApi),
    offsetting=(Reason(5, Authorities.HoldReason.ValidatorBond),),
    audit="..audits.core",
):
    """The pallets of every chain."""

    # fmt: off
    @stage(0)
    def add_blocks(self, params: RuntimeParams) -> None:
        """Add the block, its time and author, money and fees.

        The clock is set before any other hook reads the time.
        """
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
            offsetting=self.offsetting()))
        self.fees = self.add(4, TransactionPayment(
            weight_fee=WEIGHT_FEE, operational_fee_multiplier=u8(5),
            development_fund=DEVELOPMENT_FUND, currency=self.balances, authorship=self.babe,
            system=self.system, params_origin=ensure_decided(Decision.Params)))
        self.utility = self.add(9, Utility())

    @stage(20)
    def add_identities(self, _: RuntimeParams) -> None:
        """Add root's key and identities."""
        self.sudo = self.add(13, Sudo())
        self.identity = self.add(20, Identity(
            basic_deposit=BTT, byte_deposit=10 * MILLI_BTT, sub_account_deposit=BTT,
            currency=self.balances, force_origin=ensure_root,
            registrar_origin=ensure_decided(Decision.Technical)))

    @stage(30)
    def add_validators(self, params: RuntimeParams) -> None:
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

    @stage(50)
    def add_supply(self, params: RuntimeParams) -> None:
        """Add the supply: pools, releases and burns."""
        technical = ensure_decided(Decision.Technical)
        self.tokenomics = self.add(30, Tokenomics(
            objection_window=u64(14 * params.day_slots), slot_ms=params.slot_ms,
            currency=self.balances, clock=self.babe,
            ecosystem_spender=ensure_decided(Decision.EcosystemSpender),
            grant_spender=ensure_decided(Decision.Grants), objecting=technical,
            technical=technical, emergency=ensure_decided(Decision.Emergency),
            params=ensure_decided(Decision.Params)))

    @stage(1_000)
    def add_upgrade(self, params: RuntimeParams) -> None:
        """Add the runtime upgrades.

        The last hook: no other hook of the block runs after the change of the runtime.
        """
        self.upgrade = self.add(24, Upgrade(
            least_notice=u64(params.day_slots), system=self.system, clock=self.babe,
            origin=ensure_root))
    # fmt: on

    def connect(self) -> None:
        """Connect pallets that depend on each other."""
        # For example, the clock rotates the session, which starts the epoch.
        self.authorities.connect(self.session, self.babe.absences, self.work_scores())
        self.babe.connect(self.session, self.offences)
        self.grandpa.connect(self.session, self.offences)
        self.balances.connect(self.tokenomics)
        self.tokenomics.connect(self.staked(), self.hospitals())

    def shortcuts(self, shares: FeeShares, limits: BlockLimits) -> list[Shortcut]:
        """Return the shortcut of transfers."""
        return [DirectTransfers(shares, self.balances, limits)]

    # ---- taken from features that a chain may lack

    def work_scores(self) -> WorkScores:
        """Return the scores of validators for useful work."""
        return NoWork()

    def staked(self) -> tuple[Staked, ...]:
        """Return the pallets with stakes."""
        return (self.authorities,)

    def hospitals(self) -> Hospitals | None:
        """Return the registry of hospitals; None if there is none."""
        return None
