"""The audit finds what is wrong with referrals and with roots: I44, I47, and the holds of I4."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import pytest

from btt_chain.crypto import ed25519
from btt_chain.primitives.account import Id
from btt_chain.primitives.digest import H256
from btt_chain.scale import u32, u64, u128
from runtime.pallets.health_records.types import Batch, BatchKind, Custodian, Log, LogId, epoch_key
from runtime.pallets.jobs.types import JobFees
from support.economy.chain import PEOPLE, EconomyChain
from support.economy.oracle import BTT
from support.tampering import alter, shift

ANN, BEN, CHO, *_ = PEOPLE
KEY = ed25519.public_from_seed(bytes(range(1, 33)))
LOG = LogId(ANN, BatchKind.Accesses)


@pytest.fixture
def chain() -> EconomyChain:
    """A chain with a referral that was paid, one that was not accepted, and two roots of a log."""
    chain = EconomyChain("seed-000")
    chain.block()
    chain.run(
        chain.by(ANN, "Referral", "refer", referee=Id(BEN)),
        chain.by(CHO, "Referral", "refer", referee=Id(BEN)),
        chain.by(BEN, "Referral", "accept", referrer=Id(ANN)),
    )
    fees = JobFees(2_000 * BTT, 600 * BTT, 108 * BTT, 58 * BTT)
    chain.run(partial(chain.runtime.referral.count_job, BEN, fees))
    chain.run(chain.by(CHO, "Referral", "claim", referee=Id(BEN)))
    records = chain.runtime.health_records
    bond = u128(1_000 * BTT)
    chain.runtime.balances.hold(records.custodians.reason, ANN, bond)
    records.custodians.custodians[ANN] = Custodian(bond, KEY, u64(0))
    for _ in range(2):
        epoch = records.anchors.epoch() - 1
        args = {"epoch": u32(epoch), "root": H256(bytes(32)), "leaves": u32(64)}
        chain.run(
            chain.by(ANN, "HealthRecords", "anchor", kind=BatchKind.Accesses, **args),
            chain.by(BEN, "HealthRecords", "revoke", secret=epoch.to_bytes(32, "big")),
        )
        chain.block(slot=chain.slot + chain.slots(3_600_000))
    assert chain.audit() == []
    return chain


def lost_more_than_spent(chain: EconomyChain) -> None:
    referees = chain.runtime.referral.referees
    referee = referees[BEN]
    referee.usage.lost = referee.usage.spent + 1
    referees[BEN] = referee


def operator_without_a_referee(chain: EconomyChain) -> None:
    chain.runtime.referral.by_operator[CHO] = CHO


def offer_without_a_deposit(chain: EconomyChain) -> None:
    del chain.runtime.referral.offers[BEN, CHO]


def odd_tree(chain: EconomyChain) -> None:
    anchors = chain.runtime.health_records.anchors
    epoch = int(anchors.logs[LOG].last)
    anchors.batches[LOG, epoch_key(epoch)] = Batch(H256(bytes(32)), u32(65), u64(0))


def root_of_another_epoch(chain: EconomyChain) -> None:
    anchors = chain.runtime.health_records.anchors
    anchors.batches[LOG, epoch_key(2**31)] = Batch(H256(bytes(32)), u32(64), u64(0))


def peak_too_few(chain: EconomyChain) -> None:
    anchors = chain.runtime.health_records.anchors
    anchors.logs[LOG] = Log(anchors.logs[LOG].last, u32(3), [H256(bytes(32))])


def handle_that_stays(chain: EconomyChain) -> None:
    chain.runtime.health_records.revocations.revoked[H256(bytes(32))] = u64(0)


FAULTS: dict[str, tuple[Callable[[EconomyChain], None], str]] = {
    "overpaid": (
        lambda chain: alter(
            chain.runtime.referral.referees, BEN, paid=u128((600 - 108 - 58) * BTT // 2 + 1)
        ),
        "I44",
    ),
    "lost more than spent": (lost_more_than_spent, "I44"),
    "complete with a deposit": (
        lambda chain: alter(chain.runtime.referral.referees, BEN, complete=True),
        "I44",
    ),
    "operator without a referee": (operator_without_a_referee, "I44"),
    "offer without a deposit": (offer_without_a_deposit, "I4"),
    "bond without money": (
        lambda chain: shift(chain.runtime.health_records.custodians.custodians, ANN, bond=1),
        "I4",
    ),
    "odd tree": (odd_tree, "I47"),
    "root of another epoch": (root_of_another_epoch, "I47"),
    "peak too few": (peak_too_few, "I47"),
    "handle that stays": (handle_that_stays, "I47"),
}


@pytest.mark.parametrize(("fault", "broken"), FAULTS.values(), ids=FAULTS)
def test_the_audit_finds(
    chain: EconomyChain, fault: Callable[[EconomyChain], None], broken: str
) -> None:
    fault(chain)
    findings = chain.audit()
    assert {finding.invariant for finding in findings} == {broken}, findings
