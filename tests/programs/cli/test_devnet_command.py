"""The words of `devnet`, over stand-ins for nodes: what is printed, and how mistakes are met."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from btt_chain.testing import Devnet
from btt_chain.testing.creation import Ports, Settings
from btt_chain.testing.helper import Helper
from cli.commands.devnet import devnet
from cli.commands.devnet_common import FOLDER
from cli.commands.devnet_schedule import Schedule
from cli.commands.devnet_screen import View
from cli.commands.devnet_view import watch_lines
from cli.commands.doctor import look_at_programs
from cli.common import show
from cli.common.errors import ExitCode
from support.program_faults import HANG, until
from support.vectors import REPOSITORY

FAKE = (sys.executable, str(REPOSITORY / "tests" / "support" / "fake_node.py"))
MINIMAL = '{"genesis": {"runtimeGenesis": {"config": {"params": {"runtime": "minimal"}}}}}'
ALICE = "5GrwvaEF5zXb26Fz9rcQpDWS57CtERHpNehXCPcNoHGKutQY"


@pytest.fixture(autouse=True)
def _stand_ins(monkeypatch: pytest.MonkeyPatch) -> None:
    use_stand_ins(monkeypatch, "{}")


def use_stand_ins(monkeypatch: pytest.MonkeyPatch, spec: str) -> None:
    def planned(base: Path, settings: Settings, ports: Ports) -> Devnet:
        return plan(base, replace(settings, program=FAKE, spec=spec), ports)

    monkeypatch.setattr(Devnet, "planned", planned)


plan = Devnet.planned


@pytest.fixture
def base(tmp_path: Path) -> Iterator[Path]:
    """A network of two that is up."""
    with Devnet.create(tmp_path / "net", validators=2) as net:
        net.up()
        yield net.base


@pytest.fixture(scope="module")
def unchanged(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A network of two that is up, for tests that change nothing of it."""
    base = tmp_path_factory.mktemp("devnet") / "net"
    with Devnet.create(base, validators=2, program=FAKE, spec="{}") as net:
        net.up()
        yield net.base


def typed(*words: str | int | Path) -> Result:
    return CliRunner().invoke(devnet, [str(word) for word in words])


def test_up_detached_returns_when_all_answer_and_down_stops_them(tmp_path: Path) -> None:
    free = Devnet.create(tmp_path / "ports", validators=1).nodes[0].rpc_port
    started = typed(
        "up", "-d", tmp_path / "net", "-n", "1", "--detach", "--json", "--rpc-base-port", str(free)
    )
    assert started.exit_code == 0, started.output
    document = json.loads(started.stdout)
    assert [node["name"] for node in document["nodes"]] == ["Alice"]
    assert document["nodes"][0]["ws"] == f"ws://127.0.0.1:{free}"
    assert document["accounts"][0] == {"name": "Alice", "uri": "//Alice", "address": ALICE}
    stopped = typed("down", "-d", tmp_path / "net")
    assert stopped.exit_code == 0
    assert "stopped 1 node in" in stopped.stderr
    assert not Devnet.open(tmp_path / "net").is_running


def test_status_shows_each_node(unchanged: Path) -> None:
    shown = typed("status", "-d", unchanged)
    assert shown.exit_code == 0
    assert [name in shown.stdout for name in ("Alice", "Bob", "running")] == [True] * 3
    document = json.loads(typed("status", "-d", unchanged, "--json").stdout)
    assert {node["state"] for node in document["nodes"]} == {"running"}


def test_a_node_is_killed_and_restarted_by_its_number(base: Path) -> None:
    assert typed("kill", "1", "-d", base).exit_code == 0
    seen = typed("status", "-d", base)
    assert "down" in seen.stdout
    assert seen.exit_code == ExitCode.REFUSED
    assert "node 1 (Bob) is down" in seen.stderr
    again = typed("kill", "1", "-d", base)
    assert again.exit_code == ExitCode.REFUSED
    assert "down already" in again.stderr
    assert typed("restart", "1", "-d", base).exit_code == 0
    assert "down" not in typed("status", "-d", base).stdout


def shown(base: Path, name: str) -> dict[str, object]:
    """Return the part of `status` about a program."""
    document = json.loads(typed("status", "-d", base, "--json").stdout)
    return next({**each} for each in document["helpers"] if each["name"] == name)


