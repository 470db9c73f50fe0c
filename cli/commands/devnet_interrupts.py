"""Signals that end `devnet up`: the first stops the network in order, the second at once."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable
from contextlib import ExitStack
from types import TracebackType
from typing import TYPE_CHECKING, Self

from btt_chain.signals import ending_signals

if TYPE_CHECKING:
    from btt_chain.testing import Devnet


class Interrupts:
    """Ctrl-C, SIGTERM and SIGHUP, from the creation of a network until it is off.

    | state | signal |
    |---|---|
    | starting | KeyboardInterrupt ends the blocking call; then ending |
    | started (`on_stop` is set) | `on_stop` is called; then ending |
    | ending | all processes of `net` are killed, so that the end does not wait for them |

    Nothing is raised while the network ends: an exception there would leave processes behind.
    """

    def __init__(self) -> None:
        self.net: Devnet | None = None
        """The network whose processes a second signal kills."""
        self.on_stop: Callable[[], None] | None = None
        """Called by the first signal, in the main thread, instead of KeyboardInterrupt."""
        self.is_ending = False
        self._restored = ExitStack()

    def __enter__(self) -> Self:
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGINT, *ending_signals()):
                before = signal.signal(number, self._handle)
                self._restored.callback(signal.signal, number, before)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        self._restored.close()

    def begin_watch(self) -> None:
        """Raise nothing from now on: `is_ending` says that a signal came."""
        self.on_stop = lambda: None

    def _handle(self, _number: int, _frame: object) -> None:
        if self.is_ending:
            self._kill_all()
            return
        self.is_ending = True
        if self.on_stop is None:
            raise KeyboardInterrupt
        self.on_stop()

    def _kill_all(self) -> None:
        if self.net is None:
            return
        for one in (*self.net.helpers, *self.net.nodes):
            if one.process is not None:
                one.process.send(signal.SIGKILL)
