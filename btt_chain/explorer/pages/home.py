"""The first page, the validators, and what the search finds."""

from __future__ import annotations

import math
from typing import Final

from btt_chain.client.errors import ClientError, NotFound
from btt_chain.explorer.context import Context, NodeGone
from btt_chain.explorer.index.queries import END, BlockRow
from btt_chain.explorer.pages.forms import (
    BadRequest,
    Fields,
    Json,
    NoSuchPage,
    account_json,
    account_of,
    block_json,
    hash_of,
    number_of,
    place_of,
)
from btt_chain.explorer.pages.transactions import find_place, listed
from btt_chain.scale.portable import Plain

LATEST: Final = 10
"""Number of blocks and transactions on the first page."""
RECENT: Final = 100
"""Number of blocks over which rates are measured."""
WINDOW: Final = 600
"""Number of blocks over which authors are counted."""
MAX_FOUND: Final = 20
"""Maximum number of names that a search returns."""
MAX_VALIDATORS: Final = 1_000


async def home_page(context: Context) -> Fields:
    """Return the state of the chain: heights, rates, supply, and the latest blocks."""
    rows = context.index.blocks_below(END, RECENT + 1)
    latest: list[Json] = [block_json(context.data, row) for row in rows[:LATEST]]
    recent = context.index.extrinsics_below(END, END, LATEST, signed=True)
    top = rows[0] if rows else None
    fields: Fields = {
        "chain": context.data.names.name,
        "chainType": context.data.names.kind,
        "best": context.progress.node_best,
        "height": top.height if top else -1,
        "final": context.index.final()[0],
        "specVersion": top.spec if top else None,
        "accounts": context.index.account_count(),
        "issuance": str(top.issuance) if top else "0",
        "blocks": latest,
        "transactions": listed(context, recent),
        "versions": [{"version": v, "first": first} for v, first in context.index.specs()],
        **_rates(rows),
    }
    try:
        fields |= await _live(context)
    except NodeGone as error:
        fields |= {"validators": None, "burned": None, "nodeError": str(error)}
    return fields


def _rates(rows: list[BlockRow]) -> Fields:
    """Return the rates over the recent blocks, the highest of which is first."""
    timed = [row for row in rows if row.ms]
    if len(timed) < 2:
        return {"blockMs": None, "perSecond": None, "missed": None, "recent": len(timed)}
    first, last = timed[-1], timed[0]
    ms, count = max(last.ms - first.ms, 1), last.height - first.height
    missed = None
    if first.slot is not None and last.slot is not None:
        missed = max(last.slot - first.slot - count, 0)
    signed = sum(row.signed for row in timed[:-1])
    return {
        "blockMs": ms // max(count, 1),
        "perSecond": round(signed * 1_000 / ms, 2),
        "missed": missed,
        "recent": count,
    }


async def _live(context: Context) -> Fields:
    specs = context.index.specs()
    if not specs:
        raise NodeGone("the index is empty")
    chain = await context.node.chain(specs[0][0])
    _, hash = context.index.final()
    found: dict[str, Plain] = {}
    for path in ("Session.Validators", "Balances.TotalBurned"):
        try:
            found[path] = await chain.storage(path, at=hash)
        except NotFound:
            continue  # another chain may not have it
        except ClientError as error:
            raise NodeGone(str(error)) from None
    validators, burned = found.get("Session.Validators"), found.get("Balances.TotalBurned")
    return {
        "validators": len(validators) if isinstance(validators, list) else None,
        "burned": str(burned) if isinstance(burned, int) else None,
        "nodeError": None,
    }


