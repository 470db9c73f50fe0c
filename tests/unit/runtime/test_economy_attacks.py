"""Attacks that lean on several pallets at once; each fails for who tries it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from btt_chain.primitives.account import AccountId, Id
from btt_chain.primitives.digest import H256
from btt_chain.primitives.multi_account import multi_account_id
from btt_chain.scale import u8, u16, u32, u64, u128
from runtime.accounts import ECOSYSTEM, EXCHANGE, GRANTS, PAYFI, POOLS, STAKING, TREASURY
from runtime.constants import BTT
from runtime.frame import BadOrigin, Call, DispatchError, Origin, TokenError, signed
from runtime.pallets.bounties.pallet import Bounties
from runtime.pallets.origins import RawSigned, SystemOrigin
from runtime.pallets.proxy.types import ProxyType
from runtime.pallets.tokenomics import errors as tokenomics_errors
from runtime.pallets.tokenomics.ledger import id_of
from runtime.pallets.tokenomics.types import CeilingMode
from runtime.pallets.treasury.pallet import AssetKind
from runtime.schedules import VestingInfo
from support.economy import oracle
from support.economy.chain import PEOPLE, PRESETS, EconomyChain, Step, person
from support.economy.oracle import DAY, MONTH, TIERS, YEAR

ANN, BEN, CHO, DEE, ELI, FAY = PEOPLE
NO_HASH = H256(bytes(32))


def begun(name: str = "seed-000") -> EconomyChain:
    chain = EconomyChain(name)
    chain.block()
    return chain


@pytest.fixture
def chain() -> EconomyChain:
    return begun()


def stake(chain: EconomyChain, who: AccountId, amount: int, tier: int) -> tuple[Origin, Call]:
    return chain.by(
        who, "TierStaking", "stake", amount=u128(amount), tier=u8(tier), min_reward=None
    )


def refused(chain: EconomyChain, step: Step, *errors: type[DispatchError]) -> None:
    """Take a step that must fail, and leave nothing behind."""
    before = chain.state.changes()
    error = chain.take(step)
    assert isinstance(error, errors or DispatchError), error
    assert chain.state.changes() == before


# ---- the release ceiling


def release(chain: EconomyChain, pool: AccountId, amount: int) -> tuple[Origin, Call]:
    args = {"pool": id_of(pool), "amount": u128(amount), "beneficiary": Id(FAY)}
    return chain.root("Tokenomics", "release_discretionary", **args)


def attest_everything(chain: EconomyChain) -> None:
    foundation = chain.tokenomics.foundation.value
    for number, programme in chain.tokenomics.programmes.programmes.items():
        for place in range(len(programme.milestones)):
            args = {"programme": number, "index": u32(place), "evidence_hash": NO_HASH}
            chain.run(chain.by(foundation, "Tokenomics", "attest_milestone", **args))


@pytest.mark.parametrize("name", PRESETS)
def test_the_ceiling_cannot_be_passed_by_splitting_over_pools_and_programmes(name: str) -> None:
    chain = begun(name)
    attest_everything(chain)
    programmes = [number for number, _ in chain.tokenomics.programmes.programmes.items()]
    for month in (5, 12, 24, 30, 36, 47, 59, 60, 72):
        chain.at(month * MONTH - chain.slot_ms)
        for parts in (7, 3, 2, 1, 1):
            before = int(chain.tokenomics.releases.released_total.value)
            amount = chain.tokenomics.releases.headroom() // parts + 1
            for pool in (ECOSYSTEM, GRANTS):
                chain.take(release(chain, pool, amount))
            for number in programmes:
                chain.take(chain.by(ANN, "Tokenomics", "claim_programme", programme=number))
            batch = [release(chain, GRANTS, amount // 9)[1]] * 9
            chain.take(chain.root("Utility", "force_batch", calls=batch))
            released = int(chain.tokenomics.releases.released_total.value)
            # The rows alone may be beyond the table; then nothing is added to them.
            assert released == before or out(chain) <= allowed(chain)
        assert chain.audit() == []


def out(chain: EconomyChain) -> int:
    """Return the amounts that the oracle has as freed by time, and as released besides."""
    preset, time = oracle.PRESETS[chain.table.id], chain.time
    programmes = sum(
        oracle.time_cap(preset.amount(share), time) for share in preset.programmes.values()
    )
    return (
        oracle.rows(preset, time) - programmes + int(chain.tokenomics.releases.released_total.value)
    )


def allowed(chain: EconomyChain) -> int:
    """Return the total of the documents' table at the end of this year."""
    return oracle.table_until(oracle.PRESETS[chain.table.id], oracle.label_year(chain.time))


