"""The law of the chain, as one table.

Order is the order of hooks; the index is the first byte of every call, event and error, and
never changes once a network has started.
"""

from __future__ import annotations

from typing import Final

from btt_chain.crypto.vrf import SchnorrkelVrf, Vrf
from btt_chain.primitives.arithmetic import Permill
from btt_chain.scale import u8, u16, u32, u64, u128
from runtime.accounts import DEVELOPMENT_FUND, GRANTS, MINING, TREASURY
from runtime.constants import BTT, MILLI_BTT
from runtime.frame import DbWeight, Reason, Runtime, RuntimeVersion, ensure_root
from runtime.frame.version import CowText, api_versions
from runtime.frame.weight import PICOS_PER_MICRO
from runtime.limits import block_length, block_weights
from runtime.pallets.authorities import Authorities, NoWork, OwnOperators
from runtime.pallets.babe import Babe
from runtime.pallets.balances import Balances
from runtime.pallets.bounties import Bounties
from runtime.pallets.grandpa import Grandpa
from runtime.pallets.mining import Mining
from runtime.pallets.multisig import Multisig
from runtime.pallets.offences import Offences
from runtime.pallets.proxy import Proxy, ProxyType
from runtime.pallets.session import Session
from runtime.pallets.sudo import Sudo
from runtime.pallets.system import System
from runtime.pallets.tier_staking import TierStaking
from runtime.pallets.timestamp import Timestamp
from runtime.pallets.tokenomics import Tokenomics
from runtime.pallets.transaction_payment import TransactionPayment
from runtime.pallets.treasury import Treasury, root_spends_anything
from runtime.pallets.utility import Utility
from runtime.pallets.vesting import Vesting
from runtime.params import RuntimeParams

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
)
"""The runtime APIs and their versions; `runtime/api.py` carries them out."""

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

DB_WEIGHT: Final = DbWeight(read=u64(10 * PICOS_PER_MICRO), write=u64(15 * PICOS_PER_MICRO))
WEIGHT_FEE: Final = u128(10**6)
"""Planck per picosecond of weight."""
LENGTH_FEE: Final = u128(10**10)
"""Planck per byte."""


EARNINGS: Final = (
    "TierStaking.claim",
    "TierStaking.unstake",
    "TierStaking.claim_dividend",
    "TierStaking.claim_contribution",
    "TierStaking.request_premium",
    "Mining.claim_rewards",
)
"""What only ever brings its owner something. To stake may lock all there is for three years: that
is for its owner, or a proxy of any type."""

SCOPES: Final = {
    ProxyType.NonTransfer: (
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
        *EARNINGS,
    ),
    ProxyType.Governance: ("Utility",),
    ProxyType.Staking: ("Authorities", "Session", "Utility", *EARNINGS),
    ProxyType.CancelProxy: ("Proxy.reject_announcement", "Utility"),
}
"""What a proxy of each type may call; governance and staking grow with their pallets.

Never Multisig: it runs calls with an origin of its own, past the proxy's limits.
"""


SCHNORRKEL: Final = SchnorrkelVrf()


