"""The host: what all pallets of one runtime share while a block or a query runs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Final, Protocol

from btt_chain.primitives.digest import H256
from btt_chain.scale import Knot, Path, TypeName, Variant, codec, compact_encode, path, u32
from runtime.frame.event import Event
from runtime.frame.state import State

if TYPE_CHECKING:
    from runtime.frame.call import Call
    from runtime.frame.error import DispatchError, WireError
    from runtime.frame.origin import Origin
    from runtime.frame.weight import DispatchInfo, PostInfo


class ApplyExtrinsic(Variant, index=0, unnamed=True):
    """While the extrinsic of this index is applied."""

    extrinsic: Annotated[u32, TypeName("u32")]


class Finalization(Variant, index=1):
    """At the end of the block."""


class Initialization(Variant, index=2):
    """At the start of the block."""


Phase = Annotated[ApplyExtrinsic | Finalization | Initialization, Path("frame_system::Phase")]


@dataclass(slots=True)
class Happened:
    """An event and the index of the pallet it comes from."""

    pallet: int
    event: Event


EVENT: Final[Knot[Happened]] = Knot("RuntimeEvent")

RuntimeEvent = Annotated[Happened, EVENT]


@path("frame_system::EventRecord", params={"E": RuntimeEvent, "T": H256})
@dataclass(slots=True)
class EventRecord:
    """An event, when in the block it happened, and the topics it can be found by."""

    phase: Annotated[Phase, TypeName("Phase")]
    event: Annotated[RuntimeEvent, TypeName("E")]
    topics: Annotated[list[H256], TypeName("Vec<T>")]


class Dispatcher(Protocol):
    """The door through which one pallet runs calls of another."""

    def dispatch(self, origin: Origin, call: Call, *, bypass_filter: bool = False) -> PostInfo:
        """Run a call in a layer of its own; raise DispatchError with the layer undone."""

    def info(self, call: Call) -> DispatchInfo:
        """Tell what is known of a call before it runs."""

    def wire_error(self, error: DispatchError) -> WireError:
        """Return the form of an error that travels."""


class Host:
    """The state, the events so far and the runtime's own door, under one roof.

    `weights` (picoseconds by dispatch class), `length` (bytes) and `extrinsic_index` count what
    the block at hand has used; they live here and not in the state, because only the block's
    end writes them.
    """

    __slots__ = (
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
    """How to encode the events of each pallet, its index in front; set by the runtime."""

    def __init__(self) -> None:
        self.events: list[EventRecord] = []
        self.phase: ApplyExtrinsic | Finalization | Initialization = Initialization()
        self.weights = [0, 0, 0]
        self.length = 0
        self.extrinsic_index = 0

    def enter(self, state: State) -> None:
        """Begin to work on `state`: no events, nothing used of the block's limits."""
        self.state = state
        self.events = []
        self.phase = Initialization()
        self.weights = [0, 0, 0]
        self.length = 0
        self.extrinsic_index = 0

    def encoded_events(self) -> bytes:
        """Return the events so far as `Vec<EventRecord>`.

        The very bytes that the codec of `list[EventRecord]` gives, without making it ask for
        every part: five events a transfer make this one of the dearest steps of a block.
        """
        encoders, parts = self.event_encoders, [compact_encode(len(self.events))]
        phase, begin = None, b""
        for record in self.events:
            if record.phase is not phase:
                phase = record.phase
                begin = PHASE.encode(phase)
            happened = record.event
            topics = TOPICS.encode(record.topics) if record.topics else NO_TOPICS
            parts.append(begin + encoders[happened.pallet](happened.event) + topics)
        return b"".join(parts)


PHASE: Final = codec(Phase)
TOPICS: Final = codec(list[H256])
NO_TOPICS: Final = b"\0"
