"""Decode budgets: the maximum bytes, items and levels of one message.

    EXTRINSIC = DecodeBudget(max_bytes=1 << 20, max_items=16_384)
    call = EXTRINSIC.decode(call_codec, raw)

A list of one-byte items costs a hundred times as much processor time per byte as a byte string, so
bytes alone do not bound the cost of a message. Each list, map, array and bit sequence adds its
number of items to the count of the message before the first of them is decoded. Byte strings and
text count as one item of the list that contains them.

The count is kept per thread, because codecs are shared. Without a budget nothing is counted.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable
from dataclasses import field
from typing import TYPE_CHECKING, Any, Final, TypeVar

from btt_chain.lazyclass import dataclass
from btt_chain.scale.errors import DecodeError

if TYPE_CHECKING:
    from btt_chain.scale.base import AnyCodec, Codec

T = TypeVar("T")

MAX_DEPTH: Final = 64
"""Maximum levels of recursive types."""


ITEMS_PER_BYTE: Final = 8
"""Maximum items in one byte: a bit sequence has eight. All other items have a byte or more."""


class Meter(threading.local):
    """The count of the message that this thread decodes."""

    items: int | None = None
    """Number of items left; None: no budget applies."""
    depth: int = 0
    """Number of open levels of recursive types."""
    max_depth: int = MAX_DEPTH


METER: Final = Meter()


def charge(what: str, at: int, count: int) -> None:
    """Count `count` items of a collection that begins at `at`; DecodeError if too few are left."""
    left = METER.items
    if left is None:
        return
    if count > left:
        raise DecodeError(what, at, f"{count} items claimed, the message may have {left} more")
    METER.items = left - count


@dataclass(frozen=True, slots=True)
class DecodeBudget:
    """The limits of one kind of message."""

    max_bytes: int
    max_items: int
    max_depth: int = MAX_DEPTH
    _unmetered: int = field(init=False, repr=False, compare=False)
    """Length of a message that is too short to exceed the budget."""

    def __post_init__(self) -> None:
        short = self.max_items // ITEMS_PER_BYTE if self.max_depth >= MAX_DEPTH else 0
        object.__setattr__(self, "_unmetered", min(short, self.max_bytes))

    def decode(self, kind: Codec[T], raw: bytes) -> T:
        """Return the value that the whole of `raw` encodes.

        Raises DecodeError if it is malformed or exceeds the budget; the length is checked
        before anything else. Inside another budget the smaller remainder applies.
        """
        if len(raw) <= self._unmetered:
            return kind.decode_all(raw)  # counting would double the cost of a transfer's call
        before = self._begin(kind.name, raw)
        try:
            return kind.decode_all(raw)
        finally:
            _end(before)

    def decode_parts(
        self, what: str, parts: Iterable[AnyCodec], raw: bytes
    ) -> tuple[list[Any], int]:
        """Return the values of the consecutive `parts`, and the offset after the last.

        All of them share the budget. Raises DecodeError.
        """
        before = self._begin(what, raw)
        values, at = [], 0
        try:
            for part in parts:
                value, at = part.decode(raw, at)
                values.append(value)
        finally:
            _end(before)
        return values, at

    def _begin(self, what: str, raw: bytes) -> _Before:
        if len(raw) > self.max_bytes:
            raise DecodeError(what, 0, f"{len(raw)} bytes, at most {self.max_bytes} are allowed")
        meter = METER
        outer, max_depth = meter.items, meter.max_depth
        items = self.max_items if outer is None else min(outer, self.max_items)
        meter.items = items
        meter.max_depth = min(max_depth, meter.depth + self.max_depth)
        return outer, items, max_depth


_Before = tuple[int | None, int, int]
"""State of the outer budget: items and depth; between them the initial items of the new one."""


def _end(before: _Before) -> None:
    outer, items, METER.max_depth = before
    METER.items = None if outer is None else outer - (items - (METER.items or 0))
