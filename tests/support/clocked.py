"""Run a program of this checkout whose clock is wrong: `clocked.py FILE WORD...`.

Its time of day is ahead by the seconds in FILE, now and later; monotonic time goes on as it is. The
words are those of `btt-chain`, or `-m MODULE` and its own.
"""

from __future__ import annotations

import runpy
import sys
import time
from pathlib import Path


def main() -> None:
    """Shift the clock, and become the program."""
    offset, *words = sys.argv[1:]
    file, now_ns = Path(offset), time.time_ns
    time.time_ns = lambda: now_ns() + int(float(file.read_text()) * 1e9)
    time.time = lambda: time.time_ns() / 1e9
    module = "cli.main"
    if words[0] == "-m":
        module, words = words[1], words[2:]
    sys.argv = [module, *words]
    runpy.run_module(module, run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
