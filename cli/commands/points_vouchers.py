"""`btt-chain points earn|list|redeem|cash`: a patient's vouchers, from claim to money."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Annotated

from btt_chain.care.messages import Answer, Claim
from btt_chain.care.wallet import Kept, State
from btt_chain.client.views import ViewClient
from btt_chain.crypto.keypair import KeyPair
from btt_chain.present import rule
from btt_chain.primitives.account import AccountId, Id
from btt_chain.primitives.digest import H256
from btt_chain.primitives.digits import to_hex
from btt_chain.primitives.lifetime import DEFAULT_PERIOD
from btt_chain.primitives.ss58 import encode
from btt_chain.scale import u32, u64
from cli.commands.points_redeem import redeem
from cli.common import show
from cli.common.care import calendar, current, keys_of, slot_of, words
from cli.common.errors import Mistyped, NotFound
from cli.common.files import read_bytes, write
from cli.common.options import Group
from cli.common.points_wallet import is_spent, opened, wallet_of, wallet_options
from cli.common.sending import PATIENCE, Sender, Signing, asking_options
from cli.common.working import read_id
from cli.declared import program
from cli.parameters import Input, context_of
from runtime.frame.aliases import SlotOf
from runtime.pallets.incentives.api import IncentivesApi

vouchers = Group("vouchers")
"""Commands that `btt-chain points` has."""
vouchers.add_command(redeem)


# ---- collecting


def check_files(request: Path | None, answer: Path | None, **_: object) -> None:
    """Check that one file is named at most. Raises Mistyped."""
    if request is not None and answer is not None:
        raise Mistyped("give --request or --answer, not both")


@program(
    vouchers,
    "btt-chain points earn claim.json --wallet wallet.key",
    "btt-chain points earn claim.json --request request.json --wallet wallet.key",
    "btt-chain points earn claim.json --answer answer.json --wallet wallet.key",
    options=(wallet_options,), check=check_files,
)  # fmt: skip
async def earn(
    chain: ViewClient,
    as_json: bool,
    claim: Path,
    request: Annotated[
        Path | None, Input(help="Write the request to a file, for a facility that signs files.")
    ],
    answer: Annotated[Path | None, Input(help="Take the facility's answer from a file.")],
    together: Annotated[
        bool,
        Input(
            help="One account for all points of a facility. The facility can find you by their sum."
        ),
    ],
    wallet: str,
    base_path: Path | None,
) -> None:
    """Collect the vouchers of a claim.

    The facility signs blindly, with the keys that are on the chain for all its patients; an answer
    by any other key is refused. Use your own node: one that lies could show you other keys.
    """
    from btt_chain.care.fetch import signed_by  # here: its HTTP client takes half a second

    with words():
        content = Claim.decode(read_bytes(claim))
    if request is None and answer is None and not content.url:
        raise Mistyped("the claim has no address: use --request, and --answer afterwards")
    if together:
        show.note("warning: the facility can find your account by the sum of its points")
    keys = await keys_of(chain, AccountId(content.facility), content.month)
    now, months, kept = await slot_of(chain), await calendar(chain), 0
    with opened(base_path, wallet_of(wallet), chain.genesis) as vouchers:
        if answer is not None:
            kept = vouchers.accept(content, Answer.decode(read_bytes(answer)), keys)
        else:
            asking = vouchers.request(content, keys, months, now, together=together)
            if request is not None:
                write(request, asking.encode(), private=True)
            else:
                kept = vouchers.accept(content, await signed_by(content.url, asking), keys)
    if as_json:
        show.document({"points": kept, "month": content.month})
    elif request is not None:
        show.good(f"give {request} to the facility, then use --answer")
    elif kept:
        show.good(f"{kept} points of month {content.month} are in the wallet")
    else:
        show.note(
            f"nothing new: the points of this claim of month {content.month} are in the wallet"
        )


# ---- the wallet


@program(vouchers, "btt-chain points list --wallet wallet.key", options=(wallet_options,))
async def list_(chain: ViewClient, as_json: bool, wallet: str, base_path: Path | None) -> None:
    """List the vouchers of the wallet, and the points of its accounts."""
    with opened(base_path, wallet_of(wallet), chain.genesis) as stored:
        kept_here, missing = stored.vouchers(), len(stored.claims())
    balances = await balances_of(chain, kept_here)
    vouchers = [await as_on_chain(chain, kept, balances) for kept in kept_here]
    now, context = await slot_of(chain), await context_of(chain)
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


def check_partner(partner: str | None, offer: str | None, **_: object) -> None:
    """Check that a partner is named with its offer. Raises Mistyped."""
    if (partner is None) != (offer is None):
        raise Mistyped("--partner and --offer go together")


def account_number(which: str) -> int:
    """Return the number of `//care//N`. Mistyped for other texts."""
    number = which.removeprefix("//care//")
    if not number.isascii() or not number.isdecimal() or len(number) > 9:
        raise Mistyped(f"{which!r} is not an account of a wallet: write //care//0")
    return int(number)


@program(
    vouchers,
    "btt-chain points cash //care//0 --wallet wallet.key",
    "btt-chain points cash //care//3 --points 20 --partner //Dave --offer 0x51... \\",
    "    --wallet wallet.key",
    options=(wallet_options, asking_options), check=check_partner,
)  # fmt: skip
async def cash(
    chain: ViewClient,
    as_json: bool,
    which: Annotated[str, Input("//care//N", check=account_number)],
    points: Annotated[u32 | None, Input(help="How many. [default: all]", least=1)],
    partner: Annotated[AccountId | None, Input(help="Redeem them at a partner in place of BTT.")],
    offer: Annotated[
        str | None,
        Input(help="The hash of the partner's offer, in hex; `facility offers` lists them."),
    ],
    wallet: str,
    base_path: Path | None,
    **options: bool,
) -> None:
    """Exchange the points of one account of the wallet for BTT, or redeem them at a partner.

    Sending the BTT of several accounts to one place shows that they belong together.
    """
    with opened(base_path, wallet_of(wallet), chain.genesis) as vouchers:
        own = vouchers.pair(account_number(which))
    view = await chain.api(IncentivesApi.points, AccountId(own.account_id))
    if view is None:
        raise NotFound(f"{which} has no points on the chain")
    count = int(view.balance if points is None else points)
    call, args = "redeem_for_btt", dict[str, object](points=count)
    if partner is not None and offer is not None:
        call = "redeem_at_partner"
        args |= {"partner": Id(partner), "offer": H256(read_id(offer, "offer"))}
    sent = await sender_of(own, as_json, options).send(chain, "Incentives", call, **args)
    worth = chain.currency.format(int((await current(chain)).point_value) * count)
    block = to_hex(sent.block)
    text = f"{count} points are exchanged for {worth}, in block {block}"
    if partner is not None:
        text = f"{count} points, worth {worth}, are redeemed, in block {block}"
    show.outcome({"points": count, "block": block}, text, as_json=as_json)


def sender_of(own: KeyPair, as_json: bool, options: dict[str, bool]) -> Sender:
    """Return the sender of an account of the wallet."""
    return Sender(
        Signing(own, "0planck", DEFAULT_PERIOD, None), "best", PATIENCE, options["dry_run"],
        options["yes"], as_json, options["force"],
    )  # fmt: skip
