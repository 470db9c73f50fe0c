"""P2: whatever settles a payment, in any order, it is settled once, and no planck is lost.

Payments, returns, refunds, settlements by blocks and by hand, disputes before and after settlement,
closed and suspended merchants, stalls and changed rates, in random order; after every step the
audit (I30 to I33, I35), and what follows only from the history: I32, I34 and I37 recomputed from
events. The test fails if the random steps leave out a kind of end.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from enum import Enum

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
from runtime.frame import ROOT, DispatchError, signed
from runtime.pallets.payfi import Batch, PaymentState, Rates
from runtime.pallets.payfi import events as payfi_events
from support.payfi import (
    ALICE,
    BOB,
    BUCKET,
    CNY,
    DAY,
    DAY_MS,
    HOUR,
    HOUR_MS,
    KIOSK,
    SHOP,
    SLOT_MS,
)
from support.payfi_disputes import Court
from support.tiers import amount

PAYERS, SHOPS = (ALICE, BOB, SHOP), (SHOP, KIOSK)
LARGE = st.integers(10**15, 1_000 * int(BTT))
AMOUNTS = st.one_of(LARGE, st.integers(10**15, 10**16), st.integers(0, 5))
SEEN = Counter[str]()
"""Ends that the random steps led to."""


class Change(Enum):
    """Steps that change what others may do."""

    SUSPEND = "suspend a merchant"
    RESUME = "lift its suspension"
    CLOSE = "close it, or end its closing"
    PLAN = "choose the analytics plan"
    NO_PLAN = "end it"
    RATES = "set other rates"
    DISCOUNT = "give a merchant a discount"
    NO_DISCOUNT = "take it away"


class Payments(RuleBasedStateMachine):
    """A runtime with random customers; events are read as they happen."""

    def __init__(self) -> None:
        super().__init__()
        self.runtime = Court()
        self.paid: dict[int, int] = {}
        self.back: dict[int, int] = {}
        self.burned = 0
        self.flows: list[tuple[AccountId, int, int]] = []
        """Changes of volume: merchant, day, settled gross or refunds below zero."""
        self.read = 0
        self.issued = int(self.runtime.balances.total_issuance.value)

    @initialize(units=LARGE, late=st.booleans())
    def begin(self, units: int, late: bool) -> None:
        """Let every run have payments, and a dispute of one of them."""
        for number, shop in enumerate((SHOP, KIOSK, SHOP)):
            self.pay(ALICE, shop, units, foreign=False, reference=500 + number)
        if late:
            self.go_on(HOUR + 2 * BUCKET)
        self.dispute(0, 0, all_of_it=True)

    # ---- steps

    @rule(
        payer=st.sampled_from(PAYERS), shop=st.sampled_from(SHOPS), units=AMOUNTS,
        foreign=st.booleans(), reference=st.integers(0, 200),
    )  # fmt: skip
    def pay(
        self, payer: AccountId, shop: AccountId, units: int, foreign: bool, reference: int
    ) -> None:
        currency, units = (CNY, units % 10**6) if foreign else (b"BTT", units)
        self.try_to(lambda: self.runtime.pay(payer, shop, units, currency, reference))

    @rule(number=st.integers(0, 4), amount=AMOUNTS, all_of_it=st.booleans())
    def refund(self, number: int, amount: int, all_of_it: bool) -> None:
        id = self.recent(number)
        known = self.runtime.payfi.payments.payments.get(id)
        if known is not None:
            planck = known.legs.gross - known.refunded if all_of_it else u128(amount)
            by = signed(known.merchant)
            self.try_to(lambda: self.runtime.payfi.refund(by, id, planck))

    @rule(number=st.integers(0, 4))
    def settle_by_hand(self, number: int) -> None:
        known = self.runtime.payfi.payments.payments.get(self.recent(number))
        if known is not None:
            settle, who = self.runtime.payfi.settle, Id(known.merchant)
            self.try_to(lambda: settle(signed(BOB), known.bucket, who))

    @rule(number=st.integers(0, 4), amount=AMOUNTS, all_of_it=st.booleans())
    def dispute(self, number: int, amount: int, all_of_it: bool) -> None:
        id = self.recent(number)
        known = self.runtime.payfi.payments.payments.get(id)
        if known is not None:
            planck = int(known.legs.gross - known.refunded) if all_of_it else amount
            self.try_to(lambda: self.runtime.open(id, planck, payer=known.payer))

    @precondition(lambda self: self.in_dispute(late=True))
    @rule(number=st.integers(0, 4), accepted=st.booleans())
    def end_dispute(self, number: int, accepted: bool) -> None:
        """End a dispute for one of the sides; silence ends it in a block."""
        disputed = [
            (id, one)
            for id, one in self.runtime.payfi.payments.payments.items()
            if one.state is PaymentState.Disputed
        ]
        if disputed:
            id, one = disputed[number % len(disputed)]
            if accepted:
                self.runtime.accept(id, one.merchant)
            else:
                self.runtime.payfi.withdraw_dispute(signed(one.payer), id)

    @rule(slots=st.sampled_from((1, BUCKET - 1, BUCKET, HOUR, HOUR + BUCKET)))
    def go_on(self, slots: int) -> None:
        self.runtime.run(slots)

    @rule(slots=st.sampled_from((2 * HOUR, DAY, 15 * DAY, 30 * DAY)))
    def stall(self, slots: int) -> None:
        """No block for a long time, then one."""
        self.runtime.run(slots)

    @rule(what=st.sampled_from(Change), shop=st.sampled_from(SHOPS), low=st.integers(50, 80))
    def change(self, what: Change, shop: AccountId, low: int) -> None:
        payfi = self.runtime.payfi
        match what:
            case Change.SUSPEND | Change.RESUME:
                suspended = what is Change.SUSPEND
                self.try_to(lambda: payfi.suspend(ROOT, Id(shop), suspended))
            case Change.CLOSE:
                self.close(shop)
            case Change.PLAN | Change.NO_PLAN:
                plan = int(what is Change.PLAN)
                self.try_to(lambda: self.runtime.configure(shop, plan=plan))
            case Change.RATES:
                payfi.set_rates(ROOT, Rates(low=u16(low), conversion=u16(low - 10)))
            case Change.DISCOUNT | Change.NO_DISCOUNT:
                self.runtime.people.discounts[SHOP] = 2_000 * (what is Change.DISCOUNT)

    def close(self, shop: AccountId) -> None:
        """Close a merchant; once its record is gone, register it anew."""
        before = self.runtime.payfi.merchants.merchants.get(shop)
        self.try_to(lambda: self.runtime.payfi.close(signed(shop)))
        if before is not None and shop not in self.runtime.payfi.merchants.merchants:
            self.flows = [flow for flow in self.flows if flow[0] != shop]
            self.runtime.register(shop)

    # ---- what holds

    @invariant()
    def the_audit_finds_nothing(self) -> None:
        pooled = self.runtime.money(PAYFI)
        assert not list(payfi_findings(self.runtime.payfi, pooled))
        assert not list(dispute_findings(self.runtime.payfi))
        waiting = sum(int(batch.legs.gross) for _, batch in self.batches())
        assert pooled == waiting + sum(self.in_dispute().values())

    @invariant()
    def what_was_burned_is_what_was_settled(self) -> None:
        self.read_events()
        assert self.runtime.burned() == self.burned
        issued = int(self.runtime.balances.total_issuance.value)
        assert issued + self.burned == self.issued

    @invariant()
    def a_payment_ends_once(self) -> None:
        self.read_events()
        disputed = self.in_dispute()
        for id, one in self.runtime.payfi.payments.payments.items():
            ended = int(one.returned) + one.legs.net + one.legs.fee
            assert self.paid[int(id)] == ended + disputed.get(int(id), 0)
            assert int(one.returned) + int(one.refunded) == self.back.get(int(id), 0)

    @invariant()
    def volume_is_that_of_the_events(self) -> None:
        self.read_events()
        today = self.today()
        for shop in SHOPS:
            days = [amount for who, day, amount in self.flows if who == shop and today - day < 30]
            assert self.runtime.payfi.volumes.volume(shop) == max(0, sum(days))

    @invariant()
    def nothing_due_is_left(self) -> None:
        """One block settles all that is due here; I33 of a loaded chain is in the benchmark."""
        now = self.runtime.payfi.calendar.bucket()
        settled = [bucket for (bucket, _), _ in self.batches() if bucket <= now]
        assert not settled

    # ---- helpers

    def batches(self) -> list[tuple[tuple[u32, AccountId], Batch]]:
        return list(self.runtime.payfi.settlement.batches.items())

    def in_dispute(self, *, late: bool = False) -> dict[int, int]:
        """Return the amounts of open disputes by payment; late ones took none out of a batch."""
        return {
            int(id): int(one.amount)
            for id, one in self.runtime.payfi.disputes.disputes.items()
            if one.outcome is None and (late or not one.late)
        }

    def recent(self, number: int) -> u64:
        return u64(max(0, int(self.runtime.payfi.payments.next_payment.value) - 1 - number))

    def today(self) -> int:
        return self.runtime.time.slot * SLOT_MS // DAY_MS

    def try_to(self, act: Callable[[], object]) -> None:
        """Act as a call does: an error leaves nothing behind."""
        state, events = dict(self.runtime.state.data), len(self.runtime.host.events)
        try:
            act()
        except DispatchError:
            assert self.runtime.state.data == state, "a refused call changed the state"
            assert len(self.runtime.host.events) == events

    def read_events(self) -> None:
        """Read the events since the last time."""
        today = self.today()
        for event in self.runtime.announced()[self.read :]:
            note(event)
            match event:
                case payfi_events.Paid():
                    self.paid[int(event.payment)] = int(event.gross)
                case payfi_events.Settled():
                    self.burned += int(event.burned)
                    gross = int(event.net) + int(event.fee)
                    self.flows.append((event.merchant, today, gross))
                    bucket_ms = HOUR_MS // 6
                    assert int(event.bucket) * bucket_ms <= self.runtime.time.moment()
                case payfi_events.Refunded():
                    id = int(event.payment)
                    self.back[id] = self.back.get(id, 0) + int(event.amount)
                    if event.settled:
                        self.flows.append((event.merchant, today, -int(event.amount)))
                case payfi_events.Resolved():
                    id = int(event.payment)
                    self.back[id] = self.back.get(id, 0) + int(event.to_payer)
                    if event.late:
                        self.flows.append((event.merchant, today, -int(event.to_payer)))
                case _:
                    pass
        self.read = len(self.runtime.announced())


def note(event: object) -> None:
    """Count an event among the ends that the steps led to."""
    match event:
        case payfi_events.Disputed():
            SEEN["disputed late" if event.late else "disputed before settlement"] += 1
        case payfi_events.Resolved():
            SEEN["resolved late" if event.late else "resolved before settlement"] += 1
        case payfi_events.Refunded():
            SEEN["refunded" if event.settled else "returned"] += 1
        case payfi_events.Paid() | payfi_events.Settled():
            SEEN[type(event).__name__] += 1
        case _:
            pass


STEPS = settings(  # 10^5 of them in the full tier
    max_examples=amount(24, 1_500), stateful_step_count=amount(60, 70), deadline=None
)
ENDS = {
    "Paid", "Settled", "returned", "refunded", "disputed before settlement", "disputed late",
    "resolved before settlement", "resolved late",
}  # fmt: skip


@pytest.mark.hypothesis  # so that `make test-full` runs it with all steps
def test_a_payment_settles_once_in_any_order_and_every_kind_of_end_is_reached() -> None:
    SEEN.clear()
    run_state_machine_as_test(Payments, settings=STEPS)
    assert set(SEEN) >= ENDS, sorted(ENDS - set(SEEN))
