"""`btt-chain explorer` as a process: against a real node and over sockets, killed and restarted."""

from __future__ import annotations

import json
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path
from urllib.request import urlopen

import pytest
from click.testing import CliRunner

from btt_chain.client.blocking import BlockingChain
from btt_chain.crypto.keypair import KeyPair
from cli.program import program
from support.explorer import explorer_process
from support.instant_node import instant_node
from support.vectors import REPOSITORY

PATIENCE = 200


def read(address: str) -> dict[str, object]:
    with urlopen(address, timeout=PATIENCE) as answer:
        found = json.load(answer)
    assert isinstance(found, dict)
    return found


def wait_for(address: str, height: int) -> dict[str, object]:
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        state = read(f"{address}audit.json")
        if state["complete"] == height and state["audited"] is not None:
            return state
        time.sleep(0.05)
    pytest.fail(f"the index has not reached block {height}")


def test_an_explorer_serves_a_node_survives_kill_9_and_is_audited(tmp_path: Path) -> None:
    base = tmp_path / "index"
    alice = KeyPair.from_uri("//Alice")
    with instant_node(tmp_path / "node") as url:
        with BlockingChain.connect(url) as chain:

            def pay() -> None:
                call = chain.compose("Balances.transfer_keep_alive", dest="//Bob", value=5 * 10**18)
                chain.transactions.send(call, alice)

            pay()
            with explorer_process(url, base) as (process, address):
                wait_for(address, 1)
                words = str(read(f"{address}tx/1-1.json")["sentence"])
                assert words.startswith("Alice paid Bob 5 BTT; fee 0.000")
                pay()
                wait_for(address, 2)
                process.send_signal(signal.SIGKILL)
                process.wait(PATIENCE)
            pay()
            with explorer_process(url, base) as (_, address):
                state = wait_for(address, 3)
                assert state["failed"] == []
                assert state["fault"] is None
        run = CliRunner().invoke(
            program, ["explorer", "audit", "--url", url, "--base-path", str(base), "--json"]
        )
        assert run.exit_code == 0, run.output
        report = json.loads(run.stdout)
        assert report["height"] == 3
        assert {check["result"] for check in report["checks"]} == {"good"}
        table = CliRunner().invoke(
            program, ["explorer", "audit", "--url", url, "--base-path", str(base)]
        )
        assert "audit at final block 3" in table.output
        with closing(sqlite3.connect(base / "index.db")) as db, db:
            db.execute("UPDATE meta SET value = ? WHERE key = 'genesis'", (bytes(32),))
        other = CliRunner().invoke(
            program, ["explorer", "audit", "--url", url, "--base-path", str(base)]
        )
        assert other.exit_code == 1
        assert "the index is of the chain with block zero 0x0000" in other.output


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["explorer", "--listen", "0.0.0.0:80"], "add --public"),
        (["explorer", "--listen", "nowhere"], "write it like 127.0.0.1:4480"),
        (["explorer", "--listen", "127.0.0.1:99999"], "is not an address"),
        (["node", "--chain", "local", "--explorer"], "--explorer goes with --dev"),
        (["node", "--dev", "--tmp", "--explorer", "--rpc-port", "0"], "--explorer goes with --dev"),
    ],
)
def test_what_cannot_be_served_is_said(words: list[str], message: str) -> None:
    run = CliRunner().invoke(program, words)
    assert run.exit_code == 2
    assert message in run.output


def test_an_audit_needs_an_index(tmp_path: Path) -> None:
    run = CliRunner().invoke(program, ["explorer", "audit", "--base-path", str(tmp_path)])
    assert run.exit_code == 4
    assert "there is no index" in run.output


@pytest.mark.parametrize(
    ("content", "message"),
    [(b"no database" * 100, "not a database"), (b"", "has no final block yet")],
)
def test_an_audit_refuses_a_file_that_is_no_index(
    tmp_path: Path, content: bytes, message: str
) -> None:
    (tmp_path / "index.db").write_bytes(content)
    run = CliRunner().invoke(program, ["explorer", "audit", "--base-path", str(tmp_path)])
    assert run.exit_code == 1
    assert message in run.output


def test_an_explorer_loads_no_executive_node_or_library_that_it_does_not_use() -> None:
    code = (
        "import sys, cli.commands.explorer;"
        "from cli.commands.explorer_program import trie; trie();"
        "print(*{'.'.join(each.split('.')[:2]) for each in sys.modules})"
    )
    ran = subprocess.run(
        [sys.executable, "-c", code], cwd=REPOSITORY, capture_output=True, text=True, check=True
    )
    loaded = set(ran.stdout.split())
    assert "btt_chain.explorer" in loaded
    assert not loaded & {
        "runtime.table", "runtime.executive", "numpy", "nacl", "uvloop", "btt_chain.node",
        "btt_chain.chain", "btt_chain.rpc", "plyvel", "p2p",
    }  # fmt: skip
