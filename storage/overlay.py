"""Uncommitted changes on top of a state: one flat dict, one undo log, marks.

`Overlay` satisfies the `State` protocol of `runtime/frame/state.py`:

    Overlay(base_get, base_keys)        # StateReader.overlay() makes one over a block's state
        base_get:  (key) -> value | None
        base_keys: (prefix, after | None) -> keys of the base, ascending, each > after
    get(key) put(key, value | None) begin() commit() rollback() next_key(key) keys(prefix)
    changes() -> {key: value | None}    # the argument of stage()
    base_reads                          # {key: value | None} as read from the base

A read of a written key costs the same at any depth of layers; committing a layer costs nothing,
rolling it back costs its own writes only. Base reads are kept, so a key is fetched once.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator
from enum import Enum
from typing import Final

from storage.columns import after as end_of


class _Absent(Enum):
    """The type of `_ABSENT`, so that a comparison with it narrows a value's type."""

    ABSENT = 0


_ABSENT: Final = _Absent.ABSENT
SORT_AGAIN: Final = 16
"""Fraction of new keys, one in so many, above which sorting all keys is faster."""

Get = Callable[[bytes], bytes | None]
"""Returns the value of a key, None if there is none."""
Keys = Callable[[bytes, bytes | None], Iterator[bytes]]


class _View(dict[bytes, bytes | None]):
    """The present values of the keys that were read or written; others are read of the base."""

    __slots__ = ("_get", "_reads")

    def __init__(self, base_get: Get, base_reads: dict[bytes, bytes | None]) -> None:
        super().__init__()
        self._get = base_get
        self._reads = base_reads

    def __missing__(self, key: bytes) -> bytes | None:
        value = self[key] = self._reads[key] = self._get(key)
        return value


class Overlay:
    """A state whose changes are recorded and can be rolled back."""

    __slots__ = (
        "_changes", "_fresh", "_keys", "_marks", "_sorted", "_undo", "_view", "base_reads", "get",
    )  # fmt: skip

    def __init__(self, base_get: Get, base_keys: Keys) -> None:
        self._keys = base_keys
        self._changes: dict[bytes, bytes | None] = {}
        self.base_reads: dict[bytes, bytes | None] = {}
        self._view = _View(base_get, self.base_reads)
        self.get: Get = self._view.__getitem__
        """Returns the value of a key, uncommitted changes included; None if there is none.

        The dictionary's own method: a block calls it thousands of times.
        """
        self._undo: list[tuple[bytes, bytes | _Absent | None]] = []
        self._marks: list[int] = []
        # All keys ever written, for ordered iteration: the sorted ones, and the later ones.
        self._sorted: list[bytes] = []
        self._fresh: list[bytes] = []

    def put(self, key: bytes, value: bytes | None) -> None:
        """Set a key; None removes it."""
        changes = self._changes
        old: bytes | _Absent | None = _ABSENT
        if key in changes:
            old = changes[key]
        else:
            self._fresh.append(key)
        if self._marks:
            self._undo.append((key, old))
        changes[key] = self._view[key] = value

    def begin(self) -> None:
        """Open a layer."""
        self._marks.append(len(self._undo))

    def commit(self) -> None:
        """Keep the changes of the innermost layer."""
        self._marks.pop()
        if not self._marks:
            self._undo.clear()

    def rollback(self) -> None:
        """Undo the changes of the innermost layer."""
        mark = self._marks.pop()
        undo, changes, view = self._undo, self._changes, self._view
        while len(undo) > mark:
            key, old = undo.pop()
            if old is not _ABSENT:
                changes[key] = view[key] = old
                continue
            del changes[key]
            if key in self.base_reads:
                view[key] = self.base_reads[key]
            else:
                del view[key]

    def next_key(self, key: bytes) -> bytes | None:
        """Return the smallest key greater than this one."""
        return next(self._walk(b"", key), None)

    def keys(self, prefix: bytes) -> Iterator[bytes]:
        """Yield the keys with this prefix, ascending; keys added meanwhile may be missed."""
        return self._walk(prefix, None)

    def changes(self) -> dict[bytes, bytes | None]:
        """Return the changes so far, all layers together; None for a removed key."""
        return dict(self._changes)

    def _walk(self, prefix: bytes, after: bytes | None) -> Iterator[bytes]:
        """Yield base keys and changed keys merged; checks for removal during the iteration."""
        changes = self._changes
        written = self._written(prefix, after)
        base = self._keys(prefix, after)
        if not written:
            for key in base:
                if key not in changes or changes[key] is not None:
                    yield key
            return
        own = iter(written)
        mine, theirs = next(own, None), next(base, None)
        while True:
            if mine is not None and (theirs is None or mine < theirs):
                key = mine
                mine = next(own, None)
                live = changes.get(key) is not None
            elif theirs is None:
                return
            else:
                key = theirs
                if mine == theirs:
                    mine = next(own, None)
                theirs = next(base, None)
                live = changes.get(key, _ABSENT) is not None
            if live:
                yield key

    def _written(self, prefix: bytes, after: bytes | None) -> list[bytes]:
        """Return the keys written so far in this range, in order, also rolled back ones."""
        if self._fresh:
            self._sort()
        keys = self._sorted
        start = bisect_left(keys, prefix)
        if after is not None:
            start = max(start, bisect_right(keys, after))
        stop = end_of(prefix)
        return keys[start : len(keys) if stop is None else bisect_left(keys, stop)]

    def _sort(self) -> None:
        """Sort in the keys that were written since the last iteration.

        A key rolled back and written again occurs twice. One call writes few keys, and a block has
        thousands of calls that may iterate: sorting all again each time would be quadratic.
        """
        fresh, keys = self._fresh, self._sorted
        if len(fresh) * SORT_AGAIN > len(keys):
            self._sorted = sorted({*keys, *fresh})
        else:
            for key in fresh:
                place = bisect_left(keys, key)
                if place == len(keys) or keys[place] != key:
                    keys.insert(place, key)
        fresh.clear()
