"""Payments to merchants, and the prices that they need."""

from __future__ import annotations

from btt_chain.scale import u64
from runtime.accounts import PAYFI, TREASURY
from runtime.block_limits import BlockLimits
from runtime.direct import Shortcut
from runtime.features.base import stage
from runtime.features.economy import Economy
from runtime.fee_shares import FeeShares
from runtime.frame import Reason
from runtime.limits import payment_hooks
from runtime.pallets.oracle.api import OracleApi
from runtime.pallets.oracle.pallet import Oracle
from runtime.pallets.origins import Decision, ensure_decided
from runtime.pallets.payfi.api import PAYFI_APIS
from runtime.pallets.payfi.pallet import PayFi
from runtime.params import RuntimeParams
from runtime.payments import DirectPayments


class Payments(
    Economy,
    apis=(*PAYFI_APIS, OracleApi),
    offsetting=(Reason(60, Oracle.HoldReason.Bond),),
    audit="..audits.payments",
):
    """Merchants, cards and disputes."""

    # fmt: off
    @stage(120)
    def add_prices(self, params: RuntimeParams) -> None:
        """Add the oracle of prices."""
        self.oracle = self.add(60, Oracle(
            leave_ms=u64(7 * int(params.day_ms)), currency=self.balances, burns=self.tokenomics,
            time=self.timestamp, providers=self.mining,
            technical=ensure_decided(Decision.Technical),
            params_origin=ensure_decided(Decision.Params)))

    @stage(140)
    def add_payments(self, params: RuntimeParams) -> None:
        """Add payments to merchants."""
        self.payfi = self.add(65, PayFi(
            hour_ms=u64(params.hour_ms), day_ms=u64(params.day_ms), slot_ms=params.slot_ms,
            hook_weight=payment_hooks(int(params.slot_ms)), pool=PAYFI, treasury=TREASURY,
            currency=self.balances, moments=self.babe, prices=self.oracle, fees=self.tokenomics,
            discounts=self.tier_staking.positions, people=self.identity,
            penalties=self.tokenomics, clock=self.babe,
            stalls=self.jobs.deliveries, system=self.system,
            beacon_delay=params.work.beacon_delay, beacon_authors=params.work.beacon_authors,
            genesis_supply=self.tokenomics.genesis_supply,
            params_origin=ensure_decided(Decision.Params),
            suspend_origin=ensure_decided(Decision.Technical, Decision.Emergency)))
    # fmt: on

    def shortcuts(self, shares: FeeShares, limits: BlockLimits) -> list[Shortcut]:
        """Return the shortcuts, with that of payments."""
        payments = DirectPayments.of(shares, self.balances, self.payfi, limits)
        own = [] if payments is None else [payments]
        return [*super().shortcuts(shares, limits), *own]
