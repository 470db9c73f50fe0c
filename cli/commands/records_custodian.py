"""`btt-chain records register|admit|serve`: the program of a custodian."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import Annotated

import click

from btt_chain.client.chain import Chain
from btt_chain.client.errors import ClientError
from btt_chain.client.jsonrpc import Connection
from btt_chain.client.views import ViewClient
from btt_chain.crypto import ed25519
from btt_chain.crypto.keypair import KeyPair
from btt_chain.daemon import Daemon, lookup
from btt_chain.primitives.digits import to_hex
from btt_chain.records.chain import NodeRecords
from btt_chain.records.custodian.answering import Answering, NodeDemands
from btt_chain.records.custodian.ledger import Ledger
from btt_chain.records.custodian.service import EMERGENCY_READERS, PATIENTS, Custodian
from btt_chain.records.keys import VaultId
from btt_chain.records.vault.store import LEDGER, Vault
from btt_chain.web.addresses import is_here
from cli.common import show
from cli.common.calls import report
from cli.common.errors import Refused
from cli.common.options import Command, Group, examples, query_options
from cli.common.sending import Sender
from cli.common.session import first_step, run_until_stopped
from cli.common.signers import signer_of, signer_options
from cli.common.types import Seconds
from cli.common.vaults import as_refusals, now_ms, open_vault, vault_options
from cli.common.working import account
from cli.declared import program
from cli.parameters import Input
from runtime.frame.aliases import Balance

custodians = Group("custodians")
"""Commands that `btt-chain records` has."""


@program(
    custodians, "btt-chain records register 1000BTT --from facility.key", options=(vault_options,)
)
async def register(chain: ViewClient, sender: Sender, bond: Balance, **options: object) -> None:
    """Register the vault's promise key on the chain, as a facility, with a bond."""
    with open_vault(options) as vault:
        key = ed25519.public_from_seed(vault.keys.promise_seed)
    sent = await sender.send(chain, "HealthRecords", "register_custodian", key=key, bond=bond)
    report(sent, sender.as_json, f"registered, in block {to_hex(sent.block)}")


@program(
    custodians, "btt-chain records admit btt-vault:...",
    "btt-chain records admit --emergency btt-vault:...", options=(vault_options,),
)  # fmt: skip
def admit(
    who: Annotated[str, Input("VAULT")],
    emergency: Annotated[bool, Input(help="As a reader without consent in an emergency.")],
    **options: object,
) -> None:
    """Admit a patient's vault, which may then deposit records and consents."""
    with open_vault(options) as vault:
        add_to(vault, EMERGENCY_READERS if emergency else PATIENTS, VaultId.parse(who))
        vault.save()
    show.good("admitted")


def add_to(vault: Vault, fact: str, id: VaultId) -> None:
    """Add a vault to a fact of the index, as its patients."""
    present = vault.index.facts.get(fact, "").split()
    vault.index.facts[fact] = " ".join(dict.fromkeys([*present, str(id)]))


def proxy_option(command: Command) -> Command:
    """Add `--proxy-for` to a program that signs by itself.

    A machine that runs day and night then holds no key that moves the institution's money. The
    account appoints the proxy once (`Proxy.add_proxy`, type NonTransfer).
    """
    return click.option(
        "--proxy-for", metavar="ACCOUNT",
        help="Act for this account, as its proxy of type NonTransfer; --from is the proxy's key.",
    )(command)  # fmt: skip


@examples("btt-chain records serve --vault hospital --from facility.key --port 8480")
@custodians.command()
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
    """Answer patients and readers, and anchor roots, until Ctrl-C or SIGTERM.

    It needs no key of the custodian: a proxy of type NonTransfer may anchor and answer. The FHIR
    facade (/fhir) sends records in clear: outside of this machine put a proxy with TLS before it.
    """
    with open_vault(options) as vault:
        pair = signer_of(options)
        age_ms = int(max_block_age * 1_000)
        work = _serve(vault, pair, proxy_for, url, timeout, host, port, interval, age_ms, as_json)
        with as_refusals(), suppress(KeyboardInterrupt):
            run_until_stopped(work)


async def _serve(
    vault: Vault, pair: KeyPair, proxy_for: str | None, url: str, timeout: float, host: str,
    port: int, interval: float, max_age_ms: int, as_json: bool,
) -> None:  # fmt: skip
    # aiohttp takes half a second to import: only the server needs it.
    from btt_chain.records.server import RecordsServer

    daemon = Daemon(url, timeout, report=show.note)
    with Ledger.open(vault.folder / LEDGER) as ledger:

        async def begin(connection: Connection) -> tuple[NodeRecords, NodeDemands, Custodian]:
            chain = await Chain.open(connection)
            prefix = chain.metadata.prefix
            own = pair.account_id if proxy_for is None else account(proxy_for, prefix)
            node = NodeRecords(chain, pair, own)
            custodian = Custodian(vault, ledger, node, own, now_ms, max_age_ms)

            async def key(at: bytes) -> bytes | None:
                found = await node.promise_key(own, at)
                return found if found == custodian.promise_key else None

            if await lookup(chain, key) is None:
                raise Refused(
                    f"{chain.metadata.address(own)} is not a custodian with this vault: "
                    "`btt-chain records register` makes it one"
                )
            await custodian.poll()
            return node, NodeDemands(chain, pair, own), custodian

        async def follow(connection: Connection) -> None:
            # Requests meanwhile had the old connection, which refuses: nothing is served then.
            node.chain = demands.chain = await Chain.open(connection)
            await _poll(custodian, Answering(ledger, demands), interval)

        node, demands, custodian = await first_step(daemon, begin)
        server = RecordsServer(custodian, node.genesis)
        found = await server.start(host, port)
        address = f"http://{host}:{found}"
        if not is_here(host):
            show.note("the FHIR facade sends records in clear: use a proxy with TLS")
        if as_json:
            show.line({"url": address, "vault": str(vault.id)})
        else:
            show.good(f"{vault.id} answers at {address}")
        try:
            await daemon.run(follow)
        finally:
            await server.stop()
            await custodian.settle()


async def _poll(custodian: Custodian, answering: Answering, interval: float) -> None:
    """Read the chain and answer demands until the connection breaks. Raises ClientError."""
    answers: asyncio.Task[None] | None = None
    try:
        while True:
            await custodian.poll()
            # Beside the reading of the chain: each answer waits until it is final, and a reader
            # can send many demands.
            if answers is None or answers.done():
                answers = asyncio.create_task(_answer(answering))
            await asyncio.sleep(interval)
    finally:
        if answers is not None:
            answers.cancel()
            await asyncio.gather(answers, return_exceptions=True)


async def _answer(answering: Answering) -> None:
    """Answer the open demands; a silent node is asked again."""
    try:
        await answering.answer_all()
    except ClientError as error:
        show.note(f"the node: {error}")
