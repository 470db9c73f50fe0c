"""`btt-chain dev` and `tx trace` on a running node."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
from click.testing import CliRunner, Result

from btt_chain.client.extrinsics import hash_of
from btt_chain.client.jsonrpc import Json
from btt_chain.testing.node import DevNode
from btt_chain.testing.single import dev_node
from cli.program import program

DAY = 86_400_000
BOB = "5FHneW46xGXgs5mUiveU4sbTyGBzmstUspZC92UhjJM694ty"


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DevNode]:
    with dev_node(tmp_path_factory.mktemp("dev"), "--mock-signature-host") as started:
        yield started


@pytest.fixture(autouse=True)
def unchanged(node: DevNode) -> Iterator[None]:
    """Return to the head of before after each test."""
    snapshot = call(node, "dev_snapshot")
    yield
    assert call(node, "dev_revert", snapshot) is True


def call(node: DevNode, method: str, *params: Json) -> Json:
    return node.rpc.call(method, *params)


def part(value: Json, *path: str | int) -> Json:
    """Return a part of a document."""
    for name in path:
        if isinstance(name, int):
            assert isinstance(value, list)
            value = value[name]
        else:
            assert isinstance(value, dict)
            value = value[name]
    return value


def rows(value: Json) -> list[Json]:
    assert isinstance(value, list)
    return value


def whole(value: Json) -> int:
    assert isinstance(value, int)
    return value


def run(node: DevNode, *words: str) -> Result:
    return CliRunner().invoke(program, [*words, "--url", node.ws])


def asked(node: DevNode, *words: str) -> dict[str, Json]:
    result = run(node, *words, "--json")
    assert result.exit_code == 0, result.output
    document: dict[str, Json] = json.loads(result.stdout)
    return document


def test_the_log_has_url_accounts_and_a_warning(node: DevNode) -> None:
    log = node.tail(200)
    assert f"ws://127.0.0.1:{node.rpc_port}" in log
    assert "are public: never for money" in log
    assert f"//Bob      {BOB} 40_000 BTT" in log


def test_accounts_are_listed_for_programs(node: DevNode) -> None:
    listed = asked(node, "dev", "accounts")
    bob: Json = {"uri": "//Bob", "address": BOB, "free": str(40_000 * 10**18)}
    assert bob in rows(listed["accounts"])
    assert "//Bob" in run(node, "dev", "accounts").stdout


def test_blocks_are_mined_and_time_is_travelled(node: DevNode) -> None:
    first = asked(node, "dev", "mine", "3")
    later = asked(node, "dev", "travel", "7d")
    number, time = whole(first["number"]), whole(first["time"])
    assert (later["number"], later["time"]) == (number + 1, time + 7 * DAY)
    assert asked(node, "dev", "travel", "1h30m")["time"] == time + 7 * DAY + 5_400_000
    assert asked(node, "dev", "travel", "2099-01-31")["time"] == 4_073_500_800_000
    back = run(node, "dev", "travel", "2001-01-01")
    assert (back.exit_code, "time only moves forward" in back.stderr) == (1, True)
    assert run(node, "dev", "travel", "tomorrow").exit_code == 2


def test_snapshots_and_heads_go_back_and_forth(node: DevNode) -> None:
    snapshot = asked(node, "dev", "snapshot")
    ahead = asked(node, "dev", "mine", "2")
    assert asked(node, "dev", "head", "-2")["number"] == snapshot["number"]
    assert asked(node, "dev", "head", str(ahead["hash"]))["number"] == ahead["number"]
    assert asked(node, "dev", "revert", str(snapshot["snapshot"]))["hash"] == snapshot["hash"]
    assert run(node, "dev", "revert", str(snapshot["snapshot"])).exit_code == 4
    assert run(node, "dev", "head", "99999999").exit_code == 1


def test_balances_and_storage_are_set(node: DevNode) -> None:
    asked(node, "dev", "set-balance", "//Two", "123BTT")
    asked(node, "dev", "set-storage", "Sudo.Key", "//Bob")
    asked(node, "dev", "set-storage", "System.Account", "//One", '{"data": {"free": "9"}}')
    account = asked(node, "query", "storage", "System.Account", "//One")
    assert part(account, "value", "providers") == 1
    assert asked(node, "query", "storage", "Sudo.Key")["value"] == BOB
    asked(node, "dev", "set-storage", "Sudo.Key", "null")
    assert asked(node, "query", "storage", "Sudo.Key")["value"] is None
    two = asked(node, "query", "storage", "System.Account", "//Two")
    assert part(two, "value", "data", "free") == str(123 * 10**18)


@pytest.mark.parametrize(
    ("words", "code", "why"),
    [
        (("set-balance", "//Bob", "1"), 2, "has no unit"),
        (("set-balance", "//Bob", "1planck"), 1, "holds at least"),
        (("set-balance", "somewhere", "1BTT"), 2, "not an address"),
        (("set-storage", "Sudo", "1"), 2, "no dot"),
        (("set-storage", "Sudo.Nothing", "1"), 4, "Nothing"),
        (("set-storage", "Sudo.Key", "17"), 1, "expected an address"),
        (("set-storage", "System.Account", "17"), 1, "is a map"),
        (("impersonate", "//Bob", "--stop"), 4, "is not impersonated"),
        (("mine", "0"), 2, "range"),
        (("sealing", "daily"), 2, "daily"),
    ],
)
def test_wrong_input_is_refused_in_words(
    node: DevNode, words: tuple[str, ...], code: int, why: str
) -> None:
    result = run(node, "dev", *words)
    assert (result.exit_code, why in result.stderr) == (code, True), result.output


def test_an_account_is_impersonated_until_it_is_not(node: DevNode) -> None:
    assert asked(node, "dev", "impersonate", "//Bob")["impersonated"] is True
    assert BOB in run(node, "dev", "status").stdout
    assert asked(node, "dev", "impersonate", "//Bob", "--stop")["impersonated"] is False


def test_the_way_of_sealing_changes_at_once(node: DevNode) -> None:
    asked(node, "dev", "sealing", "manual")
    send = ("tx", "transfer", "--from", "//Alice", "//Bob", "1BTT", "--yes")
    assert run(node, *send, "--wait", "none").exit_code == 0
    assert len(rows(call(node, "author_pendingExtrinsics"))) == 1
    asked(node, "dev", "sealing", "instant")
    assert run(node, *send).exit_code == 0
    assert call(node, "author_pendingExtrinsics") == []


def test_a_transaction_is_traced_by_the_beginning_of_its_hash(node: DevNode) -> None:
    sent = asked(node, "tx", "transfer", "--from", "//Alice", "//Bob", "1BTT", "--yes")
    hash = str(sent["hash"])
    trace = asked(node, "tx", "trace", hash[:12])
    assert (trace["hash"], trace["success"]) == (hash, True)
    kinds = {part(step, "kind") for step in rows(trace["steps"])}
    assert kinds == {"call", "read", "write", "event", "done"}
    shown = run(node, "tx", "trace", hash, "--no-storage")
    assert "Balances.transfer_keep_alive(dest: " in shown.stdout
    assert "event   Balances.Transfer  from: 5Grwva" in shown.stdout


def test_a_failed_call_is_traced_to_where_it_failed(node: DevNode) -> None:
    asked(node, "dev", "set-storage", "Sudo.Key", "//Bob")
    hash = call(node, "dev_newBlock", {"transactions": [remove_key(node)]})
    body = rows(part(call(node, "chain_getBlock", hash), "block", "extrinsics"))
    trace = run(node, "tx", "trace", hash_of(bytes.fromhex(str(body[1])[2:])))
    assert "error   Sudo.RequireSudo" in trace.stdout
    assert "The call failed: Sudo.RequireSudo" in trace.stdout


def remove_key(node: DevNode) -> str:
    """Return a transaction that removes the sudo key, signed by Alice."""
    words = ("tx", "sign", "--from", "//Alice", "Sudo.remove_key")
    return str(asked(node, *words)["extrinsic"])


def test_what_cannot_be_traced_is_said(node: DevNode) -> None:
    missing = run(node, "tx", "trace", "0x123456", "--search", "3")
    assert (missing.exit_code, "in the last 3 blocks" in missing.stderr) == (4, True)
    assert run(node, "tx", "trace", "0x12").exit_code == 2
    answer = call(node, "state_traceBlock", call(node, "chain_getBlockHash", 0), "", "", "")
    assert "block 0 was not executed" in json.dumps(answer)


def test_traces_are_filtered_as_by_substrate(node: DevNode) -> None:
    hash = call(node, "dev_newBlock")

    def events(*filters: Json) -> list[Json]:
        answer = call(node, "state_traceBlock", hash, *filters)
        assert part(answer, "blockTrace", "blockHash") == str(hash)[2:]
        return rows(part(answer, "blockTrace", "events"))

    number = "26aa394eea5630e07c48ae0c9558cef702a5c1b19ab7a04f536c519aca4983ac"
    assert events() == []
    assert {part(event, "target") for event in events("state", number, "Put")} == {"state"}
    assert len(events("state", "", "Put")) > len(events("state", number, "Put")) > 0


def test_a_dry_run_answers_with_old_new_and_delta(node: DevNode) -> None:
    call_hex = "0x000704" + "aa"  # System.remark_with_event
    ran = call(node, "dev_dryRun", {"extrinsic": {"call": call_hex, "address": BOB}})
    assert BOB in json.dumps(part(ran, "delta"))
    assert json.dumps(part(ran, "old")) != json.dumps(part(ran, "new"))
    raw = call(node, "dev_dryRun", {"extrinsic": {"call": call_hex, "address": BOB}, "raw": True})
    assert len(rows(raw)) > 2


@pytest.mark.full
def test_a_killed_node_has_its_head_and_snapshots(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    with dev_node(tmp_path_factory.mktemp("killed"), sealing="manual") as node:
        call(node, "dev_newBlock", {"count": 3})
        snapshot = call(node, "dev_snapshot")
        call(node, "dev_setBalance", BOB, str(77 * 10**18))
        call(node, "dev_timeTravel", "2099-01-31")
        head = call(node, "dev_setHead", -1)
        node.kill()
        node.start()
        node.wait_until_answers(60)
        assert call(node, "chain_getBlockHash") == head
        assert call(node, "dev_revert", snapshot) is True
        assert call(node, "dev_revert", snapshot) is False
