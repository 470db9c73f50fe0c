"""Payments, disputes and cards in random order: the audits find nothing, and no planck is lost.

After every step: the checks of payments, disputes and cards (I30 to I33, I35, I36), the money in
the pool and on hold to the planck, and what only the history shows: a number of a card is accepted
once, and what a card pays on a day stays within its limit.
"""

from __future__ import annotations

from collections.abc import Callable

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from btt_chain.primitives.account import AccountId, Id
from btt_chain.scale import u64, u128
from runtime.accounts import PAYFI
from runtime.audits.payfi import payfi_findings
from runtime.audits.payfi_disputes import dispute_findings
from runtime.constants import BTT
from runtime.frame import ROOT, DispatchError, Reason, signed
from runtime.pallets.payfi import PayFi, PaymentState
from runtime.pallets.payfi.dispute_phases import DisputePhase
from runtime.pallets.payfi.types import HoldReason
from runtime.pallets.tokenomics import BurnReason
from support.payfi import ALICE, BOB, BUCKET, DAY, HOUR, INDEX, KIOSK, PEOPLE, SHOP
from support.payfi_cards import BLUE, LIMITS, RED, CardInHand, Tills
from support.payfi_disputes import ARBITERS, Court

AMOUNTS = st.one_of(st.integers(0, 3), st.integers(1, 300 * int(BTT)))
CARDS = st.sampled_from((RED, BLUE))
SHOPS = st.sampled_from((SHOP, KIOSK))
RECENT = st.integers(0, 5)


