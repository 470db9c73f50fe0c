"""`premium`: services with their prices, and access bought for months."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator
from dataclasses import replace

import pytest

from btt_chain.client.typed import open_runtime
from btt_chain.crypto.keypair import KeyPair
from btt_chain.present import Context
from btt_chain.scale import u8, u32, u64, u128
from cli.commands.premium import until
from runtime.constants import BTT
from runtime.pallets.tier_staking.pallet import TierStaking
from runtime.pallets.tier_staking.types import PremiumView
from support.commands import document, run
from support.instant_node import instant_node

ALICE = KeyPair.from_uri("//Alice")
MONTH_MS = 30 * 86_400_000


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Run a chain on which stakes warm up at once; Alice staked for the shortest term."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(TierStaking, "warm_up", u64(0))
        with instant_node(tmp_path_factory.mktemp("premium")) as address:
            asyncio.run(stake(address))
            yield address


async def stake(url: str) -> None:
    async with open_runtime(url) as chain:
        await chain.submit(
            "TierStaking", "stake", signer=ALICE, amount=u128(1_000 * BTT), tier=u8(0),
            min_reward=None,
        )  # fmt: skip


def test_services_are_listed_with_what_an_account_has(url: str) -> None:
    shown = run(url, "premium", "list", "//Bob")
    assert shown.exit_code == 0, shown.stderr
    assert "priority for jobs" in shown.stdout
    assert "50 BTT" in shown.stdout
    (row,) = document(url, "premium", "list", "//Bob")
    assert row == {
        "service": 0, "minTier": 0, "price": str(50 * BTT), "entitled": False, "until": "0",
        "hasAccess": False,
    }  # fmt: skip


def test_buying_says_what_it_cost_and_what_was_burned(url: str) -> None:
    bought = run(url, "premium", "buy", "0", "--months", "2", "--from", "//Alice")
    assert bought.exit_code == 0, bought.stderr
    words = bought.stdout + bought.stderr
    assert "for 100 BTT" in words
    assert "2.03 BTT of it were burned" in words
    (row,) = document(url, "premium", "list", "//Alice")
    assert row.pick("entitled", "hasAccess") == (True, True)
    assert int(row["until"]) >= 2 * MONTH_MS
    (line,) = run(url, "premium", "list", "//Alice").stdout.splitlines()[3:4]
    assert re.search(r"priority for jobs +50 BTT +0 +yes +\d{4}-\d\d-\d\d \d\d:\d\d UTC$", line)


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (("0", "--from", "//Bob"), "No stake gives access"),
        (("5", "--from", "//Alice"), "service 5 is not on sale"),
        (("0", "--max-price", "49BTT", "--from", "//Alice"), "costs more than"),
        (("0", "--months", "13", "--from", "//Alice"), "13"),
    ],
)
def test_a_refusal_says_why(url: str, words: tuple[str, ...], why: str) -> None:
    refused = run(url, "premium", "buy", *words)
    assert refused.exit_code != 0
    assert why in refused.stderr + refused.stdout


def test_access_that_cannot_be_used_now_is_marked() -> None:
    context = Context(genesis_ms=1_800_000_000_000)
    view = PremiumView(u32(0), u8(0), u128(BTT), False, u64(MONTH_MS), False)
    assert until(view, context) == "2027-02-14 08:00 UTC (not now)"
    assert until(replace(view, has_access=True), context) == "2027-02-14 08:00 UTC"
    assert until(replace(view, until=u64(0)), context) == "-"
