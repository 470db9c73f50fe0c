"""Vaults: money and units of several owners, traded by a manager for a fee.

A deposit consists of money and units in the ratio of the vault's holdings, and is paid in shares; a
withdrawal returns the same part of both. So no valuation of the vault is needed.

The manager trades on the exchange with the vault's holdings, at prices within a band around the
registered value. It can take nothing out except by shares. It might trade to the vault's loss, with
another account of its own: therefore all orders of a day together may be worse than that value by
only a small part of the vault. Its fee is 1 to 2 % a year, as new shares. Withdrawals do not depend
on the manager: open orders are cancelled as needed.

The units' revenue belongs to the vault: it is paid in before any deposit or withdrawal.
"""

from __future__ import annotations

from typing import Annotated, Final

from btt_chain.lazyclass import dataclass
from btt_chain.primitives.account import AccountId
from btt_chain.primitives.meaning import BASIS_POINTS
from btt_chain.scale import Compact, TypeName, path, u16, u32, u64, u128
from runtime.constants import BTT, DAY_MS, YEAR_MS
from runtime.frame import (
    DoubleMap,
    Error,
    Event,
    Hasher,
    Map,
    Origin,
    Pallet,
    PostInfo,
    Value,
    call,
)
from runtime.frame.aliases import Account, AccountIdOf, Balance, BalanceOf, CompactBalanceOf, SlotOf
from runtime.frame.traits import Clock
from runtime.pallets.asset_registry.pallet import AssetRegistry
from runtime.pallets.asset_registry.types import AssetInfo
from runtime.pallets.assets.pallet import Assets
from runtime.pallets.balances.pallet import Balances
from runtime.pallets.balances.types import sub_account
from runtime.pallets.exchange.book import MAX_LEVELS
from runtime.pallets.exchange.errors import NotListed
from runtime.pallets.exchange.pallet import Exchange
from runtime.pallets.exchange.types import MAX_OWN_ORDERS, Side
from runtime.pallets.system.pallet import System
from runtime.pallets.vaults import weights
from runtime.splits import BPS, ceil_div, mul_div

MIN_FEE_BPS, MAX_FEE_BPS = 100, 200
"""Bounds of a manager's yearly fee in the documents, in hundredths of a percent."""
BAND_BPS: Final = 2_000
"""Maximum distance of a vault's orders from the registered value, in basis points."""
GIVEN_BPS: Final = 100
"""Maximum loss of a vault's orders of one day against the registered value, in basis points."""
MIN_MONEY: Final = BTT
"""Minimum amount of money of a new vault."""
NOTHING: Final = u128(0)

VaultId = Annotated[u32, TypeName("VaultId")]
Asset = Annotated[u32, TypeName("AssetId")]
Units = Annotated[u128, TypeName("Units")]
CompactUnits = Annotated[Compact[u128], TypeName("Units")]
Shares = Annotated[u128, TypeName("Shares")]
CompactShares = Annotated[Compact[u128], TypeName("Shares")]
OrderId = Annotated[u64, TypeName("OrderId")]


@path("pallet_vaults::Vault", params={"AccountId": AccountId, "Balance": u128})
@dataclass(slots=True)
class Vault:
    """One vault; its holdings are in its account."""

    asset: u32
    manager: Account
    fee_bps: Annotated[u16, BASIS_POINTS]
    """Manager's yearly fee, in basis points of the vault."""
    shares: Shares
    accrued: SlotOf
    """Slot up to which the fee was paid."""
    day: SlotOf
    """Start of the day to which `given` belongs."""
    given: Balance = NOTHING
    """Loss of that day's orders against the registered value, in planck."""


