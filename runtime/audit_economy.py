"""Checks of pools, releases, mining and stakes: I2, I3, I6, I7, I9, I14, I15, I18."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from btt_chain.primitives.account import AccountId
from runtime.accounts import DEVELOPMENT_FUND, MINING, RESERVE, STAKING, TREASURY
from runtime.audit_state import AuditedState, Finding
from runtime.emission import EMISSION_MS, emitted
from runtime.pallets.balances.formulas import amount_of
from runtime.pallets.mining.shares import part, score_of
from runtime.pallets.tier_staking import ONE, Benefit, Stake, accrued
from runtime.pallets.tokenomics import BurnReason, MilestoneStatus
from runtime.pallets.tokenomics.ledger import ALL_POOLS, id_of
from runtime.splits import BPS

CONFIRMED: Final = MilestoneStatus.Confirmed


# ---- I2, I3, I14, I15, I18: pools and releases


def burns(audited: AuditedState) -> Iterator[Finding]:
    """Check I2, I3: all missing issuance was burned, each planck for a reason."""
    balances, tokenomics = audited.runtime.balances, audited.tokenomics
    burned, supply = int(balances.total_burned.value), int(tokenomics.genesis_supply.value)
    issued = int(balances.total_issuance.value)
    if issued + burned != supply:
        yield Finding("I2", f"{issued} planck issued, {burned} burned, genesis had {supply}")
    reasons = sum(int(amount) for _, amount in tokenomics.burned_by.items())
    if reasons != burned:
        yield Finding("I3", f"{burned} planck burned, {reasons} of them for a reason")


def pools(audited: AuditedState) -> Iterator[Finding]:
    """Check I18: pools exist, never signed, and have what was not paid out of them."""
    tokenomics, total = audited.tokenomics, 0
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
    tokenomics = audited.tokenomics
    dividends = tokenomics.dividends
    earmarked, inflow = int(dividends.earmarked.value), int(dividends.compute_inflow.value)
    free = int(audited.of(DEVELOPMENT_FUND).data.free)
    if free < earmarked + inflow:
        yield Finding("I18", f"{free} planck of development, {earmarked} and {inflow} promised")


def reserve(audited: AuditedState) -> Iterator[Finding]:
    """Check I14: the reserve spends within the unlocked cap, and that is within the reserve."""
    tokenomics = audited.tokenomics
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
    tokenomics, now = audited.tokenomics, audited.runtime.babe.now()
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


# ---- I6: mining


def mining(audited: AuditedState) -> Iterator[Finding]:
    """Check I6: issued emission is paid, owed or unallocated, and the rest is not issued."""
    pallet, ledger = audited.mining, audited.mining.ledger
    allocated, unemitted = int(ledger.allocated.value), int(ledger.unemitted.value)
    owed, paid = int(ledger.owed.value), int(ledger.paid.value)
    unallocated = int(ledger.unallocated.value)
    if paid + owed + unallocated + unemitted != allocated:
        parts = f"{paid} paid, {owed} owed, {unallocated} unallocated, {unemitted} not issued"
        yield Finding("I6", f"{parts}: not {allocated} planck")
    began = int(pallet.eras.began.value) * int(pallet.era_length) * int(pallet.slot_ms)
    rest = allocated - emitted(allocated, began)
    if unemitted != rest:
        yield Finding("I6", f"{unemitted} planck not issued, the schedule says {rest}")
    if emitted(allocated, EMISSION_MS) != allocated:
        yield Finding("I6", f"the schedule does not issue {allocated} planck")
    pool = audited.tokenomics.ledger.pools.get(id_of(MINING))
    if pool is None or pool.released != paid or pool.allocated != allocated:
        yield Finding("I6", f"{paid} planck paid of {allocated}, the pool's record says otherwise")
    yield from eras(audited, owed)


def eras(audited: AuditedState, owed: int) -> Iterator[Finding]:
    """Check I6: the owed sum is that of the eras, and an era's shares never exceed its rest."""
    pallet = audited.mining.eras
    parts: dict[int, int] = {}
    scores: dict[int, int] = {}
    known = dict(pallet.eras.items())
    for (index, _), steps in pallet.shares.items():
        era, score = known.get(index), score_of(steps)
        scores[index] = scores.get(index, 0) + score
        if era is not None:
            parts[index] = parts.get(index, 0) + part(int(era.budget), score, int(era.score))
    left = sum(int(era.left) for era in known.values())
    if left != owed:
        yield Finding("I6", f"{owed} planck owed, eras owe {left}")
    for index, era in known.items():
        # Expired rewards become unallocated, and their shares are removed in steps.
        if era.left and parts.get(index, 0) > era.left:
            yield Finding("I6", f"era {index}: {parts[index]} planck shared, {era.left} owed")
        if scores.get(index, 0) > era.score:
            yield Finding("I6", f"era {index}: shares score {scores[index]} of {era.score}")
    now, running = int(pallet.era_index.value), int(pallet.running.value.score)
    if scores.get(now, 0) != running:
        yield Finding("I6", f"the era that runs has {running} scored, {scores.get(now, 0)} shared")


