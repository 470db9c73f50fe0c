from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any

from btt_chain.scale import (
    Array,
    BitSequence,
    Bounded,
    Compact,
    Fixed,
    FixedBytes,
    Opaque,
    Path,
    RecursiveCodec,
    Variant,
    codec,
    path,
    u8,
    u16,
    u32,
    u64,
    u128,
)
from btt_chain.scale.metadata import (
    ArrayDef,
    BitSequenceDef,
    CompactDef,
    CompositeDef,
    PortableType,
    PrimitiveDef,
    PrimitiveKind,
    SequenceDef,
    TupleDef,
    TypeParameter,
    VariantDef,
)
from btt_chain.scale.registry import TypeRegistry


class Key(FixedBytes, size=32, path="tests::Key"):
    """A key."""

    __slots__ = ()


CALL: RecursiveCodec[Any] = RecursiveCodec("Call")


class Batch(Variant, index=1):
    """Several."""

    calls: list[Annotated[object, CALL]]
    """One after the other."""


class Pay(Variant, index=0):
    to: Key
    value: Compact[u128]


CALL_CODEC = codec(Annotated[Batch | Pay, Path("tests_runtime::RuntimeCall")])
CALL.bind(CALL_CODEC)


@path("tests::Data", params={"Balance": u128, "Nothing": None})
@dataclass
class Data:
    """Kept."""

    free: u128
    key: Key


def described(kind: object) -> tuple[TypeRegistry, PortableType]:
    registry = TypeRegistry()
    number = registry.id_of(codec(kind))  # type: ignore[arg-type]
    return registry, registry.types[number]


def test_a_type_is_registered_once_however_it_is_written() -> None:
    registry = TypeRegistry()
    assert registry.id_of(codec(bytes)) == registry.id_of(codec(list[u8]))
    assert registry.id_of(codec(Annotated[bytes, Fixed(4)])) == registry.id_of(
        codec(Annotated[list[u8], Array(4)])
    )
    count = len(registry.types)
    assert registry.id_of(codec(tuple[bytes, list[u8]])) == count
    assert len(registry.types) == count + 1


def test_parts_stand_before_the_whole() -> None:
    registry, data = described(Data)
    assert data.path == ["tests", "Data"]
    assert data.params == [TypeParameter("Balance", u32(0)), TypeParameter("Nothing", None)]
    assert data.docs == ["Kept."]
    assert isinstance(data.definition, CompositeDef)
    free, key = data.definition.fields
    assert registry.types[free.type].definition == PrimitiveDef(PrimitiveKind.u128)
    assert registry.types[key.type].path == ["tests", "Key"]


def test_a_type_that_contains_itself_has_one_number() -> None:
    for start in (CALL, CALL_CODEC):
        registry = TypeRegistry()
        number = registry.id_of(start)
        assert registry.id_of(CALL) == registry.id_of(CALL_CODEC) == number
        call = registry.types[number]
        assert call.path == ["tests_runtime", "RuntimeCall"]
        assert isinstance(call.definition, VariantDef)
        pay, batch = call.definition.variants
        assert (pay.name, batch.name, batch.index) == ("Pay", "Batch", 1)
        assert batch.docs == ["Several."]
        assert batch.fields[0].docs == ["One after the other."]
        assert registry.types[batch.fields[0].type].definition == SequenceDef(number)
        assert len({repr(kind) for kind in registry.types}) == len(registry.types)


def test_standard_types_have_the_names_that_clients_know() -> None:
    _, option = described(u8 | None)
    assert option.path == ["Option"]
    assert isinstance(option.definition, VariantDef)
    assert [(v.name, v.index) for v in option.definition.variants] == [("None", 0), ("Some", 1)]
    _, mapping = described(dict[u8, u16])
    assert (mapping.path, [p.name for p in mapping.params]) == (["BTreeMap"], ["K", "V"])
    _, bounded = described(Bounded[list[u16], 4])
    assert bounded.path == ["bounded_collections", "bounded_vec", "BoundedVec"]
    assert [p.name for p in bounded.params] == ["T", "S"]
    assert bounded.params[1].type is None
    _, table = described(Bounded[dict[u8, u16], 4])
    assert table.path[-1] == "BoundedBTreeMap"
    _, wrapper = described(Annotated[u64, Opaque])
    assert wrapper.path[-1] == "WrapperOpaque"


def test_every_kind_of_definition() -> None:
    for kind, definition in (
        (u64, PrimitiveDef),
        (str, PrimitiveDef),
        (Compact[u64], CompactDef),
        (list[u64], SequenceDef),
        (Annotated[list[u64], Array(3)], ArrayDef),
        (tuple[u64, bool], TupleDef),
        (tuple[()], TupleDef),
        (BitSequence, BitSequenceDef),
        (Key, CompositeDef),
        (u8 | None, VariantDef),
    ):
        assert isinstance(described(kind)[1].definition, definition)
