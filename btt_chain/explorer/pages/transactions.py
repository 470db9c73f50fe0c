"""Pages of extrinsics: the list, and one with its sentence, call, outcome and events."""

from __future__ import annotations

import re
from typing import Final, TypedDict

from btt_chain.client.decoding import ExtrinsicView
from btt_chain.client.errors import ClientError
from btt_chain.crypto.hashing import blake2_256
from btt_chain.explorer.context import Context
from btt_chain.explorer.index.queries import BlockRow, Body, Place
from btt_chain.explorer.index.reading import OF_BLOCK, EventPart
from btt_chain.explorer.language import Language
from btt_chain.explorer.pages.forms import (
    HASH,
    PAGE,
    EventRow,
    NoSuchPage,
    TimedExtrinsic,
    below_place,
    extrinsic_json,
    hash_of,
    hex_of,
    place_of,
    time_of,
)
from btt_chain.explorer.sentences import outcome, sentence
from btt_chain.present import Json
from btt_chain.present.visible import PAGE_LENGTH, of_bytes, shown
from btt_chain.primitives import ss58
from btt_chain.scale.portable import Plain

FAILED: Final = "System.ExtrinsicFailed"
IS_HASH: Final = re.compile(r"0x[0-9a-f]{64}")
TEXT_ARGUMENTS: Final = ("remark", "memo", "name", "data")
"""Arguments of bytes that are often text."""


class TransactionsPage(TypedDict):
    """Signed extrinsics below a place, the latest first: all, or those with a call."""

    call: str | None
    every: bool
    extrinsics: list[TimedExtrinsic]
    next: str | None


class ArgumentRow(TypedDict):
    """An argument of a call; its text if it has one."""

    name: str
    value: object
    shown: str
    text: str | None


class ExtensionRow(TypedDict):
    """A part of an extrinsic besides its call."""

    name: str
    value: str


class TransactionPage(TimedExtrinsic):
    """An extrinsic: its sentence, call, outcome, events and bytes."""

    hash: str
    blockHash: str
    specVersion: int
    isFinal: bool
    reason: str | None
    events: list[EventRow]
    eventCount: int
    bytes: int
    raw: str
    hasNext: bool
    sentence: str
    undecoded: str | None
    arguments: list[ArgumentRow]
    extensions: list[ExtensionRow]
    docs: str
    signature: object


def transactions_page(
    context: Context, below: str | None, call: str | None, *, every: bool
) -> TransactionsPage:
    """Return signed extrinsics below a place, the latest first: all, or those with a call.

    `every` adds those without a signer, such as the time in each block.
    """
    height, i = below_place(below)
    if call:
        pallet, number = call_place(context, call)
        places = context.index.calls_below(pallet, number, height, i, PAGE + 1)
    else:
        places = context.index.extrinsics_below(height, i, PAGE + 1, signed=not every)
    return {
        "call": call or None,
        "every": every,
        "extrinsics": listed(context, places[:PAGE]),
        "next": f"{places[PAGE - 1].height}-{places[PAGE - 1].i}" if len(places) > PAGE else None,
    }


def listed(context: Context, places: list[Place]) -> list[TimedExtrinsic]:
    """Return extrinsics of a list, each with the time and version of its block."""
    rows: dict[int, BlockRow | None] = {}
    items: list[TimedExtrinsic] = []
    for place in places:
        if place.height not in rows:
            rows[place.height] = context.index.block(place.height)
        row = rows[place.height]
        if row is not None:
            items.append({**extrinsic_json(context.data, place, row.spec), "time": time_of(row.ms)})
    return items


def call_place(context: Context, name: str) -> tuple[int, int]:
    """Return the indices of a call by its name. Raises NoSuchPage."""
    metadata = context.data.latest()
    if metadata is not None and "." in name:
        try:
            pallet, variant = metadata.items.call(name)
        except ClientError as error:
            raise NoSuchPage(f"The chain has no call {shown(name)}.") from error
        return int(pallet.index), int(variant.index)
    raise NoSuchPage(f"The chain has no call {shown(name)}.")


def find_place(context: Context, text: str) -> Place:
    """Return an extrinsic by its hash or its place. Raises NoSuchPage."""
    at, hash = place_of(text), hash_of(text)
    if at is not None:
        found = context.index.extrinsic(*at)
        if found is not None:
            return found
    elif hash is not None:
        for place in context.index.extrinsics_by_hash(hash):
            body = context.index.body(place.height)
            if body is not None and blake2_256(body.extrinsics[place.i]) == hash:
                return place
    raise NoSuchPage(f"There is no transaction {shown(text, 80)} in the index.")


