"""Plot the charts of docs/useful-work.md: python scripts/plot_useful_work.py

Numbers are from the runtime's own functions where there are any (`runtime/splits.py`); the others
are the arithmetic of the page itself. Floats are used only for coordinates.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from math import comb
from pathlib import Path
from typing import TYPE_CHECKING, Final

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

import matplotlib as mpl  # noqa: E402
from matplotlib.figure import Figure  # noqa: E402
from matplotlib.patches import FancyArrowPatch, FancyBboxPatch  # noqa: E402

from cli.commands.tokenomics_plot import (  # noqa: E402
    BLUE,
    GREEN,
    GREY,
    ORANGE,
    PALE,
    PINK,
    RED,
    SKY,
    STYLE,
    YELLOW,
)
from runtime.constants import BTT  # noqa: E402
from runtime.splits import split_compute  # noqa: E402

if TYPE_CHECKING:
    from matplotlib.axes import Axes

OUT: Final = ROOT / "docs" / "useful-work"

KAPPA: Final = 0.18
"""Upper bound of mining, as a part of a job's burned amount and payments to the funds."""
BURN: Final = 0.01
"""Burned part of the price at its minimum: the best case for a requester that pays itself."""

STEPS: Final = (
    ("posted", "requester", "escrow held: price,\nverifiers, deposit"),
    ("assigned", "chain", "a provider is selected\nby a later beacon"),
    ("computing", "provider", "accepts; payload is\nsealed to it, fetched"),
    ("committed", "provider", "roots over every\ntensor of every item"),
    ("checking", "verifiers", "selected after that: check\nsecret samples, vote"),
    ("pending", "any account", "may still prove\none wrong element"),
    ("finalized", "chain", "pays, burns, mines,\nweighs"),
)


LOST: Final = """cancelled, no free provider, nothing delivered,
payload missing, data withheld, too few votes"""


def plot_life(figure: Figure) -> None:
    """Plot the states of a job, the party that advances it, and its possible ends."""
    axes = figure.subplots()
    axes.set_axis_off()
    axes.set_xlim(-0.6, 6.6)
    axes.set_ylim(-1.62, 1.25)
    colours = {
        "requester": YELLOW, "chain": PALE, "provider": SKY, "verifiers": GREEN,
        "any account": PINK,
    }  # fmt: skip
    for at, (state, who, what) in enumerate(STEPS):
        box(axes, at, 0.55, state, colours[who])
        axes.text(at, 0.98, who, ha="center", color=GREY, fontsize=11)
        axes.text(at, 0.12, what, ha="center", va="top", fontsize=9.5)
        if at:
            arrow(axes, (at - 0.58, 0.55), (at - 0.42, 0.55), GREY)
    ends = (
        (1.55, "refunded", ORANGE, LOST,
         (0, 1, 2, 4)),
        (4.9, "slashed", RED, "one element proven wrong:\nbond lost, requester refunded", (4, 5)),
    )  # fmt: skip
    for x, name, colour, why, sources in ends:
        box(axes, x, -0.95, name, colour, text="white")
        axes.text(x, -1.22, why, ha="center", va="top", fontsize=9.5)
        for source in sources:
            arrow(axes, (source, -0.28), (x, -0.72), colour)
    axes.set_title("The life of a job")


def box(axes: Axes, x: float, y: float, name: str, colour: str, text: str = "black") -> None:
    """Add a state."""
    patch = FancyBboxPatch(
        (x - 0.42, y - 0.17), 0.84, 0.34, boxstyle="round,pad=0,rounding_size=0.06",
        facecolor=colour, edgecolor="none",
    )  # fmt: skip
    axes.add_patch(patch)
    axes.text(x, y, name, ha="center", va="center", fontsize=12, weight="bold", color=text)


def arrow(axes: Axes, start: tuple[float, float], end: tuple[float, float], colour: str) -> None:
    """Add an arrow between two states."""
    axes.add_patch(
        FancyArrowPatch(start, end, arrowstyle="-|>", mutation_scale=12, color=colour, lw=1.4)
    )


