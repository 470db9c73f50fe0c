"""The page of a provider: its score with the factors, its work, earnings and penalties."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from btt_chain.client.errors import ClientError
from btt_chain.explorer import apis
from btt_chain.explorer.apis import Record, ask
from btt_chain.explorer.context import Context
from btt_chain.explorer.index.queries import END, AccountRow
from btt_chain.explorer.pages.blocks import split_events
from btt_chain.explorer.pages.clock import slot_clock
from btt_chain.explorer.pages.forms import (
    PAGE,
    Fields,
    Json,
    NoSuchPage,
    account_json,
    account_of,
    number_in,
    time_of,
)
from btt_chain.explorer.pages.jobs import class_names, provider_json
from btt_chain.present.visible import shown

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


async def provider_page(context: Context, text: str) -> Fields:
    """Return a provider, the factors of its score, its jobs, earnings and penalties."""
    key = account_of(context.data, text)
    address = context.data.address(key)
    missing = f"{address} is not a provider."
    found = await apis.find(context, "WorkApi.provider", address, missing=missing)
    names = await class_names(context)
    row = context.index.account(key)
    money = [] if row is None else _money(context, row, address)
    return {
        **provider_json(context, found, names),
        "account": account_json(context.data, key),
        "at": context.index.final()[0],
        "clock": await slot_clock(context),
        "score": await _score(context, address),
        "jobs": await _jobs(context, address),
        "earnings": [*money[:PAGE]],
        "sums": _sums(money),
        "blocks": BLOCKS,
    }


async def _score(context: Context, address: str) -> Json:
    """Return the factors and the score of this era; None on a chain without emission."""
    try:
        found = apis.record(await ask(context, "MiningApi.operator", address))
        estimate = apis.optional(await ask(context, "MiningApi.estimate", address, None))
    except NoSuchPage:
        return None
    weight = apis.record(await ask(context, "WorkApi.weight", address))
    total, score = apis.number(found, "total_score"), apis.number(found, "score")
    return {
        "factors": [{"name": name, "millionths": apis.number(found, name)} for name in FACTORS],
        "product": _product([apis.number(found, name) for name in FACTORS]),
        "score": str(score),
        "share": score * 10**6 // total if total else 0,
        "operators": apis.number(found, "operators"),
        "reward": None if estimate is None else str(apis.number(estimate, "reward")),
        "ownWeight": str(apis.number(weight, "own")),
        "delegated": len(apis.items(weight.get("delegated"))),
    }


def _product(factors: list[int]) -> int:
    product = 10**6
    for each in factors:
        product = product * each // 10**6
    return product


async def _jobs(context: Context, address: str) -> list[Json]:
    rows = apis.records(await ask(context, "WorkApi.jobs", address, False, None, PAGE))
    return [
        {
            "id": apis.text(each, "id"),
            "state": apis.text(each, "state"),
            "outcome": _outcome(each),
            "price": str(apis.number(each, "price")),
            "paid": str(apis.number(each, "paid")),
            "posted": apis.number(each, "posted"),
        }
        for each in rows
        if each.get("provider") == address
    ]


def _outcome(each: Record) -> Json:
    outcome = each.get("outcome")
    return outcome if isinstance(outcome, str) else None


def _money(context: Context, row: AccountRow, address: str) -> list[Fields]:
    """Return the events of earnings and penalties in the last blocks, the latest first."""
    heights: dict[int, None] = {}
    for touch in context.index.touches_below(row.id, END, END, BLOCKS):
        heights[touch.height] = None
    found: list[Fields] = []
    for height in heights:
        found += _money_of(context, height, address)
    return found


def _money_of(context: Context, height: int, address: str) -> list[Fields]:
    row, body = context.index.block(height), context.index.body(height)
    if row is None or body is None:
        return []
    found: list[Fields] = []
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
            found.append(
                {"height": height, "time": time_of(row.ms), "event": name, "what": kind.words,
                 "sign": kind.sign, "amount": str(amount),
                 "job": shown(job, 66) if isinstance(job, str) else None}
            )  # fmt: skip
    return found


def _sums(money: list[Fields]) -> Fields:
    """Return how often the work was judged, and the sums."""
    counts = {"submitted": "Receipts.Submitted", "valid": "Jobs.Finalized",
              "fraud": "Providers.Slashed", "fined": "Providers.Fined"}  # fmt: skip
    events = [each["event"] for each in money]
    return {
        **{name: events.count(event) for name, event in counts.items()},
        "earned": str(sum(int(str(each["amount"])) for each in money if each["sign"] == 1)),
        "lost": str(sum(int(str(each["amount"])) for each in money if each["sign"] == -1)),
    }
