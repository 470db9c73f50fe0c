"""Exchange: trade of asset units in auctions, at most one per asset and block."""

from runtime.pallets.exchange.auction import Level, Offer, Outcome, auction, clearing_price
from runtime.pallets.exchange.auctions import MAX_AUCTIONS, MAX_MATCHES
from runtime.pallets.exchange.book import MAX_LEVELS
from runtime.pallets.exchange.pallet import Exchange
from runtime.pallets.exchange.types import Listing, Order, Params, Side, TimeInForce, Trade

__all__ = [
    "MAX_AUCTIONS",
    "MAX_LEVELS",
    "MAX_MATCHES",
    "Exchange",
    "Level",
    "Listing",
    "Offer",
    "Order",
    "Outcome",
    "Params",
    "Side",
    "TimeInForce",
    "Trade",
    "auction",
    "clearing_price",
]
