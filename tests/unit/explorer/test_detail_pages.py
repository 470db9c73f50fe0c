"""Pages of one provider, validator, model, merchant, asset; staking, vesting, upgrades, health."""

from __future__ import annotations

import asyncio
import re
from dataclasses import replace
from pathlib import Path

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient

from btt_chain.client.jsonrpc import Json
from btt_chain.explorer.doctor import Doctor, Finding
from btt_chain.explorer.index.source import EVENT_COUNT, EVENTS
from btt_chain.explorer.pages.staking import Allocated, names_of
from btt_chain.explorer.pages.validators import _shares, expected
from btt_chain.primitives.block_shares import SHARE_UNIT
from btt_chain.scale import compact_decode, compact_encode, encode, u32, u64, u128
from btt_chain.scale.portable import Plain
from runtime.constants import BTT
from runtime.pallets.incentives.stats import Statistics
from runtime.pallets.tier_staking.formulas import accrued
from runtime.pallets.tokenomics.types import ContractualRow
from support.chain import ALICE, BOB
from support.document import Document
from support.explorer import ChainConnection, hex_of, index_chain, pages_of, unhex
from support.explorer_economy import JOBS, MODEL, statistics

Client = TestClient[web.Request, web.Application]

VRF_SLOTS = "PrimaryAndSecondaryVRFSlots"
MODEL_ID = f"0x{bytes(MODEL).hex()}"
FORGED = [
    ("/model/0x12", 400), (f"/model/0x{'9' * 64}", 404), ("/models?after=x", 400),
    ("/provider/Alice", 404), ("/provider/5Grw", 400), ("/validator/Bob", 404),
    ("/merchant/Alice", 404), ("/asset/9", 404), ("/asset/x", 400),
    ("/staking?amount=lots", 400), ("/staking?amount=1000&tier=x", 400),
    ("/staking?amount=1e9", 400), ("/staking?amount=" + "9" * 60, 400),
    ("/statistics?month=x", 400), ("/statistics?month=7", 404), ("/receipt/0x12", 400),
]  # fmt: skip


async def text(client: Client, path: str, **headers: str) -> str:
    answer = await client.get(path, headers=headers)
    body = await answer.text()
    assert answer.status == 200, (path, body)
    return body


async def data(client: Client, path: str) -> Document:
    return Document.of(await text(client, path, Accept="application/json"))


async def test_forged_numbers_are_refused_in_words(economy_client: Client) -> None:
    for path, status in FORGED:
        answer = await economy_client.get(path)
        assert answer.status == status, path
        assert "Traceback" not in await answer.text()


