"""The window of range sync: consecutive blocks above a known one, first headers, then bodies."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import field
from itertools import islice, takewhile
from typing import Final, NamedTuple

from btt_chain.lazyclass import dataclass
from btt_chain.primitives.header import Header
from p2p.sync.types import Block, BlockId

BODIES_AHEAD: Final = 512
"""Maximum number of blocks, from the lowest on, whose bodies are requested or held."""
LONG: Final = 256
"""Headers above the common block from which on a sync is long: delivered ones, not claimed ones."""
RANGE: Final = 64
"""Maximum number of bodies in one request."""
BLOCK_BYTES: Final = 512
"""Bytes that a held block counts besides its extrinsics."""


@dataclass(slots=True)
class Slot:
    """A block of the window, whose header is known."""

    hash: bytes
    header: Header
    giver: str
    body: list[bytes] | None = None
    justification: bytes | None = None
    sender: str = ""
    pending_id: int | None = None
    """In-flight request for its body."""
    lacking: dict[str, None] = field(default_factory=dict)
    """Peers that do not have it."""

    @property
    def is_wanted(self) -> bool:
        """True if its body is neither here nor requested."""
        return self.body is None and self.pending_id is None


class Run(NamedTuple):
    """Consecutive wanted blocks that the same peers lack."""

    at: int
    """Place of the first one in the window."""
    number: int
    """Height of the first one."""
    slots: Sequence[Slot]


class Window:
    """Blocks above `base`, and the in-flight requests for their bodies."""

    def __init__(self, base: BlockId) -> None:
        self.base = base
        """The known block below the window."""
        self.bytes = 0
        """Bytes of the bodies held."""
        self._slots: deque[Slot] = deque()
        self._settled = 0
        """Number of the lowest blocks of which none is wanted."""
        self._delivered = 0
        """Number of headers that were added."""
        self._taken = 0
        """Number of the lowest blocks that `take_new` has returned."""
        self._ranges: dict[int, tuple[int, int]] = {}
        """Requests for bodies: first height and count."""

    def __len__(self) -> int:
        return len(self._slots)

    def __iter__(self) -> Iterator[Slot]:
        return iter(self._slots)

    @property
    def first(self) -> Slot:
        """The lowest block."""
        return self._slots[0]

    @property
    def tail(self) -> BlockId:
        """The highest block whose header is held."""
        if not self._slots:
            return self.base
        return BlockId(self.base.number + len(self._slots), self._slots[-1].hash)

    def extend(self, slots: Iterable[Slot]) -> None:
        """Add blocks on top."""
        before = len(self._slots)
        self._slots.extend(slots)
        self._delivered += len(self._slots) - before

    # --- bodies

    def runs(self) -> Iterator[Run]:
        """Yield the runs of blocks whose bodies are to be requested, the lowest first."""
        slots = islice(self._slots, self._settled, BODIES_AHEAD)
        self._settled += sum(1 for _ in takewhile(lambda slot: not slot.is_wanted, slots))
        window = list(islice(self._slots, BODIES_AHEAD))
        at = self._settled
        while at < len(window):
            slot = window[at]
            if not slot.is_wanted:
                at += 1
                continue
            end = at + 1
            while (
                end < len(window)
                and end - at < RANGE
                and window[end].is_wanted
                and window[end].lacking.keys() == slot.lacking.keys()
            ):
                end += 1
            yield Run(at, self.base.number + 1 + at, window[at:end])
            at = end

    def request(self, id: int, run: Run) -> None:
        """Note that the bodies of a run are requested."""
        self._ranges[id] = (run.number, len(run.slots))
        for slot in run.slots:
            slot.pending_id = id

    @property
    def requests(self) -> Iterable[int]:
        """Ids of the in-flight requests for bodies."""
        return self._ranges

    def range_of(self, id: int) -> tuple[int, int]:
        """Return the first height and the count of a request. Raises KeyError."""
        return self._ranges[id]

    def release(self, id: int) -> None:
        """Note that a request is over; bodies that did not come are wanted again."""
        self._ranges.pop(id, None)
        self._settled = 0
        for slot in self._slots:
            if slot.pending_id == id:
                slot.pending_id = None

    def slots_at(self, first: int, count: int) -> Sequence[Slot]:
        """Return up to `count` blocks from a height on; none if it is below the window."""
        at = first - self.base.number - 1
        return list(islice(self._slots, at, at + count)) if at >= 0 else []

    def fill(self, slot: Slot, body: list[bytes], justification: bytes | None, sender: str) -> None:
        """Hold the body of a block, unless another peer was faster."""
        if slot.body is None:
            slot.body, slot.justification = body, justification
            slot.sender = sender
            self.bytes += sum(map(len, body)) + BLOCK_BYTES

    # --- the import

    def complete(self, most: int) -> Sequence[Block]:
        """Return the lowest blocks that are complete, at most `most`."""
        return self._complete(0, most)

    def take_new(self) -> Sequence[Block]:
        """Return the complete blocks up to the first that is not, each only once.

        None in a sync that is not long.
        """
        if self._delivered < LONG:
            return []
        found = self._complete(self._taken, BODIES_AHEAD)
        self._taken += len(found)
        return found

    def _complete(self, first: int, most: int) -> list[Block]:
        ready: list[Block] = []
        for slot in islice(self._slots, first, first + most):
            if slot.body is None:
                break
            senders = tuple(dict.fromkeys((slot.sender, slot.giver)))
            ready.append(Block(slot.hash, slot.header, slot.body, slot.justification, senders))
        return ready

    def drop_imported(self) -> None:
        """Drop the lowest block: it was imported."""
        slot = self._slots.popleft()
        self._taken = max(self._taken - 1, 0)
        self._settled = max(self._settled - 1, 0)
        self.base = BlockId(int(slot.header.number), slot.hash)
        self.bytes -= sum(map(len, slot.body or ())) + BLOCK_BYTES