class BttRuntime(Runtime):
    """Every pallet, its index, what it is configured with and leans on.

    `vrf` tells what draws are worth; simulations play with another than all networks do.
    """

    def __init__(self, params: RuntimeParams, *, vrf: Vrf = SCHNORRKEL) -> None:
        super().__init__(VERSION, filtered=System.CallFiltered)
        slot_ms, window, day = int(params.slot_ms), int(params.report_epochs), params.day_slots
        longevity = u64(window * int(params.epoch_slots))
        add = self.add
        # fmt: off
        # Hooks run in this order: the clock is set before anything asks for the time.
        self.system = add(0, System(
            version=VERSION, ss58_prefix=u16(42), block_hash_count=u32(2_400),
            block_weights=block_weights(slot_ms), block_length=block_length(), db_weight=DB_WEIGHT))
        self.babe = add(2, Babe(
            epoch_duration=u64(params.epoch_slots), expected_block_time=params.slot_ms,
            max_authorities=params.max_validators, max_nominators=u32(0),
            report_longevity=longevity, system=self.system, vrf=vrf))
        self.timestamp = add(1, Timestamp(
            minimum_period=u64(slot_ms // 2), slot_clock=self.babe))
        self.balances = add(3, Balances(
            accounts=self.system, existential_deposit=MILLI_BTT, treasury=TREASURY,
            offsetting=(Reason(5, Authorities.HoldReason.ValidatorBond),)))
        self.fees = add(4, TransactionPayment(
            weight_fee=WEIGHT_FEE, length_fee=LENGTH_FEE, operational_fee_multiplier=u8(5),
            development_fund=DEVELOPMENT_FUND, currency=self.balances, authorship=self.babe,
            system=self.system))
        self.utility = add(9, Utility())
        self.multisig = add(10, Multisig(
            deposit_base=BTT, deposit_factor=100 * MILLI_BTT,
            currency=self.balances, system=self.system))
        self.proxy = add(11, Proxy(
            proxy_deposit_base=BTT, proxy_deposit_factor=100 * MILLI_BTT,
            announcement_deposit_base=BTT, announcement_deposit_factor=100 * MILLI_BTT,
            currency=self.balances, system=self.system, table=self, scopes=SCOPES))
        self.vesting = add(12, Vesting(
            min_vested_transfer=100 * BTT, currency=self.balances, clock=self.babe,
            treasury=TREASURY))
        self.sudo = add(13, Sudo())
        self.authorities = add(5, Authorities(
            min_validators=params.min_validators, max_validators=params.max_validators,
            unbonding_epochs=params.unbonding_epochs, report_epochs=params.report_epochs,
            reelection_epochs=params.reelection_epochs,
            max_candidates=u32(max(256, 2 * int(params.max_validators))), currency=self.balances,
            work=NoWork(), operators=OwnOperators(), treasury=TREASURY))
        self.grandpa = add(8, Grandpa(
            max_authorities=params.max_validators, max_nominators=u32(0),
            # One for each session of the window at most, the one at hand, and one before.
            max_set_id_session_entries=u64(window + 2), report_longevity=longevity,
            system=self.system))
        self.session = add(6, Session(
            min_validators=params.min_validators, report_window=params.report_epochs,
            system=self.system, epochs=self.babe, voters=self.grandpa,
            manager=self.authorities))
        self.offences = add(7, Offences(
            report_epochs=params.report_epochs, sessions=self.session, stakes=self.authorities))
        self.tokenomics = add(30, Tokenomics(
            objection_window=u64(14 * day), slot_ms=params.slot_ms, currency=self.balances,
            clock=self.babe))
        self.mining = add(31, Mining(
            era_length=params.epoch_slots, slot_ms=params.slot_ms, pool=MINING,
            currency=self.balances, payer=self.tokenomics, clock=self.babe,
            attesting=ensure_root, params_origin=ensure_root))
        self.tier_staking = add(32, TierStaking(
            slot_ms=params.slot_ms, era_slots=params.epoch_slots, clock=self.babe,
            currency=self.balances, rewards=self.tokenomics, dividends=self.tokenomics,
            params=ensure_root))
        self.bounties = add(22, Bounties(
            bounty_deposit_base=BTT, data_deposit_per_byte=10 * MILLI_BTT,
            bounty_value_minimum=10 * BTT, bounty_deposit_payout_delay=u32(8 * day),
            bounty_update_period=u32(90 * day), curator_deposit_multiplier=Permill(500_000),
            curator_deposit_min=10 * BTT, curator_deposit_max=200 * BTT, currency=self.balances,
            clock=self.babe, grants=self.tokenomics, pool=GRANTS,
            spend_origin=root_spends_anything, reject_origin=ensure_root))
        self.treasury = add(14, Treasury(
            spend_period=u32(6 * day), payout_period=u32(30 * day), currency=self.balances,
            clock=self.babe, spend_origin=root_spends_anything, reject_origin=ensure_root,
            others=(self.bounties,)))
        # fmt: on
        # These lean on each other both ways: the clock turns the session, which turns the epoch.
        self.authorities.lean_on(self.session)
        self.babe.lean_on(self.session, self.offences)
        self.grandpa.lean_on(self.session, self.offences)
        self.balances.lean_on(self.tokenomics)
        self.fees.lean_on(self.tier_staking)
        self.tokenomics.lean_on((self.tier_staking, self.authorities))
        self.complete()
