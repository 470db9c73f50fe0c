"""The audit finds nothing wrong with an honest state, and each single planck that is wrong."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest

from btt_chain.primitives.account import AccountData, AccountId, AccountInfo, Id
from btt_chain.primitives.digest import H256
from btt_chain.scale import codec, u8, u32, u64, u128, u256
from runtime.accounts import (
    DEVELOPMENT_FUND,
    ECOSYSTEM,
    FOUNDATION_PROGRAMMES,
    GRANTS,
    HEALTH,
    LIQUIDITY,
    MINING,
    OPERATIONS,
    RESERVE,
    STAKING,
    TREASURY,
)
from runtime.audits import Finding, audit
from runtime.constants import BTT
from runtime.frame import Reason
from runtime.frame.traits import Reasons
from runtime.pallets.balances.types import BalanceLock, Hold, ReserveData
from runtime.pallets.mining.shares import Step
from runtime.pallets.proxy.types import ProxyType
from runtime.pallets.tier_staking.types import ContributionPoints, Quarter
from runtime.pallets.tokenomics.ledger import id_of
from runtime.pallets.tokenomics.types import BurnId, BurnReason, Pool, PoolId
from runtime.pallets.vesting.pallet import LOCK_ID
from runtime.schedules import VestingInfo
from runtime.splits import split_compute
from support.economy.chain import PEOPLE, EconomyChain, person
from support.economy.oracle import MONTH

NO_HASH = H256(bytes(32))
ANN, BEN, CHO, DEE, *_ = PEOPLE


def lively() -> EconomyChain:
    """Make a chain on which a bit of everything is going on."""
    chain = EconomyChain("seed-000")
    plan = VestingInfo(u128(1_000 * BTT), u128(10**14), u32(0))
    tokenomics, split = chain.tokenomics, split_compute(100 * BTT, 10_000 * BTT)
    foundation, spender = tokenomics.foundation.value, tokenomics.reserve_fund.reserve.value
    attested = {"programme": u32(0), "index": u32(0), "evidence_hash": NO_HASH}
    unlocked = {"cap": u128(500 * BTT), "expiry": u64(10**8)}
    spent = {"amount": u128(5 * BTT), "beneficiary": Id(CHO), "reason_hash": NO_HASH}
    staked = {"amount": u128(50_000 * BTT), "tier": u8(3), "min_reward": None}
    bounty = {"value": u128(50 * BTT), "description": b"a text"}

    def work() -> None:
        chain.mining.record(CHO, H256(chain.number.to_bytes(32)), 10**7, u128(BTT), verified=False)

    def pay() -> None:
        tokenomics.take(ANN, split, BurnReason.Compute, [(CHO, split.contributors)])

    chain.run(
        chain.by(ANN, "Authorities", "bond", amount=u128(2_000 * BTT)),
        chain.by(ANN, "Authorities", "unbond", amount=u128(500 * BTT)),
        chain.by(BEN, "Vesting", "vested_transfer", target=Id(CHO), schedule=plan),
        chain.by(
            BEN, "Proxy", "add_proxy", delegate=Id(CHO), proxy_type=ProxyType.Any, delay=u32(0)
        ),
        chain.by(CHO, "Balances", "burn", value=u128(7 * BTT), keep_alive=True),
        chain.by(BEN, "TierStaking", "stake", **staked),
        chain.by(DEE, "Bounties", "propose_bounty", **bounty),
        chain.by(foundation, "Tokenomics", "attest_milestone", **attested),
        chain.root("Tokenomics", "unlock_reserve", **unlocked),
        chain.by(spender, "Tokenomics", "spend_reserve", **spent),
        pay,
        work,
    )
    chain.at(7 * MONTH, work, chain.by(CHO, "Tokenomics", "claim_programme", programme=u32(0)))
    chain.days(1, work, chain.by(BEN, "TierStaking", "claim", id=u32(0)))
    chain.days(1, work, chain.by(BEN, "TierStaking", "claim_dividend", id=u32(0)), pay)
    chain.days(1, work, pay)
    assert not chain.failures, chain.failures
    assert chain.mining.ledger.owed.value
    assert chain.tokenomics.dividends.earmarked.value
    return chain


@pytest.fixture(scope="module")
def busy() -> EconomyChain:
    return lively()


@pytest.fixture
def chain(busy: EconomyChain) -> Iterator[EconomyChain]:
    """The lively chain, as it was before whatever a test does to it."""
    busy.runtime.enter(busy.state)
    busy.state.begin()
    yield busy
    busy.state.rollback()


def test_an_honest_state_is_found_to_be_one(chain: EconomyChain) -> None:
    assert audit(chain.runtime) == []


def test_findings_travel(chain: EconomyChain) -> None:
    found = [Finding("I1", "a planck too many"), Finding("I19", "dust")]
    coded = codec(list[Finding])
    assert coded.decode_all(coded.encode(found)) == found


def test_an_audit_changes_nothing_and_says_the_same_again(chain: EconomyChain) -> None:
    more_free(chain)
    before = chain.state.changes()
    assert audit(chain.runtime) == audit(chain.runtime) != []
    assert chain.state.changes() == before


# ---- tampering: each changes one thing by one planck


def account(
    chain: EconomyChain, change: Callable[[AccountInfo], None], who: AccountId = ANN
) -> None:
    item = chain.runtime.system.account
    info = item[who]
    change(info)
    item[who] = info


def data(chain: EconomyChain, who: AccountId = ANN, **change: int) -> None:
    """Change fields of an account's money by so much."""

    def apply(info: AccountInfo) -> None:
        for name, by in change.items():
            setattr(info.data, name, u128(int(getattr(info.data, name)) + by))

    account(chain, apply, who)


