"""tokenomics_*, staking_* and mining_*, over the block zero of a development chain."""

from __future__ import annotations

import pytest

from btt_chain.present.composites import camel_case
from btt_chain.primitives import ss58
from btt_chain.scale import u8, u32, u64, u128
from genesis.accounts import POOLS, address, dev_account
from runtime import BttRuntime
from runtime.constants import BTT
from runtime.frame import signed
from runtime.pallets.mining.shares import added
from runtime.pallets.mining.types import Running
from runtime.pallets.tier_staking.formulas import accrued
from runtime.pallets.tier_staking.types import ContributionPoints, Quarter
from support.rpc_client import CallFailed, HttpClient

ALICE = dev_account("//Alice")
UNKNOWN = "0x" + "11" * 32


async def test_the_supply_is_returned_with_its_burns(http: HttpClient, runtime: BttRuntime) -> None:
    runtime.balances.burn(signed(ALICE), u128(7), True)
    supply = await http.call("tokenomics_supply")
    assert supply == {
        "genesis": str(21_000_000 * int(BTT)),
        "burned": "7",
        "issuance": str(21_000_000 * int(BTT) - 7),
        "circulating": str(400_000 * int(BTT) - 7),
        "locked": str(6_510_000 * int(BTT)),
        "staked": str(10_000 * int(BTT)),
        "burnedBy": dict.fromkeys(supply["burnedBy"], "0") | {"Voluntary": "7"},
    }
    assert list(supply["burnedBy"])[:2] == ["Compute", "Asset"]


async def test_a_year_is_returned_beside_its_ceiling(http: HttpClient, runtime: BttRuntime) -> None:
    first = await http.call("tokenomics_release", 2025)
    assert first["year"] == 2025
    assert first["table"] == first["ceiling"] == str(4_620_000 * int(BTT))
    assert first["mining"] == str(1_260_000 * int(BTT))
    later = await http.call("tokenomics_release", 2026)
    assert later["contractual"] == str(2_212_000 * int(BTT))
    assert later["headroom"] == str(2_079_000 * int(BTT))
    assert (await http.call("tokenomics_release", 2077))["year"] == 2030


async def test_every_pool_is_returned_by_its_name(http: HttpClient, runtime: BttRuntime) -> None:
    pools = {pool["id"]: pool for pool in await http.call("tokenomics_pools")}
    assert {f"btt/{name}" for name in POOLS} | {"py/trsry"} == set(pools)
    assert pools["btt/stak"] == {
        "id": "btt/stak",
        "account": address(POOLS["stak"]),
        "allocated": str(1_008_000 * int(BTT)),
        "released": "0",
        "burned": "0",
        "balance": str(1_008_000 * int(BTT)),
    }


async def test_a_stakers_benefits_are_returned(http: HttpClient, runtime: BttRuntime) -> None:
    who = address(ALICE)
    nothing = {"priority": False, "discountBps": 0, "voteBps": 10_000, "special": False}
    assert await http.call("staking_benefits", who) == nothing
    runtime.tier_staking.stake(signed(ALICE), u128(10_000 * BTT), u8(2), None)
    assert await http.call("staking_benefits", who) == nothing
    day = 86_400_000 // int(runtime.tier_staking.slot_ms)
    runtime.babe.current_slot.value += day
    assert await http.call("staking_benefits", who) == {
        "priority": True,
        "discountBps": 2_000,
        "voteBps": 10_000,
        "special": False,
    }


async def test_premium_services_are_returned_with_what_an_account_has(
    http: HttpClient, runtime: BttRuntime
) -> None:
    (service,) = await http.call("staking_premium", address(ALICE))
    assert service == {
        "service": 0, "minTier": 0, "price": str(50 * int(BTT)), "entitled": False, "until": "0",
        "hasAccess": False,
    }  # fmt: skip


