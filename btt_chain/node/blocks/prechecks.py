"""Prechecks in a node: passes blocks that sync will import soon to the helper that checks them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Protocol

from btt_chain.chain.client import Client, UnknownBlock
from btt_chain.chain.notify import ChainEvent, NewBest
from btt_chain.chain.prechecks.helper import Work
from btt_chain.chain.prechecks.wire import EpochInfo, Rules, Start
from btt_chain.chain.runtimes import UnsupportedRuntime
from btt_chain.consensus.babe.verify import Refused, slot_of
from btt_chain.consensus.importer import Importer
from btt_chain.primitives.epoch import Epoch
from btt_chain.primitives.header import Header
from btt_chain.scale import u64
from p2p.sync.types import Block
from storage.state import StateUnavailable


class Helper(Protocol):
    """Checks blocks, and stores its verdicts where the import looks them up."""

    @property
    def is_running(self) -> bool:
        """True if blocks that follow on the last one can be checked as such."""

    def put(self, work: Work) -> None:
        """Queue a block; returns at once."""

    def imported(self, number: int) -> None:
        """Note that blocks up to a height are imported."""

    def close(self) -> None:
        """End it."""


class Prechecks:
    """Follows the blocks of range sync, with what their checks need besides them."""

    def __init__(self, client: Client, importer: Importer, helper: Helper) -> None:
        self._client: Final = client
        self._importer: Final = importer
        self._helper: Final = helper
        self._last: bytes | None = None
        """The last block that was offered."""
        client.listen(self._on_chain_event)

    def offer(self, blocks: Sequence[Block]) -> None:
        """Pass blocks to the helper, each on the one before."""
        try:
            rules = self._rules()
        except (UnknownBlock, StateUnavailable, UnsupportedRuntime):
            return  # the import says what is wrong
        for block in blocks:
            follows = self._helper.is_running and block.header.parent_hash == self._last
            start = None if follows else self._start(block.header)
            self._helper.put(Work(block.header, block.body, rules, start))
            self._last = block.hash

    def close(self) -> None:
        """End the helper."""
        self._helper.close()

    def _on_chain_event(self, event: ChainEvent) -> None:
        if isinstance(event, NewBest):
            self._helper.imported(self._client.best().number)

    def _rules(self) -> Rules:
        version = self._client.runtime_at(self._client.best().hash).version
        return Rules(version.spec_version, version.transaction_version, self._client.genesis_hash)

    def _start(self, header: Header) -> Start | None:
        """Return the epochs of a block whose parent is imported; None if they are not known."""
        parent = bytes(header.parent_hash)
        try:
            epoch = self._importer.slots(parent, slot_of(header)).epoch
            following = self._importer.next_epoch(parent)
        except (UnknownBlock, StateUnavailable, UnsupportedRuntime, Refused):
            return None
        if epoch is None:
            return None
        # The first block of an epoch announces the one after it itself.
        is_next = following is not None and following.index > epoch.index
        return Start(info_of(epoch), info_of(following) if following and is_next else None)


def info_of(epoch: Epoch) -> EpochInfo:
    """Return the parts of an epoch that checks need."""
    return EpochInfo(
        u64(epoch.index),
        u64(epoch.start),
        u64(epoch.length),
        [key for key, _ in epoch.authorities],
        epoch.randomness,
    )
