"""The configuration of Tokenomics: made from the rows, checked against them, kept in block zero."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import cache
from typing import Any

import pytest

from btt_chain.crypto.hashing import blake2_256
from btt_chain.primitives.account import AccountId, Id
from btt_chain.primitives.digest import H256
from btt_chain.scale import u16, u32, u64, u128
from genesis.accounts import POOLS, address, dev_account
from genesis.build import build
from genesis.catalogue import make
from genesis.holders import table
from genesis.presets import CHAINS
from genesis.spec import Plain, SpecError, read_spec
from runtime import BttRuntime
from runtime.constants import MONTH_MS
from runtime.frame import ROOT, Call, Weight, signed
from runtime.pallets.multisig.pallet import Timepoint
from runtime.pallets.tokenomics.formulas import contractual
from runtime.pallets.tokenomics.pallet import Tokenomics
from runtime.pallets.tokenomics.types import MilestoneStatus
from runtime.params import PARAMS_KEY, RuntimeParams
from support.runtime import DictState

BTT = 10**18
EVERY_CHAIN = pytest.mark.parametrize("preset", CHAINS)
UNKNOWN = address(AccountId(bytes(range(32))))
CONFIG = "spec.genesis.runtimeGenesis.config.tokenomics"


@cache
def runtime(preset: str) -> BttRuntime:
    """A runtime that stands on block zero."""
    state = DictState()
    state.data = dict(build(make(CHAINS[preset])).state)
    found = BttRuntime(RuntimeParams.decode(state.data[PARAMS_KEY]))
    found.enter(state)
    return found


def tokenomics(preset: str) -> Tokenomics:
    return runtime(preset).tokenomics


# ---- what block zero holds


@EVERY_CHAIN
def test_the_supply_is_the_documents_and_what_is_liquid_circulates(preset: str) -> None:
    document = table(CHAINS[preset].document)
    supply = tokenomics(preset).supply()
    linear = sum(row.amount for row in document.linear())
    liquid = sum(row.amount for row in document.rows if row.kind.value == "immediate")

    assert supply.genesis == supply.issuance == document.supply
    assert supply.burned == 0
    assert supply.locked == linear
    spec = make(CHAINS[preset]).genesis
    assert isinstance(spec, Plain)
    assert spec.placement is not None
    pooled = sum(
        amount for who, amount in spec.placement.balances().items() if who.startswith(b"modl")
    )
    assert supply.circulating == document.supply - pooled - linear
    assert tokenomics(preset).releases.released_now() >= liquid


def test_a_programme_has_sixteen_quarters() -> None:
    programme = tokenomics("seed-000").programmes.programmes[u32(1)]

    assert programme.pool == b"btt/fnd2"
    assert programme.months == 48
    assert [int(item.bps) for item in programme.milestones] == [625] * 16
    text = b"foundation_ai_integration: quarter 16"
    assert programme.milestones[15].description == blake2_256(text)


def test_vesting_and_the_ledger_report_the_same_at_any_time() -> None:
    built = runtime("seed-002")
    schedules = [schedule for _, held in built.vesting.schedules_ext.items() for schedule in held]
    rows = built.tokenomics.releases.contractual_rows.value
    month = MONTH_MS // 6_000
    for slot in (0, 1, 3 * month - 1, 3 * month, 6 * month, 7 * month + 1, 35 * month, 60 * month):
        vested = sum(int(schedule.vested(slot)) for schedule in schedules)
        linear = [row for row in rows if row.length]
        assert contractual(linear, slot) == vested


def test_the_launch_burn_of_a_real_chain_is_the_ecosystem_funds() -> None:
    found = fresh("dev")

    found.tokenomics.on_initialize(1)

    supply = found.tokenomics.supply()
    assert supply.burned == 30_000 * BTT
    assert supply.issuance == 20_970_000 * BTT
    assert supply.circulating == 400_000 * BTT
    assert supply.staked == 15_000 * BTT  # Alice's bonds
    assert found.balances.free(POOLS["ecos"]) == (1_470_000 - 30_000) * BTT


def fresh(preset: str) -> BttRuntime:
    """A runtime on a block zero of its own, which a test may change."""
    state = DictState()
    state.data = dict(build(make(CHAINS[preset])).state)
    found = BttRuntime(RuntimeParams.decode(state.data[PARAMS_KEY]))
    found.enter(state)
    return found


def together(runtime: BttRuntime, signers: str, count: int, call: Call) -> None:
    """Let so many of the five development keys of `signers` ask for a call."""
    keys = sorted(dev_account(f"//holder//{signers}_{number}") for number in range(1, 6))
    alice, plenty = dev_account("//Alice"), Weight(u64(10**12), u64(0))
    for place, who in enumerate(keys[:count]):
        runtime.balances.transfer(alice, who, u128(10 * BTT))
        others = [key for key in keys if key != who]
        when = Timepoint(u32(runtime.system.number.value), u32(0)) if place else None
        runtime.multisig.as_multi(signed(who), u16(3), others, when, call, plenty)


def test_three_of_the_five_known_keys_act_for_the_foundation() -> None:
    runtime = fresh("dev")
    call = runtime.call(
        "Tokenomics",
        "attest_milestone",
        programme=u32(2),
        index=u32(0),
        evidence_hash=H256(b"\x05" * 32),
    )

    together(runtime, "foundation", 2, call)
    assert (
        runtime.tokenomics.programmes.programmes[u32(2)].milestones[0].status
        is MilestoneStatus.Open
    )

    runtime = fresh("dev")
    together(runtime, "foundation", 3, call)
    assert (
        runtime.tokenomics.programmes.programmes[u32(2)].milestones[0].status
        is MilestoneStatus.Attested
    )


def test_three_of_the_five_known_keys_spend_what_is_unlocked_of_the_reserve() -> None:
    friend = AccountId(b"\xfe" * 32)
    call = fresh("dev").call(
        "Tokenomics",
        "spend_reserve",
        amount=u128(5 * BTT),
        beneficiary=Id(friend),
        reason_hash=H256(bytes(32)),
    )

    locked = fresh("dev")
    together(locked, "reserve", 3, call)
    unlocked = fresh("dev")
    unlocked.tokenomics.unlock_reserve(ROOT, u128(5 * BTT), u64(100))
    together(unlocked, "reserve", 3, call)

    assert locked.balances.free(friend) == 0
    assert unlocked.balances.free(friend) == 5 * BTT


# ---- what is refused, and in which words

Change = Callable[[dict[str, Any]], None]


def put(*path: str | int, to: object) -> Change:
    def change(section: dict[str, Any]) -> None:
        inner: Any = section
        for name in path[:-1]:
            inner = inner[name]
        inner[path[-1]] = to

    return change


def drop(*path: str | int) -> Change:
    def change(section: dict[str, Any]) -> None:
        inner: Any = section
        for name in path[:-1]:
            inner = inner[name]
        del inner[path[-1]]

    return change


DEV = make("dev").dumps()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (drop("preset"), ".preset: missing"),
        (put("preset", to="seed-001"), ".preset: expected seed-000"),
        (put("supply", to="1"), ".supply: expected 21000000000000000000000000 planck"),
        (drop("contractual", 0), ".contractual: expected a list of 9"),
        (put("contractual", 0, 0, to="1"), ".contractual[0][0]: expected 2100000000000000000000"),
        (put("contractual", 2, 1, to=1), ".contractual[2][1]: expected 15778800"),
        (put("contractual", 8, 1, to=1), ".contractual[8][1]: expected 0"),
        (drop("programmes", 3), ".programmes: expected a list of 4"),
        (put("programmes", 0, "amount", to="1"), ".programmes[0].amount: expected 1470000000"),
        (put("programmes", 0, "pool", to="btt/fnd4"), ".programmes[0].pool: expected btt/fnd1"),
        (put("programmes", 2, "months", to=47), ".programmes[2].months: expected 48"),
        (
            put("programmes", 2, "milestones", 0, 0, to=624),
            ".programmes[2].milestones: the parts add up to 9999",
        ),
        (put("milestoneBurns", 1, 1, to="1"), ".milestoneBurns[1][1]: expected 70000000000"),
        (put("milestoneBurns", 1, 0, to="x"), ".milestoneBurns[1][0]: expected hospitals_100"),
        (drop("milestoneBurns", 0), ".milestoneBurns: expected a list of 4"),
        (put("releaseTable", 0, to=2_201), ".releaseTable[0]: expected 2200"),
        (put("foundation", to=UNKNOWN), ".foundation: expected 5"),
        (drop("foundation"), ".foundation: missing"),
        (put("reserve", to="5F"), ".reserve: "),
        (put("threshold", to="0"), ".threshold: expected more than nothing"),
        (put("ceilingMode", to="never"), ".ceilingMode: expected"),
        (put("treasurySeat", to=["1", 5]), ".treasurySeat: the document gives the Foundation none"),
        (put("mint", to=1), ".mint: unknown field"),
    ],
)
def test_a_wrong_section_is_reported_by_field(change: Change, message: str) -> None:
    spec = json.loads(DEV)
    change(spec["genesis"]["runtimeGenesis"]["config"]["tokenomics"])
    with pytest.raises(SpecError) as caught:
        build(read_spec(json.dumps(spec)))
    assert f"{CONFIG}{message}" in str(caught.value)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (drop("treasurySeat"), ".treasurySeat: missing"),
        (put("treasurySeat", 0, to="1"), ".treasurySeat[0]: expected 23100000000000000000000"),
        (put("treasurySeat", 1, to=7), ".treasurySeat[1]: expected 5259600, as the allocation"),
        (put("treasurySeat", to=["1"]), ".treasurySeat: expected a list of 2"),
    ],
)
def test_the_foundations_seat_at_the_treasury_is_the_documents(
    change: Change, message: str
) -> None:
    spec = json.loads(make("seed-004").dumps())
    section = spec["genesis"]["runtimeGenesis"]["config"]["tokenomics"]
    assert section["treasurySeat"] == [str(23_100 * BTT), 5_259_600]
    change(section)
    with pytest.raises(SpecError) as caught:
        build(read_spec(json.dumps(spec)))
    assert f"{CONFIG}{message}" in str(caught.value)


def test_a_specification_with_rows_says_how_they_are_released() -> None:
    spec = json.loads(DEV)
    del spec["genesis"]["runtimeGenesis"]["config"]["tokenomics"]
    with pytest.raises(SpecError, match=r"config\.tokenomics: missing"):
        read_spec(json.dumps(spec))


def test_the_makers_of_a_chain_choose_what_the_documents_leave_open() -> None:
    spec = json.loads(DEV)
    section = spec["genesis"]["runtimeGenesis"]["config"]["tokenomics"]
    section["ceilingMode"] = "advisory"
    section["threshold"] = str(5 * BTT)
    section["programmes"][0]["milestones"] = [[10_000, "0x" + "11" * 32]]
    assert build(read_spec(json.dumps(spec))).is_ours


def test_a_wrong_multisig_of_the_allocation_is_reported() -> None:
    spec = json.loads(DEV)
    spec["allocation"]["multisigs"]["foundation"]["threshold"] = 4
    with pytest.raises(SpecError, match=r"tokenomics\.foundation: expected 5"):
        read_spec(json.dumps(spec))
    spec["allocation"]["multisigs"]["grants"] = {}
    with pytest.raises(SpecError, match=r"allocation\.multisigs\.grants: unknown field"):
        read_spec(json.dumps(spec))
