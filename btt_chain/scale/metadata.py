"""Runtime metadata: a chain's description of its types, calls, events and storage.

One description, three wire forms. The classes here hold the fields of all versions; each version's
codec encodes its own part. `encode_metadata` and `decode_metadata` are exact inverses: what was
decoded encodes to the same bytes.
Source: frame-metadata (V14, V15, V16) and scale-info (the portable registry).
"""

from __future__ import annotations

from dataclasses import field
from enum import IntEnum
from functools import cache
from typing import Annotated, Final, TypeAlias

from btt_chain.lazyclass import dataclass
from btt_chain.scale.base import AnyCodec, Codec
from btt_chain.scale.bounded import Compact, Fixed
from btt_chain.scale.codecs import mapping, record, vec
from btt_chain.scale.derive import codec
from btt_chain.scale.enums import option
from btt_chain.scale.errors import DecodeError, EncodeError
from btt_chain.scale.uint import u8, u32
from btt_chain.scale.variant import Variant

MAGIC: Final = b"meta"
VERSIONS: Final = (14, 15, 16)

TypeId: TypeAlias = Compact[u32]
"""Index of a type in the registry."""

# --- the portable registry ----------------------------------------------------


class PrimitiveKind(IntEnum):
    """The types that all others are composed of."""

    bool = 0
    char = 1
    str = 2
    u8 = 3
    u16 = 4
    u32 = 5
    u64 = 6
    u128 = 7
    u256 = 8
    i8 = 9
    i16 = 10
    i32 = 11
    i64 = 12
    i128 = 13
    i256 = 14


@dataclass(slots=True)
class PortableField:
    """A field of a struct or variant."""

    name: str | None
    type: TypeId
    type_name: str | None = None
    docs: list[str] = field(default_factory=list)


@dataclass(slots=True)
class PortableVariant:
    """One alternative of an enum."""

    name: str
    fields: list[PortableField]
    index: u8
    docs: list[str] = field(default_factory=list)


class CompositeDef(Variant, index=0):
    """A struct."""

    fields: list[PortableField]


class VariantDef(Variant, index=1):
    """An enum."""

    variants: list[PortableVariant]


class SequenceDef(Variant, index=2):
    """A list of any length."""

    item: TypeId


class ArrayDef(Variant, index=3):
    """A list of fixed length."""

    size: u32
    item: TypeId


class TupleDef(Variant, index=4):
    """A tuple of parts."""

    items: list[TypeId]


class PrimitiveDef(Variant, index=5):
    """A primitive type."""

    kind: PrimitiveKind


class CompactDef(Variant, index=6):
    """A compact integer."""

    inner: TypeId


class BitSequenceDef(Variant, index=7):
    """A bit sequence."""

    store: TypeId
    order: TypeId


TypeDef: TypeAlias = (
    CompositeDef
    | VariantDef
    | SequenceDef
    | ArrayDef
    | TupleDef
    | PrimitiveDef
    | CompactDef
    | BitSequenceDef
)


@dataclass(slots=True)
class TypeParameter:
    """A type parameter; None where a type has no meaning for the wire."""

    name: str
    type: TypeId | None


@dataclass(slots=True)
class PortableType:
    """One type of the registry."""

    path: list[str]
    params: list[TypeParameter]
    definition: TypeDef
    docs: list[str] = field(default_factory=list)


@dataclass(slots=True)
class _Numbered:
    id: TypeId
    type: PortableType


# --- deprecation (V16) --------------------------------------------------------


class NotDeprecated(Variant, index=0):
    """Not deprecated."""


class DeprecatedWithoutNote(Variant, index=1):
    """Deprecated, without a reason."""


class Deprecated(Variant, index=2):
    """Deprecated; `note` is the reason, `since` the first version."""

    note: str
    since: str | None


Deprecation: TypeAlias = NotDeprecated | DeprecatedWithoutNote | Deprecated
VariantDeprecation: TypeAlias = DeprecatedWithoutNote | Deprecated

_IN_USE: Final = NotDeprecated()

# --- pallets ------------------------------------------------------------------


class StorageHasher(IntEnum):
    """The hash of a part of a storage key."""

    Blake2_128 = 0
    Blake2_256 = 1
    Blake2_128Concat = 2
    Twox128 = 3
    Twox256 = 4
    Twox64Concat = 5
    Identity = 6


class StorageModifier(IntEnum):
    """The meaning of an absent entry: nothing, or the default."""

    Optional = 0
    Default = 1


class PlainEntry(Variant, index=0):
    """One value."""

    value: TypeId


class MapEntry(Variant, index=1):
    """A value for each key; with several hashers the key is a tuple of as many parts."""

    hashers: list[StorageHasher]
    key: TypeId
    value: TypeId


