"""Roots of maps and lists that are not stored: a genesis state, the extrinsics of a block."""

from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence

from storage.trie.node import (
    DIGITS,
    HASHED_FROM,
    SLOT,
    Node,
    compact,
    encode,
    encode_leaf,
    hash_256,
)
from storage.trie.trie import EMPTY_ROOT, Trie

FEW = 16
"""Number of keys up to which the children of a node are found by looking at each key."""


def state_root(pairs: Mapping[bytes, bytes], version: int = 1) -> bytes:
    """Return the root of these keys and values in state version 0 or 1."""
    trie = Trie(lambda _: None, EMPTY_ROOT)
    for key, value in pairs.items():
        trie.put(key, value, version)
    return trie.seal().root


def ordered_root(values: Iterable[bytes], version: int = 0) -> bytes:
    """Return the root of a list: each value under the compact form of its index.

    A block's extrinsics root is this, in version 0, of its opaque extrinsics.
    """
    pairs = sorted((compact(index).hex(), value) for index, value in enumerate(values))
    if not pairs:
        return EMPTY_ROOT
    return hash_256(_Ordered(pairs, version).encoded(0, len(pairs), 0))


class _Ordered:
    """The trie of sorted keys, encoded from its leaves up: no node is kept."""

    def __init__(self, pairs: Sequence[tuple[str, bytes]], version: int) -> None:
        """`pairs` are paths, as hexadecimal text, and values."""
        self._paths = [path for path, _ in pairs]
        self._values = [value for _, value in pairs]
        self._hashes_from = HASHED_FROM if version else None

    def encoded(self, low: int, high: int, at: int) -> bytes:
        """Return the node with the keys from `low` to before `high`, which agree in `at` nibbles.

        The depth of the recursion is that of the keys: eight nibbles.
        """
        path = self._paths[low]
        if high - low == 1:
            return encode_leaf(path[at:], *self._held(low))
        # Sorted keys agree as far as the first and the last of them.
        end, last = at, self._paths[high - 1]
        while end < len(path) and path[end] == last[end]:
            end += 1
        value, hashed = None, False
        if len(path) == end:
            value, hashed = self._held(low)
            low += 1
        node = Node(path[at:end], [None] * 16, 0, value, hashed, None)
        refs = node.refs
        assert refs is not None  # noqa: S101  # a branch
        for first, stop in self._groups(low, high, end):
            slot = SLOT[self._paths[first][end]]
            raw = self.encoded(first, stop, end + 1)
            refs[slot] = bytes((len(raw) << 2,)) + raw if len(raw) < 32 else b"\x80" + hash_256(raw)
            node.bitmap |= 1 << slot
        return encode(node)

    def _held(self, place: int) -> tuple[bytes, bool]:
        """Return a value as its node has it, and True if that is its hash."""
        value = self._values[place]
        if self._hashes_from is not None and len(value) >= self._hashes_from:
            return hash_256(value), True
        return value, False

    def _groups(self, low: int, high: int, at: int) -> list[tuple[int, int]]:
        """Return the ranges of keys with the same nibble at `at`."""
        paths = self._paths
        if high - low <= FEW:
            starts = [
                place
                for place in range(low, high)
                if place == low or paths[place][at] != paths[place - 1][at]
            ]
        else:
            prefix = paths[low][:at]
            found = [bisect_left(paths, prefix + digit, low, high) for digit in DIGITS]
            starts = sorted({place for place in found if place < high})
        return list(zip(starts, [*starts[1:], high], strict=True))
