"""Lists in the form of Subscan, for programs that were made for it.

    POST /api/scan/blocks       {"row": 20, "page": 0}
    POST /api/scan/extrinsics   also address, module, call, signed ("signed" or "all")
    POST /api/scan/transfers    also address
    POST /api/scan/events       also module and event_id, or module and call
    POST /api/v2/scan/search    {"key": "..."}

Answers are `{code, message, generated_at, data}`; 0 is success. Lists go back `DEPTH` rows: what
lies deeper is in the exports, which have no limit. `count` is that of the reachable rows.
Source: the documentation of Subscan's API.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Mapping
from itertools import islice
from typing import Final, TypeAlias

from btt_chain.client.errors import ClientError
from btt_chain.crypto.hashing import blake2_256
from btt_chain.explorer.context import Context
from btt_chain.explorer.index.queries import END, BlockRow, Body, Place
from btt_chain.explorer.index.reading import OF_BLOCK, EventPart
from btt_chain.explorer.index.schema import EVENT
from btt_chain.explorer.pages.blocks import event_place, split_events
from btt_chain.explorer.pages.forms import (
    AccountRow,
    BadRequest,
    Fields,
    NoSuchPage,
    account_json,
    account_of,
    hex_of,
    number_in,
)
from btt_chain.explorer.pages.home import page_of
from btt_chain.explorer.pages.transactions import call_place, event_json
from btt_chain.present import Json
from btt_chain.present.visible import shown
from btt_chain.primitives.strict_json import BadJson, read_object
from btt_chain.scale.portable import Plain

MAX_ROWS: Final = 100
DEPTH: Final = 2_000
"""Number of rows that a list goes back."""
TRANSFER: Final = "Balances.Transfer"
BAD_PARAMETER: Final = 10_001
NOT_FOUND: Final = 10_004
"""Codes of errors, as Subscan has them."""

Asked: TypeAlias = Mapping[str, object]
Answer: TypeAlias = Callable[[Context, Asked], Fields]


def answer(context: Context, name: str, raw: bytes) -> tuple[int, Fields]:
    """Return the HTTP status and the envelope of a request's answer."""
    try:
        return 200, _envelope(0, "Success", METHODS[name](context, _read(raw)))
    except BadRequest as error:
        return 400, _envelope(BAD_PARAMETER, shown(str(error), 400), None)
    except NoSuchPage as error:
        return 200, _envelope(NOT_FOUND, shown(str(error), 400), None)


def _read(raw: bytes) -> Asked:
    try:
        return read_object(raw or b"{}")
    except BadJson:
        raise BadRequest("The body is not a JSON object.") from None


def _envelope(code: int, message: str, data: Json) -> Fields:
    return {"code": code, "message": message, "generated_at": int(time.time()), "data": data}


# ---- methods


def _blocks(context: Context, asked: Asked) -> Fields:
    row, skip = _page(asked)
    index = context.index
    count = max(index.tip() - index.first() + 1, 0)
    rows = index.blocks_below(index.tip() + 1 - skip, row) if skip < count else []
    return {"count": count, "blocks": [_block(context, each) for each in rows]}


def _extrinsics(context: Context, asked: Asked) -> Fields:
    row, skip = _page(asked)
    places = list(islice(_places(context, asked), DEPTH))
    return {
        "count": len(places),
        "extrinsics": [_extrinsic(context, each) for each in places[skip : skip + row]],
    }


def _transfers(context: Context, asked: Asked) -> Fields:
    row, skip = _page(asked)
    who = _text(asked, "address")
    address = None if who is None else context.data.address(account_of(context.data, who))
    found: list[Json] = []
    count = 0
    for block, body, part in islice(_parts(context, TRANSFER), DEPTH):
        try:
            fields = context.data.event(block.spec, body.events, part).fields
        except ClientError:
            continue
        parties = {str(fields.get("from", fields.get("from_", ""))), str(fields.get("to", ""))}
        amount = number_in(fields.get("amount"))
        if amount is None or not (address is None or address in parties):
            continue
        if skip <= count < skip + row:
            found.append(_transfer(context, block, body, part, fields, amount))
        count += 1
        if address is None and count >= skip + row:
            break
    return {"count": count, "transfers": found}


