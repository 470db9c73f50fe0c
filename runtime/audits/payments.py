"""The audit of payments to merchants and of the oracle."""

from __future__ import annotations

from collections.abc import Iterator

from runtime.audits.holds import values_of
from runtime.audits.oracle import prices
from runtime.audits.payfi import payments
from runtime.audits.payfi_disputes import disputes_and_cards
from runtime.audits.state import FeatureAudit, HoldRecord
from runtime.features.work import Work
from runtime.frame import Reason
from runtime.pallets.oracle.pallet import Oracle
from runtime.pallets.payfi.pallet import PayFi


def holds(runtime: Work) -> Iterator[HoldRecord]:
    """Yield the expected holds: bonds, deposits, and what cards authorised (I36)."""
    oracle = runtime.pallet(Oracle)
    for who, feeder in oracle.feeders.feeders.items():
        yield who, oracle.reason, int(feeder.bond)
    payfi, why = runtime.pallet(PayFi), PayFi.HoldReason
    bond, arbiter, card, deposit, authorised = (
        Reason(payfi.index, reason)
        for reason in (why.Bond, why.ArbiterBond, why.CardDeposit, why.DisputeDeposit, why.Card)
    )
    for who, merchant in payfi.merchants.merchants.items():
        yield who, bond, int(merchant.bond)
    for who, arbiter_bond in payfi.arbiters.arbiter_bonds.items():
        yield who, arbiter, int(arbiter_bond.bond)
    owners = [issued.owner for issued in values_of(payfi.cards.cards)]
    owners += [retired.owner for retired in values_of(payfi.cards.retired)]
    for owner in owners:
        yield owner, card, int(payfi.cards.card_deposit)
    for auth in values_of(payfi.authorisations.auths):
        yield auth.owner, authorised, int(auth.held)
    for number, dispute in payfi.disputes.disputes.items():
        if dispute.outcome is None:
            yield payfi.payments.payments[number].payer, deposit, int(dispute.deposit)


AUDIT = FeatureAudit(checks=(payments, disputes_and_cards, prices), holds=holds)
