"""`btt-chain verify`: checks of documents without a network."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Final

import click

from cli.common import show
from cli.common.errors import Mistyped, Refused
from cli.common.options import Group, examples, json_option

MAX_PROOF: Final = 16 << 20
"""Maximum bytes of a proof's file."""


@click.group(cls=Group)
def verify() -> None:
    """Verify documents without a node."""


@examples(
    "btt-chain verify proof alice.json --checkpoint 0x6f2c...",
    "btt-chain verify proof alice.json --checkpoint 0x6f2c... --json",
)
@verify.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option(
    "--checkpoint",
    required=True,
    metavar="HASH",
    help="The hash of the proof's block, from a source that you trust.",
)
@json_option
def proof(file: Path, checkpoint: str, as_json: bool) -> None:
    """Verify a proof of a storage entry, as the pages of the explorer offer it.

    The header in FILE must have the hash CHECKPOINT; the proof must lead from the header's state
    root to the value. Nothing else in the file is believed.
    """
    from btt_chain.primitives.header import Header
    from cli.common.session import from_hex
    from storage.trie import ProofError, verify_proof

    document = _read(file)
    trusted = from_hex(checkpoint, "the checkpoint")
    try:
        header = Header.decode(_bytes(document, "header"))
    except ValueError as error:
        raise Refused(f"{file}: the header is malformed: {error}") from None
    if bytes(header.hash()) != trusted:
        raise Refused(
            f"the header in {file} is of block {int(header.number)} with the hash "
            f"0x{bytes(header.hash()).hex()}, not the checkpoint"
        )
    key = _bytes(document, "key")
    try:
        found = verify_proof(header.state_root, _nodes(document), [key])[key]
    except ProofError as error:
        raise Refused(f"the proof is invalid: {error}") from None
    claimed = None if document.get("value") is None else _bytes(document, "value")
    if found != claimed:
        raise Refused("the proof is of another value than the file says")
    value = None if found is None else "0x" + found.hex()
    if as_json:
        show.document({"valid": True, "block": int(header.number), "key": "0x" + key.hex(),
                       "value": value})  # fmt: skip
        return
    show.good(f"proven: the value is in the state of block {int(header.number)}")
    show.record({"key": "0x" + key.hex(), "value": value or "absent"})


def _read(file: Path) -> dict[str, object]:
    if file.stat().st_size > MAX_PROOF:
        raise Refused(f"{file} is larger than a proof")
    try:
        document = json.loads(file.read_bytes())
    except (ValueError, RecursionError):
        document = None
    if not isinstance(document, dict):
        raise Mistyped(f"{file} is no proof: it is no JSON document")
    return document


def _bytes(document: dict[str, object], name: str) -> bytes:
    return _unhex(document.get(name), name)


def _nodes(document: dict[str, object]) -> list[bytes]:
    nodes = document.get("proof")
    if not isinstance(nodes, list):
        raise Refused("the file has no list of proof nodes")
    return [_unhex(node, "proof") for node in nodes]


def _unhex(text: object, name: str) -> bytes:
    try:
        if isinstance(text, str) and text.startswith("0x"):
            return bytes.fromhex(text[2:])
    except ValueError:
        pass
    raise Refused(f"the file is no proof of the explorer: it has no {name!r} in hex")
