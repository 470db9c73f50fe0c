"""`btt-chain stake`: stakes for a term, with their rewards in money and in per cent."""

from __future__ import annotations

from collections.abc import Sequence
from types import SimpleNamespace
from typing import TYPE_CHECKING, Annotated, Final

from btt_chain.client.transactions import Included
from btt_chain.client.views import ViewClient, shaped
from btt_chain.lazyclass import dataclass
from btt_chain.present import Context, rule, rule_of
from btt_chain.primitives.account import AccountId
from btt_chain.primitives.digits import to_hex
from btt_chain.scale import u8, u32, u64, u128
from btt_chain.scale.portable import Plain
from cli.common import show
from cli.common.calls import report, send_calls, total
from cli.common.chain_time import ChainTime, until
from cli.common.errors import Mistyped, NotFound, Refused
from cli.common.options import Group
from cli.common.sending import Sender
from cli.declared import Column, composed, print_value, program, query
from cli.parameters import Input, context_of
from runtime.frame.aliases import Balance, ChainMoment
from runtime.pallets.tier_staking import events
from runtime.pallets.tier_staking.api import StakingApi
from runtime.pallets.tier_staking.formulas import ONE, accrued, elapsed, term_ms
from runtime.pallets.tier_staking.pallet import TierStaking
from runtime.pallets.tier_staking.types import (
    Benefit,
    Holdings,
    PoolState,
    Position,
    Stake,
    StakeId,
    StakeQuote,
    Tier,
    TierIndex,
)
from runtime.splits import BPS

if TYPE_CHECKING:
    from cli.common.calls import Named

BENEFITS: Final = {
    Benefit.PRIORITY: "priority for jobs",
    Benefit.DISCOUNT: "fees 20 % lower",
    Benefit.VOTE: "1.5 votes",
    Benefit.SPECIAL: "special services",
}
"""Names of the bits of a tier's benefits."""

TierOption = Annotated[
    TierIndex | None, Input(help="Number of the tier, as `stake tiers` shows it.")
]


def days_of(term: str) -> int:
    """Return the days of `--term`. Mistyped if the text is not a term."""
    digits = term.removesuffix("d")
    if not (digits.isascii() and digits.isdecimal() and len(digits) < 6):
        raise Mistyped(f"--term: {term!r} is not a term: write the days, like 90d")
    return int(digits)


TermOption = Annotated[
    str | None, Input("DAYS", "Days of the tier instead, as 90d.", check=days_of)
]

stake = Group(
    "stake",
    help="""Stake money for a term, and be paid for it.

    The whole reward is reserved when a stake is opened. It can be claimed at any time; the money
    itself is free when the term is over, not before.
    """,
)

# ---- tiers


@dataclass(frozen=True, slots=True)
class TierOffer:
    """A tier, and the reward of a stake that is opened now."""

    tier: u8
    terms: Tier
    quote: StakeQuote | None
    """None without an amount, and for one below the tier's minimum."""


@dataclass(frozen=True, slots=True)
class Offers:
    """The reward pool, and the tiers with the rewards of an amount."""

    amount: Balance | None
    pool: PoolState
    tiers: list[TierOffer]


def benefit_names(bits: int) -> str:
    """Return the benefits of a tier besides its reward, as text."""
    return ", ".join(name for bit, name in BENEFITS.items() if bits & bit)


def print_tiers(offers: Offers, context: Context) -> None:
    """Print the tiers as a table, with the rewards of the amount if there is one."""
    whole = offers.amount

    def share(offer: TierOffer, _: Context) -> str:
        if offer.quote is None or whole is None:
            return "too little"
        return show.percent(offer.quote.net, whole) + ("*" if offer.quote.reduced else "")

    reward: dict[str, Column] = {"reward": "quote.net", ">of the stake": share}
    columns: dict[str, Column] = {
        "tier": "tier",
        ">term": lambda offer, _: show.counted(offer.terms.days, "day"),
        "a year": "terms.reward_bps",
        ">burned of it": lambda offer, _: (
            show.percent(offer.terms.burn_bps, BPS) if offer.terms.burn_bps else "-"
        ),
        "at least": "terms.minimum",
        **(reward if whole else {}),
        "benefits": lambda offer, _: benefit_names(offer.terms.benefits),
    }
    print_value(rule_of(list[TierOffer]), offers.tiers, columns, context)
    if any(offer.quote is not None and offer.quote.reduced for offer in offers.tiers):
        show.note(
            "* less than the tier's rate: the reward pool, or an account's part of it, has no "
            "more; such a stake needs --min-reward"
        )


