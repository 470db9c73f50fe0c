"""A month of KNOWN[0] whose vouchers count."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

from btt_chain.crypto.hashing import blake2_256
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
    Group,
    GroupTally,
    Month,
    MonthPhase,
    Progress,
)
from runtime.pallets.tokenomics.types import NO_HASH
from support.conservation.signers import KNOWN
from support.incentives import modulus, rsa_key, signed_with_fixed_salt

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
