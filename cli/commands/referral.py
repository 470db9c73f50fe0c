"""`btt-chain referral`: refer new users, and be paid when they use the chain."""

from __future__ import annotations

from typing import Annotated

from btt_chain.client.paging import PAGE, pages
from btt_chain.client.views import ViewClient
from btt_chain.lazyclass import dataclass
from btt_chain.present import Context, rule
from btt_chain.primitives.account import AccountId, Id
from btt_chain.scale import u32
from cli.common import show
from cli.common.options import Group
from cli.declared import decided, query, send
from cli.parameters import Input
from runtime.pallets.referral.api import Offer, QuotaView, RefereeView, ReferralApi
from runtime.pallets.referral.pallet import Referral
from runtime.pallets.referral.types import Terms

referral = Group(
    "referral",
    help="""Refer new users of the chain, and be paid when they use it.

    Three milestones of a referee are rewarded: an attested implementation, a hundred paid jobs, a
    thousand BTT spent. No more is paid than half of what its fees lost, less what mining and
    dividends return.
    """,
)

# ---- queries


@dataclass(frozen=True, slots=True)
class Standing:
    """An account as a referee and as a referrer."""

    account: AccountId
    referee: RefereeView | None
    offers: list[Offer]
    quota: QuotaView
    terms: Terms


def print_standing(standing: Standing, context: Context) -> None:
    """Print what an account has reached and may still win."""
    address, format = rule(AccountId), context.currency.format
    view, quota = standing.referee, standing.quota
    lines = {"account": address.text(standing.account, context)}
    if view is None:
        names = ", ".join(address.text(offer.referrer, context) for offer in standing.offers)
        lines["referred by"] = f"not accepted yet: {names}" if names else "no account"
    else:
        lines |= progress(view, standing.terms, context)
    left = f"{quota.referees_left} referees, {format(int(quota.amount_left))} this year"
    show.record(lines | {"may still win": left})


def progress(view: RefereeView, terms: Terms, context: Context) -> dict[str, str]:
    """Return a referee's milestones as text."""

    def money(planck: int) -> str:
        return context.currency.format(int(planck))

    referee, usage = view.referee, view.referee.usage
    done = "attested" if referee.implemented else "not attested"
    return {
        "referred by": rule(AccountId).text(referee.referrer, context),
        "implementation": f"{done}, for {money(terms.implementation)}",
        "paid jobs": f"{usage.jobs} of {terms.jobs}, for {money(terms.usage)}",
        "spent": f"{money(usage.spent)} of {money(terms.spent)}, for {money(terms.spending)}",
        "fees lost": money(usage.lost),
        "mining returns": money(usage.mining),
        "reached": money(view.reached),
        "covered by fees": money(view.returnable),
        "paid": money(referee.paid),
        "can be claimed": money(view.payable),
    }


@query(
    referral, "btt-chain referral show //Bob", "btt-chain referral show //Bob --json",
    view=print_standing,
)  # fmt: skip
async def show_(chain: ViewClient, account: AccountId) -> Standing:
    """Show an account as a referee and as a referrer: fees, milestones, what can be claimed."""
    return Standing(
        account,
        await chain.api(ReferralApi.referee, account),
        await chain.api(ReferralApi.offers, account),
        await chain.api(ReferralApi.quota, account),
        await chain.api(ReferralApi.terms),
    )


@query(
    referral, "btt-chain referral list", "btt-chain referral list --by //Alice --json",
    empty="there is none; `btt-chain referral refer --help` says how to refer an account",
    columns={
        "referee": "account", "referrer": "referee.referrer", "jobs": "referee.usage.jobs",
        "spent": "referee.usage.spent", "paid": "referee.paid", "can be claimed": "payable",
    },
)  # fmt: skip
async def list_(
    chain: ViewClient,
    by: Annotated[AccountId | None, Input(help="Referees of this referrer only.")],
) -> list[RefereeView]:
    """List the accounts that accepted a referral."""
    referees = pages(
        lambda after: chain.api(ReferralApi.referees, after, u32(PAGE)),
        lambda view: view.account,
        first=None,
    )
    return [view async for view in referees if by is None or view.referee.referrer == by]


# ---- calls

send(
    referral, "refer", Referral.refer, "btt-chain referral refer //Bob --from //Alice",
    help="Refer an account that never used the chain. A deposit of 1 BTT goes on hold.",
    done="referred, in block {block}",
)  # fmt: skip
send(
    referral, "accept", Referral.accept, "btt-chain referral accept //Alice --from //Bob",
    help="Accept a referral, before the first job or payment. It costs the referee nothing.",
    done="accepted, in block {block}",
)  # fmt: skip
send(
    referral, "claim", Referral.claim, "btt-chain referral claim //Bob --from //Alice",
    help="Pay the referrer what is payable for a referee. Any account may do it.",
    done="claimed, in block {block}",
)  # fmt: skip
send(
    referral, "withdraw", Referral.withdraw, "btt-chain referral withdraw //Bob --from //Alice",
    help="Withdraw a referral that was not accepted; the deposit comes back.",
    done="withdrawn, in block {block}",
)  # fmt: skip


@decided(
    referral, Referral.attest_implementation, "btt-chain referral attest //Bob",
    "btt-chain referral attest //Bob --sudo --from //Alice", track="technical",
    done="attested, in block {block}",
)  # fmt: skip
def attest(referee: AccountId) -> dict[str, object]:
    """Have the implementation at a referee attested: print the proposal, or send it as sudo.

    The Foundation's multisig may also send the call `Referral.attest_implementation`.
    """
    return {"referee": Id(referee)}
