"""Benchmarks of Vaults: revenue and fees are due, and vaults have the maximum number of orders."""

from __future__ import annotations

from bench.weights.declare import Case, benchmark
from bench.weights.pallets.assets import ID
from bench.weights.pallets.exchange import DEEP, LAST, PRICE, STEP, deep, owner, stand, traded
from bench.weights.state import BLOCK, MONEY, Bench
from btt_chain.primitives.account import AccountId
from btt_chain.scale import u16, u32, u64, u128
from runtime.constants import BTT, DAY_MS
from runtime.pallets.exchange.types import MAX_OWN_ORDERS, Side

VAULT = u32(0)
UNITS = 5_000
STAKE = u128(100_000 * BTT)
SHARES = u128(BTT)


def later(b: Bench) -> None:
    """Advance ten days, with revenue at their end: fees and revenue are due."""
    b.at(BLOCK + 10 * DAY_MS // int(b.params.slot_ms))
    b.does(b.account(0), "AssetRegistry", "distribute_revenue", id=ID, amount=u128(1_000 * BTT))


def managed(b: Bench, orders: int = 0) -> AccountId:
    """Give a vault that many orders, the first of them a sale; return its manager."""
    traded(b)
    who, vaults = owner(b, 9_000, UNITS), b.runtime.vaults
    b.does(
        who, "Vaults", "create_vault",
        asset=ID, fee_bps=u16(200), money=STAKE, units=u128(UNITS),
    )  # fmt: skip
    account = vaults.account_of(VAULT)
    for place in range(orders):
        if place:
            stand(b, account, Side.Buy, PRICE // 2 - place * STEP)
        else:
            stand(b, account, Side.Sell, PRICE * 2)
    return who


@benchmark("Vaults.create_vault")
def create_vault(b: Bench) -> Case:
    """Create a vault with all units of an account, on which revenue is due."""
    traded(b)
    who = owner(b, 9_000, UNITS)
    later(b)
    return b.signed(
        who, "Vaults", "create_vault",
        asset=ID, fee_bps=u16(200), money=STAKE, units=u128(UNITS),
    )  # fmt: skip


@benchmark("Vaults.deposit_vault")
def deposit_vault(b: Bench) -> Case:
    """Buy the first shares; revenue and the manager's fee are due."""
    managed(b)
    who = owner(b, 9_001, UNITS)
    later(b)
    return b.signed(
        who, "Vaults", "deposit_vault",
        id=VAULT, shares=SHARES, most_money=u128(MONEY), most_units=u128(UNITS),
    )  # fmt: skip


@benchmark("Vaults.withdraw_vault", orders=(0, MAX_OWN_ORDERS))
def withdraw_vault(b: Bench, orders: int) -> Case:
    """Redeem the last shares: that many orders are cancelled, and the vault is removed."""
    who = managed(b, orders)
    later(b)
    return b.signed(who, "Vaults", "withdraw_vault", id=VAULT, shares=u128.MAX)


@benchmark("Vaults.place_vault_order", own=(0, LAST), levels=(0, DEEP))
def place_vault_order(b: Bench, own: int, levels: int) -> Case:
    """Bid above the registered value, with that many orders and over that many levels."""
    who, registry = managed(b, own), b.runtime.asset_registry
    deep(b, levels)
    later(b)
    info = registry.registrations.registered.get(ID)
    assert info is not None
    info.value = u128(int(info.value) * 99 // 100)
    registry.registrations.registered[ID] = info
    return b.signed(
        who, "Vaults", "place_vault_order",
        id=VAULT, side=Side.Buy, units=u128(1), price=u128(PRICE),
    )  # fmt: skip


@benchmark("Vaults.cancel_vault_order")
def cancel_vault_order(b: Bench) -> Case:
    """Cancel the last of all orders."""
    who = managed(b, MAX_OWN_ORDERS)
    last = u64(b.runtime.exchange.order_book.next_order.value - 1)
    return b.signed(who, "Vaults", "cancel_vault_order", id=VAULT, order=last)


@benchmark("Vaults.accrue_fee")
def accrue_fee(b: Bench) -> Case:
    """Pay the manager its fee, and the vault its revenue."""
    managed(b)
    later(b)
    return b.signed(b.account(1), "Vaults", "accrue_fee", id=VAULT)
