"""The audit finds nothing wrong with an honest state, and each single planck that is wrong."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from btt_chain.primitives.account import AccountData, AccountId, AccountInfo, Id
from btt_chain.primitives.digest import H256
from btt_chain.scale import codec, u8, u32, u64, u128
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
from support.tampering import alter, shift, shift_value

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
    data(chain, free=1)
    before = chain.state.changes()
    assert audit(chain.runtime) == audit(chain.runtime) != []
    assert chain.state.changes() == before


# ---- tampering: each changes one thing by one planck


def data(chain: EconomyChain, who: AccountId = ANN, **change: int) -> None:
    """Change fields of an account's money by so much."""
    accounts = chain.runtime.system.account
    info = accounts[who]
    for name, by in change.items():
        setattr(info.data, name, u128(int(getattr(info.data, name)) + by))
    accounts[who] = info


def hold_without_bond(chain: EconomyChain) -> None:
    balances, reason = chain.runtime.balances, chain.runtime.authorities.reason
    data(chain, free=-1, reserved=1)
    (hold,) = balances.holds[ANN]
    balances.holds[ANN] = [Hold(reason, hold.amount + u128(1))]


def deposit_not_noted(chain: EconomyChain) -> None:
    (named,) = chain.runtime.balances.reserves[BEN]
    chain.runtime.balances.reserves[BEN] = [ReserveData(named.id, named.amount + u128(1))]
    data(chain, BEN, free=-1, reserved=1)


def hold_of(chain: EconomyChain, who: AccountId, reason: Reason, amount: int = 1) -> None:
    """Add a hold that the account's money does not show."""
    chain.runtime.balances.holds[who] = [Hold(reason, u128(amount))]


def hold_for_an_unknown_reason(chain: EconomyChain) -> None:
    hold_of(chain, BEN, Reason(5, 200))
    data(chain, BEN, free=-1, reserved=1)


def hold_of_an_unknown_pallet(chain: EconomyChain) -> None:
    hold_of(chain, BEN, Reason(250, 0))
    data(chain, BEN, free=-1, reserved=1)


def reserve_under_an_unknown_name(chain: EconomyChain) -> None:
    named = chain.runtime.balances.reserves[BEN]
    chain.runtime.balances.reserves[BEN] = [*named, ReserveData(b"zz/zzzzz", u128(1))]
    data(chain, BEN, free=-1, reserved=1)


def lock_only(chain: EconomyChain, who: AccountId, name: bytes, amount: int) -> None:
    """Make a lock the only one of an account."""
    chain.runtime.balances.locks[who] = [BalanceLock(name, u128(amount), Reasons.Misc)]
    frozen = int(chain.runtime.system.account[who].data.frozen)
    data(chain, who, frozen=amount - frozen)


def lock_below_schedule(chain: EconomyChain) -> None:
    lock_only(chain, CHO, LOCK_ID, int(chain.runtime.vesting.unvested(CHO)) - 1)


def lock_above_schedule(chain: EconomyChain) -> None:
    (schedule,) = chain.runtime.vesting.schedules_ext[CHO]
    lock_only(chain, CHO, LOCK_ID, int(schedule.locked) + 1)


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
    shift(chain.tokenomics.ledger.pools, id_of(who), **change)


def released(chain: EconomyChain, who: AccountId, amount: int) -> None:
    """Move money out of a pool, and count it as released in the first year."""
    pool(chain, who, released=amount)
    move(chain, who, ANN, amount)
    shift_value(chain.tokenomics.releases.released_total, amount)
    chain.tokenomics.releases.released_by_year[u32(2025)] += u128(amount)


def burned_without_reason(chain: EconomyChain) -> None:
    data(chain, free=-1)
    shift_value(chain.runtime.balances.total_issuance, -1)
    shift_value(chain.runtime.balances.total_burned, 1)


def burned_twice(chain: EconomyChain) -> None:
    chain.tokenomics.burned_by[BurnReason.Compute] += u128(1)


def reserve_of_a_pool(chain: EconomyChain) -> None:
    named = ReserveData(b"reserve1", u128(1))
    chain.runtime.balances.reserves[GRANTS] = [named]
    data(chain, ANN, free=-1)
    data(chain, GRANTS, reserved=1)


def pool_without_ledger(chain: EconomyChain) -> None:
    del chain.tokenomics.ledger.pools[id_of(OPERATIONS)]


def ledger_of_no_pool(chain: EconomyChain) -> None:
    chain.tokenomics.ledger.pools[PoolId(b"btt/none")] = Pool(ANN, u128(0))


def earmark_spent(chain: EconomyChain) -> None:
    dividends = chain.tokenomics.dividends
    promised = dividends.earmarked.value + dividends.compute_inflow.value
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