# ---- I7, I9: stakes


def stakes(audited: AuditedState) -> Iterator[Finding]:
    """Check I7: stakes are on hold, and the pool covers their promised rewards."""
    staking = audited.staking
    now = audited.runtime.babe.now() * int(staking.slot_ms)
    by_owner: dict[AccountId, list[tuple[int, Stake]]] = {}
    for (who, number), stake in staking.ledger.stakes.items():
        by_owner.setdefault(who, []).append((int(number), stake))
        name = f"stake {number} of {who.hex()}"
        term = int(stake.term_end) - int(stake.opened)
        promised = accrued(stake.amount, stake.bps, term)
        if stake.commit != promised:
            yield Finding("I7", f"{name}: {stake.commit} planck promised, it earns {promised}")
        passed = max(0, min(now, int(stake.term_end)) - int(stake.opened))
        earned = accrued(stake.amount, stake.bps, passed)
        if stake.gross_claimed > earned:
            yield Finding("I7", f"{name}: {stake.gross_claimed} planck claimed of {earned}")
    everything = [stake for rows in by_owner.values() for _, stake in rows]
    yield from staked_sums(audited, everything)
    yield from holdings(audited, by_owner)


def staked_sums(audited: AuditedState, everything: list[Stake]) -> Iterator[Finding]:
    """Check I7, I9: the stored sums match the sums over all stakes."""
    staking, tokenomics = audited.staking, audited.tokenomics
    committed = int(staking.reward_pool.pool_committed.value)
    open_ = sum(int(stake.commit) - int(stake.gross_claimed) for stake in everything)
    if committed != open_:
        yield Finding("I7", f"{committed} planck committed, stakes may claim {open_}")
    balance = int(tokenomics.payments.available(STAKING))
    if balance < committed:
        yield Finding("I7", f"{balance} planck to be had of the pool, {committed} committed")
    staked = sum(int(stake.amount) for stake in everything)
    total = int(staking.ledger.total_staked.value)
    if staked != total:
        yield Finding("I7", f"{total} planck staked, stakes are {staked}")
    dividends = staking.dividend_accounting
    acc, left = int(dividends.acc_dividend.value), int(dividends.acc_rem.value)
    due = sum(int(stake.amount) * (acc - int(stake.acc_snapshot)) for stake in everything)
    owed = int(dividends.dividends_owed.value)
    if due + left != owed * ONE:
        yield Finding("I9", f"{owed} planck of dividends owed, {due} and {left} of 10^18 are")
    if owed != tokenomics.dividends.earmarked.value:
        yield Finding(
            "I9", f"{owed} planck of dividends owed, {tokenomics.dividends.earmarked.value} kept"
        )


def holdings(
    audited: AuditedState, by_owner: dict[AccountId, list[tuple[int, Stake]]]
) -> Iterator[Finding]:
    """Check I7: an account's stakes are on hold, and its summary record matches them."""
    staking, balances, long_staked = audited.staking, audited.runtime.balances, 0
    known = dict(staking.positions.holdings.items())
    for who in {**audited.accounts, **by_owner, **known}:
        rows = sorted(by_owner.get(who, []), key=lambda row: row[0])
        held = int(amount_of(balances.holds[who], staking.reason))
        staked = sum(int(stake.amount) for _, stake in rows)
        if held != staked:
            yield Finding("I7", f"{who.hex()}: {held} planck held as stakes, {staked} staked")
        recorded = known.get(who)
        positions = (
            [] if recorded is None else sorted(recorded.positions, key=lambda one: int(one.id))
        )
        if [(int(one.id), int(one.amount), int(one.until)) for one in positions] != [
            (number, int(stake.amount), int(stake.term_end)) for number, stake in rows
        ]:
            yield Finding("I7", f"{who.hex()}: the record of all stakes differs from them")
        commit = sum(int(stake.commit) for _, stake in rows)
        if commit != (0 if recorded is None else recorded.commit):
            yield Finding("I7", f"{who.hex()}: {commit} planck promised, another sum noted")
        if commit > staking.reward_pool.max_commit_per_account.value:
            yield Finding("I7", f"{who.hex()}: {commit} planck promised, more than one may have")
        long_staked += sum(int(one.amount) for one in positions if one.benefits & Benefit.VOTE)
    total = staking.ledger.long_staked.value
    if long_staked != total:
        yield Finding("I7", f"{total} planck vote more, stakes {long_staked}")
