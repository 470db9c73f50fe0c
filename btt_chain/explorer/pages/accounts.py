"""Pages of accounts: the list by balance, one account with all that the chain stores under it."""

from __future__ import annotations

from typing import Final, TypedDict

from btt_chain.client.chain import Chain
from btt_chain.client.errors import ClientError
from btt_chain.explorer.context import Context, NodeGone
from btt_chain.explorer.index.queries import END, LARGEST, AccountRow, Touch
from btt_chain.explorer.index.reading import OF_BLOCK, Balance, Role
from btt_chain.explorer.index.store import amount
from btt_chain.explorer.pages import merchants
from btt_chain.explorer.pages.forms import (
    PAGE,
    BadRequest,
    ExtrinsicFields,
    account_of,
    below_place,
    extrinsic_json,
    hex_of,
    time_of,
)
from btt_chain.present.visible import PAGE_LENGTH, shown
from btt_chain.primitives import ss58
from btt_chain.primitives.digits import to_hex
from btt_chain.scale.metadata import PalletMetadata, StorageEntry
from btt_chain.scale.portable import ACCOUNT_ID

PERMILLION: Final = 1_000_000
MAX_INDEX: Final = 999_999_999


class BalanceFields(TypedDict):
    """A balance in planck."""

    total: str
    free: str
    reserved: str
    frozen: str


class RichRow(BalanceFields):
    """An account of the index; its share of the issuance in millionths."""

    address: str
    name: str | None
    share: int


class AccountsPage(TypedDict):
    """The accounts by balance, the richest first."""

    at: int
    count: int
    issuance: str
    accounts: list[RichRow]
    next: str | None


class HistoryRow(TypedDict):
    """A part of an account in a block."""

    height: int
    roles: list[str]
    extrinsic: ExtrinsicFields | None
    time: int | None


class History(TypedDict):
    """A page of a history; partial if it is without the transactions of others."""

    history: list[HistoryRow]
    isPartial: bool
    next: str | None


class Entry(TypedDict):
    """An entry of a map under an account."""

    item: str
    shown: str
    key: str


class AccountPage(BalanceFields, History):
    """An account: its balance, what the chain stores under it, and its history."""

    address: str
    publicKey: str
    name: str | None
    otherNetwork: int | None
    isKnown: bool
    at: int
    atHash: str
    stored: list[Entry]
    storedError: str | None


def accounts_page(context: Context, below: str | None) -> AccountsPage:
    """Return the accounts by balance, the richest first."""
    total, id = _below(below)
    rows = context.index.accounts_below(total, id, PAGE + 1)
    height, _ = context.index.final()
    block = context.index.block(height)
    issuance = block.issuance if block else 0
    last = rows[PAGE - 1] if len(rows) > PAGE else None
    return {
        "at": height,
        "count": context.index.account_count(),
        "issuance": str(issuance),
        "accounts": [account_fields(context, row, issuance) for row in rows[:PAGE]],
        "next": None if last is None else f"{last.balance.total}-{last.id}",
    }


def _below(text: str | None) -> tuple[bytes, int]:
    if not text:
        return LARGEST, END
    total, _, id = text.partition("-")
    is_number = (total + id).isascii() and total.isdecimal() and id.isdecimal()
    if not is_number or len(total) > 39 or len(id) > 18 or int(total) >= 1 << 128:
        raise BadRequest(f"{shown(text)} is not a place in the list of accounts")
    return amount(int(total)), int(id)


def account_fields(context: Context, row: AccountRow, issuance: int) -> RichRow:
    """Return an account of the index; its share of the issuance in millionths."""
    balance = row.balance
    return {
        "address": context.data.address(row.key),
        "name": context.data.label(row.key),
        **balance_json(balance),
        "share": balance.total * PERMILLION // issuance if issuance else 0,
    }


def balance_json(balance: Balance) -> BalanceFields:
    """Return a balance in planck."""
    return {
        "total": str(balance.total),
        "free": str(balance.free),
        "reserved": str(balance.reserved),
        "frozen": str(balance.frozen),
    }


