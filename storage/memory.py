"""A complete store in memory: for tests, the simulator and `--tmp` chains."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Mapping
from typing import Final

from storage.columns import after
from storage.kv import StorageFailed

FEW: Final = 16
"""Changed keys are inserted one by one up to this fraction (1/FEW), above it all are sorted."""


class MemoryKV:
    """A dict, and its keys in order: by their first byte, the column, of which few are iterated."""

    def __init__(self) -> None:
        self._values: dict[bytes, bytes] = {}
        self._order: dict[bytes, list[bytes]] = {}
        """The keys of each column that was iterated, in order."""
        self._moved: dict[bytes, dict[bytes, None]] = {}
        """Keys added to such a column or removed from it since then."""
        self._closed = False

    def get(self, key: bytes) -> bytes | None:
        """Return the value of a key, None if it is not there."""
        return self._values.get(key)

    def get_once(self, key: bytes) -> bytes | None:
        """Return the same: there is no cache."""
        return self._values.get(key)

    def iterate(
        self,
        prefix: bytes = b"",
        *,
        start: bytes | None = None,
        stop: bytes | None = None,
        reverse: bool = False,
    ) -> Iterator[tuple[bytes, bytes]]:
        """Yield keys and values in order, as they are now."""
        values = self._values
        rows = [(key, values[key]) for key in self._range(prefix, start, stop)]
        return reversed(rows) if reverse else iter(rows)

    def keys(
        self,
        prefix: bytes = b"",
        *,
        start: bytes | None = None,
        stop: bytes | None = None,
        reverse: bool = False,
    ) -> Iterator[bytes]:
        """Yield keys in order, as they are now."""
        found = self._range(prefix, start, stop)
        return reversed(found) if reverse else iter(found)

    def write(self, batch: Mapping[bytes, bytes | None], *, sync: bool = False) -> None:
        """Write a batch; `sync` has no effect."""
        if self._closed:
            raise StorageFailed("the in-memory store is closed")
        values, moved = self._values, self._moved
        for key, value in batch.items():
            if value is None:
                if values.pop(key, None) is not None and key[:1] in moved:
                    moved[key[:1]][key] = None
            else:
                if key not in values and key[:1] in moved:
                    moved[key[:1]][key] = None
                values[key] = value

    def compact_range(self, start: bytes, stop: bytes | None) -> None:
        """Do nothing: there is no space to return."""

    def approximate_size(self, start: bytes, stop: bytes) -> int:
        """Return the number of bytes of keys and values in the range."""
        return sum(len(key) + len(self._values[key]) for key in self._range(b"", start, stop))

    def close(self) -> None:
        """Refuse further writes."""
        self._closed = True

    def _range(self, prefix: bytes, start: bytes | None, stop: bytes | None) -> list[bytes]:
        low = prefix if start is None else max(prefix, start)
        ends = [end for end in (after(prefix), stop) if end is not None]
        high = min(ends) if ends else None
        if prefix:
            return _between(self._column(prefix[:1]), low, high)
        columns = sorted({key[:1] for key in self._values})
        return [key for name in columns for key in _between(self._column(name), low, high)]

    def _column(self, name: bytes) -> list[bytes]:
        """Return the keys of a column, in order."""
        values, order = self._values, self._order.get(name)
        moved, self._moved[name] = self._moved.get(name), {}
        if order is None or moved is None:
            order = self._order[name] = sorted(key for key in values if key[:1] == name)
            return order
        if not moved:
            return order
        if FEW * len(moved) > len(order):
            # The remaining keys are in order already: sorting is then only a merge.
            left = [key for key in order if key in values and key not in moved]
            left += sorted(key for key in moved if key in values)
            left.sort()
            self._order[name] = left
            return left
        for key in moved:
            at = bisect_left(order, key)
            is_there = at < len(order) and order[at] == key
            if key in values and not is_there:
                order.insert(at, key)
            elif is_there and key not in values:
                del order[at]
        return order


def _between(order: list[bytes], low: bytes, high: bytes | None) -> list[bytes]:
    """Return the keys from `low` on and below `high`; None: to the end."""
    return order[bisect_left(order, low) : len(order) if high is None else bisect_left(order, high)]
