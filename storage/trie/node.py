"""Trie nodes and their bytes, state versions 0 and 1.

    01xxxxxx leaf                    10xxxxxx branch without a value
    11xxxxxx branch with a value     001xxxxx leaf, value hashed (V1)
    0001xxxx branch, value hashed    00000000 the empty trie

The x bits count the nibbles of the partial key; if they are all ones, bytes follow and are added
until one is not 255. Then: packed partial key, child bitmap (u16, little endian), value (compact
length and bytes, or 32-byte hash), and each child as compact length and bytes: its encoding if
shorter than 32 bytes, otherwise its hash. Source: Polkadot spec 2.4.

A child in memory is a `Node`, or the bytes of its reference if it is not loaded.

Paths are hexadecimal text: a nibble is one character of `0123456789abcdef`, so that `key.hex()` is
the path of a key, a step is one character, and the order of texts is the order of keys. It is the
fastest way to cut and compare nibbles in Python.
"""

from __future__ import annotations

from hashlib import blake2b
from typing import Final

HASHED_FROM: Final = 33
"""Length from which on state version 1 stores values outside their node."""

HASH_REF: Final = 33
"""Length of a reference that is a hash: one length byte, 32 bytes."""

HASH_MARK: Final = 0x80
"""First byte of a reference that is a hash."""

EMPTY_NODE: Final = b"\x00"


class NodeError(ValueError):
    """These bytes are not a trie node."""


PENDING: Final = b"?"
"""Placeholder for the reference of a dirty child until the trie is sealed."""

Refs = list[bytes | None]


class Node:
    """One node: the nibbles of its partial key, children, value.

    A branch has the reference of each child in `refs` (16 places, the used ones in `bitmap`), and
    in `kids` those children that are loaded. `ref` is the
    reference of the node itself (length byte, then hash or inline encoding), None while it is
    dirty; `dirty` lists the slots of dirty children, and may contain one twice, or a removed one. A
    node with a `ref` is shared between tries: never changed, except that its children are loaded
    and dropped.
    """

    __slots__ = ("partial", "refs", "kids", "dirty", "bitmap", "value", "hashed", "ref")

    def __init__(
        self,
        partial: str,
        refs: Refs | None,
        bitmap: int,
        value: bytes | None,
        hashed: bool,
        ref: bytes | None,
    ) -> None:
        self.partial = partial
        self.refs = refs
        self.bitmap = bitmap
        self.kids: dict[int, Node] | None = None
        self.dirty: list[int] | None = None
        self.value = value
        self.hashed = hashed
        self.ref = ref


def hash_256(data: bytes) -> bytes:
    """Return blake2b with 32 bytes of output, the hash of chain and trie."""
    return blake2b(data, digest_size=32).digest()


def compact(number: int) -> bytes:
    """Return the SCALE compact form of a length. Raises NodeError from 2^30 on."""
    if number < 1 << 6:
        return bytes((number << 2,))
    if number < 1 << 14:
        return (number << 2 | 1).to_bytes(2, "little")
    if number < 1 << 30:
        return (number << 2 | 2).to_bytes(4, "little")
    raise NodeError(f"a value of {number} bytes is too long for the trie")


def read_compact(raw: bytes, at: int) -> tuple[int, int]:
    """Return a compact length and the position after it; it must be in its shortest form."""
    try:
        mode = raw[at] & 3
        if mode == 0:
            return raw[at] >> 2, at + 1
        size = 2 if mode == 1 else 4 if mode == 2 else 0
        word = raw[at : at + size]
        number = int.from_bytes(word, "little") >> 2
    except IndexError:
        raise NodeError("a length is cut short") from None
    if not size or len(word) != size:
        raise NodeError("a length is cut short or too large")
    if number < (1 << 6 if size == 2 else 1 << 14):
        raise NodeError("a length is not in its shortest form")
    return number, at + size


DIGITS: Final = "0123456789abcdef"
SLOT: Final = {digit: slot for slot, digit in enumerate(DIGITS)}
"""Child index of a digit."""

