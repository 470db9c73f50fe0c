"""Signals and streams of commands that run until they are stopped, in a process."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

PROGRAM = [sys.executable, "-m", "btt_chain"]


@contextmanager
def waiting(words: list[str], *, nohup: bool = False) -> Iterator[subprocess.Popen[str]]:
    """A command that waits for the answer of a silent node."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"ws://127.0.0.1:{silent.getsockname()[1]}"
        with subprocess.Popen(
            [*(["nohup"] if nohup else []), *PROGRAM, *words, "--url", url], text=True,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        ) as process:  # fmt: skip
            connection, _ = silent.accept()
            with connection:
                connection.recv(16)
                yield process
                process.kill()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_command_ends_in_order_when_its_terminal_is_closed_as_on_sigterm(number: int) -> None:
    with waiting(["query", "account", "//Alice"]) as process:
        process.send_signal(number)
        _, said = process.communicate(timeout=60)
    assert (process.returncode, "Traceback" in said) == (128 + number, False)


SIGNALLED_IN_ITS_IMPORTS = """
import signal, sys
class Finder:
    def find_spec(self, name, path=None, target=None):
        if name == "click":
            signal.raise_signal(int(sys.argv[1]))
sys.meta_path.insert(0, Finder())
from btt_chain.launcher import main
main()
"""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_signal_is_handled_before_the_rest_of_the_program_is_imported(number: int) -> None:
    code = [sys.executable, "-c", SIGNALLED_IN_ITS_IMPORTS, str(int(number))]
    done = subprocess.run(code, check=False, capture_output=True, timeout=60)
    assert done.returncode == 128 + number


def test_a_program_that_goes_on_ends_with_zero_when_its_terminal_is_closed(tmp_path: Path) -> None:
    with waiting(["merchant", "watch", "//Alice", "--base-path", str(tmp_path)]) as process:
        process.send_signal(signal.SIGHUP)
        _, said = process.communicate(timeout=60)
    assert (process.returncode, "Traceback" in said) == (0, False)


def test_a_command_under_nohup_goes_on() -> None:
    with waiting(["query", "account", "//Alice"], nohup=True) as process:
        process.send_signal(signal.SIGHUP)
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=60)
    assert process.returncode == 128 + signal.SIGTERM


@pytest.mark.parametrize(
    ("line", "code", "said"),
    [
        ("key inspect //Alice > /dev/full", 1, "standard output: No space left on device"),
        ("key inspect //Alice >&-", 1, "standard output is closed"),
        ("key inspect //Alice 2>&-", 0, ""),
        ("key inspect <&-", 2, "the secret is empty"),
        ("key sign --suri //Alice <&- >&- 2>&-", 1, ""),
        ("key inspect 2> /dev/full", 2, ""),
        ("build-spec --chain dev -o /dev/full", 1, "/dev/full: No space left on device"),
        ("key inspect //Alice | true", 0, ""),
    ],
)
def test_a_result_that_cannot_be_written_is_no_success(line: str, code: int, said: str) -> None:
    done = subprocess.run(
        ["bash", "-c", f"{' '.join(PROGRAM)} {line}"], capture_output=True, text=True,
        stdin=subprocess.DEVNULL, env={**os.environ, "COLUMNS": "200"}, check=False,
    )  # fmt: skip
    assert (done.returncode, "Traceback" in done.stderr) == (code, False), done.stderr
    assert said in done.stderr