@dataclass(slots=True)
class StorageEntry:
    """One storage item. `default` is an encoded value."""

    name: str
    modifier: StorageModifier
    type: PlainEntry | MapEntry
    default: bytes
    docs: list[str] = field(default_factory=list)
    deprecation: Deprecation = _IN_USE


@dataclass(slots=True)
class PalletStorage:
    """The storage items of a pallet, under the prefix of their keys."""

    prefix: str
    entries: list[StorageEntry]


@dataclass(slots=True)
class EnumRef:
    """A pallet's enum of calls, events or errors, and which of its variants are deprecated."""

    type: TypeId
    deprecation: dict[u8, VariantDeprecation] = field(default_factory=dict)


@dataclass(slots=True)
class Constant:
    """A constant. `value` is encoded."""

    name: str
    type: TypeId
    value: bytes
    docs: list[str] = field(default_factory=list)
    deprecation: Deprecation = _IN_USE


@dataclass(slots=True)
class AssociatedType:
    """An associated type of a pallet's configuration."""

    name: str
    type: TypeId
    docs: list[str] = field(default_factory=list)


@dataclass(slots=True)
class Parameter:
    """A parameter of a function."""

    name: str
    type: TypeId


@dataclass(slots=True)
class ViewFunction:
    """A view function of a pallet."""

    id: Annotated[bytes, Fixed(32)]
    name: str
    inputs: list[Parameter]
    output: TypeId
    docs: list[str] = field(default_factory=list)
    deprecation: Deprecation = _IN_USE


@dataclass(slots=True)
class PalletMetadata:
    """The description of one pallet."""

    name: str
    index: u8
    storage: PalletStorage | None = None
    calls: EnumRef | None = None
    event: EnumRef | None = None
    constants: list[Constant] = field(default_factory=list)
    error: EnumRef | None = None
    associated_types: list[AssociatedType] = field(default_factory=list)
    view_functions: list[ViewFunction] = field(default_factory=list)
    docs: list[str] = field(default_factory=list)
    deprecation: Deprecation = _IN_USE


# --- extrinsics, runtime calls, the whole ---------------------------------------


@dataclass(slots=True)
class Extension:
    """A transaction extension: its parts of the extrinsic and of the signing payload."""

    identifier: str
    type: TypeId
    implicit: TypeId


@dataclass(slots=True)
class ExtrinsicMetadata:
    """The form of extrinsics.

    `type` is the unchecked extrinsic (V14). `address` to `extra` are its parameters (V15 on; V16
    without `extra`). `by_version` (V16) lists, for each extension version, its extensions, by
    position. Fields that a version lacks are None or empty after decoding it.
    """

    extensions: list[Extension]
    type: u32 | None = None
    address: u32 | None = None
    call: u32 | None = None
    signature: u32 | None = None
    extra: u32 | None = None
    version: u8 = u8(4)
    versions: bytes = b"\4"
    by_version: dict[u8, list[TypeId]] = field(default_factory=dict)


@dataclass(slots=True)
class Method:
    """One runtime call of an API."""

    name: str
    inputs: list[Parameter]
    output: TypeId
    docs: list[str] = field(default_factory=list)
    deprecation: Deprecation = _IN_USE


@dataclass(slots=True)
class RuntimeApi:
    """A group of runtime calls."""

    name: str
    methods: list[Method]
    docs: list[str] = field(default_factory=list)
    version: u32 = u32(1)
    deprecation: Deprecation = _IN_USE


@dataclass(slots=True)
class OuterEnums:
    """The enums of all pallets' calls, events and errors."""

    call: TypeId
    event: TypeId
    error: TypeId


@dataclass(slots=True)
class CustomValue:
    """A value with a meaning of this chain only."""

    type: TypeId
    value: bytes


@dataclass(slots=True)
class RuntimeMetadata:
    """The description of a runtime. `type` is the runtime's own (V14, V15)."""

    types: list[PortableType]
    pallets: list[PalletMetadata]
    extrinsic: ExtrinsicMetadata
    type: u32 | None = None
    apis: list[RuntimeApi] = field(default_factory=list)
    outer: OuterEnums | None = None
    custom: dict[str, CustomValue] = field(default_factory=dict)


# --- wire forms -----------------------------------------------------------------

_STR = codec(str)
_ID = codec(Compact[u32])
_DOCS = codec(list[str])
_BYTES = codec(bytes)
_BYTE = codec(u8)
_DEPRECATION = codec(Deprecation)


def _types() -> Codec[list[PortableType]]:
    numbered = codec(list[_Numbered])

    def encode(types: list[PortableType]) -> bytes:
        return numbered.encode([_Numbered(u32(i), kind) for i, kind in enumerate(types)])

    def decode(raw: bytes, at: int) -> tuple[list[PortableType], int]:
        found, end = numbered.decode(raw, at)
        if [entry.id for entry in found] != list(range(len(found))):
            raise DecodeError("PortableRegistry", at, "the types are not numbered in order")
        return [entry.type for entry in found], end

    return Codec("PortableRegistry", encode, decode, numbered.shape, 1)


