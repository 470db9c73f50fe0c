"""The stages of an invoice at a till: a state machine without a clock or a network.

    waiting --payment in a best block--> seen --its block is final--> final
       ^                                  |
       |<----- its block was reverted ----+
    waiting --the invoice expires--> expired

Only `final` means paid: a block of the best chain can be replaced, and the goods are gone then. A
payment that is seen before the expiry counts, so `expired` needs a final chain without it.
"""

from __future__ import annotations

from dataclasses import replace
from enum import Enum

from btt_chain.lazyclass import dataclass


class Stage(Enum):
    """Stages of an invoice at the till."""

    WAITING = "waiting"
    SEEN = "seen"
    FINAL = "final"
    EXPIRED = "expired"


@dataclass(frozen=True, slots=True)
class Found:
    """The payment of the invoice, as a block's state has it."""

    payment: int
    gross: int
    fee: int
    bucket: int
    payer: bytes


@dataclass(frozen=True, slots=True)
class Best:
    """The state of a new best block."""

    number: int
    found: Found | None


@dataclass(frozen=True, slots=True)
class Final:
    """The state of a new final block, with its time."""

    number: int
    time_ms: int
    found: Found | None


@dataclass(frozen=True, slots=True)
class Till:
    """An invoice and what is known of its payment."""

    expires_ms: int
    stage: Stage = Stage.WAITING
    found: Found | None = None
    seen_at: int = 0
    """Height of the best block in which the payment was seen last."""
    was_reverted: bool = False
    """True after a payment was seen and its block replaced."""

    @property
    def is_over(self) -> bool:
        """Return True if nothing can change any more."""
        return self.stage in (Stage.FINAL, Stage.EXPIRED)


def after(till: Till, event: Best | Final) -> Till:
    """Return the till after a new block."""
    if till.is_over:
        return till
    if isinstance(event, Final):
        if event.found is not None:
            return replace(till, stage=Stage.FINAL, found=event.found)
        if event.time_ms >= till.expires_ms and till.stage is Stage.WAITING:
            return replace(till, stage=Stage.EXPIRED)
        return till
    if event.found is not None:
        return replace(till, stage=Stage.SEEN, found=event.found, seen_at=event.number)
    # A node that was started again shows lower blocks first: the payment is above them.
    if till.stage is Stage.SEEN and event.number >= till.seen_at:
        return replace(till, stage=Stage.WAITING, found=None, was_reverted=True)
    return till