def more_free(chain: EconomyChain) -> None:
    data(chain, free=1)


def less_free(chain: EconomyChain) -> None:
    data(chain, free=-1)


def more_issued(chain: EconomyChain) -> None:
    chain.runtime.balances.total_issuance.value += u128(1)


def reserve_without_reason(chain: EconomyChain) -> None:
    data(chain, free=-1, reserved=1)


def hold_without_bond(chain: EconomyChain) -> None:
    balances, reason = chain.runtime.balances, chain.runtime.authorities.reason
    data(chain, free=-1, reserved=1)
    (hold,) = balances.holds[ANN]
    balances.holds[ANN] = [Hold(reason, hold.amount + u128(1))]


def bond_without_hold(chain: EconomyChain) -> None:
    ledger = chain.runtime.authorities.bonds.ledger[ANN]
    ledger.active = u128(int(ledger.active) + 1)
    chain.runtime.authorities.bonds.ledger[ANN] = ledger


def deposit_not_noted(chain: EconomyChain) -> None:
    (named,) = chain.runtime.balances.reserves[BEN]
    chain.runtime.balances.reserves[BEN] = [ReserveData(named.id, named.amount + u128(1))]
    data(chain, BEN, free=-1, reserved=1)


def lock_not_counted(chain: EconomyChain) -> None:
    data(chain, CHO, frozen=-1)


def hold_of_no_account(chain: EconomyChain) -> None:
    reason = Reason(5, 0)
    chain.runtime.balances.holds[person("unknown")] = [Hold(reason, u128(1))]


def hold_of_nothing(chain: EconomyChain) -> None:
    chain.runtime.balances.holds[DEE] = [Hold(Reason(5, 0), u128(0))]


def hold_for_an_unknown_reason(chain: EconomyChain) -> None:
    chain.runtime.balances.holds[BEN] = [Hold(Reason(5, 200), u128(1))]
    data(chain, BEN, free=-1, reserved=1)


def hold_of_an_unknown_pallet(chain: EconomyChain) -> None:
    chain.runtime.balances.holds[BEN] = [Hold(Reason(250, 0), u128(1))]
    data(chain, BEN, free=-1, reserved=1)


def reserve_under_an_unknown_name(chain: EconomyChain) -> None:
    named = chain.runtime.balances.reserves[BEN]
    chain.runtime.balances.reserves[BEN] = [*named, ReserveData(b"zz/zzzzz", u128(1))]
    data(chain, BEN, free=-1, reserved=1)