def _events(context: Context, asked: Asked) -> Fields:
    row, skip = _page(asked)
    module = _text(asked, "module")
    event = _text(asked, "event_id") or _text(asked, "call")
    if module is None or event is None:
        raise BadRequest("Name module and event_id; /export/events.ndjson has all events.")
    parts = list(islice(_parts(context, f"{_pallet(context, module)}.{event}"), skip + row))
    return {
        "count": len(parts),
        "events": [_event(context, *each) for each in parts[skip:]],
    }


def _search(context: Context, asked: Asked) -> Fields:
    key = _text(asked, "key")
    if key is None:
        raise BadRequest("Name the key to look for.")
    to = page_of(context, key)
    if to is None:
        raise NoSuchPage("Record Not Found")
    kind, _, what = to.lstrip("/").partition("/")
    return {"type": {"tx": "extrinsic"}.get(kind, kind), "key": what, "path": to}


METHODS: Final[Mapping[str, Answer]] = {
    "scan/blocks": _blocks,
    "scan/extrinsics": _extrinsics,
    "scan/transfers": _transfers,
    "scan/events": _events,
    "v2/scan/blocks": _blocks,
    "v2/scan/extrinsics": _extrinsics,
    "v2/scan/transfers": _transfers,
    "v2/scan/events": _events,
    "v2/scan/search": _search,
}


# ---- rows


def _places(context: Context, asked: Asked) -> Iterator[Place]:
    """Yield the extrinsics that are asked for, the latest first."""
    module, call = _text(asked, "module"), _text(asked, "call")
    who, index = _text(asked, "address"), context.index
    if who is not None:
        yield from _signed_by(context, account_of(context.data, who))
    elif module is not None and call is not None:
        pallet, number = call_place(context, f"{_pallet(context, module)}.{call}")
        yield from index.calls_below(pallet, number, END - 1, END, DEPTH)
    elif module is not None or call is not None:
        raise BadRequest("Name module and call together.")
    else:
        every = _text(asked, "signed") == "all"
        yield from index.extrinsics_below(END, END, DEPTH, signed=not every)


def _signed_by(context: Context, account: bytes) -> Iterator[Place]:
    row = context.index.account(account)
    for touch in context.index.touches_below(row.id, END, END, DEPTH) if row else []:
        place = None if touch.i == OF_BLOCK else context.index.extrinsic(touch.height, touch.i)
        if place is not None and place.signer == account:
            yield place


def _parts(context: Context, name: str) -> Iterator[tuple[BlockRow, Body, EventPart]]:
    """Yield the events of a kind, the latest first."""
    pallet, event = event_place(context, name)
    for height, _ in context.index.occurrences(EVENT, pallet, event, END, DEPTH):
        row, body = context.index.block(height), context.index.body(height)
        if row is None or body is None:
            continue
        for part in reversed(split_events(context, row, body)):
            if (part.pallet, part.event) == (pallet, event):
                yield row, body, part


def _block(context: Context, row: BlockRow) -> Json:
    author = account_json(context.data, row.author)
    return {
        "block_num": row.height,
        "block_timestamp": row.ms // 1_000,
        "hash": hex_of(row.hash),
        "parent_hash": hex_of(row.parent),
        "event_count": row.events,
        "extrinsics_count": row.extrinsics,
        "validator": author["address"] if author else "",
        "account_display": _display(author),
        "finalized": row.is_final,
        "spec_version": row.spec,
    }


