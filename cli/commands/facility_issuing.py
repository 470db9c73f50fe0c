"""`btt-chain facility issue|claims|sign|serve|device`: points for patients, off the chain."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import click

from btt_chain.care.activities import month_of
from btt_chain.care.evidence import DeviceProof, Statement
from btt_chain.care.facility import Activity
from btt_chain.care.messages import Claim, Request
from btt_chain.client.chain import Chain
from btt_chain.client.jsonrpc import Connection
from btt_chain.daemon import Daemon
from btt_chain.primitives.account import AccountId
from cli.common import show
from cli.common.care import (
    account_id,
    care_folder_option,
    current,
    epoch_of,
    facility_folder,
    folder_options,
    keys_of,
    member_of,
    month_option,
    rule_of,
    secret_option,
    slot_of,
    who_argument,
    words,
)
from cli.common.care import (
    calendar as calendar_of,
)
from cli.common.errors import Mistyped, NotFound, Refused
from cli.common.files import read_object_file
from cli.common.options import Group, connection_options, examples, json_option, query_options
from cli.common.session import first_step, from_hex, run, run_until_stopped
from cli.common.vaults import write_private
from cli.common.working import view_chain

PERCENT: Final = 10_000
"""Parts per million of a percent."""
OUT_MODE: Final = 0o600

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


@examples(
    "btt-chain facility issue //Bob 3 'Li Wei' --evidence observation.json --out claim.json \\",
    "    --secret secret.txt",
    "btt-chain facility issue //Bob 3 4711 --evidence steps.json --kind device --device 0x5e... \\",
    "    --counter 12 --signature 0x9a... --out claim.json --secret secret.txt",
)
@issuing.command("issue")
@who_argument
@click.argument("rule", type=click.IntRange(0, 65_535))
@click.argument("patient")
@click.option(
    "--evidence", type=click.Path(exists=True, dir_okay=False, path_type=Path), required=True,
    help="A JSON document, as a FHIR resource, that does not name the patient.",
)  # fmt: skip
@click.option(
    "--kind", type=click.Choice(("provider", "oracle", "device")), default="provider",
    show_default=True, help="What confirms the activity.",
)  # fmt: skip
@click.option(
    "--quality", type=click.IntRange(0, 300), default=100, show_default=True,
    help="Quality of completion, in percent.",
)  # fmt: skip
@click.option("--device", help="The device's ed25519 key, in hex.")
@click.option("--counter", type=click.IntRange(1, (1 << 64) - 1), help="The device's counter.")
@click.option("--signature", help="The device's signature, in hex.")
@click.option("--serve-url", default="", help="Where wallets collect: the URL of `facility serve`.")
@click.option(
    "--for", "member", metavar="FACILITY",
    help="The member that confirmed it, if FACILITY is an issuer (`facility member`).",
)  # fmt: skip
@out_option
@secret_option
@care_folder_option
@query_options
def issue(
    who: str, rule: int, patient: str, evidence: Path, kind: str, quality: int,
    device: str | None, counter: int | None, signature: str | None, serve_url: str,
    member: str | None, out: Path, secret: str, base_path: Path | None, url: str, timeout: float,
    as_json: bool,
) -> None:  # fmt: skip
    """Confirm an activity of a patient today, and write the claim to its points.

    The patient's name stays in the folder, encrypted, for caps and cooldowns. Who has the claim
    has the points: give it to the patient only. The same evidence of a patient counts once a day:
    after a crash, run the same command again, and it writes the same claim.
    """
    proof = device_proof(kind, device, counter, signature)
    statement = Statement(kind, quality * PERCENT, dict(read_object_file(evidence)), proof)

    async def work() -> tuple[Claim, bool]:
        async with view_chain(url, timeout) as chain:
            found = await rule_of(chain, rule)
            months, now = await calendar_of(chain), await slot_of(chain)
            day, month = months.day(now), months.month(now)
            owner = account_id(who, chain.chain.metadata.prefix)
            behind = await member_of(chain, owner, member)
            view = await epoch_of(chain, owner, month_of(day))
            if not await keys_of(chain, owner, month):
                raise Refused(
                    f"the chain has no keys of month {month} for this facility: "
                    "`btt-chain facility keys` publishes those of the next month"
                )
            activity = Activity(patient, rule, day, statement, behind)
            with facility_folder(base_path, secret, chain.genesis, owner) as folder:
                is_known = folder.is_recorded(activity)
                right = 0 if view is None else int(view.right)
                claim = folder.confirm(activity, found, serve_url, right=right)
            write_private(out, claim.encode().encode())
            return claim, is_known

    check_address(serve_url)
    # Before anything is recorded: a claim that cannot be written would have to be asked for again.
    with new_file(out):
        claim, is_known = run(work())
    if as_json:
        show.document(
            {"month": claim.month, "points": claim.points, "claim": str(out), "known": is_known}
        )
        return
    if is_known:
        show.note("this activity was recorded before: it is the same claim, and counts once")
    show.good(f"{claim.points} points of month {claim.month}: give {out} to the patient")


@examples("btt-chain facility claims //Bob 'Li Wei' --out claims --secret secret.txt")
@issuing.command("claims")
@folder_options
@click.argument("patient")
@month_option
@click.option("--serve-url", default="", help="Where wallets collect: the URL of `facility serve`.")
@click.option(
    "--out", type=click.Path(file_okay=False, path_type=Path), required=True,
    help="The folder for the files.",
)  # fmt: skip
@json_option
def claims(
    who: str, patient: str, month: int | None, serve_url: str, out: Path, secret: str,
    base_path: Path | None, url: str, timeout: float, as_json: bool,
) -> None:  # fmt: skip
    """Write the claims of a patient again that were not collected, as after a crash or a loss.

    They are the same claims, so that a second copy brings no second points.
    """
    check_address(serve_url)

    async def work() -> tuple[int, list[Claim]]:
        async with view_chain(url, timeout) as chain:
            owner = account_id(who, chain.chain.metadata.prefix)
            number = int((await current(chain)).month) if month is None else month
            with facility_folder(base_path, secret, chain.genesis, owner) as folder:
                return number, folder.claims_of(patient, number, serve_url)

    number, found = run(work())
    if not found:
        raise NotFound(f"the patient has no claim of month {number} that was not collected")
    out.mkdir(parents=True, exist_ok=True)
    paths = [out / f"claim-{number}-{claim.code.hex()[:8]}.json" for claim in found]
    for path, claim in zip(paths, found, strict=True):
        write_private(path, claim.encode().encode())
    if as_json:
        show.document([str(path) for path in paths])
    else:
        show.good(f"{len(paths)} claims of month {number} are in {out}")


@examples("btt-chain facility sign //Bob request.json --out answer.json --secret secret.txt")
@issuing.command("sign")
@who_argument
@click.argument("request", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@out_option
@secret_option
@care_folder_option
@query_options
def sign(
    who: str, request: Path, out: Path, secret: str, base_path: Path | None, url: str,
    timeout: float, as_json: bool,
) -> None:  # fmt: skip
    """Sign the blinded vouchers of a wallet's request, where there is no `facility serve`."""
    raw = request.read_bytes()

    async def work() -> str:
        async with view_chain(url, timeout) as chain:
            owner = account_id(who, chain.chain.metadata.prefix)
            with facility_folder(base_path, secret, chain.genesis, owner) as folder:
                return folder.sign(Request.decode(raw)).encode()

    write_private(out, run(work()).encode())
    if as_json:
        show.document({"answer": str(out)})
    else:
        show.good(f"signed; give {out} to the wallet")


@examples("btt-chain facility serve //Bob --port 8088 --secret secret.txt")
@issuing.command("serve")
@who_argument
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


@examples("btt-chain facility device //Bob 0x5e... --secret secret.txt")
@issuing.command("device")
@who_argument
@click.argument("key")
@secret_option
@care_folder_option
@connection_options
def device(
    who: str, key: str, secret: str, base_path: Path | None, url: str, timeout: float
) -> None:
    """Register a patient's device by its ed25519 key."""

    async def work() -> None:
        async with view_chain(url, timeout) as chain:
            owner = account_id(who, chain.chain.metadata.prefix)
            with facility_folder(base_path, secret, chain.genesis, owner) as folder:
                folder.register_device(from_hex(key, "the key"))

    run(work())
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
