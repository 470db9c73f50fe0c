"""Errors at the start of `btt-chain node`: one line with the fault, its place and a remedy."""

from __future__ import annotations

import gc
import os
import socket
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from btt_chain.consensus.finality.records import SCHEMA_KEY, VOTERS_KEY
from btt_chain.crypto.keypair import KeyPair
from btt_chain.keystore import SigningRecord
from btt_chain.node.dev.sealing import ManualSealer
from btt_chain.node.keys.identity import KEY_FILE
from btt_chain.node.service.config import NodeConfig
from btt_chain.node.service.lifecycle import open_chain
from btt_chain.node.service.paths import Paths
from btt_chain.node.transactions.pool import PoolService
from cli.commands.node_program import explorer_beside
from cli.common.errors import ExitCode
from cli.program import program
from genesis.catalogue import make
from storage.columns import META_VERSION, VERSION
from storage.leveldb import open_database

ALICE = KeyPair.from_uri("//Alice")


class EndedProcess:
    """A process that was killed at once."""

    def __init__(self, _args: list[str], **_options: object) -> None:
        """Take the arguments of a process."""

    def wait(self) -> int:
        return -9

    def terminate(self) -> None:
        """Do nothing: it has ended."""


QUIET = ("--log", "off", "--rpc-port", "0", "--no-prometheus")
PEER = "12D3KooWQCkBm1BYtkHpocxCwMgR8yjitEeHGx8spcDLGLt2gkBq"
ALONE = ("--no-mdns", "--listen-addr", "/ip4/127.0.0.1/tcp/0")


def run(*args: str | Path) -> Result:
    return CliRunner().invoke(program, list(map(str, args)), prog_name="btt-chain")


def start(base: Path, *args: str | Path) -> Result:
    """Start a node that is expected to end by itself."""
    return run("node", "-d", base, *QUIET, *args)


def refused(result: Result, code: ExitCode = ExitCode.REFUSED) -> str:
    """The one line of a node that did not start."""
    assert result.exit_code == code, result.output
    assert result.stderr.startswith("error: "), result.stderr
    assert result.stderr.count("\n") == 1, result.stderr
    return result.stderr


@contextmanager
def taken(host: str = "127.0.0.1") -> Iterator[int]:
    """A port that another program listens on."""
    with socket.socket() as other:
        other.bind((host, 0))
        other.listen()
        yield int(other.getsockname()[1])


# ---- ports


def test_a_taken_rpc_port_is_named_with_its_flag(tmp_path: Path) -> None:
    with taken() as port:
        result = run("node", "--dev", "-d", tmp_path, "--log", "off", "--rpc-port", str(port))
    assert f"port {port} is taken by " in refused(result)
    assert f"(pid {os.getpid()})" in result.stderr
    assert "--rpc-port" in result.stderr


def test_a_taken_port_for_figures_that_was_asked_for_stops_the_node(tmp_path: Path) -> None:
    with taken() as port:
        flags = ("--log", "off", "--rpc-port", "0", "--prometheus-port", str(port))
        result = run("node", "--dev", "-d", tmp_path, *flags)
    assert f"port {port} is taken by " in refused(result)
    assert f"(pid {os.getpid()})" in result.stderr
    assert "--prometheus-port" in result.stderr


def test_a_taken_port_of_the_network_is_named_with_its_flag(tmp_path: Path) -> None:
    with taken("0.0.0.0") as port:
        text = refused(start(tmp_path, "--chain", "local", "--no-mdns", "--port", str(port)))
    assert f"port {port}" in text
    assert "--port" in text


# ---- flags that do not fit


@pytest.mark.parametrize("chain", ["testnet", "seed-000", "mainnet"])
def test_a_node_does_not_validate_for_holders_that_do_not_exist(chain: str, tmp_path: Path) -> None:
    text = refused(start(tmp_path, "--chain", chain, "--validator"), ExitCode.USAGE)
    assert "--validator: no node can validate on BTT" in text
    assert "build-spec --holders" in text


