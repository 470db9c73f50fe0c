"""Actions of a simulated node in one life, for invariants and scenarios."""

from __future__ import annotations

from btt_chain.chain.notify import BlockRef
from btt_chain.consensus.babe.verify import Verified
from btt_chain.consensus.babe.worker import Authored
from btt_chain.consensus.finality.gadget import Broken
from btt_chain.primitives.grandpa import Stage, Target
from btt_chain.primitives.header import Header


class SimWatcher:
    """Records what the engine reports (`parts.Watcher`)."""

    def __init__(self, index: int) -> None:
        self.index = index
        self.penalties: list[tuple[int, int, str]] = []
        """Whom it blamed, for how much and why."""
        self.refusals: list[tuple[int, str]] = []
        self.own: list[tuple[int, bytes]] = []
        """Slot and hash of the blocks it made."""
        self.finals: list[Target] = []
        self.equivocations: list[tuple[str, bytes]] = []
        self.breaks: list[Broken] = []
        self.missed_slots: list[tuple[int, str]] = []
        self.has_news = False
        """True if a final block, penalty or refusal was noted that is not checked yet."""

    def begin(self) -> None:
        """Pass over."""

    def imported(
        self, header: Header, ref: BlockRef, verified: Verified | None, *, own: bool
    ) -> None:
        """Note a block of ours."""
        if own and verified is not None:
            self.own.append((verified.slot, ref.hash))

    def refused(self, hash: bytes, number: int, error: Exception) -> None:
        """Note a refusal."""
        self.refusals.append((number, str(error)))
        self.has_news = True

    def authored(self, authored: Authored) -> None:
        """Pass over."""

    def missed(self, slot: int, reason: str, *, forbidden: bool = False) -> None:
        """Note a slot without a block."""
        self.missed_slots.append((slot, reason))

    def voted(self, stage: Stage) -> None:
        """Pass over."""

    def finalized(self, target: Target) -> None:
        """Note a final block."""
        self.finals.append(target)
        self.has_news = True

    def equivocation(self, engine: str, who: bytes) -> None:
        """Note an equivocation that was seen."""
        self.equivocations.append((engine, who))

    def broken(self, broken: Broken) -> None:
        """Note that finality is broken."""
        self.breaks.append(broken)
