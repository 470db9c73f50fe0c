"""The first page, the validators, and what the search finds."""

from __future__ import annotations

from typing import Final, NotRequired, TypedDict

from btt_chain.client.errors import ClientError, NotFound
from btt_chain.explorer import apis
from btt_chain.explorer.context import Context, NodeGone
from btt_chain.explorer.index.queries import END, BlockRow
from btt_chain.explorer.pages.forms import (
    BadRequest,
    BlockFields,
    NoSuchPage,
    TimedExtrinsic,
    account_of,
    block_json,
    hash_of,
    hex_of,
    number_of,
    place_of,
    text_of,
)
from btt_chain.explorer.pages.governance import governance_page
from btt_chain.explorer.pages.transactions import find_place, listed
from btt_chain.present.visible import shown
from btt_chain.primitives.digest import H256
from btt_chain.scale import u32
from btt_chain.scale.portable import Plain
from runtime.pallets.asset_registry.api import AssetsApi
from runtime.pallets.jobs.api import WorkApi

LATEST: Final = 10
"""Number of blocks and transactions on the first page."""
RECENT: Final = 100
"""Number of blocks over which rates are measured."""
MAX_FOUND: Final = 20
"""Maximum number of names that a search returns."""
MAX_LISTED: Final = 256
"""Maximum number of names of each kind that a search looks through."""


class VersionRow(TypedDict):
    """A version of the runtime, and the first block that it executed."""

    version: int
    first: int


class Rates(TypedDict):
    """Rates over the recent blocks."""

    blockMs: int | None
    perSecond: float | None
    missed: int | None
    recent: int


class Live(TypedDict):
    """Numbers of the node's state."""

    validators: int | None
    burned: str | None
    nodeError: str | None


class HomePage(Rates, Live):
    """The state of the chain: heights, rates, supply, and the latest blocks."""

    chain: str
    chainType: str
    best: int
    height: int
    final: int
    specVersion: int | None
    accounts: int
    issuance: str
    blocks: list[BlockFields]
    transactions: list[TimedExtrinsic]
    versions: list[VersionRow]


class NameRow(TypedDict):
    """A name that a search found, and the page that it leads to."""

    kind: str
    name: str
    to: NotRequired[str]


class SearchPage(TypedDict):
    """The page to which a search leads, or the names that contain its text."""

    query: str
    to: str | None
    found: list[NameRow]


async def home_page(context: Context) -> HomePage:
    """Return the state of the chain: heights, rates, supply, and the latest blocks."""
    rows = context.index.blocks_below(END, RECENT + 1)
    recent = context.index.extrinsics_below(END, END, LATEST, signed=True)
    top = rows[0] if rows else None
    try:
        live = await _live(context)
    except NodeGone as error:
        live = {"validators": None, "burned": None, "nodeError": str(error)}
    return {
        "chain": context.data.names.name,
        "chainType": context.data.names.kind,
        "best": context.progress.node_best,
        "height": top.height if top else -1,
        "final": context.index.final()[0],
        "specVersion": top.spec if top else None,
        "accounts": context.index.account_count(),
        "issuance": str(top.issuance) if top else "0",
        "blocks": [block_json(context.data, row) for row in rows[:LATEST]],
        "transactions": listed(context, recent),
        "versions": [{"version": v, "first": first} for v, first in context.index.specs()],
        **_rates(rows),
        **live,
    }


def _rates(rows: list[BlockRow]) -> Rates:
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


async def _live(context: Context) -> Live:
    specs = context.index.specs()
    if not specs:
        raise NodeGone("the index is empty")
    chain = await context.node.chain(specs[0][0])
    _, hash = context.index.final()
    state: dict[str, Plain] = {}
    for path in ("Session.Validators", "Balances.TotalBurned"):
        try:
            state[path] = await chain.storage(path, at=hash)
        except NotFound:
            continue  # another chain may not have it
        except ClientError as error:
            raise NodeGone(str(error)) from None
    validators, burned = state.get("Session.Validators"), state.get("Balances.TotalBurned")
    return {
        "validators": len(validators) if isinstance(validators, list) else None,
        "burned": str(burned) if isinstance(burned, int) else None,
        "nodeError": None,
    }


