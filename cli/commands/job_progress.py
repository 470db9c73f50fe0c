"""The progress of a job as a bar: its states are steps, and each has a time at which it ends."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

from cli.common import show

STEPS: Final = (
    "posted", "assigned", "computing", "committed", "checking", "pending", "finalized",
)  # fmt: skip
"""States of a job that goes well, in their order."""


def step_of(state: str) -> int:
    """Return the number of completed steps; a job that ended in another way has all of them."""
    return STEPS.index(state) if state in STEPS else len(STEPS) - 1


def words_of(state: str, slots_left: int, slot_ms: int) -> str:
    """Return the state with the longest time that it may last; 0 slots if that is not known."""
    seconds = slots_left * slot_ms // 1_000
    if seconds <= 0:
        return state
    return (
        f"{state}, at most {seconds} s"
        if seconds < 120
        else f"{state}, at most {seconds // 60} min"
    )


@contextmanager
def job_bar(slot_ms: int, *, silent: bool) -> Iterator[Callable[[str, int], None]]:
    """Show a bar for a job on a terminal; yield a function of its state and the slots left."""
    with show.progress(silent=silent) as bars:
        task = bars.add_task("job", total=len(STEPS) - 1)

        def update(state: str, slots_left: int) -> None:
            bars.update(
                task, completed=step_of(state), description=words_of(state, slots_left, slot_ms)
            )

        yield update
