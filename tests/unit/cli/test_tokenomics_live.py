"""`btt-chain tokenomics supply` and `audit` on a running node, honest and not."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from click.testing import CliRunner, Result

from btt_chain.client.amount import BTT as CURRENCY
from btt_chain.client.errors import RpcError
from btt_chain.client.jsonrpc import Json, WebSocket
from btt_chain.node.dev.by_hand import HandSealing
from btt_chain.node.dev.sealing import Instant
from btt_chain.node.service.backend import Identity
from btt_chain.node.service.config import NodeConfig
from btt_chain.node.service.lifecycle import open_chain
from btt_chain.node.service.service import Service, ServiceConfig
from btt_chain.node.transactions.pool import PoolService
from btt_chain.rpc.server import RpcConfig
from cli.commands import tokenomics_audit
from cli.common.errors import Refused
from cli.common.working import money
from cli.program import program
from runtime.audits import Finding

BTT = 10**18


def run(*args: str) -> Result:
    return CliRunner().invoke(program, list(args), prog_name="btt-chain")


def document(*args: str) -> Any:
    result = run(*args, "--json")
    assert result.exit_code == 0, result.stderr
    return json.loads(result.stdout)


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A node of the development chain in another thread; a block for each transaction."""
    chain = open_chain(NodeConfig("dev-manual", tmp_path_factory.mktemp("node")))
    identity = Identity("Test", "Development", chain.spec.properties, ("Full",), "12D3")
    pool = PoolService(chain.client)
    by_hand = HandSealing(chain.client, pool, Instant())
    service = Service(chain.client, pool, ServiceConfig(identity, RpcConfig(port=0), by_hand))
    loop, stop = asyncio.new_event_loop(), asyncio.Event()
    thread = threading.Thread(target=loop.run_until_complete, args=(service.run(stop),))
    thread.start()
    ready = asyncio.run_coroutine_threadsafe(asyncio.wait_for(service.ready.wait(), 60), loop)
    ready.result(90)
    yield f"ws://127.0.0.1:{service.rpc.port}"
    loop.call_soon_threadsafe(stop.set)
    thread.join()
    loop.close()
    chain.close()


@pytest.fixture(scope="module")
def burned(url: str) -> str:
    """The URL of the node, on whose chain an account burned two BTT and staked."""
    for call in (
        ("Balances.burn", "2BTT", "true"),
        ("TierStaking.stake", "10_000BTT", "2", "null"),
    ):
        name, *arguments = call
        sent = run("tx", "call", name, "--from", "//Alice", "--url", url, *arguments)
        assert sent.exit_code == 0, sent.stderr
    return url


def test_the_supply_adds_up(burned: str) -> None:
    found = document("tokenomics", "supply", "--at", "best", "--url", burned)
    supply = {name: int(planck) for name, planck in found["supply"].items() if name != "burnedBy"}
    assert supply["genesis"] == 21_000_000 * BTT
    assert supply["issuance"] + supply["burned"] == supply["genesis"]
    reasons = {reason: int(planck) for reason, planck in found["supply"]["burnedBy"].items()}
    assert sum(reasons.values()) == supply["burned"]
    assert (reasons["Voluntary"], reasons["Milestone"]) == (2 * BTT, 30_000 * BTT)
    assert supply["staked"] == 20_000 * BTT
    pools = {pool["id"]: pool for pool in found["pools"]}
    assert int(pools["btt/ecos"]["burned"]) == 30_000 * BTT


def test_people_see_supply_burns_and_pools(burned: str) -> None:
    shown = run("tokenomics", "supply", "--at", "best", "--url", burned).stdout
    assert "at genesis         21_000_000 BTT" in shown
    burns = [line.split() for line in shown.splitlines() if line.strip().startswith("Voluntary")]
    assert burns == [["Voluntary", "2", "BTT"]]
    assert "Payfi" not in shown
    assert "btt/mine" in shown


def test_block_zero_has_burned_nothing(url: str) -> None:
    found = document("tokenomics", "supply", "--at", "0", "--url", url)
    assert found["block"]["number"] == 0
    assert found["supply"]["burned"] == "0"
    assert "burned for" not in run("tokenomics", "supply", "--at", "0", "--url", url).stdout


def test_the_ledger_of_every_block_are_right(burned: str) -> None:
    result = run("tokenomics", "audit", "--url", burned)
    assert result.exit_code == 0, result.stderr
    assert "every invariant holds" in result.stdout
    for number in ("0", "1", "2"):
        found = document("tokenomics", "audit", "--at", number, "--url", burned)
        assert found["block"]["number"] == int(number)
        assert found["findings"] == []
        assert found["keys"] >= 100


