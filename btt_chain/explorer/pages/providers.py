"""The page of a provider: its score with the factors, its work, earnings and penalties."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Final, TypedDict

from btt_chain.client.errors import ClientError
from btt_chain.explorer import apis
from btt_chain.explorer.apis import ask
from btt_chain.explorer.context import Context
from btt_chain.explorer.index.queries import END, AccountRow
from btt_chain.explorer.pages.blocks import split_events
from btt_chain.explorer.pages.clock import Clock, slot_clock
from btt_chain.explorer.pages.forms import PAGE, NoSuchPage, account_of, number_in, time_of
from btt_chain.explorer.pages.jobs import ProviderRow, class_names, provider_row
from btt_chain.explorer.pictures.svg import share
from btt_chain.present.visible import shown
from btt_chain.primitives.account import AccountId
from btt_chain.primitives.meaning import FLAT
from btt_chain.scale import u32
from runtime.pallets.jobs.api import WorkApi
from runtime.pallets.jobs.views import JobView
from runtime.pallets.mining.api import MiningApi
from runtime.pallets.mining.types import OperatorView

BLOCKS: Final = 200
"""Number of the last blocks naming a provider in which its earnings are looked for."""
FACTORS: Final = {
    "uptime": "share of heartbeats that came", "quality": "speed and success of jobs",
    "geography": "region where work is wanted", "energy": "work per kilowatt-hour",
}  # fmt: skip
"""Factors of a score besides the work itself, in words."""


@dataclass(frozen=True, slots=True)
class _Kind:
    """Events that change what a provider has: the field of its account, that of the amount."""

    words: str
    who: str
    amount: str | None
    sign: int


MONEY: Final = {
    "Jobs.Finalized": _Kind("paid for a job", "provider", "paid", 1),
    "Mining.RewardPaid": _Kind("share of the emission", "who", "amount", 1),
    "Providers.Slashed": _Kind("work was proven wrong", "provider", "amount", -1),
    "Providers.Fined": _Kind("a job was not done, or too many declined", "provider", "amount", -1),
    "Receipts.Submitted": _Kind("submitted a receipt", "provider", None, 0),
}
"""Events of earnings and penalties in words."""


class Factor(TypedDict):
    """A factor of a score."""

    name: str
    millionths: int


class ScoreRow(TypedDict):
    """The factors and the score of this era; the share in millionths."""

    operator: Annotated[OperatorView, FLAT]
    factors: list[Factor]
    product: int
    share: int
    reward: str | None
    ownWeight: str
    delegated: int


class EarningRow(TypedDict):
    """An event of earnings and penalties."""

    height: int
    time: int | None
    event: str
    what: str
    sign: int
    amount: str
    job: str | None


class Sums(TypedDict):
    """Number of judgements of the work, and the sums."""

    submitted: int
    valid: int
    fraud: int
    fined: int
    earned: str
    lost: str


class ProviderPage(ProviderRow):
    """A provider, the factors of its score, its jobs, earnings and penalties."""

    at: int
    clock: Clock | None
    score: ScoreRow | None
    jobs: list[JobView]
    earnings: list[EarningRow]
    sums: Sums
    blocks: int


async def provider_page(context: Context, text: str) -> ProviderPage:
    """Return a provider, the factors of its score, its jobs, earnings and penalties."""
    key = account_of(context.data, text)
    address = context.data.address(key)
    missing = f"{address} is not a provider."
    provider = await apis.find(context, WorkApi.provider, key, missing=missing)
    names = await class_names(context)
    row = context.index.account(key)
    money = [] if row is None else _money(context, row, address)
    jobs = await ask(context, WorkApi.jobs, key, False, None, u32(PAGE))
    return {
        **provider_row(provider, names),
        "account": key,
        "at": context.index.final()[0],
        "clock": await slot_clock(context),
        "score": await _score(context, key),
        "jobs": [job for job in jobs if job.provider == key],
        "earnings": money[:PAGE],
        "sums": _sums(money),
        "blocks": BLOCKS,
    }


async def _score(context: Context, key: AccountId) -> ScoreRow | None:
    """Return the factors and the score of this era; None on a chain without emission."""
    try:
        operator = await ask(context, MiningApi.operator, key)
        estimate = await ask(context, MiningApi.estimate, key, None)
    except NoSuchPage:
        return None
    weight = await ask(context, WorkApi.weight, key)
    factors = {name: int(getattr(operator, name)) for name in FACTORS}
    return {
        "operator": operator,
        "factors": [{"name": name, "millionths": factor} for name, factor in factors.items()],
        "product": _product([*factors.values()]),
        "share": share(operator.score, operator.total_score),
        "reward": None if estimate is None else str(int(estimate.reward)),
        "ownWeight": str(int(weight.own)),
        "delegated": len(weight.delegated),
    }


def _product(factors: list[int]) -> int:
    product = 10**6
    for each in factors:
        product = product * each // 10**6
    return product


def _money(context: Context, row: AccountRow, address: str) -> list[EarningRow]:
    """Return the events of earnings and penalties in the last blocks, the latest first."""
    heights: dict[int, None] = {}
    for touch in context.index.touches_below(row.id, END, END, BLOCKS):
        heights[touch.height] = None
    rows: list[EarningRow] = []
    for height in heights:
        rows += _money_of(context, height, address)
    return rows


def _money_of(context: Context, height: int, address: str) -> list[EarningRow]:
    row, body = context.index.block(height), context.index.body(height)
    if row is None or body is None:
        return []
    rows: list[EarningRow] = []
    for part in split_events(context, row, body):
        name = context.data.event_name(row.spec, part.pallet, part.event)
        kind = MONEY.get(name)
        if kind is None:
            continue
        try:
            fields = context.data.event(row.spec, body.events, part).fields
        except ClientError:
            continue  # it is on its block's page, with the reason
        amount = 0 if kind.amount is None else number_in(fields.get(kind.amount))
        if fields.get(kind.who) == address and amount is not None:
            job = fields.get("job")
            rows.append(
                {"height": height, "time": time_of(row.ms), "event": name, "what": kind.words,
                 "sign": kind.sign, "amount": str(amount),
                 "job": shown(job, 66) if isinstance(job, str) else None}
            )  # fmt: skip
    return rows


def _sums(money: list[EarningRow]) -> Sums:
    """Return how often the work was judged, and the sums."""
    events = [row["event"] for row in money]
    return {
        "submitted": events.count("Receipts.Submitted"),
        "valid": events.count("Jobs.Finalized"),
        "fraud": events.count("Providers.Slashed"),
        "fined": events.count("Providers.Fined"),
        "earned": str(sum(int(row["amount"]) for row in money if row["sign"] == 1)),
        "lost": str(sum(int(row["amount"]) for row in money if row["sign"] == -1)),
    }
