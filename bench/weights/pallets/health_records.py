"""Benchmarks of HealthRecords: full mountain ranges, highest trees, proofs by two neighbours."""

from __future__ import annotations

from functools import cache

from bench.weights.declare import Case, benchmark
from bench.weights.pallets.facilities import laboratory
from bench.weights.state import BLOCK, Bench, address
from btt_chain.crypto import ed25519
from btt_chain.crypto.hashing import blake2_256
from btt_chain.primitives.access_promise import (
    CONTEXT,
    PROMISE,
    AccessPromise,
    SignedPromise,
    sign,
)
from btt_chain.primitives.account import AccountId
from btt_chain.primitives.digest import H256
from btt_chain.primitives.evidence_tree import MAX_HEIGHT, MAX_LEAVES, Opening, node_hash
from btt_chain.scale import u32, u64, u128
from runtime.constants import BTT
from runtime.pallets.health_records.anchors import MAX_PRUNED
from runtime.pallets.health_records.pallet import EXPIRING, MAX_EXPIRED
from runtime.pallets.health_records.types import (
    KEPT_EPOCHS,
    PROMISED_EPOCHS,
    Batch,
    BatchKind,
    Custodian,
    Demand,
    Log,
    LogId,
    Terms,
    epoch_key,
)

SEED = bytes(range(1, 33))
KEY = ed25519.public_from_seed(SEED)
BOND = u128(10_000 * BTT)
LEAF = H256(b"\x80" * 32)
ZERO = H256(bytes(32))
KIND = BatchKind.Accesses


@cache
def highest() -> tuple[H256, list[Opening]]:
    """Return the root of the highest tree, and the two leaves around `LEAF` in its middle."""
    middle = MAX_LEAVES // 2
    left, right = H256(b"\x7f" * 32), H256(b"\x81" * 32)
    paths: list[list[H256]] = [[], []]
    a, b = left, right
    for height in range(MAX_HEIGHT - 1):
        sibling = H256(blake2_256(b"%d" % height))
        paths[0].append(sibling)
        paths[1].append(sibling)
        # The left leaf is the last of its half, the right one the first of the other.
        a, b = node_hash(sibling, a), node_hash(b, sibling)
    paths[0].append(b)
    paths[1].append(a)
    openings = [
        Opening(u32(middle - 1), left, paths[0]),
        Opening(u32(middle), right, paths[1]),
    ]
    return node_hash(a, b), openings


def custodian(b: Bench, number: int = 0) -> AccountId:
    """Return a custodian with a bond."""
    who, pallet = b.account(number), b.runtime.health_records
    pallet.currency.hold(pallet.custodians.reason, who, BOND)
    pallet.custodians.custodians[who] = Custodian(BOND, KEY, u64(0))
    return who


def epoch_now(b: Bench) -> int:
    """Return the current epoch, at least a month after the first."""
    b.at(BLOCK + 31 * 14_400)
    return b.runtime.health_records.anchors.epoch()


def log_of(b: Bench, who: AccountId, epochs: list[int]) -> None:
    """Give a custodian a log with roots of the highest trees, and a full mountain range."""
    anchors = b.runtime.health_records.anchors
    id = LogId(who, KIND)
    for epoch in epochs:
        anchors.batches[id, epoch_key(epoch)] = Batch(highest()[0], u32(MAX_LEAVES), u64(0))
    count = (1 << 20) - 1
    anchors.logs[id] = Log(u32(max(epochs)), u32(count), [LEAF] * count.bit_length())


def promised(b: Bench, who: AccountId, epoch: int, leaf: H256 = LEAF) -> SignedPromise:
    """Return a promise of a custodian."""
    genesis = H256(b.runtime.system.genesis_hash())
    return sign(AccessPromise(CONTEXT, genesis, who, ZERO, leaf, u32(epoch)), SEED)


@benchmark("HealthRecords.register_custodian")
def register_custodian(b: Bench) -> Case:
    """Register a facility with the judgement of the last registrar."""
    return b.signed(
        laboratory(b), "HealthRecords", "register_custodian", key=KEY, bond=u128(1_000 * BTT)
    )


@benchmark("HealthRecords.anchor")
def anchor(b: Bench) -> Case:
    """Anchor a root, and move two old ones into a full mountain range."""
    now, who = epoch_now(b), custodian(b)
    log_of(b, who, [now - KEPT_EPOCHS - 1 - number for number in range(MAX_PRUNED)])
    return b.signed(
        who, "HealthRecords", "anchor",
        kind=KIND, epoch=u32(now - 1), root=LEAF, leaves=u32(MAX_LEAVES),
    )  # fmt: skip


