"""Manual seal: blocks on a clock, on arrival of transactions, or on demand; final at once.

Only chains whose genesis sets manual seal accept such blocks. They are imported like a peer's
block; only their author differs.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from typing import Final, Protocol

from btt_chain.chain.client import Client
from btt_chain.chain.notify import BlockRef
from btt_chain.chain.reading import when_read
from btt_chain.chain.runtimes import UnsupportedUpgrade
from btt_chain.chain.trace import stored_changes
from btt_chain.consensus.author import (
    Edit,
    Proposal,
    Ready,
    SealingFailed,
    make_block,
    manual_claim,
    manual_slot,
    pace_of,
)
from btt_chain.crypto.hashing import blake2_256
from btt_chain.lazyclass import dataclass
from btt_chain.node.transactions.pool import PoolService
from btt_chain.primitives.digits import U64, whole_number
from runtime.frame import InvalidBlock
from runtime.pallets.babe.pallet import Babe
from runtime.pallets.babe.types import Engine
from runtime.pallets.timestamp.pallet import Timestamp
from storage.kv import StorageError
from storage.state import StateUnavailable

log = logging.getLogger(__name__)

TIME_SHARE: Final = (2, 3)
"""Maximum share of a slot to put transactions into a block."""


EDITED_KEY: Final = b"dev_edited"
"""Auxiliary key that is set once a user has changed the state of this chain."""

AWAY_SECONDS: Final = 5.0
"""Time until a fork whose other node is away tries again to make a block."""


class SealRefused(Exception):
    """No block was made or made final; the message gives the reason."""


UNCOUNTABLE: Final = (ValueError, ArithmeticError, LookupError)
"""Errors of a runtime on a state that it cannot have made."""
MAX_TIME_MS: Final = 253_402_300_799_999
"""Latest time of a block: the end of the year 9999, the last that dates can name."""


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
        case ["interval", ms] if number := whole_number(ms, U64):
            return Interval(number)
    raise ValueError(f"{text!r} is not a way of sealing: instant, manual or interval:MS (from 1)")


class Queue(Protocol):
    """Transactions for a block, in order."""

    def __iter__(self) -> Iterator[Ready]:
        """Return them."""

    def skip(self, hash: bytes) -> None:
        """Leave out the transactions that depend on this one."""


class Given:
    """Transactions that a caller ordered into a block."""

    def __init__(self, wires: Sequence[bytes]) -> None:
        self._wires = wires

    def __iter__(self) -> Iterator[Ready]:
        """Yield them, in order."""
        for wire in self._wires:
            yield WireTransaction(blake2_256(wire), wire)

    def skip(self, hash: bytes) -> None:
        """Do nothing: each of them is tried."""


@dataclass(frozen=True, slots=True)
class WireTransaction:
    """A transaction with its length prefix, and its hash."""

    hash: bytes
    raw: bytes


@dataclass(frozen=True, slots=True)
class BlockOrder:
    """The block to be made."""

    parent: bytes | None = None
    """None: the best block."""
    is_empty_allowed: bool = True
    finalize: bool = True
    time_ms: int | None = None
    """The block's time, in milliseconds since 1970; None: by the clock."""
    only: Sequence[bytes] | None = None
    """Its transactions, with length prefixes; None: those of the pool."""
    edit: Edit | None = None
    """Changes the state after the block."""


class ManualSealer:
    """Makes blocks on a manually sealed chain."""

    def __init__(
        self, client: Client, pool: PoolService, clock: Callable[[], float] = time.time
    ) -> None:
        self.client = client
        self.pool = pool
        self.follows_slots = False
        """True if each block takes the slot after its parent's, whatever the clock says."""
        self._clock = clock

    def seal(
        self, *, parent: bytes | None = None, empty: bool = True, finalize: bool = True
    ) -> BlockRef:
        """Make and import a block on `parent` (the best block by default); return it.

        Raises SealRefused when the chain is not sealed manually, when the block would move it to a
        runtime version that is not carried, or when no transaction was included and `empty` is not
        allowed; UnknownBlock for the parent; StorageError.
        """
        return self.make(BlockOrder(parent, is_empty_allowed=empty, finalize=finalize))

    def make(self, order: BlockOrder) -> BlockRef:
        """Make and import a block as ordered; return it. Raises as `seal` does."""
        client = self.client
        parent = client.best().hash if order.parent is None else order.parent
        slot, timestamp, slot_ms = self._time(parent, order.time_ms)
        begun, given = time.monotonic(), slot_ms / 1000 * TIME_SHARE[0] / TIME_SHARE[1]
        ready: Queue = self.pool.pool.ready() if order.only is None else Given(order.only)
        try:
            proposal = make_block(
                client,
                parent,
                claim=manual_claim(slot),
                timestamp_ms=timestamp,
                ready=ready,
                skip=ready.skip,
                pace=lambda: pace_of(time.monotonic() - begun, given),
                edit=order.edit,
            )
        except UnsupportedUpgrade as lacking:
            raise SealRefused(str(lacking)) from lacking
        if order.only is not None:
            _check_complete(order.only, proposal)
        elif parent == client.best().hash:  # on another branch, refused ones may be valid on ours
            self._give_up(proposal)
        if not proposal.included and not order.is_empty_allowed:
            raise SealRefused("no transaction is ready, and the block may not be empty")
        made = proposal.made
        hash = bytes(made.header.hash())
        if client.header(hash) is not None:
            # The head was set back, and the same block was made again.
            client.jump(hash)
            return client.best()
        return client.import_block(
            made.header, made.body, made=made, finalize=order.finalize, aux=_noted(hash, proposal)
        )

    def next_time(self, parent: bytes) -> tuple[int, int]:
        """Return slot and timestamp of a block made on `parent` now. Raises SealRefused."""
        return self._time(parent, None)[:2]

    def head_time(self) -> int:
        """Return the time of the best block, in milliseconds since 1970; 0 at genesis."""
        best = self.client.best().hash
        queries, overlay = self.client.runtime_at(best).queries, self.client.overlay(best)
        queries.runtime.enter(overlay)
        return queries.runtime.pallet(Timestamp).moment()

    def _time(self, parent: bytes, wanted_ms: int | None) -> tuple[int, int, int]:
        """Return slot and timestamp of the block on `parent`, and the length of a slot in ms.

        Raises SealRefused on a chain that is not sealed by hand, and for a time before it.
        """
        loaded = self.client.runtime_at(parent)
        overlay = self.client.overlay(parent)
        loaded.queries.runtime.enter(overlay)
        babe = loaded.queries.runtime.pallet(Babe)
        if babe.engine.value is not Engine.Manual:
            raise SealRefused("this chain is not sealed by hand")
        slot_ms, before = int(babe.expected_block_time), int(babe.current_slot.value)
        earliest = int(loaded.queries.runtime.pallet(Timestamp).earliest())
        now_ms = wanted_ms
        if now_ms is None:
            now_ms = 0 if self.follows_slots else int(self._clock() * 1000)
        elif now_ms < max(earliest, (before + 1) * slot_ms):
            first = max(earliest, (before + 1) * slot_ms)
            raise SealRefused(
                f"the next block's time is {first} ms since 1970 at the earliest, not {now_ms}: "
                "time only moves forward"
            )
        slot, timestamp = manual_slot(before, now_ms, slot_ms, earliest)
        if timestamp > MAX_TIME_MS:
            raise SealRefused(
                f"the next block's time would be {timestamp} ms since 1970, after the year 9999: "
                "set the head back with dev_setHead or dev_revert"
            )
        return slot, timestamp, slot_ms

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


