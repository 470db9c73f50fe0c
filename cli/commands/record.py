"""`btt-chain signing`: signing records of a stopped validator's keys, and moving a key."""

from __future__ import annotations

from pathlib import Path

import click

from btt_chain.keystore.interchange import export as export_records
from btt_chain.keystore.interchange import import_ as import_records
from btt_chain.keystore.record import recorded_keys
from btt_chain.primitives.digits import to_hex
from cli.common import show
from cli.common.errors import NotFound, Refused
from cli.common.files import read_bytes, write
from cli.common.options import Group, data_options, examples, json_option, stdout_option
from cli.common.validator_keys import delete_records, last_signed, place_of, plain_key_errors


@click.group(cls=Group)
def signing() -> None:
    """Show and move the record of what validators' keys have signed.

    The record keeps a key from signing two things for one slot or round, for which its bond would
    be slashed. It lies in BASE/signing, outside of the database; docs/keys.md says how to move it.
    """


@examples("btt-chain signing show --chain testnet")
@signing.command("show")
@data_options
@json_option
def show_(dev: bool, chain: str | None, base_path: Path | None, as_json: bool) -> None:
    """Show what each key of the chain has signed last."""
    place = place_of(dev, chain, base_path)
    keys = recorded_keys(place.paths.signing, place.genesis)
    rows = [(to_hex(public), last_signed(place, public)) for public in keys]
    if as_json:
        show.document([{"publicKey": public, "signed": said} for public, said in rows])
    elif rows:
        show.table(["public key", "signed last"], rows)
    else:
        show.note(f"there are no signing records of this chain in {place.paths.signing}")


@examples("btt-chain signing export --chain testnet -o record.json")
@signing.command()
@data_options
@stdout_option
def export(dev: bool, chain: str | None, base_path: Path | None, output: str) -> None:
    """Write the records of all keys to a file; the node must be stopped, and stay so."""
    place = place_of(dev, chain, base_path)
    count = len(recorded_keys(place.paths.signing, place.genesis))
    if not count:
        raise NotFound(f"there are no signing records of this chain in {place.paths.signing}")
    with plain_key_errors():
        text = export_records(place.paths.signing, place.genesis)
    write(output, text, private=True)
    show.note(f"{show.counted(count, 'record')} written. Sign nothing more here with these keys")


@examples("btt-chain signing import record.json --chain testnet")
@signing.command("import")
@click.argument("file", type=click.Path(dir_okay=False, allow_dash=True), default="-")
@data_options
def import_(file: str, dev: bool, chain: str | None, base_path: Path | None) -> None:
    """Raise the records to what FILE (- is standard input) says; the node must be stopped.

    What is signed already stays so: an older file changes nothing.
    """
    text = read_bytes(file)
    place = place_of(dev, chain, base_path)
    with plain_key_errors():
        keys = import_records(place.paths.signing, place.genesis, text)
    for public in keys:
        show.note(f"{to_hex(public)}: {last_signed(place, public)}")


@examples("btt-chain signing forget --chain local --yes")
@signing.command()
@data_options
@click.option("-y", "--yes", is_flag=True, help="Do not ask.")
def forget(dev: bool, chain: str | None, base_path: Path | None, yes: bool) -> None:
    """Delete the records of a development or local chain whose every node starts anew.

    Such a chain begins again with the same genesis, so its rounds count from one again, and old
    records would refuse every vote. On a live chain this is refused.
    """
    place = place_of(dev, chain, base_path)
    if place.is_live:
        raise Refused(
            "the records of a live chain are never deleted: without them keys are slashed"
        )
    keys = recorded_keys(place.paths.signing, place.genesis)
    folder = place.paths.signing / place.genesis.hex()
    if not keys:
        raise NotFound(f"there are no signing records of this chain in {place.paths.signing}")
    if not yes:
        click.confirm(f"Delete {folder}?", abort=True, err=True)
    delete_records(place)
