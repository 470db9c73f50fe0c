"""Named checks in a client's own environment. Each prints one JSON line, which pytest makes a test.

    python -m compat.py.SCRIPT URL_OF_A_NODE_WITH_A_CLOCK URL_OF_A_NODE_SEALED_ON_DEMAND

Nothing but the standard library is imported here: the environments hold a client and no more.
"""

from __future__ import annotations

import asyncio
import inspect
import json
import signal
import sys
import traceback
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from types import FrameType, ModuleType
from typing import Any, TypeVar, cast

CHECK_SECONDS = 240
"""A client that waits for ever fails its check; the next one goes on. A busy machine needs less."""

Check = Callable[[Any], Awaitable[None] | None]
F = TypeVar("F", bound=Callable[..., Any])


def check(function: F) -> F:
    """Mark a function as a check; its name is the sentence that is reported."""
    cast("Any", function).is_check = True
    return function


def need(function: F) -> F:
    """Mark a check without which the later ones cannot work: its failure ends the script."""
    cast("Any", function).is_needed = True
    return check(function)


def fact(name: str, value: object) -> None:
    """Hand a value to pytest, for what it verifies better."""
    line({"fact": name, "value": value})


def line(value: object) -> None:
    """Print one line of JSON."""
    sys.stdout.write(json.dumps(value) + "\n")
    sys.stdout.flush()


def checks_of(suite: object, modules: Sequence[ModuleType]) -> Iterator[tuple[str, Check]]:
    """Yield the checks of a suite and of modules in the order in which they are written."""
    for source in (type(suite), *modules):
        for name, function in vars(source).items():
            if getattr(function, "is_check", False):
                yield name.replace("_", " "), function


def run(suite: object, *modules: ModuleType) -> None:
    """Run checks that wait by blocking: methods of a suite, functions of modules that take it."""
    for name, function in checks_of(suite, modules):
        try:
            with at_most(CHECK_SECONDS):
                function(suite)
        except Exception:  # noqa: BLE001  reported; the next check goes on
            if report(name, function, traceback.format_exc()):
                return
        else:
            line({"name": name, "ok": True, "detail": ""})


async def run_async(suite: object, *modules: ModuleType) -> None:
    """Run checks that are coroutines: methods of a suite, functions of modules that take it."""
    for name, function in checks_of(suite, modules):
        try:
            async with asyncio.timeout(CHECK_SECONDS):
                result = function(suite)
                if inspect.isawaitable(result):
                    await result
        except Exception:  # noqa: BLE001  reported; the next check goes on
            if report(name, function, traceback.format_exc()):
                return
        else:
            line({"name": name, "ok": True, "detail": ""})


def report(name: str, function: Check, detail: str) -> bool:
    """Print a failure; return True if the script must end with it."""
    line({"name": name, "ok": False, "detail": detail})
    return getattr(function, "is_needed", False)


@contextmanager
def at_most(seconds: float) -> Iterator[None]:
    """Interrupt whatever blocks for longer."""

    def late(_signal: int, _frame: FrameType | None) -> None:
        raise TimeoutError(f"took longer than {seconds} s")

    before = signal.signal(signal.SIGALRM, late)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def done() -> None:
    """Say that the script came to its end, and was not cut short."""
    line({"done": True})