def programme(chain: EconomyChain, **change: int) -> None:
    """Change the first programme by so much."""
    shift(chain.tokenomics.programmes.programmes, u32(0), **change)


def programme_paid_too_much(chain: EconomyChain) -> None:
    record = chain.tokenomics.programmes.programmes[u32(0)]
    cap = chain.tokenomics.programmes.cap(record, chain.runtime.babe.now())
    more = cap - int(record.released_planck) + 1
    programme(chain, released_planck=more)
    released(chain, FOUNDATION_PROGRAMMES[0], more)


def mined(chain: EconomyChain, **change: int) -> None:
    """Change sums of the mining pool by so much."""
    for name, by in change.items():
        shift_value(getattr(chain.mining.ledger, name), by)


def era_with_too_little(chain: EconomyChain) -> None:
    index, era = next(iter(chain.mining.eras.eras.items()))
    gone = int(era.left) - 1
    shift(chain.mining.eras.eras, index, left=-gone)
    mined(chain, owed=-gone, unallocated=gone)


def share_out_of_nothing(chain: EconomyChain) -> None:
    now = chain.mining.eras.era_index.value
    chain.mining.eras.shares[now, DEE] = [Step(u128(1), u128(1), u128(1), is_single=True)]


def score_made_up(chain: EconomyChain) -> None:
    index, _ = next(iter(chain.mining.eras.eras.items()))
    chain.mining.eras.shares[index, DEE] = [Step(u128(0), u128(1), u128(1), is_single=True)]


def stake(chain: EconomyChain, **change: int) -> None:
    """Change Ben's stake by so much."""
    shift(chain.staking.ledger.stakes, (BEN, u32(0)), **change)


def stake_with_more_promised(chain: EconomyChain) -> None:
    stake(chain, commit=1)
    shift_value(chain.staking.reward_pool.pool_committed, 1)
    shift(chain.staking.positions.holdings, BEN, commit=1)


def stake_claimed_too_soon(chain: EconomyChain) -> None:
    known = chain.staking.ledger.stakes[BEN, u32(0)]
    claimed = int(known.gross_claimed) + int(chain.staking.reward_pool.due(known)) + 1
    stake(chain, gross_claimed=claimed - int(known.gross_claimed))
    chain.staking.reward_pool.pool_committed.value = u128(int(known.commit) - claimed)


def stake_beyond_the_cap(chain: EconomyChain) -> None:
    commit = int(chain.staking.positions.holdings[BEN].commit)
    chain.staking.reward_pool.max_commit_per_account.value = u128(commit - 1)


def points_made_up(chain: EconomyChain) -> None:
    contributions = chain.staking.contributions
    contributions.contrib_points[u32(900), ANN] = ContributionPoints(u32(2), points=u32(3))
    contributions.quarters[u32(900)] = Quarter(u64(3), u128(1))


def points_that_no_quarter_has(chain: EconomyChain) -> None:
    mine = ContributionPoints(u32(2), points=u32(2))
    chain.staking.contributions.contrib_points[u32(900), ANN] = mine


