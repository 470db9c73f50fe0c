"""A thread for what takes long, so that the event loop turns on."""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Final, TypeVar

R = TypeVar("R")

NICE: Final = 10
"""How much the system prefers everything else, where it can tell threads apart."""


class ThreadWorker:
    """One thread; numpy lets go of the interpreter in all that is large.

    Import numpy in it: then the threads of its BLAS are as modest as this one.
    """

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(1, thread_name_prefix="work", initializer=_be_modest)

    async def run(self, work: Callable[[], R]) -> R:
        """Carry out something that takes long. Raises what it raises."""
        return await asyncio.get_running_loop().run_in_executor(self._threads, work)

    def close(self) -> None:
        """Begin nothing any more; what runs ends by itself."""
        self._threads.shutdown(wait=False, cancel_futures=True)


def _be_modest() -> None:
    with suppress(OSError, AttributeError):  # elsewhere than on Linux this is no thread's business
        thread = threading.get_native_id()
        now = os.getpriority(os.PRIO_PROCESS, thread)
        os.setpriority(os.PRIO_PROCESS, thread, max(now, NICE))
