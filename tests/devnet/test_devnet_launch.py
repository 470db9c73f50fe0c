"""A Live network from four empty machines to finality, by the commands of docs/launch.md alone.

The tests share one network and come in this order: launch, a key that moves while finality waits
for it, a fifth validator.
"""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

import pytest
from click.testing import CliRunner

from btt_chain.crypto.keypair import KeyPair
from btt_chain.primitives import ss58
from btt_chain.testing import DevNode
from btt_chain.testing.process import free_ports
from cli.program import program

pytestmark = [pytest.mark.devnet, pytest.mark.timeout(900)]

CHAIN_ID: Final = "btt-trial"
ORGANISATIONS: Final = ("bitwave", "cdhg", "mdao", "team_core")
"""Rows of the allocation whose holders validate."""
FIFTH: Final = "team_technical_advisors"
SHORT: Final = (
    "--slot-ms", "1000", "--epoch-slots", "10", "--reelection-epochs", "1",
    "--unbonding-epochs", "1440", "--report-epochs", "1200",
)  # fmt: skip
HANG: Final = 240.0


def typed(*words: str | Path) -> str:
    """Type a command of the documentation; what it prints.

    In this process: starting one that has the whole runtime takes two seconds of a core.
    """
    done = CliRunner().invoke(program, [str(word) for word in words], prog_name="btt-chain")
    assert done.exit_code == 0, f"{words}: {done.output}"
    return done.stdout


def until(what: str, is_so: Callable[[], bool], seconds: float = HANG) -> None:
    deadline = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < deadline, f"not in time: {what}"
        time.sleep(0.3)


def address_of(path: str) -> str:
    return ss58.encode(KeyPair.from_uri(path).account_id)


def stash_uri(row: str) -> str:
    return f"//launch//{row}"


class Launch:
    """The machines of the organisations, and what they have typed so far."""

    def __init__(self, base: Path) -> None:
        self.base = base
        self.spec = base / "trial.json"
        self.nodes = [self._machine(row) for row in ORGANISATIONS]

    def _machine(self, row: str) -> DevNode:
        rpc, port, metrics = free_ports(3)
        return DevNode(
            index=0,
            name=row,
            folder=self.base / row,
            flags=[
                "--chain", str(self.spec), "--validator", "--port", str(port), "--listen-addr",
                f"/ip4/127.0.0.1/tcp/{port}", "--no-mdns", "--allow-private-ip",
            ],
            rpc_port=rpc,
            prometheus_port=metrics,
        )  # fmt: skip

    def key_file(self, row: str) -> Path:
        """The file of a stash's secret; on a machine of its own in earnest."""
        file = self.base / f"{row}.key"
        file.write_text(stash_uri(row))
        return file

    def holders(self) -> Path:
        template = json.loads(typed("build-spec", "--chain", "testnet", "--holders-template"))

        def ours(place: Any, path: str) -> Any:
            if isinstance(place, dict):
                named = [f"{path}//{at}" for at in range(len(place["signatories"]))]
                return {**place, "signatories": [address_of(each) for each in named]}
            return address_of(path)

        file = self.base / "holders.json"
        file.write_text(json.dumps({row: ours(at, stash_uri(row)) for row, at in template.items()}))
        return file

    def entry(self, at: int) -> Path:
        node, row = self.nodes[at], ORGANISATIONS[at]
        file = self.base / "entries" / f"{row}.json"
        file.parent.mkdir(exist_ok=True)
        port = node.flags[node.flags.index("--port") + 1]
        words = (
            "key", "ceremony-entry", "--chain", "testnet", "--id", CHAIN_ID, "--base-path",
            node.folder, "--name", row, "--public-addr", f"/ip4/127.0.0.1/tcp/{port}", "-o", file,
        )  # fmt: skip
        if at:
            typed(*words, "--from", self.key_file(row))
        else:  # the stash of the first lies on a machine of its own
            typed(*words, "--stash", address_of(stash_uri(row)))
            typed("key", "ceremony-sign", file, "--from", self.key_file(row))
        return file

    def accept(self, at: int) -> None:
        typed("network", "accept", self.spec, "--genesis-hash", self.genesis,
              "--base-path", self.nodes[at].folder)  # fmt: skip

    def prepare(self) -> None:
        """All that comes before the first start."""
        holders = self.holders()
        for at in range(len(self.nodes)):
            self.entry(at)
        typed("network", "init", self.base / "entries", "--chain", "testnet", "--id", CHAIN_ID,
              "--name", "Trial", "--holders", holders, *SHORT, "-o", self.spec)  # fmt: skip
        status = json.loads(
            typed("network", "check", self.spec, "--holders", holders,
                  "--base-path", self.nodes[0].folder, "--json")
        )  # fmt: skip
        assert status["own"] == ORGANISATIONS[0]
        self.genesis = status["genesisHash"]
        for at in range(len(self.nodes)):
            self.accept(at)

    def finalized(self) -> int:
        return min(node.rpc.finalized() for node in self.nodes if node.is_alive)

    def wait_for_finality(self, blocks: int) -> None:
        begun = self.finalized()
        until(f"{blocks} more final blocks", lambda: self.finalized() >= begun + blocks)

    def status(self, node: DevNode) -> str:
        """Return the output of `key status` on a machine; it must find no error."""
        return typed("key", "status", "--chain", self.spec, "--base-path", node.folder,
                     "--url", node.ws)  # fmt: skip


