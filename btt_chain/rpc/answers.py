"""Memory of answers: the bytes of all answers in preparation or in transit, over all callers.

An answer may have 15 MiB, and a caller that does not read keeps it for minutes. Large answers
therefore share `MAX_ANSWERS`; one that has no room there is refused, to be requested again. An
origin (an address or /64) with no more than `ORIGIN_SHARE` has `RESERVED` bytes besides, so that
one caller cannot keep all others waiting. An answer of up to `FREE_ANSWER` bytes always has room.
"""

from __future__ import annotations

from collections import Counter
from typing import Final

from btt_chain.rpc.protocol import RATE_LIMITED, RpcError

MAX_ANSWERS: Final = 16 << 20
"""Maximum bytes of all answers in preparation or in transit."""
ORIGIN_SHARE: Final = 2 << 20
"""Maximum bytes of the answers of an origin that may use the reserve."""
RESERVED: Final = 8 << 20
"""Bytes beyond `MAX_ANSWERS` for origins with small shares."""
FREE_ANSWER: Final = 1 << 19
"""Bytes of an answer that always has room: the metadata has fewer."""
RETRY_AFTER: Final = 5
"""Seconds after which to retry."""


class AnswerSpace:
    """Counts the bytes of the answers of a server."""

    __slots__ = ("_origins", "used")

    def __init__(self) -> None:
        self.used = 0
        self._origins: Counter[str] = Counter()

    def has_room(self, origin: str, size: int) -> bool:
        """Return True if `size` more bytes of a large answer to an origin have room."""
        is_small = self._origins[origin] + size <= ORIGIN_SHARE
        return self.used + size <= MAX_ANSWERS + RESERVED * is_small

    def add(self, origin: str, size: int) -> None:
        """Count bytes of an origin, negative ones if they are released."""
        self.used += size
        self._origins[origin] += size
        if not self._origins[origin]:
            del self._origins[origin]


class Claim:
    """The bytes of one answer, from its first part until it was sent."""

    __slots__ = ("_origin", "_space", "size")

    def __init__(self, space: AnswerSpace, origin: str) -> None:
        self._space = space
        self._origin = origin
        self.size = 0

    @property
    def is_refused(self) -> bool:
        """Return True if the answer can have no further part now."""
        return self.size >= FREE_ANSWER and not self._space.has_room(self._origin, 1)

    def take(self, size: int) -> bool:
        """Count a further part of the answer; return True if it has room, else count nothing."""
        if self.size + size > FREE_ANSWER and not self._space.has_room(self._origin, size):
            return False
        self.size += size
        self._space.add(self._origin, size)
        return True

    def release(self) -> None:
        """Release the bytes. Idempotent."""
        self._space.add(self._origin, -self.size)
        self.size = 0


def no_room() -> RpcError:
    """Return the refusal of a call whose answer has no room."""
    text = f"Large answers of other calls are on their way: retry after {RETRY_AFTER} s"
    return RpcError(RATE_LIMITED, text, {"retryAfter": RETRY_AFTER})
