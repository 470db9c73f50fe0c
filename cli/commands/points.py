"""`btt-chain points`: a patient's vouchers, from the claim to the money."""

from __future__ import annotations

import secrets
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

import click

from cli.common import show
from cli.common.care import (
    account_id,
    calendar,
    care_folder,
    care_folder_option,
    current,
    epoch_of,
    keys_of,
    slot_of,
    words,
)
from cli.common.errors import Mistyped, NotFound
from cli.common.options import (
    Command,
    Group,
    connection_options,
    examples,
    json_option,
    key_pair,
    read_secret,
)
from cli.common.sending import Sender, sending_options
from cli.common.working import properties, work_chain

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from contextlib import AbstractContextManager

    from btt_chain.care.messages import Claim
    from btt_chain.care.wallet import Kept, Wallet
    from btt_chain.client.typed import RuntimeClient
    from btt_chain.crypto.keypair import KeyPair
    from runtime.apis.incentives_stats import Statistics

HIDDEN: Final = "< 11"


def wallet_options(command: Command) -> Command:
    """Add `--wallet` and `--base-path`."""
    given = click.option(
        "--wallet", required=True, metavar="URI",
        help="The wallet's key; its accounts are URI//care//0, //care//1 and so on.",
    )  # fmt: skip
    return given(care_folder_option(command))


@click.group(cls=Group)
def points() -> None:
    """Collect points for what you did for your health, and spend them.

    The chain does not show who you are: a facility signs your vouchers without seeing them,
    and each is redeemed for an account of its own, in a random hour of the next month.
    """


def wallet_of(uri: str) -> KeyPair:
    """Return the key of a wallet."""
    return key_pair(read_secret(uri), "sr25519", None)


def opened(base: Path | None, pair: KeyPair, genesis: bytes) -> AbstractContextManager[Wallet]:
    """Open a wallet's folder; errors become those of commands."""
    from contextlib import contextmanager

    from btt_chain.care.wallet import Wallet

    @contextmanager
    def both() -> Iterator[Wallet]:
        place = care_folder(base, "wallet", genesis, pair.account_id)
        with words(), Wallet.open(place, pair, genesis) as wallet:
            yield wallet

    return both()


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
@connection_options
@json_option
def earn(
    claim: Path, request_file: Path | None, answer_file: Path | None, together: bool,
    wallet: str, base_path: Path | None, url: str, timeout: float, as_json: bool,
) -> None:  # fmt: skip
    """Collect the vouchers of a claim.

    The facility signs blindly, with the keys that are on the chain for all its patients; an answer
    by any other key is refused. Use your own node: one that lies could show you other keys.
    """
    from btt_chain.care.messages import Claim
    from cli.common.session import run

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
        request_file.touch(mode=0o600)
        request_file.write_text(request)
    if as_json:
        show.document({"points": kept, "month": found.month})
    elif request_file is not None:
        show.good(f"give {request_file} to the facility, then use --answer")
    else:
        show.good(f"{kept} points of month {found.month} are in the wallet")


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
    from btt_chain.care.fetch import signed_by
    from btt_chain.care.messages import Answer
    from btt_chain.primitives.account import AccountId

    claim = given.claim
    async with work_chain(url, timeout) as chain:
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
@connection_options
@json_option
def list_(wallet: str, base_path: Path | None, url: str, timeout: float, as_json: bool) -> None:
    """List the vouchers of the wallet, and the points of its accounts."""
    from btt_chain.primitives.ss58 import encode
    from cli.common.session import run

    pair = wallet_of(wallet)

    async def ask() -> tuple[list[Kept], dict[bytes, int], int, int, int]:
        async with work_chain(url, timeout) as chain:
            prefix = chain.chain.metadata.prefix
            with opened(base_path, pair, chain.genesis) as found:
                vouchers, missing = found.vouchers(), len(found.claims())
            balances = await balances_of(chain, vouchers)
            return vouchers, balances, missing, await slot_of(chain), prefix

    vouchers, balances, missing, now, prefix = run(ask())
    rows = [
        {
            "facility": encode(kept.voucher.facility, prefix),
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
             "points": {encode(who, prefix): count for who, count in balances.items()}}
        )  # fmt: skip
        return
    if not rows:
        show.note("the wallet is empty; `btt-chain points earn --help` says how to collect")
        return
    show.table(
        ["facility", ">month", ">points", "state", "account", ">due in slot"],
        [[str(row[name]) for name in row] for row in rows],
    )
    show.record(
        {
            "points on the chain": str(sum(balances.values())),
            "claims to collect": str(missing),
            "slot now": str(now),
        }
    )


