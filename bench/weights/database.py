"""Costs of the block itself, around its calls: base, bytes, and keys of the database."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from bench.weights.pace import PACE, picos
from bench.weights.state import LONG_VALUE, LONG_VALUES, MONEY, Bench, key_of, long_key
from btt_chain.chain.runtimes import extrinsics_root
from btt_chain.crypto.hashing import blake2_128_concat, blake2_256
from btt_chain.crypto.keypair import Scheme
from btt_chain.primitives.account import (
    AccountData,
    AccountId,
    AccountInfo,
    EcdsaSignature,
    Ed25519Signature,
    Id,
    MultiSignature,
    Sr25519Signature,
)
from btt_chain.primitives.digest import H256, Digest
from btt_chain.primitives.era import Immortal
from btt_chain.primitives.extrinsic import bare, signed, signing_payload
from btt_chain.primitives.header import Header
from btt_chain.scale import codec, u32, u64, u128
from runtime.executive import Executive
from runtime.extensions import (
    IMPLICIT,
    SIGNED_EXTRA,
    Implicit,
    MetadataHashMode,
    SignedExtra,
)
from runtime.frame import Call
from runtime.transactions import check_signature
from storage.blocks import encode_body
from storage.columns import STATE

SIGNERS: Final = 150
LONG: Final = 1 << 20
ROUNDS: Final = 4
FEW_KEYS, MANY_KEYS = 500, 2_500
SIGNATURES: Final[Mapping[Scheme, Callable[[bytes], MultiSignature]]] = {
    Scheme.ED25519: Ed25519Signature,
    Scheme.SR25519: Sr25519Signature,
    Scheme.ECDSA: EcdsaSignature,
}


@dataclass(frozen=True, slots=True)
class Costs:
    """Picoseconds of the work that surrounds a call."""

    read: int
    write: int
    written_byte: int
    removed_byte: int
    extrinsic: int
    extrinsic_byte: int
    block: int


def measure(bench: Bench) -> Costs:
    """Measure all of it on the reference state, which needs a database."""
    write, written_byte, removed_byte = _writes(bench)
    for scheme in SIGNATURES:
        _add_senders(bench, scheme)
    remark = bench.call("System", "remark", remark=b"")
    extrinsic = max(
        _extrinsics(bench, scheme, remark, write, written_byte) for scheme in SIGNATURES
    )
    own = bench.measure(bench.signed(bench.account(0), "System", "remark", remark=b"")).picos
    return Costs(
        read=_read(bench),
        write=write,
        written_byte=written_byte,
        removed_byte=removed_byte,
        extrinsic=max(0, extrinsic - own),
        extrinsic_byte=_bytes(bench),
        block=_block(bench, write, written_byte),
    )


def least(work: Callable[[], object], rounds: int = ROUNDS) -> int:
    """Return the minimum of the picoseconds that `work` takes."""
    PACE.renew()
    spent = []
    for _ in range(rounds):
        gc.collect(0)
        gc.disable()
        begun = time.thread_time_ns()
        work()
        spent.append(time.thread_time_ns() - begun)
        gc.enable()
    return picos(min(spent))


def _filler(number: int) -> bytes:
    return blake2_128_concat(blake2_256(b"account %d" % number))


def _read(bench: Bench) -> int:
    """Return the cost of reading a key that the block has not read yet."""
    prefix = bench.runtime.system.account.prefix
    keys = [prefix + _filler(number) for number in range(1_000)]

    def read() -> None:
        overlay = bench.enter()
        for key in keys:
            overlay.get(key)

    return least(read) // len(keys)


def _writes(bench: Bench) -> tuple[int, int, int]:
    """Return the costs of a changed key at the end of a block, of a new byte and of an old byte."""
    prefix = bench.runtime.system.account.prefix

    def accounts(count: int, size: int) -> int:
        keys = [prefix + _filler(number) for number in range(0, 5 * count, 5)]
        return _commit(bench, {key: blake2_256(key) * (size // 32) for key in keys})

    few, many = accounts(FEW_KEYS, 96), accounts(MANY_KEYS, 96)
    key = (many - few) // (MANY_KEYS - FEW_KEYS)
    long = accounts(LONG_VALUES, LONG_VALUE)
    written = max(0, long - LONG_VALUES * key) // (LONG_VALUES * LONG_VALUE)
    gone = _commit(bench, dict.fromkeys(map(long_key, range(LONG_VALUES))))
    removed = max(0, gone - LONG_VALUES * key) // (LONG_VALUES * LONG_VALUE)
    return key, written, removed


def _commit(bench: Bench, changes: Mapping[bytes, bytes | None]) -> int:
    """Return the time of ending a block with these changes: computing its root and writing them."""
    store = bench.store
    assert store is not None
    best = store.blocks.best
    reads = {key: bench.kv.get(STATE + key) for key in changes}
    PACE.renew()
    spent = []
    for _ in range(ROUNDS):
        gc.collect()
        gc.disable()
        begun = time.thread_time_ns()
        pending = store.stage(best.hash, changes, reads=reads)
        header = Header(
            H256(best.hash), u32(best.number + 1), H256(pending.root), H256(bytes(32)), Digest([])
        )
        store.commit_block(pending, header.encode(), [])
        spent.append(time.thread_time_ns() - begun)
        gc.enable()
        store.revert(1)
    return picos(min(spent))


def _add_senders(bench: Bench, scheme: Scheme) -> None:
    """Endow the signers; their accounts are in the database, not in memory."""
    account = bench.runtime.system.account
    raw = codec(AccountInfo).encode(
        AccountInfo(providers=u32(1), data=AccountData(free=u128(MONEY)))
    )
    keys = {
        account.prefix + blake2_128_concat(key_of(number, scheme).account_id): raw
        for number in range(SIGNERS)
    }
    bench.keep(keys)


def sign(bench: Bench, number: int, scheme: Scheme, call: Call) -> bytes:
    """Return an immortal extrinsic of one of the benchmarks' keys, with nonce zero."""
    pair, system = key_of(number, scheme), bench.runtime.system
    genesis = system.block_hash[u32(0)]
    extra = SIGNED_EXTRA.encode(SignedExtra(Immortal(), u32(0), u128(0), MetadataHashMode.Disabled))
    version = bench.runtime.version
    implicit = IMPLICIT.encode(
        Implicit(version.spec_version, version.transaction_version, genesis, genesis, None)
    )
    signature = SIGNATURES[scheme](pair.sign(signing_payload(call.raw, extra, implicit)))
    return signed(Id(AccountId(pair.account_id)), signature, extra, call.raw)


