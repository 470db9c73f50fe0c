"""`btt-chain key insert|list|status`: a validator's session keys, and missing requirements."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import click

from btt_chain.client.amount import Currency
from btt_chain.client.chain import Chain
from btt_chain.client.errors import NotFound
from btt_chain.keystore import Keystore, Password, SigningRecord
from btt_chain.keystore.errors import RecordError, RecordExists, RecordInUse
from btt_chain.keystore.record import read, record_path
from btt_chain.keystore.store import SCHEMES as SCHEME_OF
from btt_chain.keystore.store import stored_keys
from btt_chain.primitives import ss58
from btt_chain.primitives.digits import to_hex
from cli.common import show
from cli.common.errors import Mistyped, Refused
from cli.common.key_state import KEY_TYPES, key_reports
from cli.common.keys import SCHEMES, read_secret
from cli.common.options import (
    DEFAULT_URL,
    data_options,
    examples,
    json_option,
)
from cli.common.session import open_chain, run
from cli.common.types import Seconds
from cli.common.validator_keys import (
    Place,
    keystore_password_of,
    keystore_password_options,
    last_signed,
    place_of,
    plain_key_errors,
)
from cli.common.validators import Validator, owner_of, read_validator, seat_text

# ---- insert


@examples(
    "btt-chain key insert --chain testnet --suri key.txt --password-interactive",
    "btt-chain key insert --chain local --base-path data --key-type gran --suri //Alice",
)
@click.command()
@data_options
@click.option(
    "--key-type",
    type=click.Choice(KEY_TYPES),
    help="What the key is for. [default: both, from one secret]",
)
@click.option(
    "--scheme",
    type=click.Choice(SCHEMES, case_sensitive=False),
    help="The kind of key; it follows from --key-type, and is checked.",
)
@click.option("--suri", help="The secret URI, a file that holds it, or - .")
@click.option(
    "--i-know-this-key-never-signed",
    "never_signed",
    is_flag=True,
    help="Begin a signing record on a live chain; the node watches a session before it signs.",
)
@keystore_password_options
@json_option
def insert(
    dev: bool, chain: str | None, base_path: Path | None, key_type: str | None,
    scheme: str | None, suri: str | None, never_signed: bool, as_json: bool, **options: object,
) -> None:  # fmt: skip
    """Put a session key into the keystore; a running node sees it at once.

    A password of the secret itself goes into the URI, behind ///.
    """
    kinds = [key_type] if key_type else list(KEY_TYPES)
    for kind in kinds:
        expected = str(SCHEME_OF[kind.encode()])
        if scheme is not None and scheme.lower() != expected:
            raise Mistyped(f"keys of the type {kind} are {expected}, not {scheme}")
    place = place_of(dev, chain, base_path)
    secret = read_secret(suri)
    word = keystore_password_of(options)
    without, rows = [], []
    with plain_key_errors():
        store = Keystore(place.paths.keystore, word)
        for kind in kinds:
            public = store.insert(kind.encode(), secret)
            if not _has_record(place, public, never_signed):
                without.append(kind)
            rows.append({"type": kind, "publicKey": to_hex(public)})
    if as_json:
        show.document(rows)
    else:
        show.record({row["type"]: row["publicKey"] for row in rows})
    if word is None:
        show.note(
            f"no password: any account of this machine that can read {place.paths.keystore} has "
            "these keys; its file `secret` protects copies of the key files, not this machine"
        )
    if without:
        show.note(
            f"{' and '.join(without)}: no signing record. If the key has signed anywhere, bring "
            "its record with `btt-chain signing import`; if the network has not started yet, "
            "`btt-chain network accept` makes it; if the key never signed on a network that runs, "
            "start the node with --i-know-this-key-never-signed"
        )


def _has_record(place: Place, public: bytes, never_signed: bool) -> bool:
    """Begin the signing record of a new key if that is safe; return True if it has one."""
    record = record_path(place.paths.signing, place.genesis, public)
    if not record.exists() and (never_signed or not place.is_live):
        # A running node may have loaded the key already, and made the record itself.
        with suppress(RecordExists, RecordInUse):
            SigningRecord.enter(
                place.paths.signing,
                place.genesis,
                public,
                is_live=place.is_live,
                forced=never_signed,
            ).close()
    return record.exists()


# ---- list


@examples("btt-chain key list --dev", "btt-chain key list --chain testnet --json")
@click.command("list")
@data_options
@json_option
def list_(dev: bool, chain: str | None, base_path: Path | None, as_json: bool) -> None:
    """List the keys of the keystore, and what each has signed last."""
    place = place_of(dev, chain, base_path)
    rows = [
        (kind.decode(), to_hex(public), last_signed(place, public))
        for kind, public in stored_keys(place.paths.keystore)
    ]
    if as_json:
        names = ("type", "publicKey", "signed")
        show.document([dict(zip(names, row, strict=True)) for row in rows])
    elif rows:
        show.table(["type", "public key", "signed last"], rows)
    else:
        show.note(f"there are no keys in {place.paths.keystore}")


# ---- status


@dataclass(frozen=True, slots=True)
class Finding:
    """One requirement of a validator: whether it is met, and if not, the remedy."""

    what: str
    is_good: bool
    text: str
    mark: str = "MISSING"
    """Mark of a requirement that is not met."""


@examples(
    "btt-chain key status --chain testnet",
    "btt-chain key status --chain testnet --url ws://127.0.0.1:9944",
)
@click.command()
@data_options
@keystore_password_options
@click.option(
    "--url",
    is_flag=False,
    flag_value=DEFAULT_URL,
    help="Ask this node about the chain, too.",
)
@click.option(
    "--timeout",
    type=Seconds(),
    default=60.0,
    show_default=True,
    help="Seconds to wait for an answer of the node.",
)
@json_option
def status(
    dev: bool, chain: str | None, base_path: Path | None, url: str | None, timeout: float,
    as_json: bool, **options: object,
) -> None:  # fmt: skip
    """Say what is missing for validating; exit with 1 if anything is.

    Checks the keystore and the signing records; with --url also the chain: whether the keys
    are registered, the stash is bonded, and it is among the validators.
    """
    place = place_of(dev, chain, base_path)
    word = keystore_password_of(options)
    findings, keys = at_home(place, word)

    async def ask(url: str) -> list[Finding]:
        async with open_chain(url, timeout) as there:
            if there.genesis != place.genesis:
                return [Finding("chain", False, f"{url} is a node of another chain")]
            return await on_chain(there, keys) + await signing(there, keys)

    if url is not None:
        findings += run(ask(url))
    is_good = all(finding.is_good for finding in findings)
    if as_json:
        show.document(
            {
                "ready": is_good,
                "findings": [
                    {"what": one.what, "good": one.is_good, "text": one.text} for one in findings
                ],
            }
        )
    else:
        show.table(
            ["", "what", "state"],
            [("ok" if one.is_good else one.mark, one.what, one.text) for one in findings],
        )
    if not is_good:
        count = sum(not finding.is_good for finding in findings)
        raise Refused(f"{count} of {len(findings)} things stand in the way of validating")


def at_home(place: Place, word: Password | None) -> tuple[list[Finding], dict[str, list[bytes]]]:
    """Return the faults of the keystore and the signing records, and the usable keys."""
    store = Keystore(place.paths.keystore, word)
    findings = [Finding("keystore", False, str(problem)) for problem in store.refresh()]
    keys = {kind: store.public_keys(kind.encode()) for kind in KEY_TYPES}
    for kind, found in keys.items():
        if not found:
            text = f"no key in {place.paths.keystore}: make one with `author_rotateKeys`, or "
            findings.append(Finding(f"{kind} key", False, text + "`btt-chain key insert`"))
        for public in found:
            findings.append(Finding(f"{kind} key", True, to_hex(public)))
            what = f"{kind} record"
            in_use = ""
            try:
                with suppress(RecordInUse):
                    in_use = ", in use by a running node"
                    SigningRecord.open(place.paths.signing, place.genesis, public).close()
                    in_use = ""
                path = record_path(place.paths.signing, place.genesis, public)
                waits = read(path, place.genesis, public).unsure
            except RecordError as problem:
                findings.append(Finding(what, False, str(problem)))
            else:
                text = last_signed(place, public) + in_use
                findings.append(Finding(what, not waits, text, "WAITS"))
    return findings, keys


async def signing(chain: Chain, keys: dict[str, list[bytes]]) -> list[Finding]:
    """Return the node's report of our keys, if it holds them."""
    ours = {to_hex(public) for found in keys.values() for public in found}
    return [
        Finding(
            f"{report.kind} signing",
            report.signs,
            report.text if report.signs else f"{report.text}. {report.todo}",
            report.state.upper(),
        )
        for report in await key_reports(chain.connection) or ()
        if report.public in ours
    ]


