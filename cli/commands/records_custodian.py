"""`btt-chain records register|admit|serve`: the program of a custodian."""

from __future__ import annotations

import asyncio
import signal
from typing import TYPE_CHECKING

import click

from btt_chain.web.addresses import is_here
from cli.commands.gov_calls import submit_call
from cli.common import show
from cli.common.errors import Refused
from cli.common.options import examples, query_options
from cli.common.proxied import proxy_option
from cli.common.sending import call_options, signer_of, signer_options
from cli.common.streams import ending_signals
from cli.common.types import Seconds
from cli.common.vaults import now_ms, open_vault, run, vault_options

if TYPE_CHECKING:
    from btt_chain.crypto.keypair import KeyPair
    from btt_chain.records.custodian.answering import Answering
    from btt_chain.records.custodian.service import Custodian
    from btt_chain.records.vault.store import Vault


@examples("btt-chain records register 1000BTT --from facility.key")
@click.command()
@click.argument("bond")
@vault_options
@call_options
def register(bond: str, url: str, timeout: float, as_json: bool, **options: object) -> None:
    """Register the vault's promise key on the chain, as a facility, with a bond."""
    from btt_chain.crypto import ed25519
    from btt_chain.scale import u128
    from cli.common.working import planck, properties

    with open_vault(options) as vault:
        key = ed25519.public_from_seed(vault.keys.promise_seed)
    currency, _ = run(properties(url, timeout))
    submit_call(
        "HealthRecords", "register_custodian",
        {"key": key, "bond": u128(planck(currency, bond))}, "registered", url, timeout, as_json,
        options,
    )  # fmt: skip


@examples(
    "btt-chain records admit btt-vault:...", "btt-chain records admit --emergency btt-vault:..."
)
@click.command()
@click.argument("who", metavar="VAULT")
@click.option("--emergency", is_flag=True, help="As a reader without consent in an emergency.")
@vault_options
def admit(who: str, emergency: bool, **options: object) -> None:
    """Admit a patient's vault, which may then deposit records and consents."""
    from btt_chain.records.custodian.service import EMERGENCY_READERS, PATIENTS
    from btt_chain.records.keys import VaultId

    with open_vault(options) as vault:
        name = EMERGENCY_READERS if emergency else PATIENTS
        known = vault.index.facts.get(name, "").split()
        vault.index.facts[name] = " ".join(dict.fromkeys([*known, str(VaultId.parse(who))]))
        vault.save()
    show.good("admitted")


@examples("btt-chain records serve --vault hospital --from facility.key --port 8480")
@click.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="The address to listen on.")
@click.option(
    "--port", type=click.IntRange(0, 65_535), default=8480, show_default=True,
    help="The port to listen on; 0 takes a free one.",
)  # fmt: skip
@click.option(
    "--interval", type=Seconds(0.2, 600), default=6.0, show_default=True,
    help="Seconds between two readings of the chain.",
)  # fmt: skip
@click.option(
    "--max-block-age", type=Seconds(1), default=120.0, show_default=True,
    help="Seconds after which a node without a new block vouches for no consent.",
)  # fmt: skip
@vault_options
@proxy_option
@signer_options
@query_options
def serve(
    host: str, port: int, interval: float, max_block_age: float, proxy_for: str | None, url: str,
    timeout: float, as_json: bool, **options: object,
) -> None:  # fmt: skip
    """Answer patients and readers, and anchor roots, until Ctrl-C.

    It needs no key of the custodian: a proxy of type NonTransfer may anchor and answer. The FHIR
    facade (/fhir) sends records in clear: outside of this machine put a proxy with TLS before it.
    """
    with open_vault(options) as vault:
        pair = signer_of(options)
        age_ms = int(max_block_age * 1_000)
        run(_serve(vault, pair, proxy_for, url, timeout, host, port, interval, age_ms, as_json))


async def _serve(
    vault: Vault, pair: KeyPair, proxy_for: str | None, url: str, timeout: float, host: str,
    port: int, interval: float, max_age_ms: int, as_json: bool,
) -> None:  # fmt: skip
    from btt_chain.records.chain import NodeRecords
    from btt_chain.records.custodian.answering import Answering, NodeDemands
    from btt_chain.records.custodian.ledger import Ledger
    from btt_chain.records.custodian.service import Custodian
    from btt_chain.records.server import RecordsServer
    from btt_chain.records.vault.store import LEDGER
    from cli.common.session import open_chain
    from cli.common.working import account

    async with open_chain(url, timeout) as chain:
        own = pair.account_id if proxy_for is None else account(proxy_for, chain.metadata.prefix)
        node = NodeRecords(chain, pair, own)
        with Ledger.open(vault.folder / LEDGER) as ledger:
            custodian = Custodian(vault, ledger, node, own, now_ms, max_age_ms)
            if await node.promise_key(own) != custodian.promise_key:
                raise Refused(
                    f"{chain.metadata.address(own)} is no custodian with this vault: "
                    "`btt-chain records register` makes it one"
                )
            await custodian.poll()
            server = RecordsServer(custodian, chain.genesis)
            found = await server.start(host, port)
            address = f"http://{host}:{found}"
            if not is_here(host):
                show.note("the FHIR facade sends records in clear: use a proxy with TLS")
            if as_json:
                show.line({"url": address, "vault": str(vault.id)})
            else:
                show.good(f"{vault.id} answers at {address}")
            try:
                answering = Answering(ledger, NodeDemands(chain, pair, own))
                await _poll(custodian, answering, interval)
            finally:
                await server.stop()


async def _poll(custodian: Custodian, answering: Answering, interval: float) -> None:
    """Poll until the program is interrupted; a silent node is asked again."""
    from btt_chain.client.errors import ClientError

    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, *ending_signals()):
        loop.add_signal_handler(number, stop.set)
    answers: asyncio.Task[None] | None = None
    while not stop.is_set():
        try:
            await custodian.poll()
        except ClientError as error:
            show.note(f"the node: {error}")
        # Beside the reading of the chain: each answer waits until it is final, and a reader can
        # send many demands.
        if answers is None or answers.done():
            answers = asyncio.create_task(_answer(answering))
        try:
            async with asyncio.timeout(interval):
                await stop.wait()
        except TimeoutError:
            continue
    if answers is not None:
        answers.cancel()
        await asyncio.gather(answers, return_exceptions=True)
    await custodian.settle()


async def _answer(answering: Answering) -> None:
    """Answer the open demands; a silent node is asked again."""
    from btt_chain.client.errors import ClientError

    try:
        await answering.answer_all()
    except ClientError as error:
        show.note(f"the node: {error}")
