"""Runtime API of incentives: months, rights, keys, points, audits, and public statistics.

Amounts are in planck, times in slots since genesis. Lists are paged: the account of the last one is
the `after` of the next page.
"""

from __future__ import annotations

from typing import Annotated, Final

from btt_chain.lazyclass import dataclass
from btt_chain.primitives.account import AccountId
from btt_chain.primitives.activity_rule import ActivityRule
from btt_chain.primitives.audit_selection import selected_leaves
from btt_chain.primitives.digest import H256
from btt_chain.primitives.point_voucher import Modulus
from btt_chain.scale import TypeName, path, u16, u32, u64, u128
from runtime.accounts import HEALTH
from runtime.frame import DispatchError
from runtime.frame.aliases import Account, Balance, SlotOf
from runtime.frame.api import PalletOf, RuntimeApi
from runtime.pallets.balances.pallet import Balances
from runtime.pallets.incentives.pallet import Incentives
from runtime.pallets.incentives.stats import Statistics, publish
from runtime.pallets.incentives.types import (
    LIFE_MONTHS,
    Audit,
    AuditorEntry,
    Epoch,
    Month,
    MonthPhase,
    Offer,
    Totals,
)

PAGE: Final = 100
"""Maximum number of facilities in one result."""


@path("btt_runtime::incentives::CurrentMonth", params={"Balance": u128})
@dataclass(frozen=True, slots=True)
class CurrentMonth:
    """The current month, and the money of all of them."""

    month: u32
    begins: SlotOf
    ends: SlotOf
    close_until: SlotOf
    """Slot until which the month before is closed."""
    point_value: Balance
    """Worth of a point."""
    reserved: Balance
    """Amount reserved for rights, vouchers and points."""
    pool: Balance
    """Balance of the pool."""
    totals: Totals
    """Points redeemed, spent and expired since genesis."""


@path("btt_runtime::incentives::EpochView", params={"AccountId": AccountId, "Balance": u128})
@dataclass(frozen=True, slots=True)
class EpochView:
    """A facility's month."""

    facility: Account
    month: u32
    paid: Balance
    """Payment of the facility for the month, in planck."""
    right: u64
    """Points that it may issue; final once the month has begun."""
    epoch: Annotated[Epoch | None, TypeName("Option<Epoch>")]
    """None while no keys are published."""


@path("btt_runtime::incentives::PointsView", params={"Balance": u128})
@dataclass(frozen=True, slots=True)
class PointsView:
    """The points of an account."""

    balance: u64
    newest: u32
    """Month in which the newest points were earned."""
    last: u32
    """Last month in which they count."""
    worth: Balance


@path("btt_runtime::incentives::AuditView", params={"AccountId": AccountId})
@dataclass(frozen=True, slots=True)
class AuditView:
    """An audit that has not ended."""

    facility: Account
    month: u32
    root: H256
    leaves: u32
    audit: Audit
    selected: list[u32]
    """Leaves that the facility opens; besides them all leaves with the tags of the first two."""


@path("btt_runtime::incentives::RuleView")
@dataclass(frozen=True, slots=True)
class RuleView:
    """A rule with its number."""

    id: u16
    rule: ActivityRule


class IncentivesApi(RuntimeApi, version=1):
    """Points for confirmed activities."""

    _incentives = PalletOf(Incentives)

    def current(self) -> CurrentMonth:
        """Return the current month, and the money of all months."""
        months = self._incentives.months
        month = months.current()
        return CurrentMonth(
            month=u32(month),
            begins=u64(months.begins(month)),
            ends=u64(months.begins(month + 1)),
            close_until=months.progress.value.close_until,
            point_value=months.point_value(),
            reserved=months.reserved.value,
            pool=self._runtime.pallet(Balances).free(HEALTH),
            totals=self._incentives.points.totals.value,
        )

    def month(self, month: u32) -> Month | None:
        """Return a month; None without a payment for it, and once it is removed."""
        return self._incentives.months.months.get(month)

    def rules(self) -> list[RuleView]:
        """Return the rules of activities."""
        found = [RuleView(id, rule) for id, rule in self._incentives.rules.items()]
        return sorted(found, key=lambda each: each.id)

    def epoch(self, facility: AccountId, month: u32) -> EpochView | None:
        """Return a facility's month; None if it has not paid for it."""
        return self._epoch(facility, month)

    def keys(self, facility: AccountId, month: u32) -> list[Modulus] | None:
        """Return the moduli of a facility's month, by denomination; None if there are none."""
        return self._incentives.epochs.keys.get((facility, month))

    def epochs(self, month: u32, after: AccountId | None, limit: u32) -> list[EpochView]:
        """Return at most `PAGE` facilities that paid for a month, behind the account `after`.

        They are ordered by hashed keys.
        """
        payments = self._incentives.subscriptions.payments
        page = payments.page_under(month, after, min(int(limit), PAGE))
        views = (self._epoch(who, month) for who, _ in page)
        return [view for view in views if view is not None]

    def points(self, account: AccountId) -> PointsView | None:
        """Return the points of an account that count; None if it has none."""
        found = self._incentives.points.of(account)
        if found is None:
            return None
        worth = self._incentives.months.worth(int(found.balance))
        last = u32(int(found.newest) + LIFE_MONTHS)
        return PointsView(found.balance, found.newest, last, worth)

    def is_spent(self, month: u32, message: H256) -> bool:
        """Return True if the voucher with this hash of its message was redeemed."""
        return (month, message) in self._incentives.vouchers.spent

    def offers(self, partner: AccountId) -> list[Offer]:
        """Return the offers of a partner that are in place."""
        return self._incentives.partners.in_place(partner)

    def auditors(self) -> list[AuditorEntry]:
        """Return the enlisted auditors, with the keys to which facilities seal."""
        return self._incentives.auditors.auditors.value

    def audit(self, facility: AccountId, month: u32) -> AuditView | None:
        """Return the audit of a facility's month; None if it is not selected, or has ended."""
        pallet = self._incentives
        try:
            audit = pallet.audits.get(facility, int(month))
        except DispatchError:  # NoAudit
            return None
        epoch = pallet.epochs.expect(facility, int(month))
        selected = [u32(index) for index in selected_leaves(audit.seed, int(epoch.leaves))]
        return AuditView(facility, month, epoch.root, epoch.leaves, audit, selected)

    def stats(self, month: u32) -> Statistics | None:
        """Return the public statistics of a month; None before it is settled, or if expired."""
        record = self._incentives.months.months.get(month)
        if record is None or record.phase < MonthPhase.Settled:
            return None
        return publish(int(month), list(self._incentives.epochs.statistics.under(month)))

    def _epoch(self, facility: AccountId, month: u32) -> EpochView | None:
        pallet = self._incentives
        paid = pallet.subscriptions.payments.get((month, facility))
        if paid is None:
            return None
        return EpochView(
            facility,
            month,
            paid,
            pallet.subscriptions.right(facility, int(month)),
            pallet.epochs.epochs.get((facility, month)),
        )


INCENTIVE_APIS = (IncentivesApi,)
