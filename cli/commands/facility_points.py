"""`btt-chain facility`: the part of a facility that confirms activities and issues points."""

from __future__ import annotations

import asyncio
import json
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from cli.commands.gov_calls import submit_call
from cli.common import show
from cli.common.care import (
    account_id,
    care_folder_option,
    current,
    epoch_of,
    facility_folder,
    keys_of,
    last_month,
    rule_of,
    rules_of,
    secret_option,
    slot_of,
    words,
)
from cli.common.care import calendar as calendar_of
from cli.common.errors import Mistyped, NotFound, Refused
from cli.common.options import connection_options, examples, json_option
from cli.common.sending import Sender, sending_options
from cli.common.working import work_chain

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from btt_chain.care.auditing import Disclosure
    from btt_chain.care.evidence import DeviceProof
    from btt_chain.care.facility import Closing
    from btt_chain.care.messages import Claim
    from btt_chain.client.amount import Currency
    from btt_chain.client.typed import RuntimeClient
    from btt_chain.primitives.account import AccountId
    from btt_chain.primitives.activity_rule import ActivityRule

SIZES: Final = ("small", "medium", "large")
PERCENT: Final = 10_000
"""Parts per million of a percent."""
OUT_MODE: Final = 0o600

who_argument = click.argument("who", metavar="FACILITY")
month_option = click.option("--month", type=click.IntRange(0, 1 << 31), help="Number of the month.")
out_option = click.option(
    "--out", type=click.Path(path_type=Path), required=True, help="The file to write."
)


def written(path: Path, text: str | bytes) -> None:
    """Write a file that only its owner may read."""
    path.touch(mode=OUT_MODE)
    path.write_bytes(text if isinstance(text, bytes) else text.encode())


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


@examples("btt-chain facility rules")
@click.command("rules")
@connection_options
@json_option
def rules(url: str, timeout: float, as_json: bool) -> None:
    """List the rules of activities: points, factors, caps and cooldowns."""
    from cli.common.session import run

    async def ask() -> dict[int, ActivityRule]:
        async with work_chain(url, timeout) as chain:
            return await rules_of(chain)

    found = run(ask())
    fields = (
        "base", "health_ppm", "impact_ppm", "floor_ppm", "cap_ppm", "per_patient_month",
        "cooldown_days", "evidence",
    )  # fmt: skip
    if as_json:
        rows = [
            {"id": id, **{name: int(getattr(rule, name)) for name in fields}}
            for id, rule in found.items()
        ]
        show.document(rows)
        return
    if not found:
        show.note("there is none; the params track sets them: `Incentives.set_rule`")
        return
    show.table(
        [">rule", *(f">{name}" for name in fields)],
        [
            [str(id), *(str(int(getattr(rule, name))) for name in fields)]
            for id, rule in found.items()
        ],
    )


@examples("btt-chain facility subscribe small --months 3 --from clinic.key")
@click.command("subscribe")
@click.argument("size", type=click.Choice(SIZES))
@click.option(
    "--months", type=click.IntRange(1, 12), default=1, show_default=True, help="How many months."
)
@sending_options
@connection_options
@json_option
def subscribe(
    size: str, months: int, url: str, timeout: float, as_json: bool, **options: object
) -> None:
    """Pay for the next months, in which your facility issues points. It is not paid back."""
    from btt_chain.scale import u16
    from runtime.pallets.facilities import Size

    args: dict[str, object] = {"size": Size(SIZES.index(size)), "months": u16(months)}
    submit_call("Incentives", "subscribe", args, "subscribed", url, timeout, as_json, options)


@examples("btt-chain facility keys --secret secret.txt --from clinic.key")
@click.command("keys")
@month_option
@secret_option
@care_folder_option
@sending_options
@connection_options
@json_option
def keys(
    month: int | None, secret: str, base_path: Path | None, url: str, timeout: float,
    as_json: bool, **options: object,
) -> None:  # fmt: skip
    """Make the four keys of a month (the next one by default) and publish them.

    The keys stay in the folder, encrypted; their public parts go to the chain before the month
    begins. Run again, it publishes the same keys.
    """
    from btt_chain.primitives.account import AccountId
    from cli.common.session import run

    sender = Sender.of(options, as_json)

    async def work() -> tuple[int, str | None]:
        from btt_chain.scale import u32

        async with work_chain(url, timeout) as chain:
            who = AccountId(sender.pair.account_id)
            number = int((await current(chain)).month) + 1 if month is None else month
            with facility_folder(base_path, secret, chain.genesis, who) as folder:
                made = await asyncio.to_thread(folder.make_keys, number)
            on_chain = await keys_of(chain, who, number)
            if on_chain and on_chain != made:
                raise Refused(
                    f"the chain has other keys of month {number}: use the folder that has them"
                )
            if on_chain:
                return number, None
            done = await sender.submit(
                chain, "Incentives", "publish_keys", month=u32(number), keys=made
            )
            return number, done.block.hex()

    number, block = run(work())
    if as_json:
        show.document({"month": number, "block": None if block is None else f"0x{block}"})
    elif block is None:
        show.note(f"the keys of month {number} are on the chain already")
    else:
        show.good(f"the keys of month {number} are published, in block 0x{block}")