async def balances_of(chain: RuntimeClient, vouchers: Sequence[Kept]) -> dict[bytes, int]:
    """Return the points on the chain of the accounts of some vouchers."""
    from runtime.apis.incentives import IncentivesApi

    found: dict[bytes, int] = {}
    for who in dict.fromkeys(kept.voucher.redeemer for kept in vouchers):
        view = await chain.api(IncentivesApi.points, who)
        if view is not None:
            found[who] = int(view.balance)
    return found


# ---- redeeming


@examples(
    "btt-chain points redeem --wallet wallet.key --from relay.key",
    "btt-chain points redeem --wallet wallet.key --now --from relay.key",
)
@points.command()
@click.option(
    "--now", "at_once", is_flag=True,
    help="Redeem all that count, whatever their hour: it shows when you use your wallet.",
)  # fmt: skip
@wallet_options
@sending_options
@connection_options
@json_option
def redeem(
    at_once: bool, wallet: str, base_path: Path | None, url: str, timeout: float, as_json: bool,
    **options: object,
) -> None:  # fmt: skip
    """Redeem the vouchers whose hour has come; run it every hour, by a timer.

    Each voucher is a call of its own, for an account of its own. --from pays the fees and is seen
    on the chain with all of them: use a key that pays for many people, as that of a relay or a
    friend, and not one that is known to be yours.
    """
    from cli.common.session import run

    if at_once:
        show.note(
            "warning: vouchers that are redeemed together, or early in the month, can be linked"
        )
    pair, sender = wallet_of(wallet), Sender.of(options, as_json)
    done, waiting = run(_redeem(pair, sender, at_once, base_path, url, timeout))
    if as_json:
        show.document({"redeemed": done, "waiting": waiting})
    else:
        show.good(f"{done} points are redeemed; {waiting} wait for their hour or their month")


async def _redeem(
    pair: KeyPair, sender: Sender, at_once: bool, base_path: Path | None, url: str, timeout: float
) -> tuple[int, int]:
    from btt_chain.care.wallet import State

    done: list[Kept] = []
    async with work_chain(url, timeout) as chain:
        now, final = await slot_of(chain), (await chain.chain.finalized()).hash
        with opened(base_path, pair, chain.genesis) as wallet:
            held = [kept for kept in wallet.vouchers() if kept.state is State.Held]
            # Vouchers whose hour has not come are not asked for: the node would see them together.
            reached = [kept for kept in held if at_once or kept.due <= now]
            wallet.redeemed([kept for kept in reached if await is_spent(chain, kept, final)])
            due = [
                kept
                for kept in reached
                if not await is_spent(chain, kept) and await counts(chain, kept)
            ]
            for call in calls_by_month(due):
                vouchers = [kept.voucher for kept in call]
                await sender.submit(chain, "Incentives", "redeem", vouchers=vouchers)
                if sender.wait == "final":
                    wallet.redeemed(call)
                done += call
            sent = {kept.id for kept in done}
            waiting = sum(
                kept.points
                for kept in wallet.vouchers()
                if kept.state is State.Held and kept.id not in sent
            )
    return sum(kept.points for kept in done), waiting


def calls_by_month(due: Sequence[Kept]) -> Iterator[list[Kept]]:
    """Return the calls that redeem some vouchers, of one month each: a call has 16 at most."""
    from btt_chain.care.schedule import calls

    for month in sorted({kept.voucher.month for kept in due}):
        of_month = [kept for kept in due if kept.voucher.month == month]
        yield from calls(of_month, secrets.SystemRandom().shuffle)


async def is_spent(chain: RuntimeClient, kept: Kept, at: bytes | None = None) -> bool:
    """Return True if a voucher is redeemed in the best block, or in `at`.

    Only a final block counts for good: the voucher of a block that is left counts again.
    """
    from btt_chain.crypto.hashing import blake2_256
    from btt_chain.primitives.digest import H256
    from runtime.apis.incentives import IncentivesApi

    message = H256(blake2_256(kept.voucher.message(chain.genesis)))
    return await chain.api(IncentivesApi.is_spent, kept.voucher.month, message, at=at)


async def counts(chain: RuntimeClient, kept: Kept) -> bool:
    """Return True if the facility closed the voucher's month, and no audit failed it."""
    view = await epoch_of(chain, kept.voucher.facility, int(kept.voucher.month))
    epoch = None if view is None else view.epoch
    return epoch is not None and epoch.state.name in ("Closed", "Audited")


