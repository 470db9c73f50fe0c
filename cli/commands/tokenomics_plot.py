"""Charts of the economy, as PNG and SVG, for `btt-chain tokenomics plot`.

All data are from `genesis.schedule` and `genesis.simulate`, that is from the runtime's own
functions and pallets. Floats appear only here, for the coordinates of points.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from btt_chain.extras import needs_extra
from cli.common.errors import Refused
from cli.common.files import output_file
from genesis.allocation import Kind, Reading, Row, Table, slots
from genesis.holders import table
from genesis.presets import Chain
from genesis.schedule import MONTHS, Release, emission, free_at, release
from genesis.simulate import Month, Plan, simulated
from runtime.constants import BTT

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


# Okabe and Ito's colours: distinguishable for (nearly) all readers, in print as well.
ORANGE, SKY, GREEN, YELLOW = "#E69F00", "#56B4E9", "#009E73", "#F0E442"
BLUE, RED, PINK, GREY, PALE = "#0072B2", "#D55E00", "#CC79A7", "#7F7F7F", "#E3E3E3"
SILVER: Final = "#BDBDBD"

STYLE: Final[dict[Any, Any]] = {
    "font.size": 12,
    "font.family": "DejaVu Sans",
    "axes.titlesize": 14,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.titlepad": 12,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.grid.axis": "y",
    "axes.axisbelow": True,
    "grid.color": "#DDDDDD",
    "legend.frameon": False,
    "legend.fontsize": 11,
    "figure.dpi": 100,
    "figure.constrained_layout.h_pad": 0.12,
    "figure.constrained_layout.w_pad": 0.12,
    "savefig.dpi": 144,
    "svg.fonttype": "path",
    # Equal charts have equal files.
    "svg.hashsalt": "btt-chain",
}

STAKED_SHARES: Final = (100_000, 200_000, 400_000)
"""Staked shares of the circulating supply whose runways are plotted, in millionths."""


def plot_all(chain: Chain, out: Path) -> Iterator[Path]:
    """Plot every chart of a chain's economy into `out`; yield each file once it is written.

    Refused if matplotlib is not installed.
    """
    try:
        import matplotlib as mpl
        from matplotlib.figure import Figure
    except ImportError:
        raise Refused(needs_extra("plotting needs matplotlib from", "plot")) from None
    out.mkdir(parents=True, exist_ok=True)
    pictures: dict[str, tuple[tuple[float, float], Callable[[Figure, Chain], None]]] = {
        "supply": ((11, 6.5), plot_supply),
        "release": ((11, 6.5), plot_release),
        "emission": ((11, 8), plot_emission),
        "staking": ((11, 9), plot_staking),
    }
    for name, (size, plot) in pictures.items():
        with mpl.rc_context(STYLE):
            figure = Figure(figsize=size, layout="constrained")
            plot(figure, chain)
            for kind in ("png", "svg"):
                path = out / f"{name}.{kind}"
                with output_file(path) as file:
                    metadata = {"Date": None} if kind == "svg" else None
                    figure.savefig(file, format=kind, metadata=metadata)
                yield path


# ---- supply by owner


class Layer(NamedTuple):
    """One area of the stack: a name, a colour, and its rows."""

    name: str
    colour: str
    rows: Sequence[Row]


def layers(rows: Table) -> list[Layer]:
    """Return the owners of a table, those who receive theirs first at the bottom."""

    def of(*kinds: Kind, group: str | None = None) -> list[Row]:
        return [row for row in rows.rows if row.kind in kinds and group in {None, row.group}]

    found = [
        Layer("liquidity", YELLOW, of(Kind.IMMEDIATE)),
        Layer("institutions", BLUE, of(Kind.LINEAR, group="institution")),
        Layer("team and advisors", SKY, of(Kind.LINEAR, group="team")),
        Layer("Foundation, if on time", GREEN, of(Kind.MILESTONE)),
        Layer("mining, as emitted", ORANGE, of(Kind.MINING)),
    ]
    return [layer for layer in found if layer.rows]


def plot_supply(figure: Figure, chain: Chain) -> None:
    """Plot the owners of spendable money, month by month, out of a constant supply."""
    rows = table(chain.document)
    at = points(rows, chain.slot_ms)
    axes = figure.subplots()
    stack, names, colours = [], [], []
    for layer in layers(rows):
        stack.append(
            [
                millions(sum(free_at(rows, row, slot, chain.slot_ms) for row in layer.rows))
                for slot in at
            ]
        )
        whole = sum(row.amount for row in layer.rows)
        names.append(f"{layer.name} ({100 * whole // rows.supply} %)")
        colours.append(layer.colour)
    free = [sum(column) for column in zip(*stack, strict=True)]
    decided = [row for row in rows.rows if row.kind in DECIDED]
    pools = millions(sum(row.amount for row in decided))
    supply = millions(rows.supply)
    stack.append([supply - pools - amount for amount in free])
    names.append("not yet free")
    colours.append(PALE)
    stack.append([pools for _ in at])
    share = 100 * sum(row.amount for row in decided) // rows.supply
    names.append(f"other pools, spent as decided ({share} %)")
    colours.append(SILVER)
    month = slots(1, chain.slot_ms)
    axes.stackplot([slot / month for slot in at], stack, labels=names, colors=colours, linewidth=0)
    axes.set_title(f"Who can spend what, month by month ({chain.preset})")
    axes.set_xlabel("months since genesis")
    axes.set_ylabel("million BTT")
    axes.yaxis.set_major_formatter("{x:g}")
    axes.set_xlim(0, MONTHS)
    axes.set_ylim(0, supply)
    axes.set_xticks(range(0, MONTHS + 1, 12))
    handles, labels = axes.get_legend_handles_labels()
    # In the visual order of the stack.
    axes.legend(handles[::-1], labels[::-1], loc="center left", bbox_to_anchor=(1.01, 0.5))


def points(rows: Table, slot_ms: int) -> list[int]:
    """Return the slots to plot: every month's end, and the slot before a cliff."""
    ends = [slots(month, slot_ms) for month in range(MONTHS + 1)]
    if rows.reading is not Reading.CLIFF:
        return ends
    cliffs = {slots(row.lock_months or 0, slot_ms) for row in rows.linear()}
    return sorted([*ends, *(cliff - 1 for cliff in cliffs if cliff)])


