"""The words of `devnet`, over stand-ins for nodes: what is printed, and how mistakes are met."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from functools import partial
from io import StringIO
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest
from click.testing import CliRunner, Result
from rich.console import Console

from btt_chain.testing import Devnet, NodeState, NodeStatus
from cli.commands.devnet import devnet, read_groups
from cli.commands.devnet_view import Block, View, Watcher, by_name, spelt
from cli.common.errors import ExitCode, Mistyped
from support.vectors import REPOSITORY

FAKE = (sys.executable, str(REPOSITORY / "tests" / "support" / "fake_node.py"))
ALICE = "5GrwvaEF5zXb26Fz9rcQpDWS57CtERHpNehXCPcNoHGKutQY"
OUTSIDERS = (
    "5HpG9w8EBLe5XCrbczpwq5TSXvedjrBGCwqxK1iQ7qUsSWFc",
    "5Ck5SLSHYac6WFt5UZRSsdJjwmpSZq85fd5TRNAdZQVzEAPT",
)


@pytest.fixture(autouse=True)
def _stand_ins(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Devnet, "create", partial(Devnet.create, program=FAKE, spec="{}"))


@pytest.fixture
def base(tmp_path: Path) -> Iterator[Path]:
    """A network of two that is up."""
    with Devnet.create(tmp_path / "net", validators=2) as net:
        net.up()
        yield net.base


def typed(*words: str | Path) -> Result:
    return CliRunner().invoke(devnet, [str(word) for word in words])


def test_up_detached_returns_when_all_answer_and_down_stops_them(tmp_path: Path) -> None:
    free = Devnet.create(tmp_path / "ports", validators=1).nodes[0].rpc_port
    started = typed(
        "up", "-d", tmp_path / "net", "-n", "1", "--detach", "--json", "--rpc-base-port", str(free)
    )
    assert started.exit_code == 0, started.output
    document = json.loads(started.stdout)
    assert [node["name"] for node in document["nodes"]] == ["Alice"]
    assert document["nodes"][0]["ws"] == f"ws://127.0.0.1:{free}"
    assert document["accounts"][0] == {"name": "Alice", "uri": "//Alice", "address": ALICE}
    stopped = typed("down", "-d", tmp_path / "net")
    assert stopped.exit_code == 0
    assert "stopped 1 node in" in stopped.stderr
    assert not Devnet.open(tmp_path / "net").is_running


def test_status_shows_each_node(base: Path) -> None:
    shown = typed("status", "-d", base)
    assert shown.exit_code == 0
    assert [name in shown.stdout for name in ("Alice", "Bob", "running")] == [True] * 3
    document = json.loads(typed("status", "-d", base, "--json").stdout)
    assert {node["state"] for node in document["nodes"]} == {"running"}


def test_a_node_is_killed_and_restarted_by_its_number(base: Path) -> None:
    assert typed("kill", "1", "-d", base).exit_code == 0
    assert "down" in typed("status", "-d", base).stdout
    again = typed("kill", "1", "-d", base)
    assert again.exit_code == ExitCode.REFUSED
    assert "down already" in again.stderr
    assert typed("restart", "1", "-d", base).exit_code == 0
    assert "down" not in typed("status", "-d", base).stdout


def test_the_network_is_cut_and_healed(base: Path) -> None:
    assert typed("partition", "0/1", "-d", base).exit_code == 0
    assert "the network is cut: 0/1" in typed("status", "-d", base).stderr
    assert typed("heal", "-d", base).exit_code == 0
    assert Devnet.open(base).groups is None


def test_logs_are_reported_apart(base: Path) -> None:
    both = typed("logs", "-d", base).stdout
    assert "Alice  started with" in both
    assert "Bob    started with" in both
    assert typed("logs", "1", "--lines", "1", "-d", base).stdout.startswith("started with")


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("kill", "7"), ExitCode.NOT_FOUND, "there is no node 7: this devnet has nodes 0 to 1"),
        (("restart", "2"), ExitCode.NOT_FOUND, "nodes 0 to 1"),
        (("logs", "2"), ExitCode.NOT_FOUND, "nodes 0 to 1"),
        (("partition", "0,x/1"), ExitCode.USAGE, "is no partition: write the groups' nodes like"),
        (("partition", "0,1/1"), ExitCode.REFUSED, "in one group only"),
        (("up", "-n", "2", "--detach"), ExitCode.REFUSED, "a devnet is running in"),
    ],
)
def test_a_mistake_is_answered(
    base: Path, words: tuple[str, ...], code: ExitCode, said: str
) -> None:
    answered = typed(*words, "-d", base)
    assert answered.exit_code == code
    assert said in answered.stderr


def test_where_no_devnet_lies_the_way_to_one_is_named(tmp_path: Path) -> None:
    answered = typed("status", "-d", tmp_path)
    assert answered.exit_code == ExitCode.NOT_FOUND
    assert "start one with `btt-chain devnet up`" in answered.stderr


def test_a_node_that_does_not_start_is_reported_in_one_line(tmp_path: Path) -> None:
    failing = Devnet.create(tmp_path / "net", validators=1, log="fail")
    # As `up` does with a log filter that is none of ours.
    from cli.commands.devnet import plain_errors
    from cli.common.errors import Refused

    with pytest.raises(Refused) as refused, plain_errors(), failing:
        failing.up()
    message = refused.value.message
    assert message.startswith("node 0 (Alice) ended: error: this one never starts (")
    assert "node-0.log" in message


def test_partitions_are_read_as_they_are_written() -> None:
    assert read_groups("0,1/2,3") == [[0, 1], [2, 3]]
    assert spelt([[0, 1], [2]]) == "0,1/2"
    with pytest.raises(Mistyped):
        read_groups("")


def shown(view: View, width: int = 100) -> str:
    page = Console(file=StringIO(), width=width)
    with page.capture() as taken:
        page.print(view.render())
    return taken.get()


def test_the_view_shows_nodes_slots_accounts_and_the_cut() -> None:
    view = View("/tmp/net", groups=[[0], [1]], ports={0: 9944, 1: 9945})
    view.nodes = [
        NodeStatus(0, "Alice", NodeState.RUNNING, best=12, finalized=10, peers=3, pool=7),
        NodeStatus(1, "Bob", NodeState.DOWN),
    ]
    view.blocks.append(Block(12, "0x" + "ab" * 32, slot=456, author="Alice", transactions=3))
    view.authored["Alice"] = 9
    view.accounts = [("Alice", "200_000 BTT", ALICE)]
    text = shown(view)
    assert "partition 0/1" in text
    assert "best 12   final 10" in text
    alice, bob = (
        next(line for line in text.splitlines() if line.rstrip().endswith(port))
        for port in ("9944", "9945")
    )
    assert alice.split() == ["0", "Alice", "running", "12", "10", "2", "3", "7", "9", "9944"]
    assert bob.split() == ["1", "Bob", "down", "-", "-", "-", "-", "-", "0", "9945"]
    slot = next(line for line in text.splitlines() if " 456 " in f" {line} ")
    assert slot.split()[1:4] == ["Alice", "12", "3"]
    assert f"200_000 BTT   {ALICE}" in text


def test_slots_without_a_block_are_seen() -> None:
    view = View("/tmp/net")
    for number, slot in ((7, 100), (8, 101), (9, 103), (10, 107)):
        view.blocks.append(Block(number, "0x" + "ab" * 32, slot=slot, author="Alice"))
    rows = [line.split()[:2] for line in shown(view).splitlines()]
    places = [row for row in rows if row and row[0].isdecimal()]
    assert places == [
        ["107", "Alice"], ["106", "3"], ["103", "Alice"], ["102", "empty"], ["101", "Alice"],
        ["100", "Alice"],
    ]  # fmt: skip


def test_a_block_of_a_fork_does_not_count_as_authored() -> None:
    net = SimpleNamespace(base=Path("/tmp/net"), nodes=[], funded=list, helpers=[])
    watcher = Watcher(cast("Devnet", net), with_accounts=False)
    first = [Block(2, "0xb2", 11, "Bob"), Block(1, "0xa1", 10, "Alice")]
    watcher._replace(first, [(1, "One", ""), (2, "Two", "")])
    assert watcher.view.authored == {"Alice": 1, "Bob": 1}
    watcher._replace([Block(2, "0xc2", 11, "Charlie")], [(2, "Other", "")])
    assert +watcher.view.authored == {"Alice": 1, "Charlie": 1}
    assert [block.hash for block in watcher.view.blocks] == ["0xa1", "0xc2"]
    assert [name for _, name, _ in watcher.view.events] == ["One", "Other"]


def test_an_event_keeps_its_amount_at_eighty_columns() -> None:
    view = View("/tmp/net")
    source, target = OUTSIDERS
    said = f"from: {source}, to: {target}, amount: 1_234.567891 BTT"
    view.events.append((1_234, "Balances.Transfer", said))
    view.events.append((1_235, "Utility.Weights", "each: [1, 2], all: [bold]"))
    text = shown(view, 80)
    assert "amount:1_234.567891BTT" in "".join(text.split())
    assert "all:[bold]" in "".join(text.split())
    assert all(len(line) <= 80 for line in text.splitlines())


def test_accounts_that_are_on_the_screen_have_their_names_in_events() -> None:
    balances = [("Alice", "1 BTT", ALICE)]
    said = by_name(f"from: {ALICE}, to: {OUTSIDERS[0]}", balances)
    assert said == f"from: Alice, to: {OUTSIDERS[0]}"
