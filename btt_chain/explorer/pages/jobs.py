"""Pages of useful work: jobs, the course of one, and providers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Final, TypedDict, cast

from btt_chain.explorer import apis
from btt_chain.explorer.apis import ask
from btt_chain.explorer.context import Context
from btt_chain.explorer.pages.clock import Clock, slot_clock
from btt_chain.explorer.pages.forms import PAGE, account_of, hex_of, id_of, text_of
from btt_chain.primitives.account import AccountId
from btt_chain.primitives.meaning import FLAT, Flat
from btt_chain.scale import u32
from runtime.pallets.jobs.api import WorkApi
from runtime.pallets.jobs.views import ClassPrice, JobView, ProviderView, ReceiptView, SeatView

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


class JobRow(TypedDict):
    """A job of a list."""

    job: Annotated[JobView, FLAT]
    modelName: str | None


class Found(TypedDict):
    """The place of an error that a verifier found."""

    item: int
    node: int
    element: int
    tensor: int
    leaf: int


class SeatRow(TypedDict):
    """A verifier's seat, its verdict by name, and the place of the error."""

    seat: Annotated[SeatView, FLAT]
    verdict: str | None
    found: Found


class ReceiptRow(TypedDict):
    """A receipt with its committee."""

    receipt: Annotated[ReceiptView, FLAT]
    samples: int
    challenges: int
    seats: list[SeatRow]


class StepRow(TypedDict):
    """A state in the course of a job: done, now or ahead."""

    state: str
    part: str


PriceRow = TypedDict("PriceRow", {"price": Annotated[ClassPrice, FLAT], "class": int})
"""The price of work of a class, with its number."""


class JobsPage(TypedDict):
    """The jobs, by their numbers, and prices of work."""

    at: int
    clock: Clock | None
    onlyOpen: bool
    jobs: list[JobRow]
    prices: list[PriceRow]
    next: str | None


class JobPage(JobRow):
    """A job: its course, price and committee."""

    steps: list[StepRow]
    clock: Clock | None
    accepted: int | None
    due: int | None
    receipt: ReceiptRow | None


class ProviderRow(TypedDict):
    """A provider: its bond, its load and what it serves."""

    provider: Annotated[ProviderView, Flat(("info",))]
    account: AccountId
    classes: list[str]
    endpoints: str


class ProvidersPage(TypedDict):
    """The providers, in the order of their hashed keys."""

    at: int
    providers: list[ProviderRow]
    next: str | None


async def jobs_page(context: Context, after: str | None, *, only_open: bool) -> JobsPage:
    """Return the jobs, by their numbers."""
    begin = id_of(after, "a job") if after else None
    jobs = await ask(context, WorkApi.jobs, None, only_open, begin, u32(PAGE + 1))
    models = await _models(context)
    return {
        "at": context.index.final()[0],
        "clock": await slot_clock(context),
        "onlyOpen": only_open,
        "jobs": [_job(job, models) for job in jobs[:PAGE]],
        "prices": [
            {"price": price, "class": int(price.model_class)}
            for price in await ask(context, WorkApi.prices)
        ],
        "next": hex_of(jobs[PAGE - 1].id) if len(jobs) > PAGE else None,
    }


async def job_page(context: Context, text: str) -> JobPage:
    """Return a job, by its number or that of its receipt: its course, price and committee."""
    id = id_of(text, "a job")
    job = await ask(context, WorkApi.job, id)
    if job is None:
        missing = f"There is no job {hex_of(id)}, or it ended too long ago."
        job = await apis.find(context, WorkApi.receipt, id, missing=missing)
    return {
        **_job(job, await _models(context)),
        "steps": steps(job.state.name),
        "clock": await slot_clock(context),
        "accepted": int(job.accepted) or None,
        "due": int(job.due) or None,
        "receipt": None if job.receipt is None else _receipt(job.receipt),
    }


def steps(state: str) -> list[StepRow]:
    """Return the course of a job: each state is done, now or ahead; a bad end comes last."""
    if state not in COURSE:  # which of them a failed job went through is not stored
        return [{"state": "Posted", "part": "done"}, {"state": state, "part": "now"}]
    at = COURSE.index(state)
    return [
        {"state": each, "part": "done" if place < at else "now" if place == at else "ahead"}
        for place, each in enumerate(COURSE)
    ]


def _job(job: JobView, models: Mapping[bytes, str]) -> JobRow:
    return {"job": job, "modelName": models.get(job.model)}


def _receipt(receipt: ReceiptView) -> ReceiptRow:
    return {
        "receipt": receipt,
        "samples": int(receipt.sample_count),
        "challenges": len(receipt.challenges),
        "seats": [
            {
                "seat": seat,
                "verdict": None if seat.verdict is None else seat.verdict.NAME,
                "found": _found(seat.verdict),
            }
            for seat in receipt.seats
        ],
    }


def _found(verdict: object) -> Found:
    places = {name: int(getattr(verdict, name, 0)) for name in Found.__annotations__}
    return cast("Found", places)


async def _models(context: Context) -> dict[bytes, str]:
    """Return the names of the models by their numbers."""
    models = await ask(context, WorkApi.models, None, u32(MAX_MODELS))
    return {model.id: text_of(model.name) for model in models}


async def class_names(context: Context) -> dict[int, str]:
    """Return the names of the classes of models."""
    prices = await ask(context, WorkApi.prices)
    return {int(price.model_class): text_of(price.name) for price in prices}


async def providers_page(context: Context, after: str | None) -> ProvidersPage:
    """Return the providers with their bonds and their load."""
    begin = account_of(context.data, after) if after else None
    providers = await ask(context, WorkApi.providers, begin, u32(PAGE + 1))
    names = await class_names(context)
    last = providers[PAGE - 1] if len(providers) > PAGE else None
    return {
        "at": context.index.final()[0],
        "providers": [provider_row(provider, names) for provider in providers[:PAGE]],
        "next": None if last is None else context.data.address(last.provider),
    }


def provider_row(provider: ProviderView, names: Mapping[int, str]) -> ProviderRow:
    """Return a provider: its bond, its load and what it serves."""
    classes = [int(model_class) for model_class in provider.info.classes]
    return {
        "provider": provider,
        "account": provider.provider,
        "classes": [names.get(number, str(number)) for number in classes],
        "endpoints": text_of(provider.info.endpoints),
    }
