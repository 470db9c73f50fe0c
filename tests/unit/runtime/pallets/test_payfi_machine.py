"""P2: whatever settles a payment, in any order, it is settled once, and no planck is lost.

Payments, returns, refunds, settlements by blocks and by hand, disputes before and after settlement,
closed and suspended merchants, stalls and changed rates, in random order; after every step the
audit (I30 to I33, I35), and what follows only from the history: I32, I34 and I37 recomputed from
events.
"""

from __future__ import annotations

from collections.abc import Callable

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from btt_chain.primitives.account import AccountId, Id
from btt_chain.scale import u16, u32, u64, u128
from runtime.accounts import PAYFI
from runtime.audits.payfi import payfi_findings
from runtime.audits.payfi_disputes import dispute_findings
from runtime.constants import BTT
from runtime.frame import ROOT, DispatchError, signed
from runtime.pallets.payfi import Batch, PayFi, PaymentState, Rates
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

PAYERS, SHOPS = (ALICE, BOB, SHOP), (SHOP, KIOSK)
AMOUNTS = st.one_of(
    st.integers(0, 5), st.integers(1, 1_000 * int(BTT)), st.integers(10**15, 10**16)
)


class Payments(RuleBasedStateMachine):
    """A runtime of payments with random customers; events are read as they happen."""

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

    @rule(shop=st.sampled_from(SHOPS), suspended=st.booleans())
    def suspend(self, shop: AccountId, suspended: bool) -> None:
        self.try_to(lambda: self.runtime.payfi.suspend(ROOT, Id(shop), suspended))

    @rule(shop=st.sampled_from(SHOPS))
    def close(self, shop: AccountId) -> None:
        before = self.runtime.payfi.merchants.merchants.get(shop)
        self.try_to(lambda: self.runtime.payfi.close(signed(shop)))
        if before is not None and shop not in self.runtime.payfi.merchants.merchants:
            self.flows = [flow for flow in self.flows if flow[0] != shop]
            self.runtime.register(shop)

    @rule(shop=st.sampled_from(SHOPS), plan=st.integers(0, 1))
    def configure(self, shop: AccountId, plan: int) -> None:
        self.try_to(lambda: self.runtime.configure(shop, plan=plan))

    @rule(low=st.integers(50, 80), conversion=st.integers(0, 75), discount=st.booleans())
    def set_rates(self, low: int, conversion: int, discount: bool) -> None:
        rates = Rates(low=u16(low), conversion=u16(conversion))
        self.runtime.payfi.set_rates(ROOT, rates)
        self.runtime.people.discounts[SHOP] = 2_000 if discount else 0

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

    def in_dispute(self) -> dict[int, int]:
        """Return the amounts that open disputes took out of batches, by payment."""
        return {
            int(id): int(one.amount)
            for id, one in self.runtime.payfi.disputes.disputes.items()
            if one.outcome is None and not one.late
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
            match event:
                case PayFi.Paid():
                    self.paid[int(event.payment)] = int(event.gross)
                case PayFi.Settled():
                    self.burned += int(event.burned)
                    gross = int(event.net) + int(event.fee)
                    self.flows.append((event.merchant, today, gross))
                    bucket_ms = HOUR_MS // 6
                    assert int(event.bucket) * bucket_ms <= self.runtime.time.moment()
                case PayFi.Refunded():
                    id = int(event.payment)
                    self.back[id] = self.back.get(id, 0) + int(event.amount)
                    if event.settled:
                        self.flows.append((event.merchant, today, -int(event.amount)))
                case PayFi.Resolved():
                    id = int(event.payment)
                    self.back[id] = self.back.get(id, 0) + int(event.to_payer)
                    if event.late:
                        self.flows.append((event.merchant, today, -int(event.to_payer)))
                case _:
                    pass
        self.read = len(self.runtime.announced())


TestPayments = Payments.TestCase
FULL = settings().max_examples > 100
"""True with `make test-full`: 10^5 steps."""
TestPayments.settings = settings(
    max_examples=1_500 if FULL else 30, stateful_step_count=70 if FULL else 60, deadline=None
)
