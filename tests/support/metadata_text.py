"""Metadata as text: one line for everything that a wallet can see, so that a change is a diff."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from btt_chain.scale.metadata import (
    CompositeDef,
    EnumRef,
    MapEntry,
    PalletMetadata,
    PortableField,
    PortableType,
    RuntimeMetadata,
    StorageEntry,
    VariantDef,
)
from btt_chain.scale.portable import Portable

UNSPLIT = ("Call", "Event", "Error")
"""Enums of pallets: they are written down with their pallet, not among the types."""


def text_of(metadata: RuntimeMetadata) -> str:
    """Return the text: pallets by index, then extensions, runtime APIs, and types by path."""
    book = Book(metadata)
    lines = [
        *(line for pallet in metadata.pallets for line in book.pallet(pallet)),
        *book.extrinsic(),
        *book.apis(),
        *book.types(),
    ]
    return "\n".join(lines) + "\n"


class Book:
    """Names of types, and what refers to them."""

    def __init__(self, metadata: RuntimeMetadata) -> None:
        self.metadata = metadata
        self.portable = Portable(metadata.types)

    def name(self, type_id: int) -> str:
        return self.portable.name(type_id)

    def field(self, field: PortableField) -> str:
        begin = f"{field.name}: " if field.name is not None else ""
        type_name = f" [{field.type_name}]" if field.type_name is not None else ""
        return begin + self.name(field.type) + type_name

    def body(self, fields: Sequence[PortableField]) -> str:
        return "(" + ", ".join(self.field(field) for field in fields) + ")" if fields else ""

    def variants(self, word: str, enum: EnumRef | None) -> Iterator[str]:
        if enum is None:
            return
        definition = self.portable.type(enum.type).definition
        assert isinstance(definition, VariantDef)
        for variant in definition.variants:
            yield f"  {word} {variant.index} {variant.name}{self.body(variant.fields)}"

    # ---- parts

    def pallet(self, pallet: PalletMetadata) -> Iterator[str]:
        yield f"pallet {pallet.index} {pallet.name}"
        if pallet.storage is not None:
            assert pallet.storage.prefix == pallet.name
            for entry in pallet.storage.entries:
                yield "  storage " + self.storage(entry)
        yield from self.variants("call", pallet.calls)
        yield from self.variants("event", pallet.event)
        yield from self.variants("error", pallet.error)
        for constant in pallet.constants:
            yield f"  const {constant.name}: {self.name(constant.type)} = 0x{constant.value.hex()}"
        yield ""

    def storage(self, entry: StorageEntry) -> str:
        default = f" {entry.modifier.name} 0x{entry.default.hex()}"
        kind = entry.type
        if isinstance(kind, MapEntry):
            hashers = ", ".join(hasher.name for hasher in kind.hashers)
            keys = f"[{hashers}] {self.name(kind.key)} -> "
            return f"{entry.name}: {keys}{self.name(kind.value)}{default}"
        return f"{entry.name}: {self.name(kind.value)}{default}"

    def extrinsic(self) -> Iterator[str]:
        extrinsic = self.metadata.extrinsic
        yield f"extrinsic version {extrinsic.version}"
        for extension in extrinsic.extensions:
            carried, implicit = self.name(extension.type), self.name(extension.implicit)
            yield f"  extension {extension.identifier}: {carried}, signs {implicit}"
        yield ""

    def apis(self) -> Iterator[str]:
        for api in self.metadata.apis:
            yield f"api {api.name}"
            for method in api.methods:
                takes = ", ".join(f"{part.name}: {self.name(part.type)}" for part in method.inputs)
                yield f"  {method.name}({takes}) -> {self.name(method.output)}"
            yield ""

    def types(self) -> Iterator[str]:
        named = sorted(
            (self.signature(kind), number)
            for number, kind in enumerate(self.metadata.types)
            if kind.path
            and not (
                kind.path[0].startswith(("pallet_", "frame_system"))
                and kind.path[1:2] == ["pallet"]
                and kind.path[-1] in UNSPLIT
            )
        )
        for signature, number in named:
            yield from self.definition(signature, self.metadata.types[number])

    def signature(self, kind: PortableType) -> str:
        params = ", ".join(
            f"{param.name}={'_' if param.type is None else self.name(param.type)}"
            for param in kind.params
        )
        return "::".join(kind.path) + (f"<{params}>" if params else "")

    def definition(self, signature: str, kind: PortableType) -> Iterator[str]:
        match kind.definition:
            case CompositeDef(fields):
                yield f"type {signature} {self.body(fields)}".rstrip()
            case VariantDef(variants):
                yield f"type {signature}"
                if kind.path[-1] == "Era":
                    yield f"  {len(variants)} variants, {variants[0].name} to {variants[-1].name}"
                    return
                for variant in variants:
                    yield f"  {variant.index} {variant.name}{self.body(variant.fields)}"
            case other:
                yield f"type {signature} {type(other).__name__}"
