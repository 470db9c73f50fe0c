"""Calls and reports from outside: what they may hold is bounded before it is decoded."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace

import pytest

from btt_chain.chain.runtimes import extrinsics_root
from btt_chain.consensus.author import manual_claim
from btt_chain.primitives import grandpa
from btt_chain.primitives.babe import pre_runtime
from btt_chain.primitives.babe_digests import (
    AuthorityId,
    NextEpochData,
    NextEpochDescriptor,
    consensus,
)
from btt_chain.primitives.digest import (
    BABE,
    H256,
    Consensus,
    Digest,
    DigestItem,
    PreRuntime,
    RuntimeEnvironmentUpdated,
)
from btt_chain.primitives.extrinsic import unwrap
from btt_chain.primitives.header import Header
from btt_chain.primitives.limits import EXTRINSIC, MAX_CALLS, MAX_LOGS, MIB, RESERVED_LOGS
from btt_chain.primitives.validity import ExhaustsResources
from btt_chain.primitives.voters import AuthorityId as VoterId
from btt_chain.scale import Codec, EncodeError, compact_encode, u32, u64
from btt_chain.scale.base import MAX_LENGTH
from btt_chain.scale.shape import ArrayOf, Bits, Composite, Sequence, TupleOf, VariantOf
from btt_chain.txpool import TransactionInvalid
from runtime import BttRuntime
from runtime.frame import Call, InvalidBlock
from runtime.pallets.babe import weights
from runtime.pallets.babe.reports import by_headers
from runtime.pallets.evidence import MembershipProof
from runtime.params import RuntimeParams
from runtime.transactions import Malformed
from support.babe_chain import EPOCH, START, BabeChain, validators
from support.chain import BOB, DevChain

ZERO = H256(bytes(32))
LOG = b"\x08"
"""The smallest digest item: one byte."""


@pytest.fixture(scope="module")
def chain() -> DevChain:
    return DevChain()


def header(logs: int) -> bytes:
    """Return a header with so many one-byte items in its digest."""
    return bytes(32) + compact_encode(7) + bytes(64) + compact_encode(logs) + LOG * logs


def babe_report(logs: int, nodes: int) -> bytes:
    """Return the bytes of `Babe.report_equivocation` with lists of so many one-byte items."""
    proof = bytes(32) + bytes(8) + header(logs) + header(1)
    return proof + bytes(4) + compact_encode(nodes) + bytes(nodes) + bytes(4)


def grandpa_report(_: int, nodes: int) -> bytes:
    """Return the bytes of `Grandpa.report_equivocation` with so many empty trie nodes."""
    proof = bytes(8) + b"\0" + bytes(8) + bytes(32) + 2 * bytes(32 + 4 + 64)
    return proof + bytes(4) + compact_encode(nodes) + bytes(nodes) + bytes(4)


def call_of(chain: DevChain, pallet: str, arguments: bytes) -> Call:
    """Return a call of `report_equivocation` that only carries its bytes."""
    index = chain.runtime.pallet_named(pallet).index
    return Call(index, 0, (), bytes((index, 0)) + arguments)


REPORTS = [
    ("Babe", babe_report(MIB, 0)),
    ("Babe", babe_report(1, MIB)),
    ("Grandpa", grandpa_report(0, MIB)),
]


@pytest.mark.parametrize(("pallet", "arguments"), REPORTS, ids=["logs", "nodes", "grandpa"])
def test_a_report_with_a_million_items_is_refused_before_they_are_decoded(
    chain: DevChain, pallet: str, arguments: bytes
) -> None:
    wire = chain.sign(BOB, call_of(chain, pallet, arguments))
    with pytest.raises(TransactionInvalid) as refused:
        chain.pool.submit(wire)
    assert isinstance(refused.value.__cause__, Malformed)
    assert "items claimed" in str(refused.value.__cause__)


def test_a_block_of_reports_with_a_million_items_each_is_cheap_to_refuse(chain: DevChain) -> None:
    body = [
        unwrap(chain.sign(BOB, call_of(chain, pallet, arguments), nonce=nonce))
        for nonce, (pallet, arguments) in enumerate(REPORTS)
    ]
    parent = chain.client.header_of(chain.client.genesis_hash)
    claim = pre_runtime(manual_claim(1))
    block = Header(parent.hash(), u32(1), ZERO, H256(extrinsics_root(body)), Digest([claim]))
    begun = time.process_time()
    with pytest.raises(InvalidBlock, match=r"extrinsic 0 .* malformed .* items claimed"):
        chain.client.execute(block, body)
    # Carrying out these three took 1.3 s and more.
    assert time.process_time() - begun < 0.4


def test_a_small_report_is_still_decoded(chain: DevChain) -> None:
    for pallet, arguments in (
        ("Babe", babe_report(MAX_LOGS, 8)),
        ("Grandpa", grandpa_report(0, 8)),
    ):
        raw = call_of(chain, pallet, arguments).raw
        assert chain.runtime.call_codec.decode_all(raw).raw == raw


def test_a_report_weighs_what_its_headers_hold() -> None:
    cheat, other = validators(2)
    chain = BabeChain([cheat, other])
    proof = chain.doubled(cheat, START + EPOCH + 1)
    owner = MembershipProof(u32(0), [], u32(4))
    weigh = by_headers(weights.report_equivocation)
    logs = proof.first_header.digest.logs
    long = replace(proof, first_header=replace(
        proof.first_header, digest=Digest([*logs, Consensus(BABE, bytes(40_000))])
    ))  # fmt: skip
    many = replace(proof, first_header=replace(
        proof.first_header, digest=Digest([*logs, *[RuntimeEnvironmentUpdated()] * 50])
    ))  # fmt: skip
    babe = chain.runtime.babe
    base = weigh(babe, proof, owner).weight
    assert weigh(babe, long, owner).weight > base  # its bytes weigh by the extrinsic's length
    assert weigh(babe, many, owner).weight >= base + 50 * 100_000


def test_what_no_block_can_hold_is_refused_by_its_length(
    chain: DevChain, monkeypatch: pytest.MonkeyPatch
) -> None:
    remark = chain.call("System", "remark", remark=bytes(EXTRINSIC.max_bytes))
    wire = chain.sign(BOB, remark)
    monkeypatch.setattr(
        chain.client.runtime_at(chain.client.genesis_hash).pool.decoder, "_check_signature", None
    )
    with pytest.raises(TransactionInvalid) as refused:
        chain.pool.submit(wire)
    assert isinstance(refused.value.reason, ExhaustsResources)


# ---- all calls


def unbounded(part: Codec[object], path: str, seen: set[int]) -> Iterator[str]:
    """Yield the lists in a type, but bytes, whose number only the wire format bounds."""
    if id(part) in seen or part.shape.path.endswith("::RuntimeCall"):
        return
    seen.add(id(part))
    match part.shape.node:
        case Sequence(item=item):
            if item.name != "u8":
                if part.limit in {None, MAX_LENGTH}:
                    yield f"{path}: {part.name}"
                yield from unbounded(item, f"{path}[]", seen)
        case Bits():
            yield f"{path}: bits"
        case ArrayOf(item=item):
            yield from unbounded(item, f"{path}[]", seen)
        case TupleOf(parts=parts):
            for inner in parts:
                yield from unbounded(inner, path, seen)
        case Composite(fields=fields):
            if part.limit in {None, MAX_LENGTH}:
                for field in fields:
                    yield from unbounded(field.codec, f"{path}.{field.name}", seen)
            else:  # a bounded list: its items
                items = fields[0].codec.shape.node
                assert isinstance(items, Sequence)
                yield from unbounded(items.item, f"{path}[]", seen)
        case VariantOf(variants=variants):
            for variant in variants:
                for field in variant.fields:
                    yield from unbounded(field.codec, f"{path}.{variant.name}", seen)


def test_no_call_takes_a_list_without_a_bound() -> None:
    runtime, seen = BttRuntime(RuntimeParams(u64(6_000))), set[int]()
    found = [
        line
        for pallet in runtime.pallets.values()
        for entry in pallet.CALLS.values()
        for name, part in entry.args
        for line in unbounded(part, f"{pallet.name}.{entry.name}.{name}", seen)
    ]
    assert not found


def test_a_batch_is_refused_by_its_number_of_calls(chain: DevChain) -> None:
    utility = chain.runtime.utility.index
    remark = chain.call("System", "remark", remark=b"").raw
    with pytest.raises(ValueError, match=f"{MAX_CALLS + 1} items claimed, {MAX_CALLS} are"):
        EXTRINSIC.decode(
            chain.runtime.call_codec,
            bytes((utility, 0)) + compact_encode(MAX_CALLS + 1) + remark * (MAX_CALLS + 1),
        )


def test_lists_in_the_calls_of_a_batch_are_counted_together(chain: DevChain) -> None:
    who = [bytes([0, n]) + bytes(30) for n in range(200)]
    inner = chain.call(
        "Multisig", "as_multi_threshold_1",
        other_signatories=who, call=chain.call("System", "remark", remark=b""),
    )  # fmt: skip
    fits = chain.call("Utility", "batch", calls=[inner] * 80)
    assert EXTRINSIC.decode(chain.runtime.call_codec, fits.raw) == fits
    wire = chain.sign(BOB, chain.call("Utility", "batch", calls=[inner] * 90))
    with pytest.raises(TransactionInvalid) as refused:
        chain.pool.submit(wire)
    assert "the message may have" in str(refused.value.__cause__)


# ---- the digest of our own blocks


def test_notes_leave_room_in_the_digest_for_what_a_header_cannot_do_without() -> None:
    chain = DevChain()
    runtime = chain.at()
    system = runtime.system
    system.digest.value = Digest([])
    for index in range(MAX_LOGS):
        system.deposit_note(PreRuntime(BABE, bytes([index])))
    assert len(system.digest.value.logs) == MAX_LOGS - RESERVED_LOGS
    for index in range(RESERVED_LOGS):
        system.deposit_log(PreRuntime(BABE, bytes([index])))
    with pytest.raises(EncodeError):
        system.deposit_log(PreRuntime(BABE, b""))


def test_a_note_is_made_once() -> None:
    runtime = DevChain().at()
    runtime.system.digest.value = Digest([])
    for _ in range(3):
        runtime.babe.epochs.disable(4)
        runtime.grandpa.disable(4)
        runtime.system.set_code(b"anything")
    assert len(runtime.system.digest.value.logs) == 3


@pytest.mark.parametrize("claims", [[b""] * (RESERVED_LOGS + 1), [bytes(5_000)]])
def test_a_header_that_no_author_makes_is_refused(chain: DevChain, claims: list[bytes]) -> None:
    logs: list[DigestItem] = [PreRuntime(b"none", claim) for claim in claims]
    logs.append(pre_runtime(manual_claim(1)))
    block = Header(
        H256(chain.client.genesis_hash), u32(1), ZERO, H256(extrinsics_root([])), Digest(logs)
    )
    with pytest.raises(InvalidBlock, match="a digest that no author makes"):
        chain.client.execute(block, [])


def test_the_largest_digest_of_this_chain_fits() -> None:
    babes = [(AuthorityId(n.to_bytes(32, "big")), u64(1)) for n in range(1_000)]
    voters = [(VoterId(n.to_bytes(32, "big")), u64(1)) for n in range(1_000)]
    logs: list[DigestItem] = [
        pre_runtime(manual_claim(1)),
        consensus(NextEpochData(NextEpochDescriptor(babes, bytes(32)))),
        grandpa.consensus(grandpa.ChangeScheduled(grandpa.ScheduledChange(voters, u32(0)))),
    ]
    block = Header(ZERO, u32(1), ZERO, ZERO, Digest(logs))
    assert Header.decode(block.encode()) == block
