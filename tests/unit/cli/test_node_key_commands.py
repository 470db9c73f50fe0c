"""Keys of nodes: made, kept for their owner alone, and read in both forms."""

from __future__ import annotations

import json
import stat
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from btt_chain.crypto.keypair import KeyPair, Scheme
from btt_chain.node.keys.identity import network_key, peer_id
from cli.program import program
from p2p.address import parse

SEED = bytes(range(32))
PEER = peer_id(KeyPair.from_seed(SEED, Scheme.ED25519))


def run(*args: str, input: bytes | None = None) -> Result:
    return CliRunner().invoke(program, ["key", *args], input=input, prog_name="btt-chain")


def test_a_new_key_is_printed_as_hex_with_its_peer_id_beside_it() -> None:
    made = run("generate-node-key")
    assert made.exit_code == 0
    assert len(bytes.fromhex(made.stdout.strip())) == 32
    assert made.stderr.startswith("12D3KooW")
    read = run("inspect-node-key", input=made.stdout_bytes)
    assert read.stdout == made.stderr
    parse(f"/ip4/10.0.0.1/tcp/30333/p2p/{read.stdout.strip()}")


@pytest.mark.parametrize("more", [(), ("--bin",)])
def test_a_file_belongs_to_its_owner_alone_and_is_never_replaced(
    tmp_path: Path, more: tuple[str, ...]
) -> None:
    file = tmp_path / "deep" / "node.key"
    made = run("generate-node-key", "--file", str(file), *more)
    assert (made.exit_code, made.stdout) == (0, "")
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert len(file.read_bytes()) == (32 if more else 64)
    before = file.read_bytes()
    again = run("generate-node-key", "--file", str(file))
    assert (again.exit_code, "is not replaced" in again.stderr) == (1, True)
    assert file.read_bytes() == before
    assert run("inspect-node-key", "--file", str(file)).stdout == made.stderr


def test_the_key_of_a_chain_is_that_of_its_node(tmp_path: Path) -> None:
    place = ("--chain", "dev", "--base-path", str(tmp_path))
    made = json.loads(run("generate-node-key", *place, "--json").stdout)
    node = network_key(Path(made["file"]).parent)
    assert made["peerId"] == peer_id(node)
    assert json.loads(run("inspect-node-key", *place, "--json").stdout) == {
        "peerId": made["peerId"]
    }
    assert stat.S_IMODE(Path(made["file"]).stat().st_mode) == 0o600


@pytest.mark.parametrize("text", [SEED, SEED.hex().encode(), b"0x" + SEED.hex().encode() + b"\n"])
def test_every_form_of_a_secret_is_read(text: bytes) -> None:
    assert run("inspect-node-key", input=text).stdout.strip() == PEER


@pytest.mark.parametrize(
    ("words", "given", "code", "why"),
    [
        (("inspect-node-key",), b"", 1, "standard input holds no key of a node"),
        (("inspect-node-key",), b"ab" * 31, 1, "64 hex digits"),
        (("inspect-node-key",), b"zz" * 32, 1, "64 hex digits"),
        (("inspect-node-key",), b"\xff" * 40, 1, "64 hex digits"),
        (("inspect-node-key", "--bin"), SEED.hex().encode(), 1, "expected 32 bytes"),
        (("inspect-node-key", "--file", "/nowhere/node.key"), None, 4, "there is no such file"),
        (("inspect-node-key", "--chain", "mainet"), None, 4, "mainet"),
        (("inspect-node-key", "--base-path", "x"), None, 2, "which chain?"),
        (("generate-node-key", "--file", "x", "--dev"), None, 2, "one of --file and --chain"),
        (("generate-node-key", "--json"), None, 2, "the secret is what is printed"),
        (("generate-node-key", "extra"), None, 2, "extra"),
    ],
)
def test_what_is_no_key_is_refused(
    words: tuple[str, ...], given: bytes | None, code: int, why: str
) -> None:
    result = run(*words, input=given)
    assert result.exit_code == code, result.output
    assert why in result.stderr
    assert "Traceback" not in result.output


@pytest.mark.parametrize(
    ("address", "why"),
    [
        ("12D3KooW", "not of the form"),
        (f"/ip4/1.2.3/tcp/30333/p2p/{PEER}", "not an address of ip4"),
        (f"/ip4/1.2.3.4/tcp/99999/p2p/{PEER}", "not a port"),
        ("/ip4/1.2.3.4/tcp/30333", "not of the form"),
        ("/ip4/1.2.3.4/tcp/30333/p2p/12D3KooWnope", "peer id"),
    ],
)
def test_a_bootnode_that_is_no_address_is_refused(address: str, why: str) -> None:
    result = CliRunner().invoke(program, ["build-spec", "--chain", "dev", "--bootnode", address])
    assert result.exit_code == 1
    assert why in result.stderr


def test_a_bootnode_is_part_of_the_specification() -> None:
    address = f"/dns/boot.example/tcp/30333/p2p/{PEER}"
    words = ["build-spec", "--chain", "dev", "--bootnode", address, "--bootnode", address]
    result = CliRunner().invoke(program, words)
    assert json.loads(result.stdout)["bootNodes"] == [address]
