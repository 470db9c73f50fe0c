"""A network of a file with its faults: real validators, one of which is killed and comes back."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from btt_chain.testing import Devnet
from support.vectors import REPOSITORY

pytestmark = [pytest.mark.devnet, pytest.mark.full]


@pytest.mark.timeout(900)
def test_the_file_of_the_examples_runs_to_its_end(tmp_path: Path) -> None:
    port = Devnet.create(tmp_path / "ports", validators=4).nodes[0].rpc_port
    file = REPOSITORY / "examples" / "devnet" / "faults.toml"
    words = ["devnet", "up", "-f", str(file), "--json", "--rpc-base-port", str(port)]
    done = subprocess.run(
        [sys.executable, "-m", "cli.main", *words], cwd=tmp_path,
        env={"PYTHONPATH": str(REPOSITORY)}, capture_output=True, text=True, check=False,
        timeout=600,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    first, *lines = map(json.loads, done.stdout.splitlines())
    assert [node["name"] for node in first["nodes"]] == ["paris", "rome", "berlin", "archive"]
    faults = [line["event"] for line in lines if " s: " in line.get("event", "")]
    assert faults == [
        "5 s: kill berlin", "10 s: restart berlin", "12 s: pause rome", "15 s: resume rome",
        "18 s: partition paris,rome/berlin", "23 s: heal",
    ]  # fmt: skip
    blocks = [line for line in lines if "block" in line]
    assert blocks[-1]["finalized"] > 0
    assert {block["author"] for block in blocks} == {"paris", "rome", "berlin"}
    with Devnet.open(tmp_path / ".btt-devnet") as net:
        assert not net.is_running
