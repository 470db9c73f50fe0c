"""One key on two nodes, and records that are gone, old or damaged: F13, F14 (docs/simulator.md)."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Any

import pytest

from btt_chain.crypto.keypair import KeyPair, Scheme
from btt_chain.keystore import BABE, GRANDPA, Keystore, SigningRecord
from btt_chain.primitives import ss58
from btt_chain.primitives.account import AccountId
from btt_chain.testing import DevNode, Rpc
from btt_chain.testing.process import free_ports
from devnet import launcher
from devnet.watched import EQUIVOCATION, HANG, Watched, Words, end_of, until
from genesis.build import build
from genesis.catalogue import holders_template, make, read_holders
from genesis.holders import Holders
from genesis.presets import CHAINS, Chain
from genesis.validators import Validator

pytestmark = [pytest.mark.devnet, pytest.mark.timeout(900)]

REFUSED = 1
"""Exit code of a node that may not run as requested."""
BARRED = "is not used any more"


# ---- a live chain: first, before the shared network runs beside it


class Live:
    """A chain of four validators with secret keys; one of them runs."""

    def __init__(self, base: Path) -> None:
        chain = replace(CHAINS["testnet"], slot_ms=1_000, epoch_slots=10)
        holders = held_by_us(chain, base)
        stashes = [holder for holder in holders.values() if isinstance(holder, AccountId)][:4]
        babe = [f"//e2e//babe//{i}" for i in range(4)]
        votes = [f"//e2e//gran//{i}" for i in range(4)]
        validators = [
            Validator(
                stash,
                KeyPair.from_uri(block).public,
                KeyPair.from_uri(vote, Scheme.ED25519).public,
            )
            for stash, block, vote in zip(stashes, babe, votes, strict=True)
        ]
        spec = make(chain, holders, validators)
        (base / "spec.json").write_text(spec.dumps())
        self.genesis = build(spec).hash
        (rpc,) = free_ports(1)
        self.journal = base / "journal.jsonl"
        self.node = DevNode(
            index=0,
            name="live",
            folder=base / "node",
            flags=["--chain", str(base / "spec.json"), "--validator", "--force-authoring"],
            rpc_port=rpc,
            program=launcher.program(f"journal={self.journal}"),
        )
        store = Keystore.open(self.node.folder / "chains" / spec.id / "keystore", None)
        for kind, uri in ((BABE, babe[0]), (GRANDPA, votes[0])):
            public = store.insert(kind, uri)
            SigningRecord.create(self.signing, self.genesis, public).close()

    @property
    def signing(self) -> Path:
        return self.node.folder / "signing"

    @property
    def rpc(self) -> Rpc:
        return self.node.rpc

    def signed(self) -> int:
        return len(self.journal.read_bytes().splitlines()) if self.journal.exists() else 0


def held_by_us(chain: Chain, folder: Path) -> Holders:
    """Holders for a chain's rows whose keys are ours."""
    rows = json.loads(holders_template(chain))

    def ours(place: Any, path: str) -> Any:
        if isinstance(place, dict):
            return {key: ours(value, f"{path}//{key}") for key, value in place.items()}
        if isinstance(place, list):
            found = [ours(value, f"{path}//{at}") for at, value in enumerate(place)]
            return sorted(found, key=lambda address: ss58.decode(address)[0])
        return ss58.encode(KeyPair.from_uri(path).account_id) if isinstance(place, str) else place

    file = folder / "holders.json"
    file.write_text(json.dumps(ours(rows, "//e2e")))
    return read_holders(chain, file)


@pytest.fixture
def live(tmp_path: Path) -> Iterator[Live]:
    chain = Live(tmp_path)
    yield chain
    chain.node.stop()


@pytest.mark.full
def test_f14_on_a_live_chain_a_missing_record_is_refused_and_force_waits(live: Live) -> None:
    node = live.node
    node.start()
    node.wait_until_answers()
    until("it makes blocks", lambda: node.rpc.best() >= 1)
    assert node.stop()
    for record in records(node):
        record.unlink()
    words = Words(node)
    node.start()
    assert end_of(node, HANG) == REFUSED
    said = last_line(words)
    print(f"  F14 record deleted: {said}")
    assert "there is no signing record" in said
    assert "--i-know-this-key-never-signed" in said
    before = live.signed()
    node.flags.append("--i-know-this-key-never-signed")
    words = Words(node)
    node.start()
    node.wait_until_answers()
    until("it watches", words.have("watching for other nodes with our keys"))
    assert live.signed() == before
    # A session of ten slots.
    took = until("it is clear", words.have("no other node was seen to sign"), 3 * 15)
    assert live.signed() == before
    print(f"  F14 forced: the watch ended after {took:.1f} s, nothing was signed")


# ---- the shared network, which is started now


