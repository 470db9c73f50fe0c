"""A call is decoded when its transaction is admitted, and not again by the block that takes it."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable

import pytest

from btt_chain.crypto.hashing import blake2_256
from btt_chain.crypto.keypair import KeyPair
from btt_chain.node.transactions.pool import PoolService
from btt_chain.primitives.digest import H256
from btt_chain.primitives.extrinsic import unwrap
from btt_chain.primitives.limits import EXTRINSIC
from btt_chain.primitives.validity import ExhaustsResources, Invalid, TransactionSource
from btt_chain.scale import u64, u128
from btt_chain.txpool import PoolError
from runtime import BttRuntime
from runtime.constants import BTT
from runtime.direct import DirectCalls
from runtime.executive import Executive
from runtime.frame import Call
from runtime.kept import (
    MAX_BYTES,
    TRANSFER_BYTES,
    USUAL_BYTES,
    InvoicePayment,
    Kept,
    KeptCalls,
    Transfer,
    UsualCall,
    memory_of,
)
from runtime.params import RuntimeParams
from runtime.transactions import TransactionDecoder
from support.chain import ALICE, BOB, CHARLIE, DevChain, address


@pytest.fixture
def chain() -> DevChain:
    return DevChain(pruning=256)


def pay(chain: DevChain, planck: int = int(BTT)) -> Call:
    return chain.call("Balances", "transfer_keep_alive", dest=address(CHARLIE), value=u128(planck))


def batch(chain: DevChain, count: int) -> Call:
    remark = chain.call("System", "remark", remark=b"")
    return chain.call("Utility", "batch", calls=[remark] * count)


@pytest.fixture
def decoded(monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    """Return the signed extrinsics that executives decode, or admit in place, from now on."""
    found: list[bytes] = []
    decode, read = TransactionDecoder.decode, DirectCalls.open

    def noted_transfer(self: DirectCalls, raw: bytes) -> object:
        opened = read(self, raw)
        if opened is not None:
            found.append(raw)
        return opened

    def noted(self: TransactionDecoder, raw: bytes) -> object:
        if raw[0] == 0x84:
            found.append(raw)
        return decode(self, raw)

    monkeypatch.setattr(TransactionDecoder, "decode", noted)
    monkeypatch.setattr(DirectCalls, "open", noted_transfer)
    return found


def test_sealing_and_import_do_not_decode_what_the_pool_admitted(
    chain: DevChain, decoded: list[bytes]
) -> None:
    wires = [chain.sign(BOB, pay(chain)), chain.sign(ALICE, batch(chain, 50))]
    other = chain.another()
    theirs = PoolService(other)
    for wire in wires:
        chain.pool.submit(wire)
        theirs.submit(wire)
    assert sorted(decoded) == sorted(2 * [unwrap(wire) for wire in wires])
    decoded.clear()
    header, body = chain.block(chain.seal())
    other.import_block(header, body)
    assert decoded == []
    assert len(body) == 3
    assert other.best().hash == header.hash()


def test_a_node_that_never_saw_a_transaction_decodes_it_and_comes_to_the_same_block(
    chain: DevChain, decoded: list[bytes]
) -> None:
    chain.send(BOB, batch(chain, 50))
    header, body = chain.block(chain.seal())
    decoded.clear()
    other = chain.another()
    other.import_block(header, body)
    assert decoded == body[1:]
    assert other.best().hash == header.hash()


def test_what_leaves_the_pool_is_kept_no_longer(chain: DevChain) -> None:
    kept = chain.client.kept
    paid, dropped = chain.sign(BOB, pay(chain)), chain.sign(ALICE, pay(chain))
    for wire in (paid, dropped):
        chain.pool.submit(wire)
    assert len(kept) == 2
    assert kept.bytes == 2 * TRANSFER_BYTES
    chain.pool.remove({blake2_256(dropped): "a test wants so"})
    assert len(kept) == 1
    chain.seal()
    assert (len(kept), kept.bytes) == (0, 0)


def test_what_the_pool_refuses_is_not_kept(chain: DevChain) -> None:
    chain.send(BOB, pay(chain))
    with pytest.raises(PoolError):
        chain.send(BOB, pay(chain, 2 * int(BTT)))  # the same nonce for the same price
    assert len(chain.client.kept) == 1


def test_calls_are_kept_as_far_as_there_is_room(chain: DevChain, decoded: list[bytes]) -> None:
    call = batch(chain, 3)
    chain.client.kept = KeptCalls(2 * memory_of(call))
    wires = [chain.sign(BOB, call, nonce=nonce) for nonce in range(3)]
    for wire in wires:
        chain.pool.submit(wire)
    found = [chain.client.kept.get(blake2_256(wire)) for wire in wires]
    assert [kept is not None and kept.call is not None for kept in found] == [True, True, False]
    assert chain.client.kept.bytes == 2 * memory_of(call)
    decoded.clear()
    assert len(chain.block(chain.seal())[1]) == 4
    assert decoded == [unwrap(wires[2])]
    chain.send(BOB, call)
    assert chain.client.kept.bytes == memory_of(call)


def test_a_recheck_by_the_bytes_keeps_no_second_call(chain: DevChain) -> None:
    hash = chain.send(BOB, pay(chain), nonce=5)  # it waits for others
    known = chain.pool.pool.get(hash)
    assert known is not None
    known.kept = None  # as if nothing could be judged by what was kept
    chain.seal()
    assert isinstance(known.kept, Kept)
    assert known.kept.call is None
    assert len(chain.client.kept) == 1


def test_a_kept_call_is_dispatched_once(chain: DevChain, decoded: list[bytes]) -> None:
    """Whatever a call does to its arguments, no later block can come to another result."""
    wire = chain.sign(BOB, pay(chain))
    chain.pool.submit(wire)
    decoded.clear()
    client = chain.client
    executive = client.runtime_at(client.best().hash).blocks
    for times in range(2):
        executive.open_pool_view(client.overlay(client.best().hash), H256(client.best().hash))
        executive.apply_extrinsic(unwrap(wire), client.kept.get(blake2_256(wire)))
        assert len(decoded) == times


def test_a_transaction_that_does_not_fit_keeps_its_call(chain: DevChain) -> None:
    chain.pool.submit(chain.sign(BOB, pay(chain)))
    wire = chain.sign(BOB, pay(chain), nonce=1)
    chain.pool.submit(wire)
    client = chain.client
    executive = client.runtime_at(client.best().hash).blocks
    executive.open_pool_view(client.overlay(client.best().hash), H256(client.best().hash))
    kept = client.kept.get(blake2_256(wire))
    assert kept is not None
    with pytest.raises(Invalid):  # its nonce is not the next
        executive.apply_extrinsic(unwrap(wire), kept)
    assert kept.call is not None


@pytest.mark.parametrize("room", [10**6, 0], ids=["call kept", "call dropped"])
def test_a_full_block_leaves_a_transaction_out_without_decoding_it(
    chain: DevChain, decoded: list[bytes], room: int
) -> None:
    chain.client.kept = KeptCalls(room)
    wire = chain.sign(BOB, pay(chain))
    chain.pool.submit(wire)
    decoded.clear()
    client = chain.client
    executive = client.runtime_at(client.best().hash).blocks
    executive.open_pool_view(client.overlay(client.best().hash), H256(client.best().hash))
    executive.runtime.host.weights[0] = int(executive.system.block_weights.max_block.ref_time)
    before = list(executive.runtime.host.weights)
    with pytest.raises(Invalid) as refusal:
        executive.apply_extrinsic(unwrap(wire), client.kept.get(blake2_256(wire)))
    assert isinstance(refusal.value.reason, ExhaustsResources)
    assert executive.runtime.host.weights == before
    assert decoded == []


def test_another_runtime_decodes_for_itself(chain: DevChain, decoded: list[bytes]) -> None:
    wire = chain.sign(BOB, pay(chain))
    chain.pool.submit(wire)
    decoded.clear()
    client = chain.client
    twin = Executive(
        BttRuntime(RuntimeParams(u64(chain.slot_ms))),
        check_signature=client.runtimes.verdicts,
        ordered_root=lambda _: bytes(32),
    )
    twin.open_pool_view(client.overlay(client.best().hash), H256(client.best().hash))
    twin.apply_extrinsic(unwrap(wire), client.kept.get(blake2_256(wire)))
    assert decoded == [unwrap(wire)]


def test_what_a_signature_covers_is_looked_at_again(chain: DevChain, decoded: list[bytes]) -> None:
    wire = chain.sign(BOB, pay(chain))
    chain.pool.submit(wire)
    decoded.clear()
    client = chain.client
    kept = client.kept.get(blake2_256(wire))
    assert kept is not None
    kept.implicit = bytes(len(kept.implicit))  # as if the block of its era were another
    executive = client.runtime_at(client.best().hash).blocks
    executive.open_pool_view(client.overlay(client.best().hash), H256(client.best().hash))
    executive.apply_extrinsic(unwrap(wire), kept)
    assert decoded == [unwrap(wire)]


@pytest.mark.parametrize(
    "make",
    [
        pay,
        lambda chain: batch(chain, 999),
        lambda chain: chain.call(
            "Preimage", "ensure_updated", hashes=[H256(bytes(32)) for _ in range(1_000)]
        ),
        lambda chain: chain.call("System", "remark", remark=bytes(100_000)),
    ],
    ids=["transfer", "batch", "hashes", "bytes"],
)
def test_the_memory_of_a_call_is_not_more_than_what_is_counted(
    chain: DevChain, make: Callable[[DevChain], Call]
) -> None:
    raw = make(chain).raw
    codec = chain.runtime.call_codec
    codec.decode_all(raw)
    tracemalloc.start()
    try:
        call = EXTRINSIC.decode(codec, bytes(bytearray(raw)))
        chain.runtime.info(call)
        used = tracemalloc.get_traced_memory()[0]
    finally:
        tracemalloc.stop()
    assert used <= memory_of(call) + 1_000


def test_the_memory_of_a_payment_is_not_more_than_what_is_counted(chain: DevChain) -> None:
    raws = [
        chain.call(
            "PayFi", "pay", merchant=address(CHARLIE), units=u128(10**18 + number),
            currency=b"BTT", max_btt=u128(10**19), reference=blake2_256(b"%d" % number)[:16],
            memo=H256(blake2_256(b"memo %d" % number)),
        ).raw
        for number in range(100)
    ]  # fmt: skip
    codec = chain.runtime.call_codec
    calls = [codec.decode_all(raw) for raw in raws]
    counted = sum(map(memory_of, calls))
    calls.clear()
    tracemalloc.start()
    try:
        calls += [codec.decode_all(bytes(bytearray(raw))) for raw in raws]
        used = tracemalloc.get_traced_memory()[0]
    finally:
        tracemalloc.stop()
    assert used <= counted
    # A full pool of them keeps its calls.
    assert counted // 100 * PoolService(chain.client).pool.limits.ready.count < MAX_BYTES


def payment(chain: DevChain, nonce: int) -> bytes:
    call = chain.call(
        "PayFi", "pay", merchant=address(CHARLIE), units=u128(int(BTT)), currency=b"BTT",
        max_btt=u128(u128.MAX), reference=nonce.to_bytes(16, "big"), memo=H256(b"\7" * 32),
    )  # fmt: skip
    return chain.sign(BOB, call, nonce=nonce)


@pytest.mark.parametrize("kind", [Transfer, InvoicePayment])
def test_the_memory_of_a_usual_call_is_not_more_than_what_is_counted(
    chain: DevChain, kind: type
) -> None:
    if kind is Transfer:
        wires = [chain.sign(BOB, pay(chain), nonce=nonce) for nonce in range(100)]
    else:
        wires = [payment(chain, nonce) for nonce in range(100)]
    executive = chain.client.runtime_at(chain.client.best().hash).blocks
    at = chain.client.best().hash
    executive.open_pool_view(chain.client.overlay(at), H256(at))
    for wire in wires:  # verdicts on signatures are kept elsewhere
        executive.admit(TransactionSource.External, unwrap(wire))
    calls: list[Call | UsualCall | None] = []
    tracemalloc.start()
    try:
        for wire in wires:
            kept = executive.admit(TransactionSource.External, unwrap(wire))[1]
            calls.append(None if kept is None else kept.call)
            del kept
        used = tracemalloc.get_traced_memory()[0]
    finally:
        tracemalloc.stop()
    assert all(isinstance(call, kind) for call in calls)
    assert used <= len(wires) * USUAL_BYTES[kind]


def test_a_transfer_that_creates_an_account_is_executed_from_what_was_kept(
    chain: DevChain, decoded: list[bytes]
) -> None:
    new = KeyPair.from_uri("//New")
    call = chain.call("Balances", "transfer_keep_alive", dest=address(new), value=u128(int(BTT)))
    chain.send(BOB, call)
    peer = chain.another()
    decoded.clear()
    block = chain.block(chain.seal())
    assert decoded == []
    assert int(chain.account(new).data.free) == int(BTT)
    peer.import_block(*block)
