"""Benchmarks of Assets: restricted units, on which revenue is due to both sides of a transfer."""

from __future__ import annotations

from dataclasses import replace

from bench.weights.declare import Case, benchmark
from bench.weights.pallets.identity import named, part
from bench.weights.pallets.tier_staking import later, staker
from bench.weights.state import Bench, address
from btt_chain.primitives.account import AccountId
from btt_chain.primitives.digest import H256
from btt_chain.scale import u8, u32, u64, u128
from runtime.constants import BTT
from runtime.frame import Reason
from runtime.pallets.asset_registry.types import (
    MAX_VALUATIONS,
    AssetInfo,
    AssetKind,
    HoldReason,
    RightKind,
    State,
    Valuation,
)
from runtime.pallets.assets.types import STRING_LIMIT
from runtime.pallets.identity.types import MAX_SUBS

ID = u32(7)
UNITS = u128(1_000_000)
VALUE = u128(10_000_000 * BTT)
TEXT = bytes(STRING_LIMIT)
DOCUMENTS, REPORT = H256(b"\1" * 32), H256(b"\2" * 32)
HELD = u128(1_000)
"""Units of one holder."""


def reason(b: Bench, why: HoldReason) -> Reason:
    """Return the registry's hold reason."""
    return Reason(b.runtime.asset_registry.index, why)


def issuer(b: Bench) -> AccountId:
    """Return an account with all stakes and a full identity with as many parts as it can have."""
    who = staker(b)
    named(b, MAX_SUBS, paid=False)
    later(b, 5)
    return who


def holder(b: Bench, number: int = 0) -> AccountId:
    """Return an account that is verified as a part of the issuer."""
    return b.endow(part(number))


def registered(b: Bench, state: State = State.Registered) -> AccountId:
    """Put a restricted asset into a state, with as many valuations as it can have but one."""
    who, registry = issuer(b), b.runtime.asset_registry
    deposit, now = u128(registry.deposit_amount), u64(registry.clock.now())
    registry.currency.hold(reason(b, registry.HoldReason.Registration), who, deposit)
    registry.registrations.count.value = u32(ID + 1)
    registry.registrations.by_documents[DOCUMENTS] = ID
    registry.registrations.registered[ID] = AssetInfo(
        who, AssetKind.Equipment, RightKind.Ownership, DOCUMENTS, REPORT, TEXT, TEXT, UNITS, VALUE,
        True, deposit, now, state, u8(3),
    )  # fmt: skip
    registry.valuation.valuations[ID] = [Valuation(now, VALUE)] * (MAX_VALUATIONS - 1)
    return who


def issued(b: Bench) -> AccountId:
    """Give all units to the issuer's account; return the issuer."""
    who, registry = registered(b, State.Issued), b.runtime.asset_registry
    b.runtime.assets.create(ID, registry.keeper, TEXT, TEXT, u8(0))
    b.runtime.assets.issue(ID, who, UNITS)
    return who


def earning(b: Bench, amount: u128 = HELD) -> AccountId:
    """Give units that have earned revenue since to a part of the issuer; return the holder."""
    who, holds = issued(b), holder(b)
    b.runtime.assets.move(ID, who, holds, amount)
    b.does(who, "AssetRegistry", "distribute_revenue", id=ID, amount=u128(BTT))
    return holds


@benchmark("Assets.transfer")
def transfer(b: Bench) -> Case:
    """Send all units to an account that had none."""
    who = earning(b)
    to = address(holder(b, 1))
    return b.signed(who, "Assets", "transfer", id=ID, target=to, amount=HELD)


@benchmark("Assets.transfer_keep_alive")
def transfer_keep_alive(b: Bench) -> Case:
    """Send units to an account that had none, and keep one."""
    who = earning(b)
    to, amount = address(holder(b, 1)), u128(HELD - 1)
    return b.signed(who, "Assets", "transfer_keep_alive", id=ID, target=to, amount=amount)


@benchmark("Assets.touch")
def touch(b: Bench) -> Case:
    """Create an account for units against a deposit."""
    issued(b)
    return b.signed(holder(b), "Assets", "touch", id=ID)


@benchmark("Assets.refund")
def refund(b: Bench) -> Case:
    """Close the last account of an asset without units, which removes the asset."""
    who, assets = issued(b), b.runtime.assets
    last = holder(b)
    b.does(last, "Assets", "touch", id=ID)
    del assets.account[ID, who]
    details = assets.asset.get(ID)
    assert details is not None
    assets.asset[ID] = replace(details, supply=u128(0), accounts=u32(1))
    return b.signed(last, "Assets", "refund", id=ID, allow_burn=False)


@benchmark("Assets.transfer_all")
def transfer_all(b: Bench) -> Case:
    """As `transfer`."""
    who = earning(b)
    to = address(holder(b, 1))
    return b.signed(who, "Assets", "transfer_all", id=ID, dest=to, keep_alive=False)
