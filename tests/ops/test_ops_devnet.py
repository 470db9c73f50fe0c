"""The operators' guide on real nodes: metrics, doctor, runbooks."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.request import urlopen

import pytest
from click.testing import CliRunner
from prometheus_client.parser import text_string_to_metric_families

from btt_chain.testing import Devnet
from cli.program import program
from devnet.watched import until
from support.vectors import REPOSITORY

pytestmark = [pytest.mark.devnet, pytest.mark.timeout(900)]

MONITORING = (REPOSITORY / "docs" / "monitoring.md").read_text()


@pytest.fixture(scope="module")
def net(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Devnet]:
    """Four validators that finalize; each test leaves them so."""
    base = tmp_path_factory.mktemp("ops") / "net"
    with Devnet.create(base, validators=4, slot_ms=1_000) as made:
        made.up()
        made.wait_for_finality(2)
        yield made


def doctor(url: str, *more: str) -> tuple[dict[str, dict[str, str]], int]:
    """Return the doctor's checks by name, and its exit code."""
    done = CliRunner().invoke(program, ["doctor", "--url", url, "--json", *more])
    return {check["name"]: check for check in json.loads(done.stdout)["checks"]}, done.exit_code


def until_doctor(
    url: str, holds: Callable[[dict[str, dict[str, str]], int], bool]
) -> dict[str, dict[str, str]]:
    """Examine a node until its checks and the exit code are as they should be.

    On a busy machine a vote may come late, which the doctor reports.
    """
    found: list[tuple[dict[str, dict[str, str]], int]] = []

    def is_so() -> bool:
        found[:] = [doctor(url)]
        return holds(*found[0])

    until("the doctor reports the state", is_so, found=lambda: found)
    return found[0][0]


def typed(*words: str | Path) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "cli.main", *map(str, words)],
        cwd=REPOSITORY, capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout


def quiet(url: str) -> set[str]:
    """The metrics that say nothing but zero."""
    with urlopen(url) as answer:
        text = answer.read().decode()
    return {
        family.name
        for family in text_string_to_metric_families(text)
        if not family.name.endswith("_created")
        if not any(sample.value for sample in family.samples)
    }


def test_every_metric_of_a_validator_moves_or_is_said_to_rest(net: Devnet) -> None:
    said = re.search(r"rest at 0 while all is well: (.*?)\n\n", MONITORING, re.DOTALL)
    assert said is not None
    names = re.findall(r"`(\w+)`", said[1])
    resting = {*names, *(name.removesuffix("_total") for name in names)}  # families of counters
    # A validator makes its first block when the lottery says so.
    for height in range(3, 60):
        if quiet(net[0].metrics_url) <= resting:
            break
        net.wait_for_block(height)
    assert quiet(net[0].metrics_url) <= resting


def test_the_doctor_finds_nothing_then_names_who_is_missing_then_the_stall(net: Devnet) -> None:
    until_doctor(
        net[0].ws,
        lambda checks, code: (
            code == 0 and checks["voters"]["verdict"] == checks["clock"]["verdict"] == "OK"
        ),
    )

    net.kill(3)
    net.wait_for_finality(net[0].rpc.finalized() + 3)
    until_doctor(
        net[0].ws,
        lambda checks, code: (
            (checks["voters"]["verdict"], code) == ("WARN", 0)
            and "Dave" in checks["voters"]["seen"]
            and "Charlie" not in checks["voters"]["seen"]
        ),
    )

    net.kill(2)
    net.wait_for_block(net[0].rpc.best() + 2, nodes=[0, 1])
    checks = until_doctor(
        net[0].ws,
        lambda checks, code: (
            (checks["finality"]["verdict"], checks["voters"]["verdict"], code)
            == ("FAIL", "FAIL", 1)
        ),
    )
    assert "it stands at block" in checks["finality"]["seen"]
    assert {name for name in ("Alice", "Bob", "Charlie", "Dave") if name in
            checks["voters"]["seen"]} == {"Charlie", "Dave"}  # fmt: skip

    net.restart(2)
    net.wait_for_finality(net[0].rpc.best())
    net.restart(3)
    net.wait_for_finality(net[0].rpc.finalized() + 2)


@pytest.mark.full
def test_a_key_moves_with_its_record_and_votes_on_the_new_machine(
    net: Devnet, tmp_path: Path
) -> None:
    old, spec = net[3], net.base / "spec.json"
    net[3].stop()
    machine = ("--base-path", tmp_path / "new", "--chain", spec)
    typed("signing", "export", "--base-path", old.folder, "--chain", spec, "-o", tmp_path / "rec")
    typed("key", "insert", *machine, "--suri", "//Dave")
    typed("signing", "import", tmp_path / "rec", *machine)

    moved = net.add_node("New")
    moved.stop()
    moved.folder = tmp_path / "new"
    moved.flags = [*moved.flags, "--validator"]
    moved.start([node.address for node in net.nodes[:3]])
    try:
        moved.wait_until_answers()
        net.wait_for_finality(net[0].rpc.finalized() + 4, nodes=[0, 1, 2])
        checks, _ = doctor(moved.ws, "--base-path", str(moved.folder), "--chain", str(spec))
        assert "Dave" in checks["session keys"]["seen"], checks
        assert checks["signing record"]["verdict"] == "OK", checks
        checks, _ = doctor(net[0].ws)
        assert checks["voters"]["verdict"] == "OK", checks
    finally:
        moved.stop()
    assert net.check_agreement() > 0