@query(stake, "btt-chain stake tiers", "btt-chain stake tiers 10_000BTT", view=print_tiers)
async def tiers(chain: ViewClient, amount: Balance | None) -> Offers:
    """Show the tiers; with AMOUNT the reward that such a stake would earn in its term."""
    offers = [
        TierOffer(
            u8(number),
            terms,
            await chain.api(StakingApi.quote, amount, u32(number)) if amount else None,
        )
        for number, terms in enumerate(await current_tiers(chain))
    ]
    return Offers(amount, await chain.api(StakingApi.pool), offers)


async def current_tiers(chain: ViewClient) -> list[Tier]:
    """Return the terms of new stakes."""
    return shaped(list[Tier], await chain.chain.storage("TierStaking.CurrentTiers"))


async def chosen_tier(chain: ViewClient, tier: u8 | None, term: str | None) -> tuple[u8, Tier]:
    """Return the tier that the options name. Mistyped, NotFound."""
    days = None if term is None else days_of(term)
    if (tier is None) == (days is None):
        raise Mistyped("how long? Give one of --tier and --term; `btt-chain stake tiers` has both")
    rows = await current_tiers(chain)
    for number, terms in enumerate(rows):
        if tier == number or days == terms.days:
            return u8(number), terms
    listed = ", ".join(f"{number} ({terms.days}d)" for number, terms in enumerate(rows))
    wanted = f"tier {tier}" if days is None else f"term of {show.counted(days, 'day')}"
    raise NotFound(f"there is no {wanted}; there are {listed}")


# ---- open stakes


@dataclass(frozen=True, slots=True)
class OpenStake:
    """An open stake, with what it has earned at a time."""

    stake: StakeId
    terms: Stake
    benefits: u8
    benefits_from: ChainMoment
    """Time from which it has benefits besides its reward."""
    due: Balance
    """Reward that can be claimed, before burns."""
    due_net: Balance
    """Reward that a claim pays."""
    dividend: Balance
    """Dividends that can be claimed."""
    forfeited: Balance
    """Reward of the rest of the term, after burns: what an early end forfeits."""
    now: ChainMoment

    @property
    def is_over(self) -> bool:
        """Return True if it can be closed."""
        return self.now >= self.terms.term_end

    def ends(self, context: Context) -> str:
        """Return the end of its term as text."""
        return until(int(self.terms.term_end), int(self.now), context)

    def early_end(self, context: Context) -> str:
        """Return a sentence on the consequences of an end before the term."""
        if self.is_over:
            return "its term is over, and it can be closed"
        lost = context.currency.format(int(self.forfeited))
        return f"its owner cannot end it before; if governance did, {lost} of reward would be lost"


