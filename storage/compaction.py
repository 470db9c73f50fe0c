"""Compaction in the background: returns the space of removed trie records to the file system."""

from __future__ import annotations

import threading

from storage.kv import StorageError
from storage.state import StateStore


class Compaction:
    """A thread that compacts when it is due; at most one runs at a time."""

    def __init__(self, state: StateStore) -> None:
        self._state = state
        self._thread: threading.Thread | None = None

    def start_if_due(self) -> None:
        """Compact unless it is not worth its time yet, or already running."""
        if not self._state.compaction_due:
            return
        if self._thread is not None and self._thread.is_alive():
            return
        self._thread = threading.Thread(target=self._compact, name="compaction")
        self._thread.start()

    def wait(self) -> None:
        """Wait for a running compaction."""
        if self._thread is not None:
            self._thread.join()

    def _compact(self) -> None:
        try:
            self._state.compact()
        except StorageError:
            return  # the store has noted it: the next write is refused, with the reason