async def test_the_calculator_gives_the_reward_of_the_chain_s_formula(
    economy_client: Client,
) -> None:
    found = await data(economy_client, "/staking?amount=100000&tier=4")
    offer = found["offer"]
    gross = accrued(100_000 * int(BTT), 1_800, 1_095 * 86_400_000)
    assert offer.pick("gross", "burned") == (str(gross), str(gross // 10))
    assert int(offer["net"]) == gross - gross // 10
    assert int(found["pool"]["free"]) == 1_008_000 * int(BTT)
    page = await text(economy_client, "/staking?amount=100000%20BTT&tier=4")
    assert "special services" in page
    assert '<option value="4" selected>' in page
    small = await text(economy_client, "/staking?amount=1&tier=4")
    assert "is below the minimum of this tier" in small
    missing = await data(economy_client, "/staking?amount=100000&tier=5")
    assert missing["offer"]["isPossible"].value is False


async def test_vesting_rows_are_curves_with_the_same_numbers_beneath(
    economy_client: Client,
) -> None:
    found = await data(economy_client, "/vesting")
    assert [str(each["name"]) for each in found["rows"]] == [
        "bitwave", "cdhg", "mdao", "web3v_knc", "cryptoseed_an", "team_core",
        "team_technical_advisors", "team_medical_advisors", "liquidity",
    ]  # fmt: skip
    page = await text(economy_client, "/vesting")
    assert page.count("<svg") == page.count("</details>") == len(found["rows"])
    for row in found["rows"]:
        assert row["years"][-1]["released"] == row["amount"]
        assert int(row["released"]) <= int(row["amount"])


async def test_a_provider_has_the_factors_of_its_score_and_what_it_does(
    economy_client: Client,
) -> None:
    found = await data(economy_client, "/provider/Bob")
    factors = {each["name"]: each["millionths"] for each in found["score"]["factors"]}
    assert factors == {
        "uptime": 10**6, "quality": 10**6, "geography": 10**6, "energy": 800_000,
    }  # fmt: skip
    assert found["score"]["product"] == 800_000
    page = await text(economy_client, "/provider/Bob")
    assert "× 0.80" in page
    assert "Nothing was earned or lost yet." in page
    assert "0 receipts, 0 found valid" in page


async def test_a_validator_has_its_blocks_its_bond_and_its_offences(
    economy_client: Client,
) -> None:
    found = await data(economy_client, "/validator/Alice")
    assert found["made"] == found["blocks"] == 3
    assert found["bond"] == str(10_000 * int(BTT))
    assert found["barredUntil"] == 9
    (offence,) = found["offences"]
    assert offence.pick("kind", "charged") == ("two blocks in one slot", str(100 * int(BTT)))
    page = await text(economy_client, "/validator/Alice")
    picture = page[page.index("<svg") : page.index("</svg>")]
    assert "3 blocks made, 3.0 expected" in picture
    assert "Barred from standing until session 9." in page


def test_the_band_of_expected_blocks_is_that_of_the_binomial_distribution() -> None:
    quarter = 0.25
    assert expected(600, quarter) == {"expected": 150.0, "low": 128, "high": 172}
    assert expected(0, quarter) == {"expected": 0.0, "low": 0, "high": 0}
    assert expected(600, None)["expected"] is None


@pytest.mark.parametrize(
    ("config", "rule", "shares"),
    [
        ({"c": [1, 2], "allowed_slots": VRF_SLOTS}, "Uniform", [625_000_000, 375_000_000]),
        ({"c": [1, 4], "allowed_slots": VRF_SLOTS}, "Uniform", [562_500_000, 437_500_000]),
        ({"c": [1, 2], "allowed_slots": VRF_SLOTS}, "Weighted", [750_000_000, 250_000_000]),
        ({"c": [1, 2], "allowed_slots": "PrimarySlots"}, "Uniform", [750_000_000, 250_000_000]),
        # What no chain has: the page shows the weights.
        ({"c": [1, 0], "allowed_slots": VRF_SLOTS}, "Uniform", [750_000_000, 250_000_000]),
        ({"c": "half"}, 7, [750_000_000, 250_000_000]),
        (None, None, [750_000_000, 250_000_000]),
    ],
)
def test_a_validators_share_is_by_weight_and_by_the_slots_that_all_have(
    config: Plain, rule: Plain, shares: list[int]
) -> None:
    assert _shares([3, 1], config, rule) == [share / SHARE_UNIT for share in shares]


async def test_a_model_has_a_card_with_its_price_and_open_jobs(economy_client: Client) -> None:
    page = await text(economy_client, f"/model/{MODEL_ID}")
    assert "&lt;script&gt;{who}" in page
    assert page.count("<script") == 1
    assert "The manifest is not stored." in page
    found = await data(economy_client, f"/model/{MODEL_ID}")
    # 3 GMAC, and 64 MACs for each of 10,000 bytes of leaves.
    assert int(found["pricePerItem"]) == int(found["base"]) * 3_000_640_000 // 10**9
    assert "What the owner says" in page
    assert "has measured none of this" in page
    assert [each["state"] for each in found["jobs"]] == ["Posted"]
    assert MODEL_ID in await text(economy_client, "/models")


async def test_a_search_finds_models_and_assets_by_a_part_of_their_names(
    economy_client: Client,
) -> None:
    found = (await data(economy_client, "/search?q=SCRIPT"))["found"]
    assert [each.pick("kind", "to") for each in found] == [
        ("model", f"/model/{MODEL_ID}"), ("asset", "/asset/0"),
    ]  # fmt: skip
    page = await text(economy_client, "/search?q=script%3E")
    assert "&lt;script&gt;{who}" in page
    assert page.count("<script") == 1


async def test_a_merchant_has_its_terms_and_no_payers(economy_client: Client) -> None:
    page = await text(economy_client, "/merchant/Bob")
    assert "suspended, accepts no payments" in page
    assert "too many lost disputes" in page
    assert "5912" in page
    assert "Alice" not in page
    assert "/merchant/" in await text(economy_client, "/payfi")


async def test_all_merchants_are_listed_page_by_page(
    economy_client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = (await data(economy_client, "/payfi"))["merchants"].value
    assert isinstance(whole, list)
    assert len(whole) == 3
    monkeypatch.setattr("btt_chain.explorer.pages.merchants.PAGE", 1)
    query = ""
    for number, row in enumerate(whole):
        shown = await data(economy_client, f"/payfi{query}")
        assert shown["merchants"].value == [row]
        after = None if number == 2 else row["account"]["address"]
        assert shown["next"].value == after
        page = await text(economy_client, f"/payfi{query}")
        assert ("/payfi?after=" in page) == (after is not None)
        query = f"?after={after}"
    lines = (await text(economy_client, "/export/merchants.csv")).splitlines()
    assert [line.partition(",")[0] for line in lines[1:]] == [
        row["account"]["address"] for row in whole
    ]


async def test_an_asset_has_its_reports_and_the_history_of_its_value(
    economy_client: Client,
) -> None:
    found = await data(economy_client, "/asset/0")
    assert [int(each["value"]) // int(BTT) for each in found["valuations"]] == [40_000, 50_000]
    assert [each.pick("role", "approved") for each in found["reports"]] == [("Technical", True)]
    page = await text(economy_client, "/asset/0")
    assert "1: 40" in page[page.index("<desc") :]
    assert '<a href="/market/0">' in page
    assert re.search(r"<td[^>]*>2027-01-15 \d\d:\d\d UTC</td>", page)


async def test_chambers_have_the_weights_of_the_documents_by_year(economy_client: Client) -> None:
    found = await data(economy_client, "/chambers")
    institutions = [row["shares"][0] for row in found["years"]]
    assert institutions == [700_000, 500_000, 400_000, 200_000]
    assert len(found["institutions"]) == 5
    page = await text(economy_client, "/chambers")
    assert "2025: institutions 70.0" in page[page.index("<desc") :]
    assert "No candidates stand yet." in page


async def test_upgrades_have_versions_with_the_hash_of_their_code(economy_client: Client) -> None:
    found = await data(economy_client, "/upgrades")
    (version,) = found["versions"]
    assert version.pick("version", "first") == (100, 0)
    assert re.fullmatch("0x[0-9a-f]{64}", str(version["codeHash"]))
    assert "No upgrade is scheduled." in await text(economy_client, "/upgrades")


# ---- statistics


def month(number: int) -> Json:
    """Return the answer of the runtime API for a month: 3 and 4 are published."""
    if number not in {3, 4}:
        return "0x00"
    table = statistics()
    return "0x01" + encode(Statistics, Statistics(u32(number), table.rows, table.shown)).hex()


def publish(method: str, params: tuple[Json, ...], answer: Json) -> Json:
    if method != "state_call" or params[0] != "IncentivesApi_stats":
        return answer
    return month(int.from_bytes(bytes.fromhex(str(params[1])[2:]), "little"))


class Later:
    """A node whose current month is the fifth."""

    def __call__(self, method: str, params: tuple[Json, ...], answer: Json) -> Json:
        if method == "state_call" and params[0] == "IncentivesApi_current":
            return "0x05000000" + str(answer)[10:]
        return publish(method, params, answer)


async def test_published_months_are_shown_without_small_cells_and_asking_again_gives_no_more(
    economy_index: Path, economy: ChainConnection
) -> None:
    one = ChainConnection(economy.chain, lie=Later())
    async with pages_of(one, economy_index) as (client, _):
        found = await data(client, "/statistics")
        assert [each["month"] for each in found["months"]] == [3, 4]
        assert found["statistics"]["month"] == 4
        first = await data(client, "/statistics?month=3")
        cells = [cell for row in first["statistics"]["rows"] for cell in row["cells"]]
        numbers = [int(cell["points"]) for cell in cells if cell["points"].value is not None]
        assert numbers
        assert all(each == 0 or (each >= 11 and each % 5 == 0) for each in numbers)
        for _day in range(3):
            assert await data(client, "/statistics?month=3") == first
        page = await text(client, "/statistics?month=3")
        assert "hidden" in page
        assert ">4<" not in page[page.index("Month 3") :]


async def test_a_small_cell_that_a_node_gives_is_not_shown(
    economy_index: Path, economy: ChainConnection
) -> None:
    def reveal(method: str, params: tuple[Json, ...], answer: Json) -> Json:
        if method == "state_call" and params[0] == "IncentivesApi_stats":
            table = statistics()
            for row in table.rows:
                row.cells[0] = type(row.cells[0])(row.cells[0].kind, u64(4))
            return "0x01" + encode(Statistics, table).hex()
        return answer

    one = ChainConnection(economy.chain, lie=reveal)
    async with pages_of(one, economy_index) as (client, _):
        found = await data(client, "/statistics")
        assert {row["cells"][0]["points"] for row in found["statistics"]["rows"]} == {None}


# ---- health of the node


async def test_health_is_examined_once_and_others_see_no_details(
    economy_index: Path, economy: ChainConnection
) -> None:
    times: list[int] = []
    is_done = asyncio.Event()

    async def examine() -> list[Finding]:
        times.append(1)
        is_done.set()
        return [
            Finding("node", "OK", "btt at ws://10.0.0.7", ""),
            Finding("peers", "WARN", "none", "look at the firewall"),
        ]

    async with pages_of(economy, economy_index) as (client, server):
        assert "cannot examine its node" in await text(client, "/doctor")
        server.context.doctor = Doctor(examine)
        assert "is being examined" in await text(client, "/doctor")
        await is_done.wait()
        page = await text(client, "/doctor")
        assert "ws://10.0.0.7" in page
        assert "look at the firewall" in page
        assert (await data(client, "/doctor"))["worst"] == "WARN"
        server.context.is_public = True
        page = await text(client, "/doctor")
        assert "peers" in page
        assert "10.0.0.7" not in page + str(await data(client, "/doctor"))
        assert len(times) == 1
        await server.context.doctor.close()


# ---- events of earnings and upgrades


def event(chain: ChainConnection, name: str, fields: bytes) -> bytes:
    """Return the record of an event of the block itself."""
    pallet, _, kind = name.partition(".")
    owner = chain.chain.runtime.pallet_named(pallet)
    (index,) = (index for index, event in owner.EVENTS.items() if event.__name__ == kind)
    return b"\1" + bytes((owner.index, index)) + fields + b"\0"


class Added:
    """A node whose third block has further events."""

    def __init__(self, chain: ChainConnection, records: list[bytes]) -> None:
        self.at = hex_of(chain.view.best().hash)
        self.records = records

    def __call__(self, method: str, params: tuple[Json, ...], answer: Json) -> Json:
        if method != "state_queryStorageAt" or params[1] != self.at:
            return answer
        assert isinstance(answer, list)
        assert isinstance(answer[0], dict)
        changes = answer[0]["changes"]
        assert isinstance(changes, list)
        for pair in changes:
            assert isinstance(pair, list)
            if pair[0] == hex_of(EVENTS):
                raw = unhex(str(pair[1]))
                count, start = compact_decode(raw, 0)
                added = compact_encode(count + len(self.records))
                pair[1] = hex_of(added + raw[start:] + b"".join(self.records))
            elif pair[0] == hex_of(EVENT_COUNT):
                count = int.from_bytes(unhex(str(pair[1])), "little") + len(self.records)
                pair[1] = hex_of(count.to_bytes(4, "little"))
        return answer


async def test_earnings_penalties_and_upgrades_are_read_from_events(
    economy: ChainConnection, tmp_path: Path
) -> None:
    bob, job = BOB.account_id, bytes(JOBS[1])
    planck = [(amount * int(BTT)).to_bytes(16, "little") for amount in (30, 2, 1, 5)]
    records = [
        event(economy, "Jobs.Finalized", job + bob + b"".join(planck)),
        event(economy, "Providers.Fined", bob + planck[3]),
        event(economy, "Providers.Fined", ALICE.account_id + planck[3]),
        event(economy, "Upgrade.UpgradeScheduled", (101).to_bytes(4, "little") + bytes(8)),
    ]
    one = ChainConnection(economy.chain, lie=Added(economy, records), kind="Development")
    await index_chain(one, tmp_path / "index.db")
    async with pages_of(one, tmp_path / "index.db") as (client, _):
        found = await data(client, "/provider/Bob")
        assert found["sums"] == {
            "submitted": 0, "valid": 1, "fraud": 0, "fined": 1,
            "earned": str(30 * int(BTT)), "lost": str(5 * int(BTT)),
        }  # fmt: skip
        assert [each["event"] for each in found["earnings"]] == [
            "Jobs.Finalized",
            "Providers.Fined",
        ]
        assert found["earnings"][0]["job"] == "0x" + job.hex()
        page = await text(client, "/provider/Bob")
        assert "−5 BTT" in page
        (decision,) = (await data(client, "/upgrades"))["decisions"]
        assert decision.pick("version", "what", "height") == (101, "scheduled", 3)
        assert "the block itself" in await text(client, "/upgrades")


def test_rows_of_one_amount_are_named_by_their_schedules_while_there_are_some() -> None:
    rows = [
        ContractualRow(u128(5), u64(start), u64(length), u64(start))
        for start, length in ((1, 10), (2, 10), (0, 0))
    ]
    ours, theirs = [(1, 10, 1)], [(2, 10, 2)]
    free = Allocated("free", 5, is_immediate=True, schedules=[])
    both = [Allocated("a", 5, is_immediate=False, schedules=theirs),
            Allocated("b", 5, is_immediate=False, schedules=ours), free]  # fmt: skip
    assert names_of(rows, both) == ["b", "a", "free"]
    paid = [replace(each, schedules=[]) for each in both]
    assert names_of(rows, paid) == ["a, b", "a, b", "free"]
    assert names_of(rows, [replace(both[0], schedules=[]), both[1], free]) == ["b", "a", "free"]
    assert names_of(rows, []) == [None, None, None]
