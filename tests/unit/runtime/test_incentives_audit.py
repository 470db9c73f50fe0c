"""Points stay backed in random histories, and the audit finds what is wrong: I40 to I43."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Final

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from btt_chain.primitives.account import AccountId, Id
from btt_chain.primitives.point_voucher import PointVoucher
from btt_chain.scale import u16, u32, u64, u128
from runtime.accounts import HEALTH
from runtime.audits.incentives import problems
from runtime.constants import BTT
from runtime.frame import DispatchError, signed
from runtime.pallets.facilities import Size
from runtime.pallets.incentives import EpochState, Fail, NotOpened, Pass, PointsAccount
from support.incentives import (
    CLINIC,
    FRIEND,
    HOSPITAL,
    INSURER,
    ISSUER,
    MONTH,
    PARTNER,
    PATIENT,
    CareRuntime,
    hashed,
)

PAYERS: Final = (CLINIC, HOSPITAL, ISSUER)
WHO = st.sampled_from(PAYERS)
REDEEMERS: Final = (PATIENT, FRIEND, PARTNER)
POINTS = st.sampled_from((0, 1, 7, 130, 5_000, 10**7))
VERDICTS = st.lists(st.sampled_from((Pass(), Fail(u32(1)), NotOpened())), max_size=3)


def findings(care: CareRuntime) -> list[str]:
    return [str(each) for each in problems(care.incentives, care.free(HEALTH))]


class Histories(RuleBasedStateMachine):
    """Facilities that pay, publish, close and cheat; patients, partners, auditors, a clock."""

    @initialize()
    def begin(self) -> None:
        self.care = CareRuntime()
        self.wallet: list[PointVoucher] = []
        self.issuance = int(self.care.balances.total_issuance.value)

    def try_(self, call: Callable[[], object]) -> bool:
        """Make a call, which may be refused; return True if it was not."""
        self.care.state.begin()
        try:
            call()
        except DispatchError:
            self.care.state.rollback()
            return False
        self.care.state.commit()
        return True

    @rule(
        who=WHO, size=st.sampled_from(list(Size)), months=st.integers(1, 3),
        price=st.sampled_from((10**16, 4 * 10**17, 10**19)),
    )  # fmt: skip
    def a_facility_pays_and_publishes(
        self, who: AccountId, size: Size, months: int, price: int
    ) -> None:
        care = self.care
        care.set_price(price)
        self.try_(partial(care.subscribe, who, size, months))
        month = care.incentives.months.current() + 1
        self.try_(partial(care.publish, who, month))

    @rule(days=st.sampled_from((1, 2, 4, 8, 30)))
    def time_passes(self, days: int) -> None:
        for _ in range(3):
            self.care.to(self.care.time.now() + days * MONTH // 90)

    @rule(months=st.sampled_from((1, 1, 2, 25)))
    def months_pass(self, months: int) -> None:
        for _ in range(months):
            self.care.to((self.care.incentives.months.current() + 1) * MONTH)

    @rule(who=WHO, points=POINTS)
    def a_facility_closes_its_month(self, who: AccountId, points: int) -> None:
        month = max(0, self.care.incentives.months.current() - 1)
        right = int(self.care.incentives.subscriptions.right(who, month))
        self.try_(partial(self.care.close, who, month, min(points, right)))

    @rule(
        who=WHO,
        age=st.integers(0, 3),
        points=st.sampled_from((1, 6, 131)),
        to=st.sampled_from(REDEEMERS),
    )
    def a_facility_signs(self, who: AccountId, age: int, points: int, to: AccountId) -> None:
        month = self.care.incentives.months.current() - age
        if (who, month) in self.care.keys:
            self.wallet += self.care.vouchers(who, month, points, to)

    @rule(count=st.integers(1, 64), keep=st.booleans())
    def vouchers_are_redeemed(self, count: int, keep: bool) -> None:
        batch = self.wallet[:count]
        done = bool(batch) and self.try_(lambda: self.care.redeem(*batch))
        if not (done and keep):
            self.wallet = self.wallet[count:] + ([] if done else batch)

    @rule(who=st.sampled_from(REDEEMERS), points=POINTS)
    def points_are_exchanged(self, who: AccountId, points: int) -> None:
        self.try_(lambda: self.care.incentives.redeem_for_btt(signed(who), u64(points)))

    @rule(who=st.sampled_from(REDEEMERS), points=POINTS)
    def points_are_redeemed_at_a_partner(self, who: AccountId, points: int) -> None:
        pallet, offer = self.care.incentives, hashed("offer")
        self.try_(lambda: pallet.place(signed(PARTNER), offer, u16(1)))
        self.try_(lambda: pallet.redeem_at_partner(signed(who), Id(PARTNER), u64(points), offer))

    @rule(amount=st.sampled_from((1, int(BTT), 10_000 * int(BTT))))
    def savings_come_in(self, amount: int) -> None:
        pallet = self.care.incentives
        self.try_(lambda: pallet.contribute_savings(signed(INSURER), u128(amount), hashed("x")))

    @rule(who=WHO, age=st.integers(1, 2), verdicts=VERDICTS, answers=st.booleans())
    def auditors_report(
        self, who: AccountId, age: int, verdicts: list[Pass | Fail | NotOpened], answers: bool
    ) -> None:
        care, month = self.care, self.care.incentives.months.current() - age
        if month < 0:
            return
        self.try_(lambda: care.report(who, month, *verdicts))
        self.try_(lambda: care.settle(who, month))
        if answers:
            self.try_(lambda: care.incentives.answer_audit(signed(who), u32(month)))

    @invariant()
    def points_are_backed(self) -> None:
        assert findings(self.care) == []


TestHistories = pytest.mark.timeout(300)(Histories.TestCase)
TestHistories.settings = settings(max_examples=25, stateful_step_count=40, deadline=None)


# ---- the audit finds what is wrong


def spoil_reserved(care: CareRuntime, month: int) -> None:
    care.incentives.months.reserved.value += 1


def spoil_committed(care: CareRuntime, month: int) -> None:
    record = care.month(month)
    record.committed -= 1
    care.incentives.months.months[u32(month)] = record
    care.incentives.months.reserve(-1)


def spoil_outstanding(care: CareRuntime, month: int) -> None:
    record = care.month(month)
    record.outstanding -= 1
    care.incentives.months.months[u32(month)] = record


def spoil_budget(care: CareRuntime, month: int) -> None:
    record = care.month(month)
    record.budget = u128(1)
    care.incentives.months.months[u32(month)] = record


def spoil_points(care: CareRuntime, month: int) -> None:
    care.incentives.points.points[FRIEND] = PointsAccount(u64(1), u32(month))


def spoil_right(care: CareRuntime, month: int) -> None:
    epoch = care.epoch(CLINIC, month)
    epoch.right = u64(2**60)
    care.incentives.epochs.epochs[CLINIC, u32(month)] = epoch


def spoil_redeemed(care: CareRuntime, month: int) -> None:
    epoch = care.epoch(CLINIC, month)
    epoch.redeemed = u64(int(epoch.points) + 1)
    care.incentives.epochs.epochs[CLINIC, u32(month)] = epoch


def spoil_state(care: CareRuntime, month: int) -> None:
    care.incentives.epochs.set_state(CLINIC, month, EpochState.Failed)


def spoil_spent(care: CareRuntime, month: int) -> None:
    for number in range(1_000):
        care.incentives.vouchers.spent[u32(month), hashed(str(number))] = ()


def spoil_payment(care: CareRuntime, month: int) -> None:
    care.incentives.subscriptions.payments[u32(month), FRIEND] = u128(1)


def spoil_statistics(care: CareRuntime, month: int) -> None:
    pallet = care.incentives.epochs
    for group, _ in list(pallet.statistics.under(u32(month))):
        del pallet.statistics[u32(month), group]


def spoil_moduli(care: CareRuntime, month: int) -> None:
    care.incentives.epochs.moduli[hashed("x")] = u32(month)


@pytest.mark.parametrize(
    ("spoil", "found"),
    [
        (spoil_reserved, "I40"),
        (spoil_committed, "I40"),
        (spoil_outstanding, "I41"),
        (spoil_budget, "I41"),
        (spoil_points, "I42"),
        (spoil_right, "I43"),
        (spoil_redeemed, "I41"),
        (spoil_state, "I41"),
        (spoil_spent, "I42"),
        (spoil_payment, "I43"),
        (spoil_statistics, "I41"),
        (spoil_moduli, "I41"),
    ],
)
def test_the_audit_finds_what_is_wrong(
    spoil: Callable[[CareRuntime, int], None], found: str
) -> None:
    care = CareRuntime()
    month = care.selected()
    care.redeem(*care.vouchers(CLINIC, month, 131))
    assert findings(care) == []
    spoil(care, month)
    assert any(found in each for each in findings(care))


def test_a_pool_that_lacks_money_is_found() -> None:
    care = CareRuntime()
    care.selected()
    reserved = int(care.incentives.months.reserved.value)
    assert [each.invariant for each in problems(care.incentives, reserved - 1)] == ["I40"]
