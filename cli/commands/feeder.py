"""`btt-chain feeder`: feeds prices to the oracle from sources of its own."""

from __future__ import annotations

import click

from btt_chain.client.chain import Chain
from btt_chain.client.jsonrpc import WebSocket
from btt_chain.crypto.keypair import KeyPair
from btt_chain.daemon import Daemon, Presence
from btt_chain.feeder.chain import NodeOracle, NotAdmitted
from btt_chain.feeder.daemon import Feeding, Settings
from btt_chain.feeder.machine import MIN_SOURCES
from btt_chain.feeder.sources import BadSource, sources_of
from cli.common import show
from cli.common.errors import ExitCode, Mistyped, Refused
from cli.common.options import examples, query_options
from cli.common.session import run_until_stopped
from cli.common.signers import signer_of, signer_options
from cli.common.types import Seconds


@examples(
    "btt-chain feeder BTT/CNY --source file:a.txt --source 'file:b.json#/price' \\",
    "  --source 'https://prices.example/btt.json#/{quote_}/last' --from feeder.key",
    "btt-chain feeder BTT/CNY --source exchange:7:100 --source file:a.txt --source file:b.txt \\",
    "  --from feeder.key --dry-run --once",
)
@click.command()
@click.argument("keys", metavar="KEY...", nargs=-1, required=True)
@click.option(
    "--source", "sources", metavar="SOURCE", multiple=True, required=True,
    help="file:PATH[#/pointer], https://HOST/path[#/pointer] or exchange:ASSET[:UNITS]; with "
    "KEY= in front for one key. At least three for each key.",
)  # fmt: skip
@click.option(
    "--interval", type=Seconds(0.2, 600), default=30.0, show_default=True,
    help="Seconds between two readings of the sources.",
)  # fmt: skip
@click.option(
    "--max-age", type=Seconds(0), default=600.0, show_default=True,
    help="Seconds after which a file that was not written again is not a source; 0: never.",
)  # fmt: skip
@click.option("--once", is_flag=True, help="Read and feed once. Exit code 1 if a key is silent.")
@click.option("--dry-run", is_flag=True, help="Show the values that would be fed; feed none.")
@signer_options
@query_options
def feeder(
    keys: tuple[str, ...], sources: tuple[str, ...], interval: float, max_age: float, once: bool,
    dry_run: bool, url: str, timeout: float, as_json: bool, **options: object,
) -> None:  # fmt: skip
    """Feed prices of BTT, until Ctrl-C or SIGTERM.

    For each KEY the median of its sources is fed, if at least three of them have a price: when it
    moved by the rule's deviation, as a heartbeat, and to confirm a jump. With fewer sources the
    feeder keeps silent. A node that is not there or goes away is called again. The account must be
    an admitted feeder in a final block; a feed costs no fee.
    """

    def report(text: str, facts: dict[str, object]) -> None:
        show.line(facts) if as_json else show.note(text)

    try:
        found = sources_of(list(dict.fromkeys(keys)), sources)
    except BadSource as error:
        raise Mistyped(str(error)) from None
    for key, of_key in found.items():
        if len(of_key) < MIN_SOURCES:
            raise Mistyped(f"{key} has {len(of_key)} sources: give at least {MIN_SOURCES}")
    feeding = Feeding(Settings(found, interval, max_age, dry_run, report))
    is_well = run_until_stopped(_feed(feeding, signer_of(options), url, timeout, once=once))
    if is_well is False:
        raise click.exceptions.Exit(ExitCode.REFUSED)


async def _feed(feeding: Feeding, pair: KeyPair, url: str, timeout: float, *, once: bool) -> bool:
    """Feed once, or until cancelled; return True if nothing was wrong. Refused if not admitted."""
    presence = Presence()

    async def work(connection: WebSocket) -> bool:
        node = NodeOracle(await Chain.open(connection), pair, presence)
        if once:
            return await feeding.poll(node)
        await feeding.run(node)
        return True

    try:
        return await Daemon(url, timeout, report=show.note, patience=0 if once else None).run(work)
    except NotAdmitted as error:
        raise Refused(str(error)) from None
