"""`upgrade` on a small chain: from the plan to a node that stands, and what would have happened."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from btt_chain.chain import runtimes
from btt_chain.chain.runtimes import Carried, Release
from btt_chain.client.errors import RpcError
from btt_chain.client.jsonrpc import WebSocket
from btt_chain.scale import codec, u32, u64
from cli.commands.doctor_rules import Verdict, judge_runtime
from cli.program import program
from runtime import BttRuntime
from runtime.frame import Migration
from runtime.pallets.upgrade.pallet import SCHEDULED_KEY, ScheduledUpgrade
from runtime.params import RuntimeParams
from support.instant_node import instant_node
from support.next_runtime.btt_next_runtime import NEXT, NextRuntime

TODAY = {Release("btt", 100): Carried(BttRuntime, "the program")}
TOMORROW = TODAY | {Release("btt", 101): Carried(NextRuntime, "btt-next-runtime 101")}


class Hasty(NextRuntime):
    """A runtime with a migration that fails, behind one that succeeds."""

    def __init__(self, params: RuntimeParams) -> None:
        super().__init__(params)
        self.migrations = (*self.migrations, Migration(101, "the last straw", self.fail))

    def fail(self) -> int:
        raise LookupError("no such row")


class Heavy(NextRuntime):
    """A runtime with migrations that fit into no block."""

    def open_book(self) -> int:
        return 10**15


class Careless(NextRuntime):
    """A runtime that leaves a key that belongs to no pallet."""

    def open_book(self) -> int:
        self.host.state.put(b"a key of no pallet", b"\1")
        return 1


@pytest.fixture
def tomorrow(monkeypatch: pytest.MonkeyPatch) -> None:
    """The command is that of the next release."""
    monkeypatch.setattr(runtimes, "carried", lambda: TOMORROW)


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("node")


@pytest.fixture(scope="module")
def url(base: Path) -> Iterator[str]:
    with instant_node(base) as url:
        yield url


def run(*args: str) -> Result:
    return CliRunner().invoke(program, ["upgrade", *args], prog_name="btt-chain")


def document(*args: str, code: int = 0) -> Any:
    result = run(*args, "--json")
    assert result.exit_code == code, result.stderr + result.stdout
    return json.loads(result.stdout)


async def create(url: str, blocks: int) -> None:
    async with await WebSocket.connect(url, 60) as client:
        for _ in range(blocks):
            await client.call("engine_createBlock", True, True)


def test_a_chain_that_plans_nothing_says_so(url: str) -> None:
    status = document("status", "--url", url)
    assert (status["specVersion"], status["scheduled"], status["stands"]) == (100, None, False)
    assert status["here"] == {"100": "the program"}
    assert "There is nothing to do." in run("status", "--url", url).stdout


def test_a_program_without_the_version_cannot_make_the_call(url: str) -> None:
    result = run("schedule", "101", "--in", "3d", "--url", url)
    assert result.exit_code == 4
    assert "this program carries 100: install the release that has 101" in result.stderr


@pytest.mark.parametrize(
    "words",
    [(), ("--slot", "5", "--in", "3d"), ("--in", "soon"), ("--slot", "tomorrow"),
     ("--slot", "9" * 20), ("--in", "9" * 15 + "d"),
     ("--in", "3d", "--sudo"), ("--in", "3d", "--from", "//Alice")],
)  # fmt: skip
def test_a_plan_needs_one_time_and_one_way(url: str, tomorrow: None, words: tuple[str]) -> None:
    assert run("schedule", "101", *words, "--url", url).exit_code == 2


def test_a_plan_becomes_a_proposal_or_a_call_by_sudo_and_the_node_stands(
    url: str, tomorrow: None
) -> None:
    proposal = run("schedule", "101", "--in", "1h", "--url", url)
    assert "btt-chain gov propose Upgrade.schedule 0x" in proposal.stdout
    assert "3600 from now" in proposal.stderr
    asyncio.run(create(url, 2))
    soon = run("schedule", "101", "--in", "30s", "--url", url)
    assert soon.exit_code == 1
    assert "60 are the least notice when the call runs" in soon.stderr
    far = run("schedule", "101", "--slot", "9_000_000_000_000_000_000", "--url", url)
    assert "about never" in far.stderr
    again = run("schedule", "100", "--in", "1h", "--url", url)
    assert again.exit_code == 1
    assert "the chain runs btt 100: schedule a later version" in again.stderr
    by_sudo = ("--sudo", "--from", "//Alice", "--url", url)
    near = run("schedule", "101", "--in", "3s", *by_sudo)
    assert near.exit_code == 1
    assert "Upgrade.NoticeTooShort: The slot is nearer" in near.stderr
    slot = int(document("schedule", "101", "--in", "3m", *by_sudo)["slot"])
    status = document("status", "--url", url, code=1)
    assert (status["scheduled"]["specVersion"], status["scheduled"]["slot"]) == (101, slot)
    assert "carries 100: install a release that has 101" in status["lacking"]
    assert "The node will stand" in run("status", "--url", url).stdout
    with pytest.raises(RpcError, match="install a release that has 101"):
        asyncio.run(create(url, 200))
    asyncio.run(served(url, "Guestbook"))


async def served(url: str, absent: str) -> None:
    async with await WebSocket.connect(url, 60) as client:
        assert await client.call("chain_getBlock", await client.call("chain_getBlockHash", 1))
        assert absent.encode().hex() not in str(await client.call("state_getMetadata"))


def test_a_database_is_tried_only_while_no_process_has_it(
    url: str, base: Path, tomorrow: None
) -> None:
    result = run("try", "--chain", "dev-manual", "--base-path", str(base))
    assert result.exit_code == 1
    assert "in use" in result.stderr or "using" in result.stderr


@pytest.fixture(scope="module")
def state(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A state in a file."""
    file = tmp_path_factory.mktemp("state") / "spec.json"
    made = CliRunner().invoke(program, ["build-spec", "--chain", "dev-manual", "--raw"])
    file.write_text(made.stdout)
    return str(file)


