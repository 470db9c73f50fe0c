"""The pages of the economy: their paths, their place in the navigation, names for templates.

Each belongs to a pallet; a chain without it has no link to the page, and the page says so.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Final, TypeAlias

from aiohttp import web
from markupsafe import Markup

from btt_chain.explorer.context import Context
from btt_chain.explorer.language import Language
from btt_chain.explorer.pages import exchange, governance, jobs, payments, tokenomics
from btt_chain.explorer.pages.forms import Fields, Json
from btt_chain.explorer.pictures.depth import depth
from btt_chain.explorer.pictures.steps import steps
from btt_chain.explorer.pictures.svg import Translate
from btt_chain.explorer.pictures.tally import tally

View: TypeAlias = Callable[[web.Request, Language], Awaitable[Fields]]

LINKS: Final = (
    ("/governance", "Governance", "Referenda"),
    ("/jobs", "Jobs", "Jobs"),
    ("/tokenomics", "Tokenomics", "Tokenomics"),
    ("/exchange", "Exchange", "Exchange"),
    ("/payfi", "Payments", "PayFi"),
    ("/facilities", "Facilities", "Facilities"),
    ("/oracle", "Oracle", "Oracle"),
)
"""Path, name and pallet of the pages in the navigation."""

WORDS: Final[Mapping[str, Mapping[str, str]]] = {
    "stages": governance.STAGES,
    "states": jobs.STATES,
    "outcomes": jobs.OUTCOMES,
    "phases": jobs.PHASES,
    "verdicts": jobs.VERDICTS,
    "kinds": jobs.KINDS,
    "reasons": tokenomics.REASONS,
    "burns": tokenomics.BURNS,
    "rows": tokenomics.ROWS,
    "assetStates": exchange.ASSET_STATES,
    "assetKinds": exchange.ASSET_KINDS,
    "rights": exchange.RIGHTS,
    "facilityKinds": payments.FACILITY_KINDS,
    "facilityStates": payments.FACILITY_STATES,
    "priceStates": payments.PRICE_STATES,
}
"""Names of the chain's variants in words, for templates."""


def pages(context: Context) -> list[tuple[str, str, View]]:
    """Return path, template and view of each page."""
    return [
        (
            "/governance",
            "governance.html",
            lambda r, _: governance.governance_page(context, r.query.get("below")),
        ),
        (
            "/referendum/{index}",
            "referendum.html",
            lambda r, _: governance.referendum_page(context, r.match_info["index"]),
        ),
        (
            "/jobs",
            "jobs.html",
            lambda r, _: jobs.jobs_page(context, r.query.get("after"), only_open="open" in r.query),
        ),
        ("/job/{job}", "job.html", lambda r, _: jobs.job_page(context, r.match_info["job"])),
        (
            "/providers",
            "providers.html",
            lambda r, _: jobs.providers_page(context, r.query.get("after")),
        ),
        ("/tokenomics", "tokenomics.html", lambda _r, _l: tokenomics.tokenomics_page(context)),
        (
            "/exchange",
            "exchange.html",
            lambda r, _: exchange.exchange_page(context, r.query.get("from")),
        ),
        (
            "/market/{asset}",
            "market.html",
            lambda r, _: exchange.market_page(context, r.match_info["asset"]),
        ),
        ("/payfi", "payfi.html", lambda _r, _l: payments.payfi_page(context)),
        (
            "/facilities",
            "facilities.html",
            lambda r, _: payments.facilities_page(context, r.query.get("after")),
        ),
        ("/oracle", "oracle.html", lambda _r, _l: payments.oracle_page(context)),
    ]


def links(context: Context) -> list[Json]:
    """Return the links of the navigation to pages that the chain has."""
    metadata = context.data.latest()
    if metadata is None:
        return []
    pallets = {pallet.name for pallet in metadata.items.runtime.pallets}
    return [[path, name] for path, name, pallet in LINKS if pallet in pallets]


def tally_picture(poll: Fields, t: Translate) -> Markup:
    """Return the picture of a referendum's votes."""
    return tally(governance.counted(poll), t)


def curve(
    name: str, title: str, years: list[Fields], column: str, amount: Callable[[int], str]
) -> Markup:
    """Return the curve of one column of the table by year."""
    return steps(name, title, tokenomics.year_steps(years, column), amount)


def depth_picture(
    bids: list[Fields],
    asks: list[Fields],
    trades: list[Fields],
    amount: Callable[[int], str],
    t: Translate,
) -> Markup:
    """Return the picture of an order book; the newest auction is the first of `trades`."""
    last = int(str(trades[0]["price"])) if trades else None
    return depth(exchange.levels(bids), exchange.levels(asks), last, amount, t)


def ages_picture(title: str, ages: list[Fields]) -> Markup:
    """Return the histogram of the batches that wait, by the minutes until they are due."""
    return steps("ages", title, payments.age_steps(ages), str)


GLOBALS: Final[Mapping[str, object]] = {
    **WORDS,
    "tally": tally_picture,
    "curve": curve,
    "depth": depth_picture,
    "ages_picture": ages_picture,
}
"""Names that templates use besides the fields of their page."""
