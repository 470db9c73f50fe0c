"""oracle_*, over the block zero of a development chain."""

from __future__ import annotations

import pytest

from btt_chain.scale import u64, u128
from genesis.accounts import address, dev_account
from runtime import BttRuntime
from runtime.constants import BTT
from runtime.frame import signed
from runtime.pallets.oracle.types import Rule
from support.rpc_client import CallFailed, HttpClient

DAVE, EVE, FERDIE = (dev_account(f"//{name}") for name in ("Dave", "Eve", "Ferdie"))
NOW = 1_760_000_000_000
PRICE = 4 * 10**17


@pytest.fixture
def fed(runtime: BttRuntime) -> BttRuntime:
    """A chain whose three feeders fed BTT/CNY."""
    runtime.timestamp.now.value = u64(NOW)
    for place, who in enumerate((DAVE, EVE, FERDIE)):
        runtime.oracle.feed_values(signed(who), [(b"BTT/CNY", u128(PRICE + place))])
    runtime.oracle.on_finalize(1)
    return runtime


async def test_a_new_chain_has_keys_without_prices(http: HttpClient, runtime: BttRuntime) -> None:
    names = ["BTT/CNY", "BTT/USD", "BTT/HKD", "BTT/EUR"]
    values = await http.call("oracle_getAllValues", "Aggregated")
    assert values == [[name, None] for name in names]
    prices = await http.call("oracle_prices")
    assert [(each["key"], each["state"]) for each in prices] == [(name, "Few") for name in names]
    rule = Rule()
    assert prices[0]["rule"] == {
        "minCount": 3,
        "expiresMs": str(int(rule.expires_ms)),
        "jumpBps": 1_000,
        "settleMs": str(int(rule.settle_ms)),
        "heartbeatMs": str(int(rule.heartbeat_ms)),
        "deviationBps": 50,
    }


async def test_a_price_has_the_shape_of_orml(http: HttpClient, fed: BttRuntime) -> None:
    value = {"value": str(PRICE + 1), "timestamp": str(NOW)}
    for provider in ("Aggregated", 0):
        for key in ("BTT/CNY", "0x" + b"BTT/CNY".hex()):
            assert await http.call("oracle_getValue", provider, key) == value
    assert (await http.call("oracle_getAllValues", "Aggregated"))[0] == ["BTT/CNY", value]


async def test_a_price_that_jumps_or_is_stale_is_no_value(
    http: HttpClient, fed: BttRuntime
) -> None:
    fed.timestamp.now.value = u64(NOW + 1)
    for who in (DAVE, EVE):
        fed.oracle.feed_values(signed(who), [(b"BTT/CNY", u128(2 * PRICE))])
    fed.oracle.on_finalize(2)
    assert await http.call("oracle_getValue", "Aggregated", "BTT/CNY") is None
    price = (await http.call("oracle_prices"))[0]
    assert (price["state"], price["value"]["value"]) == ("Jumping", str(PRICE + 1))
    center = {"value": str(2 * PRICE), "timestamp": str(NOW + 1)}
    assert price["waiting"] == {"center": center, "since": str(NOW + 1)}
    fed.timestamp.now.value = u64(NOW + 3_600_001)
    assert (await http.call("oracle_prices"))[0]["state"] == "Stale"


async def test_the_development_chain_has_three_feeders(http: HttpClient, fed: BttRuntime) -> None:
    feeders = await http.call("oracle_feeders")
    assert [each["account"] for each in feeders] == [address(who) for who in (DAVE, EVE, FERDIE)]
    assert feeders[0] == await http.call("oracle_feeder", address(DAVE))
    assert feeders[0] | {"fedAt": ""} == {
        "account": address(DAVE),
        "bond": str(1_000 * int(BTT)),
        "since": "0",
        "state": "Active",
        "fedAt": "",
        "fed": 0,
        "missed": 0,
        "freeAt": "0",
        "values": [["BTT/CNY", {"value": str(PRICE), "timestamp": str(NOW)}]],
    }
    assert await http.call("oracle_feeder", address(dev_account("//Alice"))) is None


async def test_wrong_questions_are_refused_by_name(http: HttpClient, runtime: BttRuntime) -> None:
    for params, why in (
        (["Acala", "BTT/CNY"], "`providerId`: no source of values; known are Aggregated"),
        ([True, "BTT/CNY"], "`providerId`"),
        (["Aggregated", ""], "a key has 1 to 16 bytes"),
        (["Aggregated", "x" * 17], "a key has 1 to 16 bytes"),
        (["Aggregated", "0x4"], "pairs of hexadecimal digits"),
    ):
        with pytest.raises(CallFailed, match=why):
            await http.call("oracle_getValue", *params)
    assert await http.call("oracle_getValue", "Aggregated", "BTT/XXX") is None
