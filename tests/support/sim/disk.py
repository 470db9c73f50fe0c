"""A disk that forgets what was not synced when its process dies, from some batch on."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from typing import Final

from btt_chain.consensus.finality.records import END_PREFIX
from storage.columns import AUX, META_BASE
from storage.memory import MemoryKV


class Crash(BaseException):
    """The process dies here. No handler of the node may catch it."""


class SimDisk:
    """Data that survives: batches in order, up to the last synced one at least."""

    def __init__(self, image: Mapping[bytes, bytes]) -> None:
        """`image` is what is on it from the start."""
        self.kv = MemoryKV()
        self.kv.write(image)
        self.get: Final[Callable[[bytes], bytes | None]] = self.kv._values.get
        """As that of the store, without a call in Python."""
        self._loose: list[tuple[list[bytes], list[bytes | None]]] = []
        """The keys of each batch since the last synced one, and the values that it replaced."""
        self.torn = 0
        """Batches that crashes have cost."""

    def open(
        self, point: Callable[[str], None], awaited: Callable[[], bool] = lambda: True
    ) -> SimKV:
        """Open what is on the disk. `point` is called where a process may die, while `awaited`."""
        return SimKV(self, point, awaited)

    def write(self, batch: Mapping[bytes, bytes | None], *, sync: bool) -> None:
        """Write a batch; with `sync` it and all before it are safe."""
        if sync:
            self._loose.clear()
        else:
            self._loose.append((list(batch), list(map(self.get, batch))))
        self.kv.write(batch)

    def crash(self, rng: random.Random) -> None:
        """Lose the loose batches from a random one on."""
        kept = rng.randint(0, len(self._loose))
        self.torn += len(self._loose) - kept
        for keys, replaced in reversed(self._loose[kept:]):
            self.kv.write(dict(zip(keys, replaced, strict=True)))
        self._loose.clear()


class SimKV:
    """The store of a running process (`storage.kv.KeyValue`)."""

    def __init__(
        self, disk: SimDisk, point: Callable[[str], None], awaited: Callable[[], bool]
    ) -> None:
        self._disk = disk
        self._point = point
        self._awaited = awaited
        self.get = self.get_once = disk.get
        self.iterate = disk.kv.iterate
        self.keys = disk.kv.keys
        self.approximate_size = disk.kv.approximate_size

    def write(self, batch: Mapping[bytes, bytes | None], *, sync: bool = False) -> None:
        """Write a batch; the process may die before or after it."""
        names = _names(batch, sync=sync) if self._awaited() else ()
        for name in names:
            self._point(f"write {name}")
        self._disk.write(batch, sync=sync)
        for name in names:
            self._point(f"written {name}")

    def compact_range(self, start: bytes, stop: bytes | None) -> None:
        """Nothing to give back."""

    def close(self) -> None:
        """Nothing to close."""


def _names(batch: Mapping[bytes, bytes | None], *, sync: bool) -> Sequence[str]:
    """Say what a batch is for: finality is the one thing that is synced."""
    of_aux = all(key.startswith(AUX) for key in batch)
    names = ["finality" if sync else "aux" if of_aux else "block"]
    if META_BASE in batch:
        names.append("prune")  # the base moves on, and the records below it go
    if any(key.startswith(AUX + END_PREFIX) for key in batch):
        names.append("set change")
    return names
