"""From the voters of one block to those of now, by proofs alone.

Each block that ends a set is proven by that set and announces the next one, so who knows the voters
of some final block needs only those blocks' headers and proofs. Here is what a node keeps for it:
which blocks they are, so that nobody walks the chain to find them, and what a node that began that
way writes down. The pages themselves are put together and followed by `p2p` (`protocols.serve`,
`sync.warp`).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from btt_chain.consensus.finality import records
from btt_chain.consensus.finality.authorities import Authorities, AuthoritySet
from btt_chain.primitives.grandpa import AuthorityId, Justification, Target


def set_ends(read: records.Read, above: int) -> Iterator[Target]:
    """Yield the blocks above a height that ended a set, by height.

    None at all if `above` lies below where this node began: what it does not know stands between.
    Raises BadRecord.
    """
    first_set, start = records.read_first(read)
    if above < start:
        return
    set_id = _first_ending_above(read, first_set, above)
    while (end := records.read_end(read, set_id)) is not None:
        yield end
        set_id += 1


def _first_ending_above(read: records.Read, first: int, above: int) -> int:
    """Return the first set from `first` on that ended above a height, or that has not ended."""
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
) -> records.Changes:
    """Return what a node writes down that begins at the block of `proof`, with these voters.

    `ends` are the sets that ended since the last final block it knew before, and by which blocks;
    None if it does not know them all: then it can prove nothing to others from before its time. In
    one batch with the block, before a `Gadget` is made. ValueError if nobody votes.
    """
    block = proof.target
    changes = {
        **records.voters_change(Authorities(AuthoritySet(set_id, tuple(authorities))), block),
        **records.proof_change(proof),
        records.ROUND_KEY: None,
    }
    if ends is None:
        return {**changes, **records.first_change(set_id, block)}
    for ended, end in ends:
        changes.update(records.end_change(ended, end))
    return changes
