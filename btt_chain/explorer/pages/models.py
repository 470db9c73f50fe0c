"""Pages of models: the list, and the card of one with its prices and jobs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Annotated, Final, TypedDict

from btt_chain.explorer import apis
from btt_chain.explorer.apis import ask
from btt_chain.explorer.context import Context
from btt_chain.explorer.pages.forms import PAGE, hex_of, id_of, text_of
from btt_chain.primitives.digest import H256
from btt_chain.primitives.meaning import FLAT
from btt_chain.scale import u32
from runtime.pallets.jobs.api import WorkApi
from runtime.pallets.jobs.pricing import priced_macs
from runtime.pallets.jobs.views import ClassPrice, JobView, ModelView
from runtime.pallets.models.types import ModelRecord

CHECKS: Final = {"Reexecute": "computing it again", "Vectors": "random vectors with a transcript"}
"""Methods by which verifiers check an item, in words."""
MAX_OPERATIONS: Final = 1_000
JOBS: Final = 256
"""Maximum number of jobs that are looked through for those of a model."""


class ModelRow(TypedDict):
    """A model of a list, with its price."""

    model: Annotated[ModelView, FLAT]
    className: str | None
    base: str | None
    pricePerItem: str | None
    isSuspended: bool
    isRetired: bool
    endpoints: str


class Operation(TypedDict):
    """An operation of a graph, and how often it is in it."""

    operation: str
    count: int


class ModelsPage(TypedDict):
    """The models, in the order of their numbers."""

    at: int
    models: list[ModelRow]
    next: str | None


class ModelPage(ModelRow):
    """The card of a model: what it is, what it costs, who owns it, and its open jobs."""

    at: int
    bond: str
    graph: list[Operation] | None
    jobs: list[JobView]


async def models_page(context: Context, after: str | None) -> ModelsPage:
    """Return the models, in the order of their numbers."""
    begin = id_of(after, "a model") if after else None
    models = await ask(context, WorkApi.models, begin, u32(PAGE + 1))
    classes = await _classes(context)
    return {
        "at": context.index.final()[0],
        "models": [_model(model, classes) for model in models[:PAGE]],
        "next": hex_of(models[PAGE - 1].id) if len(models) > PAGE else None,
    }


async def model_page(context: Context, text: str) -> ModelPage:
    """Return the card of a model."""
    id = id_of(text, "a model")
    missing = f"There is no model {hex_of(id)}."
    model = await apis.find(context, WorkApi.model, id, missing=missing)
    record = await apis.stored(context, ModelRecord, "Models.Models", hex_of(id))
    jobs = await ask(context, WorkApi.jobs, None, True, None, u32(JOBS))
    return {
        **_model(model, await _classes(context)),
        "at": context.index.final()[0],
        "bond": str(int(record.bond)) if record else "0",
        "graph": await _graph(context, id),
        "jobs": [job for job in jobs if job.model == id][:PAGE],
    }


async def _classes(context: Context) -> dict[int, ClassPrice]:
    return {int(price.model_class): price for price in await ask(context, WorkApi.prices)}


def _model(model: ModelView, classes: Mapping[int, ClassPrice]) -> ModelRow:
    price = classes.get(int(model.model_class))
    macs = priced_macs(int(model.macs), int(model.committed))
    return {
        "model": model,
        "className": None if price is None else text_of(price.name),
        "base": None if price is None else str(int(price.base)),
        "pricePerItem": None if price is None else str(int(price.base) * macs // 10**9),
        "isSuspended": model.suspended,
        "isRetired": model.retired,
        "endpoints": text_of(model.endpoints),
    }


async def _graph(context: Context, id: H256) -> list[Operation] | None:
    """Return the operations of a model's graph by their number; None without a manifest."""
    manifest = await ask(context, WorkApi.manifest, id)
    if manifest is None:
        return None
    counts = Counter(node.op.NAME for node in manifest.graph.nodes[:MAX_OPERATIONS])
    return [{"operation": name, "count": count} for name, count in sorted(counts.items())]
