"""The audit of disputes and cards finds what was tampered with."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from btt_chain.primitives.digest import H256
from btt_chain.scale import u32, u64, u128
from runtime.audits.payfi_disputes import dispute_findings
from runtime.constants import BTT
from runtime.pallets.payfi.card_types import Retired
from runtime.pallets.payfi.dispute_phases import DisputePhase
from runtime.pallets.payfi.dispute_types import Outcome, Resolution
from runtime.pallets.payfi.types import PaymentState
from support.payfi import ALICE, SHOP
from support.payfi_cards import BLUE, RED, Tills
from support.payfi_disputes import ARBITERS, Court
from support.tampering import alter


class Street(Court, Tills):
    """A runtime of payments with arbiters and cards."""


Tamper = Callable[[Street], None]
"""Makes the state of disputes and cards wrong."""


@pytest.fixture
def street() -> Street:
    """A judged dispute, an open late one, one that was accepted, and an authorisation."""
    made = Street()
    made.contested()
    late = made.disputed(late=True)
    accepted = made.disputed()
    made.accept(accepted)
    made.authorise()
    assert (late, accepted) == (1, 2)
    assert list(dispute_findings(made.payfi)) == []
    return made


def drop_dispute(street: Street) -> None:
    del street.disputes.disputes[u64(0)]


def drop_payment(street: Street) -> None:
    del street.payfi.payments.payments[u64(2)]


def payment_with(number: int, **fields: object) -> Tamper:
    """Return a change of a payment."""
    return lambda street: alter(street.payfi.payments.payments, u64(number), **fields)


def accepted_with(**fields: object) -> Tamper:
    """Return a change of the dispute that was accepted."""
    return lambda street: alter(street.disputes.disputes, u64(2), **fields)


def shop_with(**fields: object) -> Tamper:
    """Return a change of the record of a merchant."""
    return lambda street: alter(street.payfi.merchants.merchants, SHOP, **fields)


def take_a_seat_away(street: Street) -> None:
    alter(street.payfi.arbiters.arbiter_bonds, street.panel(0)[0], seats=u32(0))


def appoint_without_a_bond(street: Street) -> None:
    street.payfi.arbiters.arbiters.value = sorted([*ARBITERS, ALICE])


def stop_a_clock(street: Street) -> None:
    timers = street.disputes.deadlines.timers
    timers.remove(0, street.dispute_of(0).timer)


def hide_a_card_from_its_owner(street: Street) -> None:
    del street.payfi.cards.cards_of[ALICE, BLUE.id]


def retire_a_card_that_is_registered(street: Street) -> None:
    street.payfi.cards.retired[RED.id] = Retired(ALICE, u64(1))


def list_an_authorisation_that_is_gone(street: Street) -> None:
    street.payfi.authorisations.auths_of[H256(bytes(32)), u64(9)] = ()


TAMPERING: dict[str, tuple[Tamper, str]] = {
    "a dispute dropped": (drop_dispute, "I32"),
    "a payment dropped": (drop_payment, "I32"),
    "a disputed payment settled": (payment_with(0, state=PaymentState.Settled), "I32"),
    "ended without an outcome": (accepted_with(outcome=None), "I32"),
    "a dispute reopened": (accepted_with(phase=DisputePhase.Judging), "I32"),
    "more paid than was disputed": (
        accepted_with(outcome=Outcome(Resolution.Accepted, u128(101 * BTT), u128(0))),
        "I35",
    ),
    "the bond free": (shop_with(reserved=u128(0)), "I35"),
    "a dispute of the merchant forgotten": (shop_with(disputes=u32(1)), "I35"),
    "a seat taken away": (take_a_seat_away, "I35"),
    "appointed without a bond": (appoint_without_a_bond, "I35"),
    "a clock stopped": (stop_a_clock, "I36"),
    "fewer authorisations counted": (
        lambda street: alter(street.payfi.cards.cards, RED.id, auths=u32(0)),
        "I36",
    ),
    "a card hidden from its owner": (hide_a_card_from_its_owner, "I36"),
    "a registered card retired": (retire_a_card_that_is_registered, "I36"),
    "an authorisation listed that is gone": (list_an_authorisation_that_is_gone, "I36"),
    "an authorisation emptied": (
        lambda street: alter(street.payfi.authorisations.auths, u64(0), held=u128(0)),
        "I36",
    ),
}


@pytest.mark.parametrize(("tamper", "invariant"), TAMPERING.values(), ids=TAMPERING)
def test_the_audit_finds(street: Street, tamper: Tamper, invariant: str) -> None:
    tamper(street)
    assert invariant in {finding.invariant for finding in dispute_findings(street.payfi)}
