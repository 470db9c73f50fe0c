"""Metadata: the description of this runtime for wallets, generated from the codecs in use.

It iterates over the pallets in the order of their indices; there is no separate description that
could become outdated. One description gives versions 14, 15 and 16.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from btt_chain.primitives import metadata_digest
from btt_chain.primitives.account import MultiAddress, MultiSignature
from btt_chain.scale import Codec, codec, u8, u32
from btt_chain.scale.codecs import tuple_of
from btt_chain.scale.metadata import (
    Constant,
    EnumRef,
    Extension,
    ExtrinsicMetadata,
    MapEntry,
    Method,
    OuterEnums,
    PalletMetadata,
    PalletStorage,
    Parameter,
    PlainEntry,
    RuntimeApi,
    RuntimeMetadata,
    StorageEntry,
    StorageHasher,
    StorageModifier,
    encode_metadata,
)
from btt_chain.scale.registry import TypeRegistry
from btt_chain.scale.shape import Composite, Field, Shape, VariantOf, VariantShape
from runtime.apis import core
from runtime.constants import DECIMALS
from runtime.extensions import EXTENSIONS, Extra
from runtime.frame import Pallet, Runtime
from runtime.frame import api as base
from runtime.frame.host import EVENT
from runtime.frame.items import StorageItem
from runtime.frame.runtime import CRATE, calls_codec, described, docs_of, errors_codec, events_codec
from runtime.pallets.system.pallet import System


def metadata(runtime: Runtime, version: int) -> bytes:
    """Return the metadata of a version (14, 15 or 16), with its magic in front."""
    return encode_metadata(describe(runtime), version)


def digest(runtime: Runtime) -> bytes:
    """Return the digest of the metadata that transactions may be signed over, 32 bytes."""
    facts = metadata_digest.ChainFacts(
        spec_name=runtime.version.spec_name.value,
        spec_version=int(runtime.version.spec_version),
        ss58_prefix=int(runtime.pallet(System).ss58_prefix),
        decimals=DECIMALS,
        symbol=runtime.symbol,
    )
    return metadata_digest.metadata_digest(describe(runtime), facts)


def describe(runtime: Runtime) -> RuntimeMetadata:
    """Return the description of a runtime, common to all versions."""
    runtime.bind()
    registry = TypeRegistry()
    pallets = sorted(runtime.pallets.values(), key=lambda pallet: pallet.index)
    number = registry.id_of
    described_pallets = [describe_pallet(registry, pallet) for pallet in pallets]
    return RuntimeMetadata(
        pallets=described_pallets,
        extrinsic=ExtrinsicMetadata(
            extensions=[
                Extension(name, number(carried), number(implicit))
                for name, carried, implicit in EXTENSIONS
            ],
            type=number(codec(core.UncheckedExtrinsic)),
            address=number(codec(MultiAddress)),
            call=number(runtime.call_codec),
            signature=number(codec(MultiSignature)),
            extra=number(codec(Extra)),
            by_version={u8(0): [u32(place) for place in range(len(EXTENSIONS))]},
        ),
        type=number(described(Shape(lambda: Composite(()), path=f"{CRATE}::Runtime"))),
        apis=[describe_api(registry, kind) for kind in core.apis_of(runtime)],
        outer=OuterEnums(
            call=number(runtime.call_codec), event=number(EVENT), error=number(all_errors(pallets))
        ),
        types=registry.types,
    )


def describe_pallet(registry: TypeRegistry, pallet: Pallet) -> PalletMetadata:
    """Return the metadata of one pallet."""
    docs = pallet.attribute_docs()
    storage = [
        describe_item(registry, item, docs.get(name, ())) for name, item in pallet.live_storage()
    ]
    constants = [
        Constant(
            name=name,
            type=registry.id_of(kind),
            value=kind.encode(value),
            docs=list(docs.get(attribute, ())),
        )
        for attribute, name, kind, value in pallet.live_constants()
    ]

    def reference(kind: Codec[Any], declared: object) -> EnumRef | None:
        return EnumRef(registry.id_of(kind)) if declared else None

    return PalletMetadata(
        name=pallet.name,
        index=u8(pallet.index),
        storage=PalletStorage(pallet.name, storage) if storage else None,
        calls=reference(calls_codec(pallet), pallet.CALLS),
        event=reference(events_codec(pallet), pallet.EVENTS),
        constants=constants,
        error=reference(errors_codec(pallet), pallet.ERRORS),
        docs=list(docs_of(type(pallet).__doc__ or "")),
    )


def describe_item(registry: TypeRegistry, item: StorageItem, docs: Iterable[str]) -> StorageEntry:
    """Return the metadata of one storage item."""
    shape = item.shape()
    value = registry.id_of(shape.value)
    kind: PlainEntry | MapEntry = PlainEntry(value)
    if shape.keys:
        hashers = [StorageHasher(hasher) for hasher, _ in shape.keys]
        keys = [key for _, key in shape.keys]
        key = keys[0] if len(keys) == 1 else tuple_of(*keys)
        kind = MapEntry(hashers, registry.id_of(key), value)
    optional = shape.default is None
    return StorageEntry(
        name=item.name,
        modifier=StorageModifier.Optional if optional else StorageModifier.Default,
        type=kind,
        default=shape.default or b"\0",
        docs=list(docs),
    )


def describe_api(registry: TypeRegistry, kind: type[base.RuntimeApi]) -> RuntimeApi:
    """Return the metadata of one runtime API."""
    return RuntimeApi(
        name=kind.__name__,
        methods=[
            Method(
                name=method.name,
                inputs=[Parameter(name, registry.id_of(part)) for name, part in method.inputs],
                output=registry.id_of(method.output),
                docs=list(docs_of(method.docs)),
            )
            for method in kind.METHODS.values()
        ],
        docs=list(docs_of(kind.__doc__ or "")),
        version=u32(kind.VERSION),
    )


def all_errors(pallets: Iterable[Pallet]) -> Codec[object]:
    """Return the description of the errors of all pallets together."""
    arms = [
        VariantShape(pallet.name, pallet.index, (Field(None, errors_codec(pallet)),))
        for pallet in pallets
        if pallet.ERRORS
    ]
    return described(Shape(lambda: VariantOf(tuple(arms)), path=f"{CRATE}::RuntimeError"))
