"""Proofs of broken promises, as `records report` makes them, against the pallet itself (C14)."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, cast

import pytest

from btt_chain.primitives.evidence_tree import EvidenceTree, leaf_hash
from cli.commands.records_report import (
    Leaves,
    absences_of,
    contradiction,
    read_leaves,
    tree_of,
)
from cli.common.errors import Mistyped, Refused
from runtime.constants import BTT
from runtime.frame import signed
from runtime.pallets.health_records.api import HealthRecordsApi
from runtime.pallets.health_records.types import BatchKind
from support.care import SALT, CareRuntime, log_of, promise
from support.governance import ALICE, BOB

if TYPE_CHECKING:
    from btt_chain.client.views import ViewClient
    from btt_chain.primitives.access_promise import SignedPromise
    from btt_chain.primitives.account import AccountId
    from btt_chain.primitives.evidence_tree import Opening
    from btt_chain.records.accesses import LoggedAccess
    from btt_chain.scale import u32

LEAF = leaf_hash(b"an access")


@pytest.fixture
def care() -> CareRuntime:
    runtime = CareRuntime()
    runtime.open()
    runtime.custodian(ALICE)
    runtime.epochs(10)
    return runtime


class Chain:
    """The pallet, behind the interface of a node."""

    def __init__(self, care: CareRuntime) -> None:
        self.care = care

    async def api(self, method: Callable[..., object], *args: object) -> object:
        anchors = self.care.records.anchors
        if method is HealthRecordsApi.epochs:
            return SimpleNamespace(now=anchors.epoch())
        custodian, kind, epoch = args
        assert kind is BatchKind.Accesses
        return HealthRecordsApi.batch(
            cast("HealthRecordsApi", SimpleNamespace(_pallet=self.care.records)),
            *cast("tuple[AccountId, BatchKind, u32]", (custodian, BatchKind.Accesses, epoch)),
        )


async def found(care: CareRuntime, broken: SignedPromise, leaves: Leaves) -> list[list[Opening]]:
    return await absences_of(cast("ViewClient", Chain(care)), broken, leaves)


async def test_a_custodian_that_anchored_nothing_is_reported_by_the_promise_alone(
    care: CareRuntime,
) -> None:
    broken = promise(ALICE, LEAF, care.records.anchors.epoch())
    with pytest.raises(Refused, match="the promise is over after epoch"):
        await found(care, broken, {})
    care.epochs(6)
    proof = await found(care, broken, {})
    assert proof == [[], [], []]
    care.records.report_omission(signed(BOB), broken, proof)
    assert care.balances.held(care.records.custodians.reason, ALICE) == 500 * BTT


async def test_a_missing_leaf_is_shown_by_the_leaves_around_it(care: CareRuntime) -> None:
    first = care.records.anchors.epoch()
    broken = promise(ALICE, LEAF, first)
    care.epochs(1)
    tree = log_of(1)
    care.anchor(ALICE, tree)
    care.epochs(6)
    with pytest.raises(Refused, match=f"epoch {first} has a root"):
        await found(care, broken, {})
    with pytest.raises(Refused, match="are not those of its root"):
        await found(care, broken, {first: log_of(2).leaves})
    proof = await found(care, broken, {first: tree.leaves})
    assert [len(part) for part in proof] == [2, 0, 0]
    care.records.report_omission(signed(BOB), broken, proof)


async def test_a_promise_that_was_kept_is_not_reported(care: CareRuntime) -> None:
    first = care.records.anchors.epoch()
    care.epochs(1)
    tree = EvidenceTree([LEAF], SALT)
    care.anchor(ALICE, tree)
    care.epochs(6)
    with pytest.raises(Refused, match="the promise was kept"):
        await found(care, promise(ALICE, LEAF, first), {first: tree.leaves})


def test_lists_of_leaves_that_are_none_are_refused(tmp_path: Path) -> None:
    assert read_leaves(None) == {}
    path = tmp_path / "leaves.json"
    for text in ("[]", '{"x": []}', '{"7": ["zz"]}', '{"7": 1}', "{", '{"7": [1]}'):
        path.write_text(text)
        with pytest.raises(Mistyped, match="holds no lists of leaves"):
            read_leaves(path)
    path.write_text('{"7": ["0x02", "01"]}')
    assert read_leaves(path) == {7: [b"\1", b"\2"]}
    with pytest.raises(Refused, match="64, 128, 256"):
        tree_of([LEAF], 7)
    with pytest.raises(Refused, match="in the tree twice"):
        tree_of([LEAF] * 64, 7)


def test_two_promises_for_one_request_contradict(care: CareRuntime) -> None:
    epoch = care.records.anchors.epoch()
    first, other = promise(ALICE, LEAF, epoch), promise(ALICE, leaf_hash(b"other"), epoch)
    logged = [cast("LoggedAccess", SimpleNamespace(promise=each)) for each in (first, first, other)]
    assert contradiction(logged[:2]) is None
    assert contradiction(logged) == (first, other)
    care.records.report_double(signed(BOB), first, other)
