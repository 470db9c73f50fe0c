"""`btt-chain records report|demand`: broken promises of custodians, shown to the chain."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import combinations
from pathlib import Path
from typing import Annotated, Final

import click

from btt_chain.client.errors import DispatchFailed
from btt_chain.client.views import ViewClient
from btt_chain.crypto.hashing import blake2_256
from btt_chain.primitives.access_promise import PROMISE, SignedPromise
from btt_chain.primitives.account import AccountId, Id
from btt_chain.primitives.digits import to_hex
from btt_chain.primitives.evidence_tree import SALT_SIZE, EvidenceTree, Opening, is_tree_size
from btt_chain.primitives.strict_json import read_object
from btt_chain.records.accesses import LoggedAccess, Status
from btt_chain.records.chain import NodeRecords
from btt_chain.records.vault.store import Vault
from btt_chain.scale import u32
from cli.commands.records_access import checked_log, own_entries, read_copies
from cli.common import show
from cli.common.errors import Mistyped, NotFound, Refused
from cli.common.files import FILE, read_bytes
from cli.common.options import Command, Group
from cli.common.sending import Sender
from cli.common.vaults import open_vault, vault_options
from cli.declared import program
from cli.parameters import Input
from runtime.pallets.health_records.api import HealthRecordsApi
from runtime.pallets.health_records.types import MAX_DELAY, MAX_LATE, PROMISED_EPOCHS, BatchKind

Leaves = Mapping[int, Sequence[bytes]]

HOPELESS: Final = ("TooOld", "AlreadyPenalized", "NotCustodian", "BadPromise")
"""Errors of one promise, after which the others are demanded all the same."""


report = Group(
    "report",
    help="""Report a custodian that broke a promise: it loses a part of its bond, half of it to you.

    `records demand` is for an entry of whose absence you have no proof: the custodian has to prove
    on the chain that the entry is in its log.
    """,
)
demands = Group("demands")
"""Commands that `btt-chain records` has."""
demands.add_command(report)


def copy_option(command: Command) -> Command:
    """Add `--copy`."""
    return click.option(
        "--copy", "copies", multiple=True, type=FILE,
        help="Entries of a reader for you; without it your own entries as a reader.",
    )(command)  # fmt: skip


def entries_of(vault: Vault, copies: Sequence[Path]) -> list[LoggedAccess]:
    """Return the entries of copies, or those of the own vault. Refused if there are none."""
    copied = [entry for path in copies for entry in read_copies(vault, path)]
    entries = copied if copies else own_entries(vault)
    if not entries:
        raise Refused("there is no entry to report")
    return entries


# ---- omissions


leaves_option = click.option(
    "--leaves", "leaves_file", type=FILE,
    help='All leaves of epochs in which the custodian anchored: {"493210": ["0x...", ...]}.',
)  # fmt: skip


@program(
    report, "btt-chain records report omission --copy doctor.log --from key.txt",
    "btt-chain records report omission --copy doctor.log --leaves leaves.json --from key.txt",
    options=(copy_option, leaves_option, vault_options),
)  # fmt: skip
async def omission(
    chain: ViewClient, sender: Sender, copies: tuple[Path, ...], leaves_file: Path | None,
    **options: object,
) -> None:  # fmt: skip
    """Report accesses that were promised and are below no root of their time.

    If the custodian anchored nothing in this time, the promise is enough. Of an epoch with a root,
    the leaves around the missing one are shown: they are found in the list of --leaves.
    """
    with open_vault(options) as vault:
        logged = entries_of(vault, copies)
    leaves = read_leaves(leaves_file)
    reported, notes = 0, list[str]()
    for entry in logged:
        try:
            absences = await absences_of(chain, entry.promise, leaves)
            await sender.send(
                chain, "HealthRecords", "report_omission", promise=entry.promise, absences=absences
            )
            reported += 1
        except (Refused, DispatchFailed) as error:
            text = error.message if isinstance(error, Refused) else str(error)
            notes.append(f"{entry.access.query}: {text}")
    if sender.as_json:
        show.document({"reported": reported, "notes": notes})
        return
    for note in notes:
        show.note(note)
    if not reported:
        raise Refused("nothing is reported")
    show.good(f"{reported} omissions are reported")


def read_leaves(path: Path | None) -> Leaves:
    """Return the leaves of epochs. Mistyped if the file holds none."""
    if path is None:
        return {}
    try:
        found = read_object(read_bytes(path))
        return {
            int(epoch): sorted(bytes.fromhex(each.removeprefix("0x")) for each in leaves)
            for epoch, leaves in found.items()
        }
    except (ValueError, TypeError, AttributeError) as error:
        raise Mistyped(
            f'{path} holds no lists of leaves by epoch, {{"493210": ["0x...", ...]}}: {error}'
        ) from None


async def absences_of(
    chain: ViewClient, signed: SignedPromise, leaves: Leaves
) -> list[list[Opening]]:
    """Return the proof that no root of a promise's time has its leaf. Refused if there is none."""
    promise = signed.promise
    first = int(promise.epoch)
    now = int((await chain.api(HealthRecordsApi.epochs)).now)
    if now <= first + MAX_DELAY + MAX_LATE:
        raise Refused(f"the promise is over after epoch {first + MAX_DELAY + MAX_LATE}")
    found: list[list[Opening]] = []
    for epoch in range(first, first + PROMISED_EPOCHS):
        batch = await chain.api(
            HealthRecordsApi.batch, promise.custodian, BatchKind.Accesses, u32(epoch)
        )
        if batch is None:
            found.append([])
            continue
        if epoch not in leaves:
            raise Refused(
                f"epoch {epoch} has a root: its leaves are needed (--leaves); `records demand` has "
                "the custodian show its own"
            )
        tree = tree_of(leaves[epoch], epoch)
        if tree.root != batch.root:
            raise Refused(f"the leaves of epoch {epoch} are not those of its root")
        if tree.index_of(promise.leaf) is not None:
            raise Refused(f"the entry is in the log of epoch {epoch}: the promise was kept")
        found.append(tree.absence(promise.leaf))
    return found


