"""The way from a proven block down to a trusted one: header by header, by hash, in pages.

Any peer may serve a page, because each header is determined by its hash. One page is in memory.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from p2p.protocols.messages import HEADER, MAX_BLOCKS, BlockData, BlockRequest, Direction
from p2p.sync.fork_sync import read_header
from p2p.sync.types import BlockId

MAX_WAY: Final = 1 << 19
"""Maximum number of headers of a way: 36 days of slots of 6 s."""


class BadAnswer(ValueError):
    """The headers are not those that were asked for."""


class TrustedWay:
    """A way down; `is_done` at its end, `why` is set if the trusted block is not on it."""

    def __init__(self, top: BlockId, trusted: BlockId) -> None:
        self.trusted: Final = trusted
        self.lacking: dict[str, None] = {}
        """Peers that did not have the next headers."""
        self.why: str | None = None
        """The reason for which the chain is not the trusted one; None so far."""
        self._at = top
        """The lowest block whose hash is known."""
        if top.number - trusted.number > MAX_WAY:
            self.why = (
                f"it lies {top.number - trusted.number} blocks above the trusted block "
                f"{trusted.number}, and at most {MAX_WAY} headers are checked. If this is the real "
                "chain, give a later block with --trusted-block"
            )
        self._compare()

    def _compare(self) -> None:
        if self._at.number == self.trusted.number and self._at.hash != self.trusted.hash:
            self.why = (
                f"its block {self._at.number} is 0x{self._at.hash.hex()}, not the trusted "
                f"0x{self.trusted.hash.hex()}. If every peer has it, check --trusted-block"
            )

    @property
    def is_done(self) -> bool:
        """True if the trusted block was reached."""
        return self._at == self.trusted

    def request(self) -> BlockRequest:
        """Return the request for the next headers down."""
        count = min(MAX_BLOCKS, self._at.number - self.trusted.number)
        return BlockRequest(self._at.hash, Direction.DESCENDING, count, HEADER)

    def take(self, blocks: Sequence[BlockData]) -> None:
        """Take the next headers. Raises BadAnswer; those before the wrong one are taken."""
        if len(blocks) > self.request().limit:
            raise BadAnswer("more headers than asked for")
        for block in blocks:
            header = read_header(block, self._at.hash)
            if isinstance(header, str):
                raise BadAnswer(header)
            if int(header.number) != self._at.number:
                self.why = f"block {self._at.number} stands on it at another height"
                return
            self._at = BlockId(self._at.number - 1, bytes(header.parent_hash))
        self._compare()
