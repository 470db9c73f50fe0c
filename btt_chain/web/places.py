"""Places for long answers, as streams and downloads: few in all, and of these few for one caller.

Without the second limit one address, which may have many connections, would take all places.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from btt_chain.web.addresses import is_loopback
from btt_chain.web.admission import Admission


class Places(Admission):
    """The places of one kind of answer."""

    @contextmanager
    def place(self, caller: str) -> Iterator[bool]:
        """Yield True if the caller has a place, until the end of the block.

        A caller on this machine may have all: it may be a proxy that was not named.
        """
        if self.is_full or not (is_loopback(caller) or self.allows(caller)):
            yield False
            return
        self.add(caller)
        try:
            yield True
        finally:
            self.leave(caller)