def tree_of(leaves: Sequence[bytes], epoch: int) -> EvidenceTree:
    """Return the tree of a complete list of leaves. Refused if the list is not complete."""
    if not is_tree_size(len(leaves)):
        raise Refused(f"epoch {epoch}: a tree has 64, 128, 256, ... leaves, not {len(leaves)}")
    try:
        return EvidenceTree(leaves, bytes(SALT_SIZE))
    except ValueError as error:
        raise Refused(f"epoch {epoch}: {error}") from None


# ---- double answers


@program(
    report, "btt-chain records report double --copy a.log --copy b.log --from key.txt",
    options=(copy_option, vault_options),
)  # fmt: skip
async def double(
    chain: ViewClient, sender: Sender, copies: tuple[Path, ...], **options: object
) -> None:
    """Report a custodian that promised two entries for one request."""
    with open_vault(options) as vault:
        pair = contradiction(entries_of(vault, copies))
    if pair is None:
        raise Refused("no two entries are of one request with different promises")
    first, second = pair
    sent = await sender.send(chain, "HealthRecords", "report_double", first=first, second=second)
    block = to_hex(sent.block)
    show.outcome({"block": block}, f"reported, in block {block}", as_json=sender.as_json)


def contradiction(logged: Sequence[LoggedAccess]) -> tuple[SignedPromise, SignedPromise] | None:
    """Return two promises of a custodian for one request, with different leaves."""
    for first, second in combinations([each.promise for each in logged], 2):
        a, b = first.promise, second.promise
        if (a.custodian, a.request) == (b.custodian, b.request) and a.leaf != b.leaf:
            return first, second
    return None


# ---- demands


proving_option = click.option(
    "--custodian", metavar="URL", help="Leave out what this custodian proves by itself."
)


@program(
    demands, "btt-chain records demand --copy doctor.log --from key.txt",
    "btt-chain records demand --custodian https://records.clinic.example --from key.txt",
    options=(copy_option, proving_option, vault_options),
)  # fmt: skip
async def demand(
    chain: ViewClient, sender: Sender, copies: tuple[Path, ...], custodian: str | None,
    **options: object,
) -> None:  # fmt: skip
    """Demand on the chain the proof of accesses that a custodian promised to log.

    Each costs a deposit, of which half comes back with the answer. A custodian without an answer
    after 72 hours is slashed by `HealthRecords.settle_demand`, which any account may send.
    """
    with open_vault(options) as vault:
        logged = entries_of(vault, copies)
        if custodian is not None:
            rows = await checked_log(vault, custodian, logged, NodeRecords(chain.chain))
            proven = {row.access.request for row in rows if row.status is Status.ANCHORED}
            logged = [entry for entry in logged if entry.access.request not in proven]
    if not logged:
        raise Refused("there is no entry to demand")
    now = int((await chain.api(HealthRecordsApi.epochs)).now)
    over = [entry for entry in logged
            if now > int(entry.promise.promise.epoch) + MAX_DELAY + MAX_LATE]  # fmt: skip
    demanded = [
        blake2_256(PROMISE.encode(entry.promise.promise))
        for entry in over if await is_demanded(chain, sender, entry)
    ]  # fmt: skip
    waiting = len(logged) - len(over)
    show.outcome(
        {"demanded": [id.hex() for id in demanded], "waiting": waiting},
        f"{len(demanded)} demanded, {waiting} promises are not over", as_json=sender.as_json,
    )  # fmt: skip


async def is_demanded(chain: ViewClient, sender: Sender, entry: LoggedAccess) -> bool:
    """Send the demand of a promise; return True if it is demanded now."""
    try:
        await sender.send(chain, "HealthRecords", "demand", promise=entry.promise)
    except DispatchFailed as error:
        reason = error.name.rpartition(".")[2]
        if reason in HOPELESS:
            show.note(f"{entry.access.query}: {error}")
            return False
        if reason != "AlreadyDemanded":
            raise
    return True


@program(report, "btt-chain records report unanswered //Bob --from key.txt")
async def unanswered(
    chain: ViewClient, sender: Sender, custodian: Annotated[AccountId, Input("ACCOUNT")]
) -> None:
    """Settle the demands that a custodian has not answered in time; any account may.

    Deposits go back to those who demanded, with half of the penalty.
    """
    now = (await chain.api(HealthRecordsApi.epochs)).now
    views = await chain.api(HealthRecordsApi.demands, custodian)
    due = [view for view in views if now >= view.demand.due]
    for view in due:
        await sender.send(
            chain, "HealthRecords", "settle_demand", custodian=Id(custodian), id=view.id
        )
    waiting = len(views) - len(due)
    if sender.as_json:
        show.document({"settled": len(due), "waiting": waiting})
    elif due:
        show.good(f"{len(due)} demands are settled, {waiting} can still be answered")
    else:
        raise NotFound(f"no demand is due; {waiting} can still be answered")