TAMPERING: dict[str, tuple[Callable[[EconomyChain], None], list[str]]] = {
    "more free": (lambda chain: data(chain, free=1), ["I1"]),
    "less free": (lambda chain: data(chain, free=-1), ["I1"]),
    "more issued": (
        lambda chain: shift_value(chain.runtime.balances.total_issuance, 1),
        ["I1", "I2"],
    ),
    "reserve without a reason": (lambda chain: data(chain, free=-1, reserved=1), ["I4"]),
    "hold without a bond": (hold_without_bond, ["I4"]),
    "bond without a hold": (
        lambda chain: shift(chain.runtime.authorities.bonds.ledger, ANN, active=1),
        ["I4"],
    ),
    "deposit not noted": (deposit_not_noted, ["I4"]),
    "lock not counted": (lambda chain: data(chain, CHO, frozen=-1), ["I4"]),
    "hold of no account": (lambda chain: hold_of(chain, person("unknown"), Reason(5, 0)), ["I4"]),
    "hold of nothing": (lambda chain: hold_of(chain, DEE, Reason(5, 0), 0), ["I4"]),
    "hold for an unknown reason": (hold_for_an_unknown_reason, ["I17"]),
    "hold of an unknown pallet": (hold_of_an_unknown_pallet, ["I17"]),
    "reserve under an unknown name": (reserve_under_an_unknown_name, ["I4"]),
    "lock under an unknown name": (lambda chain: lock_only(chain, DEE, b"zz/zzzzz", 1), ["I4"]),
    "lock below the schedule": (lock_below_schedule, ["I5"]),
    "lock above the schedule": (lock_above_schedule, ["I5"]),
    "schedule reported wrongly": (schedule_reported_wrongly, ["I5"]),
    "schedule of no length": (schedule_of_no_length, ["I5"]),
    "dust left": (dust_left, ["I19"]),
    "dead account": (dead_account, ["I19"]),
    "another genesis": (lambda chain: shift_value(chain.tokenomics.genesis_supply, 1), ["I2"]),
    "burned without a reason": (burned_without_reason, ["I3"]),
    "burned twice": (burned_twice, ["I3"]),
    "pool without an account": (
        lambda chain: alter(chain.runtime.system.account, LIQUIDITY, providers=u32(0)),
        ["I18", "I19"],
    ),
    "signed by a pool": (
        lambda chain: alter(chain.runtime.system.account, HEALTH, nonce=u32(1)),
        ["I18"],
    ),
    "reserve of a pool": (reserve_of_a_pool, ["I18", "I4"]),
    "pool robbed": (lambda chain: move(chain, HEALTH, ANN), ["I18"]),
    "pool without ledger": (pool_without_ledger, ["I18"]),
    "ledger of no pool": (ledger_of_no_pool, ["I18"]),
    "released and not counted": (lambda chain: pool(chain, ECOSYSTEM, released=1), ["I18"]),
    "released in no year": (
        lambda chain: shift_value(chain.tokenomics.releases.released_total, 1),
        ["I18"],
    ),
    "earmark spent": (earmark_spent, ["I18"]),
    "more spent than unlocked": (more_spent_than_unlocked, ["I14"]),
    "more unlocked than there is": (more_unlocked_than_there_is, ["I14"]),
    "programme paid too much": (programme_paid_too_much, ["I15"]),
    "programme done by no account": (lambda chain: programme(chain, done_bps=1), ["I15"]),
    "programme not in its pool": (lambda chain: programme(chain, released_planck=-1), ["I15"]),
    "milestone burned again": (
        lambda chain: shift(
            chain.tokenomics.milestone_burns.milestone_burns, BurnId.MainnetLaunch, amount=1
        ),
        ["I15"],
    ),
    "issued too early": (lambda chain: mined(chain, unemitted=-1, unallocated=1), ["I6"]),
    "issued to no account": (lambda chain: mined(chain, unallocated=-1), ["I6"]),
    "paid and still there": (lambda chain: mined(chain, unallocated=-1, paid=1), ["I6"]),
    "owed by no era": (lambda chain: mined(chain, unallocated=-1, owed=1), ["I6"]),
    "era with too little": (era_with_too_little, ["I6"]),
    "share out of nothing": (share_out_of_nothing, ["I6"]),
    "score made up": (score_made_up, ["I6"]),
    "stake with more promised": (stake_with_more_promised, ["I7"]),
    "stake claimed too soon": (stake_claimed_too_soon, ["I7"]),
    # Its dividends are another planck's, too.
    "stake of more than is held": (lambda chain: stake(chain, amount=1), ["I7", "I9"]),
    "less committed": (
        lambda chain: shift_value(chain.staking.reward_pool.pool_committed, -1),
        ["I7"],
    ),
    "promise without money": (
        lambda chain: released(chain, STAKING, int(chain.staking.reward_pool.state().free) + 1),
        ["I7"],
    ),
    "more staked": (lambda chain: shift_value(chain.staking.ledger.total_staked, 1), ["I7"]),
    "stake without a record": (
        lambda chain: alter(chain.staking.positions.holdings, BEN, positions=[]),
        ["I7"],
    ),
    "stake beyond the cap": (stake_beyond_the_cap, ["I7"]),
    "votes made up": (lambda chain: shift_value(chain.staking.ledger.long_staked, 1), ["I7"]),
    "dividend made up": (
        lambda chain: shift_value(chain.staking.dividend_accounting.acc_rem, 1),
        ["I9"],
    ),
    "dividend lost": (lambda chain: shift_value(chain.tokenomics.dividends.earmarked, -1), ["I9"]),
    "points made up": (points_made_up, ["I9"]),
    "points that no quarter has": (points_that_no_quarter_has, ["I9"]),
}
"""Each changes one thing, by one planck where it can; and the invariants that break by it."""


@pytest.mark.parametrize(("tamper", "broken"), TAMPERING.values(), ids=TAMPERING)
def test_what_was_tampered_with_is_found_exactly(
    chain: EconomyChain, tamper: Callable[[EconomyChain], None], broken: list[str]
) -> None:
    tamper(chain)
    assert sorted({finding.invariant for finding in audit(chain.runtime)}) == sorted(broken)


# ---- what is stored


def overwrite(chain: EconomyChain, key: bytes, raw: bytes) -> list[str]:
    chain.state.put(key, raw)
    return [finding.invariant for finding in audit(chain.runtime)]


def test_an_unreadable_value_is_found_before_anything_else(chain: EconomyChain) -> None:
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