MAX_NIBBLES: Final = 0xFFFF
"""Maximum length of a node's partial key (Substrate stores it in a u16)."""


def pack(path: str) -> bytes:
    """Pack two nibbles to a byte; an odd count gets a leading zero (Polkadot spec 2.4.1)."""
    return bytes.fromhex("0" + path if len(path) & 1 else path)


def _header(prefix: int, bits: int, nibbles: int) -> bytes:
    mask = (1 << bits) - 1
    if nibbles < mask:
        return bytes((prefix | nibbles,))
    if nibbles > MAX_NIBBLES:
        raise NodeError(f"a partial key of {nibbles} nibbles is too long")
    full, rest = divmod(nibbles - mask, 255)
    return bytes((prefix | mask,)) + b"\xff" * full + bytes((rest,))


# Almost every header is short; these tables avoid computing it for each node of a block.
_LEAF = [_header(0x40, 6, n) for n in range(128)]
_LEAF_HASHED = [_header(0x20, 5, n) for n in range(128)]
_COMPACT = [bytes((size << 2,)) for size in range(64)]
_BRANCH = [_header(0x80, 6, n) for n in range(128)]
_BRANCH_VALUE = [_header(0xC0, 6, n) for n in range(128)]
_BRANCH_HASHED = [_header(0x10, 4, n) for n in range(128)]


def encode(node: Node) -> bytes:
    """Return the bytes of a node whose children all have their reference."""
    partial = node.partial
    count = len(partial)
    if count > 127:
        return _encode_long(node)
    value = node.value
    refs = node.refs
    if refs is None:
        if value is None:
            raise NodeError("a leaf has no value")
        return encode_leaf(partial, value, node.hashed)
    packed = bytes.fromhex("0" + partial if count & 1 else partial)
    bitmap = node.bitmap.to_bytes(2, "little")
    body = b"".join(filter(None, refs))
    if value is None:
        return _BRANCH[count] + packed + bitmap + body
    if node.hashed:
        return _BRANCH_HASHED[count] + packed + bitmap + value + body
    return _BRANCH_VALUE[count] + packed + bitmap + compact(len(value)) + value + body


def encode_leaf(partial: str, value: bytes, hashed: bool) -> bytes:
    """Return the bytes of a leaf."""
    count = len(partial)
    if count > 127:
        return _encode_long(Node(partial, None, 0, value, hashed, None))
    packed = bytes.fromhex("0" + partial if count & 1 else partial)
    if hashed:
        return _LEAF_HASHED[count] + packed + value
    size = len(value)
    return _LEAF[count] + packed + (_COMPACT[size] if size < 64 else compact(size)) + value


def _encode_long(node: Node) -> bytes:
    """Return the bytes of a node like `encode`, for partial keys of any length."""
    count = len(node.partial)
    value = node.value
    inline = b"" if value is None else value if node.hashed else compact(len(value)) + value
    packed = pack(node.partial)
    if node.refs is None:
        head = _header(0x20, 5, count) if node.hashed else _header(0x40, 6, count)
        return head + packed + inline
    if value is None:
        head = _header(0x80, 6, count)
    elif node.hashed:
        head = _header(0x10, 4, count)
    else:
        head = _header(0xC0, 6, count)
    bitmap = node.bitmap.to_bytes(2, "little")
    return head + packed + bitmap + inline + b"".join(filter(None, node.refs))


def decode(raw: bytes, ref: bytes | None) -> Node:
    """Decode a node, with `ref` as its reference.

    Strict: raises NodeError on truncated, trailing, unknown or non-canonical bytes.
    """
    try:
        node, end = _decode(raw, ref)
    except IndexError:
        raise NodeError("a node is cut short") from None
    if end != len(raw):
        raise NodeError("a node is cut short or has bytes left over")
    return node