def test_a_node_does_not_validate_where_blocks_are_sealed_by_hand(tmp_path: Path) -> None:
    flags = ("--dev", "--sealing", "manual", "--validator")
    assert "sealed by hand" in refused(start(tmp_path, *flags), ExitCode.USAGE)


def test_sealing_is_for_chains_that_are_sealed_by_hand(tmp_path: Path) -> None:
    flags = ("--chain", "local", "--sealing", "instant")
    text = refused(start(tmp_path, *flags), ExitCode.USAGE)
    assert "--sealing: this chain is not sealed by hand" in text


def test_a_development_key_that_is_none_is_refused_and_not_repeated(tmp_path: Path) -> None:
    flags = ("--chain", "local", *ALONE)
    path = refused(start(tmp_path, *flags, "--dev-key", "/home/me/key"), ExitCode.NOT_FOUND)
    assert "there is no such file" in path
    text = refused(start(tmp_path, *flags, "--dev-key", "my secret words"))
    assert "the secret is not usable" in text
    assert "words, not" not in text or "my secret" not in text


@pytest.mark.parametrize(
    ("flag", "value"),
    [
        ("--listen-addr", "30333"),
        ("--public-addr", "node.example.org"),
        ("--bootnodes", "/ip4/1.2.3.4/tcp/30333/p2p/noname"),
        ("--reserved-nodes", "/ip4/1.2.3.4/tcp/30333/p2p/12D3KooW"),
        ("--listen-addr", "/ip6/fe80::1%eth0/tcp/30333"),
        ("--public-addr", "/ip6/2606:4700::1%x/tcp/30333"),
        ("--public-addr", "/ip4/0.0.0.0/tcp/30333"),
        ("--public-addr", "/ip4/8.8.8.8/tcp/0"),
        ("--public-addr", f"/dns/{'a' * 60}.{'b' * 60}.example/tcp/30333"),
        ("--public-addr", f"/ip4/8.8.8.8/tcp/30333/p2p/{PEER}"),
        ("--bootnodes", f"/ip6/fe80::1%eth0/tcp/30333/p2p/{PEER}"),
        ("--reserved-nodes", f"/dns4/10.0.0.1/tcp/30333/p2p/{PEER}"),
    ],
)
def test_an_address_that_is_none_is_refused_by_its_flag(
    flag: str, value: str, tmp_path: Path
) -> None:
    text = refused(start(tmp_path, "--chain", "local", "--no-mdns", flag, value), ExitCode.USAGE)
    assert text.startswith(f"error: {flag}")


def test_an_address_of_no_interface_is_not_called_a_port_in_use(tmp_path: Path) -> None:
    flags = ("--chain", "local", "--no-mdns", "--listen-addr", "/ip4/203.0.113.7/tcp/0")
    text = refused(start(tmp_path, *flags))
    assert "cannot listen on /ip4/203.0.113.7/tcp/0" in text
    assert "in use" not in text


# ---- keys


@pytest.fixture
def locked_up(tmp_path: Path) -> Path:
    """A base path whose keystore has a password."""
    (tmp_path / "password").write_text("mellon\n")
    inserted = run(
        *("key", "insert", "--chain", "local", "-d", tmp_path, "--suri", "//Alice"),
        *("--password-filename", tmp_path / "password"),
    )
    assert inserted.exit_code == 0, inserted.output
    return tmp_path


def test_a_wrong_password_names_the_file(locked_up: Path) -> None:
    result = start(locked_up, "--chain", "local", *ALONE, "--validator", "--password", "friend")
    assert "does not open with this password" in refused(result)
    assert str(locked_up) in result.stderr
    assert "friend" not in result.stderr


def test_a_missing_password_names_the_ways_to_give_it(locked_up: Path) -> None:
    text = refused(start(locked_up, "--chain", "local", *ALONE, "--validator"))
    assert "--password-filename" in text


