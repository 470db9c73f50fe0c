"""Export and import of signing records, to move keys to another machine, after EIP-3076.

For each key a file states the newest slot and vote it has signed on one chain, and its votes of the
newest round, so that the new machine can send them again: a round that waits for this validator
could not end without them. An import only ever raises: the result is the maximum of the existing
record and the imported one, so an old backup does no harm. Both need the locks of the records: the
node must be stopped. Numbers are written as text, because some programs round those of 64 bits.

Signatures of votes are verified, as the new machine sends them. Slots and rounds cannot be: a file
with too high ones stops a key, and never makes it sign twice.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from btt_chain.keystore.errors import RecordDamaged, RecordForeign, RecordMissing
from btt_chain.keystore.ledger import ORDER, UNKNOWN, Cast, Ledger, Round, Sealed, maximum
from btt_chain.keystore.record import SIGNATURE_LENGTH, SigningRecord, recorded_keys
from btt_chain.primitives.digest import H256
from btt_chain.primitives.digits import U64, from_hex, to_hex, whole_number
from btt_chain.primitives.grandpa import (
    AuthoritySignature,
    SignedMessage,
    Stage,
    Target,
    is_signed,
    message_for,
)
from btt_chain.primitives.strict_json import read_object
from btt_chain.primitives.voters import AuthorityId
from btt_chain.scale import u32

FORMAT: Final = "btt-signing-record"
VERSION: Final = "1"
KEY_LENGTH: Final = 32
_U32: Final = 1 << 32


def export(root: Path, genesis_hash: bytes, keys: Iterable[bytes] | None = None) -> str:
    """Return the JSON of the records of `keys`, or of all, below `root`, `<base>/signing`.

    Raises RecordError, RecordInUse for a key that a running node signs with.
    """
    chosen = recorded_keys(root, genesis_hash) if keys is None else sorted(set(keys))
    rows = []
    for public_key in chosen:
        record = SigningRecord.open(root, genesis_hash, public_key)
        rows.append(_row(public_key, record.ledger))
        record.close()
    document = {
        "format": FORMAT,
        "version": VERSION,
        "genesis_hash": to_hex(genesis_hash),
        "keys": rows,
    }
    return json.dumps(document, indent=2) + "\n"


def import_(root: Path, genesis_hash: bytes, text: str | bytes) -> list[bytes]:
    """Raise the records to those of an export, and make missing ones; return the keys.

    The whole file is read before the first record is written. Raises RecordForeign for another
    chain's, RecordDamaged for an invalid export, RecordInUse, and RecordNotWritten.
    """
    found = _read(genesis_hash, text)
    for public_key, ledger in found.items():
        try:
            record = SigningRecord.open(root, genesis_hash, public_key)
        except RecordMissing:
            # With its content at once: an empty record would state that the key never signed.
            record = SigningRecord.create(root, genesis_hash, public_key, ledger)
        try:
            record.raise_to(ledger)
        finally:
            record.close()
    return sorted(found)


def _row(public_key: bytes, ledger: Ledger) -> dict[str, object]:
    block, round = ledger.block, ledger.round
    row: dict[str, object] = {
        "public_key": to_hex(public_key),
        "max_slot": None if block is None else str(block.slot),
        "max_vote": None
        if round is None
        else {
            "set_id": str(round.set_id),
            "round": str(round.round),
            "stage": ORDER[round.place.step].name.lower(),
            "votes": {
                stage.name.lower(): None
                if vote.target_hash is None or vote.signature is None
                else {
                    "hash": to_hex(vote.target_hash),
                    "number": str(vote.target_number),
                    "signature": to_hex(vote.signature),
                }
                for stage, vote in round.votes.items()
            },
        },
        "unsure": ledger.unsure,
    }
    # Fields that most records lack are left out.
    if ledger.reason:
        row["reason"] = ledger.reason
    if ledger.closed_set is not None:
        row["closed_set"] = str(ledger.closed_set)
    if ledger.launch:
        row["launch"] = True
    return row


def _read(genesis_hash: bytes, text: str | bytes) -> dict[bytes, Ledger]:
    try:
        document = read_object(text)
        if document["format"] != FORMAT or document["version"] != VERSION:
            raise RecordForeign(
                f"the file is not a {FORMAT} of version {VERSION}: it was not made by "
                "`btt-chain signing export` of this version"
            )
        genesis = from_hex(document["genesis_hash"], KEY_LENGTH)
        rows = [_ledger(row) for row in document["keys"]]
    except (KeyError, TypeError, ValueError, AttributeError, RecursionError):
        raise RecordDamaged("the file is damaged or not an export of signing records") from None
    if genesis != genesis_hash:
        raise RecordForeign(
            f"the file is of another chain: its genesis is 0x{genesis.hex()}, not "
            f"0x{genesis_hash.hex()}"
        )
    for public_key, ledger in rows:
        _check_votes(public_key, ledger.round)
    found = dict(rows)
    if len(found) != len(rows):
        raise RecordDamaged("the file names one key twice")
    return found


def _ledger(row: dict[str, object]) -> tuple[bytes, Ledger]:
    slot, vote, unsure = row["max_slot"], row["max_vote"], row["unsure"]
    reason, closed, launch = row.get("reason", ""), row.get("closed_set"), row.get("launch", False)
    if not (isinstance(unsure, bool) and isinstance(launch, bool) and isinstance(reason, str)):
        raise TypeError
    block = None if slot is None else Sealed(_number(slot), None, None)
    found = Ledger(
        block,
        None if vote is None else _round(vote),
        unsure,
        reason=reason if unsure else "",
        closed_set=None if closed is None else _number(closed),
        launch=launch,
    )
    # A contradictory record is read as the more careful of its readings.
    return from_hex(row["public_key"], KEY_LENGTH), maximum(found, found)


def _round(vote: object) -> Round:
    if not isinstance(vote, dict):
        raise TypeError
    newest = Stage[str(vote["stage"]).upper()]
    votes = {newest: UNKNOWN}
    for name, cast in vote.get("votes", {}).items():
        stage = Stage[str(name).upper()]
        if ORDER.index(stage) > ORDER.index(newest):
            raise ValueError
        votes[stage] = UNKNOWN if cast is None else _cast(cast)
    return Round(_number(vote["set_id"]), _number(vote["round"]), votes)


def _cast(cast: dict[str, object]) -> Cast:
    number = _number(cast["number"])
    if number >= _U32:
        raise ValueError
    return Cast(
        from_hex(cast["hash"], KEY_LENGTH), number, from_hex(cast["signature"], SIGNATURE_LENGTH)
    )


def _check_votes(public_key: bytes, round: Round | None) -> None:
    """Raise RecordDamaged if a vote is not signed by its key for its round and set."""
    if round is None:
        return
    for stage, cast in round.votes.items():
        if cast.target_hash is None or cast.target_number is None or cast.signature is None:
            continue
        vote = message_for(stage, Target(H256(cast.target_hash), u32(cast.target_number)))
        signed = SignedMessage(vote, AuthoritySignature(cast.signature), AuthorityId(public_key))
        if not is_signed(signed, round.round, round.set_id):
            raise RecordDamaged(
                f"the file was changed: the {stage.name.lower()} of round {round.round} of set "
                f"{round.set_id} is not signed by the key 0x{public_key.hex()}. Nothing was "
                "imported; export the records again on the old machine"
            )


def _number(value: object) -> int:
    number = whole_number(value, U64) if isinstance(value, str) else None
    if number is None:
        raise ValueError
    return number
