"""The audit of the core: balances, identities, bonds of validators, pools, releases and burns.

Invariants I1 to I4, I14, I15, I18 and I19.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from runtime.accounts import DEVELOPMENT_FUND, MINING, RESERVE, TREASURY
from runtime.audits.holds import unexplained, unknown_names
from runtime.audits.state import AuditedState, FeatureAudit, Finding
from runtime.features.core import Core
from runtime.frame import Reason
from runtime.pallets.authorities.pallet import Authorities
from runtime.pallets.balances.formulas import amount_of, lock_level, sum_of
from runtime.pallets.balances.types import is_pool
from runtime.pallets.identity import types as identity
from runtime.pallets.tokenomics.ledger import ALL_POOLS, id_of
from runtime.pallets.tokenomics.types import BurnReason, MilestoneStatus
from runtime.splits import BPS


def identity_deposits(runtime: Core) -> int:
    """Return the sum of the deposits for identities, their sub-accounts and judgements."""
    registered = runtime.identity.identity_of.items()
    return sum(
        int(registration.deposit)
        + sum(
            int(judgement.fee)
            for _, judgement in registration.judgements
            if isinstance(judgement, identity.FeePaid)
        )
        for _, registration in registered
    ) + sum(int(deposit) for _, (deposit, _) in runtime.identity.subs.subs_of.items())


def issuance(audited: AuditedState) -> Iterator[Finding]:
    """Check I1: the balances of all accounts add up to the total issuance."""
    held = sum(int(info.data.free) + int(info.data.reserved) for info in audited.accounts.values())
    recorded = int(audited.runtime.balances.total_issuance.value)
    if held != recorded:
        yield Finding("I1", f"accounts have {held} planck, the issuance is {recorded}")


def reserves(audited: AuditedState) -> Iterator[Finding]:
    """Check I4: reserves have an owner and a reason, and the stored locks match their entries."""
    balances = audited.runtime.balances
    for who, info in audited.accounts.items():
        holds, named = balances.holds[who], balances.reserves[who]
        parts, reserved = sum_of(holds) + sum_of(named), int(info.data.reserved)
        if parts != reserved:
            yield Finding("I4", f"{who.hex()}: {reserved} planck reserved, {parts} with a reason")
        firm = sum_of([hold for hold in holds if hold.id not in balances.offsetting])
        lock = lock_level(balances.locks[who], balances.freezes[who])
        frozen = lock + firm if lock else 0
        if info.data.frozen != frozen:
            recorded = f"{info.data.frozen} planck frozen"
            yield Finding("I4", f"{who.hex()}: {recorded}, its locks make {frozen}")
    for item in (balances.holds, balances.reserves, balances.locks, balances.freezes):
        for who, entries in item.items():
            if who not in audited.accounts:
                yield Finding("I4", f"{who.hex()}: {item.name} without an account")
            elif not entries or not all(entry.amount for entry in entries):
                yield Finding("I4", f"{who.hex()}: {item.name} of nothing")


def bonds(audited: AuditedState) -> Iterator[Finding]:
    """Check I4: bonds are on hold to the planck, and deposits are reserved."""
    runtime = audited.runtime
    balances, reason = runtime.balances, runtime.authorities.reason
    ledgers = {who: ledger.total for who, ledger in runtime.authorities.bonds.ledger.items()}
    for who in {**audited.accounts, **ledgers}:
        held, bonded = amount_of(balances.holds[who], reason), ledgers.get(who, 0)
        if held != bonded:
            yield Finding("I4", f"{who.hex()}: {held} planck held as bond, {bonded} bonded")
    yield from unexplained(audited)
    yield from unknown_names(audited)
    noted = [entry for part in audited.parts for entry in part.deposits.items()]
    for name, deposits_of in noted:
        deposits = deposits_of(runtime)
        reserved = sum(int(amount_of(entries, name)) for _, entries in balances.reserves.items())
        if reserved != deposits:
            recorded = f"{reserved} planck reserved under {name!r}"
            yield Finding("I4", f"{recorded}, the deposits noted are {deposits}")


def dust(audited: AuditedState) -> Iterator[Finding]:
    """Check I19: no account is stored with less than it needs to exist."""
    least = audited.runtime.balances.existential_deposit
    for who, info in audited.accounts.items():
        data = info.data
        if not (info.providers or info.sufficients):
            yield Finding("I19", f"{who.hex()}: stored, but nothing keeps it alive")
        exempt = is_pool(who) or who == audited.runtime.balances.treasury
        if 0 < data.free < least and not (data.reserved or exempt):
            yield Finding("I19", f"{who.hex()}: {data.free} planck of dust")


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


AUDIT = FeatureAudit(
    checks=(issuance, reserves, bonds, dust, burns, pools, development, reserve, programmes),
    compared=(Reason(5, Authorities.HoldReason.ValidatorBond),),
    deposits={identity.RESERVE_ID: identity_deposits},
)