DECIDED: Final = {Kind.DISCRETIONARY, Kind.RESERVE, Kind.TREASURY}


# ---- release by year


def plot_release(figure: Figure, chain: Chain) -> None:
    """Plot the documents' table beside the sums of the rows in each year."""
    years = list(release(chain.preset))
    supply = table(chain.document).supply
    axes = figure.subplots()
    width = 0.38
    places = list(range(len(years)))

    def share(planck: int) -> float:
        return 100 * planck / supply

    axes.bar(
        [place - width / 2 - 0.02 for place in places],
        [share(year.table_planck) for year in years],
        width,
        color=PALE,
        edgecolor=GREY,
        label="the documents' table",
    )
    parts: list[tuple[str, str, Callable[[Release], int]]] = [
        ("liquidity, free from the start", YELLOW, lambda year: year.immediate_planck),
        ("vesting", BLUE, lambda year: year.vesting_planck),
        ("mining, as emitted", ORANGE, lambda year: year.mining_planck),
        ("Foundation, if on time", GREEN, lambda year: year.foundation_cap_planck),
    ]
    below = [0.0] * len(years)
    for name, colour, amount in parts:
        heights = [share(amount(year)) for year in years]
        if any(heights):
            right = [place + width / 2 + 0.02 for place in places]
            axes.bar(right, heights, width, bottom=below, color=colour, label=name)
        below = [base + height for base, height in zip(below, heights, strict=True)]
    for place, year in zip(places, years, strict=True):
        promised, given = share(year.table_planck), share(year.rows_planck)
        axes.text(place - width / 2 - 0.02, promised + 0.3, f"{promised:.0f} %", ha="center")
        axes.text(place + width / 2 + 0.02, given + 0.3, f"{given:.1f} %", ha="center")
    axes.set_title(f"Released by year: the table, and what the rows give ({chain.preset})")
    axes.set_xlabel("year by its label: 2025 is the chain's first year")
    axes.set_ylabel(f"% of the supply ({supply // int(BTT):,} BTT)")
    axes.set_xticks(places, [year.year for year in years])
    tallest = max(max(share(year.table_planck), share(year.rows_planck)) for year in years)
    axes.set_ylim(0, tallest * 1.12)
    axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.11), ncols=3)


# ---- emission


