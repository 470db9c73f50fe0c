"""The minimal chain on a real network whose processes cannot import the other features.

Four validators, two providers and a requester: jobs are posted, computed, verified and paid. The
test prints which part of the program they loaded: `make test-minimal`.
"""

from __future__ import annotations

import asyncio
import json
import subprocess
import time
from collections import Counter
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Final

import pytest
from click.testing import CliRunner

pytest.importorskip("numpy", reason="numpy is not installed: pip install '.[work]'")

from btt_chain.client.typed import open_runtime
from btt_chain.testing import Devnet
from btt_chain.testing.state import SPEC_FILE
from btt_chain.testing.warm import cold_starts
from cli.commands.devnet import devnet
from runtime.pallets.jobs.events import Finalized
from support import without_features
from support.work.history import History

pytestmark = [pytest.mark.devnet, pytest.mark.full]

SLOT_MS: Final = 500
HANG: Final = 150.0
"""Seconds after which a job will not be paid any more."""
MAX_LINES: Final = 114_500
"""Budget of lines in all modules that the programs of a minimal chain load. Lower it when they
become fewer."""


def specification() -> str:
    """Return the specification of the network, made by a process without the other features."""
    options = ["--chain", "local", "--runtime", "minimal", "--slot-ms", str(SLOT_MS)]
    command = [*without_features.program(), "build-spec", *options]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


@pytest.fixture
def modules(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder where the processes leave the names of their modules."""
    folder = tmp_path / "modules"
    folder.mkdir()
    monkeypatch.setenv("BTT_MODULES", str(folder))
    return folder


@pytest.fixture
def net(tmp_path: Path, modules: Path) -> Iterator[Devnet]:
    network = Devnet.create(
        tmp_path / "net",
        runtime="minimal",
        slot_ms=SLOT_MS,
        providers=2,
        program=without_features.program(),
    )
    for helper in network.helpers:
        assert helper.words[0] == "-m"
        helper.words = [*without_features.program(helper.words[1])[1:], *helper.words[2:]]
    # A warm start forks a process that has imported all features.
    with cold_starts(), network:
        network.up()
        yield network


async def paid(net: Devnet, history: History) -> int:
    """Return the pay, in planck, of the first job that was computed and verified."""
    deadline = time.monotonic() + HANG
    async with open_runtime(net[0].ws) as chain:
        while time.monotonic() < deadline:
            await history.read(chain)
            for event in history.of(Finalized):
                return int(event.paid)
            for helper in net.helpers:
                assert helper.is_alive, helper.tail()
            await asyncio.sleep(0.5)
    logs = "\n".join(helper.tail() for helper in net.helpers)
    pytest.fail(f"no job was paid until block {history.number}\n{net[0].tail()}\n{logs}")


def closure(folder: Path) -> dict[str, int]:
    """Return the lines of the modules that the processes loaded, by module."""
    names = {name for file in folder.iterdir() for name in file.read_text().split()}
    lines: dict[str, int] = {}
    for name in sorted(names - {"cli.main"}):
        spec = find_spec(name)
        if spec is not None and spec.origin is not None and spec.origin.endswith(".py"):
            lines[name] = Path(spec.origin).read_text(encoding="utf-8").count("\n")
    return lines


def test_jobs_are_computed_verified_and_paid_without_the_other_features(
    net: Devnet, modules: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    history = History()
    assert asyncio.run(paid(net, history)) > 0
    net.wait_for_finality(history.number)
    status = CliRunner().invoke(devnet, ["status", "--base-path", str(net.base), "--json"])
    assert (json.loads(status.stdout)["runtime"], status.exit_code) == ("minimal", 0)
    net.down()
    assert (net.base / SPEC_FILE).read_text() == specification()
    lines = closure(modules)
    assert not [name for name in lines if without_features.is_refused(name)]
    total = sum(lines.values())
    with capsys.disabled():
        print(f"\nthe programs of the minimal chain: {len(lines)} modules, {total} lines")
        by_package = Counter[str]()
        for name, count in lines.items():
            by_package[name.partition(".")[0]] += count
        print(", ".join(f"{package} {count}" for package, count in by_package.most_common()))
    assert total <= MAX_LINES
