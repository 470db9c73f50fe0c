"""Traces: a stored block, executed again with every step recorded.

The block runs on its parent's state under a runtime of its own, which is observed; blocks, the
pool and queries run as ever. Since it shares nothing with them, it may run in a thread of its own
(`TraceJob`): it reads the trie of the parent, which stays pinned, and never the flat state, which
follows the head. A span is a step that contains others: the phases of the block, the
hooks of pallets, extrinsics, and calls with those that they dispatch. An event belongs to a span:
accesses to the state, and what a span begins with and results in.

Spans, targets and the events of the state are those of Substrate's `state_traceBlock`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import field
from time import sleep
from typing import Final

from btt_chain.chain.client import Client
from btt_chain.chain.limited import Deadline, TimeLimit
from btt_chain.chain.runtimes import LoadedRuntime
from btt_chain.lazyclass import dataclass
from btt_chain.primitives.account import AccountId, MultiSignature
from btt_chain.primitives.extrinsic import opaque
from btt_chain.primitives.header import Header
from btt_chain.primitives.validity import Invalid, Unknown
from btt_chain.scale import codec
from runtime.executive import Executive
from runtime.frame import Call, DispatchError, DispatchInfo, InvalidBlock, Origin, PostInfo
from runtime.frame.error import WireError
from runtime.frame.host import Host
from runtime.frame.runtime import Runtime
from storage.overlay import Overlay
from storage.state import StateReader, StateUnavailable

MAX_RECORDS: Final = 500_000
"""Maximum number of spans and events of one trace."""

MAX_TEXT: Final = 64 << 20
"""Maximum number of characters of all events of one trace: calls may read large values often."""

MAX_SECONDS: Final = 20.0
"""Maximum processor time of one trace: a full block takes one or two seconds."""

YIELD_EVERY: Final = 32
YIELD_SECONDS: Final = 0.00005
"""Steps after which the thread sleeps, and for how long: otherwise the event loop would wait for
the interpreter for 5 ms after each of its reads."""

STATE: Final = "state"
FRAME: Final = "frame"
"""Targets of events: accesses to the state; begin and result of spans."""

CHANGES_KEY: Final = b"dev_changes:"
"""Prefix of auxiliary keys: block hash -> the values that the user of a development chain set at
the end of the block."""

_ERROR: Final = codec(WireError)
_CHANGES: Final = codec(list[tuple[bytes, bytes | None]])


def stored_changes(hash: bytes, changes: Mapping[bytes, bytes | None]) -> dict[bytes, bytes | None]:
    """Return the auxiliary data of the values that a user set at the end of a block."""
    return {CHANGES_KEY + hash: _CHANGES.encode(list(changes.items()))}


def changes_of(aux_get: Callable[[bytes], bytes | None], hash: bytes) -> dict[bytes, bytes | None]:
    """Return the values that a user set at the end of a block."""
    raw = aux_get(CHANGES_KEY + hash)
    return {} if raw is None else dict(_CHANGES.decode_all(raw))


class CannotTrace(Exception):
    """The block cannot be traced; the message gives the reason."""


@dataclass(frozen=True, slots=True)
class Span:
    """A step that contains others."""

    id: int
    parent: int | None
    name: str
    target: str


@dataclass(frozen=True, slots=True)
class Record:
    """An event of a trace."""

    target: str
    parent: int | None
    values: Mapping[str, str]


@dataclass(slots=True)
class Trace:
    """All spans and events, in the order in which they began."""

    spans: list[Span] = field(default_factory=list)
    records: list[Record] = field(default_factory=list)
    _open: list[int] = field(default_factory=list)
    deadline: Deadline | None = None
    """Limit of the processor time of the thread that executes."""
    is_stopped: bool = False
    """True if the trace is not needed any more; another thread sets it."""
    _text: int = 0
    """Number of characters of all events."""

    @contextmanager
    def span(self, name: str, target: str) -> Iterator[None]:
        """Record the steps of the body as those of a span."""
        self._check()
        id = len(self.spans) + 1
        self.spans.append(Span(id, self._parent(), name, target))
        self._open.append(id)
        try:
            yield
        finally:
            self._open.pop()

    def note(self, target: str, method: str, **values: str) -> None:
        """Record an event of the innermost span."""
        self._check()
        self._text += sum(map(len, values.values()))
        if self._text > MAX_TEXT:
            raise CannotTrace(f"the steps of the block have more than {MAX_TEXT} characters")
        self.records.append(Record(target, self._parent(), {"method": method, **values}))

    def _parent(self) -> int | None:
        return self._open[-1] if self._open else None

    def _check(self) -> None:
        if self.is_stopped:
            raise CannotTrace("the trace was stopped")
        if self.deadline is not None:
            self.deadline.check()
        if len(self.records) % YIELD_EVERY == 0:
            sleep(YIELD_SECONDS)
        if len(self.spans) + len(self.records) >= MAX_RECORDS:
            raise CannotTrace(f"the block has more than {MAX_RECORDS} steps: too many for a trace")


class TracedOverlay(Overlay):
    """Changes on a block's state, whose accesses are recorded."""

    __slots__ = ("_reader", "_trace")

    def __init__(self, reader: StateReader, trace: Trace) -> None:
        super().__init__(reader.get, reader.keys)
        self._reader = reader
        self._trace = trace
        read = self.get

        def get(key: bytes) -> bytes | None:
            """Return the value of a key, and record the read."""
            value = read(key)
            trace.note(
                STATE, "Get", key=key.hex(), result=_shown(value), result_encoded=_option(value)
            )
            return value

        self.get = get

    def root(self) -> bytes:
        """Return the root of the state with these changes."""
        return self._reader.root_after(self.changes())

    def put(self, key: bytes, value: bytes | None) -> None:
        """Set a key, and record the write."""
        self._trace.note(
            STATE, "Put", key=key.hex(), value=_shown(value), value_encoded=_option(value)
        )
        super().put(key, value)

    def keys(self, prefix: bytes) -> Iterator[bytes]:
        """Yield the keys with this prefix, and record the prefix."""
        self._trace.note(STATE, "Keys", key=prefix.hex())
        return super().keys(prefix)