def _extrinsic(context: Context, place: Place) -> Json:
    row, body = context.index.block(place.height), context.index.body(place.height)
    if row is None or body is None:
        raise NoSuchPage(f"The body of block {place.height} is not in the index.")
    module, _, call = context.data.call_name(row.spec, place.pallet, place.call).partition(".")
    signer = account_json(context.data, place.signer)
    return {
        "block_num": place.height,
        "block_timestamp": row.ms // 1_000,
        "extrinsic_index": f"{place.height}-{place.i}",
        "extrinsic_hash": hex_of(blake2_256(body.extrinsics[place.i])),
        "call_module": module.lower(),
        "call_module_function": call,
        "account_id": signer["address"] if signer else "",
        "account_display": _display(signer),
        "nonce": place.nonce or 0,
        "success": place.ok is True,
        "fee": str(place.fee),
        "fee_used": str(place.fee),
        "tip": str(place.tip),
        "finalized": row.is_final,
    }


def _transfer(
    context: Context, row: BlockRow, body: Body, part: EventPart, fields: Mapping[str, Plain],
    amount: int,
) -> Fields:  # fmt: skip
    place = None
    if part.extrinsic != OF_BLOCK:
        place = context.index.extrinsic(row.height, part.extrinsic)
    currency = context.data.currency
    return {
        "from": str(fields.get("from", fields.get("from_", ""))),
        "to": str(fields.get("to", "")),
        "amount": currency.format(amount).partition(" ")[0].replace("_", ""),
        "amount_v2": str(amount),
        "asset_symbol": currency.symbol,
        "module": "balances",
        "success": True,
        "block_num": row.height,
        "block_timestamp": row.ms // 1_000,
        "extrinsic_index": "" if place is None else f"{row.height}-{place.i}",
        "hash": "" if place is None else hex_of(blake2_256(body.extrinsics[place.i])),
        "nonce": 0 if place is None or place.nonce is None else place.nonce,
        "fee": "0" if place is None else str(place.fee),
        "finalized": row.is_final,
    }


def _event(context: Context, row: BlockRow, body: Body, part: EventPart) -> Json:
    found = event_json(context, row, body, part)
    module, _, event = str(found["name"]).partition(".")
    at = [each.start for each in split_events(context, row, body)].index(part.start)
    is_own = part.extrinsic == OF_BLOCK
    return {
        "id": row.height * 100_000 + at,
        "event_index": f"{row.height}-{at}",
        "block_num": row.height,
        "block_timestamp": row.ms // 1_000,
        "extrinsic_idx": 0 if is_own else part.extrinsic,
        "extrinsic_index": "" if is_own else f"{row.height}-{part.extrinsic}",
        "extrinsic_hash": "" if is_own else hex_of(blake2_256(body.extrinsics[part.extrinsic])),
        "module_id": module.lower(),
        "event_id": event,
        "params": json.dumps(found["fields"]),
        "finalized": row.is_final,
    }


def _display(account: AccountRow | None) -> Json:
    if account is None:
        return None
    return {"address": account["address"], "display": account["name"] or ""}


# ---- parameters


def _page(asked: Asked) -> tuple[int, int]:
    """Return the number of rows, and of those to skip. Raises BadRequest."""
    row, page = asked.get("row", 20), asked.get("page", 0)
    if not isinstance(row, int) or not isinstance(page, int):
        raise BadRequest("row and page are numbers.")
    if not 1 <= row <= MAX_ROWS or page < 0:
        raise BadRequest(f"row is 1 to {MAX_ROWS}, page 0 or more.")
    if row * (page + 1) > DEPTH:
        raise BadRequest(f"Lists go back {DEPTH} rows; /export has all.")
    return row, row * page


def _text(asked: Asked, name: str) -> str | None:
    found = asked.get(name)
    if found is None or found == "":
        return None
    if not isinstance(found, str) or len(found) > 128:
        raise BadRequest(f"{name} is a text of at most 128 characters.")
    return found


def _pallet(context: Context, module: str) -> str:
    """Return the name of a pallet, which Subscan writes in small letters."""
    metadata = context.data.latest()
    for pallet in metadata.items.runtime.pallets if metadata else []:
        if pallet.name.lower() == module.lower():
            return pallet.name
    raise NoSuchPage(f"The chain has no pallet {shown(module)}.")
