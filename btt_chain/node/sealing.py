"""Manual seal: blocks on a clock, on arrival of transactions, or on demand; final at once.

Only chains whose genesis sets manual seal accept such blocks. They are imported like a peer's
block; only their author differs.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

from btt_chain.chain.client import Client
from btt_chain.chain.notify import BlockRef
from btt_chain.chain.runtimes import UnsupportedUpgrade
from btt_chain.consensus.author import Pace, Proposal, make_block, manual_claim, manual_slot
from btt_chain.node.pool import PoolService
from runtime.frame import InvalidBlock
from runtime.pallets.babe import Babe, Engine
from runtime.pallets.timestamp import Timestamp

TIME_SHARE: Final = (2, 3)
"""Maximum share of a slot to put transactions into a block."""


class SealRefused(Exception):
    """No block was made or made final; the message gives the reason."""


class SealingFailed(Exception):
    """A block made by this node is invalid: it must stop. The message gives the reason."""


@dataclass(frozen=True, slots=True)
class Instant:
    """A block as soon as a transaction is ready."""


@dataclass(frozen=True, slots=True)
class Interval:
    """A block every `ms` milliseconds, empty or not."""

    ms: int


@dataclass(frozen=True, slots=True)
class OnDemand:
    """A block on each `engine_createBlock`."""


Sealing = Instant | Interval | OnDemand


def parse_sealing(text: str) -> Sealing:
    """Return the way of sealing: `instant`, `manual` or `interval:MS`.

    ValueError names the allowed forms.
    """
    match text.split(":"):
        case ["instant"]:
            return Instant()
        case ["manual"]:
            return OnDemand()
        case ["interval", ms] if ms.isascii() and ms.isdecimal() and int(ms) > 0:
            return Interval(int(ms))
    raise ValueError(f"{text!r} is no way of sealing: instant, manual, or interval:MS (1 or more)")


class ManualSealer:
    """Makes blocks on a manually sealed chain."""

    def __init__(
        self, client: Client, pool: PoolService, clock: Callable[[], float] = time.time
    ) -> None:
        self.client = client
        self.pool = pool
        self._clock = clock

    def seal(
        self, *, parent: bytes | None = None, empty: bool = True, finalize: bool = True
    ) -> BlockRef:
        """Make and import a block on `parent` (the best block by default); return it.

        Raises SealRefused when the chain is not sealed manually, when the block would move it to a
        runtime version that is not carried, or when no transaction was included and `empty` is not
        allowed; UnknownBlock for the parent; StorageError.
        """
        client, pool = self.client, self.pool.pool
        parent = client.best().hash if parent is None else parent
        loaded = client.runtime_at(parent)
        overlay = client.overlay(parent)
        loaded.queries.runtime.enter(overlay)
        babe = loaded.queries.runtime.pallet(Babe)
        if babe.engine.value is not Engine.Manual:
            raise SealRefused("this chain is not sealed by hand")
        slot_ms = int(babe.expected_block_time)
        now_ms = int(self._clock() * 1000)
        earliest = int(loaded.queries.runtime.pallet(Timestamp).earliest())
        slot, timestamp = manual_slot(int(babe.current_slot.value), now_ms, slot_ms, earliest)
        begun, given = time.monotonic(), slot_ms / 1000 * TIME_SHARE[0] / TIME_SHARE[1]
        ready = pool.ready()
        try:
            proposal = make_block(
                client,
                parent,
                claim=manual_claim(slot),
                timestamp_ms=timestamp,
                ready=ready,
                skip=ready.skip,
                pace=lambda: pace_of(time.monotonic() - begun, given),
            )
        except UnsupportedUpgrade as lacking:
            raise SealRefused(str(lacking)) from lacking
        if parent == client.best().hash:  # on another branch, refused ones may be valid on ours
            self._give_up(proposal)
        if not proposal.included and not empty:
            raise SealRefused("no transaction is ready, and the block may not be empty")
        made = proposal.made
        return client.import_block(made.header, made.body, made=made, finalize=finalize)

    def slot_ms(self) -> int:
        """Return the length of a slot in milliseconds. Raises UnsupportedRuntime."""
        best = self.client.best().hash
        queries, overlay = self.client.runtime_at(best).queries, self.client.overlay(best)
        queries.runtime.enter(overlay)
        return int(queries.runtime.pallet(Babe).expected_block_time)

    def _give_up(self, proposal: Proposal) -> None:
        """Remove the transactions from the pool that can be in no block."""
        if proposal.refused:
            self.pool.remove(proposal.refused)

    def finalize(self, hash: bytes) -> None:
        """Make a block and its ancestors final. Raises SealRefused, UnknownBlock, StorageError."""
        try:
            self.client.finalize(hash)
        except ValueError as error:
            raise SealRefused(str(error)) from error


def pace_of(used: float, given: float) -> Pace:
    """Return the pace of a block that has used `used` of `given` seconds."""
    if used > given:
        return Pace.OVER
    return Pace.LATE if used > given / 2 else Pace.EARLY


async def run_sealing(sealer: ManualSealer, sealing: Sealing) -> None:
    """Seal until cancelled.

    Raises StorageError, UnsupportedRuntime or SealingFailed: the node must stop then.
    """
    try:
        match sealing:
            case OnDemand():
                await asyncio.Event().wait()
            case Interval(ms):
                await seal_by_clock(sealer, ms)
            case Instant():
                await seal_on_arrival(sealer)
    except InvalidBlock as error:
        raise SealingFailed(f"this node made an invalid block: {error}") from error


async def seal_by_clock(sealer: ManualSealer, ms: int) -> None:
    """Seal a block every `ms` milliseconds, as long as its runtime version is carried."""
    loop = asyncio.get_running_loop()
    due = loop.time()
    while True:
        due = max(due + ms / 1000, loop.time())
        await asyncio.sleep(due - loop.time())
        with suppress(SealRefused):  # the upgrade watch reports it, once
            sealer.seal()


async def seal_on_arrival(sealer: ManualSealer) -> None:
    """Seal a block whenever transactions are ready; if none fit, try again once a slot."""
    arrived = asyncio.Event()
    sealer.pool.on_arrival(lambda _: arrived.set())
    if sealer.pool.pool.status().ready:
        arrived.set()
    while True:
        await arrived.wait()
        arrived.clear()
        try:
            sealer.seal(empty=False)
        except SealRefused:
            if sealer.pool.pool.status().ready:
                # They fitted into no block this time: the machine was slow, or they need another
                # parent. A busy loop would help neither.
                with suppress(TimeoutError):
                    await asyncio.wait_for(arrived.wait(), sealer.slot_ms() / 1000)
                arrived.set()
            continue
        if sealer.pool.pool.status().ready:
            arrived.set()
            await asyncio.sleep(0)
