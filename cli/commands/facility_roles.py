"""`btt-chain facility place|offers|contribute|attest|credential|top-up`: partners and others."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from btt_chain.primitives.digest import H256
from cli.commands.gov_calls import address_of, submit_call
from cli.commands.gov_view import when
from cli.common import show
from cli.common.care import account_id, slot_of
from cli.common.errors import Mistyped, NotFound
from cli.common.options import examples, query_options
from cli.common.sending import SendingCommand, call_options
from cli.common.session import run
from cli.common.working import planck, properties, read_id, view_chain
from runtime.pallets.incentives.api import IncentivesApi

if TYPE_CHECKING:
    from btt_chain.scale.portable import Plain


def document_hash(given: str, what: str) -> H256:
    """Return the SHA-256 hash of a file, or a hash given in hex. Mistyped if it is neither."""
    path = Path(given)
    if path.is_file():
        return H256(hashlib.sha256(path.read_bytes()).digest())
    if not given.startswith("0x"):
        raise Mistyped(f"{given!r} is not a file; name the file of the {what}, or its hash in hex")
    return H256(read_id(given, what))


# ---- partners


@examples(
    "btt-chain facility place offer.pdf --days 30 --from partner.key",
    "btt-chain facility place 0x5151515151515151515151515151515151515151515151515151515151515151"
    " --days 7 --from partner.key",
)
@click.command("place", cls=SendingCommand)
@click.argument("offer", metavar="FILE|HASH")
@click.option(
    "--days", type=click.IntRange(1, 365), required=True, help="For how many days of the chain."
)
@call_options
def place(
    offer: str, days: int, url: str, timeout: float, as_json: bool, **options: object
) -> None:
    """Place an offer, as a partner, at which patients redeem points; or extend it.

    It costs 5 BTT a day (`Incentives.PlacementFee`). You publish the document yourself; only its
    SHA-256 hash goes to the chain. Each redemption pays you the worth of the points less 2 percent.
    """
    args: dict[str, object] = {"offer": document_hash(offer, "offer"), "days": days}
    submit_call("Incentives", "place", args, "placed", url, timeout, as_json, options)


@examples("btt-chain facility offers //Dave", "btt-chain facility offers //Dave --json")
@click.command("offers")
@click.argument("partner", metavar="PARTNER")
@query_options
def offers(partner: str, url: str, timeout: float, as_json: bool) -> None:
    """List the offers of a partner at which points can be redeemed now."""

    async def ask() -> tuple[list[tuple[str, int]], int, int]:
        async with view_chain(url, timeout) as chain:
            who = account_id(partner, chain.chain.metadata.prefix)
            placed = await chain.api(IncentivesApi.offers, who)
            rows = [("0x" + each.hash.hex(), int(each.until)) for each in placed]
            return rows, await slot_of(chain), chain.slot_ms

    found, now, slot_ms = run(ask())
    if as_json:
        show.document([{"offer": offer, "until": until} for offer, until in found])
    elif not found:
        show.note(f"{partner} has no offer in place")
    else:
        show.table(
            ["offer", "ends"], [[offer, when(until, now, slot_ms)] for offer, until in found]
        )


# ---- insurers


@examples(
    "btt-chain facility contribute 2000BTT --memo report.pdf --from insurer.key",
    "btt-chain facility contribute 2000BTT --from insurer.key",
)
@click.command("contribute", cls=SendingCommand)
@click.argument("amount")
@click.option(
    "--memo", metavar="FILE|HASH",
    help="A document about the savings; only its SHA-256 hash goes to the chain.",
)  # fmt: skip
@call_options
def contribute(
    amount: str, memo: str | None, url: str, timeout: float, as_json: bool, **options: object
) -> None:
    """Give a part of realized savings to the pool of incentives, as an insurer.

    It is part of the budget of the following months, and is not paid back.
    """
    currency, _ = run(properties(url, timeout))
    about = H256(bytes(32)) if memo is None else document_hash(memo, "memo")
    args: dict[str, object] = {"amount": planck(currency, amount), "memo": about}
    submit_call(
        "Incentives", "contribute_savings", args, "contributed", url, timeout, as_json, options
    )


# ---- educators


@examples("btt-chain facility attest //Eve certificate.pdf --hours 8 --from educator.key")
@click.command("attest", cls=SendingCommand)
@click.argument("who", metavar="ACCOUNT")
@click.argument("credential", metavar="FILE|HASH")
@click.option(
    "--hours", type=click.IntRange(1, 1_000), required=True, help="Hours of education, 1 to 1000."
)
@call_options
def attest(
    who: str, credential: str, hours: int, url: str, timeout: float, as_json: bool,
    **options: object,
) -> None:  # fmt: skip
    """Attest a credential of continuing education of an account, as an educator, once.

    It costs 20 BTT, and counts 3 points of a staker's contributions. Only the SHA-256 hash of the
    document goes to the chain: give the document a random number, or the hash of a text that can
    be guessed says what it is.
    """
    _, prefix = run(properties(url, timeout))
    args: dict[str, object] = {
        "who": address_of(who, prefix),
        "credential": document_hash(credential, "credential"),
        "hours": hours,
    }
    submit_call("Incentives", "attest_credential", args, "attested", url, timeout, as_json, options)


@examples("btt-chain facility credential //Eve certificate.pdf")
@click.command("credential")
@click.argument("who", metavar="ACCOUNT")
@click.argument("credential", metavar="FILE|HASH")
@query_options
def credential_(who: str, credential: str, url: str, timeout: float, as_json: bool) -> None:
    """Check a credential: which educator attested it for an account, and its hours.

    Exit code 4 if it is not attested. The chain keeps credentials for 24 months.
    """

    async def ask() -> Plain:
        async with view_chain(url, timeout) as chain:
            keys = account_id(who, chain.chain.metadata.prefix), wanted
            return await chain.chain.storage(
                "Incentives.Credentials", *("0x" + key.hex() for key in keys)
            )

    wanted = document_hash(credential, "credential")
    found = run(ask())
    if not isinstance(found, dict):
        raise NotFound(f"no educator attested this credential for {who}, or it has expired")
    if as_json:
        show.document(found)
    else:
        show.record({name: str(value) for name, value in found.items()})


# ---- any facility


@examples("btt-chain facility top-up --from clinic.key")
@click.command("top-up")
@call_options
def top_up(url: str, timeout: float, as_json: bool, **options: object) -> None:
    """Restore the bond of your facility to that of its kind, after a penalty."""
    submit_call("Facilities", "top_up", {}, "the bond is whole", url, timeout, as_json, options)


COMMANDS: Final = (place, offers, contribute, attest, credential_, top_up)
