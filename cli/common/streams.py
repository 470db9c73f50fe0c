"""The standard streams and signals of a command, in whatever environment it is started."""

from __future__ import annotations

import io
import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Final, NoReturn

from btt_chain.signals import ENDING

_STREAMS: Final = (("stdin", os.O_RDONLY), ("stdout", os.O_RDONLY), ("stderr", os.O_WRONLY))
"""Streams and the modes of /dev/null in their place: input is empty, and output fails."""


def open_missing() -> None:
    """Open the standard streams that the program was started without (`<&-`, `>&-`).

    Else the next file, such as a database, would be opened in their place. Reading then finds no
    input; writing results fails, because they would be lost; messages are lost.
    """
    for number, (name, mode) in enumerate(_STREAMS):
        try:
            os.fstat(number)
        except OSError:
            opened = os.open(os.devnull, mode)
            if opened != number:
                os.dup2(opened, number)
                os.close(opened)
        if getattr(sys, name) is None:
            stream = open(  # noqa: SIM115 - as long as the program runs
                number, "r" if name == "stdin" else "w", encoding="utf-8", closefd=False
            )
            setattr(sys, name, stream)
    for output in (sys.stdout, sys.stderr):
        # Where the locale is not UTF-8, no sign in a result may end a command.
        if isinstance(output, io.TextIOWrapper) and output.errors in ("strict", "surrogateescape"):
            output.reconfigure(errors="backslashreplace")


def output_error() -> OSError | None:
    """Return the error of standard output, None if all of it was written; discard the rest."""
    try:
        sys.stdout.flush()
    except OSError as error:
        # The interpreter flushes again at its end.
        with suppress(OSError):
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, sys.stdout.fileno())
            os.close(nowhere)
        return error
    return None


@contextmanager
def ended_by_signals() -> Iterator[None]:
    """End the command on SIGTERM and SIGHUP by SystemExit: unfinished files are removed.

    A signal that is ignored stays so, as under `nohup`. Programs that run until they are stopped
    have handlers of their own.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {
        number: signal.signal(number, _end)
        for number in ENDING
        if signal.getsignal(number) is signal.SIG_DFL
    }
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _end(number: int, _frame: object) -> NoReturn:
    sys.exit(128 + number)
