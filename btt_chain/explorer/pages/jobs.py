"""Pages of useful work: jobs, the course of one, and providers."""

from __future__ import annotations

from typing import Final

from btt_chain.explorer import apis
from btt_chain.explorer.apis import Record, ask
from btt_chain.explorer.context import Context
from btt_chain.explorer.pages.clock import slot_clock
from btt_chain.explorer.pages.forms import (
    PAGE,
    Fields,
    Json,
    account_json,
    account_of,
    id_of,
)
from btt_chain.present.visible import PAGE_LENGTH, shown
from btt_chain.scale.portable import Plain

MAX_MODELS: Final = 256
"""Maximum number of models of one result."""

COURSE: Final = ("Posted", "Assigned", "Computing", "Committed", "Checking", "Pending", "Finalized")
"""States of a job that goes well, in their order."""
STATES: Final = {
    "Posted": "No provider is assigned yet.",
    "Assigned": "A provider was selected, and has not accepted yet.",
    "Computing": "The provider has accepted, and computes.",
    "Committed": "The provider committed to a result; its committee is not selected yet.",
    "Checking": "Verifiers check the result, or a dispute about it is open.",
    "Pending": "The result was found valid, and can still be disputed.",
    "Finalized": "The provider is paid.",
    "Refunded": "The requester got its money back; no fraud was proven.",
    "Slashed": "The result was proven wrong; the requester got its money back.",
}
OUTCOMES: Final = {
    "Done": "The work was done and found valid.",
    "Fraud": "The result was proven wrong.",
    "NoProvider": "No provider could take the job, or none that could did.",
    "Cancelled": "The requester cancelled it.",
    "BadPayload": "The requester delivered no payload that the provider could open.",
    "Late": "The last provider that accepted it did not deliver in time.",
    "Unverified": "No quorum found it valid in any round; provider and requester are not to blame.",
    "Withheld": "The provider did not disclose its results, and was fined.",
    "Unpaid": "A job of the chain: the work was valid, but could not be paid.",
}
PHASES: Final = {
    "Waiting": "Waiting for the randomness that selects the verifiers.",
    "Checking": "Verifiers check the result, commit to their verdicts, and reveal them.",
    "Disclosing": "The provider may reveal that the result had a planted error.",
    "Disputed": "A verifier reported an error and must prove it.",
    "Withheld": "Verifiers reported missing parts, which the provider must show on chain.",
    "Pending": "Found valid, and accepted unless proven wrong.",
    "Ended": "Closed.",
}
VERDICTS: Final = {
    "Valid": "all checked elements are correct",
    "Wrong": "item {item}, node {node}: element {element} is wrong",
    "WrongEdge": "item {item}: its input or its output is not the agreed one",
    "Missing": "item {item}: leaf {leaf} of tensor {tensor} was not served",
}
KINDS: Final = {
    "Home": "home", "Mid": "mid-size", "Institution": "institution", "Clinic": "clinic",
    "DataCentre": "data centre",
}  # fmt: skip


async def jobs_page(context: Context, after: str | None, *, only_open: bool) -> Fields:
    """Return the jobs, by their numbers."""
    begin = id_of(after, "a job") if after else None
    found = apis.records(await ask(context, "WorkApi.jobs", None, only_open, begin, PAGE + 1))
    models = await _models(context)
    last = found[PAGE - 1] if len(found) > PAGE else None
    return {
        "at": context.index.final()[0],
        "clock": await slot_clock(context),
        "onlyOpen": only_open,
        "jobs": [_job(context, each, models) for each in found[:PAGE]],
        "prices": [_price(each) for each in apis.records(await ask(context, "WorkApi.prices"))],
        "next": None if last is None else apis.text(last, "id"),
    }


async def job_page(context: Context, text: str) -> Fields:
    """Return a job, by its number or that of its receipt: its course, price and committee."""
    id = id_of(text, "a job")
    found = apis.optional(await ask(context, "WorkApi.job", id))
    if found is None:
        missing = f"There is no job {id}, or it ended too long ago."
        found = await apis.find(context, "WorkApi.receipt", id, missing=missing)
    receipt = apis.optional(found.get("receipt"))
    return {
        **_job(context, found, await _models(context)),
        "steps": steps(apis.text(found, "state")),
        "now": apis.number(found, "now"),
        "clock": await slot_clock(context),
        "accepted": apis.number(found, "accepted") or None,
        "due": apis.number(found, "due") or None,
        "attempt": apis.number(found, "attempt"),
        "urgency": apis.text(found, "urgency"),
        "check": apis.text(found, "check"),
        "verification": str(apis.number(found, "verification")),
        "deposit": str(apis.number(found, "deposit")),
        "dataBytes": apis.number(found, "data_bytes"),
        "inputRoot": apis.text(found, "input_root"),
        "receipt": None if receipt is None else _receipt(context, receipt),
    }