@benchmark("HealthRecords.revoke")
def revoke(b: Bench) -> Case:
    """Revoke a consent."""
    return b.signed(b.account(), "HealthRecords", "revoke", secret=bytes(LEAF))


@benchmark("HealthRecords.register_schema")
def register_schema(b: Bench) -> Case:
    """Register a schema."""
    return b.root("HealthRecords", "register_schema", id=u32(1), schema=LEAF)


@benchmark("HealthRecords.report_omission")
def report_omission(b: Bench) -> Case:
    """Report an access that is missing in three of the highest trees."""
    now, who = epoch_now(b), custodian(b)
    first = now - 20
    log_of(b, who, [first + delay for delay in range(PROMISED_EPOCHS)])
    return b.signed(
        b.account(1), "HealthRecords", "report_omission",
        promise=promised(b, who, first), absences=[highest()[1]] * PROMISED_EPOCHS,
    )  # fmt: skip


@benchmark("HealthRecords.report_double")
def report_double(b: Bench) -> Case:
    """Report two promises."""
    now, who = epoch_now(b), custodian(b)
    return b.signed(
        b.account(1), "HealthRecords", "report_double",
        first=promised(b, who, now), second=promised(b, who, now, ZERO),
    )  # fmt: skip


@benchmark("HealthRecords.bond_extra")
def bond_extra(b: Bench) -> Case:
    """Add to a bond."""
    return b.signed(custodian(b), "HealthRecords", "bond_extra", amount=u128(BTT))


@benchmark("HealthRecords.leave")
def leave(b: Bench) -> Case:
    """Leave."""
    return b.signed(custodian(b), "HealthRecords", "leave")


@benchmark("HealthRecords.withdraw")
def withdraw(b: Bench) -> Case:
    """Withdraw a bond."""
    who, custodians = custodian(b), b.runtime.health_records.custodians.custodians
    found = custodians[who]
    found.leaving = u64(0)
    custodians[who] = found
    return b.signed(who, "HealthRecords", "withdraw")


@benchmark("HealthRecords.demand")
def demand(b: Bench) -> Case:
    """Demand a proof."""
    now, who = epoch_now(b), custodian(b)
    log_of(b, who, [now - 1])
    promise = promised(b, who, now - 20)
    return b.signed(b.account(1), "HealthRecords", "demand", promise=promise)


def demanded(b: Bench, leaf: H256) -> tuple[AccountId, H256, int]:
    """Make a demand; return the custodian, the id, and the epoch of a root."""
    now, who = epoch_now(b), custodian(b)
    log_of(b, who, [now - 20])
    promise = promised(b, who, now - 20, leaf)
    b.does(b.account(1), "HealthRecords", "demand", promise=promise)
    return who, H256(blake2_256(PROMISE.encode(promise.promise))), now - 20


@benchmark("HealthRecords.answer")
def answer(b: Bench) -> Case:
    """Answer a demand with a leaf of the highest tree."""
    opening = highest()[1][0]
    who, id, epoch = demanded(b, opening.leaf)
    return b.signed(who, "HealthRecords", "answer", id=id, epoch=u32(epoch), opening=opening)


@benchmark("HealthRecords.settle_demand")
def settle_demand(b: Bench) -> Case:
    """Settle a demand that was not answered."""
    who, id, epoch = demanded(b, LEAF)
    demands = b.runtime.health_records.promises.demands
    found: Demand = demands[who, id]
    found.due = u32(epoch)
    demands[who, id] = found
    call = {"custodian": address(who), "id": id}
    return b.signed(b.account(2), "HealthRecords", "settle_demand", **call)


@benchmark("HealthRecords.set_terms")
def set_terms(b: Bench) -> Case:
    """Set the terms."""
    return b.root("HealthRecords", "set_terms", terms=Terms())


@benchmark("HealthRecords.expire", handles=(0, MAX_EXPIRED))
def expire(b: Bench, handles: int) -> Case:
    """Remove that many handles."""
    pallet = b.runtime.health_records
    for number in range(handles + 1):
        handle = H256(blake2_256(b"handle %d" % number))
        pallet.revocations.revoked[handle] = u64(BLOCK)
        pallet.revocations.timers.enter(EXPIRING, BLOCK + (number == handles), handle)
    return Case(run=lambda: pallet.on_initialize(BLOCK))