def _noted(hash: bytes, proposal: Proposal) -> dict[bytes, bytes | None]:
    """Return the data stored beside a block: the changes made to its state, for traces."""
    changes = proposal.changes
    if not changes:
        return {}
    return {**stored_changes(hash, changes), EDITED_KEY: b"\1"}


def _check_complete(ordered: Sequence[bytes], proposal: Proposal) -> None:
    """Raise SealRefused unless all ordered transactions are in the block."""
    for hash, why in proposal.refused.items():
        raise SealRefused(f"the transaction 0x{hash.hex()} cannot be in the block: {why}")
    left = len(ordered) - proposal.included
    if left:
        raise SealRefused(f"{left} of {len(ordered)} transactions do not fit, or wait for a nonce")


class ChosenSealing:
    """The way of sealing, which may change while the node runs."""

    def __init__(self, sealing: Sealing) -> None:
        self.current = sealing
        self.changed = asyncio.Event()
        self.failure: StorageError | None = None
        """The error of the database during a call of JSON-RPC, with which sealing ends."""

    def choose(self, sealing: Sealing) -> None:
        """Seal that way from now on."""
        self.current = sealing
        self.changed.set()

    def give_up(self, failure: StorageError) -> None:
        """End sealing: the database has failed."""
        self.failure = failure
        self.changed.set()


async def run_chosen_sealing(sealer: ManualSealer, chosen: ChosenSealing) -> None:
    """Seal as chosen until cancelled.

    If no valid block can follow a state that the user changed, that is logged, and the way of
    sealing becomes `OnDemand`. Raises as `run_sealing` does otherwise, and the error of `give_up`.
    """
    while True:
        if chosen.failure is not None:
            raise chosen.failure
        chosen.changed.clear()
        jobs = [
            asyncio.create_task(run_sealing(sealer, chosen.current)),
            asyncio.create_task(chosen.changed.wait()),
        ]
        try:
            done, _ = await asyncio.wait(jobs, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for job in jobs:
                job.cancel()
            await asyncio.wait(jobs)
        for job in done:
            problem = job.exception()
            is_broken = isinstance(problem, (SealingFailed, *UNCOUNTABLE))
            if is_broken and sealer.client.store.aux_get(EDITED_KEY):
                # The state is one that the user made: the user can repair it, too.
                log.error(
                    "no block can follow this state: %r; none is made until the state or the head "
                    "is set",
                    problem,
                )
                chosen.current = OnDemand()
            elif isinstance(problem, StateUnavailable):
                # Of a fork: the node that it reads from may come back, and what was read is kept.
                log.error("no block is made: %s", problem)
                await asyncio.sleep(AWAY_SECONDS)
            elif problem is not None:
                raise problem


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
            await when_read(sealer.seal)


async def seal_on_arrival(sealer: ManualSealer) -> None:
    """Seal a block whenever transactions are ready; if none fit, try again once a slot."""
    arrived = asyncio.Event()
    stop = sealer.pool.on_arrival(lambda _: arrived.set())
    try:
        await _seal_whenever(sealer, arrived)
    finally:
        stop()


async def _seal_whenever(sealer: ManualSealer, arrived: asyncio.Event) -> None:
    if sealer.pool.pool.status().ready:
        arrived.set()
    while True:
        await arrived.wait()
        arrived.clear()
        try:
            await when_read(lambda: sealer.seal(empty=False))
        except SealRefused:
            if sealer.pool.pool.status().ready:
                # They fitted into no block this time: the machine was slow, or they need another
                # parent. A busy loop would help neither.
                with suppress(TimeoutError):
                    async with asyncio.timeout(sealer.slot_ms() / 1000):
                        await arrived.wait()
                arrived.set()
            continue
        if sealer.pool.pool.status().ready:
            arrived.set()
            await asyncio.sleep(0)