def lock_under_an_unknown_name(chain: EconomyChain) -> None:
    chain.runtime.balances.locks[DEE] = [BalanceLock(b"zz/zzzzz", u128(1), Reasons.Misc)]
    account(chain, lambda info: setattr(info.data, "frozen", u128(1)), DEE)


def lock_below_schedule(chain: EconomyChain) -> None:
    runtime = chain.runtime
    locked = int(runtime.vesting.unvested(CHO)) - 1
    runtime.balances.locks[CHO] = [BalanceLock(LOCK_ID, u128(locked), Reasons.Misc)]
    account(chain, lambda info: setattr(info.data, "frozen", u128(locked)), CHO)


def lock_above_schedule(chain: EconomyChain) -> None:
    runtime = chain.runtime
    (schedule,) = runtime.vesting.schedules_ext[CHO]
    locked = int(schedule.locked) + 1
    runtime.balances.locks[CHO] = [BalanceLock(LOCK_ID, u128(locked), Reasons.Misc)]
    account(chain, lambda info: setattr(info.data, "frozen", u128(locked)), CHO)


def schedule_reported_wrongly(chain: EconomyChain) -> None:
    (reported,) = chain.runtime.vesting.vesting[CHO]
    reported.per_block += u128(1)
    chain.runtime.vesting.vesting[CHO] = [reported]


def schedule_of_no_length(chain: EconomyChain) -> None:
    (schedule,) = chain.runtime.vesting.schedules_ext[CHO]
    schedule.cliff = u32(schedule.end + 1)
    chain.runtime.vesting.schedules_ext[CHO] = [schedule]


def dust_left(chain: EconomyChain) -> None:
    chain.runtime.system.account[person("dust")] = AccountInfo(
        providers=u32(1), data=AccountData(free=u128(10**15 - 1))
    )
    data(chain, free=1 - 10**15)


def dead_account(chain: EconomyChain) -> None:
    chain.runtime.system.account[person("dead")] = AccountInfo()


# ---- tampering with what leaves pools


def move(chain: EconomyChain, source: AccountId, dest: AccountId, amount: int = 1) -> None:
    """Move money behind the back of all pallets."""
    data(chain, source, free=-amount)
    data(chain, dest, free=amount)


def pool(chain: EconomyChain, who: AccountId, **change: int) -> None:
    """Change a pool's books by so much."""
    ledger = chain.tokenomics.ledger.pools[id_of(who)]
    for name, by in change.items():
        setattr(ledger, name, u128(int(getattr(ledger, name)) + by))
    chain.tokenomics.ledger.pools[id_of(who)] = ledger


def another_genesis(chain: EconomyChain) -> None:
    chain.tokenomics.genesis_supply.value += u128(1)


def burned_without_reason(chain: EconomyChain) -> None:
    balances = chain.runtime.balances
    data(chain, free=-1)
    balances.total_issuance.value -= u128(1)
    balances.total_burned.value += u128(1)


def burned_twice(chain: EconomyChain) -> None:
    chain.tokenomics.burned_by[BurnReason.Compute] += u128(1)


def pool_without_account(chain: EconomyChain) -> None:
    account(chain, lambda info: setattr(info, "providers", u32(0)), LIQUIDITY)


def signed_by_a_pool(chain: EconomyChain) -> None:
    account(chain, lambda info: setattr(info, "nonce", u32(1)), HEALTH)


def reserve_of_a_pool(chain: EconomyChain) -> None:
    named = ReserveData(b"reserve1", u128(1))
    chain.runtime.balances.reserves[GRANTS] = [named]
    data(chain, ANN, free=-1)
    data(chain, GRANTS, reserved=1)


def pool_robbed(chain: EconomyChain) -> None:
    move(chain, HEALTH, ANN)


def pool_without_ledger(chain: EconomyChain) -> None:
    del chain.tokenomics.ledger.pools[id_of(OPERATIONS)]


def ledger_of_no_pool(chain: EconomyChain) -> None:
    chain.tokenomics.ledger.pools[PoolId(b"btt/none")] = Pool(ANN, u128(0))


def released_and_not_counted(chain: EconomyChain) -> None:
    pool(chain, ECOSYSTEM, released=1)


