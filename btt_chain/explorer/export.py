"""Exports: every table as a whole, as CSV or as a JSON document a line, streamed page by page.

The first column of a row is its place; `after` goes on behind one. Amounts are in planck and in
whole units. Texts that a spreadsheet would take for a formula begin with a quotation mark.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final, TypeAlias, cast

from btt_chain.explorer.context import Context
from btt_chain.explorer.index.queries import AccountRow, Index
from btt_chain.explorer.index.reading import OF_BLOCK, Role
from btt_chain.explorer.pages.forms import (
    BadRequest,
    ExtrinsicFields,
    Fields,
    NoSuchPage,
    account_of,
    extrinsic_json,
    hex_of,
    number_of,
    place_of,
)
from btt_chain.explorer.pages.transactions import event_json
from btt_chain.present import Json
from btt_chain.present.visible import shown
from btt_chain.primitives.csv_cells import text_cell

HISTORY: Final = "history"
"""The table that takes an account."""
ROWS: Final = 500
"""Number of rows that are read at once."""

Page: TypeAlias = "tuple[list[Fields], str | None]"
"""Rows, and the place to go on after; None at the end."""


@dataclass(frozen=True, slots=True)
class Table:
    """A table that can be exported: its columns, and how its rows after a place are read."""

    columns: tuple[str, ...]
    read: Callable[[Context, str | None, str | None], Page]
    """Takes the place to go on after, and the account of a history."""


def rows_of(context: Context, table: Table, after: str | None, account: str | None) -> Iterator[
    list[Fields]
]:  # fmt: skip
    """Yield the rows after a place, page by page. Raises BadRequest, NoSuchPage."""
    while True:
        rows, after = table.read(context, after, account)
        if rows:
            yield rows
        if after is None:
            return


def csv_text(columns: tuple[str, ...], rows: list[Fields], *, head: bool) -> bytes:
    """Return rows as CSV, with the line of the columns in front if `head`."""
    out = io.StringIO()
    writer = csv.writer(out)
    if head:
        writer.writerow(columns)
    for row in rows:
        writer.writerow([cell(row.get(name)) for name in columns])
    return out.getvalue().encode()


def ndjson_text(rows: list[Fields]) -> bytes:
    """Return rows as JSON, one a line."""
    return b"".join(json.dumps(row, separators=(",", ":")).encode() + b"\n" for row in rows)


def cell(value: Json) -> str:
    """Return a value as a cell of CSV; a text that looks like a formula begins with a quote."""
    match value:
        case None:
            return ""
        case bool():
            return "true" if value else "false"
        case str():
            return text_cell(value)
        case dict() | list():
            return json.dumps(value, ensure_ascii=False)
        case _:
            return str(value)


# ---- tables


def _blocks(context: Context, after: str | None, _account: str | None) -> Page:
    rows = context.index.blocks_above(_height(after), ROWS)
    found: list[Fields] = [
        {
            "height": row.height, "hash": hex_of(row.hash), "parentHash": hex_of(row.parent),
            "author": None if row.author is None else context.data.address(row.author),
            "slot": row.slot, "timeMs": row.ms, "specVersion": row.spec,
            "extrinsics": row.extrinsics, "signed": row.signed, "events": row.events,
            "bytes": row.bytes, **_money(context, "fees", row.fees),
            **_money(context, "issuance", row.issuance), "final": row.is_final,
        }
        for row in rows
    ]  # fmt: skip
    return found, str(rows[-1].height) if len(rows) == ROWS else None


def _extrinsics(context: Context, after: str | None, _account: str | None) -> Page:
    height, i = _place(after)
    places = context.index.extrinsics_above(height, i, ROWS)
    specs = _Specs(context.index)
    found = [
        _extrinsic(context, extrinsic_json(context.data, each, specs.at(each.height)), each.fee,
                   each.tip)
        for each in places
    ]  # fmt: skip
    return found, f"{places[-1].height}-{places[-1].i}" if len(places) == ROWS else None


def _extrinsic(context: Context, fields: ExtrinsicFields, fee: int, tip: int) -> Fields:
    signer = fields["signer"]
    return {
        "place": fields["place"],
        "call": fields["call"],
        "signer": None if signer is None else signer["address"],
        "nonce": fields["nonce"],
        "success": fields["success"],
        **_money(context, "fee", fee),
        **_money(context, "tip", tip),
    }


def _events(context: Context, after: str | None, _account: str | None) -> Page:
    """Return the events of one block: the place is a height."""
    rows = context.index.blocks_above(_height(after), 1)
    if not rows:
        return [], None
    row = rows[0]
    body = context.index.body(row.height)
    found: list[Fields] = []
    if body is not None and not row.complaint:
        for at, part in enumerate(context.data.spec(row.spec).split_events(body.events)):
            event = event_json(context, row, body, part)
            found.append(
                {"height": row.height, "index": at, "extrinsic": event["extrinsic"],
                 "name": event["name"], "fields": cast("Json", event["fields"])}
            )  # fmt: skip
    return found, str(row.height)


def _accounts(context: Context, after: str | None, _account: str | None) -> Page:
    rows = context.index.accounts_after(_height(after, -1), ROWS)
    found: list[Fields] = [
        {
            "id": row.id,
            "address": context.data.address(row.key),
            "name": _name(context, row),
            **_money(context, "total", row.balance.total),
            **_money(context, "free", row.balance.free),
            **_money(context, "reserved", row.balance.reserved),
            **_money(context, "frozen", row.balance.frozen),
        }
        for row in rows
    ]
    return found, str(rows[-1].id) if len(rows) == ROWS else None


def _name(context: Context, row: AccountRow) -> Json:
    name = context.data.label(row.key)
    return None if name is None else shown(name)


def _history(context: Context, after: str | None, account: str | None) -> Page:
    if not account:
        raise BadRequest("Name the account: /export/history.csv?account=ADDRESS")
    row = context.index.account(account_of(context.data, account))
    if row is None:
        raise NoSuchPage("No block has touched this account.")
    height, i = (-1, -1) if after is None else _touch_place(after)
    touches = context.index.touches_above(row.id, height, i, ROWS)
    specs = _Specs(context.index)
    found: list[Fields] = []
    for touch in touches:
        place = context.index.extrinsic(touch.height, touch.i)
        fields: Fields = {
            "place": f"{touch.height}-{'block' if touch.i == OF_BLOCK else touch.i}",
            "roles": " ".join(str(role.name).lower() for role in Role if touch.role & role),
        }
        if place is not None:
            listed = extrinsic_json(context.data, place, specs.at(place.height))
            fields |= {
                **_extrinsic(context, listed, place.fee, place.tip), "place": fields["place"],
            }  # fmt: skip
        found.append(fields)
    last = touches[-1] if len(touches) == ROWS else None
    return found, None if last is None else str(found[-1]["place"])


def is_of_others(row: Fields) -> bool:
    """Return True if another account signed the extrinsic of a row of a history."""
    place, roles = str(row["place"]), str(row["roles"]).split()
    return not place.endswith("-block") and str(Role.SIGNER.name).lower() not in roles


def _touch_place(text: str) -> tuple[int, int]:
    height, _, of_block = text.partition("-")
    if of_block == "block" and number_of(height) is not None:
        return int(height), OF_BLOCK
    return _place(text)


class _Specs:
    """The versions of blocks, by height."""

    def __init__(self, index: Index) -> None:
        self._index = index
        self._at: dict[int, int] = {}

    def at(self, height: int) -> int:
        if height not in self._at:
            row = self._index.block(height)
            self._at[height] = 0 if row is None else row.spec
        return self._at[height]


def _money(context: Context, name: str, planck: int) -> Fields:
    whole = context.data.currency.format(planck).replace("_", "")
    return {f"{name}Planck": str(planck), name: whole}


def _height(text: str | None, otherwise: int = -1) -> int:
    if text is None:
        return otherwise
    found = number_of(text)
    if found is None:
        raise BadRequest(f"after={shown(text)} is not a row: give the first column of the last one")
    return found


def _place(text: str | None) -> tuple[int, int]:
    if text is None:
        return -1, -1
    found = place_of(text)
    if found is None:
        raise BadRequest(f"after={shown(text)} is not a row: give the first column of the last one")
    return found


def _pair(name: str) -> tuple[str, str]:
    return f"{name}Planck", name


_EXTRINSIC: Final = (
    "place", "call", "signer", "nonce", "success", *_pair("fee"), *_pair("tip"),
)  # fmt: skip

TABLES: Final = {
    "blocks": Table(
        ("height", "hash", "parentHash", "author", "slot", "timeMs", "specVersion", "extrinsics",
         "signed", "events", "bytes", *_pair("fees"), *_pair("issuance"), "final"),
        _blocks,
    ),
    "extrinsics": Table(_EXTRINSIC, _extrinsics),
    "events": Table(("height", "index", "extrinsic", "name", "fields"), _events),
    "accounts": Table(
        ("id", "address", "name", *_pair("total"), *_pair("free"), *_pair("reserved"),
         *_pair("frozen")),
        _accounts,
    ),
    HISTORY: Table((*_EXTRINSIC, "roles"), _history),
}  # fmt: skip
"""The tables by name."""


def table_names() -> list[str]:
    """Return the names of the tables that need no account."""
    return [name for name in TABLES if name != HISTORY]