def plot_emission(figure: Figure, chain: Chain) -> None:
    """Plot the maximum emission of mining: in total, and in each month, by band."""
    rows = list(emission(chain.preset))
    pool = rows[-1].cumulative_planck
    top, bottom = figure.subplots(2, 1, sharex=True, height_ratios=(3, 2))
    total = [millions(row.cumulative_planck) for row in rows]
    monthly = [
        (after.cumulative_planck - before.cumulative_planck) / int(BTT) / 1_000
        for before, after in pairwise(rows)
    ]
    bands = ((0, ORANGE), (24, "#EDB84D"), (48, "#F3D08A"), (72, "#F9E7C4"))
    for start, colour in bands:
        span = range(start, start + 25)
        given = rows[start + 24].cumulative_planck - rows[start].cumulative_planck
        top.fill_between(span, [total[month] for month in span], color=colour, linewidth=0)
        # In the first band the line is low: further to the right there is room below it.
        middle = start + (12 if start else 17)
        top.text(
            middle,
            total[middle] * (0.45 if start else 0.36),
            f"years {start // 12 + 1} and {start // 12 + 2}\n{percent_of(given, pool)} %\n"
            f"{given // int(BTT):,} BTT",
            ha="center",
            va="center",
            fontsize=11,
        )
        months = list(range(start, start + 24))
        bottom.bar(
            [month + 0.5 for month in months],
            [monthly[month] for month in months],
            width=0.92,
            color=colour,
        )
    top.plot(range(MONTHS + 1), total, color=RED, linewidth=2)
    top.set_title(f"Mining: emitted so far, at most ({chain.preset})")
    top.set_ylabel("million BTT")
    top.set_ylim(0, total[-1] * 1.05)
    top.axhline(total[-1], color=GREY, linewidth=1, linestyle="--")
    top.text(1, total[-1] * 0.985, f"the pool: {pool // int(BTT):,} BTT", va="top", color="#555555")
    bottom.set_title("Emitted in each month")
    bottom.set_ylabel("thousand BTT")
    bottom.set_xlabel("months since genesis")
    bottom.set_xlim(0, MONTHS)
    bottom.set_xticks(range(0, MONTHS + 1, 12))


# ---- the staking pool


def plot_staking(figure: Figure, chain: Chain) -> None:
    """Plot the staking pool until it is empty; every number from the pallets, month by month."""
    runs = {
        share: list(simulated(chain, Plan(months=MONTHS, staked_ppm=share, daily=False)))
        for share in STAKED_SHARES
    }
    top, bottom = figure.subplots(2, 1, sharex=True)
    for (share, months), colour in zip(runs.items(), (GREEN, BLUE, RED), strict=True):
        plot_runway(top, share, months, colour)
    top.set_title(f"The staking pool: what no stake has reserved yet ({chain.preset})")
    top.set_ylabel("million BTT")
    top.set_ylim(bottom=0)
    top.legend(title="staked of what circulates, five tiers alike", loc="upper right")

    middle = STAKED_SHARES[1]
    months = runs[middle]
    at = [month.month for month in months]
    pool = months[0].stake_free_planck + months[0].stake_committed_planck
    free = [millions(month.stake_free_planck) for month in months]
    committed = [millions(month.stake_committed_planck) for month in months]
    gone = [
        max(0.0, millions(pool - month.stake_free_planck - month.stake_committed_planck))
        for month in months
    ]
    bottom.stackplot(
        at,
        [gone, committed, free],
        labels=["paid to stakers, and burned", "reserved for open stakes", "free"],
        colors=[ORANGE, SKY, PALE],
        linewidth=0,
    )
    bottom.set_title(f"The same pool at {middle // 10_000} %: every promise is reserved when made")
    bottom.set_ylabel("million BTT")
    bottom.set_xlabel("months since genesis")
    bottom.set_xlim(0, MONTHS)
    bottom.set_ylim(0, millions(pool))
    bottom.set_xticks(range(0, MONTHS + 1, 12))
    bottom.legend(loc="upper left", frameon=True, facecolor="white", edgecolor="white")


def plot_runway(axes: Axes, share: int, months: Sequence[Month], colour: str) -> None:
    """Plot one line: the free balance, and its end."""
    free = [millions(month.stake_free_planck) for month in months]
    least = months[0].stake_free_planck // 100
    dry = next((month.month for month in months if month.stake_free_planck < least), None)
    said = "lasts eight years" if dry is None else f"reserved whole by month {dry}"
    axes.plot(
        [month.month for month in months],
        free,
        color=colour,
        linewidth=2.5,
        label=f"{share // 10_000} %: {said}",
    )


# ---- units of the charts


def millions(planck: int) -> float:
    """Return millions of BTT."""
    return planck / int(BTT) / 1_000_000


def percent_of(part: int, whole: int) -> int:
    """Return whole percents."""
    return 100 * part // whole
