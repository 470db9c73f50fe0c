"""`btt-chain points`: a patient's vouchers, from the claim to the money."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Final, NamedTuple

import click

from btt_chain.care.messages import Answer, Claim
from btt_chain.care.wallet import Kept, State
from btt_chain.client.views import ViewClient
from btt_chain.crypto.keypair import KeyPair
from btt_chain.present import Context, rule
from btt_chain.primitives.account import AccountId, Id
from btt_chain.primitives.digest import H256
from btt_chain.primitives.iso3166 import ALPHA_2
from btt_chain.primitives.lifetime import DEFAULT_PERIOD
from btt_chain.primitives.ss58 import encode
from btt_chain.scale import u32, u64
from cli.commands.points_redeem import redeem
from cli.common import show
from cli.common.care import account_id, calendar, current, keys_of, slot_of, words
from cli.common.errors import Mistyped, NotFound
from cli.common.files import write
from cli.common.options import Group, examples, json_option, url_options
from cli.common.points_wallet import is_spent, opened, wallet_of, wallet_options
from cli.common.sending import PATIENCE, Sender, Signing, asking_options
from cli.common.session import run
from cli.common.working import read_id, view_chain
from cli.declared import query
from cli.parameters import Input, context_of
from runtime.frame.aliases import SlotOf
from runtime.pallets.facilities.types import Kind
from runtime.pallets.incentives.api import IncentivesApi
from runtime.pallets.incentives.stats import Statistics

HIDDEN: Final = "< 11"


@click.group(cls=Group)
def points() -> None:
    """Collect points for what you did for your health, and spend them.

    The chain does not show who you are: a facility signs your vouchers without seeing them,
    and each is redeemed for an account of its own, at a random time of the next month.
    """


points.add_command(redeem)


# ---- statistics


def print_statistics(statistics: Statistics, context: Context) -> None:
    """Print the statistics of a month as a table."""
    if not statistics.rows:
        show.note(f"month {statistics.month}: fewer than five facilities, so nothing is shown")
        return
    kinds = [f">{rule(Kind).text(cell.kind, context)}" for cell in statistics.rows[0].cells]
    show.table(
        ["countries", ">facilities", *kinds],
        [
            [
                " ".join(ALPHA_2.get(int(region), "?") for region in row.regions),
                str(row.facilities),
                *(HIDDEN if cell.points is None else str(cell.points) for cell in row.cells),
            ]
            for row in statistics.rows
        ],
    )


@query(
    points, "btt-chain points stats", "btt-chain points stats --month 4 --json",
    view=print_statistics,
)  # fmt: skip
async def stats(
    chain: ViewClient,
    month: Annotated[u32 | None, Input(help="[default: the last settled one]")],
) -> Statistics:
    """Show the public statistics of a month. Numbers below 11 are never shown."""
    last = int((await current(chain)).month)
    wanted = range(last, max(-1, last - 3), -1) if month is None else (int(month),)
    for number in wanted:
        statistics = await chain.api(IncentivesApi.stats, u32(number))
        if statistics is not None:
            return statistics
    raise NotFound(f"month {wanted[0]} has no statistics: months appear once they are settled")


# ---- collecting


@examples(
    "btt-chain points earn claim.json --wallet wallet.key",
    "btt-chain points earn claim.json --request request.json --wallet wallet.key",
    "btt-chain points earn claim.json --answer answer.json --wallet wallet.key",
)
@points.command()
@click.argument("claim", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option(
    "--request", "request_file", type=click.Path(path_type=Path),
    help="Write the request to a file, for a facility that signs files.",
)  # fmt: skip
@click.option(
    "--answer", "answer_file", type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Take the facility's answer from a file.",
)  # fmt: skip
@click.option(
    "--together", is_flag=True,
    help="One account for all points of a facility. The facility can find you by their sum.",
)  # fmt: skip
@wallet_options
@url_options
@json_option
def earn(
    claim: Path, request_file: Path | None, answer_file: Path | None, together: bool,
    wallet: str, base_path: Path | None, url: str, timeout: float, as_json: bool,
) -> None:  # fmt: skip
    """Collect the vouchers of a claim.

    The facility signs blindly, with the keys that are on the chain for all its patients; an answer
    by any other key is refused. Use your own node: one that lies could show you other keys.
    """
    if request_file is not None and answer_file is not None:
        raise Mistyped("give --request or --answer, not both")
    with words():
        found = Claim.decode(claim.read_bytes())
    if request_file is None and answer_file is None and not found.url:
        raise Mistyped("the claim has no address: use --request, and --answer afterwards")
    if together:
        show.note("warning: the facility can find your account by the sum of its points")
    pair = wallet_of(wallet)
    answer = None if answer_file is None else answer_file.read_bytes()
    collecting = Collecting(found, answer, request_file is not None, together)
    kept, request = run(_earn(collecting, pair, base_path, url, timeout))
    if request_file is not None:
        write(request_file, request, private=True)
    if as_json:
        show.document({"points": kept, "month": found.month})
    elif request_file is not None:
        show.good(f"give {request_file} to the facility, then use --answer")
    elif kept:
        show.good(f"{kept} points of month {found.month} are in the wallet")
    else:
        show.note(f"nothing new: the points of this claim of month {found.month} are in the wallet")


class Collecting(NamedTuple):
    """The arguments of `earn`."""

    claim: Claim
    answer: bytes | None
    """The facility's answer, if it came as a file."""
    is_by_file: bool
    """True if the request goes to a file."""
    together: bool


