"""Programs that are forks of a template: they are what they would be if started by themselves."""

from __future__ import annotations

import json
import os
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path

import pytest

from btt_chain.packages import HOME
from btt_chain.testing import DevnetError, cold_starts, dev_node, warm, warm_starts
from btt_chain.testing.process import ProcessId
from btt_chain.testing.warm import MAX_REQUEST, TEMPLATES, starter_for

SURROUNDINGS = {
    "A": "ä b", "PYTHONPATH": f"/x:{HOME}", "PYTHONUNBUFFERED": "1", "TZ": "Asia/Tokyo",
}  # fmt: skip
PROGRAM = """
import gc, json, os, resource, signal, sys, threading, time
print(json.dumps({
    "name": __name__,
    "words": sys.argv,
    # Python sets the locale at its start where there is none.
    "environment": {name: at for name, at in os.environ.items() if name != "LC_CTYPE"},
    "path": sys.path,
    "folder": os.getcwd(),
    "zone": time.tzname,
    "pids": [os.getpid(), os.getsid(0)],
    "files": sorted(os.listdir("/proc/self/fd"), key=int)[:-1],
    "signals": [signal.getsignal(number) is how for number, how in [
        (signal.SIGINT, signal.default_int_handler), (signal.SIGTERM, signal.SIG_DFL),
        (signal.SIGCHLD, signal.SIG_DFL), (signal.SIGPIPE, signal.SIG_IGN)]],
    "limit": resource.getrlimit(resource.RLIMIT_NOFILE)[0],
    "wakeup": signal.set_wakeup_fd(-1),
    "threads": len(os.listdir("/proc/self/task")),
    "hash": hash("a network"),
    "ours": "btt_chain.node.service.lifecycle" in sys.modules,
    "input": sys.stdin.read(),
}))
print("to stderr", file=sys.stderr)
sys.exit(int(sys.argv[1]))
"""


@pytest.fixture
def script(tmp_path: Path) -> Path:
    """A program that prints its surroundings."""
    file = tmp_path / "program.py"
    file.write_text(PROGRAM)
    return file


def started(script: Path, log: Path, *words: str, code: int = 0) -> dict[str, object]:
    """Start the program, wait for its end and return its output."""
    command = [sys.executable, "-P", str(script), str(code), *words]
    process = ProcessId.spawn(command, SURROUNDINGS, log)
    assert process.wait(60)
    output, last = log.read_text().splitlines()
    assert last == "to stderr"
    found: dict[str, object] = json.loads(output)
    assert found["pids"] == [process.pid, process.pid]
    return found


def test_a_program_has_surroundings_of_its_own(
    script: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    started(script, tmp_path / "template.log")  # it has other limits
    usual, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (usual - 7, most))
    try:
        warm = started(script, tmp_path / "warm.log", "two words")
        with cold_starts():
            cold = started(script, tmp_path / "cold.log", "two words")
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (usual, most))
    assert warm["limit"] == usual - 7
    assert (warm.pop("ours"), cold.pop("ours")) == (True, False)
    # One that is started by itself also has what this process inherited.
    assert (warm.pop("files"), "2" in str(cold.pop("files"))) == (["0", "1", "2"], True)
    for each in (warm, cold):
        del each["pids"], each["hash"]
    assert warm == cold
    assert warm["environment"] == SURROUNDINGS
    assert warm["words"] == [str(script), "0", "two words"]
    assert (warm["signals"], warm["threads"]) == ([True] * 4, 1)


def test_templates_take_turns_and_have_different_hash_seeds(script: Path, tmp_path: Path) -> None:
    hashes = [started(script, tmp_path / f"{i}.log")["hash"] for i in range(2 * TEMPLATES)]
    assert len(set(hashes)) == TEMPLATES
    assert hashes[:TEMPLATES] == hashes[TEMPLATES:]


def test_an_ended_program_is_not_left_as_a_zombie(script: Path, tmp_path: Path) -> None:
    command = [sys.executable, "-P", str(script), "3"]
    processes = [ProcessId.spawn(command, {}, tmp_path / f"{i}.log") for i in range(6)]
    assert all(process.wait(60) for process in processes)
    # Templates reap when they are woken: before they answer the next requests.
    for i in range(TEMPLATES):
        started(script, tmp_path / f"later-{i}.log")
    assert [process._letter() for process in processes] == [None] * 6


@pytest.mark.parametrize("how", [warm_starts, cold_starts])
def test_the_exit_code_of_an_ended_program_is_known(
    tmp_path: Path, how: Callable[[], AbstractContextManager[None]]
) -> None:
    file, log = tmp_path / "ends.py", tmp_path / "ends.log"
    file.write_text("import sys\nsys.exit(int(sys.argv[1]))\n")
    command = [sys.executable, "-P", str(file)]
    endless = tmp_path / "endless.py"
    endless.write_text("import time\ntime.sleep(600)\n")
    with how():
        for code in (0, 7):
            process = ProcessId.spawn([*command, str(code)], {}, log)
            assert process.wait(60)
            assert process.exit_code() == code
        runs = ProcessId.spawn([sys.executable, "-P", str(endless)], {}, log)
        assert runs.exit_code() is None
        runs.send(signal.SIGKILL)
        assert runs.wait(60)
        assert runs.exit_code() == -signal.SIGKILL
        for each in (process, runs):
            each.reap()


def test_a_node_answers_and_ends_in_order(tmp_path: Path) -> None:
    with dev_node(tmp_path / "node") as node:
        assert node.process is not None
        command = Path(f"/proc/{node.process.pid}/cmdline").read_text()
        assert "warm_template" in command
        assert node.rpc.best() == 0
        node.rpc.call("engine_createBlock", True, True)
        assert node.rpc.finalized() == 1
    assert "stopped" in node.tail()


