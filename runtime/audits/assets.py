"""Check of assets and open orders: I10."""

from __future__ import annotations

from collections.abc import Iterator

from btt_chain.primitives.account import AccountId
from btt_chain.scale import u32
from runtime.audits.state import AuditedState, Finding
from runtime.pallets.asset_registry import State
from runtime.pallets.exchange import Side
from runtime.pallets.exchange.types import book_key


def units(audited: AuditedState) -> Iterator[Finding]:
    """Check I10: units have owners and match the supply; sales are held, the book is complete."""
    runtime = audited.runtime
    pallet, registry, exchange = runtime.assets, runtime.asset_registry, runtime.exchange
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
