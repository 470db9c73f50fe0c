"""Pages of blocks: the list, and one block with its extrinsics, events and digest."""

from __future__ import annotations

from typing import TypedDict

from btt_chain.client.errors import ClientError
from btt_chain.explorer.context import Context
from btt_chain.explorer.index.queries import BlockRow, Body
from btt_chain.explorer.index.reading import OF_BLOCK, EventPart
from btt_chain.explorer.index.schema import EVENT
from btt_chain.explorer.pages.forms import (
    PAGE,
    BlockFields,
    EventRow,
    ExtrinsicFields,
    NoSuchPage,
    below_height,
    block_json,
    extrinsic_json,
    hash_of,
    hex_of,
    number_of,
)
from btt_chain.explorer.pages.transactions import event_json
from btt_chain.present.visible import shown
from btt_chain.primitives.babe import NoPreDigest, pre_digest
from btt_chain.primitives.digest import (
    BABE,
    GRANDPA,
    Consensus,
    DigestItem,
    Other,
    PreRuntime,
    RuntimeEnvironmentUpdated,
    Seal,
)


class BlocksPage(TypedDict):
    """The blocks below a height, the highest first."""

    blocks: list[BlockFields]
    next: str | None


class Claim(TypedDict):
    """The author's claim to the slot, `primary` or `secondary`."""

    kind: str
    slot: int
    authority: int


class DigestRow(TypedDict):
    """An item of a digest."""

    kind: str
    engine: str
    data: str


class BlockPage(BlockFields):
    """A block, with a page of its extrinsics, and its own events."""

    stateRoot: str
    extrinsicsRoot: str
    issuance: str
    isJustified: bool
    complaint: str | None
    claim: Claim | None
    digest: list[DigestRow]
    extrinsicList: list[ExtrinsicFields]
    next: str | None
    ownEvents: list[EventRow]
    ownEventCount: int
    hasNext: bool


class EventsPage(TypedDict):
    """The events with a name, the latest first."""

    name: str
    events: list[EventRow]
    next: str | None


def blocks_page(context: Context, below: str | None) -> BlocksPage:
    """Return the blocks below a height, the highest first."""
    rows = context.index.blocks_below(below_height(below), PAGE + 1)
    return {
        "blocks": [block_json(context.data, row) for row in rows[:PAGE]],
        "next": str(rows[PAGE - 1].height) if len(rows) > PAGE else None,
    }


def find_block(context: Context, text: str) -> BlockRow:
    """Return a block by height or hash. Raises NoSuchPage."""
    number, hash = number_of(text), hash_of(text)
    row = None
    if number is not None:
        row = context.index.block(number)
    elif hash is not None:
        row = context.index.block_by_hash(hash)
    if row is None:
        raise NoSuchPage(f"There is no block {shown(text)} in the index.")
    return row


def block_page(context: Context, text: str, start: int) -> BlockPage:
    """Return a block, with a page of its extrinsics from an index on, and its own events."""
    row = find_block(context, text)
    body = context.index.body(row.height)
    if body is None:
        raise NoSuchPage(f"The body of block {row.height} is not in the index.")
    places = context.index.extrinsics_of(row.height, start, PAGE + 1)
    above = context.index.block(row.height + 1)
    parts = split_events(context, row, body)
    own = [part for part in parts if part.extrinsic == OF_BLOCK]
    return {
        **block_json(context.data, row),
        "stateRoot": hex_of(body.header.state_root),
        "extrinsicsRoot": hex_of(body.header.extrinsics_root),
        "issuance": str(row.issuance),
        "isJustified": row.is_justified,
        "complaint": row.complaint,
        "claim": claim_of(body),
        "digest": [_digest_item(item) for item in body.header.digest.logs],
        "extrinsicList": [extrinsic_json(context.data, place, row.spec) for place in places[:PAGE]],
        "next": str(places[PAGE].i) if len(places) > PAGE else None,
        "ownEvents": [event_json(context, row, body, part) for part in own[:PAGE]],
        "ownEventCount": len(own),
        "hasNext": above is not None,
    }


def split_events(context: Context, row: BlockRow, body: Body) -> list[EventPart]:
    """Return the places of a block's events; none if the metadata do not describe them."""
    if row.complaint:
        return []
    return context.data.spec(row.spec).split_events(body.events)


def claim_of(body: Body) -> Claim | None:
    """Return the author's claim to the slot."""
    try:
        claim = pre_digest(body.header.digest.logs).claim
    except NoPreDigest:
        return None
    kind = "primary" if type(claim).__name__.startswith("Primary") else "secondary"
    return {"kind": kind, "slot": int(claim.slot), "authority": int(claim.authority_index)}


def _digest_item(item: DigestItem) -> DigestRow:
    match item:
        case PreRuntime(engine, payload):
            kind = "PreRuntime"
        case Consensus(engine, payload):
            kind = "Consensus"
        case Seal(engine, payload):
            kind = "Seal"
        case Other(data):
            return {"kind": "Other", "engine": "", "data": hex_of(data)}
        case RuntimeEnvironmentUpdated():
            return {"kind": "RuntimeEnvironmentUpdated", "engine": "", "data": ""}
    name = {BABE: "BABE", GRANDPA: "GRANDPA"}.get(engine, hex_of(engine))
    return {"kind": kind, "engine": name, "data": hex_of(payload)}


def events_page(context: Context, name: str, below: str | None) -> EventsPage:
    """Return the events with a name, `Pallet.Event`, the latest first."""
    pallet, event = event_place(context, name)
    rows: list[EventRow] = []
    last: int | None = None
    for height, _ in context.index.occurrences(EVENT, pallet, event, below_height(below), PAGE):
        row, body = context.index.block(height), context.index.body(height)
        if row is None or body is None:
            continue
        parts = [
            p for p in split_events(context, row, body) if (p.pallet, p.event) == (pallet, event)
        ]
        rows += [event_json(context, row, body, part) for part in parts[:PAGE]]
        last = height
        if len(rows) >= PAGE:
            break
    return {
        "name": name,
        "events": rows,
        "next": str(last) if len(rows) >= PAGE and last is not None else None,
    }


def event_place(context: Context, name: str) -> tuple[int, int]:
    """Return the indices of an event by its name. Raises NoSuchPage."""
    metadata = context.data.latest()
    if metadata is not None:
        pallet, _, event = name.partition(".")
        try:
            found = metadata.items.pallet(pallet)
        except ClientError:
            found = None
        if found is not None:
            for variant in metadata.items.events(found):
                if variant.name == event:
                    return int(found.index), int(variant.index)
    raise NoSuchPage(f"The chain has no event {shown(name)}.")
