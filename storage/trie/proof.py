"""Read proofs: the nodes that prove the values of some keys under a root.

A proof is the list of distinct node encodings (and of values stored outside their node) that a
lookup of the keys loads, sorted; it proves absence as well as presence.
"""

from collections.abc import Iterable

from storage.columns import KEY_HASH
from storage.trie.node import EMPTY_NODE, NodeError, hash_256
from storage.trie.trie import EMPTY_ROOT, MissingNode, Record, Trie


class ProofError(ValueError):
    """A proof is invalid: a node is missing, repeated or malformed, for example."""


def read_proof(record: Record, root: bytes, keys: Iterable[bytes]) -> list[bytes]:
    """Return the proof of `keys` under `root`. Raises MissingNode if the state is not stored."""
    if root == EMPTY_ROOT:
        return [EMPTY_NODE]
    seen: set[bytes] = set()

    def note(key: bytes) -> bytes | None:
        raw = record(key)
        if raw is not None:
            seen.add(raw)
        return raw

    trie = Trie(note, root)
    for key in keys:
        trie.get(key)
    return sorted(seen)


def verify_proof(
    root: bytes, nodes: Iterable[bytes], keys: Iterable[bytes]
) -> dict[bytes, bytes | None]:
    """Return the values of `keys` under `root`, None for a key that is absent.

    Nodes that no key needs are ignored. Raises ProofError.
    """
    by_hash: dict[bytes, bytes] = {}
    for node in nodes:
        digest = hash_256(node)
        if digest in by_hash:
            raise ProofError("a node stands twice in the proof")
        by_hash[digest] = node
    try:
        trie = Trie(lambda key: by_hash.get(key[KEY_HASH:]), root)
        return {key: trie.get(key) for key in keys}
    except MissingNode as missing:
        raise ProofError(f"the proof is incomplete: {missing}") from missing
    except NodeError as broken:
        raise ProofError(f"the proof holds a malformed node: {broken}") from broken
