"""Money over time: multisigs, proxies, vesting, and stakes with their rewards."""

from __future__ import annotations

from typing import Final

from runtime.accounts import TREASURY
from runtime.constants import BTT, MILLI_BTT
from runtime.features.base import stage
from runtime.features.work import Work
from runtime.pallets.jobs.types import Benefits, Share
from runtime.pallets.multisig.pallet import Multisig
from runtime.pallets.origins import Decision, ensure_decided
from runtime.pallets.proxy.pallet import Proxy
from runtime.pallets.proxy.types import ProxyType
from runtime.pallets.tier_staking.api import StakingApi
from runtime.pallets.tier_staking.pallet import TierStaking
from runtime.pallets.tokenomics.pallet import Staked
from runtime.pallets.vesting.pallet import Vesting
from runtime.params import RuntimeParams

EARNINGS: Final = (
    "TierStaking.claim",
    "TierStaking.unstake",
    "TierStaking.claim_dividend",
    "TierStaking.claim_contribution",
    "Mining.claim_rewards",
)
"""Calls that only bring their owner earnings. Staking can lock all money for three years: it is for
the owner, or a proxy of any type."""

VERIFYING: Final = ("Receipts.join", "Receipts.bond_extra", "Receipts.leave", "Receipts.withdraw")
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
    ProxyType.Staking: ("Authorities", "Session", "Utility", "Providers", *VERIFYING, *EARNINGS),
    ProxyType.CancelProxy: ("Proxy.reject_announcement", "Utility"),
}
"""Calls allowed to a proxy of each type.

Never Multisig: it dispatches calls with another origin, past the proxy's limits.
"""


class Economy(Work, apis=(StakingApi,), audit="..audits.economy"):
    """Accounts of several parties, and stakes."""

    # fmt: off
    @stage(10)
    def add_accounts(self, _: RuntimeParams) -> None:
        """Add multisigs, proxies and vesting."""
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

    @stage(70)
    def add_stakes(self, params: RuntimeParams) -> None:
        """Add stakes."""
        self.tier_staking = self.add(32, TierStaking(
            slot_ms=params.slot_ms, era_slots=params.epoch_slots, clock=self.babe,
            currency=self.balances, rewards=self.tokenomics, dividends=self.tokenomics.dividends,
            identities=self.identity, params=ensure_decided(Decision.Params)))
    # fmt: on

    def connect(self) -> None:
        """Connect pallets that depend on each other."""
        super().connect()
        self.fees.connect(self.tier_staking.positions)
        self.tokenomics.is_vesting = True

    def staked(self) -> tuple[Staked, ...]:
        """Return the pallets with stakes."""
        return (self.tier_staking, *super().staked())

    def dividend_share(self) -> Share:
        """Return the stakers' share of the leg of development."""
        return self.tier_staking.dividend_accounting.dividend_bps

    def benefits(self) -> Benefits:
        """Return the benefits of requesters."""
        return self.tier_staking