def at_the_ceiling() -> EconomyChain:
    """Make a chain whose pools have released all that the first year allows."""
    chain = begun()
    attest_everything(chain)
    chain.at(11 * MONTH)
    for pool in (ECOSYSTEM, GRANTS):
        chain.run(release(chain, pool, int(chain.tokenomics.payments.available(pool)) // 2))
    for number in (0, 1):
        chain.run(chain.by(ANN, "Tokenomics", "claim_programme", programme=u32(number)))
    chain.at(12 * MONTH - 8 * DAY)
    assert chain.take(release(chain, ECOSYSTEM, chain.tokenomics.releases.headroom())) is None
    assert chain.tokenomics.releases.headroom() == 0
    return chain


def test_what_is_in_the_way_of_one_pool_is_in_the_way_of_all() -> None:
    chain = at_the_ceiling()
    for pool in (ECOSYSTEM, GRANTS):
        refused(chain, release(chain, pool, 1), tokenomics_errors.ReleaseCeilingReached)
    for number in (2, 3):
        claim = chain.by(ANN, "Tokenomics", "claim_programme", programme=u32(number))
        refused(chain, claim, tokenomics_errors.ReleaseCeilingReached)
    chain.at(12 * MONTH)
    assert chain.take(claim) is None


def test_a_bounty_is_no_way_around_the_ceiling() -> None:
    chain = at_the_ceiling()
    value = u128(1_000 * BTT)
    chain.run(
        chain.by(ANN, "Bounties", "propose_bounty", value=value, description=b"x"),
        chain.root("Bounties", "approve_bounty", bounty_id=u32(0)),
    )
    chain.days(7)
    assert chain.time < YEAR
    bounties = chain.runtime.pallet(Bounties)
    assert bounties.funding.bounty_approvals.value == [0]  # it waits
    assert chain.free(bounties.funding.account_of(u32(0))) == 0
    chain.days(7)
    assert chain.free(bounties.funding.account_of(u32(0))) == value
    assert chain.audit() == []


# ---- insiders: locked money earns nothing


INSIDER = person("insider")
LOCKED, OWN = 200_000 * BTT, 60_000 * BTT


def insider() -> EconomyChain:
    """Make a chain on which an account owns much that is locked, and less that is not."""
    chain = begun()
    plan = VestingInfo(u128(LOCKED), u128(LOCKED // 10**7 + 1), u32(10**6))
    founder = chain.vests[1].account  # its own row is locked: it cannot pay
    assert chain.take(chain.by(founder, "Vesting", "vested_transfer", target=Id(INSIDER),
                               schedule=plan)) is not None  # fmt: skip
    rich = person("rich")
    give = {"source": Id(ANN), "dest": Id(rich), "value": u128(140_000 * BTT)}
    more = {"source": Id(BEN), "dest": Id(rich), "value": u128(119_000 * BTT)}
    last = {"source": Id(CHO), "dest": Id(rich), "value": u128(10_000 * BTT)}
    chain.run(
        chain.root("Balances", "force_transfer", **give),
        chain.root("Balances", "force_transfer", **more),
        chain.root("Balances", "force_transfer", **last),
        chain.by(rich, "Vesting", "vested_transfer", target=Id(INSIDER), schedule=plan),
        chain.by(rich, "Balances", "transfer_keep_alive", dest=Id(INSIDER), value=u128(OWN)),
    )
    return chain


def staked(chain: EconomyChain, who: AccountId) -> int:
    return sum(int(one.amount) for _, one in chain.staking.ledger.stakes.under(who))


def test_locked_money_cannot_be_staked_through_proxy_multisig_or_batch() -> None:
    chain = insider()
    _, direct = stake(chain, INSIDER, OWN + BTT, 3)
    add = {"delegate": Id(DEE), "proxy_type": ProxyType.Staking, "delay": u32(0)}
    chain.run(chain.by(INSIDER, "Proxy", "add_proxy", **add))
    proxied = {"real": Id(INSIDER), "force_proxy_type": None, "call": direct}
    chain.run(chain.by(DEE, "Proxy", "proxy", **proxied))  # says so in its event
    assert not staked(chain, INSIDER)
    chain.run(chain.by(INSIDER, "Utility", "force_batch", calls=[direct, direct]))
    assert not staked(chain, INSIDER)
    shared = multi_account_id(sorted([INSIDER, DEE]), 1)
    to_shared = {"dest": Id(shared), "value": u128(OWN + BTT)}
    refused(chain, chain.by(INSIDER, "Balances", "transfer_keep_alive", **to_shared), TokenError)


# ---- stakes: benefits, rounding, the pool


def test_splitting_a_stake_gains_nothing(chain: EconomyChain) -> None:
    term, parts = TIERS[0].term, 20
    chain.run(stake(chain, ANN, 20_000 * BTT + 19, 0))
    pieces = [1_000 * BTT] * (parts - 1) + [1_000 * BTT + 19]
    chain.run(*(stake(chain, BEN, piece, 0) for piece in pieces))
    whole, pieces_commit = (
        sum(int(one.commit) for _, one in chain.staking.ledger.stakes.under(who))
        for who in (ANN, BEN)
    )
    assert whole == oracle.accrued(20_000 * BTT + 19, 300, term, term)
    assert pieces_commit <= whole


def test_what_is_promised_can_be_paid_whatever_an_account_gives_to_the_pool() -> None:
    """A gift that is locked for centuries must not be promised to an account."""
    chain = begun()
    left = 10 * BTT
    emptied = u128(int(chain.staking.reward_pool.state().free) - left)
    plan = VestingInfo(u128(100 * BTT), u128(100 * BTT // (4 * 10**9)), u32(0))
    chain.run(lambda: chain.tokenomics.pay(STAKING, FAY, emptied, discretionary=False))
    chain.take(chain.by(BEN, "Vesting", "vested_transfer", target=Id(STAKING), schedule=plan))
    args = {"amount": u128(40_000 * BTT), "tier": u8(0), "min_reward": u128(0)}
    chain.run(chain.by(ANN, "TierStaking", "stake", **args))
    assert chain.audit() == []
    chain.days(31, chain.by(ANN, "TierStaking", "unstake", id=u32(0)))
    assert not chain.failures
    assert staked(chain, ANN) == 0


# ---- pools: no account reaches into them


def bounty_account(chain: EconomyChain) -> AccountId:
    """Fund a bounty; return the account that its money lies in."""
    value = {"value": u128(1_000 * BTT), "description": b"x"}
    chain.run(
        chain.by(ANN, "Bounties", "propose_bounty", **value),
        chain.root("Bounties", "approve_bounty", bounty_id=u32(0)),
    )
    chain.days(7)
    account = chain.runtime.pallet(Bounties).funding.account_of(u32(0))
    assert chain.free(account) == 1_000 * BTT
    return account


def reaching(chain: EconomyChain, pool: AccountId) -> Iterator[Step]:
    """Return all that root and others might try to get at a pool's money."""
    call, whom = chain.call, Id(pool)
    pay = call("Balances", "transfer_allow_death", dest=Id(FAY), value=u128(BTT))
    plan = VestingInfo(u128(200 * BTT), u128(BTT), u32(0))
    as_pool = {"as_origin": SystemOrigin(RawSigned(pool)), "call": pay}
    proxy = {"real": whom, "force_proxy_type": None, "call": pay}
    joint = {"other_signatories": [pool], "call": pay}
    yield chain.root("Balances", "force_transfer", source=whom, dest=Id(FAY), value=u128(BTT))
    yield chain.root("Balances", "force_set_balance", who=whom, new_free=u128(BTT))
    yield chain.root("Balances", "force_unreserve", who=whom, amount=u128(BTT))
    yield chain.root("Utility", "dispatch_as", **as_pool)
    yield chain.root("Utility", "dispatch_as_fallible", **as_pool)
    yield chain.root("Vesting", "force_vested_transfer", source=whom, target=Id(FAY), schedule=plan)
    yield chain.root("Vesting", "force_remove_vesting_schedule", target=whom, schedule_index=u32(0))
    yield chain.by(ANN, "Proxy", "proxy", **proxy)
    yield chain.by(ANN, "Multisig", "as_multi_threshold_1", **joint)
    yield chain.by(ANN, "Utility", "as_derivative", index=u16(0), call=pay)
    if chain.runtime.sudo.key.get():
        sudo = call("Sudo", "sudo_as", who=whom, call=pay)
        yield signed(chain.runtime.sudo.key.value), sudo


@pytest.mark.parametrize("preset", ["seed-000", "seed-002", "dev"])
def test_no_account_reaches_into_a_pool(preset: str) -> None:
    chain = begun(preset)
    everywhere = [*POOLS, TREASURY, EXCHANGE, PAYFI, bounty_account(chain)]
    for pool in everywhere:
        if not chain.free(pool):
            chain.run(chain.root("Balances", "force_transfer", source=Id(ANN), dest=Id(pool),
                                 value=u128(BTT)))  # fmt: skip
    before = {pool: chain.free(pool) for pool in everywhere}
    for pool in everywhere:
        for step in reaching(chain, pool):
            chain.take(step)
            assert {one: chain.free(one) for one in everywhere} == before, step
    assert chain.audit() == []


def deciding(chain: EconomyChain) -> Iterator[Call]:
    """Return the calls by which referenda spend and decide."""
    spend = {"amount": u128(BTT), "beneficiary": Id(FAY)}
    for pool in (*POOLS, TREASURY):
        yield chain.call("Tokenomics", "release_discretionary", pool=id_of(pool), **spend)
    yield chain.call("Tokenomics", "unlock_reserve", cap=u128(BTT), expiry=u64(10**9))
    yield chain.call("Tokenomics", "spend_reserve", **spend, reason_hash=NO_HASH)
    item = {"programme": u32(0), "index": u32(0)}
    yield chain.call("Tokenomics", "attest_milestone", **item, evidence_hash=NO_HASH)
    yield chain.call("Tokenomics", "confirm_milestone", **item)
    yield chain.call("Tokenomics", "object_milestone", **item)
    yield chain.call("Tokenomics", "attest_cross_chain")
    yield chain.call("Tokenomics", "pause_discretionary", until=u64(10**9))
    yield chain.call("Tokenomics", "set_ceiling_mode", mode=CeilingMode.Off)
    yield chain.call("Treasury", "spend_local", **spend)
    yield chain.call("Treasury", "spend", asset_kind=AssetKind.Native, **spend, valid_from=None)
    yield chain.call("Bounties", "approve_bounty", bounty_id=u32(0))
    yield chain.call("Bounties", "close_bounty", bounty_id=u32(0))
    yield chain.call("TierStaking", "set_dividend_bps", bps=u32(10_000))
    yield chain.call("TierStaking", "set_contribution_budget", amount=u128(10**30))
    yield chain.call("TierStaking", "force_unstake", who=Id(BEN), id=u32(0))
    yield chain.call("Mining", "attest_energy", operator=ANN, units_per_kwh=u64(10**9))


def test_no_signature_proxy_multisig_or_batch_decides_like_a_referendum(
    chain: EconomyChain,
) -> None:
    bounty_account(chain)
    chain.run(stake(chain, BEN, 1_000 * BTT, 0))
    add = {"delegate": Id(ANN), "delay": u32(0)}
    for kind in ProxyType:
        chain.run(chain.by(BEN, "Proxy", "add_proxy", proxy_type=kind, **add))
    everywhere = [*POOLS, TREASURY]
    held = {pool: chain.free(pool) for pool in everywhere}
    for call in deciding(chain):
        refused(chain, (signed(ANN), call), BadOrigin, tokenomics_errors.NotDiscretionary)
        wrapped = [
            chain.by(ANN, "Utility", "batch_all", calls=[call]),
            chain.by(ANN, "Multisig", "as_multi_threshold_1", other_signatories=[BEN], call=call),
        ]
        for step in wrapped:
            refused(chain, step)
        for kind in ProxyType:
            proxied = {"real": Id(BEN), "force_proxy_type": kind, "call": call}
            chain.take(chain.by(ANN, "Proxy", "proxy", **proxied))
            quiet = chain.call("Utility", "force_batch", calls=[call])
            chain.take(chain.by(ANN, "Proxy", "proxy", **{**proxied, "call": quiet}))
        assert {pool: chain.free(pool) for pool in everywhere} == held
    assert chain.tokenomics.releases.ceiling_mode.value is CeilingMode.Enforce
    assert chain.tokenomics.reserve_fund.reserve_unlock.get() is None
    assert staked(chain, BEN)


@pytest.mark.parametrize("kind", [ProxyType.Staking, ProxyType.NonTransfer, ProxyType.Governance])
def test_a_limited_proxy_cannot_give_its_owners_money_away(
    chain: EconomyChain, kind: ProxyType
) -> None:
    args = {"delegate": Id(ANN), "proxy_type": kind, "delay": u32(0)}
    chain.run(chain.by(BEN, "Proxy", "add_proxy", **args))
    amount = u128(1_000 * BTT)
    giving = [
        chain.call("TierStaking", "top_up", amount=amount),
        chain.call("Tokenomics", "top_up_pool", pool=id_of(GRANTS), amount=amount),
        chain.call("Balances", "burn", value=amount, keep_alive=True),
        chain.call("Balances", "transfer_keep_alive", dest=Id(ANN), value=amount),
        chain.call("Vesting", "vested_transfer", target=Id(ANN),
                   schedule=VestingInfo(amount, amount, u32(0))),
        chain.call("Bounties", "propose_bounty", value=amount, description=b"x"),
    ]  # fmt: skip
    owned = int(chain.runtime.balances.total(BEN))
    for call in giving:
        for inner in (call, chain.call("Utility", "force_batch", calls=[call])):
            proxied = {"real": Id(BEN), "force_proxy_type": None, "call": inner}
            chain.take(chain.by(ANN, "Proxy", "proxy", **proxied))
            assert int(chain.runtime.balances.total(BEN)) == owned, call
            assert int(chain.runtime.balances.free(BEN)) <= owned
