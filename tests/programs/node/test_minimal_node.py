"""A node of the minimal chain, in a process that cannot import the other features."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from btt_chain.testing.node import DevNode
from btt_chain.testing.process import free_ports
from btt_chain.testing.warm import cold_starts
from cli.program import program
from support import without_features


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DevNode]:
    (port,) = free_ports(1)
    made = DevNode(
        index=0,
        name="dev",
        folder=tmp_path_factory.mktemp("minimal"),
        flags=["--dev", "--runtime", "minimal", "--sealing", "instant"],
        rpc_port=port,
        program=without_features.program(),
    )
    with cold_starts():  # a warm start forks a process that has imported all features
        made.start()
        try:
            made.wait_until_answers()
            yield made
        finally:
            made.stop()


def run(node: DevNode, *words: str) -> Result:
    return CliRunner().invoke(program, [*words, "--url", node.ws])


def test_its_methods_and_apis_are_those_of_useful_work(node: DevNode) -> None:
    listed, version = node.rpc.call("rpc_methods"), node.rpc.call("state_getRuntimeVersion")
    assert isinstance(listed, dict)
    assert isinstance(version, dict)
    methods, apis = listed["methods"], version["apis"]
    assert isinstance(methods, list)
    assert isinstance(apis, list)
    groups = {str(name).partition("_")[0] for name in methods}
    assert {"work", "tokenomics", "mining", "state", "author"} <= groups
    assert not groups & {"staking", "gov", "oracle", "payfi", "facilities", "referral", "records"}
    assert (version["specName"], version["specVersion"], len(apis)) == ("btt-minimal", 100, 15)


def test_money_moves_and_the_audit_of_the_state_finds_nothing(node: DevNode) -> None:
    sent = run(node, "tx", "transfer", "//Bob", "2BTT", "--from", "//Alice", "--yes")
    assert sent.exit_code == 0, sent.output
    audited = run(node, "tokenomics", "audit", "--json")
    assert audited.exit_code == 0, audited.output
    assert json.loads(audited.stdout)["findings"] == []


@pytest.mark.parametrize(
    "command",
    [
        ("exchange", "book", "1"),
        ("gov", "status"),
        ("merchant", "show", "//Alice"),
        ("oracle", "prices"),
        ("proxy", "list", "//Alice"),
        ("referral", "show", "//Alice"),
        ("stake", "open", "100BTT", "--tier", "1", "--from", "//Alice"),
        ("vesting", "show", "//Alice"),
    ],
)
def test_a_command_of_another_feature_says_what_the_chain_lacks(
    node: DevNode, command: tuple[str, ...]
) -> None:
    result = run(node, *command)
    assert result.exit_code == 4
    line = f"error: this chain has no {command[0]}: its runtime is btt-minimal\n"
    assert result.stderr == line


def test_a_pallet_by_name_is_looked_for_in_the_metadata(node: DevNode) -> None:
    result = run(node, "query", "storage", "Vesting.Vesting", "//Alice")
    assert result.exit_code == 4
    assert "the chain's runtime, btt-minimal, has no pallet 'Vesting'" in result.stderr


@pytest.mark.parametrize("words", [("--chain", "local"), ("--chain", "spec.json")])
def test_the_specification_decides_of_another_chain(words: tuple[str, str], tmp_path: Path) -> None:
    (tmp_path / "spec.json").write_text("{}")
    chosen = [word if word != "spec.json" else str(tmp_path / word) for word in words]
    result = CliRunner().invoke(program, ["node", *chosen, "--runtime", "minimal"])
    assert result.exit_code == 2
    assert "--runtime goes with --dev" in result.stderr
