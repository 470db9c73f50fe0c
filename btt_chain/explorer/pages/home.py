"""The first page, the validators, and what the search finds."""

from __future__ import annotations

from typing import Final

from btt_chain.client.errors import ClientError, NotFound
from btt_chain.explorer import apis
from btt_chain.explorer.context import Context, NodeGone
from btt_chain.explorer.index.queries import END, BlockRow
from btt_chain.explorer.pages.forms import (
    BadRequest,
    Fields,
    Json,
    NoSuchPage,
    account_of,
    block_json,
    hash_of,
    hex_of,
    number_of,
    place_of,
)
from btt_chain.explorer.pages.governance import governance_page
from btt_chain.explorer.pages.transactions import find_place, listed
from btt_chain.present.visible import shown
from btt_chain.scale.portable import Plain

LATEST: Final = 10
"""Number of blocks and transactions on the first page."""
RECENT: Final = 100
"""Number of blocks over which rates are measured."""
WINDOW: Final = 600
"""Number of blocks over which authors are counted."""
MAX_FOUND: Final = 20
"""Maximum number of names that a search returns."""
MAX_LISTED: Final = 256
"""Maximum number of names of each kind that a search looks through."""


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


async def search(context: Context, text: str) -> Fields:
    """Return where a search leads: one page, or the names that contain the text."""
    text = text.strip()[:128]
    to = page_of(context, text) or await _by_hash(context, text)
    found = [] if to else [*await _named(context, text), *_names(context, text)][:MAX_FOUND]
    return {"query": text, "to": to, "found": found}


async def _named(context: Context, text: str) -> list[Json]:
    """Return identities, models and assets whose names contain a text, of those listed first."""
    wanted = text.casefold()
    if len(wanted) < 2:
        return []
    found: list[Json] = []
    for kind, names in (
        ("account", _identities), ("model", _models), ("asset", _assets),
        ("referendum", _referenda),
    ):  # fmt: skip
        try:
            rows = await names(context)
        except (NodeGone, NoSuchPage):
            continue  # of a chain without them, or a node that does not answer: the others
        found += [
            {"kind": kind, "name": shown(name), "to": to}
            for to, name in rows
            if wanted in name.casefold()
        ]
    return found


async def _identities(context: Context) -> list[tuple[str, str]]:
    """Return the page and display name of accounts with an identity."""
    found: list[tuple[str, str]] = []
    for key, value in await apis.entries(context, "Identity.IdentityOf"):
        info = apis.record(apis.record(value).get("info"))
        display = info.get("display")
        raw = next(iter(display.values()), None) if isinstance(display, dict) else None
        if key and raw is not None:
            found.append(("/account/" + str(key[0]), apis.words(raw)))
    return found


async def _models(context: Context) -> list[tuple[str, str]]:
    rows = apis.records(await apis.ask(context, "WorkApi.models", None, MAX_LISTED))
    return [(f"/model/{apis.text(row, 'id')}", apis.words(row.get("name"))) for row in rows]


async def _assets(context: Context) -> list[tuple[str, str]]:
    rows = apis.records(await apis.ask(context, "AssetsApi.assets", 0, MAX_LISTED))
    return [
        (f"/asset/{apis.number(row, 'id')}", apis.words(apis.record(row.get("info")).get("name")))
        for row in rows
    ]


async def _referenda(context: Context) -> list[tuple[str, str]]:
    """Return the page of the latest referenda, with their call and the texts in it."""
    page = await governance_page(context, None)
    found: list[tuple[str, str]] = []
    rows = page["referenda"]
    for row in rows if isinstance(rows, list) else []:
        if isinstance(row, dict):
            given = row.get("arguments")
            values = [
                each.get("shown")
                for each in (given if isinstance(given, list) else [])
                if isinstance(each, dict)
            ]
            texts = [apis.words(each) for each in values if isinstance(each, str)]
            title = " ".join([str(row.get("call") or row.get("proposal")), *texts])
            found.append((f"/referendum/{row['index']}", f"{row['index']}: {title}"))
    return found


async def _by_hash(context: Context, text: str) -> str | None:
    """Return the page of a job, a receipt or a model with a number; None if there is none."""
    hash = hash_of(text)
    if hash is None:
        return None
    number = hex_of(hash)
    for api, page in (
        ("WorkApi.job", "/job/"), ("WorkApi.receipt", "/receipt/"), ("WorkApi.model", "/model/"),
    ):  # fmt: skip
        try:
            if await apis.ask(context, api, number) is not None:
                return page + number
        except (NodeGone, NoSuchPage):
            return None  # a chain without useful work, or a node that does not answer
    return None


def page_of(context: Context, text: str) -> str | None:
    """Return the page that a text names; None if it is a part of a name."""
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