def test_a_large_state_is_fetched_in_pages(burned: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tokenomics_audit, "PAGE", 7)
    whole = document("tokenomics", "audit", "--at", "1", "--url", burned)
    assert whole["keys"] > 100


def test_what_does_not_hold_is_named_and_fails_the_command(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    wrong = [Finding("I1", "accounts have 5 planck, the issuance is 6")]
    monkeypatch.setattr(tokenomics_audit, "audit", lambda _: wrong)
    result = run("tokenomics", "audit", "--url", url)
    assert result.exit_code == 1
    assert "wrong in 1 places" in result.stdout
    assert "accounts have 5 planck" in result.stdout
    reported = run("tokenomics", "audit", "--url", url, "--json")
    assert reported.exit_code == 1
    assert json.loads(reported.stdout)["findings"] == [
        {"invariant": "I1", "text": "accounts have 5 planck, the issuance is 6"}
    ]


def test_a_node_that_hides_a_key_is_found_out(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    fetch = tokenomics_audit.fetch_state

    async def most(client: WebSocket, hash: bytes) -> dict[bytes, bytes]:
        state = await fetch(client, hash)
        state.popitem()
        return state

    monkeypatch.setattr(tokenomics_audit, "fetch_state", most)
    result = run("tokenomics", "audit", "--url", url)
    assert result.exit_code == 1
    assert "ask another node" in result.stderr
    assert result.stdout == ""


def test_a_node_that_shows_another_header_is_found_out(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    call = WebSocket.call

    async def lying(self: WebSocket, method: str, *params: Json) -> Json:
        answer = await call(self, method, *params)
        if method == "chain_getHeader" and isinstance(answer, dict):
            answer["stateRoot"] = "0x" + "11" * 32
        return answer

    monkeypatch.setattr(WebSocket, "call", lying)
    result = run("tokenomics", "audit", "--url", url)
    assert result.exit_code == 1
    assert "has another hash" in result.stderr


@pytest.mark.parametrize("command", ["supply", "audit"])
@pytest.mark.parametrize(
    ("block", "code", "why"),
    [
        ("1_000_000", 4, "there is no block 1000000 yet"),
        ("0x" + "11" * 32, 4, "the node has no block"),
        ("yesterday", 2, "give a number, a hash, best or finalized"),
    ],
)
def test_a_block_that_is_not_there_is_reported(
    url: str, command: str, block: str, code: int, why: str
) -> None:
    result = run("tokenomics", command, "--at", block, "--url", url)
    assert result.exit_code == code
    assert why in result.stderr
    assert result.stderr.count("\n") == 1


def test_a_node_that_limits_unknown_is_asked_again(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    call, refused = WebSocket.call, [0]

    async def limited(self: WebSocket, method: str, *params: Json) -> Json:
        if method.startswith("state_") and refused[0] < 3:
            refused[0] += 1
            raise RpcError(method, -32999, "RPC rate limit exceeded", None)
        return await call(self, method, *params)

    monkeypatch.setattr(WebSocket, "call", limited)
    monkeypatch.setattr(tokenomics_audit, "PAUSE", 0)
    assert document("tokenomics", "audit", "--url", url)["findings"] == []
    assert refused == [3]

    refused[0] = 0
    monkeypatch.setattr(tokenomics_audit, "TRIES", 2)
    result = run("tokenomics", "audit", "--url", url)
    assert result.exit_code == 1
    assert "rate limit exceeded" in result.stderr


def test_a_node_of_another_chain_is_reported_to_be_one(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    call = WebSocket.call

    async def older(self: WebSocket, method: str, *params: Json) -> Json:
        if method.startswith("tokenomics"):
            raise RpcError(method, -32601, "Method not found", None)
        return await call(self, method, *params)

    monkeypatch.setattr(WebSocket, "call", older)
    result = run("tokenomics", "supply", "--url", url)
    assert result.exit_code == 4
    assert "has no tokenomics_supply: it is not a BTT chain" in result.stderr


@pytest.mark.parametrize("answer", [5, "-1", "0x5", None, "٥"])
def test_an_amount_that_is_none_is_refused(answer: Json) -> None:
    with pytest.raises(Refused, match="where an amount was expected"):
        money(CURRENCY, answer)
