"""Arguments for calls of referrals and of health records."""

from __future__ import annotations

from typing import TYPE_CHECKING

from btt_chain.crypto import ed25519
from btt_chain.crypto.hashing import blake2_256
from btt_chain.primitives.access_promise import CONTEXT, AccessPromise, SignedPromise, sign
from btt_chain.primitives.account import AccountId, Id, MultiAddress
from btt_chain.primitives.digest import H256
from btt_chain.primitives.evidence_tree import EvidenceTree, Opening, leaf_hash
from btt_chain.scale import u32, u128
from runtime.constants import BTT
from runtime.pallets.health_records import types as health_records
from runtime.pallets.health_records.types import BatchKind
from runtime.pallets.referral import types as referral
from support.conservation.arguments.common import Arguments

if TYPE_CHECKING:
    from support.conservation.chooser import Chooser

SEED = bytes(range(1, 33))
KEY = ed25519.public_from_seed(SEED)
SALT = bytes(32)
LEAVES = [leaf_hash(b"%d" % number) for number in range(3)]
TREE = EvidenceTree(LEAVES[:2], SALT)
"""The tree of every epoch: it has two of the leaves that are promised."""
SECRETS = [bytes((number,)) * 32 for number in range(4)]


def referee(c: Chooser) -> MultiAddress:
    """Return an account that was referred, mostly."""
    known = [who for who, _ in c.runtime.referral.referees.items()]
    offered = [who for (who, _), _ in c.runtime.referral.offers.items()]
    return c.one_of([*map(Id, known * 3), *map(Id, offered), c.address()])


def referrer(c: Chooser) -> MultiAddress:
    """Return an account that referred the signer, mostly."""
    offers = c.runtime.referral.offers.under(c.situation.signer)
    return c.one_of([*[Id(who) for who, _ in offers] * 5, c.address()])


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


def absences(c: Chooser, given: SignedPromise) -> list[list[Opening]]:
    """Return the proof that a leaf was omitted, if it was; sometimes nothing."""
    found: list[list[Opening]] = []
    for delay in range(3):
        at = int(given.promise.epoch) + delay
        anchors = c.runtime.health_records.anchors
        batch = anchors.batch(given.promise.custodian, BatchKind.Accesses, at)
        place = TREE.index_of(given.promise.leaf)
        if batch is None or c.one_in(10):
            found.append([])
        elif place is None:
            found.append(TREE.absence(given.promise.leaf))
        else:
            found.append([TREE.opening(place)])
    return found


def report(c: Chooser, _: int) -> dict[str, object]:
    given = promise(c)
    return {"promise": given, "absences": absences(c, given)}


def demand(c: Chooser) -> tuple[AccountId, H256]:
    """Return the custodian and id of an open demand, mostly."""
    known = [key for key, _ in c.runtime.health_records.promises.demands.items()]
    return c.one_of([*known * 5, (c.who(), H256(blake2_256(b"none")))])


def one_answer(c: Chooser, _: int) -> dict[str, object]:
    """Answer a demand of the signer, mostly with the leaf that was promised."""
    demands = c.runtime.health_records.promises.demands
    mine = [id for id, _ in demands.under(c.situation.signer)]
    id = c.one_of([*mine * 5, demand(c)[1]])
    found = demands.get((c.situation.signer, id))
    leaf = c.one_of(LEAVES) if found is None else found.leaf
    place = TREE.index_of(leaf)
    at = epoch(c) if found is None else u32(found.epoch + c.one_of((0, 1, 2)))
    return {"id": id, "epoch": at, "opening": TREE.opening(place or 0)}


def one_settlement(c: Chooser, _: int) -> dict[str, object]:
    custodian, id = demand(c)
    return {"custodian": Id(custodian), "id": id}


CALLS: dict[str, Arguments] = {
    "Referral.refer": lambda c, _: {"referee": c.address()},
    "Referral.accept": lambda c, _: {"referrer": referrer(c)},
    "Referral.attest_implementation": lambda c, _: {"referee": referee(c)},
    "Referral.claim": lambda c, _: {"referee": referee(c)},
    "Referral.withdraw": lambda c, _: {"referee": referee(c)},
    "Referral.set_terms": lambda c, _: {
        "terms": referral.Terms(jobs=u32(c.one_of((0, 1, 5))), spent=u128(c.some())),
    },
    "HealthRecords.anchor": lambda c, _: {
        "kind": c.one_of([BatchKind.Accesses] * 3 + list(BatchKind)), "epoch": epoch(c),
        "root": TREE.root, "leaves": u32(c.one_of([len(TREE)] * 9 + [63])),
    },
    "HealthRecords.revoke": lambda c, _: {"secret": c.one_of(SECRETS)},
    "HealthRecords.register_schema": lambda c, _: {"id": c.number(), "schema": TREE.root},
    "HealthRecords.report_omission": report,
    "HealthRecords.report_double": lambda c, _: {"first": promise(c), "second": promise(c)},
    "HealthRecords.register_custodian": lambda c, _: {
        "key": c.one_of((KEY, KEY, KEY, bytes(32))), "bond": c.one_of((c.some(), 10 * BTT)),
    },
    "HealthRecords.bond_extra": lambda c, _: {"amount": c.some()},
    "HealthRecords.leave": lambda c, _: {},
    "HealthRecords.withdraw": lambda c, _: {},
    "HealthRecords.demand": lambda c, _: {"promise": promise(c)},
    "HealthRecords.answer": one_answer,
    "HealthRecords.settle_demand": one_settlement,
    "HealthRecords.set_terms": lambda c, _: {
        "terms": health_records.Terms(u128(c.some()), u128(10 * BTT), u128(2 * BTT), c.some()),
    },
}  # fmt: skip