def released_in_no_year(chain: EconomyChain) -> None:
    chain.tokenomics.releases.released_total.value += u128(1)


def earmark_spent(chain: EconomyChain) -> None:
    promised = (
        chain.tokenomics.dividends.earmarked.value + chain.tokenomics.dividends.compute_inflow.value
    )
    move(chain, DEVELOPMENT_FUND, ANN, chain.free(DEVELOPMENT_FUND) - int(promised) + 1)


def more_spent_than_unlocked(chain: EconomyChain) -> None:
    unlock = chain.tokenomics.reserve_fund.reserve_unlock.value
    unlock.cap = u128(int(unlock.spent) - 1)
    chain.tokenomics.reserve_fund.reserve_unlock.value = unlock


def more_unlocked_than_there_is(chain: EconomyChain) -> None:
    unlock = chain.tokenomics.reserve_fund.reserve_unlock.value
    ledger = chain.tokenomics.ledger.pools[id_of(RESERVE)]
    left = int(ledger.allocated) - int(ledger.released)
    unlock.cap = u128(int(unlock.spent) + left + 1)
    chain.tokenomics.reserve_fund.reserve_unlock.value = unlock


def programme_paid_too_much(chain: EconomyChain) -> None:
    record = chain.tokenomics.programmes.programmes[u32(0)]
    cap = chain.tokenomics.programmes.cap(record, chain.runtime.babe.now())
    more = cap - int(record.released_planck) + 1
    record.released_planck = u128(cap + 1)
    chain.tokenomics.programmes.programmes[u32(0)] = record
    pool(chain, FOUNDATION_PROGRAMMES[0], released=more)
    move(chain, FOUNDATION_PROGRAMMES[0], ANN, more)
    chain.tokenomics.releases.released_total.value += u128(more)
    chain.tokenomics.releases.released_by_year[u32(2025)] += u128(more)


def programme_done_by_no_account(chain: EconomyChain) -> None:
    record = chain.tokenomics.programmes.programmes[u32(0)]
    record.done_bps += u32(1)
    chain.tokenomics.programmes.programmes[u32(0)] = record


def programme_not_in_its_pool(chain: EconomyChain) -> None:
    record = chain.tokenomics.programmes.programmes[u32(0)]
    record.released_planck = u128(int(record.released_planck) - 1)
    chain.tokenomics.programmes.programmes[u32(0)] = record


def milestone_burned_again(chain: EconomyChain) -> None:
    burn = chain.tokenomics.milestone_burns.milestone_burns[BurnId.MainnetLaunch]
    burn.amount = u128(int(burn.amount) + 1)
    chain.tokenomics.milestone_burns.milestone_burns[BurnId.MainnetLaunch] = burn


def issued_too_early(chain: EconomyChain) -> None:
    chain.mining.ledger.unemitted.value -= u128(1)
    chain.mining.ledger.unallocated.value += u128(1)


def issued_to_no_account(chain: EconomyChain) -> None:
    chain.mining.ledger.unallocated.value -= u128(1)


def paid_and_still_there(chain: EconomyChain) -> None:
    chain.mining.ledger.unallocated.value -= u128(1)
    chain.mining.ledger.paid.value += u128(1)


def owed_by_no_era(chain: EconomyChain) -> None:
    chain.mining.ledger.unallocated.value -= u128(1)
    chain.mining.ledger.owed.value += u128(1)


def era_with_too_little(chain: EconomyChain) -> None:
    index, era = next(iter(chain.mining.eras.eras.items()))
    gone = int(era.left) - 1
    era.left = u128(1)
    chain.mining.eras.eras[index] = era
    chain.mining.ledger.owed.value -= u128(gone)
    chain.mining.ledger.unallocated.value += u128(gone)


def share_out_of_nothing(chain: EconomyChain) -> None:
    now = chain.mining.eras.era_index.value
    chain.mining.eras.shares[now, DEE] = [Step(u128(1), u128(1), u128(1), is_single=True)]


def score_made_up(chain: EconomyChain) -> None:
    index, _ = next(iter(chain.mining.eras.eras.items()))
    chain.mining.eras.shares[index, DEE] = [Step(u128(0), u128(1), u128(1), is_single=True)]


