"""Export and import of a chain of the lottery: finality survives the journey, forgery does not."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from btt_chain.keystore import BABE, GRANDPA, Keystore, MemoryRecord
from btt_chain.node.engine.assembly import Plan, assemble
from btt_chain.node.engine.observer import NodeWatcher
from btt_chain.node.engine.start import pace_from
from btt_chain.node.service.config import NodeConfig
from btt_chain.node.service.lifecycle import open_chain, params_of
from btt_chain.node.transactions.pool import PoolService
from btt_chain.telemetry.metrics import Metrics
from cli.program import program
from support.document import Document

SLOT_MS = 500
START = 1_790_000_000_000
SLOTS = 50


class Vault:
    """Alice's keys, with records in memory."""

    def __init__(self, genesis: bytes) -> None:
        self.keystore = Keystore()
        self._records = {
            public: MemoryRecord(genesis, public)
            for public in (
                self.keystore.remember(BABE, "//Alice"),
                self.keystore.remember(GRANDPA, "//Alice"),
            )
        }

    def record(self, public: bytes) -> MemoryRecord:
        return self._records[public]


def run(*args: str) -> Result:
    return CliRunner().invoke(program, args)


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A dev chain that Alice made and finalized, on file."""
    base = tmp_path_factory.mktemp("made")
    chain = open_chain(NodeConfig("dev", base))
    engine = assemble(
        chain.client,
        PoolService(chain.client),
        Plan(
            gossip_ms=125,
            behind=0,
            seed=1,
            params=params_of(chain),
            vault=Vault(chain.client.genesis_hash),
            force_authoring=True,
        ),
        now=START,
        pace=pace_from,
        watcher=NodeWatcher(chain.client, Metrics("test", "0", is_authority=True)),
    )
    now = START
    engine.start(now)
    while now < START + SLOTS * SLOT_MS:
        engine.tick(now)
        now = max(now + 1, engine.due)
    assert chain.client.finalized().number >= SLOTS - 3
    chain.close()
    file = base / "blocks.jsonl"
    result = run("export-blocks", "--json", "-o", str(file), "--chain", "dev", "-d", str(base))
    assert result.exit_code == 0, result.output
    return file


def heads(base: Path) -> tuple[int, int]:
    chain = open_chain(NodeConfig("dev", base))
    try:
        return chain.client.best().number, chain.client.finalized().number
    finally:
        chain.close()


def test_blocks_and_their_finality_arrive(exported: Path, tmp_path: Path) -> None:
    result = run("import-blocks", str(exported), "--chain", "dev", "-d", str(tmp_path))
    assert result.exit_code == 0, result.output
    assert heads(tmp_path) == heads(exported.parent)
    again = run("import-blocks", str(exported), "--chain", "dev", "-d", str(tmp_path))
    assert again.exit_code == 0, again.output
    assert "0 blocks imported" in again.output


def documents(file: Path) -> list[Document]:
    return [Document.of(line) for line in file.read_text().splitlines() if line.startswith("{")]


def write(file: Path, blocks: list[Document]) -> str:
    file.write_text("".join(json.dumps(block.value) + "\n" for block in blocks))
    return str(file)


def test_without_proofs_nothing_is_final(exported: Path, tmp_path: Path) -> None:
    bare = documents(exported)
    for block in bare:
        block["justifications"] = None
    file = write(tmp_path / "bare.jsonl", bare)
    result = run("import-blocks", file, "--chain", "dev", "-d", str(tmp_path))
    assert result.exit_code == 0, result.output
    best, final = heads(tmp_path)
    assert best == heads(exported.parent)[0]
    assert final == 0


def test_a_block_without_an_author_is_refused(exported: Path, tmp_path: Path) -> None:
    blocks = documents(exported)
    header = blocks[4]["block"]["header"]
    *logs, seal = map(str, header["digest"]["logs"])
    seal = seal[:-2] + ("00" if seal[-2:] != "00" else "01")
    header["digest"]["logs"] = [*logs, seal]
    file = write(tmp_path / "forged.jsonl", blocks)
    result = run("import-blocks", file, "--chain", "dev", "-d", str(tmp_path))
    assert result.exit_code != 0
    assert "block 5 is refused" in result.output
    assert heads(tmp_path)[0] == 4


def test_a_damaged_proof_of_finality_is_dropped_and_reported(
    exported: Path, tmp_path: Path
) -> None:
    blocks = documents(exported)
    proven = [block for block in blocks if block["justifications"]]
    assert len(proven) > 2
    damaged = proven[1]
    ((engine, proof),) = damaged["justifications"]
    damaged["justifications"] = [[engine.value, [*map(int, proof[:-1]), int(proof[-1]) ^ 1]]]
    number = int(str(damaged["block"]["header"]["number"]), 16)
    file = write(tmp_path / "damaged.jsonl", blocks)
    result = run("import-blocks", file, "--chain", "dev", "-d", str(tmp_path))
    assert result.exit_code == 0, result.output
    assert "1 proof of finality dropped" in result.output
    assert f"at block {number}: the blocks themselves are right" in result.output
    assert heads(tmp_path) == heads(exported.parent)


def test_proofs_of_another_set_of_voters_are_counted(exported: Path, tmp_path: Path) -> None:
    blocks = documents(exported)
    for block in blocks:
        if block["justifications"]:
            ((engine, proof),) = block["justifications"]
            others = [7] * (len(proof) - 8)
            block["justifications"] = [[engine.value, [*map(int, proof[:8]), *others]]]
    count = sum(bool(block["justifications"]) for block in blocks)
    assert count > 5
    file = write(tmp_path / "other.jsonl", blocks)
    result = run("import-blocks", file, "--chain", "dev", "-d", str(tmp_path))
    assert f"{count} proofs of finality dropped" in result.output
    assert f"and {count - 5} more" in result.output
    assert heads(tmp_path)[1] == 0


def test_a_file_of_another_chain_is_refused_with_both_genesis_hashes(
    exported: Path, tmp_path: Path
) -> None:
    made = open_chain(NodeConfig("dev", exported.parent))
    genesis = made.client.genesis_hash.hex()
    made.close()
    result = run("import-blocks", str(exported), "--chain", "local", "-d", str(tmp_path))
    assert result.exit_code == 1
    assert f"block 1 is refused: the file is of the chain with genesis 0x{genesis}" in result.output
    assert "name its chain with --chain" in result.output
