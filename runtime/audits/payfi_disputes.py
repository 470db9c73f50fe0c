"""Checks of disputes, arbiters, cards and authorisations: I32, I35, I36."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from btt_chain.scale import u8
from runtime.audits.state import AuditedState, Finding
from runtime.pallets.payfi.calendar import AUTHS, DISPUTES, RETIRED, key_of
from runtime.pallets.payfi.dispute_phases import DisputePhase
from runtime.pallets.payfi.pallet import PayFi
from runtime.pallets.payfi.types import PaymentState


def disputes_and_cards(audited: AuditedState) -> Iterator[Finding]:
    """Check the records of disputes and cards against each other."""
    yield from dispute_findings(audited.runtime.pallet(PayFi))


def dispute_findings(payfi: PayFi) -> Iterator[Finding]:
    """Check disputes, arbiters, cards and authorisations."""
    yield from of_payments(payfi)
    yield from of_bonds(payfi)
    yield from of_arbiters(payfi)
    yield from of_cards(payfi)
    yield from of_timers(payfi)


def of_payments(payfi: PayFi) -> Iterator[Finding]:
    """Check I32: a payment is disputed once, and it waits as long as its dispute is open."""
    disputes = dict(payfi.disputes.disputes.items())
    for number, payment in payfi.payments.payments.items():
        dispute, name = disputes.pop(number, None), f"payment {int(number)}"
        if payment.disputed != (dispute is not None):
            yield Finding("I32", f"{name}: disputed {payment.disputed}, dispute {dispute}")
        is_open = dispute is not None and dispute.phase is not DisputePhase.Ended
        if (payment.state is PaymentState.Disputed) != is_open:
            yield Finding("I32", f"{name}: state {payment.state.name}, dispute {dispute}")
        if dispute is None:
            continue
        if (dispute.outcome is None) != is_open:
            yield Finding("I32", f"{name}: outcome {dispute.outcome} in {dispute.phase.name}")
        elif dispute.outcome is not None:
            outcome = dispute.outcome
            if outcome.to_payer + outcome.unpaid > dispute.amount:
                yield Finding("I35", f"{name}: {outcome} of a dispute about {dispute.amount}")
    for number in disputes:
        yield Finding("I32", f"payment {int(number)}: a dispute without a payment")


def of_bonds(payfi: PayFi) -> Iterator[Finding]:
    """Check I35: the reserved parts of a bond are those of its open late disputes."""
    reserved, uncovered, count = Counter[bytes](), Counter[bytes](), Counter[bytes]()
    for number, dispute in payfi.disputes.disputes.items():
        payment = payfi.payments.payments.get(number)
        if dispute.phase is DisputePhase.Ended or payment is None:
            continue
        count[payment.merchant] += 1
        if dispute.late:
            reserved[payment.merchant] += int(dispute.reserved)
            uncovered[payment.merchant] += int(dispute.amount - dispute.reserved)
    for who, merchant in payfi.merchants.merchants.items():
        recorded = (merchant.reserved, merchant.uncovered, merchant.disputes)
        found = (reserved[who], uncovered[who], count[who])
        if recorded != found:
            yield Finding("I35", f"{who.hex()}: {recorded} of a bond, open disputes say {found}")


def of_arbiters(payfi: PayFi) -> Iterator[Finding]:
    """Check that arbiters have bonds, and seats only in open disputes."""
    seats = Counter(
        seat.arbiter
        for _, dispute in payfi.disputes.disputes.items()
        if dispute.phase is not DisputePhase.Ended
        for seat in dispute.seats
    )
    bonds = dict(payfi.arbiters.arbiter_bonds.items())
    for who in {**bonds, **dict.fromkeys(payfi.arbiters.arbiters.value), **seats}:
        record = bonds.get(who)
        if record is None:
            yield Finding("I35", f"{who.hex()}: an arbiter without a bond")
        elif record.seats != seats[who]:
            yield Finding("I35", f"{who.hex()}: {record.seats} seats, disputes say {seats[who]}")


def of_cards(payfi: PayFi) -> Iterator[Finding]:
    """Check I36: authorisations are counted by their cards, and all lists are complete."""
    cards = dict(payfi.cards.cards.items())
    auths = dict(payfi.authorisations.auths.items())
    count = Counter(auth.card for auth in auths.values())
    for id, card in cards.items():
        if card.auths != count[id]:
            yield Finding("I36", f"card {id.hex()}: {card.auths} open, there are {count[id]}")
        if id in payfi.cards.retired:
            yield Finding("I36", f"card {id.hex()}: registered and dropped")
    owned = {(card.owner, id) for id, card in cards.items()}
    if {key for key, _ in payfi.cards.cards_of.items()} != owned:
        yield Finding("I36", "the cards of owners are not those registered")
    listed = {(auth.card, number) for number, auth in auths.items()}
    if {key for key, _ in payfi.authorisations.auths_of.items()} != listed:
        yield Finding("I36", "the authorisations of cards are not the open ones")
    for number, auth in auths.items():
        if not auth.held:
            yield Finding("I36", f"authorisation {int(number)}: open, with nothing on hold")


def of_timers(payfi: PayFi) -> Iterator[Finding]:
    """Check that whatever ends by itself has one timer, and nothing else has."""
    timers = payfi.disputes.deadlines.timers
    entries = Counter((queue, what) for (queue, _), what in timers.due.items())
    expected = Counter(
        (u8(DISPUTES), key_of(number))
        for number, dispute in payfi.disputes.disputes.items()
        if dispute.phase is not DisputePhase.Ended
    )
    expected.update((u8(AUTHS), key_of(id)) for id, _ in payfi.authorisations.auths.items())
    expected.update((u8(RETIRED), id) for id, _ in payfi.cards.retired.items())
    if entries != expected:
        missing, left = expected - entries, entries - expected
        yield Finding("I36", f"timers: {len(missing)} missing, {len(left)} of nothing")
