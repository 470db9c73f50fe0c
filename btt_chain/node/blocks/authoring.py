"""Blocks of this node: when a slot may be claimed, and the block that is made and imported."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final, NamedTuple

from btt_chain.chain.notify import BlockRef
from btt_chain.chain.runtimes import UnsupportedUpgrade
from btt_chain.consensus.author import Pace
from btt_chain.consensus.babe.verify import Refused, slot_of
from btt_chain.consensus.babe.worker import Authored, Forbidden, Postponed
from btt_chain.node.blocks.build_time import BuildTime, MadeBlock
from btt_chain.node.blocks.clock_guard import ClockGuard
from btt_chain.node.engine.parts import Parts, Settings, Watcher
from btt_chain.node.keys.record_check import chain_age
from btt_chain.primitives.header import Header
from runtime.frame import InvalidBlock
from storage.state import StateUnavailable

WAIT_SHARE: Final = 8
"""A secondary author waits so long for the block of a winner of the slot: a slot divided by this.

Without that both make a block in two slots of five, all nodes import both, and votes are split.
Where blocks come late it does not wait: a winner's would not be there, and its own would be lost.
"""


class OwnBlock(NamedTuple):
    """A block that this node made and imported."""

    header: Header
    body: Sequence[bytes]
    ref: BlockRef


class Authoring:
    """The slots of a validator; a node without keys makes no blocks."""

    def __init__(
        self,
        parts: Parts,
        settings: Settings,
        pace: Callable[[float], Callable[[], Pace]],
        watcher: Watcher,
    ) -> None:
        """`pace(seconds)` measures a block that may take so long."""
        self._parts = parts
        self._settings = settings
        self._pace = pace
        self._watch = watcher
        self.build_time: Final = BuildTime(settings.slot_ms, settings.build_share)
        self.clock: Final = ClockGuard()
        self._keys: Sequence[bytes] = ()
        self.due: int | None = None
        """Time of the block that is postponed, unless a winner's is imported before."""

    @property
    def is_validator(self) -> bool:
        """True if this node has a signer and makes blocks."""
        return self._parts.signer is not None and self._parts.worker is not None

    def start(self) -> None:
        """Read the keys."""
        if self._parts.signer is not None:
            self._keys = list(self._parts.signer.keys())

    def begin_slot(self, slot: int, *, listening: bool, in_touch: bool) -> bool:
        """Report a new slot to the signer; return True if the slot may be claimed.

        `listening`: the view of the chain is current, or authoring is forced; `in_touch`: it is
        current.
        """
        signer, client, gadget = self._parts.signer, self._parts.client, self._parts.gadget
        self.due = None
        if signer is None:
            return False
        self.clock.begin_slot(slot, lambda: slot_of(client.header_of(client.best().hash)))
        return signer.tick(
            slot,
            gadget.set_id,
            (gadget.set_id, gadget.round),
            listening=listening,
            in_touch=in_touch,
            final=client.finalized().number,
            age=lambda: chain_age(client, slot),
            doubt=self.clock.doubt(len(gadget.authorities.current.authorities) - 1),
        )

    def keys_changed(self) -> bool:
        """Return True if the keys are others than at the last call."""
        if self._parts.signer is None:
            return False
        keys = list(self._parts.signer.keys())
        if keys == self._keys:
            return False
        self._keys = keys
        return True

    def author(self, slot: int, now_ms: int) -> OwnBlock | None:
        """Make and import the block of a slot; None if it is not ours, postponed, or missed."""
        worker = self._parts.worker
        if worker is None:
            return None
        begun = slot * self._settings.slot_ms
        wait_ends = begun + self._settings.slot_ms // WAIT_SHARE
        given = self.build_time.given_ms(now_ms - (begun if self.due is None else self.due))
        self.due = None
        self._watch.begin()
        try:
            made = worker.work(
                slot,
                self._parts.pool.pool.ready,
                self._pace(given / 1000),
                is_early=now_ms < wait_ends and self.build_time.percent == 100,
            )
        except (StateUnavailable, InvalidBlock) as error:
            self._watch.missed(slot, str(error))
            return None
        except UnsupportedUpgrade:
            return None  # the upgrade watch reports it, once
        match made:
            case None:
                return None
            case Postponed():
                self.due = wait_ends
                return None
            case Forbidden():
                self._watch.missed(slot, "refused by the signing record", forbidden=True)
                return None
            case Authored():
                return self._import(made, slot, now_ms)

    def _import(self, made: Authored, slot: int, now_ms: int) -> OwnBlock | None:
        self._watch.authored(made)
        if made.proposal.refused:
            self._parts.pool.remove(made.proposal.refused)
        block = made.made
        try:
            imported = self._parts.importer.import_block(
                block.header, block.body, now_ms=now_ms, made=block
            )
        except (Refused, InvalidBlock) as error:
            # For example, too many forks at this height leave no room.
            self._watch.missed(slot, str(error))
            return None
        self._watch.imported(block.header, imported.ref, imported.verified, own=True)
        self.build_time.made(MadeBlock(slot, imported.ref.number, imported.ref.hash))
        return OwnBlock(block.header, block.body, imported.ref)
