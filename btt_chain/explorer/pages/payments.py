"""Pages of payments, facilities with the statistics of points, and the oracle."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from btt_chain.explorer import apis
from btt_chain.explorer.apis import Record, ask
from btt_chain.explorer.context import Context
from btt_chain.explorer.pages import merchants, statistics
from btt_chain.explorer.pages.forms import (
    PAGE,
    Fields,
    Json,
    account_json,
    account_of,
)
from btt_chain.explorer.pictures.steps import Step
from btt_chain.present.visible import shown

MINUTE_MS: Final = 60_000
COLUMN: Final = 10
"""Minutes of a column of the histogram."""
COLUMNS: Final = 13
"""Columns of the histogram: two hours, and the rest."""

FACILITY_KINDS: Final = {
    "Hospital": "hospital", "Clinic": "clinic", "Pharmacy": "pharmacy",
    "Laboratory": "laboratory", "Insurer": "insurer", "Partner": "partner",
    "Educator": "educator", "Auditor": "auditor", "Issuer": "issuer of vouchers",
}  # fmt: skip
FACILITY_STATES: Final = {
    "Asked": "waits for a decision", "Active": "active", "Suspended": "suspended", "Left": "left",
}  # fmt: skip
PRICE_STATES: Final = {
    "Ready": "usable", "Few": "too few feeders", "Stale": "too old",
    "Jumping": "moved too far, not settled yet",
}  # fmt: skip


async def payfi_page(context: Context, after: str | None) -> Fields:
    """Return the payments that wait for settlement, when they are due, and a page of merchants."""
    queue = apis.records(await ask(context, "PayFiApi.queue"))
    block = context.index.block(context.index.final()[0])
    now = block.ms if block else 0
    buckets = [_bucket(each, now) for each in queue]
    return {
        "at": context.index.final()[0],
        "now": now or None,
        "batches": sum(apis.number(each, "merchants") for each in queue),
        "buckets": [*buckets],
        "ages": histogram(buckets),
        **await merchants.merchants(context, after),
        "arbiters": [
            account_json(context.data, apis.account(context, each.get("account")))
            for each in apis.records(await ask(context, "PayFiApi.arbiters"))
        ],
    }


def _bucket(each: Record, now: int) -> Fields:
    due, gross = apis.number(each, "due_ms"), each.get("gross")
    return {
        "bucket": apis.number(each, "bucket"),
        "due": due,
        "minutes": max(due - now, 0) // MINUTE_MS,
        "isLate": due < now,
        "merchants": apis.number(each, "merchants"),
        "gross": str(gross) if isinstance(gross, int) else None,
    }


def histogram(buckets: Sequence[Fields]) -> list[Json]:
    """Return how many merchants' batches are due in how many minutes, in columns of ten."""
    counts = [0] * COLUMNS
    for each in buckets:
        column = min(apis.number(each, "minutes") // COLUMN, COLUMNS - 1)
        counts[column] += apis.number(each, "merchants")
    return [{"from": at * COLUMN, "batches": count} for at, count in enumerate(counts)]


def age_steps(ages: Sequence[Fields]) -> list[Step]:
    """Return the columns of the histogram; the last has all later ones."""
    found = [Step(str(each["from"]), apis.number(each, "batches")) for each in ages]
    return [*found[:-1], *(Step(f"{last.name}+", last.value) for last in found[-1:])]


async def facilities_page(context: Context, after: str | None) -> Fields:
    """Return the facilities, the hospitals that count, and the statistics of points."""
    begin = None if not after else context.data.address(account_of(context.data, after))
    found = apis.records(await ask(context, "FacilitiesApi.facilities", begin, PAGE + 1))
    count = apis.record(await ask(context, "FacilitiesApi.count"))
    return {
        "at": context.index.final()[0],
        "hospitals": {
            "counted": apis.number(count, "counted"), "active": apis.number(count, "active"),
        },
        "facilities": [_facility(context, each) for each in found[:PAGE]],
        "statistics": await statistics.latest(context),
        "next": apis.text(found[PAGE - 1], "account") if len(found) > PAGE else None,
    }  # fmt: skip


def _facility(context: Context, each: Record) -> Fields:
    facility = apis.record(each.get("facility"))
    return {
        "account": account_json(context.data, apis.account(context, each.get("account"))),
        "kind": apis.text(facility, "kind"),
        "region": apis.number(facility, "region"),
        "state": apis.text(facility, "state"),
        "bond": str(apis.number(facility, "bond")),
        "knownGood": each.get("known_good") is True,
        "counted": each.get("counted") is True,
    }


async def oracle_page(context: Context) -> Fields:
    """Return the prices with their states, and the feeders."""
    prices = apis.records(await ask(context, "OracleApi.prices"))
    feeders = apis.records(await ask(context, "OracleApi.feeders"))
    return {
        "at": context.index.final()[0],
        "prices": [_price(each) for each in prices],
        "feeders": [_feeder(context, each) for each in feeders],
    }


def _price(each: Record) -> Fields:
    value, rule = apis.optional(each.get("value")), apis.record(each.get("rule"))
    return {
        "key": shown(apis.words(each.get("key"))),
        "state": apis.text(each, "state"),
        "value": None if value is None else str(apis.number(value, "value")),
        "time": None if value is None else apis.number(value, "timestamp") or None,
        "isWaiting": each.get("waiting") is not None,
        "minCount": apis.number(rule, "min_count"),
        "expiresMs": apis.number(rule, "expires_ms"),
    }


def _feeder(context: Context, each: Record) -> Fields:
    feeder = apis.record(each.get("feeder"))
    values: list[Json] = []
    for row in apis.items(each.get("values")):
        key, value = apis.pair(row)
        fed = apis.record(value)
        values.append(
            {"key": shown(apis.words(key)), "value": str(apis.number(fed, "value")),
             "time": apis.number(fed, "timestamp") or None}
        )  # fmt: skip
    return {
        "account": account_json(context.data, apis.account(context, each.get("account"))),
        "bond": str(apis.number(feeder, "bond")),
        "fed": apis.number(feeder, "fed"),
        "missed": apis.number(feeder, "missed"),
        "values": values,
    }