@examples(
    "btt-chain facility issue //Bob 3 'Li Wei' --evidence observation.json --out claim.json \\",
    "    --secret secret.txt",
    "btt-chain facility issue //Bob 3 4711 --evidence steps.json --kind device --device 0x5e... \\",
    "    --counter 12 --signature 0x9a... --out claim.json --secret secret.txt",
)
@click.command("issue")
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
@out_option
@secret_option
@care_folder_option
@connection_options
@json_option
def issue(
    who: str, rule: int, patient: str, evidence: Path, kind: str, quality: int,
    device: str | None, counter: int | None, signature: str | None, serve_url: str, out: Path,
    secret: str, base_path: Path | None, url: str, timeout: float, as_json: bool,
) -> None:  # fmt: skip
    """Confirm an activity of a patient today, and write the claim to its points.

    The patient's name stays in the folder, encrypted, for caps and cooldowns. Who has the claim
    has the points: give it to the patient only.
    """
    from btt_chain.care.activities import month_of
    from btt_chain.care.evidence import Statement
    from btt_chain.care.facility import Activity
    from cli.common.session import run

    proof = device_proof(kind, device, counter, signature)
    statement = Statement(kind, quality * PERCENT, read_document(evidence), proof)

    async def work() -> Claim:
        async with work_chain(url, timeout) as chain:
            found = await rule_of(chain, rule)
            months, now = await calendar_of(chain), await slot_of(chain)
            day, month = months.day(now), months.month(now)
            owner = account_id(who, chain.chain.metadata.prefix)
            view = await epoch_of(chain, owner, month_of(day))
            if not await keys_of(chain, owner, month):
                raise Refused(
                    f"the chain has no keys of month {month} for this facility: "
                    "`btt-chain facility keys` publishes those of the next month"
                )
            with facility_folder(base_path, secret, chain.genesis, owner) as folder:
                return folder.confirm(
                    Activity(patient, rule, day, statement), found, serve_url,
                    right=0 if view is None else int(view.right),
                    deliver=lambda claim: written(out, claim.encode()),
                )  # fmt: skip

    if serve_url:
        from btt_chain.care.fetch import checked_url

        with words():
            checked_url(serve_url)
    # Before anything is recorded: the points of a lost claim cannot be issued again.
    with new_file(out):
        claim = run(work())
    if as_json:
        show.document({"month": claim.month, "points": claim.points, "claim": str(out)})
    else:
        show.good(f"{claim.points} points of month {claim.month}: give {out} to the patient")


