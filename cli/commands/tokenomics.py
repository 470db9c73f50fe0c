"""`btt-chain tokenomics`: promised and actual supply, and an audit.

`schedule`, `emission`, `release`, `simulate` and `plot` need no node: they run the runtime's own
functions and pallets here. `supply` and `audit` query a running chain.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import click

from btt_chain.client.amount import BTT, AmountError
from cli.common import show
from cli.common.errors import Mistyped, NotFound, hint
from cli.common.options import (
    Command,
    Group,
    examples,
    json_option,
    query_options,
)

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

    from genesis.presets import Chain
    from genesis.simulate import Month

PPM: Final = 1_000_000
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


def _preset_names(
    _ctx: click.Context, _param: click.Parameter, incomplete: str
) -> list[CompletionItem]:
    from click.shell_completion import CompletionItem

    from genesis.presets import ALIASES, CHAINS

    return [CompletionItem(name) for name in (*CHAINS, *ALIASES) if name.startswith(incomplete)]


def preset_option(command: Command) -> Command:
    """Add `--preset`: the chain of the promises."""
    return click.option(
        "--preset",
        default="seed-000",
        show_default=True,
        metavar="NAME",
        shell_complete=_preset_names,
        help="The chain's preset: seed-000, seed-001, seed-002, seed-004, dev, ...",
    )(command)


def csv_option(command: Command) -> Command:
    """Add `--csv`: lines for spreadsheets."""
    return click.option("--csv", "as_csv", is_flag=True, help="Print CSV, with every planck.")(
        command
    )


def _chain_of(preset: str) -> Chain:
    """Return the chain of that preset; NotFound with the available ones."""
    from genesis.catalogue import chain_named
    from genesis.presets import ALIASES, CHAINS

    chain = chain_named(preset)
    if chain is None:
        raise NotFound(f"there is no preset {preset!r}; {hint(preset, (*CHAINS, *ALIASES))}")
    return chain


def _one_form(as_csv: bool, as_json: bool) -> None:
    if as_csv and as_json:
        raise Mistyped("give --csv or --json, not both")


class Share(click.ParamType[int]):
    """A part of a whole, `20%` or `0.2`; the value is in millionths, exactly."""

    name = "share"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> int:
        """Return the share in millionths."""
        if isinstance(value, int):
            return value
        text = str(value).strip()
        digits, decimals = (text[:-1], 4) if text.endswith("%") else (text, 6)
        whole, _, fraction = digits.partition(".")
        is_number = (whole + fraction).isascii() and (whole + fraction).isdecimal()
        if not is_number or len(text) > 20:
            self.fail(f"{value!r} is not a share; write it like 20% or 0.2", param, ctx)
        if text == whole and int(whole):
            self.fail(f"{value!r}: parts of what? Write 20% or 0.2", param, ctx)
        fraction = fraction.rstrip("0")
        if len(fraction) > decimals:
            self.fail(f"{value!r} is finer than a millionth of the whole", param, ctx)
        share = int((whole or "0") + fraction.ljust(decimals, "0"))
        if share > PPM:
            self.fail(f"{value!r} is more than the whole", param, ctx)
        return share


class Money(click.ParamType[int]):
    """An amount with its unit, `100_000BTT`; the value is in planck."""

    name = "amount"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> int:
        """Return the amount in planck."""
        if isinstance(value, int):
            return value
        try:
            return BTT.parse(str(value))
        except AmountError as error:
            self.fail(str(error), param, ctx)


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


def runway(months: int | None) -> str:
    """Return the duration of a supply as text."""
    if months is None:
        return "-"
    return f"{months} months" if months <= MAX_MONTHS else "> 100 years"


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


# ---- promises


@examples(
    "btt-chain tokenomics schedule --preset seed-000",
    "btt-chain tokenomics schedule --preset seed-002 --csv > schedule.csv",
)
@tokenomics.command()
@preset_option
@csv_option
@json_option
def schedule(preset: str, as_csv: bool, as_json: bool) -> None:
    """Show how much of each row has come free, by the month.

    Rows that time frees: linear ones as they vest, the Foundation's programmes at their time cap
    (the most that milestones on time release), mining as it is emitted. The months go from 0 to
    96. The numbers are those of the runtime's own functions, not of a table beside it.
    """
    _one_form(as_csv, as_json)
    _chain_of(preset)
    from genesis.schedule import schedule as months
    from genesis.schedule import schedule_csv

    if as_csv:
        click.echo(schedule_csv(preset), nl=False)
        return
    rows = list(months(preset))
    if as_json:
        show.document(records(rows))
        return
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


@examples("btt-chain tokenomics emission --preset seed-000 --csv")
@tokenomics.command()
@preset_option
@csv_option
@json_option
def emission(preset: str, as_csv: bool, as_json: bool) -> None:
    """Show what mining gives out at most, by the month.

    The pool is emitted in four bands of two years: 40, 30, 20 and 10 per cent of it. At the end
    of month 96 it is the pool to the last planck.
    """
    _one_form(as_csv, as_json)
    _chain_of(preset)
    from genesis.schedule import emission as months
    from genesis.schedule import emission_csv

    if as_csv:
        click.echo(emission_csv(preset), nl=False)
        return
    rows = list(months(preset))
    if as_json:
        show.document(records(rows))
        return
    pool = rows[-1].cumulative_planck
    before = [0, *(row.cumulative_planck for row in rows)]
    show.table(
        [">month", ">emitted so far", ">in this month", ">% of the pool"],
        [
            [
                str(row.month),
                coins(row.cumulative_planck),
                coins(row.cumulative_planck - before[row.month]),
                percent(row.cumulative_planck, pool),
            ]
            for row in rows
            if row.month % 3 == 0
        ],
        title=f"Mining's emission at most, {preset}, in BTT",
    )


@examples(
    "btt-chain tokenomics release",
    "btt-chain tokenomics release --preset seed-002 --year 2026",
    "btt-chain tokenomics release --csv",
)
@tokenomics.command()
@preset_option
@click.option("--year", metavar="Y", help="One year by its label: 2025 is the chain's first.")
@csv_option
@json_option
def release(preset: str, year: str | None, as_csv: bool, as_json: bool) -> None:
    """Set the documents' table beside what the rows give.

    The rows are what comes free by contract: vesting, mining, what is free from the start, and
    the Foundation's programmes at their time cap. What the ceiling leaves is for the Foundation,
    the ecosystem fund and grants together. Years are counted from genesis; the first is called
    2025 whenever the chain starts.
    """
    _one_form(as_csv, as_json)
    _chain_of(preset)
    from genesis.schedule import release as years
    from genesis.schedule import release_csv, year_named

    wanted = None if year is None else year_named(year)
    if year is not None and wanted is None:
        raise Mistyped(
            f"{year!r} is not a year of the release table: it begins with 2025, the chain's first"
        )
    if as_csv:
        click.echo(release_csv(preset, wanted), nl=False)
        return
    rows = [row for row in years(preset) if wanted in {None, row.year}]
    if as_json:
        show.document(records(rows))
        return
    if wanted is not None:
        _print_year(rows[0]._asdict(), preset)
        return
    supply = sum(row.table_planck for row in rows)
    columns = {
        "table": "table",
        "vesting": "vesting",
        "mining": "mining",
        "immediate": "at\nstart",
        "foundation_cap": "Found-\nation",
        "rows": "rows",
        "gap": "table\n- rows",
        "headroom": "ceiling\nleaves",
        "headroom_after_foundation": "after the\nFoundation",
    }
    show.table(
        ["year", *(f">{column}" for column in columns.values())],
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


def _print_year(row: dict[str, Any], preset: str) -> None:
    names = {
        "table": "the table's share",
        "vesting": "vesting",
        "mining": "mining, emitted",
        "immediate": "free from the start",
        "foundation_cap": "Foundation, time cap",
        "rows": "rows together",
        "gap": "table less rows",
        "cumulative_table": "table, from genesis",
        "cumulative_rows": "rows, from genesis",
        "headroom": "the ceiling leaves",
        "headroom_after_foundation": "after the Foundation",
    }
    show.heading(f"Release in {row['year']}, {preset}")
    fields = {}
    for name, label in names.items():
        planck = row[f"{name}_planck"]
        fields[label] = f"-{BTT.format(-planck)}" if planck < 0 else BTT.format(planck)
    show.record(fields)


# ---- simulated


@examples(
    "btt-chain tokenomics simulate --months 24 --staked-share 20% --demand 100_000BTT",
    "btt-chain tokenomics simulate --months 1 --protocol-speed 100",
    "btt-chain tokenomics simulate --preset seed-002 --months 96 --step month --csv",
)
@tokenomics.command()
@preset_option
@click.option(
    "--months",
    type=click.IntRange(1, 96),
    default=24,
    show_default=True,
    help="How many months from genesis on.",
)
@click.option(
    "--staked-share",
    type=Share(),
    default="20%",
    show_default=True,
    help="How much of what circulates is staked, in equal parts over the five tiers.",
)
@click.option(
    "--demand",
    type=Money(),
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
@csv_option
@json_option
def simulate(
    preset: str,
    months: int,
    staked_share: int,
    demand: int,
    protocol_speed: int,
    step: str,
    as_csv: bool,
    as_json: bool,
) -> None:
    """Run the real pallets from genesis on.

    Holders stake what has come free, customers buy compute, providers claim their rewards, the
    Foundation claims what its milestones allow. Every amount is what the pallets say.
    """
    _one_form(as_csv, as_json)
    chain = _chain_of(preset)
    from genesis.simulate import Month, Plan, simulated

    plan = Plan(
        months=months, staked_ppm=staked_share, demand=demand, protocol_speed=protocol_speed,
        daily=step == "day",
    )  # fmt: skip
    rows: list[Month] = []
    with show.progress() as bar:
        task = bar.add_task("simulating months", total=months + 1)
        for row in simulated(chain, plan):
            rows.append(row)
            bar.advance(task)
    if as_csv:
        from genesis.schedule import as_csv as text

        click.echo(text(rows, Month._fields), nl=False)
        return
    if as_json:
        show.document(records(rows))
        return
    _print_months(rows, preset)


def _print_months(rows: list[Month], preset: str) -> None:
    show.table(
        [">month", ">supply", ">burned", ">circulating", ">released", ">staked"],
        [
            [
                str(row.month),
                coins(row.supply_planck),
                coins(row.burned_planck),
                coins(row.circulating_planck),
                coins(row.released_planck),
                coins(row.staked_planck),
            ]
            for row in rows
        ],
        title=f"Simulated from genesis, {preset}, in BTT",
    )
    show.table(
        [
            ">month",
            ">mining\nemitted",
            ">mining\npaid",
            ">un-\nallocated",
            ">pool\nfree",
            ">pool\npromised",
            ">pool\nlasts",
        ],
        [
            [
                str(row.month),
                coins(row.emitted_planck),
                coins(row.mining_paid_planck),
                coins(row.mining_unallocated_planck),
                coins(row.stake_free_planck),
                coins(row.stake_committed_planck),
                runway(row.runway_months),
            ]
            for row in rows
        ],
        title="Mining, and the staking pool, in BTT",
    )
    show.note("What people do here is assumed (docs/economy.md); the amounts are the pallets' own.")


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


_AT = click.option(
    "--at", metavar="BLOCK", help="The block: a number, a hash, best or finalized (default)."
)


@examples(
    "btt-chain tokenomics supply",
    "btt-chain tokenomics supply --url ws://node.example:9944 --at 1000 --json",
)
@tokenomics.command()
@_AT
@query_options
def supply(at: str | None, url: str, timeout: float, as_json: bool) -> None:
    """Show where all the money of a chain is.

    What there was at genesis, what was burned and why, what circulates, and every pool. As of the
    last final block, unless --at names another.
    """
    from cli.commands.tokenomics_live import print_supply
    from cli.common.session import run

    run(print_supply(url, timeout, at or "finalized", as_json))


@examples(
    "btt-chain tokenomics audit",
    "btt-chain tokenomics audit --url ws://node.example:9944 --at 1000",
)
@tokenomics.command()
@_AT
@query_options
def audit(at: str | None, url: str, timeout: float, as_json: bool) -> int:
    """Audit the ledger of a chain.

    Fetches the whole state of a block, checks that it is the state which the block's header
    names, and checks every invariant of the economy on it here, without trusting the node. Exit
    code 1 if one does not hold.
    """
    from cli.commands.tokenomics_live import print_audit
    from cli.common.session import run

    return run(print_audit(url, timeout, at or "finalized", as_json))
