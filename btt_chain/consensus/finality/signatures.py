"""A cache of valid vote signatures, so that each is checked once.

The same precommit comes as a vote, in commits, in catch-ups and in proofs. Only valid ones are
kept: invalid signatures must not displace valid ones.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from typing import Final, TypeAlias

from btt_chain.crypto import ed25519
from btt_chain.primitives.grandpa import (
    Justification,
    SignedMessage,
    precommit_message,
    signing_payload,
)

Verify: TypeAlias = Callable[[SignedMessage, int, int], bool]
"""Return True if a message is signed by its voter for this round of this set."""

CAPACITY: Final = 4_096
"""Signatures kept, 0.7 KiB each with their votes: 20 rounds of 100 voters, two of 1,000."""


class Signatures:
    """Checks votes' signatures and remembers the valid ones; the oldest is dropped first.

    Several nodes in one process may share one: validity depends on nothing but the vote.
    """

    def __init__(self, capacity: int = CAPACITY) -> None:
        self._capacity = capacity
        # Not a `dict`: its first entry is found by a search over all that were deleted before it.
        self._good: OrderedDict[bytes, tuple[SignedMessage, int, int]] = OrderedDict()
        self.checked = 0
        """Number of signatures checked, without those found in the cache."""

    def __call__(self, signed: SignedMessage, round_number: int, set_id: int) -> bool:
        """Return True if a message is signed by its voter for this round of this set."""
        proof = (signed, round_number, set_id)
        known = self._good.get(signed.signature)
        if known is not None and known[1] == round_number and known[2] == set_id:
            if known[0] is signed:
                return True
            if _are_equal(known[0], signed):
                self._good[signed.signature] = proof  # the next comparison is that of an identity
                return True
        self.checked += 1
        payload = signing_payload(signed.message, round_number, set_id)
        if not ed25519.verify(signed.id, payload, signed.signature):
            return False
        self._keep(proof)
        return True

    def vouch(self, signed: SignedMessage, round_number: int, set_id: int) -> None:
        """Record a message as valid without a check: the caller has just signed it."""
        self._keep((signed, round_number, set_id))

    def _keep(self, proof: tuple[SignedMessage, int, int]) -> None:
        if len(self._good) >= self._capacity:
            self._good.popitem(last=False)
        self._good[proof[0].signature] = proof


def _are_equal(one: SignedMessage, other: SignedMessage) -> bool:
    """Return True if two messages with the same signature are equal."""
    # In one call: the comparison of the classes takes three.
    vote, same = one.message.vote, other.message.vote
    return (
        one.id == other.id
        and one.message.STAGE is other.message.STAGE
        and vote.target_hash == same.target_hash
        and vote.target_number == same.target_number
    )


def all_signed(justification: Justification, set_id: int, verify: Verify) -> bool:
    """Return True if every vote of a proof is signed by its voter."""
    number = int(justification.round)
    for signed in justification.commit.precommits:
        if not verify(precommit_message(signed), number, set_id):
            return False
    return True
