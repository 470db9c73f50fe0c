"""Registered assets, their exchange and vaults."""

from __future__ import annotations

from btt_chain.scale import u64
from runtime.accounts import ASSET_KEEPER, EXCHANGE, TREASURY
from runtime.constants import BTT
from runtime.features.base import stage
from runtime.features.economy import Economy
from runtime.pallets.asset_registry.api import AssetsApi
from runtime.pallets.asset_registry.pallet import AssetRegistry
from runtime.pallets.assets.pallet import Assets as Units
from runtime.pallets.exchange.api import ExchangeApi
from runtime.pallets.exchange.pallet import Exchange
from runtime.pallets.origins import Decision, ensure_decided
from runtime.pallets.vaults.pallet import Vaults
from runtime.params import RuntimeParams


class Assets(Economy, apis=(AssetsApi, ExchangeApi), audit="..audits.assets"):
    """Things in units, and their trade."""

    # fmt: off
    @stage(110)
    def add_assets(self, params: RuntimeParams) -> None:
        """Add assets, their registry, the exchange and vaults."""
        day = params.day_slots
        self.assets = self.add(50, Units(
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
    # fmt: on

    def connect(self) -> None:
        """Connect pallets that depend on each other."""
        super().connect()
        self.assets.connect(self.asset_registry.holders)
