"""`btt-chain vault`: pooled money and units, which a manager trades.

A manager's calls are sent by `btt-chain tx call Vaults.place_vault_order` and `cancel_vault_order`.
"""

from __future__ import annotations

from typing import Annotated, Final

from btt_chain.client.amount import AmountError, Currency
from btt_chain.client.views import ViewClient
from btt_chain.lazyclass import dataclass
from btt_chain.present import Context, Unfit, rule
from btt_chain.primitives.account import AccountId
from btt_chain.primitives.meaning import BASIS_POINTS
from btt_chain.scale import u16, u32, u64, u128
from cli.common import show
from cli.common.errors import Mistyped, NotFound, Refused
from cli.common.options import Group
from cli.common.sending import Sender
from cli.common.working import text
from cli.declared import Chosen, Done, composed, query
from cli.parameters import Input
from runtime.frame.aliases import Balance
from runtime.pallets.asset_registry.api import AssetsApi, AssetView
from runtime.pallets.exchange.api import ExchangeApi, VaultView
from runtime.pallets.vaults.pallet import VaultId, Vaults
from runtime.splits import BPS, ceil_div

ALL: Final = u128.MAX
"""Number that stands for all shares."""
SHARES: Final = Currency("shares")
"""Unit of shares: a vault begins with as many shares as it has money."""

Fee = Annotated[u16, BASIS_POINTS]

vault = Group(
    "vault",
    help="""Put money and units into vaults, which their managers trade for a fee.

    Who puts money in puts units beside it, in the ratio of what is there, and gets shares; who
    takes out gets the same part of both.
    """,
)


@query(
    vault, "btt-chain vault list", key="id",
    empty="there is no vault; `btt-chain vault create --help` says how to begin one",
    columns={
        "vault": "id", "asset": "vault.asset", "money": "money", "units": "units",
        "fee a year": "vault.fee_bps", "manager": "vault.manager",
    },
)  # fmt: skip
async def list_(chain: ViewClient) -> list[tuple[u32, VaultView]]:
    """List the vaults."""
    count = int(str(await chain.chain.storage("Vaults.Count")))
    views = [(id, await chain.api(ExchangeApi.vault, id)) for id in map(u32, range(count))]
    return [(id, view) for id, view in views if view is not None]  # a closed vault has no data


@dataclass(frozen=True, slots=True)
class Part:
    """A part of a vault, in shares and what they are worth."""

    holder: AccountId
    shares: u128
    money: Balance
    units: u128


@dataclass(frozen=True, slots=True)
class Contents:
    """A vault, and what an account has of it."""

    id: u32
    view: VaultView
    asset: AssetView | None
    orders: u32
    """Number of its open orders."""
    own: Part | None


def print_contents(contents: Contents, context: Context) -> None:
    """Print what lies in a vault."""
    view, asset, own = contents.view, contents.asset, contents.own
    named = "" if asset is None else f", {text(asset.info.name)} ({text(asset.info.symbol)})"
    address, money = rule(AccountId), rule(Balance)
    lines = {
        "vault": str(contents.id),
        "asset": f"{view.vault.asset}{named}",
        "manager": address.text(view.vault.manager, context),
        "fee": f"{rule(Fee).text(view.vault.fee_bps, context)} a year",
        "account": address.text(view.account, context),
        "money": money.text(view.money, context),
        "units": f"{view.units:_}",
        "open orders": str(contents.orders),
        "shares": SHARES.format(int(view.vault.shares)),
    }
    if own is not None:
        part = show.percent(int(own.shares), int(view.vault.shares))
        lines["holder"] = address.text(own.holder, context)
        lines["holds"] = f"{SHARES.format(int(own.shares))}, {part} of all"
        lines["worth now"] = f"{money.text(own.money, context)} and {own.units:_} units"
    show.record(lines)


