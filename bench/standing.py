"""A node that stands idle: row 7 of docs/performance.md, and where its start goes."""

from __future__ import annotations

import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from bench.machine import ROOT, timed
from bench.nodes import our_node, surroundings
from bench.report import Row
from genesis.build import build
from genesis.catalogue import load

BLOCKS: Final = 3.0
"""Seconds an idle node runs before it is weighed: it seals a block each second."""
IMPORT: Final = """
from btt_chain.chain.gc import hold_off
from btt_chain.web.server_only import import_without_client
hold_off()
import_without_client()
import btt_chain.node.service.lifecycle
"""
"""Import of a node as `btt-chain node` does it: without collections, and without aiohttp's client.
A plain import takes a third longer."""


def standing_rows(folder: Path, rounds: int) -> Iterator[Row]:
    """Measure start and memory of a development node."""
    fresh, again, memory = [], [], []
    for number in range(rounds):
        base = folder / f"idle-{number}"
        with our_node(base) as node:
            fresh.append(node.start)
            time.sleep(BLOCKS)
            memory.append(node.memory)
        with our_node(base) as node:
            again.append(node.start)
    held = statistics.median(memory)
    yield Row("7a", "idle memory of a development node", f"{held:.0f} MB", value=held)
    first, second = statistics.median(fresh), statistics.median(again)
    yield Row(
        "7b",
        "start to first RPC answer, genesis written on the way",
        f"{first:.2f} s",
        value=first,
        note=f"{second:.2f} s with the chain there",
    )
    yield from start_rows()


def start_rows() -> Iterator[Row]:
    """Measure the parts of a start."""
    run_python(IMPORT)  # compiles the modules
    imports = statistics.median(timed(lambda: run_python(IMPORT)).wall for _ in range(3))
    empty = statistics.median(timed(lambda: run_python("pass")).wall for _ in range(3))
    yield Row("-", "importing the node", f"{imports - empty:.2f} s", note="as a node imports it")
    spec = load("dev-manual")
    yield Row("-", "building the development genesis", f"{timed(lambda: build(spec)).wall:.3f} s")


def run_python(program: str) -> None:
    """Run a program in an interpreter of its own."""
    subprocess.run([sys.executable, "-c", program], cwd=ROOT, env=surroundings(), check=True)
