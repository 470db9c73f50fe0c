"""Chains that serve warp proofs: voters, their votes, and the proofs of blocks."""

from __future__ import annotations

from collections.abc import Iterator

from btt_chain.crypto import ed25519
from btt_chain.primitives.grandpa import (
    AuthoritySignature,
    Commit,
    Justification,
    Precommit,
    PrecommitMessage,
    SignedPrecommit,
    signing_payload,
)
from btt_chain.primitives.header import Header
from btt_chain.primitives.voters import AuthorityId
from btt_chain.scale import u32, u64
from p2p.protocols.messages import WarpFragment, WarpProof
from p2p.sync.types import BadRange
from storage.trie import ProofError
from storage.trie.range_proof import VerifiedRange, verify_range
from support.sync_world import FakeChain

SEEDS = [bytes([n]) * 32 for n in range(1, 9)]
KEYS = [AuthorityId(ed25519.public_from_seed(seed)) for seed in SEEDS]


def voters(set_id: int) -> tuple[tuple[AuthorityId, int], ...]:
    """Four of eight keys, others in each set."""
    return tuple((KEYS[(set_id + n) % 8], 1) for n in range(4))


def prove(
    header: Header, set_id: int, signers: int = 3, keys_of: int | None = None
) -> Justification:
    """Prove a block for a set, with the keys of its voters or of another set's."""
    vote = Precommit(header.hash(), u32(int(header.number)))
    payload = signing_payload(PrecommitMessage(vote), 7, set_id)
    votes = []
    for n in range(signers):
        place = ((set_id if keys_of is None else keys_of) + n) % 8
        signature = AuthoritySignature(ed25519.sign(SEEDS[place], payload))
        votes.append(SignedPrecommit(vote, signature, KEYS[place]))
    return Justification(u64(7), Commit(header.hash(), u32(int(header.number)), votes), [])


def codec_of(justification: Justification) -> bytes:
    return WarpProof([WarpFragment(justification_header(), justification)], True).encode()[
        len(justification_header().encode()) + 1 : -1
    ]


def justification_header() -> Header:
    return FakeChain().headers[FakeChain().head.hash]


class Proving(FakeChain):
    """A chain that serves warp proofs."""

    def __init__(self, inner: FakeChain) -> None:
        super().__init__()
        self.__dict__.update(inner.__dict__)

    def warp_targets(self, above: int) -> Iterator[bytes]:
        for number in range(above + 1, self.final.number + 1):
            if self.at[number] in self.proofs:
                yield self.at[number]


def ranges(root: bytes, after: bytes | None, nodes: object, last: bytes | None) -> VerifiedRange:
    assert isinstance(nodes, list)
    try:
        return verify_range(root, after, nodes, last)
    except ProofError as error:
        raise BadRange(str(error)) from error