def _pallet(version: int) -> Codec[PalletMetadata]:
    late = {"deprecation": _DEPRECATION} if version >= 16 else {}
    entry = record(
        StorageEntry,
        "StorageEntry",
        name=_STR,
        modifier=codec(StorageModifier),
        type=codec(PlainEntry | MapEntry),
        default=_BYTES,
        docs=_DOCS,
        **late,
    )
    constant = record(Constant, "Constant", name=_STR, type=_ID, value=_BYTES, docs=_DOCS, **late)
    by_index = mapping(_BYTE, codec(VariantDeprecation))
    marks: dict[str, AnyCodec] = {"deprecation": by_index} if version >= 16 else {}
    enum = option(record(EnumRef, "EnumRef", type=_ID, **marks))
    storage = record(PalletStorage, "PalletStorage", prefix=_STR, entries=vec(entry))
    parts: dict[str, AnyCodec] = {
        "name": _STR,
        "storage": option(storage),
        "calls": enum,
        "event": enum,
        "constants": vec(constant),
        "error": enum,
    }
    if version >= 16:
        parts["associated_types"] = codec(list[AssociatedType])
        parts["view_functions"] = codec(list[ViewFunction])
    parts["index"] = _BYTE
    if version >= 15:
        parts["docs"] = _DOCS
    return record(PalletMetadata, "PalletMetadata", **parts, **late)


def _api(version: int) -> Codec[RuntimeApi]:
    late = {"deprecation": _DEPRECATION} if version >= 16 else {}
    method = record(
        Method,
        "Method",
        name=_STR,
        inputs=codec(list[Parameter]),
        output=_ID,
        docs=_DOCS,
        **late,
    )
    number = {"version": _ID} if version >= 16 else {}
    return record(
        RuntimeApi, "RuntimeApi", name=_STR, methods=vec(method), docs=_DOCS, **number, **late
    )


def _extrinsic(version: int) -> Codec[ExtrinsicMetadata]:
    ids: dict[str, AnyCodec] = dict.fromkeys(("address", "call", "signature"), _ID)
    parts: dict[str, AnyCodec]
    if version == 14:
        parts = {"type": _ID, "version": _BYTE}
    elif version == 15:
        parts = {"version": _BYTE, **ids, "extra": _ID}
    else:
        parts = {"versions": _BYTES, **ids, "by_version": codec(dict[u8, list[TypeId]])}
    parts["extensions"] = codec(list[Extension])
    return record(ExtrinsicMetadata, "ExtrinsicMetadata", **parts)


@cache
def _metadata(version: int) -> Codec[RuntimeMetadata]:
    """Return the codec of one version; made when it is first used, as a client needs one or two."""
    parts: dict[str, AnyCodec] = {
        "types": _types(),
        "pallets": vec(_pallet(version)),
        "extrinsic": _extrinsic(version),
    }
    if version <= 15:
        parts["type"] = _ID
    if version >= 15:
        parts["apis"] = vec(_api(version))
        parts["outer"] = codec(OuterEnums)
        parts["custom"] = codec(dict[str, CustomValue])
    return record(RuntimeMetadata, f"RuntimeMetadataV{version}", **parts)


def encode_metadata(metadata: RuntimeMetadata, version: int) -> bytes:
    """Return the metadata after its magic and version; `EncodeError` if a part is missing."""
    if version not in VERSIONS:
        raise EncodeError("metadata", f"there is no version {version} here")
    needed: dict[str, object] = {}
    if version <= 15:
        needed["type"] = metadata.type
    if version >= 15:
        needed["outer"] = metadata.outer
    used = {14: ("type",), 15: ("address", "call", "signature", "extra"),
            16: ("address", "call", "signature")}[version]  # fmt: skip
    needed |= {f"extrinsic.{name}": getattr(metadata.extrinsic, name) for name in used}
    missing = [name for name, value in needed.items() if value is None]
    if missing:
        raise EncodeError(f"metadata V{version}", f"{', '.join(missing)} missing")
    return MAGIC + bytes((version,)) + _metadata(version).encode(metadata)


def decode_metadata(raw: bytes) -> tuple[int, RuntimeMetadata]:
    """Return the version and content of metadata; `DecodeError` if its version is not supported."""
    if raw[:4] != MAGIC or len(raw) < 5:
        raise DecodeError("metadata", 0, "it does not begin with the magic word")
    version = raw[4]
    if version not in VERSIONS:
        raise DecodeError("metadata", 4, f"there is no version {version} here")
    metadata, end = _metadata(version).decode(raw, 5)
    if end != len(raw):
        raise DecodeError("metadata", end, f"{len(raw) - end} bytes too many")
    return version, metadata