def plot_split(figure: Figure) -> None:
    """Plot the division of a job's price."""
    axes = figure.subplots()
    price = 100 * int(BTT)
    parts = split_compute(price, price)
    legs = (
        ("provider", parts.contributors, SKY),
        ("development fund", parts.development, BLUE),
        ("Foundation", parts.foundation, GREEN),
        ("reserve", parts.reserve, PALE),
        ("burned for ever", parts.burn, RED),
    )
    left = 0.0
    for name, amount, colour in legs:
        share = 100 * int(amount) / price
        axes.barh([0], [share], left=[left], color=colour, height=0.5)
        if share > 6:
            label = f"{name}\n{share:.1f}"
            axes.text(left + share / 2, 0, label, ha="center", va="center", fontsize=11)
        else:
            above = colour == PALE
            axes.text(
                left + share / 2, 0.36 if above else -0.36, f"{name} {share:.1f}",
                ha="right", va="center", fontsize=11,
            )  # fmt: skip
        left += share
    axes.set_ylim(-0.55, 0.55)
    axes.set_xlim(0, 100)
    axes.set_yticks([])
    axes.grid(visible=False)
    axes.spines["left"].set_visible(False)
    axes.set_xlabel("of each 100 BTT; what verifiers get is paid on top")
    axes.set_title("Where the price of a job goes")


def escapes(items: int, sample_count: int, wrong: int, verifiers: int) -> float:
    """Return the probability that no verifier selects a wrong item."""
    if wrong > items - sample_count:
        return 0.0
    return (comb(items - wrong, sample_count) / comb(items, sample_count)) ** verifiers


def plot_detection(figure: Figure) -> None:
    """Plot the probability that fraud stays undetected, by the part of wrong items."""
    axes = figure.subplots()
    items = 32
    for verifiers, sample_count, colour, style in (
        (1, 2, GREY, "-"), (3, 2, ORANGE, "-"), (5, 2, BLUE, "-"), (5, 32, GREEN, "--"),
    ):  # fmt: skip
        wrong = range(1, items + 1)
        name = (
            f"{verifiers} honest verifier{'s' if verifiers > 1 else ''}, {sample_count} items each"
        )
        axes.plot(
            wrong, [100 * escapes(items, sample_count, n, verifiers) for n in wrong],
            label=name, color=colour, ls=style, lw=2,
        )  # fmt: skip
    axes.set_xlabel(f"wrong items among {items}")
    axes.set_ylabel("per cent of receipts in which none is sampled")
    axes.set_xlim(1, items)
    axes.set_ylim(-2, 100)
    axes.legend()
    axes.set_title("A lie about one item often passes, about many hardly ever")


def plot_washing(figure: Figure) -> None:
    """Plot the gain of a requester that pays itself for made-up work."""
    axes = figure.subplots()
    shares = [share / 100 for share in range(1, 101)]
    sinks = 0.30 * (1 - BURN) + BURN
    for kappa, insider, colour, name in (
        (KAPPA, 0.0, BLUE, f"outsider, mining capped at {KAPPA} of what is lost"),
        (KAPPA, 0.25 * (1 - BURN), ORANGE, "insider who also owns development fund and Foundation"),
        (1.5, 0.0, RED, "outsider, if mining paid 1.5 times what is lost"),
    ):
        gain = [-100 * (1 - insider - p * (0.70 * (1 - BURN) + kappa * sinks)) for p in shares]
        axes.plot([100 * p for p in shares], gain, label=name, color=colour, lw=2)
    axes.axhline(0, color="black", lw=1)
    axes.set_xlabel("per cent of a class's capacity that is his own")
    axes.set_ylabel("gain in per cent of the price")
    axes.set_xlim(0, 100)
    axes.legend(loc="upper left")
    axes.set_title("Paying oneself for made-up work")


PICTURES: Final[dict[str, tuple[tuple[float, float], Callable[[Figure], None]]]] = {
    "life": ((13, 5), plot_life),
    "split": ((11, 3.2), plot_split),
    "detection": ((11, 5.5), plot_detection),
    "washing": ((11, 5.5), plot_washing),
}


def main() -> None:
    """Plot all of them, as PNG and SVG."""
    OUT.mkdir(exist_ok=True)
    for name, (size, plot) in PICTURES.items():
        with mpl.rc_context(STYLE):
            figure = Figure(figsize=size, layout="constrained")
            plot(figure)
            for kind in ("png", "svg"):
                path = OUT / f"{name}.{kind}"
                figure.savefig(path, metadata={"Date": None} if kind == "svg" else None)
                print(path)


if __name__ == "__main__":
    main()