async def _earn(
    given: Collecting, pair: KeyPair, base_path: Path | None, url: str, timeout: float
) -> tuple[int, str]:
    """Return the points that were collected, and the request."""
    from btt_chain.care.fetch import signed_by  # here: its HTTP client takes half a second

    claim = given.claim
    async with view_chain(url, timeout) as chain:
        keys = await keys_of(chain, AccountId(claim.facility), claim.month)
        now, months = await slot_of(chain), await calendar(chain)
        genesis = chain.genesis
    with opened(base_path, pair, genesis) as wallet:
        if given.answer is not None:
            return wallet.accept(claim, Answer.decode(given.answer), keys), ""
        request = wallet.request(claim, keys, months, now, together=given.together)
        if given.is_by_file:
            return 0, request.encode()
        return wallet.accept(claim, await signed_by(claim.url, request), keys), ""


# ---- the wallet


@examples("btt-chain points list --wallet wallet.key")
@points.command("list")
@wallet_options
@url_options
@json_option
def list_(wallet: str, base_path: Path | None, url: str, timeout: float, as_json: bool) -> None:
    """List the vouchers of the wallet, and the points of its accounts."""
    pair = wallet_of(wallet)

    async def ask() -> tuple[list[Kept], dict[bytes, int], int, int, Context]:
        async with view_chain(url, timeout) as chain:
            with opened(base_path, pair, chain.genesis) as found:
                vouchers, missing = found.vouchers(), len(found.claims())
            balances = await balances_of(chain, vouchers)
            shown = [await as_on_chain(chain, kept, balances) for kept in vouchers]
            return shown, balances, missing, await slot_of(chain), await context_of(chain)

    vouchers, balances, missing, now, context = run(ask())
    rows = [
        {
            "facility": encode(kept.voucher.facility, context.prefix),
            "month": int(kept.voucher.month),
            "points": kept.points,
            "state": kept.state.name.lower(),
            "account": f"//care//{kept.account}",
            "due": int(kept.due),
        }
        for kept in vouchers
    ]
    if as_json:
        show.document(
            {"vouchers": rows, "now": now, "claimsToCollect": missing,
             "points": {encode(who, context.prefix): count for who, count in balances.items()}}
        )  # fmt: skip
        return
    if not rows:
        show.note("the wallet is empty; `btt-chain points earn --help` says how to collect")
        return
    when = rule(SlotOf)
    left = [balances.get(kept.voucher.redeemer, 0) for kept in vouchers]
    show.table(
        ["facility", ">month", ">points", "state", "account", "due", ">left on the chain"],
        [
            [
                *map(str, (row | {"due": when.text(u64(kept.due), context)}).values()),
                str(count) if row["state"] == "redeemed" else "-",
            ]
            for row, kept, count in zip(rows, vouchers, left, strict=True)
        ],
    )
    show.record(
        {
            "points on the chain": str(sum(balances.values())),
            "claims to collect": str(missing),
            "the chain's time": when.text(u64(now), context),
        }
    )


