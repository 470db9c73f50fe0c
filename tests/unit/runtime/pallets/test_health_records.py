"""Custodians anchor roots, keep promises, and pay for broken ones; consents end by a secret.

Attacks C14 (omitted and double accesses, second and backdated roots) and C16.
"""

from __future__ import annotations

import pytest

from btt_chain.crypto.hashing import blake2_256
from btt_chain.primitives.access_promise import PROMISE, SignedPromise
from btt_chain.primitives.account import AccountId, Id
from btt_chain.primitives.digest import H256
from btt_chain.primitives.evidence_tree import EvidenceTree, Opening, leaf_hash
from btt_chain.primitives.mountain_range import MountainRange
from btt_chain.primitives.record_leaves import consent_handle
from btt_chain.scale import u32, u128
from runtime.constants import BTT
from runtime.frame import BadOrigin, TokenError, signed
from runtime.frame.origin import decided
from runtime.pallets.facilities.types import Kind
from runtime.pallets.health_records import errors, events
from runtime.pallets.health_records.pallet import MAX_EXPIRED
from runtime.pallets.health_records.promises import ANSWER_EPOCHS, REPORT_EPOCHS
from runtime.pallets.health_records.types import (
    KEPT_EPOCHS,
    BatchKind,
    OldRoot,
    Terms,
    old_root_leaf,
)
from runtime.pallets.origins import Decision
from support.care import KEPT, KEY, CareRuntime, absences, log_of, promise
from support.facilities import RICH
from support.governance import ALICE, BOB, DAVE, EVE
from support.runtime import refused

TECHNICAL, PARAMS = decided(Decision.Technical), decided(Decision.Params)
LEAF = leaf_hash(b"an access")
ACCESSES = BatchKind.Accesses


@pytest.fixture
def care() -> CareRuntime:
    runtime = CareRuntime()
    runtime.open()
    runtime.custodian(ALICE)
    runtime.epochs(10)
    runtime.host.events.clear()
    return runtime


def held(care: CareRuntime, who: AccountId) -> int:
    return int(care.balances.held(care.records.custodians.reason, who))


def deposits(care: CareRuntime, who: AccountId) -> int:
    return int(care.balances.held(care.records.promises.reason, who))


def id_of(signed_: SignedPromise) -> H256:
    return H256(blake2_256(PROMISE.encode(signed_.promise)))


# ---- custodians


def test_only_active_facilities_with_a_bond_and_a_key_are_custodians(care: CareRuntime) -> None:
    register = care.records.register_custodian
    bond = u128(1_000 * BTT)
    with refused(care, errors.AlreadyCustodian):
        register(signed(ALICE), KEY, bond)
    with refused(care, errors.NotFacility):
        register(signed(BOB), KEY, bond)
    care.apply(BOB, Kind.Clinic)
    with refused(care, errors.NotFacility):
        register(signed(BOB), KEY, bond)
    care.facilities.confirm(TECHNICAL, Id(BOB))
    with refused(care, errors.BadKey):
        register(signed(BOB), bytes(32), bond)
    with refused(care, errors.LowBond):
        register(signed(BOB), KEY, u128(bond - 1))
    with refused(care, TokenError):
        register(signed(BOB), KEY, u128(2 * RICH * BTT))
    register(signed(BOB), KEY, bond)
    assert held(care, BOB) == bond
    care.records.bond_extra(signed(BOB), u128(5 * BTT))
    found = care.records.custodian(BOB)
    assert found is not None
    assert found.bond == held(care, BOB) == 1_005 * BTT
    with refused(care, errors.NotCustodian):
        care.records.bond_extra(signed(DAVE), u128(1))


