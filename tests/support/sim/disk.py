"""A disk that forgets what was not synced when its process dies, from some batch on."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Mapping

from storage.memory import MemoryKV


class Crash(BaseException):
    """The process dies here. No handler of the node may catch it."""


class SimDisk:
    """What survives: batches in order, up to the last synced one at least."""

    def __init__(self) -> None:
        self._durable = MemoryKV()
        self._loose: list[Mapping[bytes, bytes | None]] = []

    def open(self, point: Callable[[str], None]) -> SimKV:
        """Open what is on the disk."""
        live = MemoryKV()
        live.write(dict(self._durable.iterate()))
        return SimKV(self, live, point)

    def keep(self, batch: Mapping[bytes, bytes | None], *, sync: bool) -> None:
        """Take a batch; with `sync` it and all before it are safe."""
        self._loose.append(batch)
        if sync:
            self._settle(len(self._loose))

    def crash(self, rng: random.Random) -> None:
        """Lose the loose batches from a random one on."""
        self._settle(rng.randint(0, len(self._loose)))
        self._loose.clear()

    def _settle(self, count: int) -> None:
        for batch in self._loose[:count]:
            self._durable.write(batch)
        del self._loose[:count]


class SimKV:
    """The store of a running process (`storage.kv.KeyValue`)."""

    def __init__(self, disk: SimDisk, live: MemoryKV, point: Callable[[str], None]) -> None:
        self._disk = disk
        self._live = live
        self._point = point

    def get(self, key: bytes) -> bytes | None:
        """Return the value of a key."""
        return self._live.get(key)

    def iterate(
        self,
        prefix: bytes = b"",
        *,
        start: bytes | None = None,
        stop: bytes | None = None,
        reverse: bool = False,
    ) -> Iterator[tuple[bytes, bytes]]:
        """Return keys and values in order."""
        return self._live.iterate(prefix, start=start, stop=stop, reverse=reverse)

    def keys(
        self,
        prefix: bytes = b"",
        *,
        start: bytes | None = None,
        stop: bytes | None = None,
        reverse: bool = False,
    ) -> Iterator[bytes]:
        """Return keys in order."""
        return self._live.keys(prefix, start=start, stop=stop, reverse=reverse)

    def write(self, batch: Mapping[bytes, bytes | None], *, sync: bool = False) -> None:
        """Write a batch; the process may die before or after it."""
        self._point("write")
        kept = dict(batch)
        self._live.write(kept)
        self._disk.keep(kept, sync=sync)
        self._point("written")

    def compact_range(self, start: bytes, stop: bytes | None) -> None:
        """Nothing to give back."""

    def close(self) -> None:
        """Nothing to close."""