class Observed:
    """Records calls and hooks of a runtime (`runtime.frame.runtime.Observer`)."""

    def __init__(self, runtime: Runtime, trace: Trace) -> None:
        self._runtime = runtime
        self._trace = trace
        self._reported = 0
        """Number of events of the block that have been recorded."""

    def dispatch(self, origin: Origin, call: Call, *, bypass_filter: bool = False) -> PostInfo:
        """Dispatch a call in a span of its own."""
        self.report_events()
        pallet, name = self._names(call)
        with self._trace.span(name, target_of(pallet)):
            info = self._runtime.info(call)
            self._trace.note(
                FRAME,
                "Call",
                call=call.raw.hex(),
                name=f"{pallet}.{name}",
                origin=origin_name(origin),
                weight=str(info.weight),
            )
            before = len(self._host.events)
            try:
                post = self._runtime.dispatch(origin, call, bypass_filter=bypass_filter)
            except DispatchError as error:
                self._reported = min(self._reported, before)
                wire = _ERROR.encode(self._runtime.wire_error(error))
                self._trace.note(FRAME, "Error", error=wire.hex(), text=str(error))
                raise
            self.report_events()
            used = info.weight if post.weight is None else post.weight
            self._trace.note(FRAME, "Done", weight=str(used))
        return post

    def info(self, call: Call) -> DispatchInfo:
        """Return the declared dispatch info of a call."""
        return self._runtime.info(call)

    def wire_error(self, error: DispatchError) -> WireError:
        """Return the wire format of an error."""
        return self._runtime.wire_error(error)

    def on_initialize(self, hook: Callable[[int], int]) -> Callable[[int], int]:
        """Return a hook that runs in a span."""

        def run(number: int) -> int:
            with self._trace.span("on_initialize", target_of(hook_pallet(hook))):
                weight = hook(number)
                self.report_events()
                self._trace.note(FRAME, "Done", weight=str(weight))
            return weight

        return run

    def on_finalize(self, hook: Callable[[int], None]) -> Callable[[int], None]:
        """Return a hook that runs in a span."""

        def run(number: int) -> None:
            with self._trace.span("on_finalize", target_of(hook_pallet(hook))):
                hook(number)
                self.report_events()

        return run

    def report_events(self) -> None:
        """Record the events of the block since the last time, in the innermost span."""
        events, encoders = self._host.events, self._host.event_encoders
        self._reported = min(self._reported, len(events))
        for happened in self._host.happened(self._reported):
            pallet, event = happened.pallet, happened.event
            raw = encoders[pallet](event)
            name = f"{self._runtime.pallets[pallet].name}.{type(event).__name__}"
            self._trace.note(FRAME, "Event", event=raw.hex(), name=name)
        self._reported = len(events)

    @property
    def _host(self) -> Host:
        return self._runtime.host

    def _names(self, call: Call) -> tuple[str, str]:
        return self._runtime.pallets[call.pallet].name, self._runtime.dispatchable(call).name


