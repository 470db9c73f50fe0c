"""The host: the environment that all pallets of a runtime share during a block or a query."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Annotated, Final, Protocol

from btt_chain.lazyclass import dataclass
from btt_chain.primitives.digest import H256
from btt_chain.scale import (
    Path,
    RecursiveCodec,
    TypeName,
    Variant,
    codec,
    compact_encode,
    path,
    u32,
)
from runtime.frame.event import Event
from runtime.frame.state import State

if TYPE_CHECKING:
    from runtime.frame.call import Call
    from runtime.frame.error import DispatchError, WireError
    from runtime.frame.origin import Origin
    from runtime.frame.weight import DispatchInfo, PostInfo


class ApplyExtrinsic(Variant, index=0, unnamed=True):
    """The event was emitted while the extrinsic of this index was applied."""

    extrinsic: u32


class Finalization(Variant, index=1):
    """The event was emitted at the end of the block."""


class Initialization(Variant, index=2):
    """The event was emitted at the start of the block."""


Phase = Annotated[ApplyExtrinsic | Finalization | Initialization, Path("frame_system::Phase")]


@dataclass(slots=True)
class Happened:
    """An event and the index of its pallet."""

    pallet: int
    event: Event


EVENT: Final[RecursiveCodec[Happened]] = RecursiveCodec("RuntimeEvent")

RuntimeEvent = Annotated[Happened, EVENT]


@path("frame_system::EventRecord", params={"E": RuntimeEvent, "T": H256})
@dataclass(slots=True)
class EventRecord:
    """An event, its phase in the block, and its topics for indexing."""

    phase: Phase
    event: Annotated[RuntimeEvent, TypeName("E")]
    topics: Annotated[list[H256], TypeName("Vec<T>")]


Deposited = tuple[ApplyExtrinsic | Finalization | Initialization, int, Event | bytes]
"""An event of the current block: its phase, its pallet's index, the event. No event has topics.

The event may be its encoding, with the pallet's index in front. A tuple and not an `EventRecord`: a
transfer has six, and creating two objects for each takes as long as creating the event.
"""


class Dispatcher(Protocol):
    """Interface through which one pallet dispatches calls of another."""

    def dispatch(self, origin: Origin, call: Call, *, bypass_filter: bool = False) -> PostInfo:
        """Dispatch a call in its own storage layer; raise DispatchError with the layer undone."""

    def info(self, call: Call) -> DispatchInfo:
        """Return the declared dispatch info of a call."""

    def wire_error(self, error: DispatchError) -> WireError:
        """Return the wire format of an error."""


class Host:
    """The state, the events so far and the dispatcher, shared by all pallets.

    `weights` (picoseconds by dispatch class), `length` (bytes) and `extrinsic_index` count what the
    current block has used; they are kept here and not in the state, because only the end of the
    block writes them.
    """

    __slots__ = (
        "decode_event",
        "dispatcher",
        "event_encoders",
        "events",
        "extrinsic_index",
        "length",
        "phase",
        "state",
        "weights",
    )

    state: State
    dispatcher: Dispatcher
    event_encoders: Mapping[int, Callable[[Event], bytes]]
    """Encoders of the events of each pallet, with its index in front; set by the runtime."""
    decode_event: Callable[[bytes, int], tuple[Happened, int]]
    """Decoder of these events, which does not depend on the active runtime; set by the runtime."""

    def __init__(self) -> None:
        self.events: list[Deposited] = []
        self.phase: ApplyExtrinsic | Finalization | Initialization = Initialization()
        self.weights = [0, 0, 0]
        self.length = 0
        self.extrinsic_index = 0

    def enter(self, state: State) -> None:
        """Start work on `state`: clear the events and the counters of the block's limits."""
        self.state = state
        self.events = []
        self.phase = Initialization()
        self.weights = [0, 0, 0]
        self.length = 0
        self.extrinsic_index = 0

    def encoded_events(self) -> bytes:
        """Return the events so far as `Vec<EventRecord>`.

        The result is equal to that of the codec of `list[EventRecord]`, but faster: with five
        events per transfer this is one of the most expensive steps of a block.
        """
        encoders, parts = self.event_encoders, [compact_encode(len(self.events))]
        phase, begin = None, b""
        for when, pallet, event in self.events:
            if when is not phase:
                phase = when
                begin = PHASE.encode(phase)
            raw = event if isinstance(event, bytes) else encoders[pallet](event)
            parts.append(begin + raw + NO_TOPICS)
        return b"".join(parts)

    def happened(self, start: int = 0) -> list[Happened]:
        """Return the events from the one at `start`, decoded."""
        decode = self.decode_event
        return [
            decode(event, 0)[0] if isinstance(event, bytes) else Happened(pallet, event)
            for _, pallet, event in self.events[start:]
        ]


PHASE: Final = codec(Phase)
NO_TOPICS: Final = b"\0"
