"""`btt-chain stake`: stakes for a term, with their rewards in money and in per cent."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

import click

from btt_chain.present.times import span
from cli.common import show
from cli.common.calls import report, send_calls, total
from cli.common.chain_time import ChainTime
from cli.common.errors import Mistyped, NotFound, Refused
from cli.common.options import (
    Command,
    Group,
    examples,
    query_options,
)
from cli.common.sending import Sender, SendingCommand, call_options
from cli.common.session import open_chain, run
from cli.common.stakes import (
    Held,
    Offer,
    benefit_names,
    find,
    offered,
    read_contributions,
    read_held,
    read_pool,
    read_promised,
    read_terms,
)
from cli.common.working import account, planck
from runtime.pallets.tier_staking.formulas import term_ms
from runtime.pallets.tier_staking.types import Tier
from runtime.splits import BPS

if TYPE_CHECKING:
    from btt_chain.client.amount import Currency
    from btt_chain.client.chain import Chain
    from btt_chain.client.transactions import Included
    from cli.common.calls import Named

MAX_STAKE: Final = 2**32 - 1

stake_argument = click.argument("number", metavar="STAKE", type=click.IntRange(0, MAX_STAKE))


@click.group(cls=Group)
def stake() -> None:
    """Stake money for a term, and be paid for it.

    The whole reward is reserved when a stake is opened. It can be claimed at any time; the money
    itself is free when the term is over, not before.
    """


class Term(click.ParamType[int]):
    """A term in days, as `90` or `90d`."""

    name = "DAYS"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> int:
        """Return the days."""
        digits = str(value).removesuffix("d")
        if not (digits.isascii() and digits.isdecimal() and len(digits) < 6):
            self.fail(f"{value!r} is not a term: write the days, like 90d", param, ctx)
        return int(digits)


def term_options(command: Command) -> Command:
    """Add `--tier` and `--term`, which name the same."""
    tier = click.option(
        "--tier", type=click.IntRange(0, 255), help="Number of the tier, as `stake tiers` shows it."
    )
    term = click.option("--term", type=Term(), help="Days of the tier instead, as 90d.")
    return tier(term(command))


# ---- queries


@examples("btt-chain stake tiers", "btt-chain stake tiers 10_000BTT")
@stake.command(cls=SendingCommand)
@click.argument("amount", required=False)
@query_options
def tiers(amount: str | None, url: str, timeout: float, as_json: bool) -> None:
    """Show the tiers; with AMOUNT the reward that such a stake would earn in its term."""

    async def ask() -> None:
        async with open_chain(url, timeout) as chain:
            currency = chain.metadata.currency
            whole = None if amount is None else planck(currency, amount)
            rows, pool = await read_terms(chain), await read_pool(chain)
        offers = [
            None if not whole or whole < row.minimum else offered(whole, row, pool) for row in rows
        ]
        if as_json:
            show.document({"free": str(pool.free), "tiers": tier_documents(rows, offers)})
            return
        print_tiers(currency, rows, offers, whole)
        if any(offer is not None and not offer.is_full for offer in offers):
            show.note(
                "* less than the tier's rate: the reward pool, or an account's part of it, has no "
                "more; such a stake needs --min-reward"
            )

    run(ask())


def tier_documents(rows: Sequence[Tier], offers: Sequence[Offer | None]) -> list[dict[str, object]]:
    """Return the tiers as JSON; amounts in planck, rates in hundredths of a percent."""
    return [
        {
            "tier": number,
            "days": row.days,
            "rewardBps": row.reward_bps,
            "burnBps": row.burn_bps,
            "minimum": str(row.minimum),
            "benefits": benefit_names(row.benefits),
            "reward": None if offer is None else str(offer.net),
            "burned": None if offer is None else str(offer.burned),
            "isFull": None if offer is None else offer.is_full,
        }
        for number, (row, offer) in enumerate(zip(rows, offers, strict=True))
    ]


def print_tiers(
    currency: Currency, rows: Sequence[Tier], offers: Sequence[Offer | None], whole: int | None
) -> None:
    """Print the tiers as a table, with the rewards of `whole` planck."""
    minimums = show.amounts(currency, [row.minimum for row in rows])
    rewards = show.amounts(currency, [None if offer is None else offer.net for offer in offers])
    columns = [">tier", ">term", ">a year", ">burned of it", ">at least", "benefits"]
    if whole is not None:
        columns[5:5] = [">reward", ">of the stake"]
    table = []
    for number, (row, offer) in enumerate(zip(rows, offers, strict=True)):
        burned = show.percent(row.burn_bps, BPS) if row.burn_bps else "-"
        cells = [str(number), show.counted(row.days, "day"), show.percent(row.reward_bps, BPS)]
        cells += [burned, minimums[number]]
        if whole is not None:
            share = "too little" if offer is None else show.percent(offer.net, whole)
            mark = "*" if offer is not None and not offer.is_full else ""
            cells += [rewards[number] + mark, share]
        table.append([*cells, ", ".join(benefit_names(row.benefits))])
    show.table(columns, table)


@examples("btt-chain stake list //Alice", "btt-chain stake list 5FHneW46... --json")
@stake.command("list")
@click.argument("who", metavar="ACCOUNT")
@query_options
def list_(who: str, url: str, timeout: float, as_json: bool) -> None:
    """List the stakes of ACCOUNT: what they earned, and how long they still last."""
    currency, time, found = run(positions(who, url, timeout))
    if as_json:
        show.document([document(one) for one in found])
        return
    if not found:
        show.note("no stake is open; `btt-chain stake tiers` shows what can be opened")
        return
    show.table(
        [">stake", ">amount", ">a year", ">to claim", ">still to earn", "ends"],
        zip(
            [str(one.id) for one in found],
            show.amounts(currency, [one.amount for one in found]),
            [show.percent(one.bps, BPS) for one in found],
            show.amounts(currency, [one.due_net + one.dividend for one in found]),
            show.amounts(currency, [one.still_to_earn for one in found]),
            [time.until(one.term_end) for one in found],
            strict=True,
        ),
    )
    if any(one.is_over for one in found):
        show.note("stakes that are over earn nothing more: `btt-chain stake unstake STAKE`")


async def positions(who: str, url: str, timeout: float) -> tuple[Currency, ChainTime, list[Held]]:
    """Return the currency and time of a chain, and the stakes of an account."""
    async with open_chain(url, timeout) as chain:
        time = await ChainTime.read(chain)
        found = await read_held(chain, account(who, chain.metadata.prefix), time.ms)
        return chain.metadata.currency, time, found


def document(one: Held) -> dict[str, object]:
    """Return a stake as JSON; amounts in planck before burns, times in ms since the first block."""
    return {
        "stake": one.id,
        "tier": one.tier,
        "amount": str(one.amount),
        "rewardBps": one.bps,
        "burnBps": one.burn_bps,
        "opened": str(one.opened),
        "termEnd": str(one.term_end),
        "endsInMs": str(max(0, one.term_end - one.now)),
        "commit": str(one.commit),
        "claimed": str(one.claimed),
        "due": str(one.due),
        "dueNet": str(one.due_net),
        "dividend": str(one.dividend),
        "benefitsFrom": str(one.warm_at),
    }


@examples("btt-chain stake show 0 --of //Alice")
@stake.command("show")
@stake_argument
@click.option("--of", "who", metavar="ACCOUNT", required=True, help="The owner of the stake.")
@query_options
def show_(number: int, who: str, url: str, timeout: float, as_json: bool) -> None:
    """Show one stake, and what an end before its term would cost."""
    currency, time, found = run(positions(who, url, timeout))
    one = find(found, number)
    if as_json:
        show.document({**document(one), "forfeited": str(one.still_to_earn)})
        return
    money = currency.format
    benefits = ", ".join(benefit_names(one.benefits)) or "none besides the reward"
    if one.benefits and time.ms < one.warm_at < one.term_end:
        benefits += f", from {time.until(one.warm_at)}"
    rate = f"{show.percent(one.bps, BPS)} a year"
    burned = f", {show.percent(one.burn_bps, BPS)} of it burned" if one.burn_bps else ""
    show.record(
        {
            "stake": str(one.id),
            "amount": money(one.amount),
            "opened": time.date(one.opened) or "-",
            "ends": time.until(one.term_end),
            "reward": rate + burned,
            "to claim": f"{money(one.due_net)} of rewards, {money(one.dividend)} of dividends",
            "still to earn": money(one.still_to_earn),
            "benefits": benefits,
            "early end": early_end(currency, one),
        }
    )


def early_end(currency: Currency, one: Held) -> str:
    """Return a sentence on the consequences of an end before the term."""
    if one.is_over:
        return "its term is over, and it can be closed"
    lost = currency.format(one.still_to_earn)
    return f"its owner cannot end it before; if governance did, {lost} of reward would be lost"


# ---- calls


@examples(
    "btt-chain stake open 1_000BTT --term 30d --from //Alice",
    "btt-chain stake open 50_000BTT --tier 3 --min-reward 100BTT --from //Alice",
)
@stake.command("open", cls=SendingCommand)
@click.argument("amount")
@term_options
@click.option(
    "--min-reward", metavar="AMOUNT",
    help="Open it also if the pool can reserve less than the full reward, but this much in all.",
)  # fmt: skip
@call_options
def open_(
    amount: str, tier: int | None, term: int | None, min_reward: str | None, url: str,
    timeout: float, as_json: bool, **options: object,
) -> None:  # fmt: skip
    """Stake AMOUNT for the term of a tier. It cannot be withdrawn before the end."""
    sender = Sender.of(options, as_json)

    async def work() -> None:
        async with open_chain(url, timeout) as chain:
            currency = chain.metadata.currency
            whole = planck(currency, amount)
            least = None if min_reward is None else planck(currency, min_reward)
            number, terms = the_tier(await read_terms(chain), tier, term)
            offer = await _offer(chain, sender.account, whole, terms, least)
            time = await ChainTime.read(chain)
            end = time.ms + term_ms(terms)
            if not as_json:
                until = time.date(end)
                show.note(
                    f"locked for {span(term_ms(terms))}{', until ' if until else ''}{until}; "
                    f"reward {currency.format(offer.net)} ({show.percent(offer.net, whole)})"
                )
            done = await send_calls(
                sender, chain,
                [("TierStaking.stake", {"amount": whole, "tier": number, "min_reward": least})],
            )  # fmt: skip
        id = total(done, "TierStaking.Staked", "id")
        report(
            done, as_json, f"Stake {id} is open: {currency.format(whole)} at tier {number}.",
            stake=id, tier=number, amount=str(whole), termEnd=str(end),
            commit=str(total(done, "TierStaking.Staked", "commit")),
        )  # fmt: skip

    run(work())


async def _offer(chain: Chain, who: bytes, whole: int, terms: Tier, least: int | None) -> Offer:
    """Return the reward of a new stake. Refused if the chain would not open it."""
    money = chain.metadata.currency.format
    if whole < terms.minimum:
        days = show.counted(terms.days, "day")
        raise Refused(f"a stake for {days} is at least {money(terms.minimum)}")
    offer = offered(whole, terms, await read_pool(chain), await read_promised(chain, who))
    if not offer.is_full and least is None:
        raise Refused(
            f"the pool can reserve {money(offer.net)} for this stake, less than its tier pays: "
            "stake less, or accept it with --min-reward"
        )
    return offer


def the_tier(rows: Sequence[Tier], tier: int | None, term: int | None) -> tuple[int, Tier]:
    """Return the tier that the options name. Mistyped, NotFound."""
    if (tier is None) == (term is None):
        raise Mistyped("how long? Give one of --tier and --term; `btt-chain stake tiers` has both")
    for number, terms in enumerate(rows):
        if tier == number or term == terms.days:
            return number, terms
    known = ", ".join(f"{number} ({terms.days}d)" for number, terms in enumerate(rows))
    asked = f"tier {tier}" if term is None else f"term of {show.counted(term, 'day')}"
    raise NotFound(f"there is no {asked}; there are {known}")


@examples("btt-chain stake extend 0 --term 90d --from //Alice")
@stake.command(cls=SendingCommand)
@stake_argument
@term_options
@call_options
def extend(
    number: int, tier: int | None, term: int | None, url: str, timeout: float, as_json: bool,
    **options: object,
) -> None:  # fmt: skip
    """Restart a stake with a term that ends later. What it earned so far is paid."""
    sender = Sender.of(options, as_json)

    async def work() -> None:
        async with open_chain(url, timeout) as chain:
            currency = chain.metadata.currency
            new, terms = the_tier(await read_terms(chain), tier, term)
            time = await ChainTime.read(chain)
            one = find(await read_held(chain, sender.account, time.ms), number)
            end, days = time.ms + term_ms(terms), show.counted(terms.days, "day")
            if one.amount < terms.minimum:
                least = currency.format(terms.minimum)
                raise Refused(f"a stake for {days} is at least {least}")
            if end <= one.term_end:
                raise Refused(
                    f"stake {number} ends {time.until(one.term_end)}, not before a new term of "
                    f"{days}: choose a longer one"
                )
            done = await send_calls(
                sender, chain, [("TierStaking.extend", {"id": number, "tier": new})]
            )
        report(
            done, as_json,
            f"Stake {number} has a new term of {days}; "
            f"{currency.format(sum(paid_by(done).values()))} were paid.",
            stake=number, tier=new, termEnd=str(end),
            commit=str(total(done, "TierStaking.Extended", "commit")),
        )  # fmt: skip

    run(work())


@examples("btt-chain stake claim --from //Alice", "btt-chain stake claim 0 2 --from //Alice")
@stake.command(cls=SendingCommand)
@click.argument("numbers", metavar="[STAKE]...", nargs=-1, type=click.IntRange(0, MAX_STAKE))
@call_options
def claim(
    numbers: tuple[int, ...], url: str, timeout: float, as_json: bool, **options: object
) -> None:
    """Claim rewards and dividends of stakes, by default of all, in one transaction.

    Without a number also what contributions earned in quarters that are over.
    """
    sender = Sender.of(options, as_json)

    async def work() -> None:
        async with open_chain(url, timeout) as chain:
            money = chain.metadata.currency.format
            calls = await claims(chain, sender.account, sorted(set(numbers)))
            if not calls:
                raise Refused("nothing can be claimed now")
            done = await send_calls(sender, chain, calls)
        paid = paid_by(done)
        report(
            done, as_json,
            f"{money(sum(paid.values()))} were paid: {money(paid['rewards'])} of rewards, "
            f"{money(paid['dividends'])} of dividends, {money(paid['contributions'])} for "
            "contributions.",
            **{name: str(amount) for name, amount in paid.items()},
        )  # fmt: skip

    run(work())


async def claims(chain: Chain, who: bytes, numbers: Sequence[int]) -> list[Named]:
    """Return the calls that claim what is due to an account: of these stakes, or everything."""
    time = (await ChainTime.read(chain)).at_next_block()
    found = await read_held(chain, who, time.ms)
    calls: list[Named] = []
    for one in [find(found, number) for number in numbers] or found:
        if one.due:
            calls.append(("TierStaking.claim", {"id": one.id}))
        if one.dividend:
            calls.append(("TierStaking.claim_dividend", {"id": one.id}))
    if not numbers:
        calls += [
            ("TierStaking.claim_contribution", {"quarter": quarter})
            for quarter, amount in await read_contributions(chain, who)
            if amount
        ]
    return calls


def paid_by(done: Included) -> dict[str, int]:
    """Return the amount that a transaction paid to a staker, in planck."""
    return {
        "rewards": total(done, "TierStaking.RewardPaid", "paid"),
        "dividends": total(done, "TierStaking.DividendPaid", "amount"),
        "contributions": total(done, "TierStaking.ContributionPaid", "amount"),
    }


@examples("btt-chain stake unstake 0 --from //Alice")
@stake.command(cls=SendingCommand)
@stake_argument
@call_options
def unstake(number: int, url: str, timeout: float, as_json: bool, **options: object) -> None:
    """Close a stake whose term is over: the rest of its reward is paid, and the money is free."""
    sender = Sender.of(options, as_json)

    async def work() -> None:
        async with open_chain(url, timeout) as chain:
            currency = chain.metadata.currency
            time = (await ChainTime.read(chain)).at_next_block()
            one = find(await read_held(chain, sender.account, time.ms), number)
            if not one.is_over:
                raise Refused(
                    f"stake {number} ends {time.until(one.term_end)}; {early_end(currency, one)}. "
                    f"What it earned so far is paid by `btt-chain stake claim {number}`"
                )
            done = await send_calls(sender, chain, [("TierStaking.unstake", {"id": number})])
        paid = paid_by(done)
        report(
            done, as_json,
            f"Stake {number} is closed: {currency.format(one.amount)} are free, and "
            f"{currency.format(sum(paid.values()))} were paid.",
            stake=number, amount=str(one.amount), rewards=str(paid["rewards"]),
            dividends=str(paid["dividends"]),
        )  # fmt: skip

    run(work())