async def on_chain(chain: Chain, keys: dict[str, list[bytes]]) -> list[Finding]:
    """Return the state of the keys on the chain: registered, bonded, elected."""
    try:
        return await _on_chain(chain, keys)
    except NotFound as error:
        return [Finding("chain", False, f"this chain has no validators to join: {error}")]


async def _on_chain(chain: Chain, keys: dict[str, list[bytes]]) -> list[Finding]:
    owners: dict[str, str] = {}
    findings = []
    for kind, publics in keys.items():
        for public in publics:
            owner = await owner_of(chain, kind, to_hex(public))
            if owner is not None:
                owners[kind] = owner
        if not publics:
            continue
        text = f"registered by {owners[kind]}" if kind in owners else "not registered: "
        if kind not in owners:
            text += "make its proof with `btt-chain key prove`, and send both with Session.set_keys"
        findings.append(Finding(f"{kind} session key", kind in owners, text))
    stashes = sorted(set(owners.values()))
    if len(stashes) > 1:
        text = f"the keys belong to different stashes, {' and '.join(stashes)}"
        findings.append(Finding("stash", False, text))
    for stash in stashes:
        state = await read_validator(chain, ss58.decode(stash)[0])
        findings += bond_and_seat(state, chain.metadata.currency)
    return findings


def bond_and_seat(state: Validator, currency: Currency) -> list[Finding]:
    """Return the missing parts of a bond, and of a seat in the set."""
    bond = currency.format(state.active)
    is_bonded = state.active >= state.minimum_bond
    if not is_bonded:
        minimum = currency.format(state.minimum_bond)
        bond += f" of at least {minimum}: send Authorities.bond"
    is_seated = state.is_queued if state.place is None else not state.is_disabled
    return [Finding("bond", is_bonded, bond), Finding("active set", is_seated, seat_text(state))]
