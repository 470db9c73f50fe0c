"""Benchmarks of Multisig: owners by the component, all of whom approved but one."""

from __future__ import annotations

from bench.weights.declare import Case, benchmark
from bench.weights.state import BLOCK, Bench
from btt_chain.crypto.hashing import blake2_256
from btt_chain.primitives.account import AccountId
from btt_chain.primitives.multi_account import multi_account_id
from btt_chain.scale import u16, u32, u128
from runtime.frame import Call, signed
from runtime.pallets.multisig.pallet import MAX_SIGNATORIES, Operation, Timepoint

OTHERS = (1, MAX_SIGNATORIES - 1)
WHEN = Timepoint(u32(BLOCK - 1), u32(1))


def others(b: Bench, count: int) -> list[AccountId]:
    """Return that many owners besides the caller, in order."""
    del b
    return sorted(AccountId(blake2_256(b"owner %d" % place)) for place in range(count))


def waiting(b: Bench, count: int, call: Call, *, approvals: int, own: bool) -> AccountId:
    """Let a call wait for its last approvals; return the caller, who paid the deposit if `own`."""
    who, rest = b.account(0), others(b, count)
    account = multi_account_id([who, *rest], count + 1)
    pallet = b.runtime.multisig
    depositor = who if own else b.account(1)
    deposit = pallet.deposit_for(count + 1)
    pallet.currency.reserve_named(b"py/multi", depositor, deposit)
    pallet.multisigs[account, blake2_256(call.raw)] = Operation(
        WHEN, deposit, depositor, rest[:approvals]
    )
    return who


@benchmark("Multisig.as_multi_threshold_1", others=OTHERS)
def as_multi_threshold_1(b: Bench, **components: int) -> Case:
    """Make a call alone for an account with several owners."""
    count, who = components["others"], b.account(0)
    call = b.call(
        "Multisig", "as_multi_threshold_1",
        other_signatories=others(b, count), call=b.remark(),
    )  # fmt: skip
    account = multi_account_id([who, *others(b, count)], 1)
    return Case(call, signed(who), without=((signed(who), b.remark(), 1),), callers=(account,))


@benchmark("Multisig.as_multi", others=OTHERS)
def as_multi(b: Bench, **components: int) -> Case:
    """Give the last approval and make the call."""
    count, inner = components["others"], b.remark()
    who = waiting(b, count, inner, approvals=count, own=False)
    call = b.call(
        "Multisig", "as_multi", threshold=u16(count + 1), other_signatories=others(b, count),
        maybe_timepoint=WHEN, call=inner, max_weight=b.weight(10**12),
    )  # fmt: skip
    account = multi_account_id([who, *others(b, count)], count + 1)
    return Case(call, signed(who), without=((signed(who), inner, 1),), callers=(account,))


@benchmark("Multisig.approve_as_multi", others=OTHERS)
def approve_as_multi(b: Bench, **components: int) -> Case:
    """Give the last approval without the call."""
    count, inner = components["others"], b.remark()
    who = waiting(b, count, inner, approvals=count, own=False)
    return b.signed(
        who, "Multisig", "approve_as_multi", threshold=u16(count + 1),
        other_signatories=others(b, count), maybe_timepoint=WHEN,
        call_hash=blake2_256(inner.raw), max_weight=b.weight(0),
    )  # fmt: skip


@benchmark("Multisig.cancel_as_multi", others=OTHERS)
def cancel_as_multi(b: Bench, **components: int) -> Case:
    """Cancel a call that all others approved."""
    count, inner = components["others"], b.remark()
    who = waiting(b, count, inner, approvals=count, own=True)
    return b.signed(
        who, "Multisig", "cancel_as_multi", threshold=u16(count + 1),
        other_signatories=others(b, count), timepoint=WHEN, call_hash=blake2_256(inner.raw),
    )  # fmt: skip


@benchmark("Multisig.poke_deposit", others=OTHERS)
def poke_deposit(b: Bench, **components: int) -> Case:
    """Adjust a deposit to the present rate."""
    count, inner = components["others"], b.remark()
    who = waiting(b, count, inner, approvals=count, own=True)
    account = multi_account_id([who, *others(b, count)], count + 1)
    pallet = b.runtime.multisig
    key = account, blake2_256(inner.raw)
    operation = pallet.multisigs.get(key)
    assert operation is not None
    operation.deposit = operation.deposit - u128(1)
    pallet.multisigs[key] = operation
    return b.signed(
        who, "Multisig", "poke_deposit", threshold=u16(count + 1),
        other_signatories=others(b, count), call_hash=blake2_256(inner.raw),
    )  # fmt: skip