def stake(chain: EconomyChain, **change: int) -> None:
    """Change Ben's stake by so much."""
    ((number, known),) = chain.staking.ledger.stakes.under(BEN)
    for name, by in change.items():
        setattr(known, name, type(getattr(known, name))(int(getattr(known, name)) + by))
    chain.staking.ledger.stakes[BEN, number] = known


def stake_with_more_promised(chain: EconomyChain) -> None:
    stake(chain, commit=1)
    chain.staking.reward_pool.pool_committed.value += u128(1)
    holdings = chain.staking.positions.holdings[BEN]
    holdings.commit = u128(int(holdings.commit) + 1)
    chain.staking.positions.holdings[BEN] = holdings


def stake_claimed_too_soon(chain: EconomyChain) -> None:
    due = chain.staking.reward_pool.due(chain.staking.ledger.stakes[BEN, u32(0)])
    stake(chain, gross_claimed=int(due) + 1)
    ((_, known),) = chain.staking.ledger.stakes.under(BEN)
    left = int(known.commit) - int(known.gross_claimed)
    chain.staking.reward_pool.pool_committed.value = u128(left)


def stake_of_more_than_is_held(chain: EconomyChain) -> None:
    stake(chain, amount=1)


def less_committed(chain: EconomyChain) -> None:
    chain.staking.reward_pool.pool_committed.value -= u128(1)


def promise_without_money(chain: EconomyChain) -> None:
    short = int(chain.staking.reward_pool.state().free) + 1
    pool(chain, STAKING, released=short)
    move(chain, STAKING, ANN, short)
    chain.tokenomics.releases.released_total.value += u128(short)
    chain.tokenomics.releases.released_by_year[u32(2025)] += u128(short)


def more_staked(chain: EconomyChain) -> None:
    chain.staking.ledger.total_staked.value += u128(1)


def stake_without_record(chain: EconomyChain) -> None:
    holdings = chain.staking.positions.holdings[BEN]
    chain.staking.positions.holdings[BEN] = replace(holdings, positions=[])


def stake_beyond_the_cap(chain: EconomyChain) -> None:
    commit = int(chain.staking.positions.holdings[BEN].commit)
    chain.staking.reward_pool.max_commit_per_account.value = u128(commit - 1)


def votes_made_up(chain: EconomyChain) -> None:
    chain.staking.ledger.long_staked.value += u128(1)


def dividend_made_up(chain: EconomyChain) -> None:
    chain.staking.dividend_accounting.acc_rem.value += u256(1)


def points_made_up(chain: EconomyChain) -> None:
    who = next(iter(PEOPLE))
    contributions = chain.staking.contributions
    contributions.contrib_points[u32(900), who] = ContributionPoints(u32(2), points=u32(3))
    contributions.quarters[u32(900)] = Quarter(u64(3), u128(1))


def points_that_no_quarter_has(chain: EconomyChain) -> None:
    who = next(iter(PEOPLE))
    mine = ContributionPoints(u32(2), points=u32(2))
    chain.staking.contributions.contrib_points[u32(900), who] = mine


def dividend_lost(chain: EconomyChain) -> None:
    chain.tokenomics.dividends.earmarked.value -= u128(1)


