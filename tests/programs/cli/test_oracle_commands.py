"""`oracle` and `feeder` on a small chain, as people type them."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from btt_chain.client import BlockingChain
from btt_chain.client.typed import open_runtime
from btt_chain.crypto.keypair import KeyPair
from btt_chain.primitives import ss58
from btt_chain.scale import u128
from cli.program import program
from runtime.constants import BTT
from support.instant_node import instant_node
from support.providers import provider_info

KEY = "BTT/CNY"
ONE = 10**18


def run(*args: str) -> Result:
    return CliRunner().invoke(program, list(args), prog_name="btt-chain")


def good(*args: str) -> str:
    result = run(*args)
    assert result.exit_code == 0, result.stderr
    return result.stdout + result.stderr


def documents(*args: str) -> list[dict[str, object]]:
    found = json.loads(good(*args, "--json"))
    return [dict(each) for each in (found if isinstance(found, list) else [found])]


def document(*args: str) -> dict[str, object]:
    return documents(*args)[0]


@pytest.fixture
def chain(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A node that all commands ask, and a folder with three files of prices."""
    for name, text in (("a", "0.40"), ("b", "0.41"), ("c", "0.42")):
        (tmp_path / name).write_text(text)
    monkeypatch.chdir(tmp_path)
    with instant_node(tmp_path / "node") as url:
        monkeypatch.setenv("BTT_URL", url)
        yield tmp_path


def feed(who: str, *more: str) -> Result:
    sources = [part for name in "abc" for part in ("--source", f"file:{name}")]
    return run("feeder", KEY, *sources, "--from", f"//{who}", "--once", *more)


def test_three_feeders_make_a_price(chain: Path) -> None:
    del chain
    assert [view["state"] for view in documents("oracle", "prices")] == ["Few"] * 4
    for who in ("Dave", "Eve"):
        assert feed(who).exit_code == 0
    dry = feed("Ferdie", "--dry-run", "--json")
    assert json.loads(dry.stdout) == {"event": "would feed", "values": {KEY: str(41 * ONE // 100)}}
    assert document("oracle", "prices")["state"] == "Few"
    assert feed("Ferdie").exit_code == 0
    price = document("oracle", "prices")
    assert price["state"] == "Ready"
    assert isinstance(price["value"], dict)
    assert price["value"]["value"] == str(41 * ONE // 100)
    assert "0.41   ready" in good("oracle", "prices")
    assert good("oracle", "feeders").count(f"{KEY} 0.41") == 3


def test_a_valid_feed_costs_no_fee_and_a_refused_one_does(chain: Path) -> None:
    del chain

    def free() -> int:
        with BlockingChain.connect(os.environ["BTT_URL"]) as node:
            account = node.storage("System.Account", "//Dave")
        assert isinstance(account, dict)
        assert isinstance(account["data"], dict)
        return int(str(account["data"]["free"]))

    before = free()
    assert feed("Dave").exit_code == 0
    assert free() == before
    zero = ("Oracle.feed_values", f'[["{KEY}", "0planck"]]', "--from", "//Dave")
    assert "would fail now: Oracle.Zero" in run("tx", "call", *zero).stderr
    assert free() == before
    assert "Oracle.Zero" in run("tx", "call", *zero, "--force").stderr
    assert free() < before


def test_a_feeder_joins_and_leaves(chain: Path) -> None:
    del chain
    low = run("oracle", "join", "999BTT", "--from", "//Bob")
    assert low.exit_code == 1
    assert "Oracle.LowBond" in low.stderr
    assert "1_000 BTT bonded" in good("oracle", "join", "1000BTT", "--from", "//Bob")
    assert document("oracle", "show", "//Bob")["state"] == "Candidate"
    refused = feed("Bob")
    assert refused.exit_code == 1
    assert "is not admitted: the Technical track admits feeders" in refused.stderr
    left = document("oracle", "leave", "--from", "//Bob")
    assert document("oracle", "show", "//Bob")["freeAt"] == left["freeAt"]
    assert "bond free" in good("oracle", "show", "//Bob")
    assert "Oracle.StillBonded" in run("oracle", "withdraw", "--from", "//Bob").stderr
    missing = run("oracle", "show", "//Charlie")
    assert (missing.exit_code, "is not a feeder" in missing.stderr) == (4, True)


def test_a_majority_of_feeders_attests_a_provider(chain: Path) -> None:
    del chain
    bob = KeyPair.from_uri("//Bob")

    async def register() -> None:
        async with open_runtime(os.environ["BTT_URL"]) as client:
            info, bond = provider_info(), u128(1_000 * BTT)
            await client.submit("Providers", "register", signer=bob, info=info, bond=bond)

    asyncio.run(register())
    agreed = []
    for who in ("Dave", "Eve", "Ferdie"):
        given = ("--region", "2", "--energy", "b", "--from", f"//{who}")
        agreed.append(document("oracle", "attest", "//Bob", *given)["agreed"])
    assert agreed == [False, False, True]
    found = document("query", "rpc", "mining_operator", ss58.encode(bob.account_id))
    assert (found["region"], found["energy"]) == (2, 1_100_000)


@pytest.mark.parametrize(
    ("typed", "why"),
    [
        ("feeder BTT/CNY --source file:a --from //Dave", "has 1 sources: give at least 3"),
        ("feeder BTT/CNY --source file:a --from //Dave --interval nan", "not a number of seconds"),
        ("feeder BTT/CNY --source file:a --from //Dave --max-age nan", "not a number of seconds"),
        ("feeder BTT/CNY --source file:a --from //Dave --interval 0.1", "is not in the range"),
        ("feeder BTT --source file:a --from //Dave", "is not a key"),
        ("feeder BTT/CNY --source a --from //Dave", "is not a source"),
        ("oracle attest //Bob --region 0 --energy F --from //Dave", "'F'"),
    ],
)
def test_a_mistake_is_named(typed: str, why: str) -> None:
    result = run(*typed.split())
    assert result.exit_code == 2
    assert why in result.stderr
