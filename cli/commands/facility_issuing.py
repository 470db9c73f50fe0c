"""`btt-chain facility issue|claims|sign|serve|device|keys|close`: points for patients."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Final

import click

from btt_chain.care.activities import month_of
from btt_chain.care.evidence import DeviceProof, Statement
from btt_chain.care.facility import Activity
from btt_chain.care.messages import Request
from btt_chain.client.chain import Chain
from btt_chain.client.jsonrpc import Connection
from btt_chain.client.views import ViewClient
from btt_chain.daemon import Daemon
from btt_chain.primitives.account import AccountId
from btt_chain.primitives.digits import to_hex
from btt_chain.scale import u16, u64
from cli.common import show
from cli.common.calls import report
from cli.common.care import (
    Facility,
    account_id,
    current,
    epoch_of,
    keys_of,
    last_month,
    rule_of,
    slot_of,
    words,
)
from cli.common.care import (
    calendar as calendar_of,
)
from cli.common.care_folders import (
    FOLDER,
    care_folder_option,
    facility_folder,
    member_of,
    month_option,
    secret_option,
)
from cli.common.errors import Mistyped, NotFound, Refused
from cli.common.files import read_bytes, read_object_file
from cli.common.options import Group, examples, query_options
from cli.common.sending import Sender
from cli.common.session import first_step, from_hex, run_until_stopped
from cli.common.vaults import write_folder, write_private
from cli.declared import program
from cli.parameters import Input

PERCENT: Final = 10_000
"""Parts per million of a percent."""
OUT_MODE: Final = 0o600

KINDS: Final = ("provider", "oracle", "device")
"""Sources of the evidence of an activity."""

issuing = Group("issuing")
"""Commands that `btt-chain facility` has."""

out_option = click.option(
    "--out", type=click.Path(path_type=Path), required=True, help="The file to write."
)


@contextmanager
def new_file(path: Path) -> Iterator[None]:
    """Make an empty file that only its owner may read; it is removed if it stays empty."""
    try:
        path.touch(mode=OUT_MODE, exist_ok=False)
    except FileExistsError:
        raise Refused(f"{path} exists: its claim would be lost; name another file") from None
    try:
        yield
    finally:
        if not path.stat().st_size:
            path.unlink()


def check_address(url: str) -> None:
    """Check a URL of `facility serve`. Refused if wallets would not use it."""
    if url:
        # Imported here: aiohttp takes a third of a second.
        from btt_chain.care.fetch import checked_url

        with words():
            checked_url(url)


Served = Annotated[
    str, Input(help="Where wallets collect: the URL of `facility serve`.", default="")
]


def check_device(
    kind: str, device: str | None, counter: int | None, signature: str | None, **_: object
) -> None:
    """Check the parts of a device's proof. Raises Mistyped."""
    device_proof(kind, device, counter, signature)


@program(
    issuing,
    "btt-chain facility issue //Bob 3 'Li Wei' --evidence observation.json --out claim.json \\",
    "    --secret secret.txt",
    "btt-chain facility issue //Bob 3 4711 --evidence steps.json --kind device --device 0x5e... \\",
    "    --counter 12 --signature 0x9a... --out claim.json --secret secret.txt",
    options=(out_option, *FOLDER), check=check_device,
)  # fmt: skip
async def issue(
    chain: ViewClient,
    as_json: bool,
    who: Facility,
    rule: u16,
    patient: str,
    evidence: Annotated[
        Path, Input(help="A JSON document, as a FHIR resource, that does not name the patient.")
    ],
    kind: Annotated[
        str, Input(help="What confirms the activity.", default="provider", type=click.Choice(KINDS))
    ],
    quality: Annotated[
        u16, Input(help="Quality of completion, in percent.", default="100", most=300)
    ],
    device: Annotated[str | None, Input(help="The device's ed25519 key, in hex.")],
    counter: Annotated[u64 | None, Input(help="The device's counter.", least=1)],
    signature: Annotated[str | None, Input(help="The device's signature, in hex.")],
    serve_url: Served,
    for_: Annotated[
        str | None,
        Input(
            "FACILITY",
            "The member that confirmed it, if FACILITY is an issuer (`facility member`).",
        ),
    ],
    out: Path,
    secret: str,
    base_path: Path | None,
) -> None:
    """Confirm an activity of a patient today, and write the claim to its points.

    The patient's name stays in the folder, encrypted, for caps and cooldowns. Who has the claim
    has the points: give it to the patient only. The same evidence of a patient counts once a day:
    after a crash, run the same command again, and it writes the same claim.
    """
    proof = device_proof(kind, device, counter, signature)
    statement = Statement(kind, int(quality) * PERCENT, dict(read_object_file(evidence)), proof)
    check_address(serve_url)
    # Before anything is recorded: a claim that cannot be written would have to be asked for again.
    with new_file(out):
        terms = await rule_of(chain, int(rule))
        months, now = await calendar_of(chain), await slot_of(chain)
        day, month = months.day(now), months.month(now)
        behind = await member_of(chain, who, for_)
        view = await epoch_of(chain, who, month_of(day))
        await ensure_keys(chain, who, month)
        activity = Activity(patient, int(rule), day, statement, behind)
        with facility_folder(base_path, secret, chain.genesis, who) as folder:
            is_known = folder.is_recorded(activity)
            right = 0 if view is None else int(view.right)
            claim = folder.confirm(activity, terms, serve_url, right=right)
        write_private(out, claim.encode().encode())
    if is_known and not as_json:
        show.note("this activity was recorded before: it is the same claim, and counts once")
    show.outcome(
        {"month": claim.month, "points": claim.points, "claim": str(out), "known": is_known},
        f"{claim.points} points of month {claim.month}: give {out} to the patient",
        as_json=as_json,
    )


