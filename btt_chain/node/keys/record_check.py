"""The comparison of a validator's signatures in the database with the records of its keys.

A record that was restored from a backup allows what was signed since. Where the chain beside it is
younger, that is detected: it holds a block or a vote of ours that the record does not. The record
is then raised to it, and its key waits until a session has shown that no other node signs with it;
a vote also waits for the next set of voters.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from typing import Final

from btt_chain.chain.client import Client
from btt_chain.consensus.finality.client_chain import ClientChain
from btt_chain.consensus.finality.records import read_round, read_voters
from btt_chain.crypto.keypair import Scheme
from btt_chain.crypto.signature import verify
from btt_chain.keystore import BABE, GRANDPA, Ledger, Place, RecordError
from btt_chain.keystore.ledger import UNKNOWN, Round, Sealed
from btt_chain.node.keys.signing import Vault
from btt_chain.primitives.babe import NoPreDigest, pre_digest
from btt_chain.primitives.grandpa import (
    Justification,
    SignedMessage,
    is_signed,
    precommit_message,
    stage_of,
)

log = logging.getLogger(__name__)

MAX_BLOCKS: Final = 1_024
"""Maximum number of blocks checked: a tenth of a second, and more than most sessions."""


def look_back(client: Client, vault: Vault) -> None:
    """Raise the records that are older than the chain.

    Raises RecordNotWritten when a record cannot be written, BadRecord when GRANDPA's records cannot
    be read.
    """
    _look_at_blocks(client, vault)
    _look_at_votes(client, vault)


def _look_at_blocks(client: Client, vault: Vault) -> None:
    for public, said in _ledgers(vault, BABE):
        last = -1 if said.block is None else said.block.slot
        for slot, pre_seal_hash, seal in _sealed(client):
            if slot <= last:
                break
            if verify(Scheme.SR25519, public, pre_seal_hash, seal):
                what = f"the block that it sealed for slot {slot}"
                _is_old(vault, public, what, Ledger(Sealed(slot, None, None)))
                break


def _sealed(client: Client) -> Iterator[tuple[int, bytes, bytes]]:
    """Yield slot, pre-seal hash and seal of the best chain's blocks, newest first."""
    hash = client.best().hash
    for _ in range(MAX_BLOCKS):
        header = client.header(hash)
        if header is None or int(header.number) == 0:
            return
        unsealed, seal = header.unsealed()
        try:
            slot = int(pre_digest(header.digest.logs).claim.slot)
        except NoPreDigest:
            return
        if seal is not None:
            yield slot, unsealed.hash(), seal.payload
        hash = header.parent_hash


def _look_at_votes(client: Client, vault: Vault) -> None:
    votes = list(_votes(client))
    for public, said in _ledgers(vault, GRANDPA):
        for vote_set, number, signed in votes:
            place = Place.at(vote_set, number, stage_of(signed.message))
            if bytes(signed.id) != public or (said.round is not None and place <= said.round.place):
                continue
            if not is_signed(signed, number, vote_set):
                continue  # of the set before: its proof is older than the record, if that is good
            round = Round(vote_set, number, {stage_of(signed.message): UNKNOWN})
            _is_old(vault, public, f"its {place}", Ledger(round=round))


def _votes(client: Client) -> Iterator[tuple[int, int, SignedMessage]]:
    """Yield set, round and vote of the stored votes: the last complete round, the last proof."""
    stored = read_round(client.store.aux_get)
    if stored is not None:
        for signed in stored.votes:
            yield int(stored.set_id), int(stored.number), signed
    chain, voters = ClientChain(client), read_voters(client.store.aux_get)
    raw = chain.proof(chain.final())
    if raw is not None and voters is not None:
        proof = Justification.decode(raw)
        for precommit in proof.commit.precommits:
            yield voters[0].current.set_id, int(proof.round), precommit_message(precommit)


def _ledgers(vault: Vault, key_type: bytes) -> Iterator[tuple[bytes, Ledger]]:
    for public in vault.keystore.public_keys(key_type):
        try:
            yield public, vault.record(public).ledger
        except RecordError:
            continue  # the signer reports it, and does not use the key


def _is_old(vault: Vault, public: bytes, what: str, seen: Ledger) -> None:
    log.warning(
        "the signing record of 0x%s is older than %s: the key waits until a session has shown that "
        "no other node signs with it",
        public.hex(),
        what,
    )
    vault.record(public).doubt(f"it is older than {what}", seen)


def chain_age(client: Client, slot: int) -> int | None:
    """Return the number of slots since the first block of the best chain, None without one.

    Return `slot` if that block is not stored (the chain was begun with a later state).
    """
    if client.best().number == 0:
        return None
    first = client.block_hash(1)
    header = None if first is None else client.header(first)
    if header is None:
        return slot
    return slot - int(pre_digest(header.digest.logs).claim.slot)
