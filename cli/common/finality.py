"""Proofs of finality in documents: the votes for a block, by a checkpoint that is trusted."""

from __future__ import annotations

from dataclasses import dataclass

from btt_chain.consensus.finality.proofs import FinalityProof
from btt_chain.crypto.hashing import twox_128
from btt_chain.primitives.digits import from_hex, to_hex
from btt_chain.primitives.grandpa import Justification, Target, Verdict, verify_full
from btt_chain.primitives.header import Header
from btt_chain.primitives.voters import AuthorityId, VoterSet
from btt_chain.scale import codec, u64
from cli.common.errors import Refused
from storage.trie import ProofError, verify_proof


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A block whose hash is trusted, with the voters that its state has."""

    header: Header
    authorities: bytes
    """SCALE of `Vec<(AuthorityId, u64)>`."""
    set_id: int


@dataclass(frozen=True, slots=True)
class Votes:
    """The votes for a block."""

    voters: int
    signed: int
    target: int
    """Height of the block that was voted on; the proven block is that one or an ancestor."""


def read_checkpoint(document: dict[str, object]) -> Checkpoint:
    """Return the checkpoint of a document, its voters proven. Raises Refused."""
    header = read_header(text_of(document, "header"), "the checkpoint's header")
    prefix = twox_128(b"Grandpa")
    keys = [prefix + twox_128(b"Authorities"), prefix + twox_128(b"CurrentSetId")]
    try:
        found = verify_proof(header.state_root, nodes_of(document), keys)
    except ProofError as error:
        raise Refused(f"the proof of the voters is invalid: {error}") from None
    voters, set_id = (found[key] for key in keys)
    if voters is None:
        raise Refused("the checkpoint's state has no voters")
    return Checkpoint(header, voters, int.from_bytes(set_id or b"", "little"))


def check_votes(raw: bytes, header: Header, checkpoint: Checkpoint) -> Votes:
    """Return the votes of a proof of finality for a header. Raises Refused if the proof is invalid.

    Each header of the proof must be the child of the one before; the last one is voted on.
    """
    try:
        proof = FinalityProof.decode(raw)
        justification = Justification.decode(proof.justification)
        rows = codec(list[tuple[AuthorityId, u64]]).decode_all(checkpoint.authorities)
        voters = VoterSet(rows)
    except ValueError as error:
        raise Refused(f"the proof of finality is malformed: {error}") from None
    last = header
    for each in proof.unknown_headers:
        if each.parent_hash != last.hash():
            raise Refused("the headers of the proof of finality do not follow each other")
        last = each
    target = Target(last.hash(), int(last.number))
    if proof.block != target.hash:
        raise Refused("the proof of finality is of another block")
    verdict = verify_full(justification, checkpoint.set_id, voters, target)
    if verdict is not Verdict.ACCEPTED:
        raise Refused(
            f"the votes do not make the block final: {verdict}. If other validators voted, take a "
            "later checkpoint"
        )
    signed = len(justification.commit.precommits)
    return Votes(len(voters.weights), signed, int(last.number))


def read_header(text: str, what: str) -> Header:
    """Return a header in hex. Raises Refused."""
    try:
        return Header.decode(unhex(text, what))
    except ValueError as error:
        raise Refused(f"{what} is malformed: {error}") from None


def text_of(document: dict[str, object], name: str) -> str:
    """Return a text in hex of a document. Raises Refused."""
    return to_hex(unhex(document.get(name), name))


def nodes_of(document: dict[str, object]) -> list[bytes]:
    """Return the nodes of a read proof. Raises Refused."""
    nodes = document.get("proof")
    if not isinstance(nodes, list):
        raise Refused("the file has no list of proof nodes")
    return [unhex(node, "proof") for node in nodes]


def unhex(text: object, name: str) -> bytes:
    """Return the bytes of a text in hex. Raises Refused."""
    try:
        return from_hex(text, prefix=True)
    except ValueError:
        raise Refused(
            f"the file is not a proof: no {name!r} in hex. The explorer's links `Proof` lead to one"
        ) from None
