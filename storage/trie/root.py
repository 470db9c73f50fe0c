"""Roots of maps and lists that are not stored: a genesis state, the extrinsics of a block."""

from collections.abc import Iterable, Mapping

from storage.trie.node import compact
from storage.trie.trie import EMPTY_ROOT, Trie


def state_root(pairs: Mapping[bytes, bytes], version: int = 1) -> bytes:
    """Return the root of these keys and values in state version 0 or 1."""
    return _root(pairs.items(), version)


def ordered_root(values: Iterable[bytes], version: int = 0) -> bytes:
    """Return the root of a list: each value under the compact form of its index.

    A block's extrinsics root is this, in version 0, of its opaque extrinsics.
    """
    return _root(((compact(index), value) for index, value in enumerate(values)), version)


def _root(pairs: Iterable[tuple[bytes, bytes]], version: int) -> bytes:
    trie = Trie(lambda _: None, EMPTY_ROOT)
    for key, value in pairs:
        trie.put(key, value, version)
    return trie.seal().root
