"""Time of a chain as text.

Pallets count slots since the first block, some of them in milliseconds. A slot is as long as
`Babe.ExpectedBlockTime`.
"""

from __future__ import annotations

import time
from dataclasses import replace
from typing import TYPE_CHECKING

from btt_chain.lazyclass import dataclass
from btt_chain.present import Context
from btt_chain.present.times import date, span

if TYPE_CHECKING:
    from btt_chain.client.chain import Chain


@dataclass(frozen=True, slots=True)
class ChainTime:
    """Present time of a chain."""

    slot_ms: int
    genesis_slot: int
    """Slot of the first block; 0 before it."""
    current_slot: int

    @classmethod
    async def read(cls, chain: Chain) -> ChainTime:
        """Read the time of a chain's best block."""
        current, genesis = [
            int(str(await chain.storage(f"Babe.{name}"))) for name in ("CurrentSlot", "GenesisSlot")
        ]
        return cls(int(str(chain.constant("Babe.ExpectedBlockTime"))), genesis, current)

    def at_next_block(self) -> ChainTime:
        """Return the time that a block made now would have, by this machine's clock.

        It is a slot later at least. A chain that makes blocks for transactions only stands still
        between them.
        """
        now = int(time.time() * 1_000) // self.slot_ms if self.genesis_slot else 0
        return replace(self, current_slot=max(self.current_slot + 1, now))

    @property
    def slot(self) -> int:
        """Slots since the first block."""
        return self.current_slot - self.genesis_slot

    @property
    def ms(self) -> int:
        """Milliseconds since the first block, in whole slots."""
        return self.slot * self.slot_ms

    def until(self, ms: int) -> str:
        """Return a time in ms since the first block as date and distance; `over` if it is past."""
        genesis = self.genesis_slot * self.slot_ms
        return until(ms, self.ms, Context(genesis_ms=genesis or None))


def until(ms: int, now: int, context: Context) -> str:
    """Return a time in ms since the first block as date and distance; `over` if it is past."""
    if ms <= now:
        return "over"
    left = f"in {span(ms - now)}"
    return left if context.genesis_ms is None else f"{date(context.genesis_ms + ms)} ({left})"