async def ensure_keys(chain: ViewClient, facility: AccountId, month: int) -> None:
    """Raise Refused if the chain has no keys of a facility for a month."""
    if not await keys_of(chain, facility, month):
        raise Refused(
            f"the chain has no keys of month {month} for this facility: "
            "`btt-chain facility keys` publishes those of the next month"
        )


claims_option = click.option(
    "--out", type=click.Path(file_okay=False, path_type=Path), required=True,
    help="The folder for the files.",
)  # fmt: skip


@program(
    issuing, "btt-chain facility claims //Bob 'Li Wei' --out claims --secret secret.txt",
    options=(month_option, claims_option, *FOLDER),
)  # fmt: skip
async def claims(
    chain: ViewClient, as_json: bool, who: Facility, patient: str, serve_url: Served,
    month: int | None, out: Path, secret: str, base_path: Path | None,
) -> None:  # fmt: skip
    """Write the claims of a patient again that were not collected, as after a crash or a loss.

    They are the same claims, so that a second copy brings no second points.
    """
    check_address(serve_url)
    number = int((await current(chain)).month) if month is None else month
    with facility_folder(base_path, secret, chain.genesis, who) as folder:
        written = folder.claims_of(patient, number, serve_url)
    if not written:
        raise NotFound(f"the patient has no claim of month {number} that was not collected")
    files = {f"claim-{number}-{claim.code.hex()[:8]}.json": claim.encode().encode()
             for claim in written}  # fmt: skip
    write_folder(out, files)
    text = f"{len(files)} claims of month {number} are in {out}"
    show.outcome([str(out / name) for name in files], text, as_json=as_json)


@program(
    issuing,
    "btt-chain facility sign //Bob request.json --out answer.json --secret secret.txt",
    options=(out_option, *FOLDER),
)  # fmt: skip
async def sign(
    chain: ViewClient, as_json: bool, who: Facility, request: Path, out: Path, secret: str,
    base_path: Path | None,
) -> None:  # fmt: skip
    """Sign the blinded vouchers of a wallet's request, where there is no `facility serve`."""
    with facility_folder(base_path, secret, chain.genesis, who) as folder:
        answer = folder.sign(Request.decode(read_bytes(request))).encode()
    write_private(out, answer.encode())
    show.outcome({"answer": str(out)}, f"signed; give {out} to the wallet", as_json=as_json)