def steps(state: str) -> list[Json]:
    """Return the course of a job: each state is done, now or ahead; a bad end comes last."""
    if state not in COURSE:  # which of them a failed job went through is not stored
        return [{"state": "Posted", "part": "done"}, {"state": state, "part": "now"}]
    at = COURSE.index(state)
    return [
        {"state": each, "part": "done" if place < at else "now" if place == at else "ahead"}
        for place, each in enumerate(COURSE)
    ]


def _job(context: Context, each: Record, models: dict[str, str]) -> Fields:
    model, outcome = apis.text(each, "model"), each.get("outcome")
    return {
        "id": apis.text(each, "id"),
        "state": apis.text(each, "state"),
        "outcome": outcome if isinstance(outcome, str) else None,
        "model": model,
        "modelName": models.get(model),
        "items": apis.number(each, "items"),
        "work": apis.number(each, "work"),
        "tier": apis.text(each, "tier"),
        "price": str(apis.number(each, "price")),
        "paid": str(apis.number(each, "paid")),
        "posted": apis.number(each, "posted"),
        "requester": account_json(context.data, apis.account(context, each.get("requester"))),
        "provider": account_json(context.data, apis.account(context, each.get("provider"))),
    }


def _receipt(context: Context, each: Record) -> Fields:
    return {
        "id": apis.text(each, "id"),
        "phase": apis.text(each, "phase"),
        "outputRoot": apis.text(each, "output_root"),
        "submitted": apis.number(each, "submitted"),
        "samples": apis.number(each, "sample_count"),
        "hadPlantedError": each.get("had_planted_error") is True,
        "challenges": len(apis.items(each.get("challenges"))),
        "seats": [
            {
                "verifier": account_json(context.data, apis.account(context, seat.get("verifier"))),
                "committed": seat.get("committed") is True,
                **_verdict(seat.get("verdict")),
            }
            for seat in apis.records(each.get("seats"))
        ],
    }


def _verdict(value: Plain) -> Fields:
    """Return a verdict by its name, with what it found where."""
    if isinstance(value, dict) and len(value) == 1:
        ((name, fields),) = value.items()
        inner = fields if isinstance(fields, dict) else {}
        return {"verdict": name, "found": {each: _place(inner.get(each)) for each in FOUND}}
    return {"verdict": value if isinstance(value, str) else None, "found": dict.fromkeys(FOUND, 0)}


def _place(value: Plain) -> int:
    return value if isinstance(value, int) else 0


FOUND: Final = ("item", "node", "element", "tensor", "leaf")
"""Fields of verdicts that say where an error is."""


def _price(each: Record) -> Fields:
    return {
        "class": apis.number(each, "model_class"),
        "name": apis.words(each.get("name")),
        "base": str(apis.number(each, "base")),
        "least": str(apis.number(each, "least")),
        "most": str(apis.number(each, "most")),
        "sold": apis.number(each, "sold"),
        "offered": apis.number(each, "offered"),
    }


async def _models(context: Context) -> dict[str, str]:
    """Return the names of the models by their numbers."""
    rows = apis.records(await ask(context, "WorkApi.models", None, MAX_MODELS))
    return {apis.text(each, "id"): apis.words(each.get("name")) for each in rows}


async def class_names(context: Context) -> dict[int, str]:
    """Return the names of the classes of models."""
    prices = apis.records(await ask(context, "WorkApi.prices"))
    return {apis.number(each, "model_class"): apis.words(each.get("name")) for each in prices}


async def providers_page(context: Context, after: str | None) -> Fields:
    """Return the providers with their bonds and their load."""
    begin = None if not after else context.data.address(account_of(context.data, after))
    found = apis.records(await ask(context, "WorkApi.providers", begin, PAGE + 1))
    names = await class_names(context)
    last = found[PAGE - 1] if len(found) > PAGE else None
    return {
        "at": context.index.final()[0],
        "providers": [provider_json(context, each, names) for each in found[:PAGE]],
        "next": None if last is None else apis.text(last, "provider"),
    }


def provider_json(context: Context, each: Record, names: dict[int, str]) -> Fields:
    """Return a provider: its bond, its load and what it serves."""
    info = apis.record(each.get("info"))
    classes = [apis.whole(one) for one in apis.items(info.get("classes"))]
    region = info.get("region")
    return {
        "account": account_json(context.data, apis.account(context, each.get("provider"))),
        "operator": account_json(context.data, apis.account(context, each.get("operator"))),
        "kind": apis.text(info, "kind"),
        "region": region if isinstance(region, int) else None,
        "classes": [names.get(one, str(one)) for one in classes],
        "capacity": apis.number(each, "capacity"),
        "busy": apis.number(each, "busy"),
        "active": str(apis.number(each, "active")),
        "reserved": str(apis.number(each, "reserved")),
        "leaving": str(apis.number(each, "leaving")),
        "lastHeartbeat": apis.number(each, "last_heartbeat"),
        "chilled": each.get("chilled") is True,
        "endpoints": shown(apis.words(info.get("endpoints")), PAGE_LENGTH),
    }