@query(
    vault, "btt-chain vault show 0", "btt-chain vault show 0 --of //Alice", flat="view",
    view=print_contents,
)  # fmt: skip
async def show_(
    chain: ViewClient,
    id: VaultId,
    of: Annotated[AccountId | None, Input("ACCOUNT", "Show what this account has of it, too.")],
) -> Contents:
    """Show one vault and what lies in it."""
    view = await vault_of(chain, id)
    asset = await chain.api(AssetsApi.asset, view.vault.asset)
    orders = await chain.api(ExchangeApi.orders, view.account, view.vault.asset)
    own = None
    if of is not None:
        shares, whole = await shares_of(chain, id, of), int(view.vault.shares)
        # Rounded as on the chain.
        money, units = (u128(int(total) * shares // whole) for total in (view.money, view.units))
        own = Part(of, u128(shares), money, units)
    return Contents(id, view, asset, u32(len(orders)), own)


@composed(
    vault, Vaults.create_vault, "btt-chain vault create 0 100BTT 40 --fee 1.5% --from //Alice",
    event=Vaults.VaultCreated, done="vault {vault}; `btt-chain vault show {vault}` shows it",
)  # fmt: skip
def create(
    asset: u32,
    amount: Balance,
    units: Annotated[u64, Input(least=1)],
    fee: Annotated[Fee, Input(help="Yours for a year: 1% to 2% of it.", default="1%")],
) -> dict[str, object]:
    """Begin a vault with money and units of your own, and manage it."""
    return {"asset": asset, "fee_bps": fee, "money": amount, "units": units}


def moved(verb: str) -> Done:
    """Return the writer of what went into a vault or came out of it."""

    def words(event: Vaults.Deposited | Vaults.Withdrawn, context: Context) -> str:
        money, shares = context.currency.format(int(event.money)), SHARES.format(int(event.shares))
        return f"{verb} {money} and {event.units:_} units for {shares}."

    return words


@composed(
    vault, Vaults.deposit_vault, "btt-chain vault deposit 0 50BTT --from //Bob",
    event=Vaults.Deposited, done=moved("You put in"),
)  # fmt: skip
async def deposit(
    chain: ViewClient,
    id: VaultId,
    amount: Balance,
    most_units: Annotated[
        u64 | None,
        Input(help="The most units to put in. [default: those that belong to AMOUNT now]", least=1),
    ],
) -> Chosen:
    """Put in at most AMOUNT, and the units that belong to it, for shares.

    If the vault trades in the meantime, the same shares may cost more: then nothing happens.
    """
    view = await vault_of(chain, id)
    if not view.money:
        raise Refused(
            f"vault {id} has no money now, only units: wait until it has sold some, "
            "or name shares in `btt-chain tx call Vaults.deposit_vault`"
        )
    whole = int(view.vault.shares)
    shares = int(amount) * whole // int(view.money)
    most = most_units or u64(ceil_div(int(view.units) * shares, whole))
    arguments = {"id": id, "shares": shares, "most_money": amount, "most_units": most}
    return Chosen(arguments, {"most_units": most})


@composed(
    vault, Vaults.withdraw_vault,
    "btt-chain vault withdraw 0 all --from //Bob", "btt-chain vault withdraw 0 25% --from //Bob",
    event=Vaults.Withdrawn, done=moved("You got"),
)  # fmt: skip
async def withdraw(
    chain: ViewClient,
    id: VaultId,
    part: Annotated[str, Input("all|PERCENT|SHARES")],
    sender: Sender,
) -> dict[str, object]:
    """Give shares of yours back, all or a part of them, for money and units."""
    await vault_of(chain, id)
    own = await shares_of(chain, id, sender.account)
    return {"id": id, "shares": some_of(own, part)}


async def vault_of(chain: ViewClient, number: u32) -> VaultView:
    """Return a vault. Raises NotFound if there is none."""
    view = await chain.api(ExchangeApi.vault, number)
    if view is None:
        raise NotFound(f"there is no vault {number}; `btt-chain vault list` shows them")
    return view


async def shares_of(chain: ViewClient, number: u32, who: bytes) -> int:
    """Return the number of shares that an account has of a vault."""
    return int(str(await chain.chain.storage("Vaults.Shares", int(number), "0x" + who.hex())))


def some_of(own: int, typed: str) -> int:
    """Return the shares that a text means, of an account's own. Raises Mistyped."""
    if typed == "all":
        return ALL  # all at the time of execution
    try:
        if not typed.endswith("%"):
            return SHARES.parse(typed)
        part = int(rule(Fee).parse(typed, Context()))
    except (AmountError, Unfit) as error:
        raise Mistyped(f"{error}; or write all, or a part as 25%") from None
    if part > BPS:
        raise Mistyped(f"{typed!r} is more than all of them")
    return own * part // BPS