def transaction_page(context: Context, text: str, spoken: Language) -> TransactionPage:
    """Return an extrinsic: its sentence, call, outcome, events and bytes."""
    place = find_place(context, text)
    row, body = context.index.block(place.height), context.index.body(place.height)
    if row is None or body is None:
        raise NoSuchPage(f"The body of block {place.height} is not in the index.")
    wire = body.extrinsics[place.i]
    parts = [] if row.complaint else context.data.spec(row.spec).split_events(body.events)
    own = [part for part in parts if part.extrinsic == place.i]
    view = context.data.extrinsic(row.spec, wire)
    reason = None if place.ok is not False else _reason(context, row, body, place.i, parts)
    siblings = context.index.extrinsic(place.height, place.i + 1)
    fields: TransactionPage = {
        **extrinsic_json(context.data, place, row.spec),
        "hash": hex_of(blake2_256(wire)),
        "blockHash": hex_of(row.hash),
        "time": time_of(row.ms),
        "specVersion": row.spec,
        "isFinal": row.is_final,
        "reason": reason,
        "events": [event_json(context, row, body, part) for part in own[:PAGE]],
        "eventCount": len(own),
        "bytes": len(wire),
        "raw": hex_of(wire),
        "hasNext": siblings is not None,
        "sentence": "",
        "undecoded": None,
        "arguments": [],
        "extensions": [],
        "docs": "",
        "signature": None,
    }
    if not isinstance(view, ExtrinsicView):
        fields["sentence"] = spoken.text("An extrinsic that the metadata do not describe")
        fields["undecoded"] = view.reason
        return fields
    fields["sentence"] = _words(context, view, place, reason, spoken)
    fields["arguments"] = _arguments(view)
    fields["extensions"] = [{"name": n, "value": v[:256]} for n, v in view.extra_shown.items()]
    fields["docs"] = context.data.call_docs(row.spec, view.call.name)
    fields["signature"] = _plain(view.signature)
    return fields


def _words(
    context: Context, view: ExtrinsicView, place: Place, reason: str | None, spoken: Language
) -> str:
    def label(text: str) -> str:
        return name_of(context, text)

    words = sentence(
        view.call.name, view.call.arguments, view.call.shown, view.signer, spoken, label
    )
    name = None if reason is None else reason.partition(":")[0]
    fee = None if place.signer is None else context.data.currency.format(place.fee)
    return outcome(shown(words, 400), name, fee, spoken)


def name_of(context: Context, text: str) -> str:
    """Return the name of an account, or a short form of its address or of a hash.

    Other texts stay as they are.
    """
    try:
        account, _ = ss58.decode(text)
    except ss58.Ss58Error:
        return short(text) if IS_HASH.fullmatch(text) else shown(text, 80)
    if len(account) != HASH:
        return text
    return context.data.label(account) or short(text)


def short(text: str) -> str:
    """Return an address or a hash in a short form."""
    return text if len(text) <= 16 else f"{text[:6]}…{text[-6:]}"


def _arguments(view: ExtrinsicView) -> list[ArgumentRow]:
    rows: list[ArgumentRow] = []
    for name, value in view.call.arguments.items():
        text = view.call.shown.get(name, "")
        readable = None
        if name in TEXT_ARGUMENTS and isinstance(value, str) and value.startswith("0x"):
            readable = of_bytes(bytes.fromhex(value[2:]), PAGE_LENGTH)
        rows.append(
            {"name": name, "value": _plain(value), "shown": shown(text, PAGE_LENGTH),
             "text": readable}
        )  # fmt: skip
    return rows


def event_json(context: Context, row: BlockRow, body: Body, part: EventPart) -> EventRow:
    """Return an event with its decoded fields."""
    values: Json
    try:
        view = context.data.event(row.spec, body.events, part)
    except ClientError as error:
        values = text = str(error)
    else:
        values = {name: _plain(value) for name, value in view.fields.items()}
        text = shown(view.shown, PAGE_LENGTH)
    whose = None if part.extrinsic == OF_BLOCK else f"{row.height}-{part.extrinsic}"
    return {
        "height": row.height,
        "extrinsic": whose,
        "name": context.data.event_name(row.spec, part.pallet, part.event),
        "fields": values,
        "shown": text,
    }


def _reason(
    context: Context, row: BlockRow, body: Body, i: int, parts: list[EventPart]
) -> str | None:
    """Return the reason why an extrinsic failed, with the documentation of its error."""
    for part in parts:
        if part.extrinsic != i:
            continue
        if context.data.event_name(row.spec, part.pallet, part.event) != FAILED:
            continue
        try:
            view = context.data.event(row.spec, body.events, part)
            error = view.fields.get("dispatch_error")
            return context.data.spec(row.spec).metadata.decoder.dispatch_error(error)
        except ClientError as error_:
            return str(error_)
    return None


def _plain(value: Plain) -> Json:
    """Return a decoded value as JSON; it has no bytes, which are hex already."""
    match value:
        case dict():
            return {name: _plain(each) for name, each in value.items()}
        case list():
            return [_plain(each) for each in value]
        case bytes():
            return hex_of(value)
        case _:
            return value
