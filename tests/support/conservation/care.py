"""Promises of one custodian's key, and the proofs about them that calls of HealthRecords take."""

from __future__ import annotations

from typing import TYPE_CHECKING

from btt_chain.crypto import ed25519
from btt_chain.crypto.hashing import blake2_256
from btt_chain.primitives.access_promise import CONTEXT, AccessPromise, SignedPromise, sign
from btt_chain.primitives.account import AccountId, Id
from btt_chain.primitives.digest import H256
from btt_chain.primitives.evidence_tree import EvidenceTree, Opening, leaf_hash
from btt_chain.scale import u32
from runtime.pallets.health_records.types import BatchKind

if TYPE_CHECKING:
    from support.conservation.chooser import Chooser

SEED = bytes(range(1, 33))
KEY = ed25519.public_from_seed(SEED)
LEAVES = [leaf_hash(b"%d" % number) for number in range(3)]
TREE = EvidenceTree(LEAVES[:2], bytes(32))
"""The tree of every epoch: it has two of the leaves that are promised."""


def epoch(c: Chooser) -> u32:
    """Return an epoch about now."""
    now = c.runtime.health_records.anchors.epoch()
    return u32(max(0, now - c.one_of((1, 1, 1, 2, 3, 0, 10))))


def promise(c: Chooser) -> SignedPromise:
    """Return a promise by a custodian, of a leaf that may be in its log; sometimes a bad one."""
    known = [who for who, _ in c.runtime.health_records.custodians.custodians.items()]
    genesis = H256(c.runtime.system.genesis_hash())
    made = AccessPromise(
        CONTEXT, c.one_of((genesis, genesis, genesis, H256(bytes(32)))),
        c.one_of([*known * 5, c.who()]), H256(bytes(32)), c.one_of(LEAVES),
        u32(max(0, int(epoch(c)) - c.one_of((0, 4, 6)))),
    )  # fmt: skip
    return sign(made, SEED)


def report(c: Chooser) -> dict[str, object]:
    """Return a promise and the proof that its leaf was omitted, if it was; sometimes nothing."""
    given, absences = promise(c), list[list[Opening]]()
    anchors, leaf = c.runtime.health_records.anchors, given.promise.leaf
    for at in range(int(given.promise.epoch), int(given.promise.epoch) + 3):
        batch = anchors.batch(given.promise.custodian, BatchKind.Accesses, at)
        place = TREE.index_of(leaf)
        if batch is None or c.one_in(10):
            absences.append([])
        else:
            absences.append(TREE.absence(leaf) if place is None else [TREE.opening(place)])
    return {"promise": given, "absences": absences}


def demand(c: Chooser) -> tuple[AccountId, H256]:
    """Return the custodian and id of an open demand, mostly."""
    known = [key for key, _ in c.runtime.health_records.promises.demands.items()]
    return c.one_of([*known * 5, (c.who(), H256(blake2_256(b"none")))])


def answer(c: Chooser) -> dict[str, object]:
    """Answer a demand of the signer, mostly with the leaf that was promised."""
    demands = c.runtime.health_records.promises.demands
    mine = [id for id, _ in demands.under(c.situation.signer)]
    id = c.one_of([*mine * 5, demand(c)[1]])
    record = demands.get((c.situation.signer, id))
    leaf = c.one_of(LEAVES) if record is None else record.leaf
    at = epoch(c) if record is None else u32(record.epoch + c.one_of((0, 1, 2)))
    return {"id": id, "epoch": at, "opening": TREE.opening(TREE.index_of(leaf) or 0)}


def settlement(c: Chooser) -> dict[str, object]:
    """Return an open demand, mostly."""
    custodian, id = demand(c)
    return {"custodian": Id(custodian), "id": id}
