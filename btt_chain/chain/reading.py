"""Work on the state of a fork, a part of which may have to be read from another node first.

Execution cannot pause. So work that needs a part that is not here ends with NotRead, without an
effect; the part is read while the event loop serves others; then the work is done again, up to the
next part. Reading fetches whole pages of keys (`node/dev/remote_state.py`), so a block or a call is
done again a few dozen times at most, and parts that were read before never.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from time import monotonic
from typing import Final, TypeVar

from storage.fork import NotRead
from storage.state import StateUnavailable

Result = TypeVar("Result")

MAX_SECONDS: Final = 120.0
"""Maximum time of the reads of one piece of work. Those that are done count for the next try."""
MAX_REPEATS: Final = 3
"""Maximum number of times that one part is read for one piece of work."""


class ReadingGivenUp(StateUnavailable):
    """A piece of work needs more of the other node's state than can be read for it."""


class Reads:
    """The reads of one piece of work."""

    __slots__ = ("_clock", "_end", "_parts")

    def __init__(self, clock: Callable[[], float] = monotonic) -> None:
        self._clock = clock
        self._end = clock() + MAX_SECONDS
        self._parts: Counter[str] = Counter()

    async def read(self, lacking: NotRead) -> None:
        """Return when a part was read, or cannot be: then the state raises the reason.

        Raises ReadingGivenUp.
        """
        self._parts[lacking.part] += 1
        if self._parts[lacking.part] > MAX_REPEATS:
            raise ReadingGivenUp(
                f"{lacking.part} does not stay in the fork's cache while it is needed: start the "
                "fork with a larger --fork-cache"
            ) from lacking
        if self._clock() > self._end:
            raise ReadingGivenUp(
                f"reading the other node's state took more than {MAX_SECONDS:g} s: try again, the "
                "parts that were read are kept"
            ) from lacking
        await lacking.read()


async def when_read(work: Callable[[], Result]) -> Result:
    """Return the result of work, after the parts of the state that it lacks were read.

    `work` has no effect if it raises NotRead. Raises as it does, and ReadingGivenUp.
    """
    reads = Reads()
    while True:
        try:
            return work()
        except NotRead as error:
            lacking = error
        await reads.read(lacking)
