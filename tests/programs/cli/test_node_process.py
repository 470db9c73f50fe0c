"""`node` and `devnet` as processes: they start, can be watched, and end in order."""

from __future__ import annotations

import fcntl
import http.client
import json
import os
import pty
import re
import select
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import termios
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from btt_chain.testing.process import free_ports
from cli import main
from support.running import running

HOME = Path(main.__file__).resolve().parent.parent
PATIENCE = 200.0


@contextmanager
def killed_if_it_hangs(process: subprocess.Popen[str]) -> Iterator[None]:
    """A line that does not come ends what writes it, instead of being waited for without end."""
    timer = threading.Timer(PATIENCE, process.kill)
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


@pytest.mark.parametrize(
    ("flags", "chain", "first"),
    [
        (("--dev",), "btt-dev", "finalized #3 "),
        (("--dev", "--sealing", "interval:100"), "btt-dev-manual", "block 1 "),
    ],
)
def test_a_node_ends_in_order_and_takes_its_data_along(
    flags: tuple[str, ...], chain: str, first: str, tmp_path: Path
) -> None:
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    words, env = ("node", *flags, "--tmp", "--rpc-port", "0"), {"TMPDIR": str(temporary)}
    with running(tmp_path / "log", *words, env=env) as node:
        node.wait_for(first)
        assert list(temporary.glob(f"btt-chain-*/chains/{chain}/db"))
        assert node.stop() == 0
    assert node.text().endswith("stopped\n")
    assert not list(temporary.iterdir())


