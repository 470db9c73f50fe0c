"""Unexpected errors about a message, block or transaction of a peer: contained, counted, logged.

One bad message must not end a node: all nodes that get it would end. Errors that say that the node
itself cannot go on are not contained.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from btt_chain.chain.runtimes import UnsupportedRuntime
from btt_chain.keystore.errors import RecordError
from p2p.errors import NetworkError
from runtime.frame.migration import MigrationFailed
from storage.kv import StorageError
from storage.state import StateUnavailable

log = logging.getLogger(__name__)

FATAL: Final = (
    StorageError, RecordError, UnsupportedRuntime, MigrationFailed, NetworkError, OSError,
    MemoryError,
)  # fmt: skip
"""Errors of the node: its database, keys, network, or machine. A missing state is not one."""

faults: Final[Counter[str]] = Counter()
"""Contained errors by place and kind, in this process."""


def report(place: str, error: Exception) -> None:
    """Count an error, and log the first of a place and kind. Raises it if it is fatal."""
    if isinstance(error, FATAL) and not isinstance(error, StateUnavailable):
        raise error
    name = f"{place}: {type(error).__name__}"
    faults[name] += 1
    level = logging.ERROR if faults[name] == 1 else logging.DEBUG
    log.log(level, "fault in %s; the node goes on. Please report this", name, exc_info=error)


@contextmanager
def contain(place: str) -> Iterator[None]:
    """Report an error instead of raising it, unless it is fatal."""
    try:
        yield
    except Exception as error:  # noqa: BLE001  (that is the purpose)
        report(place, error)
