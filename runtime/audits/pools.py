"""Checks of pools, releases and burns: I2, I3, I14, I15, I18."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from runtime.accounts import DEVELOPMENT_FUND, MINING, RESERVE, TREASURY
from runtime.audits.state import AuditedState, Finding
from runtime.pallets.tokenomics.ledger import ALL_POOLS, id_of
from runtime.pallets.tokenomics.types import BurnReason, MilestoneStatus
from runtime.splits import BPS

CONFIRMED: Final = MilestoneStatus.Confirmed


def burns(audited: AuditedState) -> Iterator[Finding]:
    """Check I2, I3: all missing issuance was burned, each planck for a reason."""
    balances, tokenomics = audited.runtime.balances, audited.runtime.tokenomics
    burned, supply = int(balances.total_burned.value), int(tokenomics.genesis_supply.value)
    issued = int(balances.total_issuance.value)
    if issued + burned != supply:
        yield Finding("I2", f"{issued} planck issued, {burned} burned, genesis had {supply}")
    reasons = sum(int(amount) for _, amount in tokenomics.burned_by.items())
    if reasons != burned:
        yield Finding("I3", f"{burned} planck burned, {reasons} of them for a reason")


def pools(audited: AuditedState) -> Iterator[Finding]:
    """Check I18: pools exist, never signed, and have what was not paid out of them."""
    tokenomics, total = audited.runtime.tokenomics, 0
    known = dict(tokenomics.ledger.pools.items())
    for who in ALL_POOLS:
        name = id_of(who)
        info, pool = audited.of(who), known.pop(name, None)
        if not info.providers:
            yield Finding("I18", f"{name!r}: the account does not exist")
        if info.nonce:
            yield Finding("I18", f"{name!r}: a transaction was signed for it")
        if info.data.reserved:
            yield Finding("I18", f"{name!r}: {info.data.reserved} planck reserved")
        if pool is None or pool.account != who:
            yield Finding("I18", f"{name!r}: it has no record")
            continue
        # Any account can send money to a pool, so there may be more; the treasury pays by itself.
        left = int(pool.allocated) - int(pool.released) - int(pool.burned)
        if who != TREASURY and info.data.free < left:
            yield Finding("I18", f"{name!r}: {info.data.free} planck, {left} were not paid out")
        if who != MINING:
            total += min(int(pool.released), int(pool.allocated))
    for name in known:
        yield Finding("I18", f"{name!r}: a record of no pool")
    recorded = int(tokenomics.releases.released_total.value)
    years = sum(int(amount) for _, amount in tokenomics.releases.released_by_year.items())
    if not recorded == years == total:
        yield Finding("I18", f"{recorded} planck released, {years} by years, {total} by pools")


def development(audited: AuditedState) -> Iterator[Finding]:
    """Check I18: the development fund covers its earmarked money and the inflow to be shared."""
    tokenomics = audited.runtime.tokenomics
    dividends = tokenomics.dividends
    earmarked, inflow = int(dividends.earmarked.value), int(dividends.compute_inflow.value)
    free = int(audited.of(DEVELOPMENT_FUND).data.free)
    if free < earmarked + inflow:
        yield Finding("I18", f"{free} planck of development, {earmarked} and {inflow} promised")


def reserve(audited: AuditedState) -> Iterator[Finding]:
    """Check I14: the reserve spends within the unlocked cap, and that is within the reserve."""
    tokenomics = audited.runtime.tokenomics
    pool = tokenomics.ledger.pools.get(id_of(RESERVE))
    unlock = tokenomics.reserve_fund.reserve_unlock.get()
    released, allocated = (0, 0) if pool is None else (int(pool.released), int(pool.allocated))
    spent, cap = (0, 0) if unlock is None else (int(unlock.spent), int(unlock.cap))
    if spent > cap or spent > released:
        yield Finding("I14", f"{spent} planck spent of {cap} unlocked, {released} of it paid")
    if released - spent + cap > allocated:
        yield Finding("I14", f"{released} planck paid, {cap - spent} more unlocked of {allocated}")


def programmes(audited: AuditedState) -> Iterator[Finding]:
    """Check I15: the Foundation has no more than time and milestones allow; burns happen once."""
    tokenomics, now = audited.runtime.tokenomics, audited.runtime.babe.now()
    for number, programme in tokenomics.programmes.programmes.items():
        name, released = f"programme {number}", int(programme.released_planck)
        done = sum(int(item.bps) for item in programme.milestones if item.status is CONFIRMED)
        whole = sum(int(item.bps) for item in programme.milestones)
        if programme.done_bps != done or whole != BPS:
            yield Finding("I15", f"{name}: {programme.done_bps} bps done, items say {done}")
        most = tokenomics.programmes.cap(programme, now)
        if released > most:
            yield Finding("I15", f"{name}: {released} planck released, {most} have come free")
        pool = tokenomics.ledger.pools.get(programme.pool)
        if pool is None or pool.released != released or pool.allocated != programme.amount:
            yield Finding("I15", f"{name}: {released} planck released, its pool says otherwise")
    executed = sum(
        int(burn.amount)
        for _, burn in tokenomics.milestone_burns.milestone_burns.items()
        if burn.executed_at is not None
    )
    burned = int(tokenomics.burned_by[BurnReason.Milestone])
    if executed != burned:
        yield Finding("I15", f"{burned} planck burned at milestones that burn {executed}")
