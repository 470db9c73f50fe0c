"""Check of assets and open orders: I10."""

from __future__ import annotations

from collections.abc import Iterator

from btt_chain.primitives.account import AccountId
from btt_chain.scale import u32
from runtime.audits.holds import values_of
from runtime.audits.state import AuditedState, FeatureAudit, Finding, HoldRecord
from runtime.features.work import Work
from runtime.frame import Reason
from runtime.pallets.asset_registry.pallet import AssetRegistry
from runtime.pallets.asset_registry.types import State
from runtime.pallets.assets import types as assets
from runtime.pallets.assets.pallet import Assets
from runtime.pallets.exchange.pallet import Exchange
from runtime.pallets.exchange.types import Side, book_key


def units(audited: AuditedState) -> Iterator[Finding]:
    """Check I10: units have owners and match the supply; sales are held, the book is complete."""
    runtime = audited.runtime
    pallet, registry = runtime.pallet(Assets), runtime.pallet(AssetRegistry)
    exchange = runtime.pallet(Exchange)
    owned: dict[int, list[int]] = {}
    for (id, _), account in pallet.account.items():
        owned.setdefault(id, []).append(int(account.balance))
    for id, details in pallet.asset.items():
        rows, info = owned.pop(id, []), registry.registrations.registered.get(id)
        if (int(details.supply), int(details.accounts)) != (sum(rows), len(rows)):
            said = f"{details.supply} units of {details.accounts} accounts"
            yield Finding("I10", f"asset {id}: {said}, there are {sum(rows)} of {len(rows)}")
        due = info.units if info is not None and info.state is State.Issued else 0
        if details.supply != due:
            yield Finding("I10", f"asset {id}: {details.supply} units, {due} may be issued")
    for missing in owned:
        yield Finding("I10", f"asset {missing}: units of what does not exist")
    orders = dict(exchange.order_book.orders.items())
    selling: dict[tuple[int, AccountId], int] = {}
    for number, order in orders.items():
        if order.side is Side.Sell:
            place = (int(order.asset), order.owner)
            selling[place] = selling.get(place, 0) + int(order.units)
        elif order.escrow < int(order.price) * int(order.units):
            yield Finding("I10", f"order {number}: {order.escrow} planck on hold, it may cost more")
    held = {(int(id), who): int(amount) for (id, who), amount in pallet.held.items()}
    if held != selling:
        yield Finding("I10", "units on hold are not those of the orders that sell")
    for (asset, who), amount in held.items():
        if amount > pallet.balance(u32(asset), who):
            recorded = f"{amount} units of asset {asset} on hold"
            yield Finding("I10", f"{who.hex()}: {recorded}, it has less")
    standing = {
        (order.asset, book_key(order.side, int(order.price), int(id))): id
        for id, order in orders.items()
    }
    if dict(exchange.order_book.book.items()) != standing:
        yield Finding("I10", "the book is not the orders that are open")
    owners = sorted(id for _, ids in exchange.order_book.own.items() for id in ids)
    if owners != sorted(orders):
        yield Finding("I10", "orders by owner are not the orders that are open")


def account_deposits(runtime: Work) -> int:
    """Return the sum of the deposits for accounts with units."""
    return sum(
        int(account.reason.deposit)
        for _, account in runtime.pallet(Assets).account.items()
        if isinstance(account.reason, assets.DepositHeld)
    )


def holds(runtime: Work) -> Iterator[HoldRecord]:
    """Yield the expected holds of orders and of the asset registry."""
    exchange = runtime.pallet(Exchange)
    for order in values_of(exchange.order_book.orders):
        yield order.owner, exchange.reason, int(order.escrow)
    registry, why = runtime.pallet(AssetRegistry), AssetRegistry.HoldReason
    for id, info in registry.registrations.registered.items():
        poll, offer = registry.voting.polls.get(id), registry.buy_back.buy_backs.get(id)
        revenue = registry.holders.revenue[id]
        for reason, amount in (
            (why.Registration, int(info.deposit)),
            (why.VoteReward, int(poll.left) if poll else 0),
            (why.BuyBack, int(offer.price) * int(offer.units) if offer else 0),
            (why.Revenue, int(revenue.fed) - int(revenue.paid)),
        ):
            yield info.issuer, Reason(registry.index, reason), amount
    for who, verifier in registry.verification.verifiers.items():
        yield who, Reason(registry.index, why.VerifierBond), int(verifier.bond)


AUDIT = FeatureAudit(checks=(units,), holds=holds, deposits={assets.RESERVE_ID: account_deposits})