def test_a_dead_program_is_started_again_and_its_death_is_in_status_exit_code_and_doctor(
    base: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Devnet.open(base) as net:
        for name in ("Sleeper", "Dreamer"):
            words = ["-c", "import time; time.sleep(600)"]
            net.helpers.append(Helper(name, base / name.lower(), words, ""))
        net._save()
        net.up(is_kept=True)
        first = net.helper("Sleeper").process
        assert first is not None
        assert first.send(signal.SIGKILL)
        until("it is started again", lambda: shown(base, "Sleeper")["deaths"] == 1
              and shown(base, "Sleeper")["state"] == "running")  # fmt: skip
        assert typed("status", "-d", base).exit_code == 0
        net.reload()
        assert net.helper("Sleeper").process != first
        monkeypatch.setenv("BTT_DEVNET", str(base))
        (seen,) = look_at_programs(net[0].ws)
        assert seen.verdict == "WARN"
        assert "Sleeper 1x, it ended" in seen.seen

        # One that was killed on purpose stays down, and this is not a success either.
        assert typed("kill", "dreamer", "-d", base).exit_code == 0
        net.helper("Keeper").kill()
        net.helper("Sleeper").kill()
        until("it is dead", lambda: shown(base, "Sleeper")["state"] == "dead")
        assert shown(base, "Dreamer")["state"] == "down"
        status = typed("status", "-d", base)
        assert status.exit_code == ExitCode.REFUSED
        assert "Sleeper is dead" in status.stderr
        assert "Keeper is dead" in status.stderr
        (seen,) = look_at_programs(net[0].ws)
        assert seen.verdict == "FAIL"
        assert "Dreamer is down" in seen.seen
        assert typed("restart", "dreamer", "-d", base).exit_code == 0
        assert shown(base, "Dreamer")["state"] == "running"


def test_up_starts_a_dead_program_again_while_it_watches_and_shows_it(
    base: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    notes: list[str] = []

    async def watched(net: Devnet) -> None:
        stop = asyncio.Event()

        def note(text: str) -> None:
            notes.append(text)
            if "started again" in text and "ended" not in text:
                stop.set()

        monkeypatch.setattr(show, "note", note)
        async with asyncio.timeout(HANG):
            await watch_lines(net, stop, Schedule(), as_json=False)

    with Devnet.open(base) as net:
        words = ["-c", "raise SystemExit(7)"]
        net.helpers.append(Helper("Mortal", base / "mortal", words, ""))
        net._save()
        net.up()
        asyncio.run(watched(net))
        screen = View(str(base), helpers=net.helpers)._ended()
    first, second = (note for note in notes if note.startswith("Mortal"))
    assert first.startswith("Mortal ended with code 7, and is started again in 0.")
    assert second == "Mortal is started again"
    assert screen is not None
    assert screen.rows[0][2:] == ("1", "ended with code 7")


def test_nodes_are_named_in_any_case_and_found_from_a_folder_below(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    below = tmp_path / "some" / "where"
    below.mkdir(parents=True)
    monkeypatch.chdir(tmp_path)
    port = Devnet.create(tmp_path / "ports", validators=1).nodes[0].rpc_port
    try:
        assert typed("up", "-n", "2", "--detach", "--rpc-base-port", str(port)).exit_code == 0
        monkeypatch.chdir(below)
        assert typed("pause", "bob").stderr.startswith("paused node 1 (Bob)")
        assert "paused" in typed("status").stdout
        assert typed("resume", "BOB").exit_code == 0
        assert typed("kill", "Alice").exit_code == 0
        assert typed("restart", "alice").exit_code == 0
        keys = json.loads(typed("keys", "--json").stdout)
        assert [node["uri"] for node in keys["nodes"]] == ["//Alice", "//Bob"]
        assert typed("add-node", "--name", "archive").exit_code == 0
        assert "started with" in typed("logs", "archive").stdout
        assert typed("down").exit_code == 0
        monkeypatch.chdir(tmp_path)
        again = typed("up", "--detach", "--json")
        assert again.exit_code == 0, again.stderr
        assert [node["name"] for node in json.loads(again.stdout)["nodes"]] == [
            "Alice", "Bob", "archive",
        ]  # fmt: skip
        assert json.loads(again.stdout)["nodes"][0]["ws"].endswith(str(port))
    finally:
        typed("down", "-d", tmp_path / FOLDER, "--delete")
    assert not (tmp_path / FOLDER).exists()


def test_where_no_devnet_lies_above_all_that_was_tried_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    answered = typed("status")
    assert answered.exit_code == ExitCode.NOT_FOUND
    assert f"neither {tmp_path} nor a folder above it has {FOLDER}/devnet.json" in answered.stderr


def test_deleting_a_network_leaves_the_other_files_of_its_folder(tmp_path: Path) -> None:
    with Devnet.create(tmp_path / "net", validators=1) as net:
        net.up()
    (tmp_path / "net" / "mine.txt").write_text("mine")
    assert typed("down", "-d", tmp_path / "net", "--delete").exit_code == 0
    assert [file.name for file in (tmp_path / "net").iterdir()] == ["mine.txt"]


def test_a_start_that_is_refused_leaves_no_folder(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as held:
        port = held.getsockname()[1]
        answered = typed("up", "-d", tmp_path / "net", "-n", "1", "--rpc-base-port", port)
    assert answered.exit_code == ExitCode.REFUSED
    assert not (tmp_path / "net").exists()


WATCHED = """
import sys
from dataclasses import replace
from btt_chain.testing import Devnet
plan = Devnet.planned
Devnet.planned = lambda base, settings, ports: plan(
    base, replace(settings, program={fake!r}, spec="{{}}"), ports
)
from cli.main import main
main()
"""


@pytest.mark.parametrize("is_starting", [True, False])
def test_a_second_interrupt_leaves_no_process_and_no_half_folder(
    tmp_path: Path, is_starting: bool
) -> None:
    program = WATCHED.format(fake=FAKE)
    words = ["devnet", "up", "-n", "2"]
    port = Devnet.create(tmp_path / "ports", validators=1).nodes[0].rpc_port
    up = subprocess.Popen(
        [sys.executable, "-c", program, *words, "--rpc-base-port", str(port), "--json"],
        cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        env=os.environ
        | {"PYTHONPATH": str(REPOSITORY), "FAKE_NODE": "mute" if is_starting else "deaf"},
    )  # fmt: skip
    base = tmp_path / FOLDER
    await_true(lambda: any((base / f"node-{i}.log").exists() for i in (0, 1)))
    if not is_starting:
        assert up.stdout is not None
        assert json.loads(up.stdout.readline())["basePath"] == str(base)
    await_true(lambda: all("started" in (base / f"node-{i}.log").read_text() for i in (0, 1)))
    nodes = [node.process for node in Devnet.open(base).nodes]
    up.send_signal(signal.SIGINT)
    time.sleep(0.3)
    up.send_signal(signal.SIGINT)
    up.communicate(timeout=60)
    assert up.returncode == (ExitCode.INTERRUPTED if is_starting else 0)
    assert [process is not None and process.state() for process in nodes] == [None, None]
    assert base.exists() is not is_starting


def await_true(condition: Callable[[], bool]) -> None:
    for _ in range(600):
        try:
            if condition():
                return
        except OSError:
            pass
        time.sleep(0.05)
    pytest.fail("the condition did not become true")


def test_the_network_is_cut_and_healed(base: Path) -> None:
    assert typed("partition", "0/1", "-d", base).exit_code == 0
    assert "the network is cut: 0/1" in typed("status", "-d", base).stderr
    assert typed("partition", "bob/ALICE", "-d", base).exit_code == 0
    assert "the network is cut: 1/0" in typed("status", "-d", base).stderr
    assert typed("heal", "-d", base).exit_code == 0
    assert Devnet.open(base).groups is None


def test_logs_are_reported_apart(unchanged: Path) -> None:
    both = typed("logs", "-d", unchanged).stdout
    assert "Alice  started with" in both
    assert "Bob    started with" in both
    assert typed("logs", "1", "--lines", "1", "-d", unchanged).stdout.startswith("started with")


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("kill", "7"), ExitCode.NOT_FOUND, "there is no node 7: this devnet has nodes 0 to 1"),
        (("restart", "2"), ExitCode.NOT_FOUND, "nodes 0 to 1"),
        (("logs", "2"), ExitCode.NOT_FOUND, "nodes 0 to 1"),
        (("partition", "0,/1"), ExitCode.USAGE, "is not a partition: write groups of nodes like"),
        (
            ("partition", "0,x/1"),
            ExitCode.NOT_FOUND,
            "there is no 'x' in this devnet: it has Alice, Bob",
        ),
        (("pause", "eve"), ExitCode.NOT_FOUND, "there is no 'eve' in this devnet"),
        (("add-node", "--name", "bob"), ExitCode.REFUSED, "has 'bob' already"),
        (("add-node", "--name", "7"), ExitCode.REFUSED, "is not a name of a node"),
        (("down", "--delete", "--json", "7"), ExitCode.USAGE, "unexpected extra argument"),
        (("up", "--fresh", "--detach"), ExitCode.REFUSED, "stop it with `btt-chain devnet down`"),
        (("partition", "0,1/1"), ExitCode.REFUSED, "in one group only"),
        (("partition", "bob,alice"), ExitCode.REFUSED, "which cuts nothing: write it like 0,1/2,3"),
        (("up", "-n", "2", "--detach"), ExitCode.REFUSED, "a devnet is running in"),
    ],
)
def test_a_mistake_is_answered(
    unchanged: Path, words: tuple[str, ...], code: ExitCode, said: str
) -> None:
    answered = typed(*words, "-d", unchanged)
    assert answered.exit_code == code
    assert said in answered.stderr


def test_where_no_devnet_lies_the_way_to_one_is_named(tmp_path: Path) -> None:
    answered = typed("status", "-d", tmp_path)
    assert answered.exit_code == ExitCode.NOT_FOUND
    assert "start one with `btt-chain devnet up`" in answered.stderr


def test_a_node_that_does_not_start_is_reported_in_one_line(tmp_path: Path) -> None:
    failing = Devnet.create(tmp_path / "net", validators=1, log="fail")
    # As `up` does with a log filter that is none of ours.
    from cli.commands.devnet_common import plain_errors
    from cli.common.errors import Refused

    with pytest.raises(Refused) as refused, plain_errors(), failing:
        failing.up()
    message = refused.value.message
    assert message.startswith("node 0 (Alice) ended: error: this one never starts (")
    assert "node-0.log" in message


FILE = """
[[nodes]]
name = "paris"
[[nodes]]
name = "rome"
[[nodes]]
name = "archive"
validator = false
"""
FAULTS = """
[[faults]]
at = "100ms"
pause = "rome"
for = "100ms"
[[faults]]
at = "300ms"
kill = "Paris"
for = "400ms"
[[faults]]
at = "1s"
partition = "paris/rome"
[[faults]]
at = "1.2s"
resume = "{}"
[[faults]]
at = "1.3s"
heal = true
"""


def test_a_file_names_the_nodes_and_its_faults_are_done(tmp_path: Path) -> None:
    file, base = tmp_path / "net.toml", tmp_path / "net"
    ports = Devnet.create(tmp_path / "ports", validators=1).nodes[0].rpc_port
    file.write_text(f'rpc_base_port = {ports}\nend = "1.5s"\n{FILE}{FAULTS.format("rome")}')
    with Devnet.create(base, validators=1) as other:
        assert len(other) == 1
    refused = typed("up", "-f", file, "-d", base)
    assert refused.exit_code == ExitCode.REFUSED
    assert "begin anew with --fresh" in refused.stderr
    done = typed("up", "-f", file, "-d", base, "--fresh", "--json")
    assert done.exit_code == 0, done.stderr
    first, *lines = map(json.loads, done.stdout.splitlines())
    assert [node["name"] for node in first["nodes"]] == ["paris", "rome", "archive"]
    assert [node["isValidator"] for node in first["nodes"]] == [True, True, False]
    said = [line["event"] for line in lines if "event" in line and " s: " in line["event"]]
    assert said == [
        "0.1 s: pause rome", "0.2 s: resume rome", "0.3 s: kill Paris", "0.7 s: restart Paris",
        "1 s: partition paris/rome", "1.2 s: resume rome", "1.3 s: heal",
    ]  # fmt: skip
    assert not any("failed" in line["event"] for line in lines if "event" in line)
    assert lines[-1]["stopped"] == 3


def test_a_file_and_the_options_name_the_set_of_features(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    use_stand_ins(monkeypatch, MINIMAL)
    file, base = tmp_path / "net.toml", tmp_path / "net"
    file.write_text(f'runtime = "standard"\nend = "10ms"\n{FILE}')
    for words, runtime in (((), "standard"), (("--runtime", "full"), "full")):
        refused = typed("up", "-f", file, "-d", base, *words)
        assert refused.exit_code == ExitCode.REFUSED
        assert f"has the runtime minimal, not {runtime}" in refused.stderr
    done = typed("up", "-f", file, "-d", base, "--runtime", "minimal", "--json")
    assert json.loads(done.stdout.splitlines()[0])["runtime"] == "minimal", done.stderr
    assert "runtime minimal\n" in typed("status", "-d", base).stderr
    assert "no oracle" in typed("up", "-d", base, "--feeders").stderr


@pytest.mark.parametrize(
    ("faults", "words", "code", "said"),
    [
        (FAULTS.format("eve"), (), ExitCode.REFUSED, "line 23: faults.resume: there is no 'eve'"),
        (FAULTS.format("rome"), ("--detach",), ExitCode.USAGE, "faults of the file: leave it out"),
        ("", ("-n", "3"), ExitCode.USAGE, "leave out --validators"),
        ("[[fault]]\n", (), ExitCode.REFUSED, "fault: no such key"),
    ],
)
def test_a_file_that_does_not_fit_is_refused_and_leaves_nothing(
    tmp_path: Path, faults: str, words: tuple[str, ...], code: ExitCode, said: str
) -> None:
    file = tmp_path / "net.toml"
    file.write_text(FILE + faults)
    answered = typed("up", "-f", file, "-d", tmp_path / "net", *words, "--rpc-base-port", "19544")
    assert answered.exit_code == code, answered.stderr
    assert said in answered.stderr
    assert not (tmp_path / "net").exists()
