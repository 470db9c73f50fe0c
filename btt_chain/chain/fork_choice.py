"""Fork choice between two heads: primary slots, then length, then the lottery of one slot.

The head with more primary slots behind it is the better one, then the longer one. Of two that are
equal in both, and that won the same slot, the one with the smaller VRF output is: all nodes that
have both choose the same, and the next author builds where finality votes. An author cannot try
for a small output: it follows from its key, the epoch's randomness and the slot. All other equals
stay in the order of their import.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from btt_chain.primitives.babe import Primary, pre_digest
from btt_chain.primitives.header import Header


class Head(NamedTuple):
    """A leaf of the chain."""

    weight: int
    """Number of primary slots that lead to it."""
    number: int
    hash: bytes


def is_better(head: Head, other: Head, header_of: Callable[[bytes], Header]) -> bool:
    """Return True if `head` is to be the best one, where `other` was imported before it.

    `header_of` returns a header by its hash; it is called for equals only.
    """
    if head[:2] != other[:2]:
        return head[:2] > other[:2]
    if not head.number:
        return False  # the genesis block has no claim
    claim = pre_digest(header_of(head.hash).digest.logs)
    rival = pre_digest(header_of(other.hash).digest.logs)
    if not isinstance(claim, Primary) or not isinstance(rival, Primary):
        return False
    if claim.claim.slot != rival.claim.slot:
        return False
    return claim.claim.vrf_signature.pre_output < rival.claim.vrf_signature.pre_output
