"""The digest of a runtime's metadata that transactions may be signed over (RFC-78).

A device without a connection shows a transaction by a few types of the metadata, each with its
proof under this digest. The runtime puts its own digest under the signature, so a transaction that
was shown by other metadata is invalid.

    types that an extrinsic can contain ── numbered in order, an enum's variants one by one
        ── blake3 of each ── binary tree ── root ┐
    form of the extrinsic ── blake3 ─────────────┼─ with name, version, prefix and money ── blake3
Source: polkadot-fellows/RFCs, text/0078-merkleized-metadata.md.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from btt_chain.crypto.hashing import blake3_256
from btt_chain.lazyclass import dataclass
from btt_chain.scale import codec, compact_encode
from btt_chain.scale.codecs import STR
from btt_chain.scale.metadata import (
    ArrayDef,
    BitSequenceDef,
    CompactDef,
    CompositeDef,
    PortableField,
    PortableType,
    PortableVariant,
    PrimitiveDef,
    PrimitiveKind,
    RuntimeMetadata,
    SequenceDef,
    TupleDef,
    TypeDef,
    VariantDef,
)

VERSION: Final = b"\1"
"""Version of the digest's form."""
SIGNED_VERSION: Final = b"\4"
"""Version of the extrinsics that are signed over it."""

VOID: Final = b"\x15"
"""Reference to a type without bytes."""
BY_ID: Final = b"\x16"
_COMPACT: Final = {
    PrimitiveKind.u8: b"\x0f", PrimitiveKind.u16: b"\x10", PrimitiveKind.u32: b"\x11",
    PrimitiveKind.u64: b"\x12", PrimitiveKind.u128: b"\x13", PrimitiveKind.u256: b"\x14",
}  # fmt: skip
_STORES: Final = {
    PrimitiveKind.u8: b"\1", PrimitiveKind.u16: b"\2", PrimitiveKind.u32: b"\4",
    PrimitiveKind.u64: b"\x08",
}  # fmt: skip
_NAMES = codec(list[str])


class DigestError(ValueError):
    """The metadata have no digest; the message names the part that is missing or wrong."""


@dataclass(frozen=True, slots=True)
class ChainFacts:
    """Name and version of the runtime, and form of addresses and amounts, for signing devices."""

    spec_name: str
    spec_version: int
    ss58_prefix: int
    decimals: int
    symbol: str


def metadata_digest(metadata: RuntimeMetadata, facts: ChainFacts) -> bytes:
    """Return the digest, 32 bytes. Raises DigestError."""
    try:
        types = _Types(metadata)
        root = tree_root([blake3_256(leaf) for leaf in types.leaves()])
        form = blake3_256(types.extrinsic())
    except (LookupError, RecursionError) as error:
        raise DigestError(f"the metadata contradict themselves: {error}") from None
    return blake3_256(
        VERSION
        + root
        + form
        + facts.spec_version.to_bytes(4, "little")
        + STR.encode(facts.spec_name)
        + facts.ss58_prefix.to_bytes(2, "little")
        + facts.decimals.to_bytes(1, "little")
        + STR.encode(facts.symbol)
    )


def tree_root(leaves: Iterable[bytes]) -> bytes:
    """Return the root over hashes; zeros if there are none.

    The last two become one in front, until one is left.
    """
    nodes = deque(leaves)
    while len(nodes) > 1:
        right, left = nodes.pop(), nodes.pop()
        nodes.appendleft(blake3_256(left + right))
    return nodes.pop() if nodes else bytes(32)