def twin(of: DevNode, folder: Path, index: int) -> DevNode:
    """A node with the keys of another one, not started yet."""
    rpc, port, metrics = free_ports(3)
    return DevNode(
        index=index,
        name=f"{of.name}-again",
        folder=folder,
        flags=list(of.flags),
        rpc_port=rpc,
        port=port,
        prometheus_port=metrics,
        node_key=f"{index:064x}",
        program=launcher.program(),
    )


def test_f13_a_second_node_on_the_same_data_is_refused(field: Watched, tmp_path: Path) -> None:
    first = field.net[0]
    second = twin(first, first.folder, 9)
    words = Words(second)
    second.start()
    assert end_of(second, HANG) == REFUSED
    said = last_line(words)
    print(f"  F13 same base path: {said}")
    assert said.lower().startswith("error: ")
    assert "another node is using" in said
    # Another database, the same signing records.
    other = twin(first, tmp_path / "other", 8)
    other.folder.mkdir()
    # The same files: a devnet follows no links in the folders of its nodes.
    shutil.copytree(first.folder / "signing", other.folder / "signing", copy_function=os.link)
    words = Words(other)
    other.start()
    assert end_of(other, HANG) == REFUSED
    said = last_line(words)
    print(f"  F13 same records: {said}")
    assert f"process {first.process and first.process.pid} signs with the key" in said


def test_f14_a_flipped_bit_in_a_signing_record_is_refused(field: Watched, rng: Random) -> None:
    net = field.net
    for record in records(net[2]):
        net[2].stop()
        node = net[2]
        good = record.read_bytes()
        bad = bytearray(good)
        at = rng.randrange(8 * len(good))
        bad[at // 8] ^= 1 << at % 8
        record.write_bytes(bad)
        words = Words(node)
        field.start(2)
        assert end_of(node, HANG) == REFUSED
        said = last_line(words)
        print(f"  F14 bit {at} of {record.name[:8]}…: {said}")
        assert "is damaged" in said
        record.write_bytes(good)
        net.restart(2)


@pytest.mark.full
def test_f14_an_older_record_does_not_make_a_validator_sign_again(field: Watched) -> None:
    net = field.net
    net[1].stop()
    signing, backup = net[1].folder / "signing", net.base / "backup"
    shutil.rmtree(backup, ignore_errors=True)
    shutil.copytree(signing, backup)
    net.restart(1)
    start = net[0].rpc.finalized()
    net.wait_for_finality(start + 8, seconds=HANG)
    net.kill(1)
    shutil.rmtree(signing)
    shutil.copytree(backup, signing)
    words = Words(net[1])
    net.restart(1)
    until("it sees that its record is old", words.have("older than"))
    before = len(field.signed(1))
    until("it watches for a session", words.have("watching for other nodes with our keys"))
    net.wait_for_finality(net[0].rpc.finalized() + 5, seconds=HANG)
    assert len(field.signed(1)) == before, "it signs with an old record"
    field.check()
    until("it makes blocks again", lambda: len(field.signed(1)) > before, HANG)


@pytest.mark.full
def test_f13_the_same_key_on_two_machines_is_noticed(field: Watched) -> None:
    # The last with this net: who is accused is slashed and no validator any more, and three of
    # three voters are needed from then on.
    net = field.net
    first = net[3]
    second = twin(first, net.base / "node-9", 9)
    second.program = launcher.program(f"journal={field.journal(9)}")
    words = [Words(node) for node in (*net.nodes, second)]
    field.excuse(BARRED)
    field.cheats.add(3)
    second.start([node.address for node in net.nodes])
    try:
        second.wait_until_answers()
        took = until(
            "one of the two stops, or is accused",
            lambda: any(BARRED in log.new() or EQUIVOCATION in log.new() for log in words),
        )
        print(f"  F13 two machines with one key: noticed {took:.1f} s after the second answers")
        for node, log in zip((*net.nodes, second), words, strict=True):
            for line in log.new().splitlines():
                if BARRED in line or EQUIVOCATION in line or "older than" in line:
                    print(f"    {node.name}: {line}")
        # The other three do not care.
        net.wait_for_finality(net[0].rpc.finalized() + 3, nodes=[0, 1, 2], seconds=HANG)
    finally:
        second.stop()
    both = field.signed(3) + field.signed(9)
    said_at: dict[str, set[str]] = {}
    for entry in both:
        place = f"{entry['key']} {entry['place']}"
        said_at.setdefault(place, set()).add(entry["said"])
    twice = [place for place, what in said_at.items() if len(what) > 1]
    print(f"  F13 said twice by the two before that: {twice or 'nothing'}")


def records(node: DevNode) -> list[Path]:
    """The signing records of a node."""
    found = sorted((node.folder / "signing").glob("*/*.json"))
    assert len(found) == 2
    return found


def last_line(words: Words) -> str:
    """Return the last line of a node that ended, without lines of another node in the same log."""
    return [line for line in words.new().splitlines() if not line.startswith("2")][-1]