@pytest.mark.parametrize(
    ("content", "said"), [(b"\xa8\xff\n", "holds no text"), (b"\n", "password is empty")]
)
def test_a_file_that_holds_no_password_is_refused(
    tmp_path: Path, content: bytes, said: str
) -> None:
    file = tmp_path / "password"
    file.write_bytes(content)
    asked = ("--validator", "--password-filename", file)
    text = refused(start(tmp_path, "--chain", "local", *ALONE, *asked), ExitCode.USAGE)
    assert said in text


def test_one_key_signs_in_one_process(tmp_path: Path) -> None:
    chain = open_chain(NodeConfig("local", tmp_path))
    root, genesis = chain.paths.signing, chain.client.genesis_hash
    chain.close()
    with closing(SigningRecord.create(root, genesis, ALICE.public)):
        text = refused(start(tmp_path, "--chain", "local", *ALONE, "--alice"))
    assert "0x" + ALICE.public.hex() in text


# ---- data


def test_two_nodes_do_not_share_a_database(tmp_path: Path) -> None:
    chain = open_chain(NodeConfig("dev", tmp_path))
    try:
        text = refused(start(tmp_path, "--dev"))
    finally:
        chain.close()
    assert "another node is using" in text
    assert "--base-path" in text


def test_data_of_another_chain_is_named_by_both_block_zeros(tmp_path: Path) -> None:
    open_chain(NodeConfig("local", tmp_path)).close()
    file = tmp_path / "three.json"
    file.write_text(make("local", validators=3).dumps())
    text = refused(start(tmp_path, "--chain", file, *ALONE))
    assert text.count("0x") == 2
    assert "use another --base-path or purge-chain" in text


def test_a_database_of_another_layout_is_refused(tmp_path: Path) -> None:
    open_chain(NodeConfig("dev", tmp_path)).close()
    kv = open_database(Paths(tmp_path, "btt-dev").database, lambda _kv, _healed: None, min_free=0)
    kv.write({META_VERSION: (VERSION - 1).to_bytes(4, "big")}, sync=True)
    kv.close()
    text = refused(start(tmp_path, "--dev"))
    assert f"layout {VERSION - 1}, this program reads layout {VERSION}" in text


def test_votes_that_cannot_be_read_stop_the_node(tmp_path: Path) -> None:
    chain = open_chain(NodeConfig("dev", tmp_path))
    chain.store.aux_put({VOTERS_KEY: b"?", SCHEMA_KEY: b"????"}, sync=True)
    chain.close()
    assert "GRANDPA" in refused(start(tmp_path, "--dev"))


def test_a_key_of_the_network_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    folder = Paths(tmp_path, "btt-dev").network
    folder.mkdir(parents=True)
    (folder / KEY_FILE).write_bytes(b"short")
    assert "network key cannot be read" in refused(start(tmp_path, "--dev"))


def test_blocks_sealed_by_hand_are_not_those_of_the_validator(tmp_path: Path) -> None:
    """`--dev` with and without `--sealing` are two chains, side by side in one base path."""
    chain = open_chain(NodeConfig("dev-manual", tmp_path))
    ManualSealer(chain.client, PoolService(chain.client)).seal()
    chain.close()
    dev = open_chain(NodeConfig("dev", tmp_path))
    try:
        assert dev.client.best().number == 0
        assert dev.client.genesis_hash != chain.client.genesis_hash
    finally:
        dev.close()


def test_an_explorer_that_ends_beside_its_node_is_reported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("subprocess.Popen", EndedProcess)
    said = ""
    with explorer_beside(tmp_path, 9944, 4480):
        end = time.monotonic() + 20
        while not said and time.monotonic() < end:
            time.sleep(0.01)
            said = capsys.readouterr().err
    assert "the explorer ended with status -9; start it again: btt-chain explorer --url" in said


def test_a_node_that_does_not_start_leaves_garbage_collection_enabled(tmp_path: Path) -> None:
    assert run("node", "-d", tmp_path, "--at", "1").exit_code != 0
    assert gc.isenabled()