async def search(context: Context, text: str) -> SearchPage:
    """Return the page to which a search leads, or the names that contain its text."""
    text = text.strip()[:128]
    to = page_of(context, text) or await _by_hash(context, text)
    found = [] if to else [*await _named(context, text), *_names(context, text)][:MAX_FOUND]
    return {"query": text, "to": to, "found": found}


async def _named(context: Context, text: str) -> list[NameRow]:
    """Return identities, models and assets whose names contain a text, of those listed first."""
    wanted = text.casefold()
    if len(wanted) < 2:
        return []
    entries: list[NameRow] = []
    for kind, names in (
        ("account", _identities), ("model", _models), ("asset", _assets),
        ("referendum", _referenda),
    ):  # fmt: skip
        try:
            rows = await names(context)
        except (NodeGone, NoSuchPage):
            continue  # of a chain without them, or a node that does not answer: the others
        entries += [
            {"kind": kind, "name": shown(name), "to": to}
            for to, name in rows
            if wanted in name.casefold()
        ]
    return entries


async def _identities(context: Context) -> list[tuple[str, str]]:
    """Return the page and display name of accounts with an identity."""
    rows = []
    for account, registration in await apis.entries(context, object, "Identity.IdentityOf"):
        info = registration.get("info") if isinstance(registration, dict) else None
        display = info.get("display") if isinstance(info, dict) else None
        raw = next(iter(display.values()), None) if isinstance(display, dict) else None
        if raw is not None:
            rows.append((f"/account/{account!s}", apis.words(raw)))
    return rows


async def _models(context: Context) -> list[tuple[str, str]]:
    models = await apis.ask(context, WorkApi.models, None, u32(MAX_LISTED))
    return [(f"/model/{hex_of(model.id)}", text_of(model.name)) for model in models]


async def _assets(context: Context) -> list[tuple[str, str]]:
    assets = await apis.ask(context, AssetsApi.assets, u32(0), u32(MAX_LISTED))
    return [(f"/asset/{asset.id}", text_of(asset.info.name)) for asset in assets]


async def _referenda(context: Context) -> list[tuple[str, str]]:
    """Return the page of the latest referenda, with their call and the texts in it."""
    rows = []
    for row in (await governance_page(context, None))["referenda"]:
        index, proposal = row["referendum"].index, row["referendum"].proposal
        texts = [apis.words(argument["shown"]) for argument in row["arguments"]]
        title = " ".join([row["call"] or (hex_of(proposal) if proposal else "?"), *texts])
        rows.append((f"/referendum/{index}", f"{index}: {title}"))
    return rows


async def _by_hash(context: Context, text: str) -> str | None:
    """Return the page of a job, a receipt or a model with a number; None if there is none."""
    hash = hash_of(text)
    if hash is None:
        return None
    number = H256(hash)
    try:
        if await apis.ask(context, WorkApi.job, number) is not None:
            return f"/job/{hex_of(hash)}"
        if await apis.ask(context, WorkApi.receipt, number) is not None:
            return f"/receipt/{hex_of(hash)}"
        if await apis.ask(context, WorkApi.model, number) is not None:
            return f"/model/{hex_of(hash)}"
    except (NodeGone, NoSuchPage):
        pass  # a chain without useful work, or a node that does not answer
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


def _names(context: Context, text: str) -> list[NameRow]:
    """Return pallets, calls and events whose names contain a text."""
    metadata = context.data.latest()
    wanted = text.lower().replace(" ", "")
    rows: list[NameRow] = []
    if metadata is None or len(wanted) < 2:
        return rows
    for pallet in metadata.items.runtime.pallets:
        if wanted in pallet.name.lower():
            rows.append({"kind": "pallet", "name": pallet.name})
        for kind, variants in (
            ("call", metadata.items.calls(pallet)), ("event", metadata.items.events(pallet)),
        ):  # fmt: skip
            for variant in variants:
                name = f"{pallet.name}.{variant.name}"
                if wanted in name.lower() and wanted not in pallet.name.lower():
                    rows.append({"kind": kind, "name": name})
        if len(rows) >= MAX_FOUND:
            break
    return rows[:MAX_FOUND]
