"""Proofs of ranges: the nodes that prove all keys of a state between two keys.

A range is the entries of a root above one key (or from the start) up to another (or to the end).
Its proof is the list of distinct nodes, and of values stored outside their node, that an iteration
over the range loads, sorted. The entries are read from the proof itself, so a gap, a wrong value or
an additional entry cannot be expressed: a node would be missing or unused.

The loaded nodes are database records, too, and together the ranges of a state have all of them; so
a node that fetches a state by ranges does not build its trie.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from btt_chain.lazyclass import dataclass
from storage.columns import KEY_HASH
from storage.trie.node import EMPTY_NODE, NodeError, hash_256
from storage.trie.proof import ProofError
from storage.trie.trie import EMPTY_ROOT, MissingNode, Record, Trie


@dataclass(frozen=True, slots=True)
class VerifiedRange:
    """Consecutive entries of a state, and the database records that hold them."""

    entries: list[tuple[bytes, bytes]]
    """Keys and values, ascending."""
    records: dict[bytes, bytes]
    """Trie nodes and values loaded for the range, by database key."""
    last: bytes | None
    """Last key; None: the range goes to the end of the state."""

    @property
    def complete(self) -> bool:
        """True if there is no key above the range."""
        return self.last is None


def prove_range(
    record: Record, root: bytes, after: bytes | None, size: int
) -> tuple[list[bytes], bytes | None]:
    """Return the proof of the keys above `after`, and the last of them, None for the end.

    It ends with the key at which the proof has reached `size` bytes; it has at least one key, if
    there is any. Raises MissingNode if the state is not stored.
    """
    if root == EMPTY_ROOT:
        return [EMPTY_NODE], None
    seen: set[bytes] = set()
    total = 0

    def note(key: bytes) -> bytes | None:
        nonlocal total
        raw = record(key)
        if raw is not None and raw not in seen:
            seen.add(raw)
            total += len(raw)
        return raw

    last: bytes | None = None
    for key, _ in _walk(note, root, after):
        if total >= size:
            last = key
            break
    return sorted(seen), last


def verify_range(
    root: bytes, after: bytes | None, nodes: Sequence[bytes], last: bytes | None
) -> VerifiedRange:
    """Return the entries of `root` above `after` up to `last` (None: to the end).

    Raises ProofError if a node is missing, malformed, repeated or unused, or if `last` is not a key
    of the state above `after`.
    """
    if root == EMPTY_ROOT:
        if list(nodes) != [EMPTY_NODE] or last is not None:
            raise ProofError("an empty state has nothing to show")
        return VerifiedRange([], {}, None)
    by_hash: dict[bytes, bytes] = {}
    for node in nodes:
        digest = hash_256(node)
        if digest in by_hash:
            raise ProofError("a node stands twice in the proof")
        by_hash[digest] = node
    records: dict[bytes, bytes] = {}
    used: set[bytes] = set()

    def note(key: bytes) -> bytes | None:
        digest = key[KEY_HASH:]
        raw = by_hash.get(digest)
        if raw is not None:
            used.add(digest)
            records[key] = raw
        return raw

    entries: list[tuple[bytes, bytes]] = []
    ended = last is None
    try:
        for entry in _walk(note, root, after):
            if last is not None and entry[0] > last:
                break
            entries.append(entry)
            if entry[0] == last:
                ended = True
                break
    except MissingNode as missing:
        raise ProofError(f"the proof is incomplete: {missing}") from missing
    except (NodeError, ValueError) as broken:
        raise ProofError(f"the proof holds a malformed node: {broken}") from broken
    if not ended:
        raise ProofError("the range does not end with a key of the state")
    if len(used) != len(by_hash):
        raise ProofError("the proof holds nodes that nothing needs")
    return VerifiedRange(entries, records, last)


def _walk(record: Record, root: bytes, after: bytes | None) -> Iterator[tuple[bytes, bytes]]:
    """Yield the keys above `after` and their values; each node is looked up when it is reached."""
    trie = Trie(record, root)
    for key, held in trie.entries(after=after):
        yield key, trie.resolve(key, held)
