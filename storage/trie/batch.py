"""Many changes of a trie in one descent.

The changes are sorted, so each branch on their paths is entered once. Where leaves get other
values, or are added below a branch or beside another leaf, a branch is patched in its encoding,
from the leaves up: it is hashed at once, and no node is made of it. All other changes are those of
`Trie.put`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from hashlib import blake2b
from typing import Final

from storage.columns import NODE, node_prefix
from storage.trie.node import (
    HASH_MARK,
    HASH_REF,
    SLOT,
    Branch,
    Node,
    decode,
    encode,
    encode_leaf,
    parse_branch,
)
from storage.trie.records import Records

HASHED: Final = 32
"""Length from which on a node is referred to by its hash."""

MAX_DEPTH: Final = 192
"""Nibbles above which branches are not patched: that would be as many calls within each other."""

Stored = tuple[bytes, bool]
"""A value as stored in its node: the bytes and False, or their hash and True."""


Change = tuple[str, bytes, Stored, Stored | None]
"""A key as a path and in bytes, its new value, and the previous one if the caller knows it."""


class Batch:
    """A descent with sorted changes through the nodes of a trie."""

    __slots__ = ("_changes", "_enter", "_place", "_records", "old")

    def __init__(
        self,
        changes: Sequence[Change],
        records: Records,
        enter: Callable[[Node, int, str], Node],
        place: Callable[[Change], Stored | None],
    ) -> None:
        """`enter` and `place` are those of the trie: the child of a branch as a dirty node, and the
        change of one key.
        """
        self._changes = changes
        self._records = records
        self._enter = enter
        self._place = place
        self.old: dict[bytes, Stored | None] = {}
        """Previous values of the keys; None for those without."""

    def patch_root(self, root: bytes) -> tuple[bytes, int]:
        """Apply changes to a root that is not loaded, as far as its branches can be patched.

        Returns the new reference of the root node, and the place of the first change that is not
        made.
        """
        return self._patch(b"\x80" + root, "", 0, 0, len(self._changes))

    def run(self, top: Node, low: int = 0) -> None:
        """Apply the changes from `low` on below the dirty root node."""
        # Without recursion: keys may be long.
        ahead = [(top, "", low, len(self._changes))]
        while ahead:
            ahead += self._apply(*ahead.pop())

    def _apply(
        self, node: Node, start: str, low: int, high: int
    ) -> list[tuple[Node, str, int, int]]:
        """Apply the changes from `low` to before `high` at a dirty node; return those below it."""
        changes, below = self._changes, []
        refs, full = node.refs, start + node.partial
        at = len(full)
        if refs is None or not (
            changes[low][0].startswith(full) and changes[high - 1][0].startswith(full)
        ):
            self._one_by_one(low, high)
            return []
        if len(changes[low][0]) == at:  # the value of the branch itself
            self._one_by_one(low, low + 1)
            low += 1
        while low < high:
            digit = changes[low][0][at]
            stop = low + 1
            while stop < high and changes[stop][0][at] == digit:
                stop += 1
            slot, place = SLOT[digit], full + digit
            ref = refs[slot]
            if ref is not None and len(ref) == HASH_REF and slot not in (node.kids or ()):
                refs[slot], low = self._patch(ref, place, at + 1, low, stop)
            if low < stop:
                if refs[slot] is None:
                    self._one_by_one(low, stop)
                else:
                    below.append((self._enter(node, slot, place), place, low, stop))
            low = stop
        return below

    def _one_by_one(self, low: int, high: int) -> None:
        for change in self._changes[low:high]:
            self.old[change[1]] = self._place(change)

    def _patch(self, ref: bytes, start: str, depth: int, low: int, high: int) -> tuple[bytes, int]:
        """Set or add values at or below an unloaded child, as far as its encoding can be patched.

        `depth` is the length of its path. Returns its new reference, and the place of the first
        change that is not made.
        """
        records = self._records
        # As `node_prefix`, without a call: each block does this for dozens of nodes.
        prefix = NODE + bytes.fromhex(start + "1" if depth & 1 else start + "00")
        key = prefix + ref[1:]
        is_inline = ref[0] != HASH_MARK
        branch = None if is_inline else records.branch(key)
        if branch is None:
            if high - low == 1:
                leaf = self._replace_leaf(self._changes[low], start, depth, ref, prefix)
                if leaf is not None:
                    return leaf, high
            if is_inline:
                raw = ref[1:]
                if parse_branch(raw) is not None:
                    return ref, low
            else:
                raw, branch = records.load(key, start, ref)
            if branch is None:
                return self._grow_leaf(raw, start, ref, low, high)
        if not branch[2] or depth > MAX_DEPTH:
            return ref, low
        patched, done = self._patch_branch(branch, start, depth, low, high)
        if done == low:
            return ref, low
        return self._refer(start, ref, prefix, patched[0], patched), done

    def _patch_branch(
        self, branch: Branch, start: str, depth: int, low: int, high: int
    ) -> tuple[Branch, int]:
        """Return a branch with changed leaves below, and the first change not made."""
        raw, partial, bitmap, body, known = branch
        refs = None if known is None else list(known)
        changes, full = self._changes, start + partial
        at, first = depth + len(partial), changes[low][0]
        if first == full:  # the value of the branch itself
            return branch, low
        if first[:at] != full or changes[high - 1][0][:at] != full:
            return branch, low
        while low < high:
            digit = changes[low][0][at]
            stop = low + 1
            while stop < high and changes[stop][0][at] == digit:
                stop += 1
            bit = 1 << SLOT[digit]
            place = (bitmap & (bit - 1)).bit_count()
            begin = body + HASH_REF * place
            if not bitmap & bit:
                new = None if refs is not None else self._add_leaf(changes[low], full + digit)
                if new is None:
                    break
                bitmap |= bit
                raw = b"".join((
                    raw[: body - 2], bitmap.to_bytes(2, "little"), raw[body:begin], new, raw[begin:]
                ))  # fmt: skip
                low += 1
                if low == stop:
                    continue
            ref = raw[begin : begin + HASH_REF] if refs is None else refs[place]
            made, done = self._patch(ref, full + digit, at + 1, low, stop)
            if done > low:
                if refs is None and made[0] != HASH_MARK:
                    refs = children(raw, body)
                if refs is None:
                    raw = raw[:begin] + made + raw[begin + HASH_REF :]
                else:
                    refs[place] = made
            low = done
            if done < stop:
                break
        if refs is None:
            return (raw, partial, bitmap, body, None), low
        return (raw[:body] + b"".join(refs), partial, bitmap, body, tuple(refs)), low

    def _replace_leaf(
        self, change: Change, start: str, depth: int, ref: bytes, prefix: bytes
    ) -> bytes | None:
        """Replace the value of an unloaded leaf at this place; return its new reference.

        None if `ref` is not that of the expected leaf.
        """
        path, key, (new, hashed), guess = change
        if guess is None:
            return None
        old, was_hashed = guess
        partial = path[depth:]
        raw = encode_leaf(partial, old, was_hashed)
        if ref[1:] != (raw if len(raw) < HASHED else blake2b(raw, digest_size=32).digest()):
            return None
        size = len(new)
        if hashed is was_hashed and size == len(old):
            raw = raw[: len(raw) - size] + new
        else:
            raw = encode_leaf(partial, new, hashed)
        self.old[key] = guess
        if was_hashed:
            self._records.drop_value(key, old)
        return self._refer(start, ref, prefix, raw)

    def _grow_leaf(
        self, raw: bytes, start: str, ref: bytes, low: int, high: int
    ) -> tuple[bytes, int]:
        """Set the value of a loaded leaf, or put a branch in its place with it and a new leaf.

        Returns as `_patch` does.
        """
        path, key, (new, hashed), _ = self._changes[low]
        leaf = decode(raw, None)
        rest, partial, value = path[len(start) :], leaf.partial, leaf.value
        if len(start) > MAX_DEPTH or value is None:
            return ref, low
        prefix = node_prefix(start)
        if rest == partial:
            self.old[key] = value, leaf.hashed
            if leaf.hashed:
                self._records.drop_value(key, value)
            return self._refer(start, ref, prefix, encode_leaf(partial, new, hashed)), low + 1
        same = shared(rest, partial)
        if same in (len(rest), len(partial)):  # one key begins with the other
            return ref, low
        fork = Node(partial[:same], [None] * 16, 0, None, False, None)
        self._attach(fork, start, partial[same:], value, leaf.hashed)
        self._attach(fork, start, rest[same:], new, hashed)
        self.old[key] = None
        raw = encode(fork)
        made = self._refer(start, ref, prefix, raw, parse_branch(raw))
        low += 1
        return (made, low) if low == high else self._patch(made, start, len(start), low, high)

    def _attach(self, fork: Node, start: str, rest: str, value: bytes, hashed: bool) -> None:
        """Attach a leaf to a new branch; `rest` is its path from the end of that."""
        slot, refs = SLOT[rest[0]], fork.refs
        assert refs is not None  # noqa: S101  # a branch
        place = start + fork.partial + rest[0]
        refs[slot] = self._new_leaf(place, encode_leaf(rest[1:], value, hashed))
        fork.bitmap |= 1 << slot

    def _add_leaf(self, change: Change, start: str) -> bytes | None:
        """Add the leaf of a new key; return its reference, None if that would not be a hash."""
        path, key, (new, hashed), _ = change
        raw = encode_leaf(path[len(start) :], new, hashed)
        if len(raw) < HASHED:
            return None
        self.old[key] = None
        return self._new_leaf(start, raw)

    def _new_leaf(self, start: str, raw: bytes) -> bytes:
        """Return the reference of a leaf where the trie has no node, and note its record."""
        if len(raw) < HASHED:
            return bytes((len(raw) << 2,)) + raw
        digest = blake2b(raw, digest_size=32).digest()
        made = b"\x80" + digest
        self._records.add(start, made, node_prefix(start) + digest, raw)
        return made

    def _refer(
        self, start: str, ref: bytes, prefix: bytes, raw: bytes, branch: Branch | None = None
    ) -> bytes:
        """Return the reference of a node that replaces another one, and note its record.

        `branch` are its parts if it is one.
        """
        if len(raw) < HASHED:
            self._records.retire(start, ref)
            return bytes((len(raw) << 2,)) + raw
        digest = blake2b(raw, digest_size=32).digest()
        made = b"\x80" + digest
        if made != ref:
            self._records.replace(start, ref, made, prefix, raw, branch)
        return made


def children(raw: bytes, body: int) -> list[bytes]:
    """Return the references of a branch's children, all of them hashes."""
    return [raw[at : at + HASH_REF] for at in range(body, len(raw), HASH_REF)]


def shared(one: str, other: str) -> int:
    """Return the number of nibbles that two paths share at their beginning."""
    for at, (mine, theirs) in enumerate(zip(one, other, strict=False)):
        if mine != theirs:
            return at
    return min(len(one), len(other))
