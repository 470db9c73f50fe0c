"""Arguments for calls of Incentives, and a month of KNOWN[0] whose vouchers count."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

from btt_chain.crypto.hashing import blake2_256
from btt_chain.primitives.account import Id
from btt_chain.primitives.activity_rule import ActivityRule
from btt_chain.primitives.digest import H256
from btt_chain.primitives.point_voucher import Denomination, PointVoucher
from btt_chain.scale import u8, u16, u32, u64, u128
from runtime.constants import BTT
from runtime.pallets.facilities.types import Facility, FacilityState, Kind, Size
from runtime.pallets.incentives.epochs import modulus_hash
from runtime.pallets.incentives.types import (
    EligibleAuditor,
    Epoch,
    EpochState,
    Fail,
    Group,
    GroupTally,
    Month,
    MonthPhase,
    NotOpened,
    Pass,
    Progress,
)
from runtime.pallets.tokenomics.types import NO_HASH
from support.conservation.arguments.common import Arguments
from support.conservation.signers import KNOWN
from support.incentives import foreign_modulus, modulus, rsa_key, signed_with_fixed_salt

if TYPE_CHECKING:
    from runtime import BttRuntime
    from support.conservation.chooser import Chooser

POINTS = 1_000
"""Points with which the first month was closed."""
FIRST = u32(0)
RULE = ActivityRule(u32(5), u32(1), u32(1), u32(0), u32(1), u8(1), u16(0), u8(7))


def prepare(runtime: BttRuntime) -> None:
    """Make KNOWN[0] a clinic that closed the first month; the others may audit it."""
    clinic, pallet, facilities = KNOWN[0], runtime.incentives, runtime.facilities
    bond = u128(100 * BTT)
    runtime.balances.hold(facilities.reason, clinic, bond)
    facilities.facilities[clinic] = Facility(
        Kind.Clinic, Size.Small, u16(156), False, clinic, bond, u64(0), FacilityState.Active,
        NO_HASH,
    )  # fmt: skip
    facilities.by_operator[Kind.Clinic, clinic] = clinic
    worth = pallet.months.worth(POINTS)
    paid, points = u128(2 * int(worth)), u64(POINTS)
    pallet.months.progress.value = Progress(u32(1), u32(1), u32(1))
    pallet.months.months[FIRST] = Month(
        worth, worth, paid, u32(1), points, MonthPhase.Selected, u64(0), H256(b"\1" * 32)
    )
    pallet.months.reserved.value = worth
    pallet.subscriptions.payments[FIRST, clinic] = paid
    pallet.epochs.epochs[clinic, FIRST] = Epoch(
        points, NO_HASH, u32(64), points, u64(0), EpochState.Closed
    )
    keys = [modulus(rsa_key(number)) for number in range(len(Denomination))]
    pallet.epochs.keys[clinic, FIRST] = keys
    for key in keys:
        pallet.epochs.moduli[modulus_hash(clinic, key)] = FIRST
    group = Group(u16(156), Kind.Clinic)
    pallet.epochs.statistics[FIRST, group] = GroupTally(u32(1), points)
    pallet.auditors.eligible[FIRST] = [EligibleAuditor(who, who, bytes(who)) for who in KNOWN[1:]]


def voucher(c: Chooser) -> PointVoucher:
    """Return one of a few vouchers of the first month; sometimes one whose signature is wrong."""
    denomination = c.one_of(list(Denomination))
    nonce = blake2_256(bytes((c.one_of(range(30)), denomination)))
    fields = (KNOWN[0], FIRST, denomination, c.who(), nonce, nonce)
    blank = PointVoucher(*fields, bytes(256))
    if c.one_in(10):
        return blank
    message = blank.prefix + blank.message(c.runtime.system.genesis_hash())
    return PointVoucher(*fields, signature(denomination, message))


@lru_cache(maxsize=4_096)
def signature(denomination: Denomination, message: bytes) -> bytes:
    """Return the signature of the first month's key, the same in every run."""
    return signed_with_fixed_salt(rsa_key(denomination), message)


def one_audit(c: Chooser, depth: int) -> dict[str, object]:
    return {"facility": c.one_of([KNOWN[0]] * 4 + [c.who()]), "month": u32(c.one_of((0, 0, 1)))}


def month(c: Chooser) -> u32:
    return u32(c.runtime.incentives.months.current() + c.one_of((-1, 0, 1, 1, 2)))


CALLS: dict[str, Arguments] = {
    "Facilities.top_up": lambda c, _: {},
    "Incentives.set_rule": lambda c, _: {
        "id": u16(c.one_of((1, 2))), "rule": c.one_of((None, RULE)),
    },
    "Incentives.subscribe": lambda c, _: {
        "size": c.one_of(list(Size)), "months": u16(c.one_of((0, 1, 1, 3, 13))),
    },
    "Incentives.publish_keys": lambda c, _: {
        "month": month(c), "keys": [foreign_modulus(c.one_of(range(2**40))) for _ in Denomination],
    },
    "Incentives.close_month": lambda c, _: {
        "month": month(c), "root": NO_HASH, "leaves": u32(c.one_of((64, 65))),
        "points": u64(c.one_of((0, 1, 100, u64.MAX))),
    },
    "Incentives.redeem": lambda c, _: {
        "vouchers": [voucher(c) for _ in range(c.one_of((0, 1, 1, 2, 3)))],
    },
    "Incentives.redeem_for_btt": lambda c, _: {"points": u64(c.one_of((0, 1, 5, 100, u64.MAX)))},
    "Incentives.redeem_at_partner": lambda c, _: {
        "partner": Id(c.who()), "points": u64(c.one_of((1, 5))), "offer": NO_HASH,
    },
    "Incentives.place": lambda c, _: {"offer": NO_HASH, "days": u16(c.one_of((0, 1, 400)))},
    "Incentives.contribute_savings": lambda c, _: {"amount": c.some(), "memo": NO_HASH},
    "Incentives.attest_credential": lambda c, _: {
        "who": c.address(), "credential": NO_HASH, "hours": u16(c.one_of((0, 8))),
    },
    "Incentives.report_audit": lambda c, d: one_audit(c, d) | {
        "verdict": c.one_of((Pass(), NotOpened(), Fail(u32(0)), Fail(u32(64)))),
    },
    "Incentives.answer_audit": lambda c, _: {"month": FIRST},
    "Incentives.settle_audit": one_audit,
    "Incentives.enlist": lambda c, _: {"key": bytes(32)},
    "Incentives.retire": lambda c, _: {},
    "Incentives.set_placement_fee": lambda c, _: {"fee": c.amount()},
}  # fmt: skip
