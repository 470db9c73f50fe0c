"""Vesting schedules: their reading, and what they release when.

The formula is that of `runtime.pallets.vesting.vested`, written once more because the runtime takes
a second to import; a test compares both. Times are slots since the first block.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from btt_chain.client.chain import Chain
    from btt_chain.scale.portable import Plain

LOCK_ID: Final = "0x" + b"vesting ".hex()


@dataclass(frozen=True, slots=True)
class Schedule:
    """An amount that is released slot by slot; nothing before its cliff."""

    locked: int
    start: int
    length: int
    cliff: int

    @property
    def end(self) -> int:
        """The first slot at which everything is released."""
        return self.start + self.length

    @property
    def first(self) -> int:
        """The slot of the first release."""
        return max(self.start, self.cliff)

    def vested(self, slot: int) -> int:
        """Return the amount released at a slot, rounded down."""
        if slot < self.first:
            return 0
        passed = slot - self.start
        return self.locked if passed >= self.length else self.locked * passed // self.length

    def unvested(self, slot: int) -> int:
        """Return the amount still locked at a slot."""
        return self.locked - self.vested(slot)


@dataclass(frozen=True, slots=True)
class Vested:
    """The schedules of an account, and its lock."""

    schedules: tuple[Schedule, ...]
    lock: int
    """Amount that the lock holds: more than is unvested until `vest` updates it."""

    def unvested(self, slot: int) -> int:
        """Return the amount that all schedules lock at a slot."""
        return sum(each.unvested(slot) for each in self.schedules)

    def claimable(self, slot: int) -> int:
        """Return the amount that was released since the lock was last updated."""
        return max(0, self.lock - self.unvested(slot))


def next_dates(schedules: Sequence[Schedule], slot: int, step: int, count: int) -> list[int]:
    """Return the next slots to show: every `step` from now on, all cliffs, and the last end.

    At most `count` of the steps; none after the end.
    """
    end = max((each.end for each in schedules), default=slot)
    steps = {slot + step * n for n in range(1, count + 1) if slot + step * n < end}
    cliffs = {each.first for each in schedules if each.first > slot}
    return sorted(steps | cliffs | ({end} if end > slot else set()))


async def read_vested(chain: Chain, who: bytes) -> Vested:
    """Read the schedules of an account; none if nothing of it is vesting."""
    account = "0x" + who.hex()
    rows = await chain.storage("Vesting.SchedulesExt", account)
    locks = await chain.storage("Balances.Locks", account)
    return Vested(
        tuple(
            Schedule(*(_int(row, name) for name in ("locked", "start", "length", "cliff")))
            for row in _rows(rows)
        ),
        sum(_int(row, "amount") for row in _rows(locks) if row.get("id") == LOCK_ID),
    )


def _rows(value: Plain) -> list[dict[str, Plain]]:
    return [row for row in value if isinstance(row, dict)] if isinstance(value, list) else []


def _int(row: dict[str, Plain], name: str) -> int:
    return int(str(row[name]))
