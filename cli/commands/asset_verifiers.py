"""`btt-chain asset`: calls of verifiers and voters, between the registration and the units."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from btt_chain.primitives.ss58 import encode
from cli.commands.gov_calls import address_of
from cli.common.calls import report, send_calls
from cli.common.deciding import decide, deciding_options
from cli.common.files import hash_of
from cli.common.options import examples, query_options
from cli.common.sending import Sender, SendingCommand, call_options
from cli.common.session import open_chain, run
from cli.common.working import account, planck, properties

if TYPE_CHECKING:
    from btt_chain.scale.portable import Plain

ROLES: Final = ("regulatory", "technical")
LARGEST: Final = 2**32 - 1
POLICY: Final = "asset_policy"
"""The track that appoints verifiers."""

asset_argument = click.argument("number", metavar="ASSET", type=click.IntRange(0, LARGEST))


@examples("btt-chain asset bond 5_000BTT --from //Bob")
@click.command(cls=SendingCommand)
@click.argument("amount")
@call_options
def bond(amount: str, url: str, timeout: float, as_json: bool, **options: object) -> None:
    """Bond AMOUNT to become a verifier; a decision appoints verifiers to their roles."""
    sender = Sender.of(options, as_json)

    async def work() -> None:
        async with open_chain(url, timeout) as chain:
            value = planck(chain.metadata.currency, amount)
            done = await send_calls(
                sender, chain, [("AssetRegistry.bond_verifier", {"bond": value})]
            )
            who = chain.metadata.address(sender.account)
        report(
            done, as_json, f"Bonded; `btt-chain asset appoint {who} --role ROLE` has it appointed.",
            verifier=who, bond=str(value),
        )  # fmt: skip

    run(work())


@examples("btt-chain asset appoint //Bob --role regulatory",
          "btt-chain asset appoint //Bob --role regulatory --sudo \\",
          "    --from //Alice")  # fmt: skip
@click.command(cls=SendingCommand)
@click.argument("who", metavar="ACCOUNT")
@click.option(
    "--role", "roles", type=click.Choice(ROLES), multiple=True,
    help="A role of the verifier; may be repeated. Without it the verifier has none any more.",
)  # fmt: skip
@deciding_options
@query_options
def appoint(
    who: str, roles: tuple[str, ...], url: str, timeout: float, as_json: bool, **options: object
) -> None:
    """Have a bonded account appointed: print the proposal, or send it as sudo."""
    _, prefix = run(properties(url, timeout))
    has: dict[str, object] = {role: role in roles for role in ROLES}
    words = [encode(account(who, prefix), prefix), *(str(has[role]).lower() for role in ROLES)]
    decide(
        "AssetRegistry.appoint_verifier", {"who": address_of(who, prefix), **has}, words, POLICY,
        "appointed", url=url, timeout=timeout, as_json=as_json, options=options,
    )  # fmt: skip


@examples("btt-chain asset verify 0 --role technical --complexity 1 --report report.pdf \\",
          "    --from //Charlie")  # fmt: skip
@click.command(cls=SendingCommand)
@asset_argument
@click.option("--role", type=click.Choice(ROLES), required=True, help="The role to verify in.")
@click.option(
    "--complexity", type=click.IntRange(1, 3), required=True,
    help="How hard it is to value: the fee of issuing is so many per cent.",
)  # fmt: skip
@click.option(
    "--report", "report_file", type=click.Path(dir_okay=False, path_type=Path), required=True,
    help="The report on it: its SHA-256 is stored, the file stays here.",
)  # fmt: skip
@click.option("--reject", is_flag=True, help="Reject the asset instead of attesting it.")
@call_options
def verify(
    number: int, role: str, complexity: int, report_file: Path, reject: bool, url: str,
    timeout: float, as_json: bool, **options: object,
) -> None:  # fmt: skip
    """Attest an asset, or reject it, as a verifier who read its documents."""
    sender, hash = Sender.of(options, as_json), "0x" + hash_of(report_file).hex()
    arguments: dict[str, Plain] = {
        "id": number, "role": role.capitalize(), "complexity": complexity, "approve": not reject,
        "report": hash,
    }  # fmt: skip
    said = "rejected" if reject else "attested"

    async def work() -> None:
        async with open_chain(url, timeout) as chain:
            done = await send_calls(sender, chain, [("AssetRegistry.verify", arguments)])
        report(done, as_json, f"Asset {number} is {said}.", asset=number, report=hash)

    run(work())


@examples("btt-chain asset vote 0 aye --from //Dave")
@click.command(cls=SendingCommand)
@asset_argument
@click.argument("word", metavar="{aye|nay}", type=click.Choice(("aye", "nay")))
@call_options
def vote(
    number: int, word: str, url: str, timeout: float, as_json: bool, **options: object
) -> None:
    """Vote on an attested asset, with your stake that lasts until the end of the vote."""
    sender = Sender.of(options, as_json)

    async def work() -> None:
        async with open_chain(url, timeout) as chain:
            ballot: dict[str, Plain] = {"id": number, "aye": word == "aye"}
            done = await send_calls(sender, chain, [("AssetRegistry.vote", ballot)])
        report(done, as_json, f"You voted {word} on asset {number}.", asset=number, vote=word)

    run(work())


@examples("btt-chain asset trade 0 --from //Alice")
@click.command(cls=SendingCommand)
@asset_argument
@call_options
def trade(number: int, url: str, timeout: float, as_json: bool, **options: object) -> None:
    """List your asset on the exchange, so that its units can be traded."""
    sender = Sender.of(options, as_json)

    async def work() -> None:
        async with open_chain(url, timeout) as chain:
            done = await send_calls(sender, chain, [("Exchange.list_asset", {"asset": number})])
        said = f"Asset {number} is traded; `btt-chain exchange book {number}` shows its orders."
        report(done, as_json, said, asset=number, listed=True)

    run(work())


COMMANDS: Final = (bond, appoint, verify, vote, trade)
