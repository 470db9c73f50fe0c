"""Arguments for calls about payments to merchants."""

from __future__ import annotations

from typing import TYPE_CHECKING

from btt_chain.crypto import ed25519
from btt_chain.primitives.account import Id, MultiAddress
from btt_chain.primitives.digest import H256
from btt_chain.primitives.voucher import REGISTRATION, Ed25519Key, Registration, card_id
from btt_chain.scale import u8, u16, u32, u64
from runtime.pallets.payfi.card_types import Limits, Proof
from runtime.pallets.payfi.dispute_types import Accept, Contest, DisputeReason
from runtime.pallets.payfi.types import Rates
from runtime.pallets.tokenomics.types import NO_HASH
from support.conservation.arguments.common import Arguments, of_zeros
from support.conservation.signers import KNOWN

if TYPE_CHECKING:
    from support.conservation.chooser import Chooser

CURRENCIES = (b"BTT", b"BTT", b"BTT", b"CNY", b"XAU")
CARD_SEEDS = tuple(bytes([number]) * 32 for number in range(1, 7))


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


def one_dispute(c: Chooser) -> dict[str, object]:
    """An open dispute, mostly."""
    known = [number for number, _ in c.runtime.payfi.disputes.disputes.items()]
    return {"payment": c.one_of([u64(0), *known * 3])}


def new_card(c: Chooser) -> dict[str, object]:
    """A key with its proof for the signer, sometimes for another account."""
    seed, payfi = c.one_of(CARD_SEEDS), c.runtime.payfi
    key, until = Ed25519Key(ed25519.public_from_seed(seed)), u64(payfi.calendar.now() + 60_000)
    owner = c.one_of([c.who(), *[c.situation.signer] * 5])
    asked = Registration.of(H256(payfi.system.genesis_hash()), card_id(key), owner, until)
    return {"key": key, "proof": Proof(until, ed25519.sign(seed, REGISTRATION.encode(asked)))}


def one_card(c: Chooser) -> dict[str, object]:
    """A card, mostly."""
    known = [card for card, _ in c.runtime.payfi.cards.cards.items()]
    return {"card": c.one_of([NO_HASH, *known * 3])}


def limits(c: Chooser) -> Limits:
    return Limits(c.some(), c.amount(), [], u64(u64.MAX))


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
    "PayFi.dispute": lambda c, d: one_payment(c, d) | {
        "reason": c.one_of(list(DisputeReason)), "evidence": NO_HASH,
    },
    "PayFi.answer": lambda c, d: one_dispute(c) | {
        "answer": c.one_of((Accept(), Contest(NO_HASH))),
    },
    "PayFi.withdraw_dispute": lambda c, _: one_dispute(c),
    "PayFi.resolve": lambda c, _: one_dispute(c) | {"to_payer": c.some()},
    "PayFi.register_card": lambda c, _: new_card(c) | {
        "limits": limits(c), "guardian": c.one_of((None, c.who())),
    },
    "PayFi.set_card": lambda c, _: one_card(c) | {
        "limits": limits(c), "guardian": c.one_of((None, c.who())), "frozen": c.flag(),
    },
    "PayFi.drop_card": lambda c, _: one_card(c),
    "PayFi.freeze_card": lambda c, _: one_card(c),
    # These need the signature of a card.
    "PayFi.charge_card": of_zeros("PayFi", "charge_card"),
    "PayFi.capture": lambda c, _: {"auth": u64(0), "amount": c.some()},
    "PayFi.void": lambda c, _: {"auth": u64(0)},
    "PayFi.set_policy": of_zeros("PayFi", "set_policy"),
    "PayFi.set_own_policy": of_zeros("PayFi", "set_own_policy"),
    "PayFi.set_arbiters": lambda c, _: {"arbiters": c.one_of(([], KNOWN[:4]))},
    "PayFi.bond_arbiter": lambda c, _: {"amount": c.some()},
    "PayFi.unbond_arbiter": lambda c, _: {},
    "PayFi.suspend": lambda c, _: {"merchant": one_merchant(c), "suspended": c.flag()},
}  # fmt: skip
"""Rules by the names of calls."""
