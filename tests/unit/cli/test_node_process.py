"""`node` and `devnet` as processes: they start, can be watched, and end in order."""

from __future__ import annotations

import fcntl
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
from pathlib import Path

from cli import main

HOME = Path(main.__file__).resolve().parent.parent
PATIENCE = 60.0


def test_a_node_ends_in_order_and_takes_its_data_along(tmp_path: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-m", "cli.main", "node", "--dev", "--tmp", "--rpc-port", "0"],
        cwd=HOME,
        env={**os.environ, "TMPDIR": str(tmp_path)},
        stderr=subprocess.PIPE,
        text=True,
    ) as node:
        assert node.stderr is not None
        for line in node.stderr:
            if "block 1 " in line:
                break
        assert list(tmp_path.glob("btt-chain-*/chains/btt-dev/db"))
        node.send_signal(signal.SIGTERM)
        rest = node.stderr.read()
    assert node.returncode == 0
    assert rest.endswith("stopped\n")
    assert not list(tmp_path.iterdir())


def test_a_port_that_is_taken_is_said_in_one_line(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        node = subprocess.run(
            [sys.executable, "-m", "cli.main", "node", "--dev", "-d", str(tmp_path),
             "--log", "off", "--rpc-port", str(port)],
            cwd=HOME, capture_output=True, text=True, timeout=PATIENCE, check=False,
        )  # fmt: skip
    assert node.returncode == 1
    assert node.stderr.startswith("error: ")
    assert node.stderr.count("\n") == 1


def test_a_devnet_is_shown_live_and_ends_with_control_c(tmp_path: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    terminal, inside = pty.openpty()
    fcntl.ioctl(inside, termios.TIOCSWINSZ, struct.pack("HHHH", 50, 120, 0, 0))
    devnet = subprocess.Popen(
        [sys.executable, "-m", "cli.main", "devnet", "-d", str(tmp_path), "--rpc-port", str(port),
         "--sealing", "interval:200"],
        cwd=HOME, env={**os.environ, "TERM": "xterm-256color"}, start_new_session=True,
        stdin=inside, stdout=inside, stderr=inside,
    )  # fmt: skip
    os.close(inside)
    until(
        terminal, r"best 3 .*Alice +200_000 BTT +5GrwvaEF5zXb26Fz9rcQpDWS57CtERHpNehXCPcNoHGKutQY"
    )
    devnet.send_signal(signal.SIGINT)
    until(terminal, r"stopped; the node's log is")
    assert devnet.wait(PATIENCE) == 0
    os.close(terminal)
    assert "stopped" in (tmp_path / "devnet.log").read_text().splitlines()[-1]


def test_a_devnet_whose_node_dies_says_why(tmp_path: Path) -> None:
    terminal, inside = pty.openpty()
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        devnet = subprocess.Popen(
            [sys.executable, "-m", "cli.main", "devnet", "-d", str(tmp_path),
             "--rpc-port", str(port)],
            cwd=HOME, start_new_session=True, stdin=inside, stdout=inside, stderr=inside,
        )  # fmt: skip
        os.close(inside)
        shown = until(terminal, r"the node ended with code 1: .*\(see .*devnet\.log\)")
        assert devnet.wait(PATIENCE) == 1
    os.close(terminal)
    assert "Traceback" not in shown


def until(terminal: int, pattern: str) -> str:
    """What a terminal shows, without its colours, up to a pattern."""
    shown = ""
    while not re.search(pattern, shown, re.DOTALL):
        ready, _, _ = select.select([terminal], [], [], PATIENCE)
        assert ready, shown
        raw = os.read(terminal, 1 << 16).decode(errors="replace")
        shown += re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", raw)
    return shown


def test_temporary_data_lies_where_the_system_wants_it() -> None:
    from cli.node import data_directory

    with data_directory(None, tmp=True) as made:
        assert made.parent == Path(tempfile.gettempdir())
    assert not made.exists()
