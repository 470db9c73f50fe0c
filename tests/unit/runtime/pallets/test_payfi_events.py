"""Events name the accounts that they concern: a wallet finds its own without reading the state."""

from __future__ import annotations

from dataclasses import fields

import pytest

from btt_chain.scale import u128
from runtime.constants import BTT
from runtime.frame import signed
from runtime.pallets.payfi import events as payfi_events
from runtime.pallets.payfi.types import Cause
from support.payfi import ALICE, BOB, DAY, HOUR, KIOSK, SHOP
from support.payfi_cards import LIMITS, RED, Tills
from support.payfi_disputes import Court


class Street(Court, Tills):
    """A runtime of payments with arbiters and cards."""


@pytest.mark.parametrize(
    ("events", "names"),
    [
        (("Paid", "Refunded", "Disputed", "Contested", "Resolved"), {"payer", "merchant"}),
        (("PanelSelected", "Judged", "ArbiterFined"), {"payment", "payer", "merchant"}),
        (("Charged", "Authorised", "Captured", "Voided"), {"owner", "merchant"}),
        (("CardRegistered", "CardSet", "CardDropped"), {"owner"}),
        (("Suspended",), {"merchant", "cause"}),
    ],
)
def test_an_event_has_the_fields_of_its_parties(events: tuple[str, ...], names: set[str]) -> None:
    for event in events:
        assert names <= {field.name for field in fields(getattr(payfi_events, event))}, event


def test_the_parties_of_cards_are_the_owner_and_the_merchant() -> None:
    street = Street()
    id = street.authorise()
    street.payfi.capture(signed(SHOP), id, u128(BTT))
    street.payfi.void(signed(SHOP), id)
    street.payfi.set_card(signed(ALICE), RED.id, LIMITS, BOB, False)
    street.payfi.freeze_card(signed(BOB), RED.id)
    street.payfi.drop_card(signed(ALICE), RED.id)
    found = [event for event in street.announced() if hasattr(event, "owner")]
    assert [type(event).__name__ for event in found] == [
        "Authorised", "Captured", "Voided", "CardSet", "CardSet", "CardDropped",
    ]  # fmt: skip
    assert {event.owner for event in found} == {ALICE}, "also where a guardian acts"
    assert {event.merchant for event in found if hasattr(event, "merchant")} == {SHOP}


def test_the_steps_of_a_dispute_name_payer_and_merchant() -> None:
    street = Street()
    id = street.contested()
    street.judge(id, 5)
    street.run_all(8 * DAY, HOUR)  # the others are absent, and fined
    steps = (
        payfi_events.PanelSelected,
        payfi_events.Judged,
        payfi_events.ArbiterFined,
        payfi_events.Resolved,
    )
    found = [event for event in street.announced() if isinstance(event, steps)]
    assert {type(event) for event in found} == {*steps}
    assert {(event.payment, event.payer, event.merchant) for event in found} == {(id, ALICE, SHOP)}


def test_a_suspension_names_its_cause_when_it_begins_and_when_it_ends() -> None:
    street = Street()
    for cause in Cause:
        street.payfi.merchants.suspend(KIOSK, cause)
        street.payfi.merchants.resume(KIOSK)
        assert street.announced()[-2:] == [
            payfi_events.Suspended(KIOSK, True, cause), payfi_events.Suspended(KIOSK, False, cause),
        ]  # fmt: skip
