"""P2: payments, disputes and cards in random order: each payment ends once, no planck is lost.

After every step: the checks of payments, disputes and cards (I30 to I33, I35, I36), the money in
the pool and on hold to the planck, and what only the history shows: the money of a payment is where
the events say (I32, I34), volumes are those of the events (I37), a number of a card is accepted
once, and what a card pays on a day stays within its limit. Most steps have something to act on; the
test fails if the random steps leave out a kind of end.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from enum import Enum
from functools import partial

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from btt_chain.primitives.account import AccountId, Id
from btt_chain.scale import u16, u32, u64, u128
from runtime.accounts import PAYFI
from runtime.audits.payfi import payfi_findings
from runtime.audits.payfi_disputes import dispute_findings
from runtime.constants import BTT
from runtime.frame import ROOT, DispatchError, Reason, signed
from runtime.pallets.payfi import events as payfi_events
from runtime.pallets.payfi.dispute_phases import DisputePhase
from runtime.pallets.payfi.types import HoldReason, PaymentState, Rates
from runtime.pallets.tokenomics.types import BurnReason
from support import tiers
from support.payfi import ALICE, BOB, BUCKET, CNY, DAY, HOUR, HOUR_MS, INDEX, KIOSK, PEOPLE, SHOP
from support.payfi_cards import BLUE, LIMITS, RED, CardInHand, Tills
from support.payfi_disputes import ARBITERS, Court

LARGE = st.integers(1, 300 * int(BTT))
AMOUNTS = st.one_of(LARGE, LARGE, st.integers(0, 3))
CARDS = st.sampled_from((RED, BLUE))
SHOPS = st.sampled_from((SHOP, KIOSK))
SHARES = st.sampled_from((0, 0, 50, 100))
"""Percentage that an arbiter gives the payer."""
RECENT = st.integers(-1, 5)
"""Place among those that fit; -1 is the last of all, whether it fits or not."""
BACK = st.sampled_from((-1, -1, -1, -1, 0, 1, 5, 63, 64, 65, 70))
"""Distance of a counter below the highest one; -1 is the next."""
SEEN = Counter[str]()
"""Ends that the random steps led to."""


OPEN = tuple(phase for phase in DisputePhase if phase is not DisputePhase.Ended)


class Street(Court, Tills):
    """A runtime with arbiters and cards, and lists of what a step can act on."""

    def undisputed(self) -> list[u64]:
        """Return the payments that can be disputed or refunded, the last first."""
        known = self.payfi.payments.payments.items()
        return [
            id for id, one in reversed([*known])
            if not one.disputed and one.legs.gross > one.refunded
        ]  # fmt: skip

    def waiting(self) -> list[tuple[u32, AccountId]]:
        """Return the batches that wait."""
        return [key for key, _ in self.payfi.settlement.batches.items()]

    def in_phase(self, *phases: DisputePhase) -> list[u64]:
        """Return the disputes in these phases."""
        return [id for id, one in self.disputes.disputes.items() if one.phase in phases]

    def authorised(self) -> list[u64]:
        """Return the open authorisations."""
        return [id for id, _ in self.payfi.authorisations.auths.items()]


class Change(Enum):
    """Steps after which others are refused for a long time."""

    SUSPEND = "suspend a merchant"
    LIFT = "lift its suspension"
    BOND = "add to its bond"
    CLOSE = "close it"
    REGISTER = "register it again"
    PLAN = "choose the analytics plan"
    NO_PLAN = "end it"
    RATES = "set other rates"
    DISCOUNT = "give a merchant a discount"
    NO_DISCOUNT = "take it away"
    LEAVE = "take an arbiter's bond back"
    APPOINT = "bond and appoint an arbiter"
    FREEZE = "freeze a card"
    ACTIVATE = "activate it"
    DROP = "drop it"
    RENEW = "register it again, once its vouchers have expired"


class PaymentsDisputesCards(RuleBasedStateMachine):
    """Random customers, merchants, arbiters and cards."""

    def __init__(self) -> None:
        super().__init__()
        self.street = Street()
        self.issued = int(self.street.balances.total_issuance.value)
        self.read = 0
        self.used: dict[CardInHand, list[int]] = {RED: [], BLUE: []}
        self.spent: dict[tuple[CardInHand, int], int] = {}
        self.auths: dict[int, tuple[CardInHand, int]] = {}
        """Card and day of each authorisation."""
        self.paid: dict[int, int] = {}
        self.back: dict[int, int] = {}
        self.burned = 0
        self.flows: list[tuple[AccountId, int, int]] = []
        """Changes of volume: merchant, day, settled gross or refunds below zero."""

    @initialize(units=LARGE, held=LARGE, late=st.booleans())
    def begin(self, units: int, held: int, late: bool) -> None:
        """Let every run have payments, an authorisation and a dispute."""
        self.pay(ALICE, SHOP, units)
        self.pay(BOB, KIOSK, units)
        self.charge(RED, SHOP, held, back=-1, capture=False, minutes=3_000)
        if late:
            self.go_on(2 * HOUR)
        self.dispute(-1, units, whole=True)

    # ---- payments

    @rule(payer=st.sampled_from((ALICE, BOB, SHOP)), shop=SHOPS, units=AMOUNTS)
    def pay(self, payer: AccountId, shop: AccountId, units: int) -> None:
        self.try_to(lambda: self.street.pay(payer, shop, units))

    @rule(shop=SHOPS, units=st.integers(0, 10**6), reference=st.integers(0, 200))
    def pay_an_invoice_in_its_currency(self, shop: AccountId, units: int, reference: int) -> None:
        self.try_to(lambda: self.street.pay(ALICE, shop, units, CNY, reference))

    @precondition(lambda self: self.street.undisputed())
    @rule(number=RECENT, amount=AMOUNTS, whole=st.booleans())
    def refund(self, number: int, amount: int, whole: bool) -> None:
        id = self.payment(number, self.street.undisputed())
        known = self.street.payfi.payments.payments.get(id)
        if known is not None:
            planck = known.legs.gross - known.refunded if whole else u128(amount)
            by = signed(known.merchant)
            self.try_to(lambda: self.street.payfi.refund(by, id, planck))

    @precondition(lambda self: self.street.waiting())
    @rule(number=RECENT)
    def settle_by_hand(self, number: int) -> None:
        bucket, merchant = self.street.waiting()[number % len(self.street.waiting())]
        settle = self.street.payfi.settle
        self.try_to(lambda: settle(signed(BOB), bucket, Id(merchant)))

    @precondition(lambda self: self.street.authorised())
    @rule(number=RECENT, units=AMOUNTS, back=st.integers(0, 3))
    def use_a_cards_reference(self, number: int, units: int, back: int) -> None:
        known = self.street.authorised()
        auth = self.street.payfi.authorisations.auths[known[number % len(known)]]
        reference = int.from_bytes(auth.reference, "big") + 1 - back
        self.try_to(lambda: self.street.pay(BOB, auth.merchant, units, reference=reference))

    # ---- disputes

    @precondition(lambda self: self.street.undisputed())
    @rule(number=RECENT, amount=AMOUNTS, whole=st.booleans())
    def dispute(self, number: int, amount: int, whole: bool) -> None:
        id = self.payment(number, self.street.undisputed())
        known = self.street.payfi.payments.payments.get(id)
        if known is not None:
            amount = int(known.legs.gross - known.refunded) if whole else amount
            self.try_to(lambda: self.street.open(id, amount, payer=known.payer))

    @precondition(lambda self: self.street.in_phase(DisputePhase.Answering))
    @rule(number=RECENT, accepts=st.booleans())
    def answer(self, number: int, accepts: bool) -> None:
        id = self.payment(number, self.street.in_phase(DisputePhase.Answering))
        known = self.street.payfi.payments.payments.get(id)
        if known is not None:
            answer = self.street.accept if accepts else self.street.contest
            self.try_to(lambda: answer(id, known.merchant))

    @precondition(lambda self: self.street.in_phase(DisputePhase.Answering))
    @rule(number=RECENT, shares=st.lists(SHARES, min_size=3, max_size=3))
    def a_panel_decides(self, number: int, shares: list[int]) -> None:
        """Contest a dispute and let its panel answer, in one step: random steps rarely do."""
        known = self.street.in_phase(DisputePhase.Answering)
        id = known[number % len(known)]
        self.try_to(lambda: self.street.contest(id, self.street.payment(int(id)).merchant))
        self.street.run(3)
        for share in shares:
            if id in self.street.in_phase(DisputePhase.Judging):
                amount = int(self.street.dispute_of(int(id)).amount) * share // 100
                self.try_to(partial(self.street.judge, int(id), amount))

    @precondition(lambda self: self.street.in_phase(*OPEN))
    @rule(number=RECENT)
    def withdraw(self, number: int) -> None:
        id = self.payment(number, self.street.in_phase(*OPEN))
        known = self.street.payfi.payments.payments.get(id)
        if known is not None:
            self.try_to(lambda: self.street.payfi.withdraw_dispute(signed(known.payer), id))

    @precondition(lambda self: self.street.in_phase(DisputePhase.Judging))
    @rule(
        outsider=st.sampled_from((None, None, *ARBITERS)), number=RECENT,
        share=SHARES,
    )  # fmt: skip
    def judge(self, outsider: AccountId | None, number: int, share: int) -> None:
        id = self.payment(number, self.street.in_phase(DisputePhase.Judging))
        dispute = self.street.disputes.disputes.get(id)
        if dispute is not None:
            silent = [seat.arbiter for seat in dispute.seats if seat.answer is None]
            arbiter = silent[0] if silent and outsider is None else outsider or ARBITERS[0]
            amount = u128(int(dispute.amount) * share // 100)
            self.try_to(lambda: self.street.payfi.resolve(signed(arbiter), id, amount))

    # ---- cards

    @rule(
        card=CARDS, shop=SHOPS, units=AMOUNTS, back=BACK, capture=st.booleans(),
        minutes=st.sampled_from((1, 60, 3_000)),
    )  # fmt: skip
    def charge(
        self, card: CardInHand, shop: AccountId, units: int, back: int, capture: bool, minutes: int
    ) -> None:
        number = max(0, max(self.used[card], default=0) - back)
        make = self.street.voucher
        voucher = make(card, units, merchant=shop, counter=number, minutes=minutes)
        self.try_to(lambda: self.street.charge(voucher, card, capture=capture))

    @precondition(lambda self: self.street.authorised())
    @rule(
        number=RECENT, amount=AMOUNTS, voids=st.booleans(), whole=st.booleans(),
        owner=st.sampled_from((False, False, True)),
    )  # fmt: skip
    def end_authorisation(
        self, number: int, amount: int, voids: bool, whole: bool, owner: bool
    ) -> None:
        known, payfi = self.street.authorised(), self.street.payfi
        id = known[number % len(known)]
        auth = payfi.authorisations.auths[id]
        by = signed(auth.owner if owner else auth.merchant)
        if voids:
            self.try_to(lambda: payfi.void(by, id))
        else:
            captured = auth.held if whole else u128(amount)
            self.try_to(lambda: payfi.capture(by, id, captured))

    # ---- seldom

    @rule(what=st.sampled_from(Change), shop=SHOPS, card=CARDS, arbiter=st.sampled_from(ARBITERS))
    def change(self, what: Change, shop: AccountId, card: CardInHand, arbiter: AccountId) -> None:
        payfi = self.street.payfi
        is_open, is_known = shop in payfi.merchants.merchants, card.id in payfi.cards.cards
        match what:
            case Change.SUSPEND | Change.LIFT:
                suspended = what is Change.SUSPEND
                self.try_to(lambda: payfi.suspend(ROOT, Id(shop), suspended))
            case Change.PLAN | Change.NO_PLAN:
                plan = int(what is Change.PLAN)
                self.try_to(lambda: self.street.configure(shop, plan=plan))
            case Change.RATES:
                low = 50 + len(self.paid) % 31
                payfi.set_rates(ROOT, Rates(low=u16(low), conversion=u16(low - 10)))
            case Change.DISCOUNT | Change.NO_DISCOUNT:
                self.street.people.discounts[SHOP] = 2_000 * (what is Change.DISCOUNT)
            case Change.BOND:
                self.try_to(lambda: payfi.bond_extra(signed(shop), u128(100 * BTT)))
            case Change.CLOSE if is_open:
                self.try_to(lambda: payfi.close(signed(shop)))
            case Change.CLOSE | Change.REGISTER if not is_open:
                self.try_to(lambda: self.street.register(shop))
            case Change.LEAVE:
                self.try_to(lambda: payfi.unbond_arbiter(signed(arbiter)))
            case Change.APPOINT:
                self.try_to(lambda: payfi.bond_arbiter(signed(arbiter), u128(100 * BTT)))
                self.try_to(lambda: payfi.set_arbiters(ROOT, ARBITERS))
            case Change.FREEZE | Change.ACTIVATE:
                frozen = what is Change.FREEZE
                self.try_to(lambda: payfi.set_card(signed(ALICE), card.id, LIMITS, None, frozen))
            case Change.DROP if is_known:
                self.try_to(lambda: payfi.drop_card(signed(ALICE), card.id))
            case _ if not is_known:
                self.try_to(lambda: self.street.register_card(card))
                if card.id in payfi.cards.cards:  # its vouchers have expired: it counts anew
                    self.used[card] = []
            case _:
                pass
        merchants = payfi.merchants.merchants
        self.read_events()  # the volume of a merchant ends with its record
        self.flows = [flow for flow in self.flows if flow[0] in merchants]

    # ---- time

    @rule(slots=st.sampled_from((1, 3, BUCKET, HOUR, 2 * HOUR)))
    def go_on(self, slots: int) -> None:
        self.street.run(slots)

    @rule(days=st.sampled_from((1, 3, 4, 9, 15)))
    def wait(self, days: int) -> None:
        self.street.run(days * DAY)
        self.street.run(1)
        self.street.run(HOUR)  # the randomness of a panel

    @rule(days=st.sampled_from((1, 8, 16)))
    def stall(self, days: int) -> None:
        self.street.time.stalled += days * DAY - 1
        self.street.run(days * DAY)

    # ---- what holds

    @invariant()
    def the_audits_find_nothing(self) -> None:
        pooled = self.street.money(PAYFI)
        assert not list(payfi_findings(self.street.payfi, pooled))
        assert not list(dispute_findings(self.street.payfi))

    @invariant()
    def the_pool_has_what_waits_to_the_planck(self) -> None:
        payfi = self.street.payfi
        waiting = sum(int(batch.legs.gross) for _, batch in payfi.settlement.batches.items())
        for number, payment in payfi.payments.payments.items():
            if payment.state is PaymentState.Disputed:
                dispute = self.street.dispute_of(int(number))
                waiting += 0 if dispute.late else int(dispute.amount)
        assert self.street.money(PAYFI) == waiting

    @invariant()
    def holds_are_those_of_the_records(self) -> None:
        payfi = self.street.payfi
        open_disputes = [
            one for _, one in payfi.disputes.disputes.items() if one.phase is not DisputePhase.Ended
        ]
        cards = [*payfi.cards.cards.items(), *payfi.cards.retired.items()]
        expected = {
            HoldReason.Bond: sum(int(one.bond) for _, one in payfi.merchants.merchants.items()),
            HoldReason.DisputeDeposit: sum(int(one.deposit) for one in open_disputes),
            HoldReason.Card: sum(int(one.held) for _, one in payfi.authorisations.auths.items()),
            HoldReason.ArbiterBond: sum(
                int(one.bond) for _, one in payfi.arbiters.arbiter_bonds.items()
            ),
            HoldReason.CardDeposit: len(cards) * int(payfi.cards.card_deposit),
        }
        for reason, amount in expected.items():
            held = self.street.balances.held
            accounts = (*PEOPLE, *ARBITERS)
            assert sum(int(held(Reason(INDEX, reason), who)) for who in accounts) == amount

    @invariant()
    def no_money_appears_or_is_lost(self) -> None:
        burned = self.street.burned() + int(self.street.tokenomics.burned_by[BurnReason.Slash])
        assert int(self.street.balances.total_issuance.value) + burned == self.issued

    @invariant()
    def what_was_burned_is_what_was_settled(self) -> None:
        self.read_events()
        assert self.street.burned() == self.burned

    @invariant()
    def a_payment_ends_once(self) -> None:
        self.read_events()
        disputed = {
            id: int(one.amount)
            for id, one in self.street.disputes.disputes.items()
            if one.outcome is None and not one.late  # a late one took none out of a batch
        }
        for id, one in self.street.payfi.payments.payments.items():
            ended = int(one.returned) + one.legs.net + one.legs.fee
            assert self.paid[int(id)] == ended + disputed.get(id, 0)
            assert int(one.returned) + int(one.refunded) == self.back.get(int(id), 0)

    @invariant()
    def volume_is_that_of_the_events(self) -> None:
        self.read_events()
        today = self.street.payfi.calendar.day()
        for shop in (SHOP, KIOSK):
            days = [amount for who, day, amount in self.flows if who == shop and today - day < 30]
            assert self.street.payfi.volumes.volume(shop) == max(0, sum(days))

    @invariant()
    def nothing_due_is_left(self) -> None:
        """One block settles all that is due here; I33 of a loaded chain is in the benchmark."""
        now = self.street.payfi.calendar.bucket()
        assert not [bucket for bucket, _ in self.street.waiting() if bucket <= now]

    @invariant()
    def a_card_counts_once_and_stays_within_its_day(self) -> None:
        self.read_events()
        assert all(amount <= LIMITS.day for amount in self.spent.values())
        assert all(amount >= 0 for amount in self.spent.values())

    # ---- helpers

    def payment(self, number: int, fitting: list[u64]) -> u64:
        """Return one of the payments that fit, or the last of all."""
        last = u64(max(0, int(self.street.payfi.payments.next_payment.value) - 1))
        return fitting[number % len(fitting)] if number >= 0 else last

    def try_to(self, act: Callable[[], object]) -> None:
        """Act as a call does: an error leaves nothing behind."""
        state, events = dict(self.street.state.data), len(self.street.host.events)
        try:
            act()
        except DispatchError:
            assert self.street.state.data == state, "a refused call changed the state"
            assert len(self.street.host.events) == events

    def read_events(self) -> None:
        """Follow payments, and what cards paid, by events alone."""
        today = self.street.payfi.calendar.day()
        for event in self.street.announced()[self.read :]:
            note(event)
            match event:
                case payfi_events.Paid():
                    self.paid[int(event.payment)] = int(event.gross)
                case payfi_events.Settled():
                    self.burned += int(event.burned)
                    gross = int(event.net) + int(event.fee)
                    self.flows.append((event.merchant, today, gross))
                    assert int(event.bucket) * HOUR_MS // 6 <= self.street.time.moment()
                case payfi_events.Refunded():
                    self.give_back(int(event.payment), int(event.amount))
                    if event.settled:
                        self.flows.append((event.merchant, today, -int(event.amount)))
                case payfi_events.Resolved():
                    self.give_back(int(event.payment), int(event.to_payer))
                    if event.late:
                        self.flows.append((event.merchant, today, -int(event.to_payer)))
                case payfi_events.Charged():
                    card = self.count(event.card, int(event.counter))
                    gross = int(self.street.payment(int(event.payment)).legs.gross)
                    self.spent[card, today] = self.spent.get((card, today), 0) + gross
                case payfi_events.Authorised():
                    card = self.count(event.card, int(event.counter))
                    held = int(event.held)
                    self.spent[card, today] = self.spent.get((card, today), 0) + held
                    self.auths[int(event.auth)] = (card, today)
                case payfi_events.Voided():
                    card, day = self.auths[int(event.auth)]
                    if day == today:
                        self.spent[card, day] -= int(event.released)
                case _:
                    pass
        self.read = len(self.street.announced())

    def give_back(self, payment: int, amount: int) -> None:
        """Note the amount that a payer got back."""
        self.back[payment] = self.back.get(payment, 0) + amount

    def count(self, id: bytes, number: int) -> CardInHand:
        """Note the number of a voucher; return its card."""
        card = next(card for card in (RED, BLUE) if card.id == id)
        assert number not in self.used[card]
        self.used[card].append(number)
        return card


def note(event: object) -> None:
    """Count an event among the ends that the steps led to."""
    match event:
        case payfi_events.Disputed():
            SEEN["disputed late" if event.late else "disputed before settlement"] += 1
        case payfi_events.Resolved():
            SEEN[event.resolution.name] += 1
            SEEN["resolved late" if event.late else "resolved before settlement"] += 1
        case payfi_events.Refunded():
            SEEN["refunded" if event.settled else "returned"] += 1
        case payfi_events.Paid() | payfi_events.Settled() | payfi_events.Charged():
            SEEN[type(event).__name__] += 1
        case payfi_events.Authorised() | payfi_events.Captured() | payfi_events.Voided():
            SEEN[type(event).__name__] += 1
        case _:
            pass


STEPS = settings(  # 10^5 of them in the full tier
    max_examples=tiers.amount(18, 400), stateful_step_count=tiers.amount(60, 250), deadline=None
)
ENDS = {
    "Paid", "Settled", "returned", "refunded", "Charged", "Authorised", "Captured", "Voided",
    "disputed before settlement", "disputed late", "resolved before settlement", "resolved late",
    "Accepted", "NoAnswer", "Withdrawn", "Panel",
}  # fmt: skip


@pytest.mark.hypothesis  # so that `make test-full` runs it with all steps
def test_no_planck_is_lost_in_any_order_and_every_kind_of_end_is_reached() -> None:
    SEEN.clear()
    run_state_machine_as_test(PaymentsDisputesCards, settings=STEPS)
    assert set(SEEN) >= ENDS, sorted(ENDS - set(SEEN))
