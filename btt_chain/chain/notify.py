"""Chain events: blocks imported, best or final, reported to listeners."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple


class BlockRef(NamedTuple):
    """A block by height and hash."""

    number: int
    hash: bytes


class NewBlock(NamedTuple):
    """A block was imported. Comes before the `NewBest` or `Finalized` that mention it."""

    hash: bytes
    parent: bytes
    number: int
    is_best: bool


class NewBest(NamedTuple):
    """The best block changed; `enacted` ascending and ending with it, `retracted` descending."""

    hash: bytes
    enacted: tuple[bytes, ...]
    retracted: tuple[bytes, ...]


class Finalized(NamedTuple):
    """Blocks became final, ascending and without gaps; `pruned` are those of discarded forks."""

    hashes: tuple[bytes, ...]
    pruned: tuple[bytes, ...]


ChainEvent = NewBlock | NewBest | Finalized
Listener = Callable[[ChainEvent], None]


class Notifier:
    """Passes each event to every listener, in order."""

    def __init__(self) -> None:
        self._listeners: dict[object, Listener] = {}

    def listen(self, listener: Listener) -> Callable[[], None]:
        """Call `listener` on every event from now on, until the returned function is called."""
        handle = object()
        self._listeners[handle] = listener

        def stop() -> None:
            self._listeners.pop(handle, None)

        return stop

    def emit(self, event: ChainEvent) -> None:
        """Call all current listeners."""
        for listener in list(self._listeners.values()):
            listener(event)
