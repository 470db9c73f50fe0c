"""The audit finds what is wrong with runs, sets and their bonds: I54, and the holds of I4."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from btt_chain.primitives.digest import H256
from btt_chain.scale import u16, u32, u128
from runtime.pallets.evaluation.types import LabelledSet, Report, Run
from support.economy.chain import PEOPLE, EconomyChain
from support.evaluation import FOUR, LICENCE, MODEL
from support.market import ENDPOINT, net
from support.tampering import alter, shift

ANN, BEN, *_ = PEOPLE
SET = H256(b"\x0c" * 32)
RUN = u32(0)


@pytest.fixture
def chain() -> EconomyChain:
    """A chain with a set and a run, of which five items are reported."""
    chain = EconomyChain("seed-000")
    chain.block()
    pallet, balances = chain.runtime.evaluation, chain.runtime.balances
    bond, counts = u128(pallet.set_bond), [u32(5), *[u32(0)] * 15]
    balances.hold(pallet.set_reason, ANN, bond)
    balances.hold(pallet.report_reason, BEN, u128(pallet.report_bond))
    pallet.sets[SET] = LabelledSet(ANN, FOUR, u32(5), LICENCE, ENDPOINT, bond, u32(0), u32(1))
    pallet.runs[RUN] = Run(
        MODEL, SET, BEN, ANN, FOUR, net().graph.made[0], u32(5), u32(0), u32(9), u32(9), counts,
        u16(1),
    )  # fmt: skip
    pallet.reports[RUN, u16(0)] = Report(BEN, LICENCE, LICENCE, u32(9))
    assert chain.audit() == []
    return chain


def report_gone(chain: EconomyChain) -> None:
    del chain.runtime.evaluation.reports[RUN, u16(0)]
    pallet = chain.runtime.evaluation
    chain.runtime.balances.release(pallet.report_reason, BEN, u128(pallet.report_bond))


def run_gone(chain: EconomyChain) -> None:
    del chain.runtime.evaluation.runs[RUN]
    shift(chain.runtime.evaluation.sets, SET, runs=-1)


def bond_gone(chain: EconomyChain) -> None:
    pallet = chain.runtime.evaluation
    chain.runtime.balances.release(pallet.report_reason, BEN, u128(pallet.report_bond))


FAULTS: dict[str, tuple[Callable[[EconomyChain], None], str]] = {
    "one item more": (
        lambda chain: alter(chain.runtime.evaluation.runs, RUN, counts=[u32(6), *[u32(0)] * 15]),
        "I54",
    ),
    "one part more": (lambda chain: shift(chain.runtime.evaluation.runs, RUN, reported=1), "I54"),
    "a report that is gone": (report_gone, "I54"),
    "a report without a run": (run_gone, "I54"),
    "one run more": (lambda chain: shift(chain.runtime.evaluation.sets, SET, runs=1), "I54"),
    "a revoked set with a bond": (
        lambda chain: alter(chain.runtime.evaluation.sets, SET, revoked=True),
        "I54",
    ),
    "a bond that is gone": (bond_gone, "I4"),
    "a set with a larger bond": (
        lambda chain: shift(chain.runtime.evaluation.sets, SET, bond=1),
        "I4",
    ),
}


@pytest.mark.parametrize(("fault", "broken"), FAULTS.values(), ids=FAULTS)
def test_the_audit_finds(
    chain: EconomyChain, fault: Callable[[EconomyChain], None], broken: str
) -> None:
    fault(chain)
    findings = chain.audit()
    assert {finding.invariant for finding in findings} == {broken}, findings
