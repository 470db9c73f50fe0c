"""state_traceBlock: the execution of a stored block, step by step.

Source of the answer's form: sp_rpc::tracing, sc_tracing::block.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Final, NamedTuple, Protocol, TypeVar

from btt_chain.chain.trace import Record, Span
from btt_chain.rpc.params import Hash, Text
from btt_chain.rpc.registry import HEAVY, method

DEFAULT_TARGETS: Final = "pallet,frame,state"
"""Beginnings of the targets of spans and events that are returned unless others are asked for."""

OWN_TARGET: Final = "frame"
"""Target of events without a storage key: of calls, weights, errors and chain events."""

MAX_ANSWER: Final = 12 << 20
"""Maximum characters of an answer, below the limit of the server for any answer."""
STEP_SIZE: Final = 96
"""Characters of a span or an event in JSON, beside its values."""

Result = TypeVar("Result")
Made_co = TypeVar("Made_co", covariant=True)


class TraceError(Exception):
    """A block cannot be traced; the message gives the reason."""


class Show(Protocol[Made_co]):
    """Makes an answer of a block's parent, spans and events."""

    def __call__(self, parent: bytes, spans: Sequence[Span], notes: Sequence[Record], /) -> Made_co:
        """Return the answer. Raises TraceError."""


class Tracer(Protocol):
    """Executes stored blocks again, beside the event loop."""

    async def trace(self, hash: bytes, show: Show[Result]) -> Result:
        """Return the result of `show` for a block's trace. Raises TraceError, UnknownBlock."""


class TraceApi:
    """Traces of blocks."""

    def __init__(self, tracer: Tracer) -> None:
        self.tracer = tracer

    @method("state_traceBlock", unsafe=True, cost=HEAVY)
    async def trace_block(
        self,
        block: Hash,
        targets: Text | None = None,
        storage_keys: Text | None = None,
        methods: Text | None = None,
    ) -> dict[str, object]:
        """Return the spans and events of a block's execution.

        The filters are lists with commas: beginnings of targets, of storage keys in hex without 0x,
        of methods such as Get and Put. An empty text filters nothing; without keys or methods only
        spans are returned, as by Substrate's nodes.
        """
        wanted = Wanted(DEFAULT_TARGETS if targets is None else targets, storage_keys, methods)
        try:
            return await self.tracer.trace(block, partial(shown, block, wanted))
        except TraceError as problem:
            return {"traceError": {"error": str(problem)}}


class Wanted(NamedTuple):
    """Filters of a trace."""

    targets: str
    keys: str | None
    methods: str | None


def shown(
    block: bytes, wanted: Wanted, parent: bytes, spans: Sequence[Span], notes: Sequence[Record]
) -> dict[str, object]:
    """Return the steps of a trace that are wanted. Raises TraceError if they are too many."""
    chosen = [span for span in spans if _matches(span.target, wanted.targets)]
    ids = {span.id for span in chosen}
    parents = {span.id: span.parent for span in spans}

    def visible(id: int | None) -> int | None:
        while id is not None and id not in ids:
            id = parents[id]
        return id

    size = STEP_SIZE * len(chosen)
    events: list[dict[str, object]] = []
    for note in notes:
        if not (_matches(note.target, wanted.targets) and _is_wanted(note, wanted)):
            continue
        size += STEP_SIZE + sum(len(name) + len(text) for name, text in note.values.items())
        if size > MAX_ANSWER:
            raise TraceError(
                f"the steps of the block make more than {MAX_ANSWER >> 20} MiB: choose some by "
                "targets, storageKeys or methods"
            )
        data = {"stringValues": note.values}
        events.append({"target": note.target, "data": data, "parentId": visible(note.parent)})
    return {
        "blockTrace": {
            "blockHash": block.hex(),
            "parentHash": parent.hex(),
            "tracingTargets": wanted.targets,
            "storageKeys": wanted.keys or "",
            "methods": wanted.methods or "",
            "spans": [
                {
                    "id": span.id,
                    "parentId": visible(span.parent),
                    "name": span.name,
                    "target": span.target,
                    "wasm": True,
                }
                for span in chosen
            ],
            "events": events,
        }
    }


def _is_wanted(note: Record, wanted: Wanted) -> bool:
    keys, methods = wanted.keys, wanted.methods
    if keys is None or methods is None or not _matches(note.values["method"], methods):
        return False
    if note.target == OWN_TARGET:  # without a key: no filter of keys chooses it
        return not keys
    return _matches(note.values["key"], keys)


def _matches(text: str, beginnings: str) -> bool:
    """Return True if a text has one of these beginnings, which are separated by commas."""
    return any(text.startswith(each.strip()) for each in beginnings.split(","))
