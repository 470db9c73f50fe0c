"""`btt-chain referral`: refer new users, and be paid when they use the chain."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from btt_chain.client.paging import PAGE, pages
from btt_chain.primitives.account import AccountId
from btt_chain.primitives.ss58 import encode
from btt_chain.scale import u32
from cli.commands.gov_calls import address_of, submit_call
from cli.common import show
from cli.common.deciding import decide, deciding_options
from cli.common.options import Group, examples, query_options
from cli.common.sending import call_options
from cli.common.session import run
from cli.common.working import account, properties, view_chain
from runtime.apis.referral import Offer, QuotaView, RefereeView, ReferralApi
from runtime.pallets.referral import Terms

if TYPE_CHECKING:
    from btt_chain.client.amount import Currency
    from btt_chain.primitives.account import AccountId


referee_argument = click.argument("referee", metavar="ACCOUNT")


@click.group(cls=Group)
def referral() -> None:
    """Refer new users of the chain, and be paid when they use it.

    Three milestones of a referee are rewarded: an attested implementation, a hundred paid jobs, a
    thousand BTT spent. No more is paid than half of what its fees lost, less what mining and
    dividends return.
    """


# ---- queries


@examples("btt-chain referral show //Bob", "btt-chain referral show //Bob --json")
@referral.command("show")
@referee_argument
@query_options
def show_(referee: str, url: str, timeout: float, as_json: bool) -> None:
    """Show an account as a referee and as a referrer: fees, milestones, what can be claimed."""

    async def ask() -> tuple[
        RefereeView | None, list[Offer], QuotaView, Terms, Currency, int, AccountId
    ]:
        currency, prefix = await properties(url, timeout)
        who = AccountId(account(referee, prefix))
        async with view_chain(url, timeout) as chain:
            return (
                await chain.api(ReferralApi.referee, who),
                await chain.api(ReferralApi.offers, who),
                await chain.api(ReferralApi.quota, who),
                await chain.api(ReferralApi.terms),
                currency,
                prefix,
                who,
            )

    view, offers, quota, terms, currency, prefix, who = run(ask())
    if as_json:
        show.document(
            {
                "account": encode(who, prefix),
                "referee": None if view is None else facts(view, prefix),
                "offers": [encode(offer.referrer, prefix) for offer in offers],
                "refereesLeft": quota.referees_left,
                "planckLeft": str(quota.amount_left),
            }
        )
        return
    rows = {"account": encode(who, prefix)}
    if view is None:
        names = ", ".join(encode(offer.referrer, prefix) for offer in offers)
        rows["referred by"] = f"not accepted yet: {names}" if offers else "no account"
    else:
        rows |= progress(view, terms, currency, prefix)
    rows["may still win"] = (
        f"{quota.referees_left} referees, {currency.format(quota.amount_left)} this year"
    )
    show.record(rows)


def progress(view: RefereeView, terms: Terms, currency: Currency, prefix: int) -> dict[str, str]:
    """Return a referee's milestones as text."""
    found, usage = view.referee, view.referee.usage
    done = "attested" if found.implemented else "not attested"
    spent, wanted = currency.format(usage.spent), currency.format(terms.spent)
    return {
        "referred by": encode(found.referrer, prefix),
        "implementation": f"{done}, for {currency.format(terms.implementation)}",
        "paid jobs": f"{usage.jobs} of {terms.jobs}, for {currency.format(terms.usage)}",
        "spent": f"{spent} of {wanted}, for {currency.format(terms.spending)}",
        "fees lost": currency.format(usage.lost),
        "mining returns": currency.format(usage.mining),
        "reached": currency.format(view.reached),
        "covered by fees": currency.format(view.returnable),
        "paid": currency.format(found.paid),
        "can be claimed": currency.format(view.payable),
    }