@examples("btt-chain facility serve //Bob --port 8088 --secret secret.txt")
@issuing.command("serve")
@click.argument("who", metavar="FACILITY")
@click.option("--host", default="127.0.0.1", show_default=True, help="The address to listen on.")
@click.option(
    "--port", type=click.IntRange(0, 65_535), default=8_088, show_default=True,
    help="The port to listen on; 0 takes a free one.",
)  # fmt: skip
@secret_option
@care_folder_option
@query_options
def serve(
    who: str, host: str, port: int, secret: str, base_path: Path | None, url: str,
    timeout: float, as_json: bool,
) -> None:  # fmt: skip
    """Let wallets collect vouchers and auditors fetch what is sealed to them, until Ctrl-C.

    Put a proxy with TLS in front of it: wallets send claims by https only, and by http to this
    machine.
    """
    # Imported here: aiohttp takes a third of a second.
    from btt_chain.care.server import serving

    async def folder_of(connection: Connection) -> tuple[AccountId, bytes]:
        chain = await Chain.open(connection)
        return account_id(who, chain.metadata.prefix), chain.genesis

    async def work() -> None:
        # Its folder, which the chain names, is all that it needs: any node will do, once.
        daemon = Daemon(url, timeout, report=show.note, any_view=True)
        owner, genesis = await first_step(daemon, folder_of)
        with words(), facility_folder(base_path, secret, genesis, owner) as folder:
            async with serving(folder, host, port, time.monotonic) as (address, bound):
                if as_json:
                    show.line({"host": address, "port": bound})
                else:
                    show.note(f"serving on {address}:{bound}")
                await asyncio.Event().wait()

    run_until_stopped(work())


@program(
    issuing, "btt-chain facility device //Bob 0x5e... --secret secret.txt",
    options=FOLDER,
)  # fmt: skip
async def device(
    chain: ViewClient, who: Facility, key: str, secret: str, base_path: Path | None
) -> None:
    """Register a patient's device by its ed25519 key."""
    with facility_folder(base_path, secret, chain.genesis, who) as folder:
        folder.register_device(from_hex(key, "the key"))
    show.good("registered")


# ---- arguments


def device_proof(
    kind: str, device: str | None, counter: int | None, signature: str | None
) -> DeviceProof | None:
    """Return a device's proof; None for other kinds. Mistyped if a part is missing."""
    given = [value for value in (device, counter, signature) if value is not None]
    if kind != "device":
        if given:
            raise Mistyped("--device, --counter and --signature go with --kind device")
        return None
    if device is None or counter is None or signature is None:
        raise Mistyped("--kind device needs --device, --counter and --signature")
    return DeviceProof(from_hex(device, "the key"), counter, from_hex(signature, "the signature"))


# ---- the month's keys and its end


@program(
    issuing, "btt-chain facility keys --secret secret.txt --from clinic.key",
    options=(month_option, *FOLDER),
)  # fmt: skip
async def keys(
    chain: ViewClient, sender: Sender, month: int | None, secret: str, base_path: Path | None
) -> None:
    """Make the four keys of a month (the next one by default) and publish them.

    The keys stay in the folder, encrypted; their public parts go to the chain before the month
    begins. Run again, it publishes the same keys.
    """
    who = AccountId(sender.account)
    number = int((await current(chain)).month) + 1 if month is None else month
    with facility_folder(base_path, secret, chain.genesis, who) as folder:
        moduli = await asyncio.to_thread(folder.make_keys, number)
    on_chain = await keys_of(chain, who, number)
    if on_chain and on_chain != moduli:
        raise Refused(f"the chain has other keys of month {number}: use the folder that has them")
    if on_chain and sender.as_json:
        show.document({"month": number, "block": None})
    elif on_chain:
        show.note(f"the keys of month {number} are on the chain already")
    else:
        sent = await sender.send(chain, "Incentives", "publish_keys", month=number, keys=moduli)
        text = f"the keys of month {number} are published, in block {to_hex(sent.block)}"
        report(sent, sender.as_json, text, month=number)


@program(
    issuing, "btt-chain facility close --secret secret.txt --from clinic.key",
    options=(month_option, *FOLDER),
)  # fmt: skip
async def close(
    chain: ViewClient, sender: Sender, month: int | None, secret: str, base_path: Path | None
) -> None:
    """Close a month (the last one by default), in the first three days of the next one.

    The commitment to all evidence goes to the chain, with the sum of points. It is final.
    """
    number = await last_month(chain) if month is None else month
    if number >= int((await current(chain)).month):
        raise Refused(f"month {number} is not over yet")
    # An activity that is recorded after the root is computed would be missing under it.
    with facility_folder(base_path, secret, chain.genesis, sender.account) as folder:
        closing = folder.closing(number) if sender.is_dry_run else folder.close(number)
    sent = await sender.send(
        chain, "Incentives", "close_month", month=number, root=closing.root,
        leaves=closing.leaves, points=closing.points,
    )  # fmt: skip
    text = f"month {number} is closed with {closing.points} points"
    report(
        sent, sender.as_json, f"{text}, in block {to_hex(sent.block)}", month=number,
        root=to_hex(closing.root), leaves=closing.leaves, points=closing.points,
    )  # fmt: skip