async def as_on_chain(chain: ViewClient, kept: Kept, balances: dict[bytes, int]) -> Kept:
    """Return a voucher as redeemed if the best block has it so; the wallet waits for a final one.

    A node is asked about vouchers of accounts with points only: these are seen on the chain.
    """
    is_sent = (
        kept.state in (State.Held, State.Sent)
        and kept.voucher.redeemer in balances
        and await is_spent(chain, kept)
    )
    return replace(kept, state=State.Redeemed) if is_sent else kept


async def balances_of(chain: ViewClient, vouchers: Sequence[Kept]) -> dict[bytes, int]:
    """Return the points on the chain of the accounts of some vouchers."""
    found: dict[bytes, int] = {}
    for who in dict.fromkeys(kept.voucher.redeemer for kept in vouchers):
        view = await chain.api(IncentivesApi.points, who)
        if view is not None:
            found[who] = int(view.balance)
    return found


# ---- spending


@examples(
    "btt-chain points cash //care//0 --wallet wallet.key",
    "btt-chain points cash //care//3 --points 20 --partner //Dave --offer 0x51... \\",
    "    --wallet wallet.key",
)
@points.command()
@click.argument("which", metavar="//care//N")
@click.option("--points", "amount", type=click.IntRange(min=1), help="How many. [default: all]")
@click.option("--partner", help="Redeem them at a partner in place of BTT.")
@click.option(
    "--offer", help="The hash of the partner's offer, in hex; `facility offers` lists them."
)
@wallet_options
@asking_options
@url_options
@json_option
def cash(
    which: str, amount: int | None, partner: str | None, offer: str | None, wallet: str,
    base_path: Path | None, url: str, timeout: float, as_json: bool, **options: bool,
) -> None:  # fmt: skip
    """Exchange the points of one account of the wallet for BTT, or redeem them at a partner.

    Sending the BTT of several accounts to one place shows that they belong together.
    """
    if (partner is None) != (offer is None):
        raise Mistyped("--partner and --offer go together")
    pair = wallet_of(wallet)
    number = account_number(which)

    async def work() -> tuple[int, str, str]:
        async with view_chain(url, timeout) as chain:
            with opened(base_path, pair, chain.genesis) as found:
                own = found.pair(number)
            view = await chain.api(IncentivesApi.points, AccountId(own.account_id))
            if view is None:
                raise NotFound(f"{which} has no points on the chain")
            count = int(view.balance) if amount is None else amount
            args: dict[str, object] = {"points": count}
            name = "redeem_for_btt"
            if partner is not None and offer is not None:
                name = "redeem_at_partner"
                target = account_id(partner, chain.chain.metadata.prefix)
                args |= {"partner": Id(target), "offer": H256(read_id(offer, "offer"))}
            done = await sender_of(own, as_json, options).send(chain, "Incentives", name, **args)
            worth = int((await current(chain)).point_value) * count
            return count, chain.chain.metadata.currency.format(worth), done.block.hex()

    count, worth, block = run(work())
    if as_json:
        show.document({"points": count, "block": "0x" + block})
    elif partner is None:
        show.good(f"{count} points are exchanged for {worth}, in block 0x{block}")
    else:
        show.good(f"{count} points, worth {worth}, are redeemed, in block 0x{block}")


def sender_of(own: KeyPair, as_json: bool, options: dict[str, bool]) -> Sender:
    """Return the sender of an account of the wallet."""
    return Sender(
        Signing(own, "0planck", DEFAULT_PERIOD, None), "best", PATIENCE, options["dry_run"],
        options["yes"], as_json, options["force"],
    )  # fmt: skip


def account_number(which: str) -> int:
    """Return the number of `//care//N`. Mistyped for other texts."""
    number = which.removeprefix("//care//")
    if not number.isascii() or not number.isdecimal() or len(number) > 9:
        raise Mistyped(f"{which!r} is not an account of a wallet: write //care//0")
    return int(number)