@examples(
    "btt-chain points cash //care//0 --wallet wallet.key",
    "btt-chain points cash //care//3 --points 20 --partner //Dave --offer 0x51... \\",
    "    --wallet wallet.key",
)
@points.command()
@click.argument("which", metavar="//care//N")
@click.option("--points", "amount", type=click.IntRange(min=1), help="How many. [default: all]")
@click.option("--partner", help="Redeem them at a partner in place of BTT.")
@click.option("--offer", help="The hash of the partner's offer, in hex.")
@wallet_options
@connection_options
@json_option
def cash(
    which: str, amount: int | None, partner: str | None, offer: str | None, wallet: str,
    base_path: Path | None, url: str, timeout: float, as_json: bool,
) -> None:  # fmt: skip
    """Exchange the points of one account of the wallet for BTT, or redeem them at a partner.

    Sending the BTT of several accounts to one place shows that they belong together.
    """
    from btt_chain.primitives.account import AccountId, Id
    from btt_chain.primitives.digest import H256
    from btt_chain.scale import u64
    from cli.common.session import run
    from cli.common.working import read_id
    from runtime.apis.incentives import IncentivesApi

    if (partner is None) != (offer is None):
        raise Mistyped("--partner and --offer go together")
    pair = wallet_of(wallet)
    number = account_number(which)

    async def work() -> tuple[int, str]:
        async with work_chain(url, timeout) as chain:
            with opened(base_path, pair, chain.genesis) as found:
                own = found.pair(number)
            view = await chain.api(IncentivesApi.points, AccountId(own.account_id))
            if view is None:
                raise NotFound(f"{which} has no points on the chain")
            count = int(view.balance) if amount is None else amount
            args: dict[str, object] = {"points": u64(count)}
            name = "redeem_for_btt"
            if partner is not None and offer is not None:
                name = "redeem_at_partner"
                target = account_id(partner, chain.chain.metadata.prefix)
                args |= {"partner": Id(target), "offer": H256(read_id(offer, "offer"))}
            done = await chain.submit("Incentives", name, signer=own, **args)
            return count, done.block.hex()

    count, block = run(work())
    if as_json:
        show.document({"points": count, "block": "0x" + block})
    else:
        show.good(f"{count} points are exchanged, in block 0x{block}")


def account_number(which: str) -> int:
    """Return the number of `//care//N`. Mistyped if it is none."""
    number = which.removeprefix("//care//")
    if not number.isascii() or not number.isdecimal() or len(number) > 9:
        raise Mistyped(f"{which!r} is no account of a wallet: write //care//0")
    return int(number)


# ---- public numbers


@examples("btt-chain points stats", "btt-chain points stats --month 4 --json")
@points.command()
@click.option("--month", type=click.IntRange(0, 1 << 31), help="[default: the last settled one]")
@connection_options
@json_option
def stats(month: int | None, url: str, timeout: float, as_json: bool) -> None:
    """Show the public statistics of a month. Numbers below 11 are never shown."""
    from btt_chain.scale import u32
    from cli.common.session import run
    from runtime.apis.incentives import IncentivesApi

    async def ask() -> tuple[int, Statistics | None]:
        await properties(url, timeout)
        async with work_chain(url, timeout) as chain:
            last = int((await current(chain)).month)
            wanted = range(last, max(-1, last - 3), -1) if month is None else (month,)
            for number in wanted:
                found = await chain.api(IncentivesApi.stats, u32(number))
                if found is not None:
                    return number, found
            return last if month is None else month, None

    number, found = run(ask())
    if found is None:
        raise NotFound(f"month {number} has no statistics: months appear once they are settled")
    print_stats(found, as_json)


def print_stats(found: Statistics, as_json: bool) -> None:
    """Print the statistics of a month."""
    from btt_chain.primitives.iso3166 import ALPHA_2

    if as_json:
        show.document(
            {
                "month": int(found.month),
                "shown": int(found.shown),
                "rows": [
                    {
                        "countries": [ALPHA_2.get(int(each), "?") for each in row.regions],
                        "facilities": int(row.facilities),
                        "points": {
                            cell.kind.name.lower(): None
                            if cell.points is None
                            else int(cell.points)
                            for cell in row.cells
                        },
                    }
                    for row in found.rows
                ],
            }
        )
        return
    if not found.rows:
        show.note(f"month {int(found.month)}: fewer than five facilities, so nothing is shown")
        return
    kinds = [cell.kind.name.lower() for cell in found.rows[0].cells]
    show.table(
        ["countries", ">facilities", *(f">{kind}" for kind in kinds)],
        [
            [
                " ".join(ALPHA_2.get(int(each), "?") for each in row.regions),
                str(int(row.facilities)),
                *(HIDDEN if cell.points is None else str(int(cell.points)) for cell in row.cells),
            ]
            for row in found.rows
        ],
    )