class _Types:
    """The types of one runtime that an extrinsic can contain, in their form in the tree."""

    def __init__(self, metadata: RuntimeMetadata) -> None:
        self._all: Sequence[PortableType] = metadata.types
        self._extensions = metadata.extrinsic.extensions
        self._parts = _parts(metadata)
        roots = [*self._parts]
        for extension in self._extensions:
            roots += [extension.type, extension.implicit]
        kept = sorted(self._reachable(roots))
        self._ids = {frame: compact_encode(id) for id, frame in enumerate(kept)}

    def extrinsic(self) -> bytes:
        """Return the form of signed extrinsics."""
        address, call, signature = map(self._ref, self._parts)
        rows = [
            STR.encode(each.identifier) + self._ref(each.type) + self._ref(each.implicit)
            for each in self._extensions
        ]
        return SIGNED_VERSION + address + call + signature + _vec(rows)

    def leaves(self) -> Iterator[bytes]:
        """Yield the leaves in order: a type, or a variant of one, each."""
        for frame, id in self._ids.items():
            kind = self._all[frame]
            path = _NAMES.encode(kind.path)
            for body in self._bodies(kind.definition):
                yield path + body + id

    def _bodies(self, definition: TypeDef) -> Iterator[bytes]:
        match definition:
            case CompositeDef(fields):
                yield b"\0" + self._fields(fields)
            case VariantDef(variants):
                for variant in sorted(variants, key=_index):
                    name, inside = STR.encode(variant.name), self._fields(variant.fields)
                    yield b"\1" + name + inside + compact_encode(variant.index)
            case SequenceDef(item):
                yield b"\2" + self._ref(item)
            case ArrayDef(size, item):
                yield b"\3" + size.to_bytes(4, "little") + self._ref(item)
            case TupleDef(items):
                yield b"\4" + _vec([self._ref(item) for item in items])
            case BitSequenceDef(store, order):
                yield b"\5" + self._store(store) + self._order(order)

    def _fields(self, fields: Sequence[PortableField]) -> bytes:
        return _vec(
            [_optional(each.name) + self._ref(each.type) + _optional(each.type_name)
             for each in fields]
        )  # fmt: skip

    def _ref(self, frame: int) -> bytes:
        """Return a reference: one byte for a primitive, a compact number or nothing, else an id."""
        match self._all[frame].definition:
            case PrimitiveDef(kind):
                return bytes((kind,))
            case CompactDef(inner):
                number = self._primitive(inner)
                if number is not None and number not in _COMPACT:
                    raise DigestError(f"type {frame} is a compact of {number.name}")
                return VOID if number is None else _COMPACT[number]
        return BY_ID + self._ids[frame] if frame in self._ids else VOID

    def _primitive(self, frame: int) -> PrimitiveKind | None:
        """Return the primitive inside of nested structs of one field; None if it is empty."""
        match self._all[frame].definition:
            case PrimitiveDef(kind):
                return kind
            case CompositeDef([]) | TupleDef([]):
                return None
            case CompositeDef([only]):
                return self._primitive(only.type)
            case TupleDef([item]):
                return self._primitive(item)
        raise DigestError(f"type {frame} is not a number")

    def _store(self, frame: int) -> bytes:
        kind = self._primitive(frame)
        if kind not in _STORES:
            raise DigestError(f"bits are stored in type {frame}, which is not a number")
        return _STORES[kind]

    def _order(self, frame: int) -> bytes:
        path = self._all[frame].path
        if "Lsb0" not in path and "Msb0" not in path:
            raise DigestError(f"type {frame} is not an order of bits")
        return b"\1" if "Lsb0" in path else b"\0"

    def _reachable(self, roots: Iterable[int]) -> set[int]:
        """Return the types that need a number: no primitives, no compacts, nothing empty."""
        found: set[int] = set()
        left = list(roots)
        while left:
            frame = left.pop()
            if frame in found:
                continue
            inner = _inner(self._all[frame].definition)
            if inner is not None:
                found.add(frame)
                left += inner
        return found


def _parts(metadata: RuntimeMetadata) -> tuple[int, int, int]:
    """Return the types of an extrinsic's address, call and signature."""
    extrinsic = metadata.extrinsic
    found = (extrinsic.address, extrinsic.call, extrinsic.signature)
    if extrinsic.type is not None and None in found:  # V14 has them as parameters of a type
        params = {each.name: each.type for each in metadata.types[extrinsic.type].params}
        found = (params.get("Address"), params.get("Call"), params.get("Signature"))
    address, call, signature = found
    if address is None or call is None or signature is None:
        raise DigestError("the metadata do not describe extrinsics")
    return address, call, signature


def _inner(definition: TypeDef) -> list[int] | None:
    """Return the types inside of one that has a number; None if it has none."""
    match definition:
        case CompositeDef([]) | VariantDef([]) | TupleDef([]) | PrimitiveDef() | CompactDef():
            return None
        case CompositeDef(fields):
            return [each.type for each in fields]
        case VariantDef(variants):
            return [each.type for variant in variants for each in variant.fields]
        case SequenceDef(item) | ArrayDef(_, item):
            return [item]
        case TupleDef(items):
            return list(items)
        case BitSequenceDef():
            return []


def _index(variant: PortableVariant) -> int:
    return variant.index


def _optional(text: str | None) -> bytes:
    return b"\0" if text is None else b"\1" + STR.encode(text)


def _vec(items: Sequence[bytes]) -> bytes:
    return compact_encode(len(items)) + b"".join(items)
