"""Judgement of this clock by blocks of other authors, before a block is sealed.

A block sealed in a slot that has not come is refused by every other node, and bars its key from all
slots before it. Each block of another author that becomes the best block when it arrives shows a
time. While all of them lie more than `MAX_LAG` slots behind this clock, no block is sealed: two
authors are needed where there are two, since one alone could seal old slots, and sealed blocks
cannot be invented as the clock that a peer states can (`clock_watch.py`, which only warns).

    trusted -> waiting   a start, or a jump of more than MAX_LAG slots, if the best block is as far
                         behind
    waiting -> trusted   a block in time, or MAX_LAG slots without late blocks of two authors
    any -> doubted       late blocks of two authors
    doubted -> trusted   a block in time, or MEMORY slots without a late one

A wait ends without evidence, so a chain on which no validator seals starts again.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Final

from btt_chain.keystore import GRANDPA, Clock
from btt_chain.keystore.states import KeyState, State

log = logging.getLogger(__name__)

MAX_LAG: Final = 10
"""Slots; more than a slow network delays blocks on a chain that makes progress."""
MEMORY: Final = 64
"""Slots for which a late block counts."""


class ClockGuard:
    """Decides whether the clock may be used to seal a block; a pure state machine."""

    def __init__(self) -> None:
        self._slot: int | None = None
        self._turns = 0
        """Slots that began while this process ran; a jump of the clock counts as one."""
        self._late: dict[bytes, tuple[int, int]] = {}
        """Lag in slots of each author's last late block, and the turn in which it arrived."""
        self._wait_ends = 0
        self._head_lag = 0

    def begin_slot(self, slot: int, head: Callable[[], int]) -> None:
        """Process a new slot; `head` returns the slot of the best block, 0 for genesis."""
        self._turns += 1
        for author in [key for key, (_, turn) in self._late.items() if turn + MEMORY < self._turns]:
            del self._late[author]
        if self._slot is None or slot - self._slot > MAX_LAG:
            best = head()
            self._head_lag = slot - best if best else 0
            if self._head_lag > MAX_LAG:
                self._wait_ends = self._turns + MAX_LAG
        self._slot = slot

    def saw_block(self, author: bytes, block_slot: int, now: int) -> None:
        """Process a block of another author that became the best one in slot `now`."""
        lag = now - block_slot
        if lag > MAX_LAG:
            self._late[author] = lag, self._turns
        else:
            self._late.clear()
            self._wait_ends = 0

    def doubt(self, others: int) -> str | None:
        """Return why no block may be sealed, None if one may; `others`: number of other authors."""
        if not others:
            return None
        if len(self._late) >= min(2, others):
            lag = min(lag for lag, _ in self._late.values())
            return (
                f"this clock is ahead: the blocks of {len(self._late)} other authors arrive "
                f"{lag} slots behind it or more. No block is sealed until one arrives in time; "
                "set the clock by NTP: timedatectl set-ntp true"
            )
        if self._turns < self._wait_ends:
            return (
                f"the best block is {self._head_lag} slots behind this clock: no block is sealed "
                f"until one of another author arrives in time, or {MAX_LAG} slots without any"
            )
        return None


class SealingClock:
    """The clock by which blocks are sealed: it goes forward only, and it may be in doubt."""

    def __init__(self) -> None:
        self._clock = Clock()
        self._problem: str | None = None
        """Why no block is sealed by it; it was logged."""

    def tick(self, slot: int, doubt: str | None) -> bool:
        """Process a new slot, with a `doubt` of `ClockGuard`. Return True if time went forward.

        A slot of a doubted clock, in which no block is sealed, does not count as seen.
        """
        refusal = None
        if doubt is None:
            self._clock, refusal = self._clock.tick(slot)
        problem = doubt if refusal is None else refusal.why
        if problem is None and self._problem is not None:
            log.info("the clock agrees with the blocks again: blocks are sealed from now on")
        elif problem is not None and self._problem is None:  # its text changes with each slot
            log.log(logging.WARNING if refusal is None else logging.ERROR, "%s", problem)
        self._problem = problem
        return refusal is None

    def state(self, key: KeyState, slot: int) -> KeyState:
        """Return the state of a key as this clock permits: a BABE key may seal nothing by it."""
        if self._problem is None or key.key_type == GRANDPA or key.state is not State.SIGNS:
            return key
        until = self._clock.highest - 1 if self._clock.highest > slot + 1 else None
        return KeyState(key.public, key.key_type, State.CLOCK, self._problem, until)
