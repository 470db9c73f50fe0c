"""`btt-chain tokenomics`: promised and actual supply, and an audit.

`schedule`, `emission`, `release`, `simulate` and `plot` need no node: they run the runtime's own
functions and pallets here. `supply` and `audit` query a running chain. The modules of `genesis` are
imported inside of functions: they take most of a second, which `supply` has no need of.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final, NamedTuple, Protocol, TypeAlias, TypeVar

import click
from typing_extensions import TypeForm

from btt_chain.client.amount import BTT
from btt_chain.client.views import ViewClient
from btt_chain.present import Context, Unfit, rule
from btt_chain.primitives.meaning import MILLIONTHS
from btt_chain.scale import u32
from cli.commands.tokenomics_live import print_supply
from cli.common import show
from cli.common.errors import Mistyped, NotFound, hint
from cli.common.options import (
    Command,
    Group,
    chain_names,
    examples,
    json_option,
    query_options,
)
from cli.common.session import run
from cli.declared import program
from genesis.presets import ALIASES, CHAINS, Chain
from runtime.frame.aliases import Balance

if TYPE_CHECKING:
    from genesis.schedule import Emitted, Release, Vested
    from genesis.simulate import Month

Value = TypeVar("Value")
Row = TypeVar("Row", bound=NamedTuple)
Makes: TypeAlias = Callable[..., Sequence[Row]]
"""A function of a chain and options that returns rows."""
Column: TypeAlias = str | Callable[[Value], str]
"""The field of an amount, or a function of a row."""


class Monthly(Protocol):
    """A row about the end of a month."""

    @property
    def month(self) -> int:
        """The number of the month."""


MonthlyRow = TypeVar("MonthlyRow", bound=Monthly)

SHOWN_MONTHS: Final = (6, 12, 24, 48, 96)
"""Months that fit on a screen."""
MAX_MONTHS: Final = 1_200
"""Maximum number of months."""


@click.group(cls=Group)
def tokenomics() -> None:
    """Show the token: schedule, supply, and audits of the ledger.

    In tables for people amounts are in BTT, rounded down to a hundredth. --csv and --json have
    every planck (1 BTT = 10^18 planck).
    """


# ---- options


class Presented(click.ParamType[Value]):
    """A value of a type, by the rule of the type; amounts are in BTT."""

    def __init__(self, name: str, kind: TypeForm[Value]) -> None:
        self.name = name
        self._rule = rule(kind)

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> Value:
        """Return the value."""
        try:
            return self._rule.parse(str(value), Context(currency=BTT))
        except Unfit as error:
            self.fail(str(error), param, ctx)


def preset_option(command: Command) -> Command:
    """Add `--preset`: the chain of the promises."""
    return click.option(
        "--preset",
        default="seed-000",
        show_default=True,
        metavar="NAME",
        shell_complete=lambda *typed: chain_names(*typed)[1:],
        help="The chain's preset: seed-000, seed-001, seed-002, seed-004, dev, ...",
    )(command)


def _chain_of(preset: str) -> Chain:
    """Return the chain of that preset; NotFound with the available ones."""
    from genesis.catalogue import chain_named

    chain = chain_named(preset)
    if chain is None:
        raise NotFound(f"there is no preset {preset!r}; {hint(preset, (*CHAINS, *ALIASES))}")
    return chain


def rows_of_preset(
    print_rows: Callable[[Sequence[Row], str], None], *lines: str
) -> Callable[[Makes[Row]], Makes[Row]]:
    """Add a command that prints the rows that a function returns for the chain of `--preset`.

    `print_rows` prints them for people; `--csv` and `--json` have every planck. `lines` are
    examples.
    """

    def declare(function: Makes[Row]) -> Makes[Row]:
        @wraps(function)
        def command(preset: str, as_csv: bool, as_json: bool, **options: object) -> None:
            if as_csv and as_json:
                raise Mistyped("give --csv or --json, not both")
            rows = function(_chain_of(preset), **options)
            if as_csv:
                from genesis.schedule import as_csv as text

                click.echo(text(rows, rows[0]._fields), nl=False)
            elif as_json:
                show.document(records(rows))
            else:
                print_rows(rows, preset)

        csv = click.option("--csv", "as_csv", is_flag=True, help="Print CSV, with every planck.")
        examples(*lines)(tokenomics.command()(preset_option(csv(json_option(command)))))
        return function

    return declare


# ---- output


def coins(planck: int) -> str:
    """Return an amount in BTT for tables: rounded down to 0.01, but at least 0.01 if not 0."""
    sign, hundredths = "-" if planck < 0 else "", abs(planck) // 10**16
    if not hundredths and planck:
        return f"{sign}<0.01"
    return f"{sign}{hundredths // 100:_}.{hundredths % 100:02}"


def whole_coins(planck: int) -> str:
    """Return an amount in whole BTT, rounded down."""
    return f"{planck // 10**18:_}"


def runway(month: Month) -> str:
    """Return the duration for which the staking pool lasts as text."""
    if month.runway_months is None:
        return "-"
    return f"{month.runway_months} months" if month.runway_months <= MAX_MONTHS else "> 100 years"


def percent(part: int, whole: int) -> str:
    """Return a part in percent of the whole, to the nearest thousandth."""
    thousandths, rest = divmod(abs(part) * 100_000, whole)
    thousandths += 2 * rest >= whole
    sign = "-" if part < 0 and thousandths else ""
    return f"{sign}{thousandths // 1000}.{thousandths % 1000:03}"


def records(rows: Iterable[NamedTuple]) -> list[dict[str, object]]:
    """Return rows for JSON: amounts are text, because many programs would round the numbers."""
    return [
        {
            name: str(value) if name.endswith("_planck") and value is not None else value
            for name, value in row._asdict().items()
        }
        for row in rows
    ]


def print_by_month(
    rows: Sequence[MonthlyRow], columns: Mapping[str, Column[MonthlyRow]], title: str
) -> None:
    """Print a row for each month, with amounts in BTT."""

    def cell(row: MonthlyRow, column: Column[MonthlyRow]) -> str:
        return coins(getattr(row, f"{column}_planck")) if isinstance(column, str) else column(row)

    show.table(
        [f">{column}" for column in ("month", *columns)],
        [[str(row.month), *(cell(row, column) for column in columns.values())] for row in rows],
        title=title,
    )


# ---- promises


def print_schedule(rows: Sequence[Vested], preset: str) -> None:
    """Print the schedule of each row in some of the months."""
    by_key: dict[str, list[int]] = {}
    for row in rows:
        by_key.setdefault(row.key, []).append(row.vested_planck)
    show.table(
        ["row", *(f">month {month}" for month in SHOWN_MONTHS)],
        [
            [key, *(whole_coins(amounts[month]) for month in SHOWN_MONTHS)]
            for key, amounts in by_key.items()
        ],
        title=f"Free by the end of the month, {preset}, in whole BTT",
    )
    show.note("--csv has every month and every planck")


@rows_of_preset(
    print_schedule,
    "btt-chain tokenomics schedule --preset seed-000",
    "btt-chain tokenomics schedule --preset seed-002 --csv > schedule.csv",
)
def schedule(chain: Chain) -> Sequence[Vested]:
    """Show how much of each row has come free, by the month.

    Rows that time frees: linear ones as they vest, the Foundation's programmes at their time cap
    (the most that milestones on time release), mining as it is emitted. The months go from 0 to
    96. The numbers are those of the runtime's own functions, not of a table beside it.
    """
    from genesis.schedule import schedule as months

    return list(months(chain.preset))


def print_emission(rows: Sequence[Emitted], preset: str) -> None:
    """Print the emission at the end of each quarter."""
    pool = rows[-1].cumulative_planck
    before = [0, *(row.cumulative_planck for row in rows)]
    print_by_month(
        [row for row in rows if row.month % 3 == 0],
        {
            "emitted so far": "cumulative",
            "in this month": lambda row: coins(row.cumulative_planck - before[row.month]),
            "% of the pool": lambda row: percent(row.cumulative_planck, pool),
        },
        f"Mining's emission at most, {preset}, in BTT",
    )


@rows_of_preset(print_emission, "btt-chain tokenomics emission --preset seed-000 --csv")
def emission(chain: Chain) -> Sequence[Emitted]:
    """Show what mining gives out at most, by the month.

    The pool is emitted in four bands of two years: 40, 30, 20 and 10 per cent of it. At the end
    of month 96 it is the pool to the last planck.
    """
    from genesis.schedule import emission as months

    return list(months(chain.preset))


RELEASE: Final = {
    "table": ("table", "the table's share"),
    "vesting": ("vesting", "vesting"),
    "mining": ("mining", "mining, emitted"),
    "immediate": ("at\nstart", "free from the start"),
    "foundation_cap": ("Found-\nation", "Foundation, time cap"),
    "rows": ("rows", "rows together"),
    "gap": ("table\n- rows", "table less rows"),
    "cumulative_table": ("", "table, from genesis"),
    "cumulative_rows": ("", "rows, from genesis"),
    "headroom": ("ceiling\nleaves", "the ceiling leaves"),
    "headroom_after_foundation": ("after the\nFoundation", "after the Foundation"),
}
"""Titles of the amounts of a year: of a column, if the table of all years has it, and of a line."""


def print_release(rows: Sequence[Release], preset: str) -> None:
    """Print a table of years, or the amounts of one."""
    if len(rows) == 1:
        show.heading(f"Release in {rows[0].year}, {preset}")
        lines = {}
        for name, (_, label) in RELEASE.items():
            planck = getattr(rows[0], f"{name}_planck")
            lines[label] = f"-{BTT.format(-planck)}" if planck < 0 else BTT.format(planck)
        show.record(lines)
        return
    supply = sum(row.table_planck for row in rows)
    columns = {name: title for name, (title, _) in RELEASE.items() if title}
    show.table(
        ["year", *(f">{title}" for title in columns.values())],
        [
            [row.year, *(percent(getattr(row, f"{name}_planck"), supply) for name in columns)]
            for row in rows
        ],
        title=f"Release by year, {preset}, in % of {whole_coins(supply)} BTT",
    )
    show.note(
        "What the ceiling leaves is from genesis to the end of the year. Rows always pay; the\n"
        "ceiling holds back what is spent at discretion. --year and --csv show amounts."
    )


@rows_of_preset(
    print_release,
    "btt-chain tokenomics release",
    "btt-chain tokenomics release --preset seed-002 --year 2026",
    "btt-chain tokenomics release --csv",
)
@click.option("--year", metavar="Y", help="One year by its label: 2025 is the chain's first.")
def release(chain: Chain, year: str | None) -> Sequence[Release]:
    """Set the documents' table beside what the rows give.

    The rows are what comes free by contract: vesting, mining, what is free from the start, and
    the Foundation's programmes at their time cap. What the ceiling leaves is for the Foundation,
    the ecosystem fund and grants together. Years are counted from genesis; the first is called
    2025 whenever the chain starts.
    """
    from genesis import schedule as promised

    label = None if year is None else promised.year_named(year)
    if year is not None and label is None:
        raise Mistyped(
            f"{year!r} is not a year of the release table: it begins with 2025, the chain's first"
        )
    return [row for row in promised.release(chain.preset) if label in {None, row.year}]


# ---- simulated


def print_months(rows: Sequence[Month], preset: str) -> None:
    """Print the months of a simulated economy."""
    print_by_month(
        rows,
        {name: name for name in ("supply", "burned", "circulating", "released", "staked")},
        f"Simulated from genesis, {preset}, in BTT",
    )
    print_by_month(
        rows,
        {
            "mining\nemitted": "emitted",
            "mining\npaid": "mining_paid",
            "un-\nallocated": "mining_unallocated",
            "pool\nfree": "stake_free",
            "pool\npromised": "stake_committed",
            "pool\nlasts": runway,
        },
        "Mining, and the staking pool, in BTT",
    )
    show.note("What people do here is assumed (docs/economy.md); the amounts are the pallets' own.")


@rows_of_preset(
    print_months,
    "btt-chain tokenomics simulate --months 24 --staked-share 20% --demand 100_000BTT",
    "btt-chain tokenomics simulate --months 1 --protocol-speed 100",
    "btt-chain tokenomics simulate --preset seed-002 --months 96 --step month --csv",
)
@click.option(
    "--months",
    type=click.IntRange(1, 96),
    default=24,
    show_default=True,
    help="How many months from genesis on.",
)
@click.option(
    "--staked-share",
    type=Presented("share", Annotated[u32, MILLIONTHS]),
    default="20%",
    show_default=True,
    help="How much of what circulates is staked, in equal parts over the five tiers.",
)
@click.option(
    "--demand",
    type=Presented("amount", Balance),
    default="100_000BTT",
    show_default=True,
    help="For how much compute is bought in a month.",
)
@click.option(
    "--protocol-speed",
    type=click.IntRange(0, 1_000_000),
    default=0,
    show_default=True,
    metavar="GMAC",
    help="10^9 multiplications per second that are computed for the chain's own jobs.",
)
@click.option(
    "--step",
    type=click.Choice(["day", "month"]),
    default="day",
    show_default=True,
    help="How far apart the simulated blocks are.",
)
def simulate(
    chain: Chain, months: int, staked_share: u32, demand: int, protocol_speed: int, step: str
) -> Sequence[Month]:
    """Run the real pallets from genesis on.

    Holders stake what has come free, customers buy compute, providers claim their rewards, the
    Foundation claims what its milestones allow. Every amount is what the pallets say.
    """
    from genesis.simulate import Plan, simulated

    if staked_share > MILLIONTHS.whole:
        raise Mistyped("--staked-share is more than the whole")
    plan = Plan(
        months=months, staked_ppm=int(staked_share), demand=int(demand),
        protocol_speed=protocol_speed, daily=step == "day",
    )  # fmt: skip
    rows = []
    with show.progress() as bar:
        task = bar.add_task("simulating months", total=months + 1)
        for row in simulated(chain, plan):
            rows.append(row)
            bar.advance(task)
    return rows


@examples("btt-chain tokenomics plot --preset seed-000 --out pictures")
@tokenomics.command()
@preset_option
@click.option(
    "--out",
    type=click.Path(file_okay=False, path_type=Path),
    required=True,
    metavar="DIR",
    help="Where the pictures go; made if it is not there.",
)
def plot(preset: str, out: Path) -> None:
    """Plot the economy, as PNG and SVG.

    Supply by owner, release by year, emission, and how long the staking pool lasts. Needs
    matplotlib, which the extra `plot` brings.
    """
    chain = _chain_of(preset)
    from cli.commands.tokenomics_plot import plot_all

    for path in plot_all(chain, out):
        click.echo(str(path))


# ---- a running chain


at_option = click.option(
    "--at", metavar="BLOCK", default="finalized",
    help="The block: a number, a hash, best or finalized (default).",
)  # fmt: skip


@program(
    tokenomics, "btt-chain tokenomics supply",
    "btt-chain tokenomics supply --url ws://node.example:9944 --at 1000 --json",
    options=(at_option,),
)  # fmt: skip
async def supply(chain: ViewClient, as_json: bool) -> None:
    """Show where all the money of a chain is.

    What there was at genesis, what was burned and why, what circulates, and every pool. As of the
    last final block, unless --at names another.
    """
    await print_supply(chain, as_json)


@examples(
    "btt-chain tokenomics audit",
    "btt-chain tokenomics audit --url ws://node.example:9944 --at 1000",
)
@tokenomics.command()
@at_option
@query_options
def audit(at: str, url: str, timeout: float, as_json: bool) -> int:
    """Audit the ledger of a chain.

    Fetches the whole state of a block, checks that it is the state which the block's header
    names, and checks every invariant of the economy on it here, without trusting the node. Exit
    code 1 if one does not hold.
    """
    # Imported here: it takes most of a second, and `supply` needs none of the runtime.
    from cli.commands.tokenomics_audit import print_audit

    return run(print_audit(url, timeout, at, as_json))
