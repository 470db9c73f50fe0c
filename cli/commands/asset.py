"""`btt-chain asset`: registered real-world assets, and units of their ownership."""

from __future__ import annotations

from enum import IntEnum
from pathlib import Path
from typing import Annotated

from btt_chain.client.paging import PAGE, pages
from btt_chain.client.transactions import Included
from btt_chain.client.views import ViewClient, events_of
from btt_chain.present import Context, rule
from btt_chain.primitives.account import AccountId, Id
from btt_chain.scale import u8, u32, u64
from cli.common.errors import Mistyped, Refused
from cli.common.options import Group
from cli.common.working import hash_of, text
from cli.declared import composed, decided, query, send
from cli.parameters import Input
from runtime.frame.aliases import Balance, SlotOf
from runtime.pallets.asset_registry import events
from runtime.pallets.asset_registry.api import AssetsApi, AssetView, Holding
from runtime.pallets.asset_registry.pallet import AssetRegistry
from runtime.pallets.asset_registry.types import AssetKind, RightKind, Role, State
from runtime.pallets.asset_registry.types import Id as AssetId
from runtime.pallets.assets.pallet import Assets
from runtime.pallets.assets.types import STRING_LIMIT
from runtime.pallets.exchange.pallet import Exchange

asset = Group(
    "asset", help="Register real things, issue their units, hold them and share their revenue."
)

# ---- queries


def state(view: AssetView, context: Context) -> str:
    """Return the state of an asset in a word or two."""
    return rule(State).text(view.info.state, context) + (", frozen" if view.frozen else "")


@query(
    asset, "btt-chain asset list", empty="nothing is registered",
    columns={
        "asset": "id", "name": "info.name", "kind": "info.kind", "state": state,
        "value": "info.value", "units": "info.units",
        "holders": "holders",
        "traded": lambda view, _: "-" if view.listing is None else "yes",
    },
)  # fmt: skip
async def list_(chain: ViewClient) -> list[AssetView]:
    """List what is registered."""
    assets = pages(
        lambda begin: chain.api(AssetsApi.assets, begin, u32(PAGE)),
        lambda view: view.id + 1,
        first=u32(0),
    )
    return [view async for view in assets]


def title(view: AssetView, _: Context) -> str:
    """Return an asset's number and names."""
    return f"{view.id}, {text(view.info.name)} ({text(view.info.symbol)})"


def kind(view: AssetView, context: Context) -> str:
    """Return an asset's kind and the right in it."""
    kind, right = rule(AssetKind), rule(RightKind)
    return f"{kind.text(view.info.kind, context)}, {right.text(view.info.right, context)}"


def holders(view: AssetView, _: Context) -> str:
    """Return the accounts that may hold an asset, as text."""
    return "accounts with a judged identity" if view.info.restricted else "any account"


def traded(view: AssetView, context: Context) -> str:
    """Return since when an asset is traded."""
    since = None if view.listing is None else rule(SlotOf).text(view.listing.since, context)
    return f"since {since}" if since else "no"


def votes(view: AssetView, context: Context) -> str:
    """Return the votes of stakers."""
    poll, money = view.poll, rule(Balance)
    if poll is None:
        return "no vote"
    ayes, nays = money.text(poll.ayes, context), money.text(poll.nays, context)
    return f"{ayes} for, {nays} against, until {rule(SlotOf).text(poll.ends, context)}"


@query(
    asset, "btt-chain asset show 0",
    missing="there is no asset {asset}; `btt-chain asset list` shows them",
    columns={
        "asset": title, "kind": kind, "state": state, "issuer": "info.issuer",
        "documents": "info.documents", "value": "info.value",
        "units": lambda view, _: f"{view.info.units:_}, held by {view.holders}",
        "may be held by": holders, "revenue so far": "distributed", "traded": traded,
        "stakers": votes,
    },
)  # fmt: skip
async def show_(chain: ViewClient, id: AssetId) -> AssetView | None:
    """Show one asset."""
    return await chain.api(AssetsApi.asset, id)


@query(
    asset, "btt-chain asset holdings 5Grw...", "btt-chain asset holdings //Alice --json",
    empty="the account has no units",
    columns={
        "asset": "id", "units": "units", "of them for sale": "on_hold",
        "revenue to claim": "revenue",
    },
)  # fmt: skip
async def holdings(chain: ViewClient, account: AccountId) -> list[Holding]:
    """Show the units that an account has, and the revenue that waits for it."""
    begin, rows = u32(0), []
    while True:
        page = await chain.api(AssetsApi.assets, begin, u32(PAGE))
        rows += await chain.api(AssetsApi.holdings, account, begin, u32(PAGE))
        if len(page) < PAGE:
            return rows
        begin = page[-1].id + 1


# ---- calls of issuers and holders


@composed(
    asset, AssetRegistry.register,
    "btt-chain asset register scan.pdf --name 'CT scanner' --symbol CT1 --kind equipment \\",
    "  --value 20_000BTT --units 1000 --from //Alice",
    event=events.AssetRegistered, done="Asset {asset} is registered, and waits for two verifiers.",
)  # fmt: skip
def register(
    documents: Path,
    name: Annotated[str, Input(help="What people call it: at most 50 bytes.")],
    symbol: Annotated[
        str, Input(help="What wallets show behind a number of units: at most 50 bytes.")
    ],
    kind: Annotated[AssetKind, Input(help="What kind of thing it is.")],
    right: Annotated[RightKind, Input(help="What its units give a right to.", default="ownership")],
    value: Annotated[Balance, Input("AMOUNT", "What it is worth.")],
    units: Annotated[u64, Input(help="How many there will ever be.", least=1)],
    restricted: Annotated[bool, Input(help="Only accounts with a judged identity may hold it.")],
    description: Annotated[
        Path | None, Input(help="What describes it to people; the documents themselves without.")
    ],
) -> dict[str, object]:
    """Register something by the hash of its documents. They stay where they are.

    Two verifiers attest it, stakers may object, then `asset issue` makes its units.
    """
    return {
        "kind": kind, "right": right, "documents": hash_of(documents),
        "description": hash_of(description or documents), "name": label(name, "name"),
        "symbol": label(symbol, "symbol"), "value": value, "units": units,
        "restricted": restricted,
    }  # fmt: skip