def test_a_rehearsal_reports_what_the_migrations_do(state: str, tomorrow: None) -> None:
    status = document("try", "--state", state)
    assert (status["from"], status["to"], status["good"], status["failure"]) == (100, 101, True, "")
    assert [(step["name"], step["written"], step["removed"]) for step in status["migrations"]] == [
        ("Sudo.Key has the block of its change", 1, 0),
        ("the guestbook is opened", 1, 0),
    ]
    assert status["findings"] == [[], []]
    assert len(set(status["roots"])) == 2
    assert "All migrations succeed" in run("try", "--state", state).stdout


def test_a_rehearsal_of_a_draft_says_that_the_chain_decided_on_another(
    state: str, tmp_path: Path, tomorrow: None
) -> None:
    decided = ScheduledUpgrade(
        replace(NEXT, transaction_version=u32(2)).encoded(), NEXT.spec_version, u64(100)
    )
    spec = json.loads(Path(state).read_text())
    planned = codec(ScheduledUpgrade).encode(decided)
    spec["genesis"]["raw"]["top"]["0x" + SCHEDULED_KEY.hex()] = "0x" + planned.hex()
    file = tmp_path / "planned.json"
    file.write_text(json.dumps(spec))
    result = run("try", "--state", str(file))
    assert result.exit_code == 1
    assert "the chain decided on btt 101 in another form" in result.stderr


@pytest.mark.parametrize(
    ("builder", "said"),
    [
        (Hasty, "the migration 'the last straw' of btt 101 does not go through: LookupError"),
        (Heavy, "heavier than a block"),
        (Careless, "belongs to no pallet"),
    ],
)
def test_a_rehearsal_that_goes_wrong_says_how(
    state: str, monkeypatch: pytest.MonkeyPatch, builder: type[NextRuntime], said: str
) -> None:
    monkeypatch.setattr(
        runtimes, "carried", lambda: TODAY | {Release("btt", 101): Carried(builder, "a draft")}
    )
    result = run("try", "--state", state)
    assert result.exit_code == 1
    assert said in result.stdout


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        ((), 1, "nothing later: install the release that is to be tried"),
        (("--to", "102"), 1, "this program carries 100, not 102"),
        (("--dev",), 2, "one of them"),
    ],
)
def test_there_must_be_a_version_to_try(
    state: str, words: tuple[str, ...], code: int, said: str
) -> None:
    result = run("try", "--state", state, *words)
    assert (result.exit_code, said in result.stderr) == (code, True), result.stderr


def test_the_doctor_says_before_the_slot_that_the_runtime_is_missing() -> None:
    status: dict[str, Any] = {
        "specName": "btt", "specVersion": 100, "scheduled": None, "lacking": "", "stands": False,
    }  # fmt: skip
    assert judge_runtime(status).verdict is Verdict.OK
    status["scheduled"] = {"specVersion": 101, "slotsLeft": 7}
    assert judge_runtime(status).seen == "btt 100, 101 in 7 slots"
    status["lacking"] = "install it"
    assert (judge_runtime(status).verdict, judge_runtime(status).todo) == (
        Verdict.WARN,
        "install it",
    )
    status["stands"] = True
    assert judge_runtime(status).verdict is Verdict.FAIL
