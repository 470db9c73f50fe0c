"""An exchange on real money and real units: Alice issued a scanner, Bob and Carol have units."""

from __future__ import annotations

from btt_chain.primitives.account import AccountId
from btt_chain.scale import u32, u64, u128
from runtime.constants import BTT
from runtime.frame import signed
from runtime.pallets.exchange.pallet import Exchange
from runtime.pallets.exchange.types import Side, TimeInForce
from support.asset_runtime import ALICE, BOB, CAROL, COLLECTOR, AssetRuntime

PREMIUM = 30
SCANNER = u32(0)


class Market(AssetRuntime):
    """The office with an exchange; Alice issued a scanner, Bob and Carol have 200 units each."""

    def build(self) -> None:
        super().build()
        self.exchange = self.add(
            52,
            Exchange(
                premium_slots=u64(PREMIUM),
                collector=COLLECTOR,
                currency=self.balances,
                clock=self.clock,
                assets=self.assets,
                registry=self.registry.registrations,
                fees=self.tokenomics,
                stakers=self.people,
            ),
        )

    def __init__(self) -> None:
        super().__init__()
        self.issue()
        for who in (BOB, CAROL):
            self.assets.move(SCANNER, ALICE, who, u128(200))
        self.exchange.list_asset(signed(ALICE), SCANNER)
        self.next_block()
        self.host.events.clear()

    def next_block(self, slots: int = 1) -> int:
        """Go on to the next block, whose beginning holds the auctions; return its weight."""
        self.clock.slot += slots
        return self.exchange.on_initialize(self.clock.slot)

    def order(
        self,
        who: AccountId,
        side: Side,
        units: int,
        price: int,
        force: TimeInForce = TimeInForce.UntilCancelled,
        until: u64 | None = None,
        asset: u32 = SCANNER,
    ) -> u64:
        """Place an order, the price in BTT; return its number."""
        id = self.exchange.order_book.next_order.value
        call = self.exchange.place_order
        call(signed(who), asset, side, u128(units), price * BTT, force, until)
        return id

    def buy(self, who: AccountId, units: int, price: int, **other: TimeInForce | u64) -> u64:
        return self.order(who, Side.Buy, units, price, **other)  # type: ignore[arg-type]

    def sell(self, who: AccountId, units: int, price: int, **other: TimeInForce | u64) -> u64:
        return self.order(who, Side.Sell, units, price, **other)  # type: ignore[arg-type]

    def units(self, who: AccountId) -> int:
        return int(self.assets.balance(SCANNER, who))

    def money(self, who: AccountId) -> int:
        return int(self.balances.total(who))

    def escrow(self, who: AccountId) -> int:
        return int(self.balances.held(self.exchange.reason, who))