@pytest.fixture(scope="module")
def launch(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Launch]:
    made = Launch(tmp_path_factory.mktemp("launch"))
    made.prepare()
    try:
        for node in made.nodes:
            node.start()
        for node in made.nodes:
            node.wait_until_answers()
        yield made
    finally:
        for node in made.nodes:
            node.ask_to_end()
        for node in made.nodes:
            node.stop()


def test_a_live_network_becomes_final(launch: Launch) -> None:
    # On the code before: 123 blocks over 12 sessions, and none final.
    until("three final blocks everywhere", lambda: launch.finalized() >= 3)
    states: Any = launch.nodes[0].rpc.call("signing_status")
    assert [(one["type"], one["state"]) for one in states] == [
        ("babe", "signs"),
        ("gran", "signs"),
    ]


def test_a_key_moves_while_finality_waits_for_it(launch: Launch) -> None:
    down, old = launch.nodes[3], launch.nodes[2]
    assert down.stop()
    launch.wait_for_finality(2)
    assert old.stop()
    # Two of four: every vote of the next rounds waits for this key.
    best = launch.nodes[0].rpc.best()
    until("blocks go on", lambda: launch.nodes[0].rpc.best() >= best + 4)
    stands = launch.nodes[0].rpc.finalized()

    record = launch.base / "record.json"
    typed("signing", "export", "--chain", launch.spec, "--base-path", old.folder, "-o", record)
    new = launch._machine("moved")
    keys = Path("chains") / CHAIN_ID / "keystore"
    shutil.copytree(old.folder / keys, new.folder / keys)
    typed("signing", "import", record, "--chain", launch.spec, "--base-path", new.folder)
    shutil.rmtree(old.folder / keys)
    new.start()
    launch.nodes[2] = new
    new.wait_until_answers()
    until("it is final again", lambda: launch.nodes[0].rpc.finalized() > stands + 4)
    said = launch.status(new)
    assert "MISSING" not in said
    assert "BARRED" not in said
    down.start()
    down.wait_until_answers()


@pytest.mark.full
def test_a_fifth_validator_joins(launch: Launch) -> None:
    url = ("--url", launch.nodes[0].ws)
    stash, first = launch.key_file(FIFTH), launch.key_file(ORGANISATIONS[0])
    typed("tx", "transfer", address_of(stash_uri(FIFTH)), "20tBTT", "--from", first, *url)
    node = launch._machine(FIFTH)
    node.start()
    launch.nodes.append(node)
    node.wait_until_answers()
    owner = ("--owner", address_of(stash_uri(FIFTH)), "--url", node.ws, "--json")
    made = json.loads(typed("key", "rotate", *owner))
    typed("tx", "call", "Session.set_keys", made["keys"], made["proof"], "--from", stash, *url)
    typed("tx", "call", "Authorities.bond", "10000tBTT", "--from", stash, *url)
    typed("tx", "call", "Authorities.validate", "--from", stash, *url)

    def seated() -> bool:
        words = ("query", "storage", "Session.Validators", "--json", *url)
        return address_of(stash_uri(FIFTH)) in typed(*words)

    until("it is in the set", seated)
    launch.wait_for_finality(2)
    assert "validator" in launch.status(node)
