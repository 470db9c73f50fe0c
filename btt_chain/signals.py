"""The signals that end a program which runs until it is stopped."""

from __future__ import annotations

import signal
from typing import Final

ENDING: Final = (signal.SIGTERM, signal.SIGHUP)
"""Signals of a service manager, and of a terminal that was closed."""


def ending_signals() -> tuple[signal.Signals, ...]:
    """Return the signals that end the program, but those that are ignored, as under `nohup`."""
    return tuple(each for each in ENDING if signal.getsignal(each) is not signal.SIG_IGN)