@pytest.mark.full
def test_programs_outlive_their_templates(script: Path, tmp_path: Path) -> None:
    file = tmp_path / "waits.py"
    file.write_text("import time\nprint('here', flush=True)\ntime.sleep(600)\n")
    command, log = [sys.executable, "-P", str(file)], tmp_path / "waits.log"
    with cold_starts(), warm_starts():
        process = ProcessId.spawn(command, {}, log)
        mine = starter_for(command)
        assert mine is not None
        (template,) = mine._templates.values()
    try:
        assert template._process.returncode == 0
        assert process.state() in {"R", "S", "D"}
    finally:
        os.kill(process.pid, 9)
    assert process.wait(60)


def test_a_template_that_has_ended_is_an_error_and_is_replaced(
    script: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(warm, "TEMPLATES", 1)
    command = [sys.executable, "-P", str(script), "0"]
    with cold_starts(), warm_starts():
        ProcessId.spawn(command, {}, tmp_path / "0.log")
        mine = starter_for(command)
        assert mine is not None
        template = mine._templates[0]._process
        template.kill()
        template.wait()
        with pytest.raises(DevnetError, match="the template of warm starts has ended"):
            ProcessId.spawn(command, {}, tmp_path / "1.log")
        started(script, tmp_path / "2.log")


class Interrupted(Exception):
    """A test framework interrupts a test that takes too long."""


@contextmanager
def interruption(template: subprocess.Popen[bytes]) -> Iterator[None]:
    """Interrupt the body while it waits for a reply of the template, which goes on then."""

    def interrupt(_number: int, _frame: object) -> None:
        template.send_signal(signal.SIGCONT)
        raise Interrupted

    template.send_signal(signal.SIGSTOP)
    before = signal.signal(signal.SIGALRM, interrupt)
    signal.setitimer(signal.ITIMER_REAL, 0.2)
    try:
        with pytest.raises(Interrupted):
            yield
    finally:
        signal.signal(signal.SIGALRM, before)


def writers(log: Path) -> list[str]:
    """Return the processes that have a log open."""
    found = []
    for link in Path("/proc").glob("[0-9]*/fd/*"):
        with suppress(OSError):  # it has ended, or closed the file
            if link.readlink() == log:
                found.append(link.parts[2])
    return found


@pytest.mark.full
def test_an_interrupted_start_leaves_no_program_and_no_reply(
    script: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(warm, "TEMPLATES", 1)
    file, log = tmp_path / "waits.py", tmp_path / "waits.log"
    file.write_text("import time\ntime.sleep(600)\n")
    command = [sys.executable, "-P", str(file)]
    with cold_starts(), warm_starts():
        started(script, tmp_path / "0.log")
        mine = starter_for(command)
        assert mine is not None
        with interruption(mine._templates[0]._process):
            ProcessId.spawn(command, {}, log)
        started(script, tmp_path / "1.log")
    end = time.monotonic() + 10
    while writers(log) and time.monotonic() < end:
        time.sleep(0.02)
    assert log.exists()
    assert not writers(log)


@pytest.mark.full
def test_an_interrupted_question_ends_no_program(tmp_path: Path) -> None:
    file = tmp_path / "waits.py"
    file.write_text("import time\ntime.sleep(600)\n")
    command = [sys.executable, "-P", str(file)]
    with cold_starts(), warm_starts():
        process = ProcessId.spawn(command, {}, tmp_path / "waits.log")
        mine = starter_for(command)
        assert mine is not None
        (template,) = mine._templates.values()
        with interruption(template._process):
            process.exit_code()
        assert template._process.returncode == 0
        assert process.state() in {"R", "S", "D"}
        process.send(signal.SIGKILL)
    assert process.wait(60)


def test_a_program_with_a_large_environment_is_started_by_itself(tmp_path: Path) -> None:
    file, log = tmp_path / "program.py", tmp_path / "program.log"
    file.write_text("import os\nprint(os.getppid(), len(os.environ['A']))\n")
    environment = dict.fromkeys("AB", "x" * (MAX_REQUEST // 2))
    process = ProcessId.spawn([sys.executable, "-P", str(file)], environment, log)
    assert process.wait(60)
    process.reap()
    assert log.read_text().split() == [str(os.getpid()), str(MAX_REQUEST // 2)]


def test_other_programs_are_started_by_themselves() -> None:
    python = sys.executable
    assert starter_for([python, "-P", "-m", "cli.main"]) is starter_for([python, "-P", "a.py"])
    assert starter_for([python, "-P", "-m", "cli.main"]) is not None
    for other in (
        [python, "-m", "cli.main"], [python, "-P", "-c", "pass"], [python, "-P", "-B", "a.py"],
        [python, "-B", "a.py"], ["btt-chain", "node"], ["env", "A=1", python, "-P", "a.py"],
        [python], [python, "-P"],
    ):  # fmt: skip
        assert starter_for(other) is None, other


def test_a_start_is_visible_to_audit_hooks(script: Path, tmp_path: Path) -> None:
    seen = []
    is_open = True

    def watch(event: str, args: tuple[object, ...]) -> None:
        if is_open and event == "os.posix_spawn":
            seen.append(args)

    started(script, tmp_path / "0.log")
    sys.addaudithook(watch)
    started(script, tmp_path / "1.log")
    is_open = False
    assert len(seen) == 1
    assert json.dumps(seen[0][1]).count("program.py") == 1
