"""Programs that a service manager stops: they end in order, with a code and without a traceback."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from btt_chain.testing import DevNode, dev_node
from cli import main
from cli.common.errors import ExitCode
from support.commands import good
from support.running import running

HOME = Path(main.__file__).resolve().parent.parent
PATIENCE = 120.0


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DevNode]:
    with dev_node(tmp_path_factory.mktemp("stopped") / "node") as node:
        yield node


def test_a_till_and_a_gateway_end_in_order(node: DevNode, tmp_path: Path) -> None:
    good(node.ws, "merchant", "register", "--category", "5814", "--from", "//Alice")
    url = ("--url", node.ws)
    words = ("pos", "1.5", "--from", "//Alice", "--qr", "none", "--no-display", *url)
    served = ("job", "gateway", "--base-path", str(tmp_path), *url)
    with (
        running(tmp_path / "till.log", *words) as till,
        running(tmp_path / "gateway.log", *served) as gateway,
    ):
        till.wait_for("request")
        gateway.wait_for("serving at")
        assert [till.stop(), gateway.stop()] == [ExitCode.UNDECIDED, ExitCode.DONE]
    assert "the request can still be paid until it expires" in till.text()
    assert "Traceback" not in till.text() + gateway.text()


@pytest.mark.full
def test_a_provider_ends_in_order_and_goes_on_afterwards(node: DevNode, tmp_path: Path) -> None:
    words = (
        "provider", "run", "--from", "//Bob", "--bond", "1000BTT", "--base-path", str(tmp_path),
        "--url", node.ws,
    )  # fmt: skip
    for _ in range(2):
        with running(tmp_path / "log", *words) as provider:
            provider.wait_for("serving at")
            assert (provider.stop(), "Traceback" in provider.text()) == (ExitCode.DONE, False)


# Each stops itself at a point where no test could hit it from outside.
IMPORTING = """
async def work():
    print("the work has begun")
sys.path.insert(0, sys.argv[1])
run_until_stopped(work(), ["stops_itself"])
print("went on")
"""
WORKING = """
async def work():
    try:
        os.kill(os.getpid(), NUMBER)
        await asyncio.Event().wait()
    finally:
        print("in order")
run_until_stopped(work())
"""
MAKING_THE_LOOP = """
make = asyncio.events.new_event_loop
def make_and_stop():
    os.kill(os.getpid(), NUMBER)
    return make()
asyncio.events.new_event_loop = make_and_stop
async def work():
    print("the work has begun")
run_until_stopped(work())
"""
UNDER_NOHUP = """
signal.signal(signal.SIGHUP, signal.SIG_IGN)
async def work():
    os.kill(os.getpid(), signal.SIGHUP)
    await asyncio.sleep(0)
    print("goes on")
run_until_stopped(work())
"""


@pytest.mark.parametrize(
    ("script", "number", "printed", "said"),
    [
        pytest.param(IMPORTING, "SIGTERM", "", "", id="while it imports"),
        pytest.param(WORKING, "SIGTERM", "in order\n", "stopped by SIGTERM\n", id="at work"),
        pytest.param(WORKING, "SIGHUP", "in order\n", "stopped by SIGHUP\n", id="terminal closed"),
        pytest.param(MAKING_THE_LOOP, "SIGHUP", "", "stopped by SIGHUP\n", id="loop is made"),
        pytest.param(UNDER_NOHUP, "SIGHUP", "goes on\n", "", id="under nohup"),
    ],
)
def test_a_program_that_is_stopped_names_the_signal_and_ends_in_order(
    tmp_path: Path, script: str, number: str, printed: str, said: str
) -> None:
    (tmp_path / "stops_itself.py").write_text(
        f"import os, signal\nos.kill(os.getpid(), signal.{number})\nprint('imported')\n"
    )
    begin = (
        "import asyncio, os, signal, sys\nfrom cli.common.session import run_until_stopped\n"
        f"NUMBER = signal.{number}\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", begin + script, str(tmp_path)], cwd=HOME, text=True,
        capture_output=True, timeout=PATIENCE, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stdout, done.stderr) == (0, printed, said)
