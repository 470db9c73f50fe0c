"""`btt-chain facility rules|subscribe|month`: a facility's months on the chain."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Annotated, Final

from btt_chain.client.views import ViewClient
from btt_chain.lazyclass import dataclass
from btt_chain.present import Context, rule
from btt_chain.primitives.activity_rule import Evidence
from btt_chain.scale import u16, u32
from cli.common import show
from cli.common.care import Facility, current
from cli.common.errors import NotFound
from cli.common.options import Group
from cli.common.sending import Sender
from cli.declared import composed, query
from cli.parameters import Input
from runtime.frame.aliases import Balance, SlotOf
from runtime.pallets.facilities.types import Size
from runtime.pallets.incentives import events
from runtime.pallets.incentives.api import EpochView, IncentivesApi, RuleView
from runtime.pallets.incentives.formulas import subscription
from runtime.pallets.incentives.pallet import Incentives
from runtime.pallets.incentives.types import AHEAD_MONTHS, PRICE_KEY, Audit, AuditPhase, EpochState
from runtime.pallets.oracle.api import DataProviderId, OracleApi

months = Group("months")
"""Commands that `btt-chain facility` has."""
AUDIT_PHASES: Final = {
    AuditPhase.FirstRound: "first round: {reported} of {seats} auditors reported, it ends {until}",
    AuditPhase.Answerable: "a fault was found: `btt-chain facility appeal`, it fails {until}",
    AuditPhase.Waiting: "appealed: three other auditors are being selected",
    AuditPhase.SecondRound: "second round: {reported} of {seats} auditors reported, it ends "
    "{until}",
}
"""Phases of an audit as shown by `facility month`."""


@query(
    months, "btt-chain facility rules", flat="rule",
    empty="there is none; the params track sets them: `Incentives.set_rule`",
    columns={
        ">rule": "id", ">base": "base", ">health": "health_ppm", ">impact": "impact_ppm",
        ">floor": "floor_ppm", ">cap": "cap_ppm", ">a month": "per_patient_month",
        ">cooldown days": "cooldown_days",
        "evidence": lambda view, _: kinds_of_evidence(int(view.evidence)),
    },
)  # fmt: skip
async def rules(chain: ViewClient) -> list[RuleView]:
    """List the rules of activities: points, factors, caps and cooldowns."""
    return await chain.api(IncentivesApi.rules)


def kinds_of_evidence(bits: int) -> str:
    """Return the names of kinds of evidence."""
    return ", ".join(str(kind.name).lower() for kind in Evidence if bits & kind)


def paid_months(paid: SimpleNamespace, _: Context) -> str:
    """Return the months of a subscription."""
    is_one = paid.first == paid.last
    which = f"month {paid.first}" if is_one else f"months {paid.first} to {paid.last}"
    return f"subscribed for {which}, in block {paid.block}"


@composed(
    months, Incentives.subscribe,
    "btt-chain facility subscribe small --months 3 --from clinic.key",
    event=events.Subscribed, done=paid_months,
)  # fmt: skip
async def subscribe(
    chain: ViewClient,
    size: Size,
    months: Annotated[u16, Input(help="How many months.", default="1", least=1, most=AHEAD_MONTHS)],
    sender: Sender,
) -> dict[str, object]:
    """Pay for the next months, in which your facility issues points. It is not paid back.

    A month costs 3,000, 10,000 or 25,000 CNY by size, at the oracle's price of BTT now.
    """
    price = await price_of(chain, size)
    if price is not None and not sender.as_json:
        time = "a month" if months == 1 else f"{months} months"
        show.note(f"price   {chain.currency.format(price * int(months))} now, for {time}")
    return {"size": size, "months": months}


async def price_of(chain: ViewClient, size: Size) -> int | None:
    """Return the planck of a month now; None without a price, which the call itself says."""
    price = await chain.api(OracleApi.get_value, DataProviderId.Aggregated, PRICE_KEY)
    return None if price is None else int(subscription(size, price.value))


@dataclass(frozen=True, slots=True)
class FacilityMonth:
    """A facility's month, and its audit."""

    view: EpochView
    audit: Audit | None
    running: u32
    """The current month."""


def print_month(shown: FacilityMonth, context: Context) -> None:
    """Print a month with the state of its audit."""
    view, epoch = shown.view, shown.view.epoch
    lines = {
        "month": str(view.month),
        "paid": rule(Balance).text(view.paid, context),
        "right": "fixed when the month begins" if view.month > shown.running else f"{view.right:_}",
        "state": "no keys" if epoch is None else rule(EpochState).text(epoch.state, context),
        "points": f"{0 if epoch is None else epoch.points:_}",
        "redeemed": f"{0 if epoch is None else epoch.redeemed:_}",
    }
    if shown.audit is not None:
        seats = shown.audit.seats
        lines["audit"] = AUDIT_PHASES[shown.audit.phase].format(
            reported=sum(seat.verdict is not None for seat in seats), seats=len(seats),
            until=rule(SlotOf).text(shown.audit.until, context),
        )  # fmt: skip
    show.record(lines)


@query(months, "btt-chain facility month //Bob", flat="view", view=print_month)
async def month_(
    chain: ViewClient,
    facility: Facility,
    month: Annotated[u32 | None, Input(help="Number of the month.")],
) -> FacilityMonth:
    """Show a facility's month: its payment, its right, its points and the state of its audit."""
    running = (await current(chain)).month
    number = running if month is None else month
    view = await chain.api(IncentivesApi.epoch, facility, number)
    if view is None:
        raise NotFound(
            f"the facility has not paid for month {number}; months are paid ahead: "
            f"`btt-chain facility subscribe` pays for month {running + 1} and later ones"
        )
    audit = await chain.api(IncentivesApi.audit, facility, number)
    return FacilityMonth(view, None if audit is None else audit.audit, running)