class Vaults(Pallet):
    """Money and units of several owners, traded by a manager for a fee."""

    # ---- dependencies

    slot_ms: u64
    """Duration of a slot, in milliseconds."""
    pool: AccountId
    """The account from which those of vaults are derived."""
    currency: Balances
    clock: Clock
    assets: Assets
    exchange: Exchange
    registry: AssetRegistry
    system: System

    # ---- storage

    count = Value(u32, default=u32(0))
    """Number of vaults created so far, which is the next one's number."""
    vaults = Map(u32, Vault, hasher=Hasher.Twox64Concat)
    """All vaults."""
    shares = DoubleMap(u32, AccountId, u128, default=NOTHING)
    """Shares of each vault, by owner."""

    # ---- events

    class VaultCreated(Event, index=0):
        """An account created a vault, which it manages."""

        id: VaultId
        asset: Asset
        manager: AccountIdOf
        fee_bps: u16

    class Deposited(Event, index=1):
        """An account deposited money and units."""

        id: VaultId
        who: AccountIdOf
        money: BalanceOf
        units: Units
        shares: Shares

    class Withdrawn(Event, index=2):
        """An account withdrew money and units."""

        id: VaultId
        who: AccountIdOf
        money: BalanceOf
        units: Units
        shares: Shares

    class FeeAccrued(Event, index=3):
        """The manager received shares as its fee."""

        id: VaultId
        shares: Shares

    class VaultClosed(Event, index=4):
        """The last share was withdrawn, and the vault closed."""

        id: VaultId

    # ---- errors

    class UnknownVault(Error, index=0):
        """The vault does not exist; look it up in `Vaults.Vaults`."""

    class NotManager(Error, index=1):
        """The sender does not manage the vault."""

    class FeeOutOfBounds(Error, index=2):
        """The fee is outside of 100 to 200 hundredths of a percent a year."""

    class TooLittle(Error, index=3):
        """The amount is too small: one share, or for a new vault 1 BTT and one unit."""

    class TooFewShares(Error, index=4):
        """You have fewer shares of this vault, or named none."""

    class TooMuch(Error, index=5):
        """The shares need more money or units than you allow; allow more, or buy fewer."""

    class OutsideBand(Error, index=6):
        """The price is too far from the registered value of a unit; have the asset revalued."""

    class NoSuchOrder(Error, index=7):
        """The vault has no open order of this number."""

    class TooGenerous(Error, index=8):
        """A day's orders would lose over 1 % against the registered value; wait a day."""

    # ---- calls

    @call(0, weight=weights.CREATE_VAULT)
    def create_vault(
        self,
        origin: Origin,
        asset: Asset,
        fee_bps: u16,
        money: CompactBalanceOf,
        units: CompactUnits,
    ) -> None:
        """Create a vault with money and units of your own, and manage it."""
        who = origin.signed()
        if not MIN_FEE_BPS <= fee_bps <= MAX_FEE_BPS:
            raise self.FeeOutOfBounds
        if money < MIN_MONEY or not units:
            raise self.TooLittle
        if not self.exchange.is_traded(asset):
            raise NotListed
        id = self.count.value
        self.count.value = id + 1
        now = u64(self.clock.now())
        vault = Vault(asset, who, fee_bps, NOTHING, now, now)
        self._open_account(id)
        self.deposit(self.VaultCreated(id, asset, who, fee_bps))
        self._put_in(id, vault, who, u128(money), u128(units), u128(money))

    @call(1, weight=weights.DEPOSIT_VAULT)
    def deposit_vault(
        self,
        origin: Origin,
        id: VaultId,
        shares: CompactShares,
        most_money: CompactBalanceOf,
        most_units: CompactUnits,
    ) -> None:
        """Buy shares of a vault with the matching money (planck) and units, within the limits."""
        who, vault = origin.signed(), self._vault(id)
        if not shares:
            raise self.TooLittle
        self._settle(id, vault)
        whole, stock = self.holdings(id, vault)
        money = u128(ceil_div(whole * int(shares), vault.shares))
        units = u128(ceil_div(stock * int(shares), vault.shares))
        if money > most_money or units > most_units:
            raise self.TooMuch
        self._put_in(id, vault, who, money, units, u128(shares))

    @call(2, weight=weights.withdraw_vault(MAX_OWN_ORDERS))
    def withdraw_vault(self, origin: Origin, id: VaultId, shares: CompactShares) -> PostInfo:
        """Withdraw your part of the vault for shares. Open orders are cancelled if necessary.

        They are also cancelled if their loss is too great for the rest of the vault. The maximum
        u128 means all of your shares: those of the manager grow until the call.
        """
        who, vault = origin.signed(), self._vault(id)
        self._settle(id, vault)
        own = self.shares[id, who]
        if shares == u128.MAX:
            shares = own
        if not 0 < shares <= own:
            raise self.TooFewShares
        whole, stock = self.holdings(id, vault)
        money = mul_div(whole, shares, vault.shares)
        units = mul_div(stock, shares, vault.shares)
        account = self.account_of(id)
        is_last, cancelled = shares == vault.shares, 0
        info = self.registry.info(vault.asset)
        if (
            is_last
            or (info is not None and too_much(vault.given, whole - money, stock - units, info))
            or self.currency.free(account) < money
            or self.assets.free(vault.asset, account) < units
        ):
            for order in self.exchange.order_book.own[vault.asset, account]:
                self.exchange.give_up(order)
                cancelled += 1
        self.assets.move(vault.asset, account, who, units)
        self.currency.transfer(account, who, money)
        vault.shares -= shares
        if shares == own:
            del self.shares[id, who]
        else:
            self.shares[id, who] = own - shares
        self.deposit(self.Withdrawn(id, who, money, units, u128(shares)))
        if is_last:
            del self.vaults[id]
            self._close_account(id)
            self.deposit(self.VaultClosed(id))
        else:
            self.vaults[id] = vault
        return PostInfo(weights.withdraw_vault(cancelled))

    @call(3, weight=weights.place_vault_order(MAX_OWN_ORDERS, 2 * MAX_LEVELS))
    def place_vault_order(
        self, origin: Origin, id: VaultId, side: Side, units: CompactUnits, price: CompactBalanceOf
    ) -> PostInfo:
        """Place an order of a vault that you manage; the exchange has the rules of orders."""
        vault = self._managed(origin, id)
        info = self.registry.info(vault.asset)
        if info is None:
            raise NotListed
        # All units at once, without rounding: the registered value against the price.
        asked, value = int(price) * int(info.units), int(info.value)
        if not value * (BPS - BAND_BPS) <= asked * BPS <= value * (BPS + BAND_BPS):
            raise self.OutsideBand
        worse = asked - value if side is Side.Buy else value - asked
        self._give_way(id, vault, info, ceil_div(max(0, worse) * int(units), info.units))
        placed = self.exchange.place(
            self.account_of(id), vault.asset, side, u128(units), u128(price)
        )
        return PostInfo(weights.place_vault_order(placed.own, placed.levels))

    @call(4, weight=weights.CANCEL_VAULT_ORDER)
    def cancel_vault_order(self, origin: Origin, id: VaultId, order: OrderId) -> None:
        """Cancel an order of a vault that you manage."""
        vault = self._managed(origin, id)
        if order not in self.exchange.order_book.own[vault.asset, self.account_of(id)]:
            raise self.NoSuchOrder
        self.exchange.give_up(order)

    @call(5, weight=weights.ACCRUE_FEE)
    def accrue_fee(self, origin: Origin, id: VaultId) -> None:
        """Pay the manager its fee up to now, and the vault the revenue of its units.

        Any account may call it; deposits and withdrawals include it.
        """
        origin.signed()
        vault = self._vault(id)
        self._settle(id, vault)
        self.vaults[id] = vault

    # ---- public interface

    def account_of(self, id: int) -> AccountId:
        """Return the account of a vault, which has no key."""
        return sub_account(self.pool, id)

    # ---- internals

    def _vault(self, id: u32) -> Vault:
        vault = self.vaults.get(id)
        if vault is None:
            raise self.UnknownVault
        return vault

    def _managed(self, origin: Origin, id: u32) -> Vault:
        who, vault = origin.signed(), self._vault(id)
        if who != vault.manager:
            raise self.NotManager
        return vault

    def holdings(self, id: u32, vault: Vault) -> tuple[int, int]:
        """Return all money and units of a vault: free, on hold for orders, or due."""
        account = self.account_of(id)
        due = self.registry.revenue_due(vault.asset, account)
        on_hold = self.currency.held(self.exchange.reason, account)
        money = int(self.currency.free(account)) + int(on_hold) + int(due)
        return money, int(self.assets.balance(vault.asset, account))

    def _give_way(self, id: u32, vault: Vault, info: AssetInfo, by: int) -> None:
        """Record the loss of an order against the registered value. Raises TooGenerous."""
        if not by:
            return
        now = self.clock.now()
        if (now - int(vault.day)) * int(self.slot_ms) >= DAY_MS:
            vault.day, vault.given = u64(now), NOTHING
        whole, stock = self.holdings(id, vault)
        if too_much(int(vault.given) + by, whole, stock, info):
            raise self.TooGenerous
        vault.given += by
        self.vaults[id] = vault

    def _open_account(self, id: u32) -> None:
        """Keep the vault's account alive with any balance, which belongs to the shareholders."""
        account = self.account_of(id)
        info = self.system.account[account]
        self.system.add_provider(account, info)
        self.system.account[account] = info

    def _close_account(self, id: u32) -> None:
        account = self.account_of(id)
        info = self.system.account[account]
        if self.system.remove_provider(info):
            self.system.kill(account)
        else:
            self.system.account[account] = info

    def _put_in(
        self, id: u32, vault: Vault, who: AccountId, money: u128, units: u128, shares: u128
    ) -> None:
        account = self.account_of(id)
        self.assets.move(vault.asset, who, account, units)
        self.currency.transfer(who, account, money)
        vault.shares += shares
        self.vaults[id] = vault
        self.shares[id, who] += shares
        self.deposit(self.Deposited(id, who, money, units, shares))

    def _settle(self, id: u32, vault: Vault) -> None:
        """Pay the vault its units' revenue, and the manager its fee."""
        self.registry.pay_revenue(vault.asset, self.account_of(id))
        self._accrue(id, vault)

    def _accrue(self, id: u32, vault: Vault) -> None:
        """Create shares for the manager, whose part of the new total is its fee."""
        now = self.clock.now()
        elapsed = (now - int(vault.accrued)) * int(self.slot_ms)
        # At most a year's fee: after a century without a call the manager must not own everything.
        due = min(elapsed, YEAR_MS) * int(vault.fee_bps)
        shares = u128(int(vault.shares) * due // (BPS * YEAR_MS - due))
        vault.accrued = u64(now)
        if shares:
            vault.shares += shares
            self.shares[id, vault.manager] += shares
            self.deposit(self.FeeAccrued(id, shares))


def too_much(given: int, money: int, units: int, info: AssetInfo) -> bool:
    """Return True if a loss of `given` is too great for a vault of this money and these units."""
    worth = money + units * int(info.value) // int(info.units)
    return given * BPS > worth * GIVEN_BPS
