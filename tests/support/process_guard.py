"""Refuses new processes while a unit test runs."""

from __future__ import annotations

import sys
from types import FrameType
from typing import Final

STARTS: Final = frozenset(
    {
        "os.exec",
        "os.fork",
        "os.forkpty",
        "os.posix_spawn",
        "os.spawn",
        "os.system",
        "subprocess.Popen",
    }
)
"""Audit events of the interpreter before a new process; asyncio raises them, too."""

IMPORTED: Final = frozenset({"ctypes.util", "matplotlib.font_manager"})
"""Modules that ask the linker for a library, and fontconfig for fonts where they have no list."""


class ProcessGuard:
    """The unit test that runs, and the processes that it tried to start."""

    def __init__(self) -> None:
        self.running: str | None = None
        self.refused: list[str] = []

    def on_event(self, event: str, args: tuple[object, ...]) -> None:
        """Refuse an event that starts a process while a unit test runs."""
        if event not in STARTS or self.running is None or _looks_for_a_library():
            return
        self.refused.append(f"{event} {args[0] if args else ''}".rstrip())
        raise PermissionError(self.message())

    def message(self) -> str:
        """Return the action of the test, and the place where it belongs."""
        started = ", ".join(self.refused)
        return f"{self.running} starts a process ({started}): move it to tests/programs"


def _looks_for_a_library() -> bool:
    """Return True if one of IMPORTED asks the system, as libraries do while they are imported.

    Which test is the first to import one depends on the order.
    """
    frame: FrameType | None = sys._getframe()
    while frame is not None and frame.f_globals.get("__name__") not in IMPORTED:
        frame = frame.f_back
    return frame is not None


GUARD: Final = ProcessGuard()
sys.addaudithook(GUARD.on_event)
