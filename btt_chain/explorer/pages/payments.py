"""Pages of payments, facilities with the statistics of points, and the oracle."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Final, TypedDict

from btt_chain.explorer.apis import ask
from btt_chain.explorer.context import Context
from btt_chain.explorer.pages import merchants, statistics
from btt_chain.explorer.pages.forms import PAGE, account_of, text_of
from btt_chain.explorer.pages.merchants import MerchantList
from btt_chain.primitives.account import AccountId
from btt_chain.primitives.meaning import FLAT, Flat
from btt_chain.scale import u32
from runtime.pallets.facilities.api import FacilitiesApi, FacilityView, HospitalCount
from runtime.pallets.incentives.stats import Statistics
from runtime.pallets.oracle.api import FeederView, OracleApi, PriceView
from runtime.pallets.payfi.api import BucketView, PayFiApi

MINUTE_MS: Final = 60_000
COLUMN: Final = 10
"""Minutes of a column of the histogram."""
COLUMNS: Final = 13
"""Columns of the histogram: two hours, and the rest."""

FACILITY_STATES: Final = {
    "Asked": "waits for a decision", "Active": "active", "Suspended": "suspended", "Left": "left",
}  # fmt: skip
PRICE_STATES: Final = {
    "Ready": "usable", "Few": "too few feeders", "Stale": "too old",
    "Jumping": "moved too far, not settled yet",
}  # fmt: skip


class BucketRow(TypedDict):
    """A bucket of batches, and the minutes until it is due."""

    record: Annotated[BucketView, FLAT]
    due: int
    minutes: int
    isLate: bool


Age = TypedDict("Age", {"from": int, "batches": int})
"""A column of the histogram: the batches that are due from a number of minutes on."""


class PayfiPage(MerchantList):
    """The payments that wait for settlement, when they are due, and a page of merchants."""

    at: int
    now: int | None
    batches: int
    buckets: list[BucketRow]
    ages: list[Age]
    arbiters: list[AccountId]


class FacilityRow(TypedDict):
    """A facility of a list."""

    facility: Annotated[FacilityView, Flat(("facility",))]


class FacilitiesPage(TypedDict):
    """The facilities, the hospitals that count, and the statistics of points."""

    at: int
    hospitals: HospitalCount
    facilities: list[FacilityRow]
    statistics: Statistics | None
    next: str | None


class PriceRow(TypedDict):
    """A price with its state and rule."""

    price: Annotated[PriceView, Flat(("rule",))]
    value: str | None
    time: int | None
    isWaiting: bool


class FedValue(TypedDict):
    """The newest value of a feeder for a key."""

    key: str
    value: str
    time: int | None


class FeederRow(TypedDict):
    """A feeder with its newest values."""

    feeder: Annotated[FeederView, Flat(("feeder",))]
    values: list[FedValue]


class OraclePage(TypedDict):
    """The prices with their states, and the feeders."""

    at: int
    prices: list[PriceRow]
    feeders: list[FeederRow]


async def payfi_page(context: Context, after: str | None) -> PayfiPage:
    """Return the payments that wait for settlement, when they are due, and a page of merchants."""
    queue = await ask(context, PayFiApi.queue)
    block = context.index.block(context.index.final()[0])
    now = block.ms if block else 0
    buckets = [_bucket(bucket, now) for bucket in queue]
    return {
        "at": context.index.final()[0],
        "now": now or None,
        "batches": sum(int(bucket.merchants) for bucket in queue),
        "buckets": buckets,
        "ages": histogram([(row["minutes"], int(row["record"].merchants)) for row in buckets]),
        **await merchants.merchants(context, after),
        "arbiters": [arbiter.account for arbiter in await ask(context, PayFiApi.arbiters)],
    }


def _bucket(bucket: BucketView, now: int) -> BucketRow:
    due = int(bucket.due_ms)
    minutes = max(due - now, 0) // MINUTE_MS
    return {"record": bucket, "due": due, "minutes": minutes, "isLate": due < now}


def histogram(batches: Iterable[tuple[int, int]]) -> list[Age]:
    """Return the number of batches by the minutes until they are due, in columns of ten.

    `batches` are minutes with numbers of batches.
    """
    counts = [0] * COLUMNS
    for minutes, count in batches:
        counts[min(minutes // COLUMN, COLUMNS - 1)] += count
    return [{"from": at * COLUMN, "batches": count} for at, count in enumerate(counts)]


async def facilities_page(context: Context, after: str | None) -> FacilitiesPage:
    """Return the facilities, the hospitals that count, and the statistics of points."""
    begin = account_of(context.data, after) if after else None
    facilities = await ask(context, FacilitiesApi.facilities, begin, u32(PAGE + 1))
    last = facilities[PAGE - 1] if len(facilities) > PAGE else None
    return {
        "at": context.index.final()[0],
        "hospitals": await ask(context, FacilitiesApi.count),
        "facilities": [{"facility": facility} for facility in facilities[:PAGE]],
        "statistics": await statistics.latest(context),
        "next": None if last is None else context.data.address(last.account),
    }


async def oracle_page(context: Context) -> OraclePage:
    """Return the prices with their states, and the feeders."""
    prices = await ask(context, OracleApi.prices)
    feeders = await ask(context, OracleApi.feeders)
    return {
        "at": context.index.final()[0],
        "prices": [_price(price) for price in prices],
        "feeders": [_feeder(feeder) for feeder in feeders],
    }


def _price(price: PriceView) -> PriceRow:
    value = price.value
    return {
        "price": price,
        "value": None if value is None else str(int(value.value)),
        "time": None if value is None else int(value.timestamp) or None,
        "isWaiting": price.waiting is not None,
    }


def _feeder(feeder: FeederView) -> FeederRow:
    return {
        "feeder": feeder,
        "values": [
            {"key": text_of(key), "value": str(int(fed.value)), "time": int(fed.timestamp) or None}
            for key, fed in feeder.values
        ],
    }