async def validators_page(context: Context) -> Fields:
    """Return the validators with their blocks, made and expected, and their weights."""
    tip = context.index.tip()
    authored = {each.key: each for each in context.index.authored(max(tip - WINDOW, -1))}
    total = sum(each.blocks for each in authored.values())
    error, active = None, []
    try:
        active = await _active(context)
    except NodeGone as gone:
        error = str(gone)
    weights = sum(weight for _, weight in active)
    rows: list[Json] = []
    listed_keys = set()
    for key, weight in active[:MAX_VALIDATORS]:
        made = authored.get(key)
        listed_keys.add(key)
        rows.append(
            {
                "account": account_json(context.data, key),
                "isActive": True,
                "made": made.blocks if made else 0,
                "last": made.last if made else None,
                "share": weight * 1_000_000 // weights if weights else None,
                **_expected(total, weight, weights),
            }
        )
    rows += [
        {"account": account_json(context.data, key), "isActive": False, "made": each.blocks,
         "last": each.last, "share": None, "expected": None, "low": None, "high": None}
        for key, each in authored.items() if key not in listed_keys
    ]  # fmt: skip
    return {"blocks": total, "window": WINDOW, "validators": rows, "nodeError": error}


def _expected(total: int, weight: int, weights: int) -> Fields:
    """Return the expected number of blocks, and the band of two standard deviations around it."""
    if not weights:
        return {"expected": None, "low": None, "high": None}
    share = weight / weights
    mean, deviation = total * share, math.sqrt(total * share * (1 - share))
    return {
        "expected": round(mean, 1),
        "low": max(math.floor(mean - 2 * deviation), 0),
        "high": min(math.ceil(mean + 2 * deviation), total),
    }


async def _active(context: Context) -> list[tuple[bytes, int]]:
    """Return the validators of the last final block with their weights; equal if unknown."""
    specs = context.index.specs()
    if not specs:
        return []
    chain = await context.node.chain(specs[0][0])
    _, hash = context.index.final()
    try:
        validators = await chain.storage("Session.Validators", at=hash)
        authorities = await chain.storage("Babe.Authorities", at=hash)
    except NotFound:
        return []
    except ClientError as error:
        raise NodeGone(str(error)) from None
    if not isinstance(validators, list):
        return []
    weights = [1] * len(validators)
    if isinstance(authorities, list) and len(authorities) == len(validators):
        weights = [
            each[1] if isinstance(each, list) and isinstance(each[1], int) else 1
            for each in authorities
        ]
    return [
        (account_of(context.data, str(each)), weight)
        for each, weight in zip(validators, weights, strict=True)
    ]


def search(context: Context, text: str) -> Fields:
    """Return where a search leads: one page, or the names that contain the text."""
    text = text.strip()[:128]
    to = _page_of(context, text)
    return {"query": text, "to": to, "found": [] if to else _names(context, text)}


def _page_of(context: Context, text: str) -> str | None:
    number, hash = number_of(text), hash_of(text)
    if place_of(text) is not None:
        return f"/tx/{text}"
    if number is not None:
        return f"/block/{number}" if context.index.block(number) else None
    if hash is not None:
        if context.index.block_by_hash(hash):
            return f"/block/0x{hash.hex()}"
        try:
            find_place(context, text)
        except NoSuchPage:
            return f"/account/0x{hash.hex()}" if context.index.account(hash) else None
        return f"/tx/0x{hash.hex()}"
    try:
        account = account_of(context.data, text)
    except BadRequest:
        return None
    return f"/account/{context.data.address(account)}"


def _names(context: Context, text: str) -> list[Json]:
    """Return pallets, calls and events whose names contain a text."""
    metadata = context.data.latest()
    wanted = text.lower().replace(" ", "")
    found: list[Json] = []
    if metadata is None or len(wanted) < 2:
        return found
    for pallet in metadata.items.runtime.pallets:
        if wanted in pallet.name.lower():
            found.append({"kind": "pallet", "name": pallet.name})
        for kind, variants in (
            ("call", metadata.items.calls(pallet)), ("event", metadata.items.events(pallet)),
        ):  # fmt: skip
            for variant in variants:
                name = f"{pallet.name}.{variant.name}"
                if wanted in name.lower() and wanted not in pallet.name.lower():
                    found.append({"kind": kind, "name": name})
        if len(found) >= MAX_FOUND:
            break
    return found[:MAX_FOUND]
