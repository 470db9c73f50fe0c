"""`btt-chain verify`: checks of documents without a network."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Final

import click

from btt_chain.crypto.hashing import blake2_128_concat, twox_128
from btt_chain.primitives import ss58
from btt_chain.primitives.account import AccountInfo
from btt_chain.primitives.digits import hex_or_none, to_hex
from btt_chain.primitives.header import Header
from btt_chain.primitives.strict_json import BadJson, read_object
from btt_chain.scale import codec, u128
from btt_chain.scale.errors import DecodeError
from cli.common import show
from cli.common.errors import Mistyped, Refused
from cli.common.finality import (
    Votes,
    check_votes,
    nodes_of,
    read_checkpoint,
    read_header,
    text_of,
    unhex,
)
from cli.common.options import Group, examples, json_option
from cli.common.session import from_hex
from storage.trie import ProofError, verify_proof

MAX_PROOF: Final = 16 << 20
"""Maximum bytes of a proof's file."""
HASH: Final = 32
"""Bytes of a block's hash."""


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
    help="The hash of the proof's block, or of its checkpoint, from a source that you trust.",
)
@json_option
def proof(file: Path, checkpoint: str, as_json: bool) -> None:
    """Verify a proof of a storage entry, as the pages of the explorer offer it.

    CHECKPOINT is the hash of the block in FILE, or of an older block whose validators voted for it:
    then their votes are verified, too. The proof must lead from the header's state root to the
    value. Nothing else in the file is believed.
    """
    document = _read(file)
    trusted = from_hex(checkpoint, "the checkpoint")
    if len(trusted) != HASH:
        raise Mistyped(
            f"--checkpoint is the hash of a block, {HASH} bytes in hex, not {len(trusted)}: "
            "`btt-chain query block HEIGHT` prints it"
        )
    header = read_header(text_of(document, "header"), "the header")
    votes = _votes(document, header, trusted)
    if votes is None and bytes(header.hash()) != trusted:
        raise Refused(
            f"the header in {file} is of block {int(header.number)} with the hash "
            f"0x{bytes(header.hash()).hex()}, not the checkpoint, and there are no votes for it"
        )
    key = unhex(document.get("key"), "key")
    try:
        found = verify_proof(header.state_root, nodes_of(document), [key])[key]
    except ProofError as error:
        raise Refused(f"the proof is invalid: {error}") from None
    claimed = None if document.get("value") is None else unhex(document.get("value"), "value")
    if found != claimed:
        raise Refused("the proof is of another value than the file says")
    value = hex_or_none(found)
    if as_json:
        show.document(
            {
                "valid": True,
                "block": int(header.number),
                "key": to_hex(key),
                "value": value,
                "votes": None if votes is None else asdict(votes),
            }
        )
        return
    what = "the value is in" if found is not None else "there is no such entry in"
    show.good(f"proven: {what} the state of block {int(header.number)}")
    if votes is not None:
        show.good(f"final: {votes.signed} of {votes.voters} validators signed block {votes.target}")
    show.record({**described(key, found), "key": to_hex(key), "value": value or "absent"})


def described(key: bytes, value: bytes | None) -> dict[str, str]:
    """Return in words what a proven entry is: of whom the balance is, and how much it is.

    The words are made of the proven bytes; those of the file are not believed. Empty for entries
    other than balances and the total issuance.
    """
    prefix, account = key[:32], key[-32:]
    try:
        if prefix == twox_128(b"Balances") + twox_128(b"TotalIssuance") and value is not None:
            total = codec(u128).decode_all(value)
            return {"entry": "Balances.TotalIssuance", "issued": f"{total:_} planck"}
        accounts = twox_128(b"System") + twox_128(b"Account")
        if prefix != accounts or key != prefix + blake2_128_concat(account):
            return {}
        info = AccountInfo() if value is None else codec(AccountInfo).decode_all(value)
    except DecodeError:
        return {}  # the chain has entries of another form
    return {
        "entry": f"System.Account of {ss58.encode(account)} (public key {to_hex(account)})",
        "free": f"{info.data.free:_} planck",
        "reserved": f"{info.data.reserved:_} planck",
        "frozen": f"{info.data.frozen:_} planck",
    }


def _votes(document: dict[str, object], header: Header, trusted: bytes) -> Votes | None:
    """Return the votes for a header by the trusted checkpoint; None if the file has none of it.

    Raises Refused if it has votes that do not hold.
    """
    finality = document.get("finality")
    if finality is None:
        return None
    inner = finality.get("checkpoint") if isinstance(finality, dict) else None
    if not isinstance(finality, dict) or not isinstance(inner, dict):
        raise Refused("the file's proof of finality has another form")
    checkpoint = read_checkpoint(inner)
    hash, parent = bytes(checkpoint.header.hash()), bytes(header.parent_hash)
    # The parent of a trusted block is trusted: its header names it.
    if hash != trusted and not (bytes(header.hash()) == trusted and hash == parent):
        if bytes(header.hash()) == trusted:
            return None
        raise Refused(
            f"the checkpoint in the file is block {int(checkpoint.header.number)} with the hash "
            f"{to_hex(hash)}, and the proof is of block {int(header.number)}: neither is the "
            "checkpoint that you gave"
        )
    return check_votes(unhex(finality.get("proof"), "finality"), header, checkpoint)


def _read(file: Path) -> dict[str, object]:
    with file.open("rb") as stream:  # a pipe has no size
        raw = stream.read(MAX_PROOF + 1)
    if len(raw) > MAX_PROOF:
        raise Refused(f"{file} is larger than a proof")
    try:
        return read_object(raw)
    except BadJson as error:
        raise Mistyped(f"{file} is not a proof: it is not a JSON document: {error}") from None
