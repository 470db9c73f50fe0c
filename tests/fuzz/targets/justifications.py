"""Justifications and proofs of finality: read, and checked against voters."""

from __future__ import annotations

from typing import Final

from btt_chain.consensus.finality.justification import Rule, verify
from btt_chain.consensus.finality.proofs import FinalityProof
from btt_chain.primitives.digest import H256
from btt_chain.primitives.grandpa import (
    Commit,
    Justification,
    Precommit,
    PrecommitMessage,
    SignedPrecommit,
    signing_payload,
)
from btt_chain.scale import compact_encode, u32, u64
from fuzz.headers import sealed
from fuzz.target import Target, choose, round_trip
from fuzz.votes import PAIRS, VOTERS, signature_of, voter_id
from p2p.protocols.messages import WarpProof
from p2p.sync.warp import decode_proven

SET_ID: Final = 3


def justification(raw: bytes) -> None:
    """Read a justification and verify it."""
    read = round_trip(raw, Justification.decode, lambda value: value.encode())
    if read is not None:
        for rule in Rule:
            verify(read, SET_ID, VOTERS, read.target, rule)


def finality_proof(raw: bytes) -> None:
    """Read a proof of finality."""
    round_trip(raw, FinalityProof.decode, lambda value: value.encode())


def warp_proof(raw: bytes) -> None:
    """Read a warp proof, and what is kept of one."""
    round_trip(raw, WarpProof.decode, lambda value: value.encode())
    round_trip(raw, decode_proven, lambda _: raw)


def valid() -> Justification:
    """Return a justification that holds."""
    header = sealed()[0]
    vote = Precommit(H256(header.hash()), header.number)
    signed = [
        SignedPrecommit(
            vote, signature_of(pair, signing_payload(PrecommitMessage(vote), 5, SET_ID)),
            voter_id(pair),
        )
        for pair in PAIRS
    ]  # fmt: skip
    return Justification(u64(5), Commit(vote.target_hash, u32(vote.target_number), signed), [])


def seeds() -> list[bytes]:
    """Return proofs of each kind."""
    good = valid()
    longer = Justification(good.round, good.commit, sealed())
    proof = FinalityProof(good.commit.target_hash, good.encode(), sealed())
    return [
        b"\0" + good.encode(), b"\0" + longer.encode(), b"\1" + proof.encode(),
        b"\2" + b"\x04" + sealed()[0].encode() + good.encode() + b"\1",
    ]  # fmt: skip


def heavy() -> list[bytes]:
    """Return justifications with many votes of one voter, and with many headers."""
    good = valid()
    vote = good.commit.precommits[0]
    many = Commit(good.commit.target_hash, good.commit.target_number, [vote] * 450)
    headers = Justification(good.round, good.commit, sealed() * 80)
    logs = compact_encode(50_000) + b"\x08" * 50_000
    header = bytes(32) + compact_encode(7) + bytes(64) + logs
    return [
        b"\0" + Justification(good.round, many, []).encode(), b"\0" + headers.encode(),
        b"\0" + good.encode()[:-1] + b"\x04" + header,
    ]  # fmt: skip


TARGET = Target(
    run=lambda raw: choose(raw, justification, finality_proof, warp_proof),
    seeds=seeds,
    heavy=heavy,
    instrument=("btt_chain.scale", "btt_chain.primitives", "btt_chain.consensus.finality", "p2p"),
)
