"""Pages of models: the list, and the card of one with its prices and jobs."""

from __future__ import annotations

from typing import Final

from btt_chain.explorer import apis
from btt_chain.explorer.apis import Record, ask
from btt_chain.explorer.context import Context
from btt_chain.explorer.pages.forms import (
    PAGE,
    Fields,
    Json,
    account_json,
    id_of,
)
from btt_chain.present.visible import PAGE_LENGTH, shown

CHECKS: Final = {"Reexecute": "computing it again", "Vectors": "random vectors with a transcript"}
"""Methods by which verifiers check an item, in words."""
MAX_OPERATIONS: Final = 1_000
JOBS: Final = 256
"""Maximum number of jobs that are looked through for those of a model."""


async def models_page(context: Context, after: str | None) -> Fields:
    """Return the models, in the order of their numbers."""
    begin = None if not after else id_of(after, "a model")
    found = apis.records(await ask(context, "WorkApi.models", begin, PAGE + 1))
    classes = await _classes(context)
    last = found[PAGE - 1] if len(found) > PAGE else None
    return {
        "at": context.index.final()[0],
        "models": [_model(context, each, classes) for each in found[:PAGE]],
        "next": None if last is None else apis.text(last, "id"),
    }


async def model_page(context: Context, text: str) -> Fields:
    """Return the card of a model: what it is, what it costs, who owns it, and its open jobs."""
    id = id_of(text, "a model")
    found = await apis.find(context, "WorkApi.model", id, missing=f"There is no model {id}.")
    record = apis.record(await apis.stored(context, "Models.Models", id))
    jobs = apis.records(await ask(context, "WorkApi.jobs", None, True, None, JOBS))
    return {
        **_model(context, found, await _classes(context)),
        "at": context.index.final()[0],
        "bond": str(apis.number(record, "bond")),
        "endpoints": shown(apis.words(found.get("endpoints")), PAGE_LENGTH),
        "graph": await _graph(context, id),
        "jobs": [*_jobs_of(id, jobs)],
    }


def _jobs_of(id: str, jobs: list[Record]) -> list[Json]:
    return [_job(each) for each in jobs if each.get("model") == id][:PAGE]


def _job(each: Record) -> Json:
    return {
        "id": apis.text(each, "id"),
        "state": apis.text(each, "state"),
        "items": apis.number(each, "items"),
        "price": str(apis.number(each, "price")),
    }


async def _classes(context: Context) -> dict[int, Record]:
    rows = apis.records(await ask(context, "WorkApi.prices"))
    return {apis.number(each, "model_class"): each for each in rows}


def _model(context: Context, each: Record, classes: dict[int, Record]) -> Fields:
    kind, macs = classes.get(apis.number(each, "model_class")), apis.number(each, "macs")
    base = None if kind is None else apis.number(kind, "base")
    return {
        "id": apis.text(each, "id"),
        "name": shown(apis.words(each.get("name"))),
        "owner": account_json(context.data, apis.account(context, each.get("owner"))),
        "className": None if kind is None else shown(apis.words(kind.get("name"))),
        "base": None if base is None else str(base),
        "macs": macs,
        "pricePerItem": None if base is None else str(base * macs // 10**9),
        "check": apis.text(each, "check"),
        "openJobs": apis.number(each, "open_jobs"),
        "isSuspended": each.get("suspended") is True,
        "isRetired": each.get("retired") is True,
    }


async def _graph(context: Context, id: str) -> Json:
    """Return the operations of a model's graph by their number; None without a manifest."""
    manifest = apis.optional(await ask(context, "WorkApi.manifest", id))
    if manifest is None:
        return None
    graph = apis.record(manifest.get("graph"))
    counts: dict[str, int] = {}
    for node in apis.records(graph.get("nodes"))[:MAX_OPERATIONS]:
        name = apis.text(node, "op")
        counts[name] = counts.get(name, 0) + 1
    return [{"operation": shown(name), "count": count} for name, count in sorted(counts.items())]
