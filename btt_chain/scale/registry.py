"""The portable registry: the list of types that metadata refers to by number.

Metadata builders call `id_of` for each codec; the types that it contains are added as well. Two
codecs with the same description are one type. A type may contain itself: it receives its number as
soon as it recurs inside itself.
"""

from __future__ import annotations

from btt_chain.scale.base import AnyCodec, RecursiveCodec
from btt_chain.scale.derive import codec
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
    SequenceDef,
    TupleDef,
    TypeDef,
    TypeParameter,
    VariantDef,
)
from btt_chain.scale.shape import (
    ArrayOf,
    Bits,
    CompactOf,
    Composite,
    Definition,
    Field,
    Primitive,
    Sequence,
    TupleOf,
    VariantOf,
    VariantShape,
)
from btt_chain.scale.uint import u8, u32

_PORTABLE = codec(PortableType)
_RESERVED = PortableType([], [], TupleDef([]))


class TypeRegistry:
    """The types of one runtime, each once, in the order of their completion."""

    def __init__(self) -> None:
        self.types: list[PortableType] = []
        self._ids: dict[AnyCodec, u32] = {}
        self._by_form: dict[bytes, u32] = {}
        self._open: dict[AnyCodec, u32 | None] = {}

    def id_of(self, codec: AnyCodec) -> u32:
        """Return the number of the type that `codec` describes; adds it if it is new."""
        while isinstance(codec, RecursiveCodec):
            codec = codec.target
        if codec in self._ids:
            return self._ids[codec]
        if codec in self._open:
            return self._reserve(codec)
        self._open[codec] = None
        portable = self._portable(codec)
        reserved = self._open.pop(codec)
        form = _PORTABLE.encode(portable)
        if reserved is not None:
            self.types[reserved] = portable
            number = reserved
        elif form in self._by_form:
            number = self._by_form[form]
        else:
            number = u32(len(self.types))
            self.types.append(portable)
        self._by_form[form] = number
        self._ids[codec] = number
        return number

    def _reserve(self, codec: AnyCodec) -> u32:
        """Return a new number for a type that recurs inside its own description."""
        number = self._open[codec]
        if number is None:
            number = self._open[codec] = u32(len(self.types))
            self.types.append(_RESERVED)
        return number

    def _portable(self, codec: AnyCodec) -> PortableType:
        shape = codec.shape
        params = [
            TypeParameter(name, None if param is None else self.id_of(param))
            for name, param in shape.params
        ]
        definition = self._definition(shape.node)
        path = shape.path.split("::") if shape.path else []
        return PortableType(path, params, definition, list(shape.docs))

    def _definition(self, node: Definition) -> TypeDef:
        match node:
            case Primitive(name):
                return PrimitiveDef(PrimitiveKind[name])
            case CompactOf(inner):
                return CompactDef(self.id_of(inner))
            case Sequence(item):
                return SequenceDef(self.id_of(item))
            case ArrayOf(size, item):
                return ArrayDef(u32(size), self.id_of(item))
            case TupleOf(parts):
                return TupleDef([self.id_of(part) for part in parts])
            case Composite(fields):
                return CompositeDef([self._field(field) for field in fields])
            case VariantOf(variants):
                return VariantDef([self._variant(variant) for variant in variants])
            case Bits(store, order):
                return BitSequenceDef(self.id_of(store), self.id_of(order))

    def _field(self, field: Field) -> PortableField:
        return PortableField(field.name, self.id_of(field.codec), field.type_name, list(field.docs))

    def _variant(self, variant: VariantShape) -> PortableVariant:
        fields = [self._field(field) for field in variant.fields]
        return PortableVariant(variant.name, fields, u8(variant.index), list(variant.docs))