TAMPERING: dict[Callable[[EconomyChain], None], list[str]] = {
    more_free: ["I1"],
    less_free: ["I1"],
    more_issued: ["I1", "I2"],
    reserve_without_reason: ["I4"],
    hold_without_bond: ["I4"],
    bond_without_hold: ["I4"],
    deposit_not_noted: ["I4"],
    lock_not_counted: ["I4"],
    hold_of_no_account: ["I4"],
    hold_of_nothing: ["I4"],
    hold_for_an_unknown_reason: ["I17"],
    hold_of_an_unknown_pallet: ["I17"],
    reserve_under_an_unknown_name: ["I4"],
    lock_under_an_unknown_name: ["I4"],
    lock_below_schedule: ["I5"],
    lock_above_schedule: ["I5"],
    schedule_reported_wrongly: ["I5"],
    schedule_of_no_length: ["I5"],
    dust_left: ["I19"],
    dead_account: ["I19"],
    another_genesis: ["I2"],
    burned_without_reason: ["I3"],
    burned_twice: ["I3"],
    pool_without_account: ["I18", "I19"],
    signed_by_a_pool: ["I18"],
    reserve_of_a_pool: ["I18", "I4"],
    pool_robbed: ["I18"],
    pool_without_ledger: ["I18"],
    ledger_of_no_pool: ["I18"],
    released_and_not_counted: ["I18"],
    released_in_no_year: ["I18"],
    earmark_spent: ["I18"],
    more_spent_than_unlocked: ["I14"],
    more_unlocked_than_there_is: ["I14"],
    programme_paid_too_much: ["I15"],
    programme_done_by_no_account: ["I15"],
    programme_not_in_its_pool: ["I15"],
    milestone_burned_again: ["I15"],
    issued_too_early: ["I6"],
    issued_to_no_account: ["I6"],
    paid_and_still_there: ["I6"],
    owed_by_no_era: ["I6"],
    era_with_too_little: ["I6"],
    share_out_of_nothing: ["I6"],
    score_made_up: ["I6"],
    stake_with_more_promised: ["I7"],
    stake_claimed_too_soon: ["I7"],
    # Its dividends are another planck's, too.
    stake_of_more_than_is_held: ["I7", "I9"],
    less_committed: ["I7"],
    promise_without_money: ["I7"],
    more_staked: ["I7"],
    stake_without_record: ["I7"],
    stake_beyond_the_cap: ["I7"],
    votes_made_up: ["I7"],
    dividend_made_up: ["I9"],
    dividend_lost: ["I9"],
    points_made_up: ["I9"],
    points_that_no_quarter_has: ["I9"],
}
"""Each changes one thing, by one planck where it can; and the invariants that break by it."""


@pytest.mark.parametrize("tamper", TAMPERING, ids=lambda tamper: tamper.__name__)
def test_what_was_tampered_with_is_found_exactly(
    chain: EconomyChain, tamper: Callable[[EconomyChain], None]
) -> None:
    tamper(chain)
    found = [finding.invariant for finding in audit(chain.runtime)]
    assert sorted({*found}) == sorted(TAMPERING[tamper])


# ---- what is stored


def overwrite(chain: EconomyChain, key: bytes, raw: bytes) -> list[str]:
    chain.state.put(key, raw)
    return [finding.invariant for finding in audit(chain.runtime)]


def test_an_unreadable_value_is_found_before_anything_else(
    chain: EconomyChain,
) -> None:
    key = chain.runtime.system.account.key(ANN)
    raw = chain.state.get(key) or b""
    for spoilt in (raw[:-1], raw + b"\0", b""):
        assert overwrite(chain, key, spoilt) == ["I17"]


def test_a_value_in_another_form_than_its_own_is_found(chain: EconomyChain) -> None:
    key = chain.runtime.authorities.bonds.ledger.key(ANN)
    raw = chain.state.get(key) or b""
    wide = b"\x33" + (2_000 * 10**18).to_bytes(16, "little")  # a compact longer than need be
    assert overwrite(chain, key, wide + raw[-1:]) == ["I17"]


def test_a_key_that_belongs_to_no_account_is_found(chain: EconomyChain) -> None:
    assert overwrite(chain, b"x" * 40, b"") == ["I17"]


def test_a_key_whose_hash_is_wrong_is_found(chain: EconomyChain) -> None:
    key = chain.runtime.system.account.key(ANN)
    raw = chain.state.get(key) or b""
    assert overwrite(chain, key[:-33] + bytes((key[-33] ^ 1,)) + key[-32:], raw) == ["I17"]
    chain.state.put(key[:-33] + bytes((key[-33] ^ 1,)) + key[-32:], None)
    assert overwrite(chain, key + b"\0", raw) == ["I17"]


def test_pools_and_the_treasury_may_hold_next_to_nothing(chain: EconomyChain) -> None:
    data(chain, TREASURY, free=-chain.free(TREASURY) + 1)
    data(chain, MINING, free=chain.free(TREASURY))
    assert not [finding for finding in audit(chain.runtime) if finding.invariant == "I19"]
