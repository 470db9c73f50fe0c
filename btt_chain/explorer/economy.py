"""The pages of the economy: their place in the navigation, names and pictures for templates.

Each belongs to a pallet; a chain without it has no link to the page, and the page says so.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Final

from markupsafe import Markup

from btt_chain.explorer.context import Context
from btt_chain.explorer.pages import (
    doctor,
    exchange,
    governance,
    jobs,
    merchants,
    models,
    payments,
    providers,
    tokenomics,
)
from btt_chain.explorer.pages.clock import time_of_slot
from btt_chain.explorer.pages.forms import Fields
from btt_chain.explorer.pictures.band import band
from btt_chain.explorer.pictures.depth import Level, depth
from btt_chain.explorer.pictures.slots import slots
from btt_chain.explorer.pictures.steps import Step, steps
from btt_chain.explorer.pictures.svg import Translate
from btt_chain.explorer.pictures.tally import tally
from btt_chain.explorer.pictures.weights import weights
from btt_chain.present import Json

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
    "reasons": tokenomics.REASONS,
    "pools_in_words": tokenomics.POOLS,
    "burns": tokenomics.BURNS,
    "releases": tokenomics.ROWS,
    "assetStates": exchange.ASSET_STATES,
    "facilityStates": payments.FACILITY_STATES,
    "priceStates": payments.PRICE_STATES,
    "checks": models.CHECKS,
    "factors": providers.FACTORS,
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


def curve(
    name: str, title: str, rows: Sequence[Fields], label: str, column: str,
    amount: Callable[[int], str], *, is_open: bool = False,
) -> Markup:  # fmt: skip
    """Return the curve of one column of a table over another, or over the numbers of its rows.

    `is_open`: the last row is that of all later ones.
    """
    points = [
        Step(str(row[label] if label else number), int(str(row[column])))
        for number, row in enumerate(rows, 1)
    ]
    if is_open and points:
        points[-1] = Step(f"{points[-1].name}+", points[-1].value)
    return steps(name, title, points, amount)


def depth_picture(
    bids: Sequence[Fields],
    asks: Sequence[Fields],
    trades: Sequence[Fields],
    amount: Callable[[int], str],
    t: Translate,
) -> Markup:
    """Return the picture of an order book; the newest auction is the first of `trades`."""
    last = int(str(trades[0]["price"])) if trades else None
    bought, sold = (
        [Level(int(str(row["price"])), int(str(row["units"]))) for row in rows]
        for rows in (bids, asks)
    )
    return depth(bought, sold, last, amount, t)


GLOBALS: Final[Mapping[str, object]] = {
    **WORDS,
    "tally": lambda poll, t: tally(governance.counted(poll), t),
    "curve": curve,
    "depth": depth_picture,
    "weights_picture": weights,
    "band_picture": band,
    "slots_picture": slots,
    "slot_time": time_of_slot,
}
"""Names that templates use besides the fields of their page."""
