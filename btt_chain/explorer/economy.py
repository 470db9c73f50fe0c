"""The pages of the economy: their place in the navigation, names and pictures for templates.

Each belongs to a pallet; a chain without it has no link to the page, and the page says so.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from markupsafe import Markup

from btt_chain.explorer.context import Context
from btt_chain.explorer.pages import (
    assets,
    doctor,
    exchange,
    governance,
    jobs,
    merchants,
    models,
    payments,
    providers,
    staking,
    tokenomics,
)
from btt_chain.explorer.pages.clock import time_of_slot
from btt_chain.explorer.pages.forms import Fields, Json
from btt_chain.explorer.pictures.band import band
from btt_chain.explorer.pictures.depth import depth
from btt_chain.explorer.pictures.slots import slots
from btt_chain.explorer.pictures.steps import steps
from btt_chain.explorer.pictures.svg import Translate
from btt_chain.explorer.pictures.tally import tally
from btt_chain.explorer.pictures.weights import weights

LINKS: Final = (
    ("/governance", "Governance", "Referenda"),
    ("/jobs", "Jobs", "Jobs"),
    ("/tokenomics", "Tokenomics", "Tokenomics"),
    ("/staking", "Staking", "TierStaking"),
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
    "pools_in_words": tokenomics.POOLS,
    "burns": tokenomics.BURNS,
    "rows": tokenomics.ROWS,
    "assetStates": exchange.ASSET_STATES,
    "assetKinds": exchange.ASSET_KINDS,
    "rights": exchange.RIGHTS,
    "facilityKinds": payments.FACILITY_KINDS,
    "facilityStates": payments.FACILITY_STATES,
    "priceStates": payments.PRICE_STATES,
    "checks": models.CHECKS,
    "factors": providers.FACTORS,
    "roles": assets.ROLES,
    "merchantStates": merchants.MERCHANT_STATES,
    "causes": merchants.CAUSES,
    "verdictsOfDoctor": doctor.VERDICTS,
}
"""Names of the chain's variants in words, for templates."""


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


def vesting_curve(name: str, title: str, row: Fields, amount: Callable[[int], str]) -> Markup:
    """Return the curve of a row of the allocation, by years from genesis."""
    return steps(name, title, staking.vesting_steps(row), amount)


def values_picture(title: str, rows: list[Fields], amount: Callable[[int], str]) -> Markup:
    """Return the history of an asset's value, by its valuations."""
    return steps("values", title, assets.valuation_steps(rows), amount)


def weights_picture(years: list[Fields], names: list[str], t: Translate) -> Markup:
    """Return the weights of the chambers by year."""
    return weights(years, names, t)


def band_picture(made: int, expected: float, low: int, high: int, t: Translate) -> Markup:
    """Return the blocks of a validator against those to be expected."""
    return band(made, expected, low, high, t)


def slots_picture(strip: Fields, t: Translate) -> Markup:
    """Return the last slots by author."""
    return slots(strip, t)


GLOBALS: Final[Mapping[str, object]] = {
    **WORDS,
    "tally": tally_picture,
    "curve": curve,
    "depth": depth_picture,
    "ages_picture": ages_picture,
    "vesting_curve": vesting_curve,
    "values_picture": values_picture,
    "weights_picture": weights_picture,
    "band_picture": band_picture,
    "slots_picture": slots_picture,
    "slot_time": time_of_slot,
}
"""Names that templates use besides the fields of their page."""