@examples("btt-chain facility sign //Bob request.json --out answer.json --secret secret.txt")
@click.command("sign")
@who_argument
@click.argument("request", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@out_option
@secret_option
@care_folder_option
@connection_options
@json_option
def sign(
    who: str, request: Path, out: Path, secret: str, base_path: Path | None, url: str,
    timeout: float, as_json: bool,
) -> None:  # fmt: skip
    """Sign the blinded vouchers of a wallet's request, where there is no `facility serve`."""
    from btt_chain.care.messages import Request
    from cli.common.session import run

    raw = request.read_bytes()

    async def work() -> str:
        async with work_chain(url, timeout) as chain:
            owner = account_id(who, chain.chain.metadata.prefix)
            with facility_folder(base_path, secret, chain.genesis, owner) as folder:
                return folder.sign(Request.decode(raw)).encode()

    written(out, run(work()))
    if as_json:
        show.document({"answer": str(out)})
    else:
        show.good(f"signed; give {out} to the wallet")


@examples("btt-chain facility device //Bob 0x5e... --secret secret.txt")
@click.command("device")
@who_argument
@click.argument("key")
@secret_option
@care_folder_option
@connection_options
def device(
    who: str, key: str, secret: str, base_path: Path | None, url: str, timeout: float
) -> None:
    """Register a patient's device by its ed25519 key."""
    from cli.common.session import from_hex, run

    async def work() -> None:
        async with work_chain(url, timeout) as chain:
            owner = account_id(who, chain.chain.metadata.prefix)
            with facility_folder(base_path, secret, chain.genesis, owner) as folder:
                folder.register_device(from_hex(key, "the key"))

    run(work())
    show.good("registered")


@examples("btt-chain facility close --secret secret.txt --from clinic.key")
@click.command("close")
@month_option
@secret_option
@care_folder_option
@sending_options
@connection_options
@json_option
def close(
    month: int | None, secret: str, base_path: Path | None, url: str, timeout: float,
    as_json: bool, **options: object,
) -> None:  # fmt: skip
    """Close a month (the last one by default), in the first three days of the next one.

    The commitment to all evidence goes to the chain, with the sum of points. It is final.
    """
    from btt_chain.primitives.account import AccountId
    from btt_chain.scale import u32, u64
    from cli.common.session import run

    sender = Sender.of(options, as_json)

    async def work() -> tuple[int, Closing, str]:
        async with work_chain(url, timeout) as chain:
            number = await last_month(chain) if month is None else month
            if number >= int((await current(chain)).month):
                raise Refused(f"month {number} is not over yet")
            who = AccountId(sender.pair.account_id)
            # An activity that is recorded after the root is computed would be missing under it.
            with facility_folder(base_path, secret, chain.genesis, who) as folder:
                closing = folder.closing(number) if sender.is_dry_run else folder.close(number)
            done = await sender.submit(
                chain, "Incentives", "close_month", month=u32(number), root=closing.root,
                leaves=u32(closing.leaves), points=u64(closing.points),
            )  # fmt: skip
            return number, closing, done.block.hex()

    number, closing, block = run(work())
    if as_json:
        show.document(
            {"month": number, "root": "0x" + closing.root.hex(), "leaves": closing.leaves,
             "points": closing.points, "block": "0x" + block}
        )  # fmt: skip
    else:
        show.good(f"month {number} is closed with {closing.points} points, in block 0x{block}")


@examples("btt-chain facility answer //Bob --out openings --secret secret.txt")
@click.command("answer")
@who_argument
@month_option
@click.option(
    "--out", type=click.Path(file_okay=False, path_type=Path),
    help="A folder for the sealed files; without it `facility serve` gives them out.",
)  # fmt: skip
@secret_option
@care_folder_option
@connection_options
@json_option
def answer(
    who: str, month: int | None, out: Path | None, secret: str, base_path: Path | None, url: str,
    timeout: float, as_json: bool,
) -> None:  # fmt: skip
    """Open the selected evidence of a month to its auditors, sealed to each of them."""
    from cli.common.session import run

    async def work() -> list[tuple[str, bytes]]:
        async with work_chain(url, timeout) as chain:
            owner = account_id(who, chain.chain.metadata.prefix)
            number = await last_month(chain) if month is None else month
            with facility_folder(base_path, secret, chain.genesis, owner) as folder:
                sealed = await openings(chain, owner, number, folder.disclosure)
                for auditor, content in sealed:
                    folder.keep_opening(number, auditor, content)
            return [(auditor.hex(), content) for auditor, content in sealed]

    sealed = run(work())
    if out is not None:
        out.mkdir(parents=True, exist_ok=True)
        for auditor, content in sealed:
            written(out / f"{auditor}.sealed", content)
    if as_json:
        show.document([f"0x{auditor}" for auditor, _ in sealed])
    else:
        show.good(f"sealed to {len(sealed)} auditors")


async def openings(
    chain: RuntimeClient,
    owner: AccountId,
    month: int,
    disclosure: Callable[[int, bytes], Disclosure],
) -> list[tuple[bytes, bytes]]:
    """Return what is sealed to each auditor of an audit. NotFound if there is none."""
    from btt_chain.care.auditing import Place, seal
    from btt_chain.scale import u32
    from runtime.apis.incentives import IncentivesApi

    view = await chain.api(IncentivesApi.audit, owner, u32(month))
    if view is None:
        raise NotFound(f"there is no audit of month {month} now")
    keys = {entry.who: entry.key for entry in await chain.api(IncentivesApi.auditors)}
    place = Place(chain.genesis, owner, month, view.audit.seed)
    opened = disclosure(month, place.seed)
    return [
        (seat.auditor, seal(opened, keys[seat.auditor], place))
        for seat in view.audit.seats
        if seat.auditor in keys
    ]


@examples("btt-chain facility appeal --month 4 --from clinic.key")
@click.command("appeal")
@click.option(
    "--month", type=click.IntRange(0, 1 << 31), required=True, help="Number of the month."
)
@sending_options
@connection_options
@json_option
def appeal(month: int, url: str, timeout: float, as_json: bool, **options: object) -> None:
    """Answer a failed audit: three other auditors are selected, once."""
    from btt_chain.scale import u32

    args: dict[str, object] = {"month": u32(month)}
    submit_call("Incentives", "answer_audit", args, "appealed", url, timeout, as_json, options)


@examples("btt-chain facility serve //Bob --port 8088 --secret secret.txt")
@click.command("serve")
@who_argument
@click.option("--host", default="127.0.0.1", show_default=True, help="The address to listen on.")
@click.option(
    "--port", type=click.IntRange(0, 65_535), default=8_088, show_default=True,
    help="The port to listen on; 0 takes a free one.",
)  # fmt: skip
@secret_option
@care_folder_option
@connection_options
@json_option
def serve(
    who: str, host: str, port: int, secret: str, base_path: Path | None, url: str,
    timeout: float, as_json: bool,
) -> None:  # fmt: skip
    """Let wallets collect vouchers and auditors fetch what is sealed to them, until Ctrl-C.

    Put a proxy with TLS in front of it: wallets send claims by https only, and by http to this
    machine.
    """
    from btt_chain.care.server import serving
    from cli.common.session import run_until_stopped

    async def work() -> None:
        async with work_chain(url, timeout) as chain:
            owner, genesis = account_id(who, chain.chain.metadata.prefix), chain.genesis
        with words(), facility_folder(base_path, secret, genesis, owner) as folder:
            async with serving(folder, host, port, time.monotonic) as (address, bound):
                if as_json:
                    show.line({"host": address, "port": bound})
                else:
                    show.note(f"serving on {address}:{bound}")
                await asyncio.Event().wait()

    run_until_stopped(work())


@examples("btt-chain facility month //Bob")
@click.command("month")
@who_argument
@month_option
@connection_options
@json_option
def month_(who: str, month: int | None, url: str, timeout: float, as_json: bool) -> None:
    """Show a facility's month: its payment, its right, its points and the state of its audit."""
    from cli.common.session import run

    async def ask() -> tuple[dict[str, object], Currency]:
        async with work_chain(url, timeout) as chain:
            owner = account_id(who, chain.chain.metadata.prefix)
            number = int((await current(chain)).month) if month is None else month
            view = await epoch_of(chain, owner, number)
            if view is None:
                raise NotFound(f"the facility has not paid for month {number}")
            epoch = view.epoch
            facts: dict[str, object] = {
                "month": number,
                "paid": str(int(view.paid)),
                "right": int(view.right),
                "state": "no keys" if epoch is None else epoch.state.name,
                "points": 0 if epoch is None else int(epoch.points),
                "redeemed": 0 if epoch is None else int(epoch.redeemed),
            }
            return facts, chain.chain.metadata.currency

    found, currency = run(ask())
    if as_json:
        show.document(found)
    else:
        rows = {name: str(value) for name, value in found.items()}
        show.record(rows | {"paid": currency.format(int(rows["paid"]))})


# ---- arguments


def read_document(path: Path) -> dict[str, object]:
    """Return the JSON object of a file. Mistyped if it holds none."""
    try:
        found = json.loads(path.read_bytes())
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise Mistyped(f"{path} holds no JSON object")
    return found


def device_proof(
    kind: str, device: str | None, counter: int | None, signature: str | None
) -> DeviceProof | None:
    """Return a device's proof; None for other kinds. Mistyped if a part is missing."""
    from btt_chain.care.evidence import DeviceProof
    from cli.common.session import from_hex

    given = [value for value in (device, counter, signature) if value is not None]
    if kind != "device":
        if given:
            raise Mistyped("--device, --counter and --signature go with --kind device")
        return None
    if device is None or counter is None or signature is None:
        raise Mistyped("--kind device needs --device, --counter and --signature")
    return DeviceProof(from_hex(device, "the key"), counter, from_hex(signature, "the signature"))


COMMANDS: Final = (
    rules, subscribe, keys, issue, sign, device, close, answer, appeal, serve, month_,
)  # fmt: skip
