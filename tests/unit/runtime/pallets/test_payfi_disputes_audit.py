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


class Street(Court, Tills):
    """A runtime of payments with arbiters and cards."""


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


def settle_a_disputed_payment(street: Street) -> None:
    payment = street.payment(0)
    payment.state = PaymentState.Settled
    street.payfi.payments.payments[u64(0)] = payment


def end_without_an_outcome(street: Street) -> None:
    dispute = street.dispute_of(2)
    dispute.outcome = None
    street.disputes.disputes[u64(2)] = dispute


def pay_more_than_was_disputed(street: Street) -> None:
    dispute = street.dispute_of(2)
    dispute.outcome = Outcome(Resolution.Accepted, u128(101 * BTT), u128(0))
    street.disputes.disputes[u64(2)] = dispute


def free_the_bond(street: Street) -> None:
    record = street.payfi.merchants.get(SHOP)
    record.reserved = u128(0)
    street.payfi.merchants.merchants[SHOP] = record


def forget_a_dispute_of_the_merchant(street: Street) -> None:
    record = street.payfi.merchants.get(SHOP)
    record.disputes = u32(1)
    street.payfi.merchants.merchants[SHOP] = record


def take_a_seat_away(street: Street) -> None:
    who = street.panel(0)[0]
    record = street.payfi.arbiters.arbiter_bonds[who]
    record.seats = u32(0)
    street.payfi.arbiters.arbiter_bonds[who] = record


def appoint_without_a_bond(street: Street) -> None:
    street.payfi.arbiters.arbiters.value = sorted([*ARBITERS, ALICE])


def stop_a_clock(street: Street) -> None:
    timers = street.disputes.deadlines.timers
    timers.remove(0, street.dispute_of(0).timer)


def count_fewer_authorisations(street: Street) -> None:
    card = street.card()
    card.auths = u32(0)
    street.payfi.cards.cards[RED.id] = card


def hide_a_card_from_its_owner(street: Street) -> None:
    del street.payfi.cards.cards_of[ALICE, BLUE.id]


def retire_a_card_that_is_registered(street: Street) -> None:
    street.payfi.cards.retired[RED.id] = Retired(ALICE, u64(1))


def list_an_authorisation_that_is_gone(street: Street) -> None:
    street.payfi.authorisations.auths_of[H256(bytes(32)), u64(9)] = ()


def empty_an_authorisation(street: Street) -> None:
    auth = street.auth(0)
    auth.held = u128(0)
    street.payfi.authorisations.auths[u64(0)] = auth


def reopen_a_dispute(street: Street) -> None:
    dispute = street.dispute_of(2)
    dispute.phase = DisputePhase.Judging
    street.disputes.disputes[u64(2)] = dispute


@pytest.mark.parametrize(
    ("tamper", "invariant"),
    [
        (drop_dispute, "I32"),
        (drop_payment, "I32"),
        (settle_a_disputed_payment, "I32"),
        (end_without_an_outcome, "I32"),
        (reopen_a_dispute, "I32"),
        (pay_more_than_was_disputed, "I35"),
        (free_the_bond, "I35"),
        (forget_a_dispute_of_the_merchant, "I35"),
        (take_a_seat_away, "I35"),
        (appoint_without_a_bond, "I35"),
        (stop_a_clock, "I36"),
        (count_fewer_authorisations, "I36"),
        (hide_a_card_from_its_owner, "I36"),
        (retire_a_card_that_is_registered, "I36"),
        (list_an_authorisation_that_is_gone, "I36"),
        (empty_an_authorisation, "I36"),
    ],
)
def test_the_audit_finds(street: Street, tamper: Callable[[Street], None], invariant: str) -> None:
    tamper(street)
    assert invariant in {finding.invariant for finding in dispute_findings(street.payfi)}
