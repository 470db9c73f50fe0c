"""Arguments for calls about prices."""

from __future__ import annotations

from typing import TYPE_CHECKING

from btt_chain.scale import u16, u128
from runtime.pallets.oracle.types import MIN_BOND, EnergyClass, Rule
from support.conservation.arguments.common import Arguments
from support.conservation.chain import CNY, USD

if TYPE_CHECKING:
    from support.conservation.chooser import Chooser


def one_feed(c: Chooser) -> list[tuple[bytes, u128]]:
    """Values near each other, far away, or not allowed."""
    value = c.one_of((10**18, 10**18, 105 * 10**16, 107 * 10**16, 3 * 10**18, 0, u128.MAX))
    return [(key, u128(value)) for key in (CNY, USD)[: c.one_of((1, 1, 2))]]


CALLS: dict[str, Arguments] = {
    "Oracle.feed_values": lambda c, _: {"values": one_feed(c)},
    "Oracle.join": lambda c, _: {"bond": c.one_of((c.amount(), c.some(), MIN_BOND))},
    "Oracle.leave": lambda c, _: {},
    "Oracle.withdraw": lambda c, _: {},
    "Oracle.set_rule": lambda c, _: {"key": CNY, "rule": c.one_of((None, Rule()))},
    "Oracle.admit": lambda c, _: {"who": c.who(), "admitted": c.flag()},
    "Oracle.slash": lambda c, _: {"who": c.who(), "bps": u16(c.one_of((1, 300, 65_535)))},
    "Oracle.attest": lambda c, _: {
        "provider": c.who(), "region": u16(0), "energy": c.one_of(list(EnergyClass)),
    },
}  # fmt: skip
