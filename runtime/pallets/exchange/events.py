"""Events of the exchange."""

from __future__ import annotations

from runtime.frame import Event
from runtime.frame.aliases import AccountIdOf, BalanceOf, SlotOf
from runtime.pallets.exchange.types import AssetId, OrderId, Params, Side, Units


class Listed(Event, index=0):
    """An asset was listed for trade."""

    asset: AssetId


class Delisted(Event, index=1):
    """An asset was delisted; its orders can only be cancelled."""

    asset: AssetId


class PremiumListed(Event, index=2):
    """An asset got a premium listing until slot `until`; `burned` is a part of `fee`."""

    asset: AssetId
    until: SlotOf
    fee: BalanceOf
    burned: BalanceOf


class OrderPlaced(Event, index=3):
    """An order was added to the book."""

    id: OrderId
    asset: AssetId
    owner: AccountIdOf
    side: Side
    price: BalanceOf
    units: Units


class OrderFilled(Event, index=4):
    """Two orders traded `units` units at `price` planck each; both owners paid a fee."""

    asset: AssetId
    buy: OrderId
    sell: OrderId
    buyer: AccountIdOf
    seller: AccountIdOf
    price: BalanceOf
    units: Units
    buyer_fee: BalanceOf
    seller_fee: BalanceOf


class OrderCancelled(Event, index=5):
    """An order was cancelled with `units` units unfilled; its escrow was released."""

    id: OrderId
    units: Units


class AuctionHeld(Event, index=6):
    """An auction traded `units` units at `price` planck each. `burned` is a part of `fees`."""

    asset: AssetId
    price: BalanceOf
    units: Units
    fees: BalanceOf
    burned: BalanceOf


class ParamsSet(Event, index=7):
    """The parameters were changed."""

    params: Params


class Readmitted(Event, index=8):
    """A delisted asset was readmitted; its issuer may list it again."""

    asset: AssetId
