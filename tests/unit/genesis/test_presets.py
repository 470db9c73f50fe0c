"""The chains that come with the program: whose money there is in block zero."""

from __future__ import annotations

from functools import cache

import pytest

from btt_chain.crypto.keypair import KeyPair
from btt_chain.primitives.account import AccountId, Id
from btt_chain.primitives.digest import H256
from btt_chain.scale import u8, u16, u64, u128
from genesis.accounts import POOLS, Multisig, dev_account, holder_path
from genesis.build import Genesis, build
from genesis.catalogue import chain_named, make
from genesis.holders import table
from genesis.placement import Placement
from genesis.presets import CHAINS, REGIONS, Finality, finality_of
from genesis.spec import Plain
from runtime import VERSION, BttRuntime
from runtime.accounts import DEVELOPMENT_FUND, EXCHANGE, PAYFI, TREASURY
from runtime.frame import signed
from runtime.params import CHAIN_ID_KEY, PARAMS_KEY, RuntimeParams
from support.document import Document
from support.runtime import DictState

BTT = 10**18
EVERY_CHAIN = pytest.mark.parametrize("preset", CHAINS)


@cache
def genesis(preset: str) -> Genesis:
    return build(make(CHAINS[preset]))


@cache
def runtime(preset: str) -> BttRuntime:
    """A runtime that stands on block zero of a preset; all tests share it."""
    return on_block_zero(genesis(preset))


def on_block_zero(made: Genesis) -> BttRuntime:
    state = DictState()
    state.data = dict(made.state)
    found = BttRuntime(RuntimeParams.decode(state.data[PARAMS_KEY]))
    found.enter(state)
    return found


def placement(preset: str) -> Placement:
    plain = make(CHAINS[preset]).genesis
    assert isinstance(plain, Plain)
    assert plain.placement is not None
    return plain.placement


def free(preset: str, account: AccountId) -> int:
    return int(runtime(preset).system.account[account].data.free)


def total(preset: str, account: AccountId) -> int:
    money = runtime(preset).system.account[account].data
    return int(money.free) + int(money.reserved)


def named(name: str) -> AccountId:
    return AccountId(KeyPair.from_uri(f"//{name}").account_id)


@EVERY_CHAIN
def test_the_accounts_of_block_zero_hold_the_whole_supply(preset: str) -> None:
    supply = table(CHAINS[preset].document).supply
    accounts = dict(runtime(preset).system.account.items())
    assert sum(total(preset, account) for account in accounts) == supply
    assert int(runtime(preset).balances.total_issuance.value) == supply


@EVERY_CHAIN
def test_every_pool_exists_from_genesis(preset: str) -> None:
    accounts = runtime(preset).system.account
    for pool in (TREASURY, *POOLS.values()):
        assert accounts[pool].providers >= 1


@EVERY_CHAIN
def test_accounts_of_other_people_s_money_exist_from_genesis_and_stay(preset: str) -> None:
    # Without a provider the first small payment of a chain would be refused, and the last
    # settlement of a day would remove the account. So no chain needs a migration that adds one.
    made = runtime(preset)
    assert made.payfi.pool == PAYFI
    assert made.payfi.discounts is made.tier_staking.positions
    for account in (PAYFI, EXCHANGE):
        assert (made.system.account[account].providers, free(preset, account)) == (1, 0)


def test_a_payment_of_two_planck_is_the_first_money_of_its_pool() -> None:
    made = on_block_zero(build(make("dev")))
    rich, shop = (named(name) for name in ("Alice", "Bob"))
    made.payfi.register(signed(shop), u16(5_814), b"BTT", u8(0), H256(bytes(32)))
    made.payfi.pay(signed(rich), Id(shop), u128(2), b"BTT", u128(2), bytes(range(16)), None)
    assert int(made.balances.free(PAYFI)) == 2
    made.payfi.refund(signed(shop), u64(0), u128(2))
    assert made.system.account[PAYFI].providers == 1


def test_the_pools_are_those_that_the_runtime_knows() -> None:
    assert POOLS["devf"] == DEVELOPMENT_FUND
    assert POOLS["mine"] == b"modlbtt/mine" + bytes(20)


@EVERY_CHAIN
def test_a_row_is_the_sum_of_its_accounts(preset: str) -> None:
    for placed in placement(preset).rows:
        assert sum(holding.amount for holding in placed.holdings) == placed.row.amount


