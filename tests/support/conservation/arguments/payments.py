"""Arguments for calls about payments to merchants."""

from __future__ import annotations

from typing import TYPE_CHECKING

from btt_chain.primitives.account import Id, MultiAddress
from btt_chain.scale import u8, u16, u32, u64
from runtime.pallets.payfi import Rates
from runtime.pallets.tokenomics.types import NO_HASH
from support.conservation.arguments.common import Arguments

if TYPE_CHECKING:
    from support.conservation.chooser import Chooser

CURRENCIES = (b"BTT", b"BTT", b"BTT", b"CNY", b"XAU")


def one_payment(c: Chooser, depth: int) -> dict[str, object]:
    """One of the last payments, mostly."""
    last = int(c.runtime.payfi.payments.next_payment.value)
    number = max(0, last - c.one_of((0, 1, 1, 2, 3, 5)))
    return {"payment": u64(number), "amount": c.some()}


def one_batch(c: Chooser, depth: int) -> dict[str, object]:
    """A batch that waits, mostly."""
    waiting = [key for key, _ in c.runtime.payfi.settlement.batches.items()]
    bucket, who = c.one_of(waiting) if waiting else (u32(0), c.who())
    return {"bucket": bucket, "merchant": c.one_of([c.address(), *[Id(who)] * 3])}


def one_merchant(c: Chooser) -> MultiAddress:
    """A merchant, mostly."""
    known = [who for who, _ in c.runtime.payfi.merchants.merchants.items()]
    return c.one_of([c.address(), *[Id(who) for who in known] * 3])


CALLS: dict[str, Arguments] = {
    "PayFi.register": lambda c, _: {
        "category": u16(5912), "currency": c.one_of(CURRENCIES), "plan": u8(c.one_of((0, 1, 1, 2))),
        "meta": NO_HASH,
    },
    "PayFi.configure": lambda c, _: {
        "currency": c.one_of(CURRENCIES), "plan": u8(c.one_of((0, 1))),
        "policy": c.one_of((None, u16(1))), "till_keys": [c.who()], "meta": NO_HASH,
    },
    "PayFi.bond_extra": lambda c, _: {"amount": c.some()},
    "PayFi.close": lambda c, _: {},
    "PayFi.pay": lambda c, _: {
        "merchant": one_merchant(c), "units": c.some(), "currency": c.one_of(CURRENCIES),
        "max_btt": c.amount(), "reference": c.one_of(range(100)).to_bytes(16, "big"),
        "memo": c.one_of((None, NO_HASH)),
    },
    "PayFi.refund": one_payment,
    "PayFi.settle": one_batch,
    "PayFi.set_rates": lambda c, _: {"rates": Rates(low=u16(c.one_of((50, 80, 81))))},
    "PayFi.suspend": lambda c, _: {"merchant": one_merchant(c), "suspended": c.flag()},
}  # fmt: skip
"""Rules by the names of calls."""
