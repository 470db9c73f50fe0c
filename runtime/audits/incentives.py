"""Checks of incentives.

Points are backed (I40), months bounded (I41), vouchers counted once (I42), and no facility gains by
its own points (I43).
"""

from __future__ import annotations

from collections.abc import Iterator

from btt_chain.primitives.account import AccountId
from btt_chain.scale import u32
from runtime.accounts import HEALTH
from runtime.audits.state import AuditedState, Finding
from runtime.pallets.incentives.epochs import modulus_hash
from runtime.pallets.incentives.pallet import Incentives
from runtime.pallets.incentives.types import (
    KAPPA_BPS,
    Epoch,
    EpochState,
    ExpiringPoints,
    Month,
    MonthPhase,
)
from runtime.splits import BPS


def incentives(audited: AuditedState) -> Iterator[Finding]:
    """Check I40 to I43."""
    runtime = audited.runtime
    yield from problems(runtime.pallet(Incentives), int(runtime.balances.free(HEALTH)))


def problems(pallet: Incentives, balance: int) -> Iterator[Finding]:
    """Check I40 to I43 of a pallet whose pool has this balance."""
    yield from backing(pallet, balance)
    yield from points(pallet)
    epochs: dict[int, dict[AccountId, Epoch]] = {}
    for (who, at), epoch in pallet.epochs.epochs.items():
        epochs.setdefault(int(at), {})[who] = epoch
    oldest = int(pallet.months.progress.value.expired)
    for number, month in pallet.months.months.items():
        if number >= oldest:
            yield from money_of(pallet, int(number), month)
            yield from epochs_of(pallet, int(number), month, epochs.get(int(number), {}))
    yield from keys(pallet)


def backing(pallet: Incentives, balance: int) -> Iterator[Finding]:
    """Check I40: the reserved amount adds up, and the pool has it."""
    months = pallet.months
    reserved = int(months.reserved.value)
    committed = sum(int(month.committed) for _, month in months.months.items())
    held = sum(int(account.balance) for _, account in pallet.points.points.items())
    if reserved != committed + int(months.worth(held)):
        yield Finding("I40", f"{reserved} planck reserved, not {committed} and {held} points")
    if reserved > balance:
        yield Finding("I40", f"{reserved} planck reserved of a pool of {balance}")


def points(pallet: Incentives) -> Iterator[Finding]:
    """Check I42: accounts have the points that were redeemed and neither spent nor expired."""
    totals, known = pallet.points.totals.value, dict(pallet.points.points.items())
    left = int(totals.redeemed) - int(totals.spent) - int(totals.expired)
    held = sum(int(account.balance) for account in known.values())
    if held != left:
        yield Finding("I42", f"accounts have {held} points, {left} are left")
    expiring = {
        (entry.who, month)
        for (month, _), entries in pallet.expiries.expiring.items()
        for entry in entries
        if isinstance(entry, ExpiringPoints)
    }
    for who, account in known.items():
        if (who, account.newest) not in expiring or not account.balance:
            yield Finding("I42", f"{who.hex()}: {account.balance} points that never expire")


def money_of(pallet: Incentives, number: int, month: Month) -> Iterator[Finding]:
    """Check the sums of a month's payments."""
    paid = [int(amount) for _, amount in pallet.subscriptions.payments.under(u32(number))]
    if (sum(paid), len(paid)) != (int(month.paid), int(month.payers)):
        yield Finding("I43", f"month {number}: payments of {sum(paid)}, counted {month.paid}")


def epochs_of(
    pallet: Incentives, number: int, month: Month, epochs: dict[AccountId, Epoch]
) -> Iterator[Finding]:
    """Check I41 to I43 for the facilities of a month."""
    value = int(pallet.months.point_value())
    outstanding = rights = 0
    for who, epoch in epochs.items():
        if not epoch.redeemed <= epoch.points <= epoch.right:
            yield Finding("I41", f"month {number}: {who.hex()} redeemed {epoch.redeemed} points")
        paid = int(pallet.subscriptions.payments.get((u32(number), who)) or 0)
        if int(epoch.right) * value > paid * KAPPA_BPS // BPS:
            yield Finding("I43", f"month {number}: {who.hex()} has rights above its payment")
        rights += int(epoch.right)
        ended = epoch.state is EpochState.Failed
        if not ended or (who, u32(number)) in pallet.audits.audits:
            outstanding += int(epoch.points) - int(epoch.redeemed)
    if rights * value > month.budget:
        yield Finding("I41", f"month {number}: rights of {rights} points exceed its budget")
    if outstanding != month.outstanding:
        yield Finding("I41", f"month {number}: {month.outstanding} points, not {outstanding}")
    committed, needed = int(month.committed), outstanding * value
    settled = month.phase >= MonthPhase.Settled
    if committed < needed or (settled and committed != needed):
        yield Finding("I40", f"month {number}: {committed} planck for {outstanding} points")
    spent = sum(1 for _ in pallet.vouchers.spent.under(u32(number)))
    redeemed = sum(int(epoch.redeemed) for epoch in epochs.values())
    if not spent <= redeemed <= 100 * spent:
        yield Finding("I42", f"month {number}: {redeemed} points of {spent} vouchers")
    tallies = [tally for _, tally in pallet.epochs.statistics.under(u32(number))]
    closed = [epoch for epoch in epochs.values() if epoch.state is not EpochState.Open]
    counted = sum(int(t.facilities) for t in tallies), sum(int(t.points) for t in tallies)
    if counted != (len(closed), sum(int(epoch.points) for epoch in closed)):
        yield Finding("I41", f"month {number}: statistics of other facilities")


def keys(pallet: Incentives) -> Iterator[Finding]:
    """Check I41: each published modulus is known, in one place."""
    epochs = pallet.epochs
    published = [
        (modulus_hash(who, key), month)
        for (who, month), four in epochs.keys.items()
        for key in four
    ]
    if sorted(published) != sorted(epochs.moduli.items()):
        yield Finding("I41", "the published moduli are not those that are known")