def test_a_port_that_is_taken_is_said_in_one_line(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        node = subprocess.run(
            [sys.executable, "-m", "cli.main", "node", "--chain", "dev-manual", "-d", str(tmp_path),
             "--log", "off", "--rpc-port", str(port)],
            cwd=HOME, capture_output=True, text=True, timeout=PATIENCE, check=False,
        )  # fmt: skip
    assert node.returncode == 1
    assert node.stderr.startswith("error: ")
    assert node.stderr.count("\n") == 1


STAND_INS = """
import sys
from functools import partial
from btt_chain.testing import Devnet
from cli.program import program
Devnet.create = partial(Devnet.create, program=(sys.executable, sys.argv[1]), spec="{}")
program.main(sys.argv[2:])
"""
"""`btt-chain` whose devnets are made of programs that only look like nodes."""


def test_a_devnet_is_shown_live_and_ends_with_control_c(tmp_path: Path) -> None:
    first, second = free_ports(2)
    terminal, inside = pty.openpty()
    fcntl.ioctl(inside, termios.TIOCSWINSZ, struct.pack("HHHH", 50, 120, 0, 0))
    devnet = subprocess.Popen(
        [sys.executable, "-c", STAND_INS, str(HOME / "tests" / "support" / "fake_node.py"),
         "devnet", "up", "-n", "1", "-d", str(tmp_path), "--rpc-base-port", str(first),
         "--p2p-base-port", str(second)],
        cwd=HOME, env={**os.environ, "TERM": "xterm-256color"}, start_new_session=True,
        stdin=inside, stdout=inside, stderr=inside,
    )  # fmt: skip
    os.close(inside)
    until(terminal, rf"Alice +running +[1-9][^\n]*:{first}\b")
    devnet.send_signal(signal.SIGINT)
    until(terminal, r"stopped 1 node in \d\.\d s; data ")
    assert devnet.wait(PATIENCE) == 0
    os.close(terminal)


def test_a_devnet_without_a_terminal_says_where_it_is_and_what_happens(tmp_path: Path) -> None:
    with (
        subprocess.Popen(
            [sys.executable, "-c", STAND_INS, str(HOME / "tests" / "support" / "fake_node.py"),
             "devnet", "up", "-n", "2", "--tmp", "--rpc-base-port", str(pair_of_ports())],
            cwd=HOME, env={**os.environ, "TMPDIR": str(tmp_path)}, start_new_session=True,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        ) as devnet,
        killed_if_it_hangs(devnet),
    ):  # fmt: skip
        assert devnet.stdout is not None
        said = [next(devnet.stdout)]
        assert "2 nodes answer after" in said[0]
        while "stop them:" not in said[-1]:
            said.append(next(devnet.stdout))
        assert any("//Alice" in line for line in said)
        base = said[-1].split()[-1]
        subprocess.run(
            [sys.executable, "-m", "cli.main", "devnet", "kill", "1", "-d", base],
            cwd=HOME, check=True, timeout=PATIENCE, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        while "node 1 (Bob) is down" not in said[-1]:
            said.append(next(devnet.stdout))
        devnet.send_signal(signal.SIGTERM)
        rest = devnet.stdout.read()
    assert "stopped 1 node in" in rest
    assert "its data is deleted" in rest
    assert devnet.returncode == 0
    assert not list(tmp_path.glob("btt-devnet-*"))


def test_a_devnet_whose_nodes_have_all_ended_says_so_and_ends(tmp_path: Path) -> None:
    with (
        subprocess.Popen(
            [sys.executable, "-c", STAND_INS, str(HOME / "tests" / "support" / "fake_node.py"),
             "devnet", "up", "-n", "1", "-d", str(tmp_path), "--rpc-base-port",
             str(free_ports(1)[0]), "--json"],
            cwd=HOME, start_new_session=True,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        ) as devnet,
        killed_if_it_hangs(devnet),
    ):  # fmt: skip
        assert devnet.stdout is not None
        document = json.loads(next(devnet.stdout))
        os.kill(document["nodes"][0]["pid"], signal.SIGKILL)
        lines = [json.loads(line) for line in devnet.stdout]
        assert devnet.stderr is not None
        error = devnet.stderr.read()
    assert {"event": "node 0 (Alice) is down"} in lines
    assert lines[-1] == {"stopped": 0, "killed": [], "basePath": str(tmp_path.resolve())}
    assert error.startswith("error: all nodes have ended")
    assert devnet.returncode == 1


def pair_of_ports() -> int:
    """A port that is free, as the next one is."""
    while True:
        first, second = free_ports(2)
        if second == first + 1:
            return first


def until(terminal: int, pattern: str) -> str:
    """Return the output on a terminal, without colours, up to a pattern."""
    shown, end = "", time.monotonic() + PATIENCE
    while not re.search(pattern, shown, re.DOTALL):
        ready, _, _ = select.select([terminal], [], [], PATIENCE)
        assert ready, shown
        assert time.monotonic() < end, shown[-4_000:]
        try:
            raw = os.read(terminal, 1 << 16).decode(errors="replace")
        except OSError:
            pytest.fail(f"the program has ended; it showed {shown[-4_000:]}")
        shown += re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", raw)
    return shown


def test_temporary_data_lies_where_the_system_wants_it() -> None:
    from cli.commands.node_program import data_directory

    with data_directory(None, tmp=True) as made:
        assert made.parent == Path(tempfile.gettempdir())
    assert not made.exists()


@pytest.mark.full
@pytest.mark.parametrize("files", [256, pytest.param(1_024, marks=pytest.mark.full)])
def test_idle_connections_beyond_the_limit_of_open_files_leave_a_validator_healthy(
    files: int, tmp_path: Path
) -> None:
    limit = ["bash", "-c", f'ulimit -n {files} && exec "$@"', "bash"]
    node_command = [sys.executable, "-m", "cli.main", "node", "--dev", "--tmp"]
    with (
        subprocess.Popen(
            [*limit, *node_command, "--rpc-port", "0", "--no-prometheus"],
            cwd=HOME,
            env={**os.environ, "TMPDIR": str(tmp_path)},
            stderr=subprocess.PIPE,
            text=True,
        ) as node,
        killed_if_it_hangs(node),
    ):
        assert node.stderr is not None
        lines = (re.search(r"JSON-RPC on .*:(\d+)", line) for line in node.stderr)
        found = next(line for line in lines if line)
        address = ("127.0.0.1", int(found[1]))
        idle = [socket.create_connection(address, timeout=PATIENCE) for _ in range(1_070)]
        heights = [height_of(address)]
        while heights[-1] < heights[0] + 2:
            heights.append(height_of(address))
            time.sleep(0.2)
        for connection in idle:
            connection.close()
        node.send_signal(signal.SIGTERM)
        rest = node.stderr.read()
    assert node.returncode == 0
    assert rest.endswith("stopped\n")
    assert "Too many open files" not in rest


def height_of(address: tuple[str, int]) -> int:
    """Ask a node for the height of its best block."""
    body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": "chain_getHeader", "params": []})
    call = http.client.HTTPConnection(*address, timeout=PATIENCE)
    call.request("POST", "/", body, {"Content-Type": "application/json"})
    number = json.loads(call.getresponse().read())["result"]["number"]
    call.close()
    return int(number, 16)