async def test_contributions_are_returned_with_what_can_be_claimed(
    http: HttpClient, runtime: BttRuntime
) -> None:
    found = await http.call("staking_contributions", address(ALICE))
    assert found == {
        "quarter": 0, "counts": False, "points": "0", "claimable": [],
        "budget": str(378_000 * int(BTT) // 32),
        "mine": {
            "votes": 0, "referrals": 0, "credentials": 0, "points": 0, "bound": "0",
        },
    }  # fmt: skip
    contributions = runtime.tier_staking.contributions
    contributions.quarters[u32(0)] = Quarter(u64(4), u128(100 * BTT))
    contributions.contrib_points[u32(0), ALICE] = ContributionPoints(u32(3), points=u32(3))
    quarter = int(runtime.tier_staking.quarter) // int(runtime.tier_staking.slot_ms)
    runtime.babe.current_slot.value += quarter
    later = await http.call("staking_contributions", address(ALICE))
    assert (later["quarter"], later["claimable"]) == (1, [[0, str(75 * int(BTT))]])


async def test_the_reward_of_a_stake_is_that_of_the_chain_s_formula(
    http: HttpClient, runtime: BttRuntime
) -> None:
    amount = 1_000 * int(BTT)
    quote = await http.call("staking_quote", str(amount), 0)
    assert quote["termMs"] == str(30 * 86_400_000)
    assert int(quote["gross"]) == amount * quote["rewardBps"] * 30 // (10_000 * 365)
    assert int(quote["net"]) + int(quote["burned"]) == int(quote["gross"])
    assert quote["reduced"] is False
    assert await http.call("staking_quote", str(amount - 1), 0) is None
    assert await http.call("staking_quote", str(amount), 5) is None
    dear = await http.call("staking_quote", str(2**128 - 1), 4)
    assert dear["reduced"] is True
    runtime.tier_staking.stake(signed(ALICE), u128(amount), u8(0), None)
    stake = runtime.tier_staking.ledger.stakes[ALICE, u32(0)]
    assert accrued(stake.amount, stake.bps, 30 * 86_400_000) == int(quote["gross"])


async def test_an_operator_and_what_it_would_earn_are_returned(
    http: HttpClient, runtime: BttRuntime
) -> None:
    who = address(ALICE)
    operator = await http.call("mining_operator", who)
    assert (operator["operator"], operator["energy"], operator["score"]) == (None, 800_000, "0")
    assert await http.call("mining_estimate", who) is None

    mining = runtime.mining
    mining.eras.shares[u32(0), ALICE] = added([], 5, int(BTT))
    mining.eras.running.value = Running(u128(5), u128(5), u128(BTT), u128(5), u32(1))
    estimate = await http.call("mining_estimate", who)
    assert estimate["era"] == 0
    assert estimate["reward"] == str(min(int(BTT), int(estimate["part"])))
    assert estimate["claimableUntil"] is None
    assert await http.call("mining_estimate", who, 4) is None


async def test_wrong_questions_are_refused_by_name(http: HttpClient, runtime: BttRuntime) -> None:
    for method, params, why in (
        ("staking_benefits", ["x"], "`account`"),
        ("staking_benefits", [ss58.encode(bytes(33))], "`account`: an account has 32 bytes"),
        ("staking_benefits", [5], "`account`: expected a string"),
        ("tokenomics_release", [], "year"),
        ("tokenomics_release", [-1], "`year`: expected an integer"),
        ("mining_estimate", [address(ALICE), "1"], "`era`"),
        ("tokenomics_supply", ["0x12"], "`at`: expected a hash"),
    ):
        with pytest.raises(CallFailed) as refusal:
            await http.call(method, *params)
        assert refusal.value.code == -32602
        assert why in str(refusal.value)


async def test_an_unknown_block_is_an_error_of_the_runtime(
    http: HttpClient, runtime: BttRuntime
) -> None:
    with pytest.raises(CallFailed) as refusal:
        await http.call("tokenomics_supply", UNKNOWN)
    assert "did not answer" in str(refusal.value)


async def test_a_chain_without_such_an_economy_says_so(http: HttpClient) -> None:
    with pytest.raises(CallFailed) as refusal:
        await http.call("tokenomics_pools")
    assert "did not answer" in str(refusal.value)


async def test_the_methods_are_listed(http: HttpClient) -> None:
    names = (await http.call("rpc_methods"))["methods"]
    assert {
        "tokenomics_supply",
        "tokenomics_release",
        "tokenomics_pools",
        "staking_benefits",
        "staking_premium",
        "staking_contributions",
        "mining_operator",
        "mining_estimate",
    } <= set(names)


def test_members_are_named_as_json_has_them() -> None:
    assert camel_case("discount_bps") == "discountBps"
    assert camel_case("era") == "era"