async def account_page(context: Context, text: str, below: str | None) -> AccountPage:
    """Return an account: its balance, what the chain stores under it, and its history."""
    key = account_of(context.data, text)
    row = context.index.account(key)
    height, hash = context.index.final()
    is_partial = await merchants.hides_payers(context, key)
    stored: list[Entry] = []
    error = None
    try:
        stored = await _stored(context, key, hash)
    except NodeGone as gone:
        error = str(gone)
    return {
        "address": context.data.address(key),
        "publicKey": hex_of(key),
        "name": context.data.label(key),
        "otherNetwork": _other_network(context, text),
        "isKnown": row is not None,
        "at": height,
        "atHash": hex_of(hash),
        **balance_json(Balance() if row is None else row.balance),
        **_history(context, row, below, is_partial=is_partial),
        "stored": stored,
        "storedError": error,
    }


def _other_network(context: Context, text: str) -> int | None:
    """Return the network of a typed address if it is not this chain's."""
    try:
        _, network = ss58.decode(text[:128])
    except ss58.Ss58Error:
        return None
    return None if network == context.data.prefix else network


def _history(
    context: Context, row: AccountRow | None, below: str | None, *, is_partial: bool
) -> History:
    """Return a page of the history; with `is_partial` without the transactions of others."""
    height, i = below_place(below)
    touches = [] if row is None else context.index.touches_below(row.id, height, i, PAGE + 1)
    rows: list[HistoryRow] = []
    for touch in touches[:PAGE]:
        block = context.index.block(touch.height)
        if block is None or (is_partial and touch.is_of_others):
            continue
        place = None
        if touch.i != OF_BLOCK:
            place = context.index.extrinsic(touch.height, touch.i)
        extrinsic = None if place is None else extrinsic_json(context.data, place, block.spec)
        rows.append(
            {"height": touch.height, "roles": _roles(touch.role), "extrinsic": extrinsic,
             "time": time_of(block.ms)}
        )  # fmt: skip
    last = touches[PAGE - 1] if len(touches) > PAGE else None
    return {
        "history": rows,
        "isPartial": is_partial,
        "next": None if last is None else _place_after(last),
    }


def _place_after(last: Touch) -> str:
    """Return the place below which a history goes on."""
    if last.i == OF_BLOCK:  # the last row of its block
        return f"{last.height - 1}-{MAX_INDEX}"
    return f"{last.height}-{last.i}"


def _roles(role: int) -> list[str]:
    names = {Role.SIGNER: "signer", Role.FROM: "from", Role.TO: "to"}
    found = [name for each, name in names.items() if role & each]
    return found or ["other"]


async def _stored(context: Context, key: bytes, hash: bytes) -> list[Entry]:
    """Return the entries of all maps with an account as their only key. Raises NodeGone."""
    specs = context.index.specs()
    if not specs:
        return []
    chain = await context.node.chain(specs[0][0])
    maps = _account_maps(chain)
    address = context.data.address(key)
    keys = {}
    for pallet, entry in maps:
        storage_key, _ = chain.metadata.storage.key(pallet, entry, [address])
        keys[storage_key] = (pallet, entry)
    values = await context.node.values(chain, list(keys), hash)
    rows: list[Entry] = []
    for storage_key, (pallet, entry) in keys.items():
        raw = values.get(storage_key)
        if raw is None:
            continue
        try:
            kind, value = chain.metadata.storage.stored(entry, raw)
            # A bare u128 under an account is an amount; inside others, the fields have their types.
            is_amount = isinstance(value, int)
            text = chain.metadata.values.for_people(kind, value, money=is_amount)
        except ClientError as error:
            text = str(error)
        rows.append(
            {"item": f"{pallet.name}.{entry.name}", "shown": shown(text, PAGE_LENGTH),
             "key": to_hex(storage_key)}
        )  # fmt: skip
    return rows


def _account_maps(chain: Chain) -> list[tuple[PalletMetadata, StorageEntry]]:
    items = chain.metadata.items
    found = []
    for pallet in items.runtime.pallets:
        for entry in pallet.storage.entries if pallet.storage else []:
            kinds = chain.metadata.storage.key_types(entry)
            if len(kinds) == 1 and items.types.type(kinds[0][0]).path == ACCOUNT_ID:
                found.append((pallet, entry))
    return found