def open_stake(
    position: Position, terms: Stake, now: int, warm_up: int, accumulated: int
) -> OpenStake:
    """Return a stake with its figures at `now`; `accumulated` are the dividends of one planck."""
    earned = int(accrued(terms.amount, terms.bps, elapsed(terms, now)))
    due = earned - int(terms.gross_claimed)
    return OpenStake(
        stake=position.id,
        terms=terms,
        benefits=position.benefits,
        benefits_from=u64(int(position.since) + warm_up),
        due=u128(due),
        due_net=u128(net_of(due, terms.burn_bps)),
        dividend=u128(int(terms.amount) * (accumulated - int(terms.acc_snapshot)) // ONE),
        forfeited=u128(net_of(int(terms.commit) - earned, terms.burn_bps)),
        now=u64(now),
    )


def net_of(gross: int, burn_bps: int) -> int:
    """Return a reward after its burn."""
    return gross - gross * int(burn_bps) // BPS


async def open_stakes(chain: ViewClient, who: bytes, *, is_next: bool = False) -> list[OpenStake]:
    """Return the open stakes of an account, by number.

    Their figures are those of the best block, or with `is_next` of a block that is made now.
    """
    time, account = await ChainTime.read(chain.chain), to_hex(who)
    now = (time.at_next_block() if is_next else time).ms
    stored = await chain.chain.storage("TierStaking.Holdings", account)
    holdings = Holdings() if stored is None else shaped(Holdings, stored)
    positions = sorted(holdings.positions, key=lambda position: position.id)
    keys: list[list[Plain]] = [[account, int(position.id)] for position in positions]
    values = await chain.chain.storage_many("TierStaking.Stakes", keys)
    accumulated = int(str(await chain.chain.storage("TierStaking.AccDividend")))
    warm_up = int(str(chain.chain.constant("TierStaking.WarmUp")))
    return [
        open_stake(position, shaped(Stake, value), now, warm_up, accumulated)
        for position, value in zip(positions, values, strict=True)
    ]


def find(stakes: Sequence[OpenStake], number: int) -> OpenStake:
    """Return a stake by its number. NotFound if these do not have it."""
    for row in stakes:
        if row.stake == number:
            return row
    numbers = ", ".join(str(row.stake) for row in stakes) or "none"
    raise NotFound(f"the account has no open stake {number}; open are: {numbers}")


@query(
    stake, "btt-chain stake list //Alice", "btt-chain stake list 5FHneW46... --json", flat="terms",
    empty="no stake is open; `btt-chain stake tiers` shows what can be opened",
    columns={
        "stake": "stake", "amount": "amount", "a year": "bps",
        ">to claim": lambda row, context: context.currency.format(int(row.due_net + row.dividend)),
        "still to earn": "forfeited", "ends": OpenStake.ends,
    },
)  # fmt: skip
async def list_(chain: ViewClient, account: AccountId) -> list[OpenStake]:
    """List the stakes of ACCOUNT: what they earned, and how long they still last.

    Those that are over earn nothing more; `stake unstake` closes one.
    """
    return await open_stakes(chain, account)


def print_stake(row: OpenStake, context: Context) -> None:
    """Print a stake with its reward, its benefits, and what an early end would cost."""
    money, when = rule(Balance), rule(ChainMoment)
    benefits = benefit_names(row.benefits) or "none besides the reward"
    if row.benefits and row.now < row.benefits_from < row.terms.term_end:
        benefits += f", from {until(int(row.benefits_from), int(row.now), context)}"
    burned = row.terms.burn_bps
    show.record(
        {
            "stake": str(row.stake),
            "amount": money.text(u128(row.terms.amount), context),
            "opened": when.text(row.terms.opened, context),
            "ends": row.ends(context),
            "reward": f"{show.percent(row.terms.bps, BPS)} a year"
            + (f", {show.percent(burned, BPS)} of it burned" if burned else ""),
            "to claim": f"{money.text(row.due_net, context)} of rewards, "
            f"{money.text(row.dividend, context)} of dividends",
            "still to earn": money.text(row.forfeited, context),
            "benefits": benefits,
            "early end": row.early_end(context),
        }
    )


@query(stake, "btt-chain stake show 0 --of //Alice", flat="terms", view=print_stake)
async def show_(
    chain: ViewClient,
    id: StakeId,
    of: Annotated[AccountId, Input("ACCOUNT", "The owner of the stake.")],
) -> OpenStake:
    """Show one stake, and what an end before its term would cost."""
    return find(await open_stakes(chain, of), id)


# ---- calls


@composed(
    stake, TierStaking.stake,
    "btt-chain stake open 1_000BTT --term 30d --from //Alice",
    "btt-chain stake open 50_000BTT --tier 3 --min-reward 100BTT --from //Alice",
    event=events.Staked, done="Stake {stake} is open: {amount} at tier {tier}.",
)  # fmt: skip
async def open_(
    chain: ViewClient,
    sender: Sender,
    amount: Balance,
    tier: TierOption,
    term: TermOption,
    min_reward: Annotated[
        Balance | None,
        Input(
            "AMOUNT",
            "Open it also if the pool can reserve less than the full reward, but this much in all.",
        ),
    ],
) -> dict[str, object]:
    """Stake AMOUNT for the term of a tier. It cannot be withdrawn before the end."""
    number, terms = await chosen_tier(chain, tier, term)
    context = await context_of(chain)
    money = context.currency.format
    quote = await chain.api(StakingApi.quote, amount, u32(number))
    if quote is None:
        days = show.counted(terms.days, "day")
        raise Refused(f"a stake for {days} is at least {money(int(terms.minimum))}")
    if quote.reduced and min_reward is None:
        raise Refused(
            f"the pool can reserve {money(int(quote.net))} for this stake, less than its tier "
            "pays: stake less, or accept it with --min-reward"
        )
    if not sender.as_json:
        now = (await ChainTime.read(chain.chain)).ms
        show.note(
            f"the stake ends {until(now + term_ms(terms), now, context)}; "
            f"reward {money(int(quote.net))} ({show.percent(quote.net, amount)})"
        )
    return {"amount": amount, "tier": number, "min_reward": min_reward}


def paid_by(sent: Included) -> dict[str, u128]:
    """Return the amounts that a transaction paid to a staker."""
    return {
        "rewards": u128(total(sent, "TierStaking.RewardPaid", "paid")),
        "dividends": u128(total(sent, "TierStaking.DividendPaid", "amount")),
        "contributions": u128(total(sent, "TierStaking.ContributionPaid", "amount")),
    }


def paid(values: SimpleNamespace, context: Context) -> str:
    """Return the sum that a transaction paid to a staker, as text."""
    return f"{context.currency.format(int(values.rewards + values.dividends))} were paid"


def extended(values: SimpleNamespace, context: Context) -> str:
    """Return the result of an extension as text."""
    return f"Stake {values.stake} has the term of tier {values.tier}; {paid(values, context)}."


def closed(values: SimpleNamespace, context: Context) -> str:
    """Return the result of a closing as text."""
    amount = context.currency.format(int(values.amount))
    return f"Stake {values.stake} is closed: {amount} are free, and {paid(values, context)}."


@composed(
    stake, TierStaking.extend, "btt-chain stake extend 0 --term 90d --from //Alice",
    event=events.Extended, facts=paid_by, done=extended,
)  # fmt: skip
async def extend(
    chain: ViewClient, sender: Sender, id: StakeId, tier: TierOption, term: TermOption
) -> dict[str, object]:
    """Restart a stake with a term that ends later. What it earned so far is paid."""
    number, _ = await chosen_tier(chain, tier, term)
    find(await open_stakes(chain, sender.account), id)
    return {"id": id, "tier": number}


@composed(
    stake, TierStaking.unstake, "btt-chain stake unstake 0 --from //Alice",
    event=events.Unstaked, facts=paid_by, done=closed,
)  # fmt: skip
async def unstake(chain: ViewClient, sender: Sender, id: StakeId) -> dict[str, object]:
    """Close a stake whose term is over: the rest of its reward is paid, and the money is free."""
    row = find(await open_stakes(chain, sender.account, is_next=True), id)
    if not row.is_over:
        context = await context_of(chain)
        raise Refused(
            f"stake {id} ends {row.ends(context)}; {row.early_end(context)}. "
            f"What it earned so far is paid by `btt-chain stake claim {id}`"
        )
    return {"id": id}


@program(stake, "btt-chain stake claim --from //Alice", "btt-chain stake claim 0 2 --from //Alice")
async def claim(
    chain: ViewClient,
    sender: Sender,
    numbers: Annotated[list[StakeId], Input("[STAKE]...", default="")],
) -> None:
    """Claim rewards and dividends of stakes, by default of all, in one transaction.

    Without a number also what contributions earned in quarters that are over.
    """
    calls = await claims(chain, sender.account, sorted(set(map(int, numbers))))
    if not calls:
        raise Refused("nothing can be claimed now")
    sent = await send_calls(sender, chain.chain, calls)
    money, amounts = chain.currency.format, paid_by(sent)
    parts = ", ".join(f"{money(int(amount))} of {name}" for name, amount in amounts.items())
    report(
        sent, sender.as_json, f"{money(sum(map(int, amounts.values())))} were paid: {parts}.",
        **{name: str(amount) for name, amount in amounts.items()},
    )  # fmt: skip


async def claims(chain: ViewClient, who: bytes, numbers: Sequence[int]) -> list[Named]:
    """Return the calls that claim what is due to an account: of these stakes, or everything."""
    stakes = await open_stakes(chain, who, is_next=True)
    calls: list[Named] = []
    for row in [find(stakes, number) for number in numbers] or stakes:
        if row.due:
            calls.append(("TierStaking.claim", {"id": int(row.stake)}))
        if row.dividend:
            calls.append(("TierStaking.claim_dividend", {"id": int(row.stake)}))
    if not numbers:
        view = await chain.api(StakingApi.contributions, AccountId(who))
        calls += [
            ("TierStaking.claim_contribution", {"quarter": int(quarter)})
            for quarter, amount in view.claimable
            if amount
        ]
    return calls