def test_a_custodian_that_leaves_is_liable_until_its_promises_are_over(care: CareRuntime) -> None:
    with refused(care, errors.NotLeaving):
        care.records.withdraw(signed(ALICE))
    with refused(care, errors.NotCustodian):
        care.records.leave(signed(BOB))
    care.records.leave(signed(ALICE))
    with refused(care, errors.AlreadyLeaving):
        care.records.leave(signed(ALICE))
    last = care.records.anchors.epoch()
    care.anchor(ALICE)  # it can still keep what it promised
    care.epochs(6)
    care.records.report_omission(
        signed(BOB), promise(ALICE, LEAF, last), absences(LEAF, *[None] * 3)
    )
    assert held(care, ALICE) == 500 * BTT
    care.epochs(KEPT_EPOCHS - 7)
    with refused(care, errors.NotLeaving):
        care.records.withdraw(signed(ALICE))
    care.epochs(1)
    care.records.withdraw(signed(ALICE))
    assert held(care, ALICE) == 0
    with refused(care, errors.NotCustodian):
        care.anchor(ALICE)


def test_a_custodian_with_an_open_demand_keeps_its_bond(care: CareRuntime) -> None:
    broken = promise(ALICE, LEAF, care.records.anchors.epoch())
    care.epochs(5)
    care.records.demand(signed(BOB), broken)
    care.records.leave(signed(ALICE))
    care.epochs(KEPT_EPOCHS)
    with refused(care, errors.NotDue):
        care.records.withdraw(signed(ALICE))
    care.records.settle_demand(signed(BOB), Id(ALICE), id_of(broken))
    assert deposits(care, BOB) == 0
    assert held(care, ALICE) == 500 * BTT
    care.records.withdraw(signed(ALICE))
    assert held(care, ALICE) == 0


# ---- roots


def test_a_root_is_anchored_once_in_order_and_in_time(care: CareRuntime) -> None:
    now = care.records.anchors.epoch()
    tree = log_of(0)
    with refused(care, errors.NotCustodian):
        care.anchor(BOB)
    with refused(care, errors.EpochNotOver):
        care.anchor(ALICE, epoch=now)
    with refused(care, errors.TooOld):
        care.anchor(ALICE, epoch=now - 3)
    for size in (0, 32, 63, 96, 1 << 21):
        with refused(care, errors.BadTreeSize):
            care.records.anchor(signed(ALICE), ACCESSES, u32(now - 1), tree.root, u32(size))
    care.anchor(ALICE, tree, epoch=now - 1)
    assert care.announced()[-1] == events.Anchored(
        ALICE, ACCESSES, u32(now - 1), tree.root, u32(64)
    )
    for epoch in (now - 1, now - 2):  # another root for it, and an epoch before it
        with refused(care, errors.AlreadyAnchored):
            care.anchor(ALICE, log_of(1), epoch=epoch)
    for kind in (BatchKind.Records, BatchKind.Consents):  # logs of their own
        care.anchor(ALICE, kind=kind)


def test_old_roots_leave_the_state_and_can_be_proven_for_ever(care: CareRuntime) -> None:
    roots: list[OldRoot] = []
    for _ in range(5):
        tree = log_of(len(roots))
        epoch = care.anchor(ALICE, tree)
        roots.append(OldRoot(u32(epoch), tree.root, u32(len(tree))))
        care.epochs(1)
    care.epochs(KEPT_EPOCHS)
    anchors = care.records.anchors
    for number in range(3):
        assert anchors.log(ALICE, ACCESSES).count == min(5, 2 * number)
        care.anchor(ALICE)
        care.epochs(1)
    log = anchors.log(ALICE, ACCESSES)
    whole = MountainRange(old_root_leaf(old) for old in roots)
    assert (log.count, log.peaks) == (5, whole.peaks())
    for index, old in enumerate(roots):
        assert anchors.batch(ALICE, ACCESSES, int(old.epoch)) is None
        assert anchors.is_proven(ALICE, ACCESSES, old, index, whole.proof(index))
        assert not anchors.is_proven(BOB, ACCESSES, old, index, whole.proof(index))
        other = OldRoot(old.epoch, H256(bytes(32)), old.leaves)
        assert not anchors.is_proven(ALICE, ACCESSES, other, index, whole.proof(index))
    assert len(list(anchors.batches.items())) == 3