class TraceJob:
    """The execution of one stored block, prepared in the thread of the client, for any thread."""

    def __init__(
        self,
        client: Client,
        hash: bytes,
        changes: Mapping[bytes, bytes | None] | None = None,
        reader: StateReader | None = None,
    ) -> None:
        """Pin the parent's state until `close`.

        `changes` are values that a user of a development chain set at the end of the block;
        `reader` reads the parent's state from the thread that runs the job. Raises CannotTrace;
        UnknownBlock, StateUnavailable, UnsupportedRuntime.
        """
        header, body = client.header_of(hash), client.body(hash)
        if body is None or not header.number:
            raise CannotTrace(
                f"the extrinsics of block {header.number} are not here"
                if header.number
                else "block 0 was not executed: its state comes from the specification"
            )
        self.parent = bytes(header.parent_hash)
        self._header = header
        self._body = body
        self._changes = changes
        self._reader = reader or client.state(self.parent).apart()
        self._loaded: LoadedRuntime = client.runtime_at(self.parent)
        self._trace = Trace()
        self._unpin = client.store.state.unpin
        client.store.state.pin(self.parent)

    def run(self, seconds: float = MAX_SECONDS) -> Trace:
        """Execute the block; return its trace. Raises CannotTrace."""
        trace, header = self._trace, self._header
        trace.deadline = Deadline(seconds)
        executive = self._loaded.alone(_accepted)
        observed = Observed(executive.runtime, trace)
        executive.runtime.observe(observed)
        overlay = TracedOverlay(self._reader, trace)
        unsealed, _ = header.unsealed()
        try:
            made = _execute(trace, observed, executive, overlay, unsealed, self._body)
            if self._changes:
                with trace.span("dev_setStorage", FRAME):
                    for key, value in self._changes.items():
                        overlay.put(key, value)
        except (InvalidBlock, Invalid, Unknown, StateUnavailable) as error:
            raise CannotTrace(f"block {header.number} cannot be executed again: {error}") from error
        except TimeLimit as error:
            raise CannotTrace(
                f"executing block {header.number} again takes more than {seconds:g} s"
            ) from error
        if not self._changes and made.state_root != header.state_root:
            raise CannotTrace(
                f"block {header.number} has another state root when it is executed again"
            )
        return trace

    def stop(self) -> None:
        """End `run` in another thread at its next step."""
        self._trace.is_stopped = True

    def close(self) -> None:
        """Unpin the state, in the thread of the client."""
        self._unpin(self.parent)


def _execute(
    trace: Trace,
    observed: Observed,
    executive: Executive,
    overlay: TracedOverlay,
    header: Header,
    body: list[bytes],
) -> Header:
    with trace.span("execute_block", FRAME):
        with trace.span("initialize_block", FRAME):
            executive.initialize_block(overlay, header)
            observed.report_events()
        for place, inner in enumerate(body):
            with trace.span("apply_extrinsic", FRAME):
                trace.note(FRAME, "Extrinsic", index=str(place), wire=opaque(inner).hex())
                before = sum(executive.runtime.host.weights)
                executive.apply_extrinsic(inner)
                observed.report_events()
                used = sum(executive.runtime.host.weights) - before
                trace.note(FRAME, "Done", weight=str(used))
        with trace.span("finalize_block", FRAME):
            return executive.finalize_block()


def _accepted(_signature: MultiSignature, _payload: bytes, _who: AccountId) -> bool:
    """Return True if a signature was accepted: at the import of the block, all were."""
    return True


def hook_pallet(hook: Callable[[int], object]) -> str:
    """Return the name of the pallet of a bound hook."""
    owner = getattr(hook, "__self__", None)
    return str(getattr(owner, "name", type(owner).__name__))


def target_of(pallet: str) -> str:
    """Return Substrate's target of a pallet: the path of its module."""
    snake = "".join(f"_{each.lower()}" if each.isupper() else each for each in pallet)
    return f"pallet{snake}::pallet"


def origin_name(origin: Origin) -> str:
    """Return an origin in words."""
    kind = origin.kind.name.lower()
    return kind if origin.account is None else f"{kind} 0x{origin.account.hex()}"


def _shown(value: bytes | None) -> str:
    return "None" if value is None else f"Some({value.hex()})"


def _option(value: bytes | None) -> str:
    """Return the encoded `Option<Vec<u8>>` of a value, in hex."""
    return _OPTION.encode(value).hex()


_OPTION: Final = codec(bytes | None)
