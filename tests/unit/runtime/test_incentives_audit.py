"""Points stay backed in random histories, and the audit finds what is wrong: I40 to I43."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable
from functools import partial
from typing import Final

import pytest

from btt_chain.primitives.account import AccountId, Id
from btt_chain.primitives.point_voucher import PointVoucher
from btt_chain.scale import u16, u32, u64, u128
from runtime.accounts import HEALTH
from runtime.audits.incentives import problems
from runtime.constants import BTT
from runtime.frame import DispatchError, signed
from runtime.pallets.facilities.types import Size
from runtime.pallets.incentives.types import EpochState, Fail, NotOpened, Pass, PointsAccount
from support.incentives import (
    CLINIC,
    DAY,
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
from support.tampering import alter, shift, shift_value

PAYERS: Final = (CLINIC, HOSPITAL, ISSUER)
REDEEMERS: Final = (PATIENT, FRIEND, PARTNER)
VERDICTS: Final = (Pass(), Pass(), Fail(u32(1)), Fail(u32(1)), NotOpened())
SEEDS: Final = 4
STEPS: Final = 60


Spoil = Callable[[CareRuntime, int], None]
"""Makes the records of a month wrong."""


def findings(care: CareRuntime) -> list[str]:
    return [str(each) for each in problems(care.incentives, care.free(HEALTH))]


class History:
    """Facilities that pay, publish, close and cheat; patients, partners, auditors, a clock."""

    def __init__(self, seed: int) -> None:
        self.care = CareRuntime()
        self.random = random.Random(seed)
        self.wallet: list[PointVoucher] = []
        self.done: Counter[str] = Counter()

    def try_(self, name: str, call: Callable[[], object]) -> None:
        """Make a call, which may be refused."""
        self.care.state.begin()
        try:
            call()
        except DispatchError:
            self.care.state.rollback()
            return
        self.care.state.commit()
        self.done[name] += 1

    def step(self) -> None:
        """Take one random step."""
        steps = (
            *[self.earn] * 4, *[self.redeem] * 4, self.pay, self.sign, self.wait, self.jump,
            self.exchange, self.redeem_at_partner, self.save, *[self.report] * 3,
        )  # fmt: skip
        self.random.choice(steps)()

    def one(self, *options: int) -> int:
        return self.random.choice(options)

    def pay(self) -> None:
        """Pay for several months, at another price, and publish the keys of the next one."""
        care, who = self.care, self.random.choice(PAYERS)
        care.set_price(self.one(10**16, 4 * 10**17, 10**19))
        size = self.random.choice(list(Size))
        self.try_("subscribe", partial(care.subscribe, who, size, self.one(1, 2, 3)))
        month = care.incentives.months.current() + 1
        self.try_("publish", partial(care.publish, who, month))

    def earn(self) -> None:
        """Pay for the next month, close it, and sign more points than it allows, or fewer."""
        care, months, who = self.care, self.care.incentives.months, self.random.choice(PAYERS)
        month = months.current() + 1
        self.pay()
        self.try_("subscribe", partial(care.subscribe, who))
        self.try_("publish", partial(care.publish, who, month))
        care.to(months.begins(month))
        care.to(months.begins(month + 1))
        right = int(care.incentives.subscriptions.right(who, month))
        points = min(self.one(131, 5_000, 10**7), right)
        self.try_("close", partial(care.close, who, month, points))
        self.sign_for(who, month)

    def sign(self) -> None:
        """Sign vouchers of a recent month, closed or not."""
        month = self.care.incentives.months.current() - self.one(0, 1, 2)
        self.sign_for(self.random.choice(PAYERS), month)

    def sign_for(self, who: AccountId, month: int) -> None:
        if (who, month) in self.care.keys:
            redeemer = self.random.choice(REDEEMERS)
            self.wallet += self.care.vouchers(who, month, self.one(6, 131, 200), redeemer)

    def redeem(self) -> None:
        """Redeem vouchers, some of them once more later."""
        count = self.one(1, 2, 8)
        batch, self.wallet = self.wallet[:count], self.wallet[count:]
        self.try_("redeem", lambda: self.care.redeem(*batch))
        if self.one(0, 0, 1):
            self.wallet += batch

    def wait(self) -> None:
        """Let some days go by."""
        for _ in range(3):
            self.care.to(self.care.time.now() + self.one(1, 2, 4, 8) * DAY // 3)

    def jump(self) -> None:
        """Let months go by; at times so many that points expire."""
        for _ in range(self.one(1, 1, 1, 2, 2, 25)):
            self.care.to((self.care.incentives.months.current() + 1) * MONTH)

    def exchange(self) -> None:
        """Exchange points for BTT."""
        points, who = u64(self.one(0, 1, 7, 130)), self.random.choice(REDEEMERS)
        self.try_("exchange", lambda: self.care.incentives.redeem_for_btt(signed(who), points))

    def redeem_at_partner(self) -> None:
        """Redeem points at a partner."""
        pallet, offer = self.care.incentives, hashed("offer")
        points, who = u64(self.one(1, 7, 130)), signed(self.random.choice(REDEEMERS))
        self.try_("place", lambda: pallet.place(signed(PARTNER), offer, u16(1)))
        self.try_("partner", lambda: pallet.redeem_at_partner(who, Id(PARTNER), points, offer))

    def save(self) -> None:
        """Give savings to the pool."""
        amount, pallet = u128(self.one(1, int(BTT))), self.care.incentives
        self.try_("save", lambda: pallet.contribute_savings(signed(INSURER), amount, hashed("x")))

    def report(self) -> None:
        """Report on a recent month, end its rounds, and answer if it failed."""
        care = self.care
        recent = [key for key, epoch in care.incentives.epochs.epochs.items() if epoch.points]
        if not recent:
            return
        who, month = max(recent, key=lambda key: (key[1], self.random.random()))
        verdicts = [self.random.choice(VERDICTS) for _ in range(self.one(0, 2, 3, 3, 3))]
        care.to(care.time.now() + self.one(1, 4 * DAY))
        care.to(care.time.now() + 5)
        self.try_("report", lambda: care.report(who, int(month), *verdicts))
        if self.one(0, 1):
            self.try_("answer", lambda: care.incentives.answer_audit(signed(who), month))
        care.to(care.time.now() + self.one(0, 4, 8) * DAY)
        self.try_("settle", lambda: care.settle(who, int(month)))


def test_points_are_backed_in_random_histories() -> None:
    done: Counter[str] = Counter()
    for seed in range(SEEDS):
        history = History(seed)
        for _ in range(STEPS):
            history.step()
            assert findings(history.care) == [], seed
        totals = history.care.incentives.points.totals.value
        done += history.done
        done += Counter(
            redeemed=int(totals.redeemed), spent=int(totals.spent), expired=int(totals.expired)
        )
    expected = (
        "subscribe", "publish", "close", "redeem", "exchange", "partner", "save", "report",
        "answer", "settle", "redeemed", "spent", "expired",
    )  # fmt: skip
    assert [name for name in expected if not done[name]] == []


# ---- the audit finds what is wrong


def month_with(**fields: object) -> Spoil:
    """Return a change of a month's record."""
    return lambda care, month: alter(care.incentives.months.months, u32(month), **fields)


