"""Prices of a unit of work: the one that fees must have paid, and that of the chain's own jobs."""

from __future__ import annotations

from btt_chain.scale import u32, u128
from runtime.frame import Component, Constant, Value
from runtime.pallets.mining import factors
from runtime.pallets.mining.types import (
    FEE_PRICE,
    MAX_PRICE,
    MIN_PRICE,
    PROTOCOL_PRICE,
    Running,
)


class Prices(Component):
    """The prices, which move at the end of each era."""

    min_price = Constant(MIN_PRICE)
    """Minimum price of a unit of work, in fees and in jobs of the chain itself, in planck."""
    max_price = Constant(MAX_PRICE)
    """Maximum of these prices that governance and genesis may set, in planck per unit of work."""
    price_step = Constant(u32(factors.PRICE_STEP))
    """Divisor: an era changes each of these prices by at most one part in this many."""

    fee_price = Value(u128, default=FEE_PRICE)
    """Fees that a unit of work must have cost to count in full, in planck (phi)."""
    protocol_price = Value(u128, default=PROTOCOL_PRICE)
    """Price of a unit of the chain's own jobs, in planck."""

    def move(self, running: Running, target: int) -> None:
        """Move the prices: towards the fees that were paid, and towards governance's target."""
        floor = int(MIN_PRICE)
        if running.units:
            paid = int(running.fees) // int(running.units)
            price = factors.towards(int(self.fee_price.value), paid, floor)
            self.fee_price.value = u128(price)
        price = int(self.protocol_price.value)
        if target != price:
            self.protocol_price.value = u128(factors.towards(price, target, floor))