def test_a_log_never_has_more_roots_than_30_days_of_hours(care: CareRuntime) -> None:
    for _ in range(KEPT_EPOCHS + 20):
        care.anchor(ALICE)
        care.epochs(1)
    batches = list(care.records.anchors.batches.items())
    assert len(batches) == KEPT_EPOCHS
    assert care.records.anchors.log(ALICE, ACCESSES).count == 20


# ---- promises


def test_an_omitted_access_costs_a_part_of_the_bond(care: CareRuntime) -> None:
    first = care.records.anchors.epoch()
    broken = promise(ALICE, LEAF, first)
    trees: list[EvidenceTree] = []
    for _ in range(3):
        care.epochs(1)
        trees.append(log_of(len(trees)))
        care.anchor(ALICE, trees[-1])
    proofs = absences(LEAF, *trees)
    before, issued = int(care.balances.free(BOB)), int(care.balances.total_issuance.value)
    care.records.report_omission(signed(BOB), broken, proofs)
    assert care.announced()[-1] == events.Slashed(ALICE, BOB, u128(500 * BTT))
    assert held(care, ALICE) == 500 * BTT
    assert care.balances.free(BOB) - before == 250 * BTT
    assert issued - care.balances.total_issuance.value == 250 * BTT
    with refused(care, errors.AlreadyPenalized):
        care.records.report_omission(signed(EVE), broken, proofs)
    with refused(care, errors.LowBond):
        care.epochs(1)
        care.anchor(ALICE)


def test_leaves_at_both_ends_of_a_log_are_shown_to_be_missing(care: CareRuntime) -> None:
    first = care.records.anchors.epoch()
    care.epochs(1)
    tree = log_of(0)
    care.anchor(ALICE, tree)
    care.epochs(4)
    for leaf in (H256(bytes(32)), H256(b"\xff" * 32)):
        proofs = absences(leaf, tree, None, None)
        assert len(proofs[0]) == 1
        care.records.report_omission(signed(BOB), promise(ALICE, leaf, first), proofs)
    assert held(care, ALICE) == 0
    with refused(care, errors.LowBond):
        other = leaf_hash(b"one more")
        care.records.report_omission(
            signed(BOB), promise(ALICE, other, first), absences(other, tree, None, None)
        )


def test_a_promise_that_was_kept_is_no_omission(care: CareRuntime) -> None:
    first = care.records.anchors.epoch()
    kept = promise(ALICE, LEAF, first)
    care.epochs(1)
    with refused(care, errors.WindowOpen):
        care.records.report_omission(signed(BOB), kept, absences(LEAF, None, None, None))
    care.epochs(1)
    with_leaf, without = log_of(0, LEAF), log_of(1)
    care.anchor(ALICE, with_leaf)
    care.epochs(4)
    place = with_leaf.index_of(LEAF)
    assert place is not None
    for opened in ([with_leaf.opening(place)], [with_leaf.opening(place), with_leaf.opening(0)]):
        with refused(care, errors.Included):
            care.records.report_omission(signed(BOB), kept, [[], opened, []])
    bad: list[list[list[Opening]]] = [
        [[], without.absence(LEAF), []],  # of another tree
        [[], [], []],
        [[], [with_leaf.opening(place - 1), with_leaf.opening(place + 1)], []],
        [[with_leaf.opening(0)], [with_leaf.opening(0)], []],
        [[], []],
    ]
    for proofs in bad:
        with refused(care, errors.BadProof):
            care.records.report_omission(signed(BOB), kept, proofs)


@pytest.mark.parametrize("epoch", [2**32 - 1, 2**32 - 2, 10**6])
def test_a_promise_for_the_far_future_can_still_be_kept(care: CareRuntime, epoch: int) -> None:
    given = promise(ALICE, LEAF, epoch)
    with refused(care, errors.WindowOpen):
        care.records.report_omission(signed(BOB), given, absences(LEAF, None, None, None))
    with refused(care, errors.WindowOpen):
        care.records.demand(signed(BOB), given)