def epoch_with(**fields: object) -> Spoil:
    """Return a change of the clinic's record of a month."""
    return lambda care, month: alter(care.incentives.epochs.epochs, (CLINIC, u32(month)), **fields)


def committed_too_little(care: CareRuntime, month: int) -> None:
    shift(care.incentives.months.months, u32(month), committed=-1)
    care.incentives.months.reserve(-1)


def points_made_up(care: CareRuntime, month: int) -> None:
    care.incentives.points.points[FRIEND] = PointsAccount(u64(1), u32(month))


def vouchers_made_up(care: CareRuntime, month: int) -> None:
    for number in range(1_000):
        care.incentives.vouchers.spent[u32(month), hashed(str(number))] = ()


def payment_made_up(care: CareRuntime, month: int) -> None:
    care.incentives.subscriptions.payments[u32(month), FRIEND] = u128(1)


def statistics_lost(care: CareRuntime, month: int) -> None:
    pallet = care.incentives.epochs
    for group, _ in list(pallet.statistics.under(u32(month))):
        del pallet.statistics[u32(month), group]


def modulus_made_up(care: CareRuntime, month: int) -> None:
    care.incentives.epochs.moduli[hashed("x")] = u32(month)


SPOILT: dict[str, tuple[Spoil, str]] = {
    "reserved": (lambda care, _: shift_value(care.incentives.months.reserved, 1), "I40"),
    "committed": (committed_too_little, "I40"),
    "outstanding": (
        lambda care, month: shift(care.incentives.months.months, u32(month), outstanding=-1),
        "I41",
    ),
    "budget": (month_with(budget=u128(1)), "I41"),
    "points": (points_made_up, "I42"),
    "right": (epoch_with(right=u64(2**60)), "I43"),
    "redeemed": (epoch_with(redeemed=u64(2**60)), "I41"),
    "state": (epoch_with(state=EpochState.Failed), "I41"),
    "spent": (vouchers_made_up, "I42"),
    "payment": (payment_made_up, "I43"),
    "statistics": (statistics_lost, "I41"),
    "moduli": (modulus_made_up, "I41"),
}


@pytest.mark.parametrize(("spoil", "broken"), SPOILT.values(), ids=SPOILT)
def test_the_audit_finds_what_is_wrong(spoil: Spoil, broken: str) -> None:
    care = CareRuntime()
    month = care.selected()
    care.redeem(*care.vouchers(CLINIC, month, 131))
    assert findings(care) == []
    spoil(care, month)
    assert any(broken in finding for finding in findings(care))


def test_a_pool_that_lacks_money_is_found() -> None:
    care = CareRuntime()
    care.selected()
    reserved = int(care.incentives.months.reserved.value)
    assert [each.invariant for each in problems(care.incentives, reserved - 1)] == ["I40"]
