"""Memory of answers: the bytes of all answers in preparation or in transit, over all callers.

An answer may have 15 MiB, and a caller that does not read keeps it for minutes. Large answers
therefore share `MAX_ANSWERS`; one that has no room there is refused, to be requested again. An
answer of up to `FREE_ANSWER` bytes always has room.
"""

from __future__ import annotations

from typing import Final

from btt_chain.rpc.protocol import RATE_LIMITED, RpcError

MAX_ANSWERS: Final = 16 << 20
"""Maximum bytes of all answers in preparation or in transit."""
FREE_ANSWER: Final = 1 << 19
"""Bytes of an answer that always has room: the metadata has fewer."""
RETRY_AFTER: Final = 5
"""Seconds after which to retry."""


class AnswerSpace:
    """Counts the bytes of the answers of a server."""

    __slots__ = ("used",)

    def __init__(self) -> None:
        self.used = 0

    @property
    def is_full(self) -> bool:
        """Return True if no large answer has room."""
        return self.used >= MAX_ANSWERS


class Claim:
    """The bytes of one answer, from its first part until it was sent."""

    __slots__ = ("_space", "size")

    def __init__(self, space: AnswerSpace) -> None:
        self._space = space
        self.size = 0

    @property
    def is_refused(self) -> bool:
        """Return True if the answer can have no further part now."""
        return self.size >= FREE_ANSWER and self._space.is_full

    def take(self, size: int) -> bool:
        """Count a further part of the answer; return True if it has room, else count nothing."""
        if self.size + size > FREE_ANSWER and self._space.used + size > MAX_ANSWERS:
            return False
        self.size += size
        self._space.used += size
        return True

    def release(self) -> None:
        """Release the bytes. Idempotent."""
        self._space.used -= self.size
        self.size = 0


def no_room() -> RpcError:
    """Return the refusal of a call whose answer has no room."""
    text = f"Large answers of other calls are on their way: retry after {RETRY_AFTER} s"
    return RpcError(RATE_LIMITED, text, {"retryAfter": RETRY_AFTER})