def test_the_community_row_is_four_pools() -> None:
    held = [free("seed-000", POOLS[name]) for name in ("stak", "hlth", "refr", "grnt")]
    assert held == [1_008_000 * BTT, 756_000 * BTT, 378_000 * BTT, 378_000 * BTT]


def test_the_foundation_has_four_programmes_or_one() -> None:
    names = ("fnd1", "fnd2", "fnd3", "fnd4")
    assert [free("seed-000", POOLS[name]) // BTT for name in names] == [
        1_470_000, 1_050_000, 630_000, 420_000,
    ]  # fmt: skip
    assert [free("seed-002", POOLS[name]) // BTT for name in names] == [35_700_000, 0, 0, 0]


@EVERY_CHAIN
def test_linear_rows_are_locked_from_genesis(preset: str) -> None:
    built = runtime(preset)
    rows = list(placement(preset).vesting(CHAINS[preset].slot_ms))
    assert len(rows) == len(list(table(CHAINS[preset].document).linear()))
    for vests in rows:
        money = built.system.account[vests.account].data
        assert int(money.free - money.frozen) == vests.liquid
        assert built.vesting.schedules_ext[vests.account] == [vests.schedule]


@EVERY_CHAIN
def test_only_development_and_local_chains_have_a_sudo_key(preset: str) -> None:
    key = runtime(preset).sudo.key.get()
    assert key == (named("Alice") if preset in {"dev", "dev-manual", "local", "fast"} else None)


@EVERY_CHAIN
def test_block_zero_keeps_version_parameters_and_id(preset: str) -> None:
    state = genesis(preset).state
    chain = CHAINS[preset]
    assert state[b":code"] == VERSION.encoded()
    assert RuntimeParams.decode(state[PARAMS_KEY]).slot_ms == chain.slot_ms
    assert state[CHAIN_ID_KEY][1:] == chain.id.encode()


def test_no_two_chains_have_the_same_block_zero() -> None:
    assert len({genesis(preset).hash for preset in CHAINS}) == len(CHAINS)


@pytest.mark.parametrize("preset", ["dev", "dev-manual"])
def test_on_dev_alice_and_her_friends_share_the_liquidity(preset: str) -> None:
    assert total(preset, named("Alice")) == 200_000 * BTT
    for friend in ("Bob", "Charlie", "Dave", "Eve", "Ferdie"):
        assert total(preset, named(friend)) == 40_000 * BTT
    assert free(preset, TREASURY) == 20_000 * BTT


def test_on_local_six_share_equally_and_alice_has_the_rest() -> None:
    part = 400_000 * BTT // 6
    friends = ("Bob", "Charlie", "Dave", "Eve", "Ferdie")
    assert {total("local", named(friend)) for friend in friends} == {part}
    assert total("local", named("Alice")) == 400_000 * BTT - 5 * part
    assert free("local", TREASURY) == 20_000 * BTT


@pytest.mark.parametrize("preset", ["dev", "dev-manual", "local", "fast"])
def test_on_chains_that_are_not_live_three_accounts_feed_prices(preset: str) -> None:
    oracle = runtime(preset).oracle
    feeders = [named(name) for name in ("Dave", "Eve", "Ferdie")]
    assert oracle.roster.value == feeders
    assert {int(oracle.feeders.feeders[who].bond) for who in feeders} == {1_000 * BTT}
    assert oracle.quotes.all_keys() == [b"BTT/CNY", b"BTT/USD", b"BTT/HKD", b"BTT/EUR"]


def test_a_live_chain_has_rules_of_prices_and_no_feeders() -> None:
    live = runtime("seed-000")
    assert live.oracle.roster.value == []
    assert len(live.oracle.quotes.all_keys()) == 4


def test_every_preset_has_the_same_regions_which_share_all_work() -> None:
    assert sum(region.share_ppm for region in REGIONS) == 1_000_000
    for preset in CHAINS:
        regions = runtime(preset).mining.params.value.regions
        assert regions == [region.share_ppm for region in REGIONS]


def test_development_holders_have_keys_of_their_own() -> None:
    assert free("dev", dev_account("//holder//bitwave")) == 2_100_000 * BTT
    members = [dev_account(holder_path(name)) for name in ("web3v", "knc")]
    assert free("dev", Multisig.of(members, 2).account) == 630_000 * BTT


def test_live_chains_without_holders_are_held_by_no_account() -> None:
    assert {genesis(preset).unheld for preset in ("dev", "dev-manual", "local", "fast")} == {()}
    for preset in ("testnet", "seed-000", "seed-001", "seed-002", "seed-004"):
        assert genesis(preset).unheld
        assert make(CHAINS[preset]).warning is not None


def test_mainnet_is_the_first_document() -> None:
    assert chain_named("mainnet") is CHAINS["seed-000"]
    assert chain_named("btt-seed-000") is CHAINS["seed-000"]
    assert chain_named("seed-003") is None


def test_only_dev_manual_is_sealed_by_hand() -> None:
    manual = {p for p in CHAINS if runtime(p).babe.engine.value.name == "Manual"}
    assert manual == {"dev-manual"}
    assert runtime("dev-manual").babe.sealer.get() == named("Alice")


def test_a_round_of_grandpa_lasts_no_longer_than_a_slot() -> None:
    assert finality_of("Local", 2_000) == finality_of("Local", 1_000) == Finality(250, 0)
    assert finality_of("Local", 500) == finality_of("Development", 500) == Finality(125, 0)
    assert finality_of("Live", 6_000) == finality_of("Mine", 6_000) == Finality(1_000, 2)
    for preset in ("dev", "local", "fast"):
        slot_ms = int(RuntimeParams.decode(genesis(preset).state[PARAMS_KEY]).slot_ms)
        assert slot_ms == 500
        assert make(preset).finality(slot_ms).gossip_ms == 125


def lengths(found: RuntimeParams) -> tuple[int, ...]:
    """The numbers of slots of an epoch and of each step of useful work."""
    work = found.work
    steps = (
        work.accept_slots, work.transcript_slots, work.commit_slots, work.reveal_slots,
        work.challenge_slots,
    )  # fmt: skip
    return (int(found.epoch_slots), *map(int, steps))


@pytest.mark.parametrize("preset", ["dev", "local", "dev-manual"])
@pytest.mark.parametrize(
    ("slot_ms", "expected"),
    [
        (6_000, (20, 3, 5, 5, 3, 10)),
        (2_000, (20, 3, 5, 5, 3, 10)),
        (1_000, (20, 3, 5, 5, 3, 10)),
        (500, (40, 6, 10, 10, 6, 20)),
        (300, (67, 10, 17, 17, 10, 34)),
        (250, (80, 12, 20, 20, 12, 40)),
    ],
)
def test_epochs_and_steps_of_short_slots_last_as_long_as_with_slots_of_a_second(
    preset: str, slot_ms: int, expected: tuple[int, ...]
) -> None:
    spec = make(preset, slot_ms=slot_ms)
    found = RuntimeParams.decode(build(spec).state[PARAMS_KEY])
    assert (int(found.slot_ms), lengths(found)) == (slot_ms, expected)
    # The randomness of a block is as good whatever the length of its slot.
    assert (found.work.beacon_delay, found.work.beacon_authors) == (2, 1)
    if preset != "dev-manual":
        config = Document.of(spec.dumps())["genesis"]["runtimeGenesis"]["config"]
        # Seconds are enough for the job on any machine: fifty of them, or fifty slots.
        (deadline,) = (job["deadline"].value for job in config["jobs"]["protocolSets"])
        assert deadline == {500: 100, 300: 167, 250: 200}.get(slot_ms, 50)


def test_a_preset_is_itself_with_slots_of_its_own_length() -> None:
    for preset, chain in CHAINS.items():
        assert chain.with_slot(chain.slot_ms) == chain
        if not chain.is_live:
            assert make(preset, slot_ms=chain.slot_ms) == make(preset)
    # Back and forth, and not twice: numbers that were counted for half a second are not doubled.
    local = CHAINS["local"]
    assert local.with_slot(2_000).with_slot(500) == local


def test_epochs_and_steps_of_fast_last_as_long_as_those_of_local_with_slots_of_two_seconds() -> (
    None
):
    assert CHAINS["fast"].epoch_slots * 500 == 40_000
    fast = lengths(RuntimeParams.decode(genesis("fast").state[PARAMS_KEY]))
    slow = lengths(RuntimeParams.decode(build(make("local", slot_ms=2_000)).state[PARAMS_KEY]))
    assert [count * 500 for count in fast] == [count * 2_000 for count in slow]
