"""A node that watches itself: python bench/sampled.py FIGURES node ...

Runs `btt-chain` with the words behind FIGURES, and looks a hundred times a second at what each
thread is doing. What a thread does while it waits for the wire does not count. When the node ends,
FIGURES (JSON) says how many looks found it at each kind of work.

A look waits for the interpreter's lock, as threads do, so shares are right to a few parts of a
hundred, and short pieces of work between two waits are seen a little too often.
"""

from __future__ import annotations

import json
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from types import FrameType
from typing import Final

ROOT: Final = Path(__file__).resolve().parents[1]
PAUSE: Final = 0.01
START: Final = 12.0
"""Seconds of a node's life that are its start."""

WAITS: Final = {"select", "wait", "poll", "get_events", "sleep", "_wait_for_tstate_lock"}
LOOPS: Final = {"runners.py:run", "_thread_cache.py:_work"}
"""Places at which a loop in C waits: uvloop's, and a worker of trio's without work."""
KINDS: Final = (
    # Of several that fit, the first: from the special to the general.
    ("btt_chain/consensus/babe/worker.py", "work", "making blocks"),
    ("btt_chain/chain/client.py", "import_block", "importing blocks"),
    ("btt_chain/consensus/importer.py", "check", "checking headers"),
    ("btt_chain/txpool/pool.py", "revalidate", "pool: rechecks after a block"),
    (
        "btt_chain/node/transactions/pool.py",
        "_validate_new",
        "pool: validation of new transactions",
    ),
    ("btt_chain/node/transactions/pool.py", "_on_chain_event", "pool: following the chain"),
    ("btt_chain/node/transactions/pool.py", "submit", "pool: admission of new transactions"),
    ("btt_chain/chain/client.py", "finalize", "finality: the store"),
    ("btt_chain/consensus/finality/", "", "finality: votes"),
    ("p2p/sync/", "", "sync"),
    ("btt_chain/node/engine/engine.py", "", "engine, the rest"),
    ("btt_chain/rpc/", "", "RPC"),
    ("btt_chain/node/", "", "node, the rest"),
    ("multiselect", "", "libp2p"),
    ("libp2p/pubsub", "", "libp2p: gossip"),
    ("libp2p/security", "", "libp2p: Noise"),
    ("libp2p/stream_muxer", "", "libp2p: yamux"),
    ("libp2p/", "", "libp2p: the rest"),
    ("p2p/host", "", "network thread of ours"),
    ("p2p/", "", "network thread of ours"),
    ("trio/", "", "libp2p: trio"),
    ("aiohttp/", "", "RPC"),
)


def frames(frame: FrameType | None) -> Iterator[tuple[str, str]]:
    """Yield file and function of a frame and of all that called it, innermost first."""
    while frame is not None:
        yield frame.f_code.co_filename, frame.f_code.co_name
        frame = frame.f_back


def place(frame: FrameType) -> str:
    """Return where a frame is."""
    return f"{Path(frame.f_code.co_filename).name}:{frame.f_code.co_name}"


def kind_of(frame: FrameType) -> str | None:
    """Return the place that a thread executes; None if it waits."""
    stack = list(frames(frame))
    if stack[0][1] in WAITS or place(frame) in LOOPS:
        return None
    for file, function, kind in KINDS:
        for path, name in stack:
            if file in path and (not function or name == function):
                return kind
    return "Python's own loops"


class Sampler(threading.Thread):
    """Sample the other threads until the process ends."""

    def __init__(self, figures: Path) -> None:
        super().__init__(name="sampler", daemon=True)
        self._figures = figures
        self._kinds: Counter[str] = Counter()
        self._lines: Counter[str] = Counter()

    def run(self) -> None:
        """Look."""
        time.sleep(START)
        while True:
            time.sleep(PAUSE)
            for ident, frame in sys._current_frames().items():
                if ident == self.ident:
                    continue
                kind = kind_of(frame)
                if kind is None:
                    continue
                self._kinds[kind] += 1
                self._lines[place(frame)] += 1

    def write(self) -> None:
        """Write the figures."""
        result = {"kinds": self._kinds.most_common(), "functions": self._lines.most_common(40)}
        self._figures.write_text(json.dumps(result, indent=1))


def main() -> None:
    """Run the node, watched."""
    sys.path.insert(0, str(ROOT))
    figures = Path(sys.argv.pop(1))
    from cli.main import main as node

    sampler = Sampler(figures)
    sampler.start()
    try:
        node()
    finally:
        sampler.write()


if __name__ == "__main__":
    main()
