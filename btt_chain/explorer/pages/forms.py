"""Forms that views share: accounts, amounts, places in lists, as JSON has them."""

from __future__ import annotations

import re
from typing import Final, TypeAlias, TypedDict

from btt_chain.client.accounts import AccountError, read_account
from btt_chain.explorer.chaindata import ChainData
from btt_chain.explorer.index.queries import END, BlockRow, Place
from btt_chain.present import Json
from btt_chain.present.visible import PAGE_LENGTH, of_bytes, shown
from btt_chain.primitives import ss58
from btt_chain.primitives.account import AccountId
from btt_chain.primitives.digest import H256
from btt_chain.scale import u32

Fields: TypeAlias = dict[str, Json]

PAGE: Final = 50
"""Maximum number of rows on a page; one more is read to know whether there are further ones."""
HASH: Final = 32
MAX_INDEX: Final = 1 << 32
MAX_DIGITS: Final = 39
"""Digits of the largest amount."""

_PLACE: Final = re.compile(r"([0-9]{1,10})-([0-9]{1,9})")
_HEX: Final = re.compile(r"(?:0x)?([0-9a-fA-F]{64})")
_NUMBER: Final = re.compile(r"[0-9]{1,10}")


class AccountRow(TypedDict):
    """An account."""

    address: str
    name: str | None


class BlockFields(TypedDict):
    """A block of a list."""

    height: int
    hash: str
    parentHash: str
    author: AccountRow | None
    slot: int | None
    time: int | None
    specVersion: int
    extrinsics: int
    signed: int
    events: int
    bytes: int
    fees: str
    isFinal: bool


class ExtrinsicFields(TypedDict):
    """An extrinsic of a list."""

    place: str
    height: int
    index: int
    call: str
    signer: AccountRow | None
    nonce: int | None
    success: bool | None
    fee: str
    tip: str


class TimedExtrinsic(ExtrinsicFields):
    """An extrinsic with the time of its block."""

    time: int | None


class EventRow(TypedDict):
    """An event with its decoded fields."""

    height: int
    extrinsic: str | None
    name: str
    fields: object
    shown: str


class NoSuchPage(Exception):
    """The requested thing is not in the index; the text says so."""


class BadRequest(Exception):
    """The request cannot be understood; the text has the right form."""


def hex_of(raw: bytes) -> str:
    """Return bytes as JSON has them."""
    return "0x" + raw.hex()


def text_of(raw: bytes) -> str:
    """Return the text of a user's bytes; bytes that are not text in hex."""
    return of_bytes(raw, PAGE_LENGTH) or (hex_of(raw[:HASH]) if raw else "")


def number_in(value: object) -> int | None:
    """Return a number of a decoded event, which has large ones as text; None for other values."""
    text = str(value)
    return int(text) if text.isascii() and text.isdecimal() and len(text) <= MAX_DIGITS else None


def time_of(ms: int) -> int | None:
    """Return a time in milliseconds since 1970; None if the block has none."""
    return ms or None


def account_json(data: ChainData, account: bytes | None) -> AccountRow | None:
    """Return an account with its name."""
    if account is None:
        return None
    return {"address": data.address(account), "name": data.label(account)}


def account_of(data: ChainData, text: str) -> AccountId:
    """Return the account of an address of any network, of 32 bytes in hex, or of a name."""
    named = data.named(text)
    if named is not None:
        return AccountId(named)
    found = _HEX.fullmatch(text)
    if found is not None:
        return AccountId(bytes.fromhex(found[1]))
    try:
        if not text.startswith("//"):
            account, _ = ss58.decode(text[:128])
            if len(account) == HASH:
                return AccountId(account)
        return AccountId(read_account(text[:128], data.prefix))
    except (ss58.Ss58Error, AccountError):
        raise BadRequest(f"{shown(text)} is not an address: write it like 5Grw… or 0x…") from None


def hash_of(text: str) -> bytes | None:
    """Return the 32 bytes of a hash in hex; None for other texts."""
    found = _HEX.fullmatch(text)
    return None if found is None else bytes.fromhex(found[1])


def number_of(text: str) -> int | None:
    """Return a height; None if the text is none. Thousands may be separated."""
    plain = text.replace("_", "").replace(",", "")
    return int(plain) if plain.isascii() and _NUMBER.fullmatch(plain) else None


def id_of(text: str, noun: str) -> H256:
    """Return a number of 32 bytes; `noun` is as "a job". Raises BadRequest."""
    found = hash_of(text)
    if found is None:
        raise BadRequest(f"{shown(text)} is not a number of {noun}: it is 0x and 64 hex digits")
    return H256(found)


def index_of(text: str, noun: str) -> u32:
    """Return a number of 32 bits; `noun` is as "a referendum". Raises BadRequest."""
    found = number_of(text)
    if found is None or found >= MAX_INDEX:
        raise BadRequest(f"{shown(text)} is not a number of {noun}")
    return u32(found)


def place_of(text: str) -> tuple[int, int] | None:
    """Return height and index of a place such as `1200-3`; None if the text is none."""
    found = _PLACE.fullmatch(text)
    return None if found is None or not text.isascii() else (int(found[1]), int(found[2]))


def below_height(text: str | None) -> int:
    """Return the height below which a list goes on. Raises BadRequest."""
    if not text:
        return END
    found = number_of(text)
    if found is None:
        raise BadRequest(f"{shown(text)} is not a height")
    return found


def below_place(text: str | None) -> tuple[int, int]:
    """Return the place below which a list goes on. Raises BadRequest."""
    if not text:
        return END, END
    found = place_of(text)
    if found is None:
        raise BadRequest(f"{shown(text)} is not a place in a list: write it like 1200-3")
    return found


def block_json(data: ChainData, row: BlockRow) -> BlockFields:
    """Return a block of a list."""
    return {
        "height": row.height,
        "hash": hex_of(row.hash),
        "parentHash": hex_of(row.parent),
        "author": account_json(data, row.author),
        "slot": row.slot,
        "time": time_of(row.ms),
        "specVersion": row.spec,
        "extrinsics": row.extrinsics,
        "signed": row.signed,
        "events": row.events,
        "bytes": row.bytes,
        "fees": str(row.fees),
        "isFinal": row.is_final,
    }


def extrinsic_json(data: ChainData, place: Place, spec: int) -> ExtrinsicFields:
    """Return an extrinsic of a list."""
    return {
        "place": f"{place.height}-{place.i}",
        "height": place.height,
        "index": place.i,
        "call": data.call_name(spec, place.pallet, place.call),
        "signer": account_json(data, place.signer),
        "nonce": place.nonce,
        "success": place.ok,
        "fee": str(place.fee),
        "tip": str(place.tip),
    }