def _decode(raw: bytes, ref: bytes | None) -> tuple[Node, int]:
    first = raw[0]
    if first & 0xC0:
        kind, mask = first & 0xC0, 0x3F
    elif first & 0x20:
        kind, mask = 0x20, 0x1F
    elif first & 0x10:
        kind, mask = 0x10, 0x0F
    else:
        raise NodeError(f"0x{first:02x} starts no node")
    count = first & mask
    at = 1
    if count == mask:
        count, at = _long_count(raw, count)
    end = at + (count + 1 >> 1)
    partial = raw[at:end].hex()
    if count & 1:
        if partial[:1] != "0":
            raise NodeError("the padding of a partial key is not zero")
        partial = partial[1:]
    if len(partial) != count:
        raise NodeError("a partial key is cut short")
    at = end
    hashed = kind in (0x20, 0x10)
    if kind in (0x40, 0x20):
        value, at = _value(raw, at, hashed)
        return Node(partial, None, 0, value, hashed, ref), at
    bitmap = raw[at] | raw[at + 1] << 8
    at += 2
    found: bytes | None = None
    if kind != 0x80:
        found, at = _value(raw, at, hashed)
    if bitmap == 0:
        raise NodeError("a branch has no children")
    refs, at = _references(raw, at, bitmap)
    return Node(partial, refs, bitmap, found, hashed, ref), at


Branch = tuple[bytes, str, int, int, tuple[bytes, ...] | None]
"""An encoded branch, its partial key, its bitmap, the position of its first child, and the
references of its children; None for these if all are hashes.
"""


def parse_branch(raw: bytes) -> Branch | None:
    """Return the parts of a node if it is a branch, else None."""
    first = raw[0]
    if first & 0xC0 == 0x40 or first & 0xE0 == 0x20:  # a leaf
        return None
    count = first & 0x3F
    if first & 0xC0 != 0x80 or count == 0x3F:
        return _parse_any(raw)
    end = 1 + (count + 1 >> 1)
    bitmap = raw[end] | raw[end + 1] << 8
    children = bitmap.bit_count()
    body = end + 2
    if len(raw) != body + HASH_REF * children or raw[body::HASH_REF].count(0x80) != children:
        return _parse_any(raw)
    return raw, raw[1:end].hex()[count & 1 :], bitmap, body, None


def _parse_any(raw: bytes) -> Branch:
    """Return the parts of a branch with a value, a long partial key, or children in it."""
    node = decode(raw, None)
    refs = tuple(filter(None, node.refs or ()))
    return raw, node.partial, node.bitmap, len(raw) - sum(map(len, refs)), refs


def _references(raw: bytes, at: int, bitmap: int) -> tuple[Refs, int]:
    slots = _SLOTS.get(bitmap)
    if slots is None:
        slots = _SLOTS[bitmap] = [slot for slot in range(16) if bitmap >> slot & 1]
    refs: Refs = [None] * 16
    end = at + HASH_REF * len(slots)
    if len(raw) == end and raw[at:end:HASH_REF].count(0x80) == len(slots):
        # All children are hashes: nearly every branch of a large trie.
        found = [raw[place : place + HASH_REF] for place in range(at, end, HASH_REF)]
        if len(slots) == 16:
            return list(found), end
        for slot, ref in zip(slots, found, strict=True):
            refs[slot] = ref
        return refs, end
    for slot in slots:
        size = raw[at]
        # Inline children are shorter than 32 bytes, so the length is always one byte.
        if size & 3 or size > 0x80 or size == 0:
            raise NodeError("a child is neither inline nor a hash")
        end = at + 1 + (size >> 2)
        refs[slot] = raw[at:end]
        at = end
    return refs, at


_SLOTS: dict[int, list[int]] = {}  # bitmap -> places used; at most 2^16 short lists


def _long_count(raw: bytes, count: int) -> tuple[int, int]:
    at = 1
    while True:
        more = raw[at]
        at += 1
        count += more
        if count > MAX_NIBBLES:
            raise NodeError("a partial key is too long")
        if more != 255:
            return count, at


def _value(raw: bytes, at: int, hashed: bool) -> tuple[bytes, int]:
    if hashed:
        size = 32
    else:
        size, at = read_compact(raw, at)
    end = at + size
    if end > len(raw):
        raise NodeError("a value is cut short")
    return raw[at:end], end
