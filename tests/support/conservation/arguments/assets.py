"""Arguments for calls about registered assets, their units, the exchange and vaults."""

from __future__ import annotations

from typing import TYPE_CHECKING

from btt_chain.scale import u8, u16, u32, u64, u128
from runtime.constants import BTT
from runtime.pallets.asset_registry import types as asset_registry
from runtime.pallets.asset_registry.types import AssetKind as ThingKind
from runtime.pallets.asset_registry.types import Mode, RightKind, Role
from runtime.pallets.exchange import types as exchange
from runtime.pallets.exchange.types import Side, TimeInForce
from runtime.pallets.tokenomics.types import NO_HASH
from support.chain import START
from support.conservation.arguments.common import Arguments, announced
from support.conservation.chain import SCANNER

if TYPE_CHECKING:
    from support.conservation.chooser import Chooser


def one_asset(c: Chooser, depth: int) -> dict[str, object]:
    return {"id": c.known(c.runtime.asset_registry.registrations.registered)}


def one_vault(c: Chooser, depth: int) -> dict[str, object]:
    return {"id": c.known(c.runtime.vaults.vaults)}


def units(c: Chooser) -> u128:
    return u128(c.one_of((0, 1, 2, 50, 1_000, 1_001, u128.MAX)))


CALLS: dict[str, Arguments] = {
    "Assets.transfer": lambda c, d: one_asset(c, d) | {"target": c.address(), "amount": units(c)},
    "Assets.transfer_keep_alive": lambda c, d: one_asset(c, d) | {
        "target": c.address(), "amount": units(c),
    },
    "Assets.touch": one_asset,
    "Assets.refund": lambda c, d: one_asset(c, d) | {"allow_burn": c.flag()},
    "Assets.transfer_all": lambda c, d: one_asset(c, d) | {
        "dest": c.address(), "keep_alive": c.flag(),
    },
    "AssetRegistry.register": lambda c, _: {
        "kind": ThingKind.Equipment, "right": RightKind.Revenue, "documents": announced(c),
        "description": NO_HASH, "name": b"Thing", "symbol": b"T", "value": c.some(),
        "units": units(c), "restricted": c.flag(),
    },
    "AssetRegistry.verify": lambda c, d: one_asset(c, d) | {
        "role": c.one_of(list(Role)), "complexity": u8(c.one_of((1, 2))), "approve": c.flag(),
        "report": NO_HASH,
    },
    "AssetRegistry.vote": lambda c, d: one_asset(c, d) | {"aye": c.flag()},
    "AssetRegistry.issue": one_asset,
    "AssetRegistry.claim_vote_reward": one_asset,
    "AssetRegistry.expire_vote_reward": one_asset,
    "AssetRegistry.request_revaluation": lambda c, d: one_asset(c, d) | {
        "mode": c.one_of(list(Mode)),
    },
    "AssetRegistry.submit_revaluation": lambda c, d: one_asset(c, d) | {
        "role": c.one_of(list(Role)), "value": c.some(), "report": NO_HASH,
    },
    "AssetRegistry.freeze_asset": one_asset,
    "AssetRegistry.thaw_asset": one_asset,
    "AssetRegistry.distribute_revenue": lambda c, d: one_asset(c, d) | {"amount": c.amount()},
    "AssetRegistry.claim_revenue": one_asset,
    "AssetRegistry.offer_buy_back": lambda c, d: one_asset(c, d) | {
        "price": c.some(), "units": units(c),
    },
    "AssetRegistry.sell_back": lambda c, d: one_asset(c, d) | {
        "units": units(c), "least_price": c.some(),
    },
    "AssetRegistry.retire": one_asset,
    "AssetRegistry.bond_verifier": lambda c, _: {"bond": c.amount()},
    "AssetRegistry.appoint_verifier": lambda c, _: {
        "who": c.address(), "regulatory": c.flag(), "technical": c.flag(),
    },
    "AssetRegistry.leave": lambda c, _: {},
    "AssetRegistry.withdraw_bond": lambda c, _: {},
    "AssetRegistry.slash_verifier": lambda c, _: {"who": c.address(), "amount": c.amount()},
    "AssetRegistry.set_params": lambda c, _: {
        "params": asset_registry.Params(voters_bps=u32(c.one_of((0, 2_500, 2_501)))),
    },
    "AssetRegistry.withdraw": one_asset,
    "AssetRegistry.forget_votes": one_asset,
    "Exchange.list_asset": lambda c, _: {"asset": SCANNER},
    "Exchange.list_premium": lambda c, _: {"asset": SCANNER},
    "Exchange.delist": lambda c, _: {"asset": SCANNER},
    "Exchange.readmit": lambda c, _: {"asset": SCANNER},
    "Exchange.place_order": lambda c, _: {
        "asset": SCANNER, "side": c.one_of(list(Side)), "units": units(c),
        "price": u128(c.one_of((1, BTT // 10, 2 * BTT))),
        "time_in_force": c.one_of(list(TimeInForce)),
        "until": c.one_of((None, None, u64(c.slot()))),
    },
    "Exchange.cancel_order": lambda c, _: {
        "id": c.one_of([*dict(c.runtime.exchange.order_book.orders.items()), u64(99)]),
    },
    "Exchange.set_params": lambda c, _: {
        "params": exchange.Params(least_notional=c.one_of((u128(1), u128(BTT)))),
    },
    "Vaults.create_vault": lambda c, _: {
        "asset": SCANNER, "fee_bps": u16(c.one_of((99, 100, 200))), "money": c.some(),
        "units": units(c),
    },
    "Vaults.deposit_vault": lambda c, d: one_vault(c, d) | {
        "shares": c.some(), "most_money": u128(START), "most_units": u128(1_000),
    },
    "Vaults.withdraw_vault": lambda c, d: one_vault(c, d) | {
        "shares": c.one_of((c.some(), c.one_of([
            amount for _, amount in c.runtime.vaults.shares.items()] or [u128(1)]))),
    },
    "Vaults.place_vault_order": lambda c, d: one_vault(c, d) | {
        "side": c.one_of(list(Side)), "units": units(c), "price": u128(BTT // 10),
    },
    "Vaults.cancel_vault_order": lambda c, d: one_vault(c, d) | {
        "order": c.one_of([*dict(c.runtime.exchange.order_book.orders.items()), u64(99)]),
    },
    "Vaults.accrue_fee": one_vault,
}  # fmt: skip
