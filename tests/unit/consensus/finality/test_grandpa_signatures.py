"""The cache of vote signatures: what it keeps, and its memory."""

from __future__ import annotations

import tracemalloc
from dataclasses import replace

import pytest

from btt_chain.consensus.finality.signatures import CAPACITY, Signatures
from btt_chain.primitives.digest import H256
from btt_chain.primitives.grandpa import (
    AuthoritySignature,
    Precommit,
    PrecommitMessage,
    Prevote,
    PrevoteMessage,
    SignedMessage,
)
from btt_chain.primitives.voters import AuthorityId
from btt_chain.scale import codec, u32

MIB = 1 << 20


def vote(round_number: int) -> SignedMessage:
    """Return a vote as it is decoded from a message, with a signature of no key."""
    number = round_number.to_bytes(8, "big")
    message = PrecommitMessage(Precommit(H256(4 * number), u32(round_number)))
    signed = SignedMessage(message, AuthoritySignature(8 * number), AuthorityId(4 * number))
    return codec(SignedMessage).decode_all(codec(SignedMessage).encode(signed))


def test_the_newest_votes_are_kept_in_few_mebibytes() -> None:
    signatures = Signatures()
    vote(0)
    tracemalloc.start()
    try:
        for round_number in range(2 * CAPACITY):
            signatures.vouch(vote(round_number), round_number, 0)
        held, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert held < 4 * MIB
    assert signatures(vote(2 * CAPACITY - 1), 2 * CAPACITY - 1, 0)
    assert signatures(vote(CAPACITY), CAPACITY, 0)
    assert not signatures(vote(CAPACITY - 1), CAPACITY - 1, 0)
    assert signatures.checked == 1


BLOCK, OTHER = H256(bytes([7]) * 32), H256(bytes([8]) * 32)
VOTE = replace(vote(5), message=PrecommitMessage(Precommit(BLOCK, u32(9))))


@pytest.mark.parametrize(
    ("other", "round_number", "set_id"),
    [
        (VOTE, 4, 3),
        (VOTE, 5, 2),
        (replace(VOTE, id=AuthorityId(bytes(32))), 5, 3),
        (replace(VOTE, message=PrevoteMessage(Prevote(BLOCK, u32(9)))), 5, 3),
        (replace(VOTE, message=PrecommitMessage(Precommit(OTHER, u32(9)))), 5, 3),
        (replace(VOTE, message=PrecommitMessage(Precommit(BLOCK, u32(8)))), 5, 3),
    ],
)
def test_a_signature_counts_for_its_own_vote_only(
    other: SignedMessage, round_number: int, set_id: int
) -> None:
    signatures = Signatures()
    signatures.vouch(VOTE, 5, 3)
    equal = codec(SignedMessage).decode_all(codec(SignedMessage).encode(VOTE))
    assert signatures(VOTE, 5, 3)
    assert signatures(equal, 5, 3)
    assert signatures.checked == 0

    assert not signatures(other, round_number, set_id)

    assert signatures.checked == 1
    assert signatures(VOTE, 5, 3)