def executive(bench: Bench) -> Executive:
    """Return an executive without a signature cache."""
    return Executive(bench.runtime, check_signature=check_signature, ordered_root=extrinsics_root)


def _extrinsics(bench: Bench, scheme: Scheme, call: Call, write: int, written_byte: int) -> int:
    """Return the cost of one signed extrinsic, with many senders in one block."""
    raws = [sign(bench, number, scheme, call) for number in range(SIGNERS)]
    runner = executive(bench)
    changed = 0, 0

    def work() -> None:
        nonlocal changed
        overlay = bench.enter()
        runner.resume_block(overlay)
        for raw in raws:
            assert runner.apply_extrinsic(raw) is None
        bench.runtime.host.encoded_events()
        extrinsics_root(raws)
        encode_body(raws)
        values = overlay.changes()
        changed = len(values), sum(len(value) for value in values.values() if value)

    spent = least(work)
    keys, size = changed
    return (spent + keys * write + size * written_byte) // SIGNERS


def _bytes(bench: Bench) -> int:
    """Return the cost of each byte of an extrinsic, independent of its content."""
    runner = executive(bench)

    def apply(size: int) -> int:
        call = bench.call("System", "remark", remark=bytes(size))
        raw = sign(bench, 1, Scheme.SR25519, call)

        def work() -> None:
            overlay = bench.enter()
            runner.resume_block(overlay)
            assert runner.apply_extrinsic(raw) is None
            extrinsics_root([raw])
            bench.kv.write({b"\x7ebody": encode_body([raw])})
            bench.kv.write({b"\x7ebody": None})

        return least(work)

    return max(1, (apply(LONG) - apply(32)) // LONG)


def _block(bench: Bench, write: int, written_byte: int) -> int:
    """Return the cost of opening and closing a block that contains only its inherent."""
    runner, runtime = executive(bench), bench.runtime
    changed = 0, 0

    def work() -> None:
        nonlocal changed
        overlay = bench.enter()
        bench.open_block(runner, overlay)
        moment = u64(int(runtime.babe.current_slot.value) * int(bench.params.slot_ms))
        raw = bare(bench.call("Timestamp", "set", now=moment).raw)
        assert runner.apply_extrinsic(raw) is None
        runner.finalize_block()
        values = overlay.changes()
        changed = len(values), sum(len(value) for value in values.values() if value)

    spent = least(work, 8)
    keys, size = changed
    return spent + keys * write + size * written_byte
