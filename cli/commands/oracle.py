"""`btt-chain oracle`: prices of BTT, and the bonds of their feeders.

The Technical track admits feeders; `btt-chain feeder` feeds.
"""

from __future__ import annotations

from btt_chain.client.transactions import Included
from btt_chain.client.views import ViewClient
from btt_chain.feeder.values import shown_price
from btt_chain.present import Context, rule
from btt_chain.primitives.account import AccountId
from cli.common import show
from cli.common.options import Group
from cli.declared import query, send
from cli.parameters import Input
from runtime.frame.aliases import Balance, MomentOf
from runtime.pallets.oracle import events
from runtime.pallets.oracle.api import FeederView, OracleApi, PriceView
from runtime.pallets.oracle.pallet import Oracle
from runtime.pallets.oracle.types import FeederState, TimestampedValue

oracle = Group(
    "oracle",
    help="""See prices of BTT, and join, leave and manage their feeders.

    A price is the median of what bonded and admitted feeders say. `btt-chain feeder` is their
    program.
    """,
)

# ---- queries


def price(value: TimestampedValue | None) -> str:
    """Return a price as decimal text."""
    return "-" if value is None else shown_price(int(value.value))


def prices_of(view: FeederView) -> dict[str, str]:
    """Return a feeder's prices by their keys."""
    return {key.decode("ascii", "replace"): price(value) for key, value in view.values}


@query(
    oracle, "btt-chain oracle prices", "btt-chain oracle prices --json",
    columns={
        "key": "key",
        ">1 BTT is": lambda view, _: price(view.value),
        "state": "state",
        ">feeders": lambda view, _: f"at least {view.rule.min_count}",
        ">jump": lambda view, _: price(view.waiting and view.waiting.center),
        "fed at": "value.timestamp",
    },
)  # fmt: skip
async def prices(chain: ViewClient) -> list[PriceView]:
    """Show the price of BTT in each currency, or why there is none now."""
    return await chain.api(OracleApi.prices)


@query(
    oracle, "btt-chain oracle feeders", flat="feeder",
    empty="no feeder is admitted: `btt-chain oracle join --help` says how to begin",
    columns={
        "feeder": "account", "state": "state", "bond": "bond", "fed today": "fed",
        "missed": "missed",
        "values": lambda view, _: ", ".join(map(" ".join, prices_of(view).items())) or "-",
    },
)  # fmt: skip
async def feeders(chain: ViewClient) -> list[FeederView]:
    """List the admitted feeders with their newest values."""
    return await chain.api(OracleApi.feeders)


def print_feeder(view: FeederView, context: Context) -> None:
    """Print a feeder, a price a line."""
    feeder = view.feeder
    lines = {
        "feeder": rule(AccountId).text(view.account, context),
        "state": rule(FeederState).text(feeder.state, context),
        "bond": rule(Balance).text(feeder.bond, context),
        "heartbeats": f"{feeder.fed} today, {feeder.missed} missed",
    }
    if feeder.state is FeederState.Leaving:
        lines["bond free"] = rule(MomentOf).text(feeder.free_at, context)
    show.record(lines | prices_of(view))


@query(
    oracle, "btt-chain oracle show //Dave", flat="feeder", view=print_feeder,
    missing="{account} is not a feeder; `btt-chain oracle join` bonds one",
)  # fmt: skip
async def show_(chain: ViewClient, account: AccountId) -> FeederView | None:
    """Show one feeder: its bond, its state, its values."""
    return await chain.api(OracleApi.feeder, account)


# ---- calls

send(
    oracle, "join", Oracle.join, "btt-chain oracle join 1000BTT --from //Bob",
    help="Bond AMOUNT as a feeder, or add it to the bond. The Technical track admits feeders.",
    inputs={"bond": Input("AMOUNT")},
    done="{bond} bonded; the Technical track admits feeders",
)  # fmt: skip
send(
    oracle, "leave", Oracle.leave, "btt-chain oracle leave --from //Bob",
    help="Stop being a feeder. The bond can be withdrawn seven days later.", event=events.Left,
    done="you are no feeder any more; the bond is free at {free_at}",
)  # fmt: skip
send(
    oracle, "withdraw", Oracle.withdraw, "btt-chain oracle withdraw --from //Bob",
    help="Get the bond back, once it is free after `leave`.", event=events.Withdrawn,
    done="{bond} are free again",
)  # fmt: skip


def agreement(sent: Included) -> dict[str, object]:
    """Return True as `agreed` if the call made a majority."""
    return {"agreed": any(event.name == "Oracle.ProviderAttested" for event in sent.events)}


send(
    oracle, "attest", Oracle.attest,
    "btt-chain oracle attest //Bob --region 0 --energy B --from //Dave",
    help="""State the region and the energy class of a provider, as a feeder.

    Mining uses them once a majority of the feeders, and at least three, state the same.
    """,
    inputs={
        "provider": Input("PROVIDER"),
        "region": Input(help="Number of a region."),
        "energy": Input(help="Class of the work for a kilowatt-hour: A is the best."),
    },
    facts=agreement, done="stated; a majority agrees: {agreed}",
)  # fmt: skip
