"""A benchmark that is ended leaves none of its nodes running."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

ROOT = Path(__file__).resolve().parents[3]
CODE = """
import sys
from pathlib import Path
from bench.nodes import running
command = [sys.executable, "-m", "http.server", "--bind", "127.0.0.1", sys.argv[1]]
with running("a node", command, int(sys.argv[1]), "never answered"):
    pass
"""


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGHUP])
def test_a_bench_that_is_ended_by_a_signal_ends_the_node_that_it_started(
    how: signal.Signals,
) -> None:
    from bench.nodes import free_port

    bench = subprocess.Popen([sys.executable, "-c", CODE, str(free_port())], cwd=ROOT)
    process = psutil.Process(bench.pid)
    while not (nodes := process.children()):
        assert bench.poll() is None
        time.sleep(0.02)
    bench.send_signal(how)
    assert bench.wait(30) == 128 + how
    _, alive = psutil.wait_procs(nodes, timeout=10)
    assert not alive