def test_only_the_custodian_s_own_promise_of_this_chain_counts(care: CareRuntime) -> None:
    epoch = care.records.anchors.epoch()
    care.epochs(6)
    made, proofs = promise(ALICE, LEAF, epoch), absences(LEAF, None, None, None)
    for bad in (
        promise(ALICE, LEAF, epoch, genesis=b"F" * 32),
        promise(ALICE, LEAF, epoch, seed=bytes(range(2, 34))),
        SignedPromise(made.promise, bytes(64)),
        SignedPromise(made.promise, promise(ALICE, LEAF, epoch + 1).signature),
    ):
        with refused(care, errors.BadPromise):
            care.records.report_omission(signed(BOB), bad, proofs)
    with refused(care, errors.NotCustodian):
        care.records.report_omission(signed(BOB), promise(BOB, LEAF, epoch), proofs)
    care.epochs(REPORT_EPOCHS)
    with refused(care, errors.TooOld):
        care.records.report_omission(signed(BOB), promise(ALICE, LEAF, epoch), proofs)


def test_two_answers_to_one_request_cost_a_part_of_the_bond(care: CareRuntime) -> None:
    epoch = care.records.anchors.epoch()
    other = leaf_hash(b"another access")
    first, second = promise(ALICE, LEAF, epoch), promise(ALICE, other, epoch)
    with refused(care, errors.NoContradiction):
        care.records.report_double(signed(BOB), first, first)
    with refused(care, errors.NoContradiction):
        elsewhere = promise(ALICE, other, epoch, request=b"\x12" * 32)
        care.records.report_double(signed(BOB), first, elsewhere)
    with refused(care, errors.BadPromise):
        forged = SignedPromise(second.promise, first.signature)
        care.records.report_double(signed(BOB), first, forged)
    care.records.report_double(signed(BOB), first, second)
    assert held(care, ALICE) == 500 * BTT
    with refused(care, errors.AlreadyPenalized):
        care.records.report_double(signed(BOB), second, first)


def test_a_custodian_that_reports_itself_loses_half_of_the_penalty(care: CareRuntime) -> None:
    epoch = care.records.anchors.epoch()
    first, second = promise(ALICE, LEAF, epoch), promise(ALICE, leaf_hash(b"b"), epoch)
    before = int(care.balances.total(ALICE))
    care.records.report_double(signed(ALICE), first, second)
    assert before - care.balances.total(ALICE) == 250 * BTT


def test_a_demand_is_answered_with_the_leaf(care: CareRuntime) -> None:
    kept = promise(ALICE, LEAF, care.records.anchors.epoch())
    care.epochs(1)
    tree = log_of(0, LEAF)
    epoch = care.anchor(ALICE, tree)
    with refused(care, errors.WindowOpen):
        care.records.demand(signed(BOB), kept)
    care.epochs(4)
    before = int(care.balances.free(ALICE))
    care.records.demand(signed(BOB), kept)
    assert deposits(care, BOB) == 2 * BTT
    with refused(care, errors.AlreadyDemanded):
        care.records.demand(signed(EVE), kept)
    with refused(care, errors.NotDue):
        care.records.settle_demand(signed(BOB), Id(ALICE), id_of(kept))
    place = tree.index_of(LEAF)
    assert place is not None
    answer = care.records.answer
    for at, opening in (
        (epoch, tree.opening(place + 1)),
        (epoch + 1, tree.opening(place)),
        (epoch - 1, tree.opening(place)),
    ):
        with refused(care, errors.BadProof):
            answer(signed(ALICE), id_of(kept), u32(at), opening)
    with refused(care, errors.UnknownDemand):
        answer(signed(EVE), id_of(kept), u32(epoch), tree.opening(place))
    answer(signed(ALICE), id_of(kept), u32(epoch), tree.opening(place))
    assert deposits(care, BOB) == 0
    assert care.balances.free(ALICE) - before == BTT
    with refused(care, errors.UnknownDemand):
        answer(signed(ALICE), id_of(kept), u32(epoch), tree.opening(place))


