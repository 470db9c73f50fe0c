"""File descriptors: the process's limit, and its division between uses.

A database that cannot open a file ends the node. So connections are limited to what is left after
the node's own files and its peers, and no remote connection takes the last descriptor.
"""

from __future__ import annotations

import logging
import resource
from typing import Final

log = logging.getLogger(__name__)

WANTED: Final = 16_384
"""File descriptors requested, as far as the system allows."""
OWN_FILES: Final = 112
"""Spare descriptors: libraries, the database, keys, signing records, metrics, work in progress."""
PER_PEER: Final = 2
"""Descriptors of a peer: its connection, and one that replaces it or is being refused."""
MIN_CALLERS: Final = 16
"""Minimum number of JSON-RPC connections for a usable node."""


class TooFewDescriptors(Exception):
    """The system allows the process too few open files."""

    def __init__(self, limit: int, needed: int) -> None:
        super().__init__(
            f"this process may have {limit} files open, and needs {needed}: raise the limit "
            "(`ulimit -n 4096`, or LimitNOFILE= of the service), or take fewer peers with "
            "--in-peers and --out-peers"
        )


def raise_limit() -> int:
    """Raise the descriptor limit up to WANTED; return the new limit, WANTED if unlimited."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    unlimited = resource.RLIM_INFINITY
    wanted = WANTED if hard == unlimited else min(WANTED, hard)
    if soft != unlimited and soft < wanted:
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
        except (OSError, ValueError) as problem:
            log.warning("the limit of open files stays at %d: %s", soft, problem)
        else:
            soft = wanted
    return WANTED if soft == unlimited else soft


def callers_within(limit: int, peers: int, wanted: int) -> int:
    """Return the number of JSON-RPC connections possible beside `peers` peers, at most `wanted`.

    Raises TooFewDescriptors.
    """
    taken = OWN_FILES + PER_PEER * peers
    room = limit - taken
    if room < MIN_CALLERS:
        raise TooFewDescriptors(limit, taken + MIN_CALLERS)
    if room < wanted:
        log.warning(
            "this process may have %d files open, so at most %d JSON-RPC connections are taken; "
            "`ulimit -n %d` makes room for all",
            limit, room, taken + wanted,
        )  # fmt: skip
    return min(room, wanted)