@examples("btt-chain referral list", "btt-chain referral list --by //Alice --json")
@referral.command("list")
@click.option("--by", help="Referees of this referrer only.")
@query_options
def list_(by: str | None, url: str, timeout: float, as_json: bool) -> None:
    """List the accounts that accepted a referral."""

    async def ask() -> tuple[list[RefereeView], Currency, int]:

        currency, prefix = await properties(url, timeout)
        async with view_chain(url, timeout) as chain:
            referees = pages(
                lambda after: chain.api(ReferralApi.referees, after, u32(PAGE)),
                lambda view: view.account,
                first=None,
            )
            return [view async for view in referees], currency, prefix

    views, currency, prefix = run(ask())
    if by is not None:
        referrer = account(by, prefix)
        views = [view for view in views if view.referee.referrer == referrer]
    if as_json:
        show.document([facts(view, prefix) for view in views])
        return
    if not views:
        show.note("there is none; `btt-chain referral refer --help` says how to refer an account")
        return
    show.table(
        ["referee", "referrer", ">jobs", ">spent", ">paid", ">can be claimed"],
        [
            [
                encode(view.account, prefix),
                encode(view.referee.referrer, prefix),
                str(view.referee.usage.jobs),
                currency.format(view.referee.usage.spent),
                currency.format(view.referee.paid),
                currency.format(view.payable),
            ]
            for view in views
        ],
    )


# ---- calls


@examples("btt-chain referral refer //Bob --from //Alice")
@referral.command()
@referee_argument
@call_options
def refer(referee: str, url: str, timeout: float, as_json: bool, **options: object) -> None:
    """Refer an account that never used the chain. A deposit of 1 BTT goes on hold."""
    _send("refer", "referee", referee, "referred", url, timeout, as_json, options)


@examples("btt-chain referral accept //Alice --from //Bob")
@referral.command()
@click.argument("referrer", metavar="ACCOUNT")
@call_options
def accept(referrer: str, url: str, timeout: float, as_json: bool, **options: object) -> None:
    """Accept a referral, before the first job or payment. It costs the referee nothing."""
    _send("accept", "referrer", referrer, "accepted", url, timeout, as_json, options)


@examples("btt-chain referral claim //Bob --from //Alice")
@referral.command()
@referee_argument
@call_options
def claim(referee: str, url: str, timeout: float, as_json: bool, **options: object) -> None:
    """Pay the referrer what is payable for a referee. Any account may do it."""
    _send("claim", "referee", referee, "claimed", url, timeout, as_json, options)


@examples("btt-chain referral withdraw //Bob --from //Alice")
@referral.command()
@referee_argument
@call_options
def withdraw(referee: str, url: str, timeout: float, as_json: bool, **options: object) -> None:
    """Withdraw a referral that was not accepted; the deposit comes back."""
    _send("withdraw", "referee", referee, "withdrawn", url, timeout, as_json, options)


@examples(
    "btt-chain referral attest //Bob",
    "btt-chain referral attest //Bob --sudo --from //Alice",
)
@referral.command()
@referee_argument
@deciding_options
@query_options
def attest(referee: str, url: str, timeout: float, as_json: bool, **options: object) -> None:
    """Have the implementation at a referee attested: print the proposal, or send it as sudo.

    The Foundation's multisig may also send the call `Referral.attest_implementation`.
    """
    _, prefix = run(properties(url, timeout))
    decide(
        "Referral.attest_implementation", {"referee": address_of(referee, prefix)},
        [encode(account(referee, prefix), prefix)], "technical", "attested",
        url=url, timeout=timeout, as_json=as_json, options=options,
    )  # fmt: skip


def _send(
    call: str, argument: str, given: str, done: str, url: str, timeout: float, as_json: bool,
    options: dict[str, object],
) -> None:  # fmt: skip

    _, prefix = run(properties(url, timeout))
    args = {argument: address_of(given, prefix)}
    submit_call("Referral", call, args, done, url, timeout, as_json, options)


# ---- output


def facts(view: RefereeView, prefix: int) -> dict[str, object]:
    """Return a referee as JSON."""
    found, usage = view.referee, view.referee.usage
    return {
        "account": encode(view.account, prefix),
        "referrer": encode(found.referrer, prefix),
        "since": found.since,
        "implemented": found.implemented,
        "jobs": usage.jobs,
        "spent": str(usage.spent),
        "lost": str(usage.lost),
        "mining": str(usage.mining),
        "dividends": str(usage.dividends),
        "reached": str(view.reached),
        "returnable": str(view.returnable),
        "paid": str(found.paid),
        "payable": str(view.payable),
        "complete": found.complete,
    }