def test_a_demand_that_is_not_answered_costs_a_part_of_the_bond(care: CareRuntime) -> None:
    broken = promise(ALICE, LEAF, care.records.anchors.epoch())
    care.epochs(5)
    before = int(care.balances.free(BOB))
    care.records.demand(signed(BOB), broken)
    care.epochs(ANSWER_EPOCHS)
    care.records.settle_demand(signed(EVE), Id(ALICE), id_of(broken))
    assert care.balances.free(BOB) - before == 250 * BTT
    assert held(care, ALICE) == 500 * BTT
    assert deposits(care, BOB) == 0
    with refused(care, errors.UnknownDemand):
        care.records.settle_demand(signed(EVE), Id(ALICE), id_of(broken))
    with refused(care, errors.AlreadyPenalized):
        care.records.demand(signed(EVE), broken)


def test_a_demand_and_a_report_of_one_promise_slash_once(care: CareRuntime) -> None:
    broken = promise(ALICE, LEAF, care.records.anchors.epoch())
    care.epochs(5)
    care.records.demand(signed(BOB), broken)
    care.records.report_omission(signed(EVE), broken, absences(LEAF, None, None, None))
    care.epochs(ANSWER_EPOCHS)
    care.records.settle_demand(signed(BOB), Id(ALICE), id_of(broken))
    assert held(care, ALICE) == 500 * BTT
    assert deposits(care, BOB) == 0


def test_a_demand_for_an_old_promise_is_refused(care: CareRuntime) -> None:
    old = promise(ALICE, LEAF, care.records.anchors.epoch())
    care.epochs(REPORT_EPOCHS + 1)
    with refused(care, errors.TooOld):
        care.records.demand(signed(BOB), old)


# ---- consents, schemas, terms


def test_a_published_secret_revokes_its_consent_once_for_a_fee(care: CareRuntime) -> None:
    secret = b"\x07" * 32
    handle = consent_handle(secret)
    assert not care.records.is_revoked(handle)
    before, burned = int(care.balances.free(BOB)), care.balances.total_burned.value
    care.records.revoke(signed(BOB), secret)
    assert care.records.is_revoked(handle)
    assert before - care.balances.free(BOB) == BTT // 20
    assert care.balances.total_burned.value > burned
    with refused(care, errors.AlreadyRevoked):
        care.records.revoke(signed(EVE), secret)
    assert not care.records.is_revoked(H256(secret))  # the handle itself revokes nothing


def test_revoked_handles_are_removed_when_no_consent_can_be_valid(care: CareRuntime) -> None:
    secrets = [number.to_bytes(32, "big") for number in range(MAX_EXPIRED + 4)]
    for secret in secrets:
        care.records.revoke(signed(BOB), secret)
    care.clock.slot += KEPT - 1
    care.records.on_initialize(0)
    assert all(care.records.is_revoked(consent_handle(secret)) for secret in secrets)
    care.clock.slot += 1
    care.records.on_initialize(0)
    assert sum(care.records.is_revoked(consent_handle(secret)) for secret in secrets) == 4
    care.records.on_initialize(0)
    assert not list(care.records.revocations.revoked.items())


def test_the_technical_track_registers_schemas(care: CareRuntime) -> None:
    with refused(care, BadOrigin):
        care.records.register_schema(signed(ALICE), u32(1), LEAF)
    care.records.register_schema(TECHNICAL, u32(1), LEAF)
    assert care.records.schemas[u32(1)] == LEAF


def test_terms_are_set_by_governance_within_bounds(care: CareRuntime) -> None:
    with refused(care, BadOrigin):
        care.records.set_terms(signed(ALICE), Terms())
    for terms in (
        Terms(bond=u128(100 * BTT)),
        Terms(penalty=u128(BTT)),
        Terms(bond=u128(10**6 * BTT)),
        Terms(demand=u128(0)),
        Terms(revocation=u128(11 * BTT)),
    ):
        with refused(care, errors.TermsOutOfBounds):
            care.records.set_terms(PARAMS, terms)
    care.records.set_terms(PARAMS, Terms(bond=u128(2_000 * BTT)))
    with refused(care, errors.LowBond):
        care.anchor(ALICE)
