"""Records for warp sync: from the voters of one block to the current ones, by proofs alone.

Each block that ends a set is proven by that set and announces the next one, so a node that has the
voters of some final block needs only those blocks' headers and proofs. This module finds these
blocks without a walk along the chain, and makes the records of a node that began by warp sync. The
responses themselves are built and followed by `p2p` (`protocols.serve`, `sync.warp`).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from btt_chain.consensus.finality import records
from btt_chain.consensus.finality.authorities import Authorities, AuthoritySet
from btt_chain.primitives.grandpa import Justification, Target
from btt_chain.primitives.voters import AuthorityId


def set_ends(read: records.Read, above: int) -> Iterator[Target]:
    """Yield the blocks above a height that ended a set, by height.

    None at all if `above` lies below this node's first block: blocks in between are unknown. Raises
    BadRecord.
    """
    first_set, start = records.read_first(read)
    if above < start:
        return
    set_id = _first_ending_above(read, first_set, above)
    while (end := records.read_end(read, set_id)) is not None:
        yield end
        set_id += 1


def _first_ending_above(read: records.Read, first: int, above: int) -> int:
    """Return the first set from `first` on that ended above a height, or has not ended."""
    step = 1
    while _ended_by(read, first + step - 1, above):
        first, step = first + step, 2 * step
    low, high = first, first + step - 1
    while low < high:
        middle = (low + high) // 2
        if _ended_by(read, middle, above):
            low = middle + 1
        else:
            high = middle
    return low


def _ended_by(read: records.Read, set_id: int, height: int) -> bool:
    end = records.read_end(read, set_id)
    return end is not None and end.number <= height


def adopt(
    set_id: int,
    authorities: Sequence[tuple[AuthorityId, int]],
    proof: Justification,
    ends: Sequence[tuple[int, Target]] | None = None,
    start: Target | None = None,
) -> records.Changes:
    """Return the records of a node that begins at the block of `proof`, with these voters.

    `ends` are the sets that ended since its last known final block, or since the checkpoint
    `start`, each with the block that ended it; None if some are unknown: then it can prove nothing
    earlier to other nodes. To be written in one batch with the block, before a `Gadget` is made.
    ValueError if there are no voters.
    """
    block = proof.target
    changes = {
        **records.voters_change(Authorities(AuthoritySet(set_id, tuple(authorities))), block),
        **records.proof_change(proof),
        records.ROUND_KEY: None,
    }
    if ends is None:
        return {**changes, **records.first_change(set_id, block)}
    if start is not None:
        changes.update(records.first_change(ends[0][0] if ends else set_id, start))
    for ended, end in ends:
        changes.update(records.end_change(ended, end))
    return changes


def restart(
    set_id: int, authorities: Sequence[tuple[AuthorityId, int]], block: Target
) -> records.Changes:
    """Return the records of a node whose operator makes a block final without votes.

    These voters vote on the blocks after it. Nothing earlier can be proven to other nodes from
    here: they need a checkpoint at this block or later. ValueError if there are no voters.
    """
    return {
        **records.voters_change(Authorities(AuthoritySet(set_id, tuple(authorities))), block),
        **records.first_change(set_id, block),
        records.ROUND_KEY: None,
        records.PROOF_KEY: None,
    }
