"""The audit of multisigs, proxies, vesting and stakes."""

from __future__ import annotations

from collections.abc import Iterator

from btt_chain.primitives.account import AccountId
from runtime.accounts import STAKING
from runtime.audits.state import AuditedState, FeatureAudit, Finding
from runtime.features.work import Work
from runtime.frame import Reason
from runtime.pallets.balances.formulas import amount_of
from runtime.pallets.multisig import pallet as multisig
from runtime.pallets.multisig.pallet import Multisig
from runtime.pallets.proxy import types as proxy
from runtime.pallets.proxy.pallet import Proxy
from runtime.pallets.tier_staking.contributions import (
    CREDENTIAL_POINTS,
    MAX_CREDENTIALS,
    MAX_REFERRALS,
    MAX_VOTES,
    REFERRAL_POINTS,
    VOTE_POINTS,
)
from runtime.pallets.tier_staking.formulas import ONE, accrued
from runtime.pallets.tier_staking.pallet import TierStaking
from runtime.pallets.tier_staking.types import Benefit, Stake
from runtime.pallets.vesting.pallet import LOCK_ID, Vesting
from runtime.schedules import total_unvested


def proxy_deposits(runtime: Work) -> int:
    """Return the sum of the deposits for proxies and announcements."""
    pallet = runtime.pallet(Proxy)
    return sum(
        int(deposit)
        for item in (pallet.proxies, pallet.announced.announcements)
        for _, (_, deposit) in item.items()
    )


def multisig_deposits(runtime: Work) -> int:
    """Return the sum of the deposits for operations of multisigs."""
    operations = runtime.pallet(Multisig).multisigs.items()
    return sum(int(operation.deposit) for _, operation in operations)


def vesting(audited: AuditedState) -> Iterator[Finding]:
    """Check I5: schedules are well formed, equal in both formats, and covered by locks."""
    runtime = audited.runtime
    pallet = runtime.pallet(Vesting)
    schedules = dict(pallet.schedules_ext.items())
    recorded = dict(pallet.vesting.items())
    locks = {
        who: int(amount_of(entries, LOCK_ID))
        for who, entries in runtime.balances.locks.items()
        if amount_of(entries, LOCK_ID)
    }
    now = runtime.babe.now()
    for who in {**schedules, **recorded, **locks}:
        rows = schedules.get(who, [])
        if recorded.get(who, []) != [row.info() for row in rows]:
            yield Finding("I5", f"{who.hex()}: the format for wallets has other schedules")
        for row in rows:
            if not row.length or not row.start <= row.cliff <= row.end or not row.locked:
                yield Finding("I5", f"{who.hex()}: {row} is not a schedule")
                return
            if row.unvested(now) > row.unvested(max(0, now - 1)) or row.unvested(row.end):
                yield Finding("I5", f"{who.hex()}: {row} does not come free")
        # The lock is updated by calls of accounts: until then it locks more.
        least, most = total_unvested(rows, now), sum(int(row.locked) for row in rows)
        if not least <= locks.get(who, 0) <= most:
            locked = f"{locks.get(who, 0)} planck locked"
            yield Finding("I5", f"{who.hex()}: {locked}, schedules lock {least} to {most}")


def stakes(audited: AuditedState) -> Iterator[Finding]:
    """Check I7: stakes are on hold, and the pool covers their promised rewards."""
    staking = audited.runtime.pallet(TierStaking)
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
    staking, tokenomics = audited.runtime.pallet(TierStaking), audited.runtime.tokenomics
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
    staking, balances = audited.runtime.pallet(TierStaking), audited.runtime.balances
    long_staked = 0
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


def contributions(audited: AuditedState) -> Iterator[Finding]:
    """Check I9: points are those of counted contributions, and a quarter shares at most its own."""
    pallet, sums = audited.runtime.pallet(TierStaking).contributions, dict[int, int]()
    for (quarter, who), mine in pallet.contrib_points.items():
        votes, referrals, credentials = (
            int(count) for count in (mine.votes, mine.referrals, mine.credentials)
        )
        earned = votes * VOTE_POINTS + referrals * REFERRAL_POINTS + credentials * CREDENTIAL_POINTS
        within = (
            votes <= MAX_VOTES and referrals <= MAX_REFERRALS and credentials <= MAX_CREDENTIALS
        )
        if mine.points != earned or not within:
            yield Finding("I9", f"{who.hex()}: {mine} in quarter {quarter}, worth {earned} points")
        sums[int(quarter)] = sums.get(int(quarter), 0) + int(mine.points)
    known = {int(quarter): int(whole.points) for quarter, whole in pallet.quarters.items()}
    for number, points in sums.items():
        if points > known.get(number, 0):
            recorded = f"{known.get(number, 0)} points recorded"
            yield Finding("I9", f"quarter {number}: {recorded}, accounts have {points}")


AUDIT = FeatureAudit(
    checks=(vesting, stakes, contributions),
    compared=(Reason(32, TierStaking.HoldReason.TierStake),),
    deposits={proxy.RESERVE_ID: proxy_deposits, multisig.RESERVE_ID: multisig_deposits},
    locks=(LOCK_ID,),
)
