"""Run a program and sample it by processor time: python program.py FILE -m MODULE ARGUMENTS...

For programs that a tracing profile would slow down so much that they behave otherwise. Every few
milliseconds of processor time the function that the main thread is in is counted. FILE (JSON) is
written when the program ends: [function, microseconds] of each, the most expensive first.
"""

from __future__ import annotations

import json
import runpy
import signal
import sys
import time
from collections import Counter
from pathlib import Path
from types import FrameType
from typing import Final

EVERY: Final = 0.002
"""Seconds of processor time between two samples; the kernel's ticks may make it longer."""


def main(file: str, _: str, module: str, *arguments: str) -> None:
    """Run a module as the interpreter would."""
    found: Counter[str] = Counter()

    def sample(_: int, frame: FrameType | None) -> None:
        if frame is not None:
            code = frame.f_code
            found[f"{Path(code.co_filename).name}:{code.co_firstlineno} {code.co_name}"] += 1

    sys.argv = [module, *arguments]
    signal.signal(signal.SIGPROF, sample)
    signal.setitimer(signal.ITIMER_PROF, EVERY, EVERY)
    try:
        runpy.run_module(module, run_name="__main__", alter_sys=True)
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        each = time.process_time() * 1e6 / max(1, found.total())
        rows = [(name, count * each) for name, count in found.most_common()]
        Path(file).write_text(json.dumps(rows), encoding="utf-8")


if __name__ == "__main__":
    main(*sys.argv[1:])