class Street(Court, Tills):
    """A runtime of payments with arbiters and cards."""


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

    # ---- payments

    @rule(payer=st.sampled_from((ALICE, BOB)), shop=SHOPS, units=AMOUNTS)
    def pay(self, payer: AccountId, shop: AccountId, units: int) -> None:
        self.try_to(lambda: self.street.pay(payer, shop, units))

    @rule(number=RECENT, amount=AMOUNTS)
    def refund(self, number: int, amount: int) -> None:
        id = self.payment(number)
        known = self.street.payfi.payments.payments.get(id)
        if known is not None:
            by = signed(known.merchant)
            self.try_to(lambda: self.street.payfi.refund(by, id, u128(amount)))

    @rule(number=RECENT)
    def settle_by_hand(self, number: int) -> None:
        known = self.street.payfi.payments.payments.get(self.payment(number))
        if known is not None:
            settle = self.street.payfi.settle
            self.try_to(lambda: settle(signed(BOB), known.bucket, Id(known.merchant)))

    @rule(shop=SHOPS, lifted=st.booleans())
    def resume(self, shop: AccountId, lifted: bool) -> None:
        if lifted:
            self.try_to(lambda: self.street.payfi.suspend(ROOT, Id(shop), False))
        else:
            self.try_to(lambda: self.street.payfi.bond_extra(signed(shop), u128(100 * BTT)))

    @rule(number=RECENT, units=AMOUNTS, back=st.integers(0, 3))
    def use_a_cards_reference(self, number: int, units: int, back: int) -> None:
        id = u64(max(0, int(self.street.payfi.authorisations.next_auth.value) - 1 - number))
        auth = self.street.payfi.authorisations.auths.get(id)
        if auth is not None:
            number = int.from_bytes(auth.reference, "big") + 1 - back
            self.try_to(lambda: self.street.pay(BOB, auth.merchant, units, reference=number))

    @rule(shop=SHOPS)
    def close_or_register(self, shop: AccountId) -> None:
        payfi = self.street.payfi
        if shop in payfi.merchants.merchants:
            self.try_to(lambda: payfi.close(signed(shop)))
        else:
            self.try_to(lambda: self.street.register(shop))

    # ---- disputes

    @rule(number=RECENT, amount=AMOUNTS, whole=st.booleans())
    def dispute(self, number: int, amount: int, whole: bool) -> None:
        id = self.payment(number)
        known = self.street.payfi.payments.payments.get(id)
        if known is not None:
            amount = int(known.legs.gross - known.refunded) if whole else amount
            self.try_to(lambda: self.street.open(id, amount, payer=known.payer))

    @rule(number=RECENT, accepts=st.booleans())
    def answer(self, number: int, accepts: bool) -> None:
        id = self.payment(number)
        known = self.street.payfi.payments.payments.get(id)
        if known is not None:
            answer = self.street.accept if accepts else self.street.contest
            self.try_to(lambda: answer(id, known.merchant))

    @rule(number=RECENT)
    def withdraw(self, number: int) -> None:
        id = self.payment(number)
        known = self.street.payfi.payments.payments.get(id)
        if known is not None:
            self.try_to(lambda: self.street.payfi.withdraw_dispute(signed(known.payer), id))

    @rule(arbiter=st.sampled_from(ARBITERS), number=RECENT, share=st.sampled_from((0, 0, 50, 100)))
    def judge(self, arbiter: AccountId, number: int, share: int) -> None:
        id = self.payment(number)
        dispute = self.street.disputes.disputes.get(id)
        if dispute is not None:
            amount = u128(int(dispute.amount) * share // 100)
            self.try_to(lambda: self.street.payfi.resolve(signed(arbiter), id, amount))

    @rule(arbiter=st.sampled_from(ARBITERS), leaves=st.booleans())
    def bond_arbiter(self, arbiter: AccountId, leaves: bool) -> None:
        payfi = self.street.payfi
        if leaves:
            self.try_to(lambda: payfi.unbond_arbiter(signed(arbiter)))
        else:
            self.try_to(lambda: payfi.bond_arbiter(signed(arbiter), u128(100 * BTT)))
            self.try_to(lambda: payfi.set_arbiters(ROOT, ARBITERS))

    # ---- cards

    @rule(
        card=CARDS, shop=SHOPS, units=AMOUNTS, back=st.integers(-1, 70), capture=st.booleans(),
        minutes=st.sampled_from((1, 60, 3_000)),
    )  # fmt: skip
    def charge(
        self, card: CardInHand, shop: AccountId, units: int, back: int, capture: bool, minutes: int
    ) -> None:
        number = max(0, max(self.used[card], default=0) - back)
        make = self.street.voucher
        voucher = make(card, units, merchant=shop, counter=number, minutes=minutes)
        self.try_to(lambda: self.street.charge(voucher, card, capture=capture))

    @rule(number=RECENT, amount=AMOUNTS, voids=st.booleans(), owner=st.booleans())
    def end_authorisation(self, number: int, amount: int, voids: bool, owner: bool) -> None:
        id = u64(max(0, int(self.street.payfi.authorisations.next_auth.value) - 1 - number))
        auth = self.street.payfi.authorisations.auths.get(id)
        if auth is not None:
            by = signed(auth.owner if owner else auth.merchant)
            payfi = self.street.payfi
            if voids:
                self.try_to(lambda: payfi.void(by, id))
            else:
                self.try_to(lambda: payfi.capture(by, id, u128(amount)))

    @rule(card=CARDS, frozen=st.booleans())
    def freeze(self, card: CardInHand, frozen: bool) -> None:
        payfi = self.street.payfi
        self.try_to(lambda: payfi.set_card(signed(ALICE), card.id, LIMITS, None, frozen))

    @rule(card=CARDS)
    def drop_or_register(self, card: CardInHand) -> None:
        payfi = self.street.payfi
        if card.id in payfi.cards.cards:
            self.try_to(lambda: payfi.drop_card(signed(ALICE), card.id))
            return
        self.try_to(lambda: self.street.register_card(card))
        if card.id in payfi.cards.cards:  # its vouchers have expired: it counts anew
            self.used[card] = []

    # ---- time

    @rule(slots=st.sampled_from((1, 3, BUCKET, HOUR, 2 * HOUR)))
    def go_on(self, slots: int) -> None:
        self.street.run(slots)

    @rule(days=st.sampled_from((1, 3, 4, 9, 15)))
    def wait(self, days: int) -> None:
        self.street.run(days * DAY)
        self.street.run(1)

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
    def a_card_counts_once_and_stays_within_its_day(self) -> None:
        self.read_events()
        assert all(amount <= LIMITS.day for amount in self.spent.values())
        assert all(amount >= 0 for amount in self.spent.values())

    # ---- helpers

    def payment(self, number: int) -> u64:
        next_payment = self.street.payfi.payments.next_payment.value
        return u64(max(0, int(next_payment) - 1 - number))

    def try_to(self, act: Callable[[], object]) -> None:
        """Act as a call does: an error leaves nothing behind."""
        state, events = dict(self.street.state.data), len(self.street.host.events)
        try:
            act()
        except DispatchError:
            assert self.street.state.data == state, "a refused call changed the state"
            assert len(self.street.host.events) == events

    def read_events(self) -> None:
        """Follow what cards paid, by events alone."""
        today = self.street.payfi.calendar.day()
        for event in self.street.announced()[self.read :]:
            match event:
                case PayFi.Charged():
                    card = self.count(event.card, int(event.counter))
                    gross = int(self.street.payment(int(event.payment)).legs.gross)
                    self.spent[card, today] = self.spent.get((card, today), 0) + gross
                case PayFi.Authorised():
                    card = self.count(event.card, int(event.counter))
                    held = int(event.held)
                    self.spent[card, today] = self.spent.get((card, today), 0) + held
                    self.auths[int(event.auth)] = (card, today)
                case PayFi.Voided():
                    card, day = self.auths[int(event.auth)]
                    if day == today:
                        self.spent[card, day] -= int(event.released)
                case _:
                    pass
        self.read = len(self.street.announced())

    def count(self, id: bytes, number: int) -> CardInHand:
        """Note the number of a voucher; return its card."""
        card = next(card for card in (RED, BLUE) if card.id == id)
        assert number not in self.used[card]
        self.used[card].append(number)
        return card


TestPaymentsDisputesCards = PaymentsDisputesCards.TestCase
FULL = settings().max_examples > 100
"""True with `make test-full`: 10^5 steps."""
TestPaymentsDisputesCards.settings = settings(
    max_examples=400 if FULL else 12, stateful_step_count=250 if FULL else 60, deadline=None
)
