"""Programs that a service manager stops: they end in order, with a code and without a traceback."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from threading import Timer

import pytest

from btt_chain.testing import DevNode, dev_node
from cli import main
from cli.common.errors import ExitCode

HOME = Path(main.__file__).resolve().parent.parent
PATIENCE = 120.0


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DevNode]:
    with dev_node(tmp_path_factory.mktemp("stopped") / "node") as node:
        yield node


def command(node: DevNode, *words: str) -> list[str]:
    return [sys.executable, "-P", "-m", "cli.main", *words, "--url", node.ws]


@contextmanager
def started(node: DevNode, *words: str) -> Iterator[subprocess.Popen[str]]:
    """Run a program; one that hangs is killed."""
    with subprocess.Popen(
        command(node, *words),
        cwd=HOME,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    ) as program:
        timer = Timer(PATIENCE, program.kill)
        timer.start()
        try:
            yield program
        finally:
            timer.cancel()
            program.kill()


def wait_for(program: subprocess.Popen[str], text: str) -> None:
    """Read lines until one has the text."""
    assert program.stdout is not None
    seen = []
    for line in program.stdout:
        seen.append(line)
        if text in line:
            return
    raise AssertionError(f"ended without {text!r}: {seen}")


def stopped(programs: Sequence[subprocess.Popen[str]]) -> list[tuple[int, str]]:
    """Send SIGTERM to all; return the code of each, and the rest of its output."""
    for program in programs:
        program.send_signal(signal.SIGTERM)
    return [(program.wait(PATIENCE), program.communicate()[0]) for program in programs]


def test_a_till_and_a_gateway_end_in_order(node: DevNode, tmp_path: Path) -> None:
    register = command(node, "merchant", "register", "--category", "5814", "--from", "//Alice")
    subprocess.run(register, cwd=HOME, check=True, capture_output=True)
    till = ("pos", "1.5", "--from", "//Alice", "--qr", "none", "--no-display")
    gateway = ("job", "gateway", "--base-path", str(tmp_path))
    with started(node, *till) as first, started(node, *gateway) as second:
        wait_for(first, "request")
        wait_for(second, "serving at")
        ends = stopped([first, second])
    assert [code for code, _ in ends] == [ExitCode.UNDECIDED, ExitCode.DONE]
    assert "the request can still be paid until it expires" in ends[0][1]
    assert "Traceback" not in ends[0][1] + ends[1][1]


@pytest.mark.full
def test_a_provider_ends_in_order_and_goes_on_afterwards(node: DevNode, tmp_path: Path) -> None:
    provider = (
        "provider", "run", "--from", "//Bob", "--bond", "1000BTT", "--base-path", str(tmp_path),
    )  # fmt: skip
    for _ in range(2):
        with started(node, *provider) as program:
            wait_for(program, "serving at")
            ((code, text),) = stopped([program])
        assert (code, "Traceback" in text) == (ExitCode.DONE, False)


@pytest.mark.parametrize("number", ["SIGTERM", "SIGHUP"])
def test_a_program_that_is_stopped_while_it_imports_ends_at_once_in_order(
    tmp_path: Path, number: str
) -> None:
    (tmp_path / "stops_itself.py").write_text(
        f"import os, signal\nos.kill(os.getpid(), signal.{number})\nprint('imported')\n"
    )
    script = (
        "import sys\n"
        "from cli.common.session import run_until_stopped\n"
        "sys.path.insert(0, sys.argv[1])\n"
        "async def work():\n"
        "    print('the work has begun')\n"
        "run_until_stopped(work(), ['stops_itself'])\n"
        "print('went on')\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, str(tmp_path)], cwd=HOME, text=True, capture_output=True,
        timeout=PATIENCE, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


@pytest.mark.parametrize("number", ["SIGTERM", "SIGHUP"])
def test_a_program_that_is_stopped_names_the_signal_and_ends_in_order(number: str) -> None:
    script = (
        "import asyncio, os, signal\n"
        "from cli.common.session import run_until_stopped\n"
        "async def work():\n"
        "    try:\n"
        f"        os.kill(os.getpid(), signal.{number})\n"
        "        await asyncio.Event().wait()\n"
        "    finally:\n"
        "        print('in order')\n"
        "run_until_stopped(work())\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=HOME, text=True, capture_output=True,
        timeout=PATIENCE, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (0, "in order\n")
    assert done.stderr == f"stopped by {number}\n"


@pytest.mark.parametrize("number", ["SIGTERM", "SIGHUP"])
def test_a_program_that_is_stopped_while_its_event_loop_is_made_ends_in_order(number: str) -> None:
    script = (
        "import asyncio, os, signal\n"
        "from cli.common.session import run_until_stopped\n"
        "make = asyncio.events.new_event_loop\n"
        "def make_and_stop():\n"
        f"    os.kill(os.getpid(), signal.{number})\n"
        "    return make()\n"
        "asyncio.events.new_event_loop = make_and_stop\n"
        "async def work():\n"
        "    print('the work has begun')\n"
        "run_until_stopped(work())\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=HOME, text=True, capture_output=True,
        timeout=PATIENCE, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (0, "")
    assert done.stderr == f"stopped by {number}\n"


def test_a_program_under_nohup_outlives_its_terminal() -> None:
    script = (
        "import asyncio, os, signal\n"
        "from cli.common.session import run_until_stopped\n"
        "signal.signal(signal.SIGHUP, signal.SIG_IGN)\n"
        "async def work():\n"
        "    os.kill(os.getpid(), signal.SIGHUP)\n"
        "    await asyncio.sleep(0)\n"
        "    print('goes on')\n"
        "run_until_stopped(work())\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=HOME, text=True, capture_output=True,
        timeout=PATIENCE, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stdout, done.stderr) == (0, "goes on\n", "")