def check_issued(sent: Included) -> dict[str, object]:
    """Raise Refused if stakers rejected an asset, which does not fail the call."""
    if not events_of(sent, "AssetRegistry.AssetIssued", events.AssetIssued):
        raise Refused("more stake said no than yes: it is rejected, its deposit is free again")
    return {}


def issued(event: events.AssetIssued, context: Context) -> str:
    """Return the number of units and the fee, as text."""
    fee, burned = (context.currency.format(int(part)) for part in (event.fee, event.burned))
    return f"Units that exist now: {event.units:_}. The fee was {fee}, {burned} of it burned."


send(
    asset, "issue", AssetRegistry.issue, "btt-chain asset issue 0 --from //Alice",
    help="Pay the fee of issuing and get the units of your asset, when stakers have voted.",
    event=events.AssetIssued, facts=check_issued, done=issued,
)  # fmt: skip
send(
    asset, "transfer", Assets.transfer, "btt-chain asset transfer 0 5FHn... 100 --from //Alice",
    help="Send units to another account.",
    inputs={"target": Input("DEST"), "amount": Input("UNITS", least=1)},
    done="Units sent: {amount}.",
)  # fmt: skip
send(
    asset, "distribute", AssetRegistry.distribute_revenue,
    "btt-chain asset distribute 0 100BTT --from //Alice",
    help="Set revenue of your asset aside for those who hold its units now.",
    done="{amount} wait for the holders.",
)  # fmt: skip
send(
    asset, "claim", AssetRegistry.claim_revenue, "btt-chain asset claim 0 --from //Bob",
    help="Get the revenue that your units have brought.",
    event=events.RevenuePaid, done="You got {amount}.",
)  # fmt: skip
send(
    asset, "trade", Exchange.list_asset, "btt-chain asset trade 0 --from //Alice",
    help="List your asset on the exchange, so that its units can be traded.",
    done="Asset {asset} is traded; `btt-chain exchange book {asset}` shows its orders.",
)  # fmt: skip

# ---- calls of verifiers and voters

send(
    asset, "bond", AssetRegistry.bond_verifier, "btt-chain asset bond 5_000BTT --from //Bob",
    help="Bond AMOUNT to become a verifier; a decision appoints verifiers to their roles.",
    inputs={"bond": Input("AMOUNT")}, event=events.VerifierBonded,
    done="Bonded; `btt-chain asset appoint {who} --role ROLE` has it appointed.",
)  # fmt: skip


@decided(
    asset, AssetRegistry.appoint_verifier, "btt-chain asset appoint //Bob --role regulatory",
    "btt-chain asset appoint //Bob --role regulatory --sudo --from //Alice", track="asset_policy",
    done="appointed, in block {block}",
)  # fmt: skip
def appoint(
    who: AccountId,
    role: Annotated[
        list[Role],
        Input(
            help="A role of the verifier; may be repeated. Without it the verifier has none any "
            "more."
        ),
    ],
) -> dict[str, object]:
    """Have a bonded account appointed: print the proposal, or send it as sudo."""
    return {
        "who": Id(who), "regulatory": Role.Regulatory in role, "technical": Role.Technical in role,
    }  # fmt: skip


@composed(
    asset, AssetRegistry.verify,
    "btt-chain asset verify 0 --role technical --complexity 1 --report report.pdf \\",
    "    --from //Charlie", done="Your verdict on asset {asset} is stored.",
)  # fmt: skip
def verify(
    id: AssetId,
    role: Annotated[Role, Input(help="The role to verify in.")],
    complexity: Annotated[
        u8,
        Input(
            help="How hard it is to value: the fee of issuing is so many per cent.", least=1, most=3
        ),
    ],
    report: Annotated[
        Path, Input("FILE", "The report on it: its SHA-256 is stored, the file stays here.")
    ],
    reject: Annotated[bool, Input(help="Reject the asset instead of attesting it.")],
) -> dict[str, object]:
    """Attest an asset, or reject it, as a verifier who read its documents."""
    return {
        "id": id, "role": role, "complexity": complexity, "approve": not reject,
        "report": hash_of(report),
    }  # fmt: skip


class Ballot(IntEnum):
    """A vote."""

    Nay = 0
    Aye = 1


@composed(
    asset, AssetRegistry.vote, "btt-chain asset vote 0 aye --from //Dave",
    done="You voted {vote} on asset {asset}.",
)  # fmt: skip
def vote_(id: AssetId, vote: Ballot) -> dict[str, object]:
    """Vote on an attested asset, with your stake that lasts until the end of the vote."""
    return {"id": id, "aye": vote is Ballot.Aye}


def label(typed: str, what: str) -> bytes:
    """Return a name in the chain's form. Mistyped if it is empty or too long."""
    raw = typed.strip().encode()
    if not 1 <= len(raw) <= STRING_LIMIT:
        raise Mistyped(f"the {what} {typed!r} has {len(raw)} bytes, expected 1 to {STRING_LIMIT}")
    return raw
