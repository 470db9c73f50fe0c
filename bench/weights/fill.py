"""Blocks that are full by weight: does their import fit into their share of the slot?

A call is made by as many signers as the weight of a normal block admits, each with the same
preparation, in one block that is executed with its root, stored, and reverted. Every signature is
checked, and every account is read from the database.
"""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from bench.weights.database import executive, sign
from bench.weights.pace import PACE, picos
from bench.weights.state import MONEY, Bench, key_of
from btt_chain.chain.runtimes import extrinsics_root
from btt_chain.crypto.keypair import Scheme
from btt_chain.primitives.account import AccountData, AccountId, AccountInfo, Id
from btt_chain.primitives.digest import H256, Digest
from btt_chain.primitives.header import Header
from btt_chain.primitives.validity import Invalid
from btt_chain.scale import u8, u32, u128
from runtime.constants import BTT
from runtime.frame import Call
from runtime.limits import NORMAL_PERCENT, block_budget
from runtime.pallets.identity.types import IdentityInfo
from runtime.pallets.proxy.types import ProxyType

MAX_CALLS: Final = 9_000
"""Maximum number of prepared signers; a call that needs more of them is not a worst case."""


@dataclass(frozen=True, slots=True)
class Filling:
    """A call that fills a block: the signer and the arguments of the n-th one."""

    name: str
    call: Callable[[Bench, int], Call]


def to_new(b: Bench, number: int) -> Call:
    """Return a transfer that opens an account."""
    return b.call("Balances", "transfer_keep_alive", dest=Id(b.poor(number)), value=u128(BTT))


def close(b: Bench, number: int) -> Call:
    """Return a transfer that closes an account to open another."""
    return b.call("Balances", "transfer_all", dest=Id(b.poor(number)), keep_alive=False)


def failing(b: Bench) -> Call:
    """Return a small call that fails for an account."""
    return b.call("Utility", "with_weight", call=b.remark(), weight=b.weight(0))


def interrupted(b: Bench, name: str) -> Call:
    """Return a batch that stops at its first call, before many that are decoded for nothing."""
    return b.call("Utility", name, calls=[failing(b), *[b.remark()] * 990])


def unneeded(b: Bench, _: int) -> Call:
    """Return a call whose large fallback is decoded and not made."""
    fallback = b.call("Utility", "batch", calls=[b.remark()] * 990)
    return b.call("Utility", "if_else", main=b.remark(), fallback=fallback)


def deep(b: Bench, _: int) -> Call:
    """Return a batch of `if_else` in each other."""
    inner = b.remark()
    for _ in range(6):
        inner = b.call("Utility", "if_else", main=inner, fallback=b.remark())
    return b.call("Utility", "force_batch", calls=[inner] * 120)


def refused(b: Bench, _: int) -> Call:
    """Return a call that is refused after calls in it, slow to decode, were decoded."""
    inner = b.call("Identity", "set_identity", info=IdentityInfo())
    call = b.call("Utility", "batch", calls=[inner] * 990)
    return b.call("Utility", "with_weight", call=call, weight=b.weight(0))


