"""`btt-chain records demand`: have a custodian prove on the chain that it kept its promises."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import click

from btt_chain.client.errors import DispatchFailed
from btt_chain.crypto.hashing import blake2_256
from btt_chain.primitives.access_promise import PROMISE
from btt_chain.records import library
from btt_chain.records.accesses import LoggedAccess, Status
from btt_chain.records.chain import NodeRecords
from btt_chain.records.shapes import items
from btt_chain.records.vault.store import Vault
from cli.commands.records_access import read_copies
from cli.common import show
from cli.common.errors import Refused
from cli.common.options import examples
from cli.common.sending import Sender, call_options
from cli.common.session import open_chain
from cli.common.vaults import open_custodian, open_vault, run, vault_options
from cli.common.working import view_chain
from runtime.apis.health_records import HealthRecordsApi
from runtime.pallets.health_records.types import MAX_DELAY, MAX_LATE

HOPELESS: Final = ("TooOld", "AlreadyPenalized", "NotCustodian", "BadPromise")
"""Errors of one promise, after which the others are demanded all the same."""


@examples(
    "btt-chain records demand --copy doctor.log --from key.txt",
    "btt-chain records demand --custodian https://records.clinic.example --from key.txt",
)
@click.command()
@click.option(
    "--copy", "copies", multiple=True,
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="A reader's entries for you; without it your own entries as a reader.",
)  # fmt: skip
@click.option("--custodian", metavar="URL", help="Leave out what this custodian proves by itself.")
@vault_options
@call_options
def demand(
    copies: tuple[Path, ...], custodian: str | None, url: str, timeout: float, as_json: bool,
    **options: object,
) -> None:  # fmt: skip
    """Demand on the chain the proof of accesses that a custodian promised to log.

    Each costs a deposit, of which half comes back with the answer. A custodian without an answer
    after 72 hours is slashed by `HealthRecords.settle_demand`, which any account may send.
    """
    with open_vault(options) as vault:
        logged = _entries(vault, copies)
        if custodian is not None:
            logged = run(_unproven(vault, logged, custodian, url, timeout))
    if not logged:
        raise Refused("there is no entry to demand")
    sent, waiting = run(_demand(logged, Sender.of(options, as_json), url, timeout))
    if as_json:
        show.document({"demanded": [id.hex() for id in sent], "waiting": waiting})
    else:
        show.good(f"{len(sent)} demanded, {waiting} promises are not over")


def _entries(vault: Vault, copies: tuple[Path, ...]) -> list[LoggedAccess]:
    if copies:
        return [each for path in copies for each in read_copies(vault, path)]
    return [library.read_access(vault, each) for each in vault.entries(library.ACCESS)]


async def _unproven(
    vault: Vault, logged: list[LoggedAccess], custodian: str, url: str, timeout: float
) -> list[LoggedAccess]:
    """Return the entries that the custodian does not prove by its log."""
    from btt_chain.records.remote import check_log

    async with open_custodian(custodian, vault) as remote, open_chain(url, timeout) as chain:
        entries = items((await remote.ask("log", {}))["entries"])
        rows = await check_log(NodeRecords(chain), remote.facts, entries, logged)
    proven = {row.access.request for row in rows if row.status is Status.ANCHORED}
    return [each for each in logged if each.access.request not in proven]


async def _demand(
    logged: list[LoggedAccess], sender: Sender, url: str, timeout: float
) -> tuple[list[bytes], int]:
    """Send the demands; return the ids of the promises, and the number of those not over."""
    sent: list[bytes] = []
    waiting = 0
    async with view_chain(url, timeout) as chain:
        now = int((await chain.api(HealthRecordsApi.epochs)).now)
        for each in logged:
            promise = each.promise.promise
            if now <= int(promise.epoch) + MAX_DELAY + MAX_LATE:
                waiting += 1
                continue
            try:
                await sender.send(chain, "HealthRecords", "demand", promise=each.promise)
            except DispatchFailed as error:
                reason = error.name.rpartition(".")[2]
                if reason in HOPELESS:
                    show.note(f"{each.access.query}: {error}")
                    continue
                if reason != "AlreadyDemanded":
                    raise
            sent.append(blake2_256(PROMISE.encode(promise)))
    return sent, waiting
