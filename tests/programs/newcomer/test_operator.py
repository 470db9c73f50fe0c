"""An operator: a network of one's own, faults, a fifth validator, its keys, blocks in a file."""

from __future__ import annotations

import time

import pytest

from support.newcomer import HANG, Newcomer, Shell, found, free_ports

pytestmark = [pytest.mark.full, pytest.mark.timeout(1800)]


def test_an_operator_runs_a_network_and_joins_it(newcomer: Newcomer) -> None:
    shell, node = newcomer.shell(), newcomer.shell()
    port = free_ports(6)
    up = f"btt-chain devnet up --slot-ms 1000 --rpc-base-port {port} --detach"
    assert "Dave" in shell.type(up)
    url = found(r"(ws://127\.0\.0\.1:\d+)", shell.type("btt-chain devnet status"))
    shell.type(f"export BTT_URL={url}")
    checked = shell.type("btt-chain doctor || true")
    assert "OK    finality" in checked

    shell.type("btt-chain devnet kill Charlie")
    assert "down" in shell.type("btt-chain devnet status")
    shell.type("btt-chain devnet restart Charlie")
    shell.type("btt-chain devnet pause Dave")
    shell.type("btt-chain devnet resume Dave")

    # A node of one's own, with a key for the network, made before its first start.
    made = shell.type("btt-chain key generate-node-key --file node.key")
    peer = found(r"(12D3\w+)", made)
    assert peer in shell.type("btt-chain key inspect-node-key --file node.key")
    bootnode = found(r"(/ip4/127\.0\.0\.1/tcp/\d+/p2p/\w+)", shell.type("btt-chain devnet keys"))
    mine = port + 5
    start = (
        "btt-chain node --chain .btt-devnet/spec.json --validator --base-path ~/mine "
        f"--node-key-file node.key --bootnodes {bootnode} --rpc-port {mine} --port 0 "
        "--no-prometheus --allow-private-ip"
    )
    node.start(start)
    assert peer in node.until(r"JSON-RPC on .*")
    shell.type(f"export BTT_URL=ws://127.0.0.1:{mine}")
    wait_until(shell, "btt-chain doctor", "OK    sync")
    refused = shell.type("btt-chain validator join --from //One --bond 1BTT", code=1)
    assert "at least" in refused
    joined = shell.type("btt-chain validator join --from //Eve")
    assert "candidate; if it is elected" in joined
    assert "nothing is missing" in shell.type("btt-chain validator join --from //Eve")
    wait_until(shell, "btt-chain validator status", "validates, place")
    assert "on this node" in shell.type("btt-chain validator status")
    assert "10_000 BTT" in shell.type("btt-chain query storage Authorities.Candidates")
    assert "The new keys sign from session" in shell.type("btt-chain validator rotate --from //Eve")

    # kill -9, and again: it goes on.
    shell.type('kill -9 $(pgrep -f "base-path $HOME/mine ")')
    node.ended(code=137)
    assert "nothing listens there" in shell.type("btt-chain validator status", code=3)
    node.start(start)
    node.until(r"JSON-RPC on .*")
    wait_until(shell, "btt-chain validator status", "seen in the last rounds")
    assert "come back in session" in shell.type("btt-chain validator leave --from //Eve")
    wait_until(shell, "btt-chain validator status //Eve", "no candidate")
    node.interrupt()
    node.ended()

    data = "--chain .btt-devnet/spec.json --base-path mine"
    shell.type(f"btt-chain export-blocks {data} --to 10 -o blocks.bin")
    copied = "--chain .btt-devnet/spec.json --base-path copy"
    shell.type(f"btt-chain import-blocks blocks.bin {copied}")
    assert "The block is right." in shell.type(f"btt-chain check-block 5 {copied}")
    assert "stopped 4 nodes" in shell.type("btt-chain devnet down --delete")
    newcomer.leave()


def wait_until(shell: Shell, line: str, text: str) -> None:
    """Type a line until it prints a text."""
    deadline = time.monotonic() + 2 * HANG
    while text not in (said := shell.type(f"{line} || true")):
        assert time.monotonic() < deadline, f"never {text!r}:\n{said}"
        time.sleep(2)