FILLINGS: Final = (
    Filling("System.remark", lambda b, _: b.remark()),
    Filling(
        "System.remark of 3 KiB", lambda b, _: b.call("System", "remark", remark=bytes(3_072))
    ),
    Filling("Balances.transfer_keep_alive to new accounts", to_new),
    Filling("Balances.transfer_all", close),
    Filling(
        "Balances.burn",
        lambda b, _: b.call("Balances", "burn", value=u128(BTT), keep_alive=True),
    ),
    Filling(
        "Proxy.add_proxy",
        lambda b, number: b.call(
            "Proxy", "add_proxy",
            delegate=Id(b.poor(number)), proxy_type=ProxyType.Any, delay=u32(0),
        ),
    ),
    Filling(
        "Preimage.note_preimage of 1 KiB",
        lambda b, number: b.call(
            "Preimage", "note_preimage", bytes=number.to_bytes(4, "big") * 256
        ),
    ),
    Filling(
        "Utility.batch of 100 remarks",
        lambda b, _: b.call("Utility", "batch", calls=[b.remark()] * 100),
    ),
    Filling("Utility.batch that stops at once", lambda b, _: interrupted(b, "batch")),
    Filling("Utility.batch_all that stops at once", lambda b, _: interrupted(b, "batch_all")),
    Filling("Utility.if_else with a large fallback", unneeded),
    Filling("Utility.if_else, six deep", deep),
    Filling(
        "Utility.force_batch of empty ones",
        lambda b, _: b.call(
            "Utility", "force_batch", calls=[b.call("Utility", "force_batch", calls=[])] * 500
        ),
    ),
    Filling("Utility.with_weight, refused", refused),
    Filling(
        "TierStaking.stake",
        lambda b, _: b.call(
            "TierStaking", "stake", amount=u128(1_000 * BTT), tier=u8(0), min_reward=u128(0)
        ),
    ),
)  # fmt: skip


def fill(bench: Bench) -> int:
    """Print for each call the number that fills a block, and its import against its share."""
    slow = 0
    for filling in FILLINGS:
        count, length, spent, weight = import_full(bench, filling)
        share = block_budget(int(bench.params.slot_ms)) / 1e12 * NORMAL_PERCENT / 100
        part = spent / share
        slow += part > 1
        print(
            f"{filling.name:46} {count:6,} extrinsics {length / 2**20:6.2f} MiB"
            f"  weight {weight / 1e12:5.2f} s  import {spent:5.2f} s  of {share:.2f} s: {part:5.2f}"
            f"{'' if part <= 1 else '  TOO SLOW'}",
            flush=True,
        )
    return 1 if slow else 0


def import_full(bench: Bench, filling: Filling) -> tuple[int, int, float, int]:
    """Fill a block; return its extrinsics, their bytes, the seconds of its import, its weight."""
    overlay = bench.enter()
    runtime, account = bench.runtime, bench.runtime.system.account
    for number in range(MAX_CALLS):
        who = AccountId(key_of(number, Scheme.SR25519).account_id)
        account[who] = AccountInfo(providers=u32(1), data=AccountData(free=u128(MONEY)))
    endowed = {key: value for key, value in overlay.changes().items() if value is not None}
    with bench.prepared():
        bench.enter()
        raws: list[bytes] = []
        runner = executive(bench)
        overlay = bench.enter()
        runner.resume_block(overlay)
        for number in range(MAX_CALLS):
            raw = sign(bench, number, Scheme.SR25519, filling.call(bench, number))
            try:
                runner.apply_extrinsic(raw)
            except Invalid:
                break
            raws.append(raw)
        weight = sum(runtime.host.weights)
        spent = _import(bench, endowed, raws)
    bench.enter()
    return len(raws), sum(map(len, raws)), spent, weight


def _import(bench: Bench, endowed: Mapping[bytes, bytes], raws: list[bytes]) -> float:
    """Execute extrinsics in a new block, with its root, and store the result.

    Returns seconds of the reference machine.
    """
    store = bench.store
    assert store is not None
    bench.keep(endowed)  # reverting the block removed the accounts as well
    best, runner, overlay = store.blocks.best, executive(bench), bench.enter()
    PACE.renew()
    gc.collect()
    gc.disable()
    begun = time.thread_time_ns()
    runner.resume_block(overlay)
    extrinsics_root(raws)
    for raw in raws:
        runner.apply_extrinsic(raw)
    bench.runtime.host.encoded_events()
    pending = store.stage(best.hash, overlay.changes(), reads=overlay.base_reads)
    header = Header(
        H256(best.hash), u32(best.number + 1), H256(pending.root), H256(bytes(32)), Digest([])
    )
    store.commit_block(pending, header.encode(), raws)
    spent = picos(time.thread_time_ns() - begun) / 10**12
    gc.enable()
    store.revert(1)
    return spent
