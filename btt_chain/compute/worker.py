"""A thread for long computations, so that the event loop is not blocked."""

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
"""Nice value of the thread, where the system has one for threads."""


class ThreadWorker:
    """One thread; numpy releases the interpreter lock in large operations.

    Import numpy in it: then the threads of its BLAS inherit its priority.
    """

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(1, thread_name_prefix="work", initializer=_be_modest)

    async def run(self, work: Callable[[], R]) -> R:
        """Run a long computation. Raises what it raises."""
        return await asyncio.get_running_loop().run_in_executor(self._threads, work)

    def close(self) -> None:
        """Accept no more work; running work ends by itself."""
        self._threads.shutdown(wait=False, cancel_futures=True)


def _be_modest() -> None:
    with suppress(OSError, AttributeError):  # only Linux has a priority for each thread
        thread = threading.get_native_id()
        now = os.getpriority(os.PRIO_PROCESS, thread)
        os.setpriority(os.PRIO_PROCESS, thread, max(now, NICE))
